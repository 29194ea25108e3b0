# A worker by itself: told to stop, it stops, at whatever moment of its life.
use strict;
use warnings;
use utf8;
use Test::More;
use Time::HiRes qw(sleep time);
use lib 'tests/lib';
use Worker;

my %templates = (NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");

sub stops {
	my ($worker) = @_;
	my ($pid, $late) = ($worker->{pid}, 0);
	local $SIG{ALRM} = sub { $late = 1; kill KILL => $pid };
	alarm 20;
	$worker->stop;
	alarm 0;
	return !$late;
}

my $began = time;
my $worker = Worker->run('list', %templates);
is($worker->ask(REQUEST_URI => '/tickets')->{status}, 200, 'a worker answers');
my $start = time - $began;
ok(stops($worker), 'and stops when it is told to');

# libfcgi has a handler of its own for SIGTERM, which only makes a note.
my @late;
for my $n (0 .. 39) {
	my $starting = Worker->run('list', %templates);
	my $moment = $start * $n / 40;
	sleep $moment;
	next if stops($starting);
	push @late, sprintf '%.1f ms', $moment * 1000;
	last;
}
is_deeply(\@late, [], 'at every moment of its start, too');

done_testing;
