#!/usr/bin/perl
# tests/security/ASVS keeps its word: no requirement is missing, each has an
# answer, and every "yes" names what proves it, which is there.
use strict;
use warnings;
use Test::More;

# The applicable requirements of levels 1 and 2.
my @ids = map { my ($chapter, @rest) = split ' '; map { "$chapter.$_" } @rest } split /\n/, <<'END';
1.1 1 2
1.2 1 2 3 4 5 9
1.3 1 4 5 6 7 10 11
1.4 1 2 3
1.5 2
2.1 1 2 3
2.2 1 2 3
2.3 1 2 3 4
2.4 1
3.2 1 2
3.3 1 2 3 4
3.4 1 2 3 4 5 6
3.5 1 2 3 4
3.7 1 2
4.1 1 3
4.2 1
5.1 1
5.2 1 2 3
5.3 1 2
5.4 1 2 3
6.1 1 3
6.2 1 2 3 4 5 6 7 8 9 10 11 12
6.3 1 2 3 4
6.4 1 2 3 4
6.5 1 2 3 4 5
6.6 2 3
7.1 1 2
7.2 1 2 3 4
7.3 1 2
7.4 1 2 3 4 5
7.5 1 2
8.1 1 2
8.2 1 2 3
8.3 1
9.1 1 2 3
9.2 1 2
11.1 1 2
11.2 1 2 3
11 3 4 5 6
12.1 1 2
12.2 1 2
12.3 1 2 3 4
13.1 1
13.2 1 2 3 4 5
13.3 1 2
13.4 1 2 3 4 5
14.1 1 2
14.2 1 2 3 4
14.3 1 2 3
15.1 1 2 3
15.2 1 2 3
15.3 1 2 3 4 5 6 7
16.1 1
16.2 1 2 3 4 5
16.3 1 2 3 4
16.4 1 2 3
16.5 1 2 3
END

# What is wrong with a table.
sub faults {
	my ($text) = @_;
	my (%seen, @faults);
	for my $line (grep { /^\d/ } split /\n/, $text) {
		my ($id, $answer, $why) = $line =~ /^(\d+(?:\.\d+)+)\s+[12](?:-2)?\s+\S.*?\s+(yes|part|no)\s{2,}(\S.*)$/;
		if (!$id) {
			push @faults, "not a line: $line";
			next;
		}
		push @faults, "$id twice" if $seen{$id}++;
		my @tests = $why =~ m{(tests/[\w./-]*\w)}g;
		push @faults, map { "$id: there is no $_" } grep { !-e } @tests;
		push @faults, "$id: yes, but who proves it?" if $answer eq 'yes' && !@tests && $why !~ /Makefile/;
		push @faults, "$id: no, but why?" if $answer ne 'yes' && length $why < 6;
	}
	push @faults, map { "$_ is missing" } grep { !delete $seen{$_} } @ids;
	push @faults, map { "$_ is none of them" } sort keys %seen;
	return @faults;
}

open my $file, '<', 'tests/security/ASVS' or die "ASVS: $!";
my $table = do { local $/; <$file> };
is_deeply([ faults($table) ], [], 'every requirement has an answer, and every yes a test that is there');
my $count = () = $table =~ /^\d/mg;
my %answers;
$answers{$_}++ for $table =~ /^\d.*?\s(yes|part|no)\s{2}/mg;
note(join ', ', "$count requirements", map { "$_: $answers{$_}" } sort keys %answers);

for my $planted (['a line that is missing', sub { s/^7\.4\.1 .*\n//mr }], ['a test that is not there', sub { s{tests/unit/token\.c}{tests/unit/tokens.c}r }],
	['a yes without a test', sub { s/^(7\.4\.1 .*?yes   ).*/$1as one would hope/mr }], ['a line twice', sub { s/^(7\.4\.1 .*\n)/$1$1/mr }],
	['a word that is no answer', sub { s/^(7\.4\.1 .*?)yes /$1maybe /mr }], ['one that does not exist', sub { s/^7\.4\.1 /7.9.1 /mr }]) {
	my ($what, $do) = @$planted;
	local $_ = $table;
	isnt(scalar faults($do->()), 0, "$what would be noticed");
}
done_testing;
