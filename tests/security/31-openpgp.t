# Class 31, pitfalls of OpenPGP.  Fences: the server only looks at packets and
# never decrypts; it takes exactly one shape, encrypted to published keys with
# integrity protection (no SED, no password, no text); the browser's library is
# one with CVE-2025-47934 mended.
use strict;
use warnings;
use utf8;
use File::Temp 'tempdir';
use Test::More;
use lib 'tests/lib';
use Security;
use Worker;

# The checker alone, with a main of its own; as it is, or changed.
my $place = tempdir(CLEANUP => 1);
mkdir "$place/corpus";
system('tests/lib/openpgp-corpus', "$place/corpus") == 0 or BAIL_OUT('gpg made no corpus');
my @keys = grep { length } split /\n/, slurp("$place/corpus/key-ids");
Worker::spill("$place/main.c", <<'END');
#include <stdio.h>
#include <stdlib.h>
#include "arena.h"
#include "openpgp.h"
int main(int argc, char **argv)
{
	static char text[4 * 1024 * 1024];
	uint64_t keys[8];
	size_t count = 0, size, length;
	const unsigned char *packets;
	struct arena *a = arena_new(65536);
	FILE *f = fopen(argv[1], "r");
	for (int i = 2; i < argc; i++)
		keys[count++] = strtoull(argv[i], NULL, 16);
	size = fread(text, 1, sizeof(text), f);
	printf("%d\n", (int)openpgp_check(a, text, size, keys, count, &packets, &length));
	return 0;
}
END
my $made = 0;
sub checker {
	my (@change) = @_;
	my ($source, $to) = ('lib/openpgp.c', "$place/check" . ++$made);
	if (@change) {
		Worker::spill("$to.c", Worker::change($source, slurp($source), @change));
		$source = "$to.c";
	}
	Worker::run_line("cc -O1 -w -D_POSIX_C_SOURCE=200809L -Ilib -o $to $place/main.c $source lib/arena.c lib/log.c -Wl,--gc-sections $ENV{NIGHTDESK_BUILD}/libdesk.a -lgcrypt -lm");
	return $to;
}

# As gpg made them: what is sealed for us, and what is not.
my @sealed = qw(armoured binary rsa both commented signed-inside);
my @not = qw(stranger stranger-too hidden hidden-too password password-too stored compressed signed clear-signed signature old appended prepended twice two-blocks and-stored cut text);
my $check = checker();
sub misjudged {
	my @faults;
	for my $name (grep { -e "$place/corpus/$_" } @sealed, @not) {
		my ($said) = `$check $place/corpus/$name @keys` =~ /^(\d+)$/;
		my $taken = defined $said && $said == 0;
		push @faults, "$name is " . ($taken ? 'taken' : 'refused') if $taken != scalar grep { $_ eq $name } @sealed;
	}
	return @faults;
}
sub without { my (@change) = @_; return sub { $check = checker(@change); return Security::Guard->new(sub { $check = checker() }) } }
bites('exactly what is sealed for our keys is taken', \&misjudged,
	'the list of keys' => without('return OPENPGP_STRANGER;', 'return OPENPGP_SEALED;'),
	'the refusal of passwords' => without('return OPENPGP_PASSWORD;', 'return OPENPGP_SEALED;'),
	'the refusal of what has no integrity' => without('return OPENPGP_OLD;', 'return OPENPGP_SEALED;'));

# No program for the web can decrypt, or knows how.
my @able = map { my $program = $_; `nm -D --undefined-only $program` =~ /\bU (gpgme_op_decrypt\w*|gcry_pk_decrypt|gcry_cipher_decrypt)/ ? "$program: $1" : () }
    grep { -x } map { "$ENV{NIGHTDESK_BUILD}/$_" } qw(submit ticket staff key list);
is_deeply(\@able, [], 'no program for the web decrypts');
my ($version) = slurp('htdocs/package.json') =~ /"openpgp": "(\d+\.\d+)\.\d+"/;
cmp_ok($version // 0, '>=', 6.1, 'the browser encrypts by a library without the known fault, in one version and no other');
done_testing;
