#!/usr/bin/perl
# Habits that a compiler does not keep for us, each with the sources that
# break it; and for each habit a line that would.
use strict;
use warnings;
use Test::More;

my @c = (glob('cgi-bin/*.c'), glob('lib/*.c'), glob('lib/*.h'));

sub slurp {
	my ($file) = @_;
	open my $fh, '<', $file or die "$file: $!";
	local $/;
	return <$fh>;
}

# Comments may say what code may not.
sub without_comments {
	my ($text) = @_;
	$text =~ s{(/\*.*?\*/)}{ (my $blank = $1) =~ s/[^\n]//g; $blank }gse;
	return $text;
}

# "file:line" of every match of a pattern in what a file holds.
sub found {
	my ($pattern, $name, $text) = @_;
	my @lines;
	while ($text =~ /$pattern/g) {
		my $before = substr($text, 0, $-[0]);
		push @lines, "$name:" . (1 + ($before =~ tr/\n//));
	}
	return @lines;
}

my @habits = (
	{
		is => 'no SQL is sent with a value glued into it',
		not => qr/\bPQ(?:exec|sendQuery|escape\w*|unescape\w*|fn)\s*\(/,
		like => 'PQexec(pg, "x");',
	},
	{
		is => 'libpq is known to lib/db.c and the commands alone',
		not => qr/\bPQ\w+\s*\(|libpq-fe\.h/,
		except => qr{^(?:lib/(?:db|command)|cgi-bin/(?:calendar|privacy|publish|slacheck))\.[ch]$},
		like => 'PQfinish(pg);',
	},
	{
		is => 'the SQL of a query is one constant text',
		not => qr/\.sql\s*=\s*+(?!(?:(?:"(?:[^"\\]|\\.)*"|[A-Z_]+)\s*)+,)/,
		like => '.sql = arena_printf(a, "x"),',
	},
	{
		is => 'a query is constant',
		not => qr/^(?!static const )[^\n(]*\bstruct query \w+ = /m,
		like => 'static struct query q = { 0 };',
	},
	{
		is => 'there is no HTML in C',
		not => qr/"(?:[^"\\\n]|\\.)*<\/?[a-z][a-z0-9]*(?:[ >\/]|\\")/i,
		except => qr{^lib/markup\.c$},
		like => 'puts("<b>x</b>");',
	},
	{
		is => 'no copy without a bound',
		not => qr/\b(?:strcpy|strcat|sprintf|vsprintf|gets|scanf|sscanf|strncpy|strncat|alloca)\s*\(/,
		like => 'strcpy(a, b);',
	},
	{
		is => 'no shell, no other program',
		not => qr/\b(?:system|popen|exec[lv]p?e?|fork|vfork|posix_spawn\w*|dlopen)\s*\(/,
		like => 'system("x");',
	},
	{
		is => 'no weak random number',
		not => qr/\b(?:rand|random|srand|srandom|drand48|rand_r)\s*\(/,
		like => 'n = rand();',
	},
	{
		is => 'the environment is read at start, and not by web programs',
		not => qr/\b(?:getenv|secure_getenv|environ)\b/,
		except => qr{^lib/(?:conf|db|command|operator|outgoing)\.c$},
		like => 'getenv("HOME");',
	},
	{
		is => 'memory belongs to the request',
		not => qr/\b(?:malloc|realloc|strdup|strndup|free)\s*\(/,
		except => qr{^lib/(?:arena|db)\.c$},
		like => 'p = malloc(1);',
	},
	{
		is => 'nothing promises to be done later',
		not => qr/\b(?:TODO|FIXME|XXX|HACK)\b/,
		comments => 1,
		like => '/* TODO */',
	},
);

for my $habit (@habits) {
	my @broken;
	for my $file (@c) {
		next if $habit->{except} && $file =~ $habit->{except};
		my $text = slurp($file);
		$text = without_comments($text) unless $habit->{comments};
		push @broken, found($habit->{not}, $file, $text);
	}
	is_deeply(\@broken, [], $habit->{is});
	isnt(scalar found($habit->{not}, 'planted', $habit->{like}), 0, '... and a line that breaks it is found');
}

# A definer's function without its own search_path runs what a caller plants.
sub without_path {
	my ($name, $text) = @_;
	my @bad;
	$text =~ s/--[^\n]*//g;
	while ($text =~ /CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+(\S+?)\s*\((.*?)(?:\bAS\b|\bRETURN\b|\bBEGIN\b)/gsi) {
		my ($function, $head) = ($1, $2);
		push @bad, "$name: $function" if $head =~ /SECURITY\s+DEFINER/i && $head !~ /SET\s+search_path\s*(?:=|TO)\s*pg_catalog\s*,\s*pg_temp/i;
	}
	return @bad;
}
my @sql = (glob('sql/*.sql'), glob('sql/*/*.sql'));
is_deeply([map { without_path($_, slurp($_)) } @sql], [], 'every function with definer\'s rights sets its search_path');
is(scalar(without_path('planted', 'CREATE FUNCTION api.x(a int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$')), 1, '... and one that does not is found');

# Assets: what our policy would refuse, or would send a visitor elsewhere.
my @assets = (glob('htdocs/*.css'), glob('htdocs/*.js'), glob('htdocs/*.svg'));
my $elsewhere = qr{(?:\x40import|url\(\s*["']?(?!data:)|https?://(?!www\.w3\.org/))};
is_deeply([map { found($elsewhere, $_, slurp($_)) } @assets], [], 'no asset asks another server for anything');
my $sink = qr{\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function)\b\s*[=(.]|setTimeout\(\s*["']};
is_deeply([map { found($sink, $_, slurp($_)) } grep { /js$/ } @assets], [], 'no script makes HTML or code of text');
done_testing;
