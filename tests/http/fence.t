#!/usr/bin/perl
# Every program as it is built, behind its fence.  tests/lib/probe.c gets into
# each one and tries there what an intruder would: before the fence closes,
# where all of it must work, or this test would tell nothing, and after that.
use strict;
use warnings;
use lib 'tests/lib';
use Desk;
use File::Temp 'tempdir';
use IO::Socket::UNIX;
use POSIX ();
use Test::More;

my $build = $ENV{NIGHTDESK_BUILD} || 'build';
-r "$build/tests/probe.so" or BAIL_OUT("$build/tests/probe.so is not built");
my $place = tempdir(CLEANUP => 1);
my $sanitizer = `readelf -dW $build/list` =~ /libasan|libclang_rt/;

# How a command is called so that it asks its database; all others are for
# the web.
my %command = (
	calendar => ['--check'],
	login => ['--set-password', 'demo'],
	notify => ['--once'],
	publish => ['--check'],
	slacheck => ['--status'],
);
my @programs = map { m{([^/]+)$} } grep { -f && -x } glob("$build/*");
my @web = grep { !$command{$_} || $_ eq 'login' } @programs;

# What is left to notify, and to a build whose reports need it.
my %network = map { $_ => 1 } 'read /etc/passwd', 'make a socket for the network', 'make a local socket',
    'ask for routes', 'connect a socket from before', 'make a thread';
my %reports = map { $_ => 1 } 'read /etc/passwd', 'read a file', 'list a directory', 'make a thread', 'set limits';

sub touch {
	open my $file, '>', "$place/$_[0]" or die "$place/$_[0]: $!";
}

# Run a program with the probe in it: what it printed, and how it ended.
sub probed {
	my ($program, $at, $what, @arguments) = @_;
	touch($_) for 'here', 'here-2';
	unlink "$place/new";
	mkdir "$place/empty";
	unlink "$place/socket";
	my $socket = IO::Socket::UNIX->new(Local => "$place/socket", Listen => 1) or die "socket: $!";
	pipe my $out, my $in or die "pipe: $!";
	pipe my $password, my $typed or die "pipe: $!";
	print $typed "correct horse battery\n";
	close $typed;
	defined(my $pid = fork) or die "fork: $!";
	if (!$pid) {
		local %ENV = (%ENV, PROBE => $what, PROBE_AT => $at, PROBE_PLACE => $place,
		    LD_PRELOAD => "$build/tests/probe.so");
		$ENV{ASAN_OPTIONS} = 'verify_asan_link_order=0' if $sanitizer;
		delete $ENV{PGUSER} unless $program eq 'login' && @arguments;
		POSIX::dup2(fileno(@arguments ? $password : $socket), 0);
		POSIX::dup2(fileno($in), 1);
			alarm 20;
		exec "$build/$program", @arguments or POSIX::_exit(96);
	}
	close $in;
	my %came = map { /^(\d+) (.+)/ ? ($2, $1) : () } <$out>;
	waitpid $pid, 0;
	return (\%came, $?);
}

# The lines of a probe that are not as they should be: what $may tells is
# possible and all else refused.
sub surprises {
	my ($came, $may, $status) = @_;
	return ["ended with $status"] if $status || !%$came;
	return [map { "$_: $came->{$_}" } grep {
		my $refused = $came->{$_} == POSIX::EPERM || $came->{$_} == POSIX::EACCES;
		$may->($_) ? $came->{$_} : !$refused;
	} sort keys %$came];
}

# All but what not every kernel has to begin with.
sub before {
	my ($came) = @_;
	return { map { /kernel's/ ? () : ($_ => $came->{$_}) } keys %$came };
}

sub closed {
	my ($program, @arguments) = @_;
	my $left = $program eq 'notify' ? \%network : {};
	my $name = join ' ', $program, @arguments;
	my ($came, $status) = probed($program, 'start', 'all', @arguments);
	is_deeply(surprises(before($came), sub { 1 }, $status), [],
	    "$name can do all that it has the rights to before its fence closes");
	cmp_ok(scalar keys %$came, '>', 20, '... of which a good deal is tried');
	($came, $status) = probed($program, 'work', 'all', @arguments);
	is_deeply(surprises($came, sub { $_[0] eq 'work' || $left->{$_[0]} || $sanitizer && $reports{$_[0]} }, $status), [],
	    '... and behind it nothing but its work');
	for my $what ('run a program', 'make code of data', 'be traced') {
		next if $sanitizer && $what eq 'be traced';
		($came, $status) = probed($program, 'work', $what, @arguments);
		is($status & 127, POSIX::SIGSYS, "... which to $what ends");
	}
}

cmp_ok(scalar @web, '>', 7, 'there are programs for the web');
for my $program (@web) { closed($program) }
for my $program (sort keys %command) {
	next unless -x "$build/$program";
	closed($program, @{ $command{$program} });
}

# And the workers of a desk that runs.
for my $program (@web) {
	open my $file, '<', "$ENV{DESK_DIR}/pid/$program" or do {
		fail("$program runs in this desk");
		next;
	};
	my $watcher = 0 + <$file>;
	my @workers = split ' ', `ps -o pid= --ppid $watcher`;
	my @open = grep {
		my $status = do { local (@ARGV, $/) = "/proc/$_/status"; <> };
		$status !~ /^NoNewPrivs:\s+1$/m || $status !~ /^Seccomp:\s+2$/m;
	} @workers;
	is_deeply([scalar(@workers) > 0, @open], [1], "each worker of $program runs behind a fence");
}
done_testing;
