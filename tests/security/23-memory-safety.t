# Class 23, memory safety of parsers in C.  Fences: each parser of foreign bytes is
# a fuzz target, built with sanitizers, that finds what is planted in it; a worker
# outlives hostile FastCGI records; and the socket is closed to other users.
use strict;
use warnings;
use utf8;
use File::Temp 'tempdir';
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

# Whoever reads bytes that others made, and which target feeds it.
my %fed = ('lib/form.c' => 'form', 'lib/ical.c' => 'ical', 'lib/markup.c' => 'markup', 'lib/mail.c' => 'mail', 'lib/web.c' => 'fastcgi request', 'lib/token.c' => 'token',
	'lib/auth.c' => 'token', 'lib/csv.c' => 'csv', 'lib/openpgp.c' => 'openpgp', 'lib/multipart.c' => 'multipart', 'lib/passkey.c' => 'passkey');
my ($targets) = `make -pnq 2>/dev/null` =~ /^FUZZ = (.*)$/m;
$targets .= ' ' . (`make -pnq 2>/dev/null` =~ /^FUZZWEB = (.*)$/m ? $1 : '');
for my $file (sort grep { -e } keys %fed) {
	for my $target (split ' ', $fed{$file}) {
		like(" $targets ", qr/ \Q$target\E /, "$file is fed by the target $target");
		ok(-e "tests/fuzz/$target.c", '... which is there');
		ok(scalar(my @seeds = glob "tests/fuzz/corpus/$target/*"), '... and has seeds');
	}
}

# A fault, planted: the target must find it at once.
my $place = tempdir(CLEANUP => 1);
sub fuzzed {
	my ($target, $file, $from, $to) = @_;
	my $b = Worker::relative($ENV{NIGHTDESK_BUILD} // 'build');
	my ($build) = grep { m{^clang .* -o \S*/fuzz/$target } } Worker::commands("$b/tests/fuzz/$target", $file) or die "no command for $target";
	Worker::spill("$place/planted.c", Worker::change($file, slurp($file), $from, $to));
	$build =~ s{ -o \S+}{ -o $place/$target} or die;
	$build =~ s{ \Q$file\E }{ $place/planted.c } or die $build;
	$build =~ s{-Werror}{-w};
	Worker::run_line($build);
	my $said = `$place/$target -runs=30000 -seed=1 -max_len=4096 -artifact_prefix=$place/ tests/fuzz/corpus/$target 2>&1`;
	return $? == 0 ? () : $said =~ /SUMMARY: (.*)/ ? $1 : 'it ended otherwise';
}
my @found = fuzzed('form', 'lib/form.c', 'if (f->kind == FORM_LINE && ', 'if (f->kind == FORM_TEXT && ');
isnt(scalar @found, 0, 'a line end in a field of one line is found') and note("then: @found");
@found = fuzzed('csv', 'lib/csv.c', "if (*s == '\"')\n\t\t\t*to++ = '\"';", '');
isnt(scalar @found, 0, 'a quote in a cell that is not doubled is found') and note("then: @found");
@found = fuzzed('token', 'lib/token.c', 'if (p == end)', 'if (p == end + 32)');
isnt(scalar @found, 0, 'bytes written behind the end are found') and note("then: @found");

# Hostile records on the socket of a worker.
my $worker = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
my $begin = Worker::record(1, pack('nC6', 1, 0, (0) x 5));
my %hostile = (
	'nothing' => '', 'noise' => join('', map { chr(($_ * 7919) % 256) } 1 .. 4000), 'no version' => "\2" . substr($begin, 1), 'no parameters' => $begin,
	'a length that is not there' => $begin . "\1\4\0\1\xff\xff\0\0", 'lengths of 2 GiB (CVE-2025-23016)' => $begin . Worker::record(4, "\xff\xff\xff\xff\x7f\xff\xff\xffREQUEST_URI/"),
	'a role that is none' => Worker::record(1, pack('nC6', 9, 0, (0) x 5)), '10,000 parameters' => Worker::request(map { ("HTTP_X$_" => 'y' x 5) } 1 .. 10_000),
	'another request in between' => $begin . Worker::record(4, Worker::pair('REQUEST_URI', '/')) . (Worker::record(5, 'x') x 50), 'an end before it begins' => Worker::record(2, ''),
);
for my $what (sort keys %hostile) {
	$worker->bytes($hostile{$what});
	my $after = eval { $worker->ask(REQUEST_URI => '/') } // {};
	is($after->{status} // 'gone', 200, "after $what the worker answers the next visitor");
}

# Nobody but the web server gets to the socket.
my ($uid, $nobody) = ($<, (getpwnam 'nobody')[2]);
sub reached {
	my @faults;
	for my $socket (glob "$ENV{DESK_RUN}/*.sock") {
		push @faults, "$socket is open to others" if (stat $socket)[2] & 0007;
		next if $uid != 0;
		my $said = `setpriv --reuid=$nobody --regid=65534 --clear-groups -- perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new(Peer => shift) ? "in" : "out"' $socket`;
		push @faults, "$socket lets nobody in" if $said ne 'out';
	}
	return (@faults, -e "$ENV{DESK_RUN}/list.sock" ? () : 'there is no socket');
}
bites('another user does not get to a socket', \&reached, 'the mode of the socket' => sub {
	chmod 0777, "$ENV{DESK_RUN}/list.sock";
	return Security::Guard->new(sub { chmod 0600, "$ENV{DESK_RUN}/list.sock" });
});
done_testing;
