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
use Test::More;
use Command;
use Database;

our $build = $ENV{NIGHTDESK_BUILD} // 'build';
our $program = Command::built('notify');
our $place = tempdir('notify-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($owner, $server, $server_in) = ($$);

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

Database::make('notify');
%ENV = (%ENV, NIGHTDESK_NAME => 'Nightdesk', NIGHTDESK_URL => 'https://desk.example', NIGHTDESK_MAIL_FROM => 'desk@desk.example',
	NIGHTDESK_MAIL_WAIT => 0, NIGHTDESK_SMTP_TLS => 'off');

END {
	my $status = $?;
	smtp_stop() if defined $owner && $$ == $owner;
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

sub start { return Command::start($program, @_) }
sub ended { return Command::ended(@_) }
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
