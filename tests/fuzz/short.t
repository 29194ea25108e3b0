#!/usr/bin/perl
# A taste of each fuzz target, the same one every time; "make fuzz" eats more.
use strict;
use warnings;
use Test::More;
use File::Temp 'tempdir';

my $build = $ENV{NIGHTDESK_BUILD} || 'build';
my %does = (
	form => 'form decoding takes anything and keeps its word',
	ical => 'a calendar file gives dates that exist, or a fault and its line',
	mail => 'mail made of anything has the headers and the text it should',
	markup => 'Markdown of any kind becomes safe HTML within its bounds',
);

for my $name (sort keys %does) {
	my $found = tempdir(CLEANUP => 1);
	my @words = `$build/tests/fuzz/$name -runs=30000 -seed=1 \\
		-timeout=10 -max_len=4096 -artifact_prefix=$found/ \\
		$found tests/fuzz/corpus/$name 2>&1`;
	is($?, 0, $does{$name}) or diag(@words[-30 .. -1]);
}
done_testing;
