#!/usr/bin/perl
# What the compiler and linker were told arrived in the programs.
use strict;
use warnings;
use Test::More;

my $build = $ENV{NIGHTDESK_BUILD} || 'build';
my @programs = map { "$build/$_" } qw(submit list ticket login staff slacheck calendar notify page);

sub elf {
	my ($program) = @_;
	return scalar `readelf -hldW $program 2>&1`;
}

for my $program (@programs) {
	my ($name) = $program =~ m{([^/]+)$};
	my $elf = elf($program);
	like($elf, qr/Type:\s+DYN/, "$name is loaded at an address of chance");
	like($elf, qr/GNU_RELRO/, "... its tables are read-only");
	like($elf, qr/BIND_NOW|Flags:.*NOW/, '... and complete before it starts');
	unlike($elf, qr/GNU_STACK.*RWE/, '... its stack cannot be run');
	unlike($elf, qr/R(?:UN)?PATH/, '... and its libraries are the system\'s');
}

my $needed = join ' ', elf("$build/slacheck") =~ /NEEDED.*\[([^\]]+)\]/g;
unlike($needed, qr/fcgi|ctemplate|md4c/, 'the cron command loads no library of the web programs');

for my $program (@programs) {
	next if $program =~ m{/notify$};
	unlike(elf($program), qr/NEEDED.*libcurl/, "$program has no means to reach the network, notify alone does");
}
done_testing;
