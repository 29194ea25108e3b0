# Class 25, little input that costs much: nested, repeated, never closed.  Fences:
# a parser of linear time, bounds for nesting and output, nothing from the text
# but the elements, attributes and schemes of lib/markup.h.  The time is counted
# in instructions, by callgrind: a clock would say another thing each day.
use strict;
use warnings;
use utf8;
use File::Temp 'tempdir';
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

# What is repeated; or its end, what is repeated, and what comes before it.
my @patterns = map { ref ? $_ : [ $_ ] } (
	'[', ']', '[a](', '![[]()', '[[]()', '![', '[a', '[](<', '[a](b "', '[^', '`', '`` ', '*', '**a', '_a', '*a_ ', 'a**b', '~~', '~a~', '<', '<a', '<!--', '<?', '<![CDATA[',
	'</a', '<a b="', '&', '&#', '&#x1;', '&amp', '&nbsp;', '>', '> ', '>>a ', "> a\n", "- ", "* a\n", "1. ", "1) a\n", "  - a\n", "#", "# a\n", "a\n=\n", "a\n-\n", "---\n", "```\n", "~~~\n", "    a\n",
	'|', "|a", [ '', "|x\n", "|a|b|\n|-|-|\n" ], [ '', '|a', "\n" ], "|-", 'a@b.', 'https://a', 'www.', ')))', '(', 'mailto:', '\\', "\\\n", "  \n", "\t",
	[ '', '[a]', "[a]: https://desk.example/" . 'x' x 500 . "\n\n" ], [ '', "[a]: x\n", '' ], [ '', "e\x{301}", '' ]);
@patterns = @patterns[ 0 .. 64 ];
is(scalar @patterns, 65, 'there are 65 patterns');

my $place = tempdir(CLEANUP => 1);
my $unit = 1024;
sub text { my ($pattern, $size) = @_; my ($one, $what, $before) = @$pattern == 1 ? ('', $pattern->[0], '') : @$pattern; return $before . substr($what x (1 + $size / length $what), 0, $size) }

my @files;
for my $i (0 .. $#patterns) {
	for my $times (1, 2, 4, 8) {
		my $file = sprintf '%s/%02d-%d', $place, $i, $times;
		Worker::spill($file, text($patterns[$i], $times * $unit));
		push @files, $file;
	}
}

# The HTML of each beside it, by a renderer that may have been changed.
sub render {
	my ($files, @change) = @_;
	my $source = 'lib/markup.c';
	if (@change) {
		Worker::spill("$place/markup.c", Worker::change($source, slurp($source), @change));
		$source = "$place/markup.c";
	}
	my $said = `cc -O2 -g -D_POSIX_C_SOURCE=200809L -Ilib -o $place/cost tests/security/markup-cost.c $source lib/arena.c lib/log.c -lmd4c 2>&1`;
	die $said if $?;
	system("$place/cost", @$files) == 0 or die 'it ended otherwise';
}

# The instructions of each.
sub cost {
	my ($files) = @_;
	my $said = `valgrind --tool=callgrind --callgrind-out-file=$place/out --dump-line=no -q $place/cost @$files 2>&1`;
	die "callgrind: $said" if $?;
	my %count;
	for my $dump (glob "$place/out.*") {
		my $text = slurp($dump);
		my ($file) = $text =~ /^desc: Trigger: Client Request: (\S+)$/m;
		my ($total) = $text =~ /^totals: (\d+)$/m;
		$count{$file} = $total if $file && $total;
	}
	return \%count;
}

