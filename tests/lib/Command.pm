package Command;
# A program run as cron or an operator's script would: under its own role, not
# as the superuser, and without a terminal.
#
#	my $program = Command::built('calendar');	its path; dies if it is not there
#	my $r = Command::run($program, '--check');	{exit signal out err}
#	$r = Command::feed($program, $bytes, '-');	with these on its standard input
#	my $pid = Command::start($program);		and does not wait
#	$r = Command::ended($pid);			until it does
use strict;
use warnings;
use File::Temp 'tempdir';
use POSIX ();

my $place = tempdir('command-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub built {
	my ($name) = @_;
	my $program = ($ENV{NIGHTDESK_BUILD} // 'build') . "/$name";
	die "$program is not built\n" unless -x $program;
	return $program;
}

sub begin {
	my ($program, $input, @options) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	delete $ENV{PGUSER};
	POSIX::setsid();
	open STDIN, '<', $input;
	open STDOUT, '>', "$place/out.$$";
	open STDERR, '>', "$place/err.$$";
	exec($program, @options) or POSIX::_exit(127);
}

sub start {
	my ($program, @options) = @_;
	return begin($program, '/dev/null', @options);
}

# What a file holds, '' when it is not there.
sub slurp {
	my ($path) = @_;
	open my $file, '<:encoding(UTF-8)', $path or return '';
	local $/;
	return <$file> // '';
}

sub ended {
	my ($pid) = @_;
	waitpid $pid, 0;
	return { exit => $? >> 8, signal => $? & 127, out => slurp("$place/out.$pid"), err => slurp("$place/err.$pid") };
}

sub run { return ended(start(@_)) }

sub feed {
	my ($program, $input, @options) = @_;
	open my $to, '>:raw', "$place/in" or die "$place/in: $!";
	print $to $input;
	close $to or die "$place/in: $!";
	return ended(begin($program, "$place/in", @options));
}

1;
