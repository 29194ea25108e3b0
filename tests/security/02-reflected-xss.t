# Class 2: reflected XSS through addresses.  Every parameter of every route gets
# hostile strings, alone, twice and as a list, and so does every part of a path;
# a browser's HTML parser must find nothing of them in the answers.  The fence:
# the escaping of templates, and parameters that are typed before they are used.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

my $world = World->make(feed => 1);
my @hostile = ('"><script>ran(1)</script>', "'><img src=x onerror=ran(2)>", '" autofocus onfocus="ran(3)" x="', 'javascript:ran(4)', '</textarea></title><svg onload=ran(5)>',
	'<p id=grown>', '{{BODY_HTML:none}}<b id=grown>', "\x{2028}\"><iframe srcdoc=\"<script>ran(6)</script>\">");

# The parameters that a program reads, from its tables of fields.
sub parameters_of {
	my ($program) = @_;
	my %name;
	my $text = slurp("cgi-bin/$program.c");
	$name{$1} = 1 while $text =~ /\{\s*"(\w+)",\s*FORM_\w+/g;
	return sort keys %name;
}

sub pages {
	my (%page, %looked);
	for my $route (grep { $_->{method} eq 'GET' } routes()) {
		my @names = (parameters_of($route->{program}), 'next', 'page', 'callback', '<script>ran(7)</script>');
		my ($target) = $world->targets($route);
		for my $viewer ('anonymous', $route->{path} =~ /^.(staff|login)/ ? 'staff' : $route->{path} =~ /^.my/ ? 'A' : ()) {
			my $cookie = $world->jar($viewer, $target->[2]);
			for my $i (0 .. 3) {
				my $n = $i;
				# each its own; one for all, twice; as lists
				my @pairs = map { Desk::escape($_) . ($i == 3 ? '[]' : '') . '=' . Desk::escape($hostile[$n++ % @hostile]) } @names;
				push @pairs, $pairs[0] if $i == 2;
				my $answer = ask('GET', "$target->[1]?" . join('&', @pairs), cookie => $cookie);
				$looked{$answer->{status}}++;
				$page{"$viewer $route->{path} $i"} = $answer->{body} if ($answer->{headers}{'content-type'} // '') =~ /html/;
			}
			next unless $route->{path} =~ /:/;
			my $path = $route->{path};
			my $m = 0;
			$path =~ s{:\w+}{Desk::escape($hostile[$m++ % @hostile]) =~ s/%2F/_/gr}ge;
			$page{"$viewer $path"} = ask('GET', $path, cookie => $cookie)->{body};
		}
	}
	my %seen;
	return (\%looked, map { $_ => $page{$_} } grep { !$seen{ $page{$_} }++ } grep { $page{$_} =~ /ran\(|grown|BODY_HTML/ || !/ [123]$/ } sort keys %page);
}

my ($looked, %page) = pages();
cmp_ok(scalar keys %page, '>', 40, 'hostile parameters and paths gave ' . keys(%page) . ' different pages');
cmp_ok(scalar(grep { /ran\(/ } values %page), '>', 3, '... some of which say what was asked for');
is(join(' ', grep { $_ >= 500 } sort keys %$looked), '', 'no parameter is an error of ours: ' . join ', ', map { "$looked->{$_} x $_" } sort keys %$looked);
my @faults = dom_faults(%page);
is(scalar @faults, 0, 'nothing of it became an element, an attribute or an address') or diag(join "\n", map { substr $_, 0, 200 } @faults[0 .. ($#faults > 14 ? 14 : $#faults)]);
my ($wrong) = grep { ask('GET', "/tickets?$_")->{headers}{location} } map { "$_=" . Desk::escape($hostile[0]) } parameters_of('list');
is($wrong, undef, 'no parameter leads elsewhere');

bites('a search shows what was searched for as text', sub { return dom_faults(map { ("words $_" => ask('GET', '/tickets?q=' . Desk::escape($hostile[$_]))->{body}) } 0 .. $#hostile) },
	'the escaping of the words in templates/list.html' => sub { without_template('list', 'list.html', qr/\{\{F_Q:p\}\}/, '{{F_Q:none}}') });

done_testing;
