#!/usr/bin/perl
# A taste of each fuzz target, the same one every time; "make fuzz" eats more.
use strict;
use warnings;
use Test::More;
use File::Temp 'tempdir';

my $build = $ENV{NIGHTDESK_BUILD} || 'build';
my %does = (
	csv => 'cells of any text go to CSV and come back, none of them a formula',
	fastcgi => 'a worker outlives anything that stands on its socket',
	form => 'form decoding takes anything and keeps its word',
	ical => 'a calendar file gives dates that exist, or a fault and its line',
	mail => 'mail made of anything has the headers and the text it should',
	multipart => 'a body with files is taken apart as it is, or not at all, and their names are safe',
	markup => 'Markdown of any kind becomes safe HTML within its bounds',
	openpgp => 'an OpenPGP message that is taken is packets and no more',
	passkey => 'nothing made up is a proof, and what is made has a name and a key',
	request => 'path, query and cookies of any kind keep what is promised of them',
	token => 'what decodes has one spelling, and no form token can be made up',
);
# Two conversations each.
my %runs = (fastcgi => 3000);

for my $name (sort keys %does) {
	my $found = tempdir(CLEANUP => 1);
	my @words = `$build/tests/fuzz/$name -runs=@{[ $runs{$name} // 30000 ]} -seed=1 \\
		-timeout=10 -max_len=4096 -artifact_prefix=$found/ \\
		$found tests/fuzz/corpus/$name 2>&1`;
	is($?, 0, $does{$name}) or diag(@words[-30 .. -1]);
}
done_testing;
