#!/usr/bin/perl
# Which libraries each program loads.  How it was made: hardening.t.
use strict;
use warnings;
use Test::More;

my $build = $ENV{NIGHTDESK_BUILD} || 'build';
my @programs = grep { -f && -x } glob("$build/*");

sub elf {
	my ($program) = @_;
	return scalar `readelf -dW $program 2>&1`;
}

my $needed = join ' ', elf("$build/slacheck") =~ /NEEDED.*\[([^\]]+)\]/g;
unlike($needed, qr/fcgi|ctemplate|md4c/, 'the cron command loads no library of the web programs');

for my $program (@programs) {
	next if $program =~ m{/notify$};
	unlike(elf($program), qr/NEEDED.*libcurl/, "$program has no means to reach the network, notify alone does");
}
done_testing;
