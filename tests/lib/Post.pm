package Post;
# A database of its own, a real SMTP server, and notify between them.
#
#	use Post;			makes the database; its end drops it
#	Post::smtp_start(...)		aiosmtpd; options as tests/lib/smtpd.py
#	Post::orders('refuse a@b.example', ...)
#	my $r = Post::notify('--once');	{exit out err}
#	my @mails = Post::mails();	as tests/lib/mails.py reads them
use strict;
use warnings;
use utf8;
use Encode ();
use File::Temp qw(tempdir);
use IPC::Open2;
use JSON::PP;
use POSIX ();
use Test::More;

our $build = $ENV{NIGHTDESK_BUILD} // 'build';
our $program = "$build/notify";
our $place = tempdir('notify-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($owner, $server, $server_in) = ($$);

die "$program is not built\n" unless -x $program;
binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

$ENV{PGDATABASE} = "notify_test_$$";
system('createdb', '-T', 'template0', $ENV{PGDATABASE}) == 0 or BAIL_OUT('cannot make a database');
system('sql/migrate >/dev/null') == 0 or BAIL_OUT('cannot load the schema');
%ENV = (%ENV, NIGHTDESK_NAME => 'Nightdesk', NIGHTDESK_URL => 'https://desk.example', NIGHTDESK_MAIL_FROM => 'desk@desk.example',
	NIGHTDESK_MAIL_WAIT => 0, NIGHTDESK_SMTP_TLS => 'off');

END {
	my $status = $?;
	if (defined $owner && $$ == $owner) {
		smtp_stop();
		system('dropdb', '--if-exists', '--force', $ENV{PGDATABASE});
	}
	$? = $status;
}

sub sql {
	my ($text) = @_;
	my $pid = open2(my $out, my $in, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', '-');
	print $in Encode::encode('UTF-8', $text);
	close $in;
	my $said = do { local $/; <$out> } // '';
	waitpid $pid, 0;
	die "psql failed: $text" if $?;
	chomp $said;
	return Encode::decode('UTF-8', $said);
}

sub smtp_start {
	my (%option) = @_;
	$server = open2(my $out, $server_in, '/usr/bin/python3', 'tests/lib/smtpd.py', $option{port} // 0, "$place/mail",
		'--orders', "$place/orders", @{ $option{more} // [] });
	my $port = <$out> // die 'no SMTP server';
	chomp $port;
	$ENV{NIGHTDESK_SMTP} = "smtp://127.0.0.1:$port";
	return $port;
}

sub smtp_stop {
	return unless $server;
	close $server_in;
	waitpid $server, 0;
	undef $server;
}

sub orders {
	open my $file, '>', "$place/orders.new" or die;
	print $file map { "$_\n" } @_;
	close $file;
	rename "$place/orders.new", "$place/orders";
}

# Under its own role, not as the superuser.
sub start {
	my (@options) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	delete $ENV{PGUSER};
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', "$place/out.$$";
	open STDERR, '>', "$place/err.$$";
	exec($program, @options) or POSIX::_exit(127);
}

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

sub notify { return ended(start(@_)) }

sub mails {
	open my $read, '-|', '/usr/bin/python3', 'tests/lib/mails.py', "$place/mail" or die;
	local $/;
	return @{ decode_json(<$read> || '[]') };
}

sub forget_mails { system('rm', '-rf', "$place/mail/new", "$place/mail/cur", "$place/mail/tmp"); mkdir "$place/mail/$_" for qw(new cur tmp) }

# What is due at its time is due now.
sub make_due { sql("UPDATE desk.outbox SET not_before = now() WHERE sent_at IS NULL AND failed_at IS NULL; DELETE FROM desk.delivery_pause") }

# Somebody of the staff who reads mail.
sub staff {
	my ($login, $name) = @_;
	$name //= "Staff \u$login";
	return sql("WITH s AS (INSERT INTO desk.staff (login, name) VALUES ('$login', '$name') RETURNING id)
		INSERT INTO desk.staff_contact (staff, mail) SELECT id, '$login\@desk.example' FROM s RETURNING staff");
}

sub ticket {
	my ($subject, $more) = @_;
	return sql("INSERT INTO desk.ticket (subject, kind, severity" . ($more ? ', ' . join(', ', sort keys %$more) : '')
		. ") VALUES ('$subject', 'bug', 3" . join('', map { ", '$more->{$_}'" } sort keys %{ $more // {} }) . ') RETURNING number');
}

# An address that was proven and follows a ticket.
sub follower {
	my ($ticket, $mail) = @_;
	return sql("INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT $ticket, desk.person_of('$mail'), now();
		UPDATE desk.person SET proven_at = now() WHERE mail = '$mail' RETURNING id");
}

1;
