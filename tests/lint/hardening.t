#!/usr/bin/perl
# What the compiler and linker were told to do against attacks arrived in
# every program; and a program that was made without any of it is found out.
use strict;
use warnings;
use File::Temp 'tempdir';
use Test::More;

my $build = $ENV{NIGHTDESK_BUILD} || 'build';
my @programs = grep { -f && -x } glob("$build/*");
my @objects = (glob("$build/lib/*.o"), glob("$build/cgi-bin/*.o"));

sub said {
	my (@command) = @_;
	open my $out, '-|', @command or die "$command[0]: $!";
	local $/;
	return scalar <$out>;
}

# The address sanitizer has its own ways, and no others beside them.
my $sanitizer = said('readelf', '-dW', $programs[0]) =~ /libasan/;

# Each property, and what readelf or nm says of a program that has it.
my @properties = (
	['is loaded at an address of chance', sub { /^\s*Type:\s+DYN/m && /\bFlags:.*\bPIE\b/ }],
	['has tables that are read-only once it runs', sub { /GNU_RELRO/ }],
	['has these tables complete before it does', sub { /BIND_NOW|\bFlags:.*\bNOW\b/ }],
	['has a stack that cannot be run', sub { /GNU_STACK.*\bRW\s/ }],
	['has no memory to write to and run', sub { !/^\s*LOAD.*\bRWE\b/m && !/TEXTREL/ }],
	['takes libraries from the system\'s places alone', sub { !/\bR(?:UN)?PATH\b/ }],
	['looks after its stack', sub { /\b__stack_chk_fail\b/ }, 1],
	['minds the size of what it copies to', sub { /\b__(?:v?s|v?f)?n?printf_chk\b|\b__(?:mem|str)\w+_chk\b/ }, 1],
);

sub lacks {
	my ($program) = @_;
	my $elf = said('readelf', '-hldW', $program) . said('nm', '-D', $program);
	return map { $_->[0] } grep {
		my ($name, $has, $not_sanitized) = @$_;
		local $_ = $elf;
		!($sanitizer && $not_sanitized) && !$has->();
	} @properties;
}

# What an object is compiled for is lost in a program whose C library is not.
sub unguarded {
	return grep { said('readelf', '-nW', $_) !~ /\bIBT, SHSTK\b/ } @_;
}

cmp_ok(scalar @programs, '>', 10, 'the programs are there');
for my $program (@programs) {
	my ($name) = $program =~ m{([^/]+)$};
	is_deeply([lacks($program)], [], "$name has all that makes attacks hard");
}

# Of the objects, where an indirect jump can land is told for x86-64 alone.
if (`uname -m` =~ /x86_64/ && !$sanitizer) {
	is_deeply([unguarded(@objects)], [], 'every jump through a pointer lands where one may');
}

# And without.
my $dir = tempdir(CLEANUP => 1);
open my $source, '>', "$dir/soft.c" or die $!;
print $source <<'END';
#include <stdio.h>
__asm__(".section .both,\"awx\"\n.long 0\n.text\n");
int main(int count, char **words)
{
	char line[40];

	snprintf(line, sizeof(line), "%s", words[count - 1]);
	return puts(line);
}
END
close $source;
my $cc = $ENV{CC} || 'cc';
is(system("$cc -O1 -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE -c -o $dir/soft.o $dir/soft.c"), 0, 'a file');
is(system("$cc -no-pie -Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/tmp -o $dir/soft $dir/soft.o 2>$dir/said"), 0, '... and a program of it without any such option');
is_deeply([lacks("$dir/soft")], [map { $_->[0] } grep { !($sanitizer && $_->[2]) } @properties], '... which has none of these');
is_deeply([unguarded("$dir/soft.o")], ["$dir/soft.o"], '... nor a guard of its jumps');
done_testing;