render(\@files);
my $count = cost(\@files);
is(scalar keys %$count, scalar @files, 'each was counted');
my (@steep, @large);
my $worst = [ 0, '' ];
for my $i (0 .. $#patterns) {
	my @costs = map { $count->{ sprintf '%s/%02d-%d', $place, $i, $_ } // 0 } 1, 2, 4, 8;
	my $name = substr(join('', @{ $patterns[$i] }), 0, 12) =~ s/[^ -~]/./gr;
	for my $step (1 .. 3) {
		my $ratio = $costs[ $step - 1 ] ? $costs[$step] / $costs[ $step - 1 ] : 99;
		$worst = [ $ratio, $name ] if $ratio > $worst->[0];
		push @steep, sprintf '"%s": %.2f times as much for twice the text', $name, $ratio if $ratio >= 2.5;
	}
	for my $times (1, 2, 4, 8) {
		my $file = sprintf '%s/%02d-%d', $place, $i, $times;
		push @large, "\"$name\" of " . (-s $file) . " gives " . (-s "$file.html") if (-s "$file.html") > 6 * (-s $file) + 65536;
	}
}
is_deeply(\@steep, [], sprintf 'twice the text is less than 2.5 times the work, at worst %.2f times', $worst->[0]);
is_deeply(\@large, [], 'and the output has its bound');

# What a browser makes of it.
my %allowed = (p => '', br => '', hr => '', em => '', strong => '', del => '', code => '', pre => '', blockquote => '', ul => '', ol => 'start', li => '', h3 => '', h4 => '', h5 => '', h6 => '',
	table => '', thead => '', tbody => '', tr => '', th => 'class', td => 'class', a => 'href rel', html => '', head => '', body => '');
sub outside {
	my (@pages) = @_;
	my @faults;
	my $i = 0;
	for my $elements (dom(@pages)) {
		for (@$elements) {
			my ($tag, $attributes) = @$_;
			$tag = lc $tag;
			push(@faults, "an element $tag"), next if !exists $allowed{$tag};
			for my $name (sort keys %{ $attributes // {} }) {
				push @faults, "$tag with $name" if " $allowed{$tag} " !~ / \Q$name\E /;
				push @faults, "an address $attributes->{$name}" if $name eq 'href' && $attributes->{$name} !~ m{^(?:https?://|mailto:|/(?!/))};
			}
		}
	}
	return @faults;
}
my @html = map { slurp("$_.html") } grep { /-2$/ } @files;
my @evil = map { my $to = $_; ("[a]($to)", "<$to>", "![a]($to)", "[a]\n\n[a]: $to") } 'javascript:alert(1)', 'JaVaScRiPt:alert(1)', "java\tscript:alert(1)", 'data:text/html,x', 'vbscript:x',
	'&#106;avascript:alert(1)', 'javascript&colon;alert(1)', 'javascript\\:alert(1)', '//evil.example', '/\\evil.example', 'feed:javascript:alert(1)', 'blob:x', 'view-source:x', 'file:///etc/passwd', 'data:image/png;base64,x';
push @evil, '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg onload=alert(1)>', '<a href="javascript:x">y</a>', "<div\nonclick=x>", '"><b onclick=x>', '[a](https://x "t" onclick=x)', '[a](https://x" onclick="y)', '`<b>`', "```<script>\n<b onclick=x>\n```", '|a|
|-|
|<img src=x onerror=y>|', '<!-- --><b>', '<style>*{}</style>', '&lt;b&gt;';
for my $i (0 .. $#evil) { Worker::spill("$place/evil-$i", $evil[$i]) }
my @evil_files = map { "$place/evil-$_" } 0 .. $#evil;
render(\@evil_files);
is_deeply([ outside(@html, map { slurp("$_.html") } @evil_files) ], [], 'a browser finds none but the elements, attributes and schemes of lib/markup.h');

# Without its fences.
my $reference = "$place/reference";
Worker::spill($reference, "[a]: https://desk.example/" . 'x' x 4000 . "\n\n" . '[a]' x 2000);
sub bound { my (@change) = @_; render([$reference], @change); return (-s "$reference.html") > 6 * (-s $reference) + 65536 ? (-s "$reference.html") . ' bytes of ' . (-s $reference) : () }
is_deeply([ bound() ], [], 'a long address that is used often has its bound');
isnt(scalar bound('o->size >= o->max || ', ''), 0, '... and without it has none') if slurp('lib/markup.c') =~ /o->size >= o->max/;
{
	my $raw = "$place/raw";
	Worker::spill($raw, "<b onclick=x>\n\n[a](javascript:alert(1))");
	render([$raw], "is_allowed(const char *url)\n{", "is_allowed(const char *url)\n{\n\tif (url != NULL)\n\t\treturn true;");
	my @found = outside(slurp("$raw.html"));
	isnt(scalar @found, 0, 'without the list of schemes one of theirs would be found') or diag(slurp("$raw.html"));
}
done_testing;
