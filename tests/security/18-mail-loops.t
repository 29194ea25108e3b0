# Class 18, mail loops and storms of bounces.  Fences: every mail says that a
# machine made it, its envelope has no sender to whom anything could be
# returned, and nobody gets more than so many in a day.  The desk reads no
# mail, so that it answers none; what is left is what others do with ours.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Post;
use Security;
use Worker;

Post::smtp_start();
my $ann = Post::staff('ann');
my $t = Post::ticket('The lid sticks');
my $eve = Post::follower($t, 'eve@example.com');

# RFC 3834: who would answer this mail?  RFC 5321, 4.5.5: who would return it?
sub would_answer {
	my ($mail) = @_;
	my $auto = $mail->{headers}{'auto-submitted'}[0] // 'no';
	my @why;
	push @why, 'says nothing about a machine' if $auto eq 'no';
	push @why, 'has a sender to return it to' if $mail->{raw}{'x-sender'}[0] ne '<>';
	push @why, 'is answered by Exchange' if ($mail->{headers}{'x-auto-response-suppress'}[0] // '') ne 'All';
	push @why, 'is no list to a holiday notice' if !$mail->{headers}{'list-id'};
	return @why;
}

sub answered {
	Post::forget_mails();
	Post::sql('DELETE FROM desk.limit_count');
	Post::sql("SELECT desk.mail_to_staff('message', $t, $ann, 'Read', 'this', false); SELECT desk.mail_followers('message', $t, 'New', 'words');
		SELECT desk.mail_unproven('receipt', $t, desk.person_of('new\@example.com'))");
	Post::make_due();
	my $ran = Post::notify('--once');
	my @mails = Post::mails();
	return "notify: $ran->{err}" if $ran->{exit};
	return scalar(@mails) . ' mails' if @mails != 3;
	return map { my $to = $_->{to}[0][1]; map { "the mail to $to $_" } would_answer($_) } @mails;
}

my $as_it_is = $Post::program;
sub notify_without {
	my $weaker = Worker::build('notify', @_);
	$Post::program = $weaker;
	return Security::Guard->new(sub { $Post::program = $as_it_is });
}
bites('no machine answers our mail, and none returns it', \&answered,
	'the header Auto-Submitted' => sub { notify_without('lib/mail.c', 'add_header(m, "Auto-Submitted", "auto-generated");', '') },
	'the empty sender' => sub { notify_without('lib/send.c', "if (set->bounce != NULL)\n\t\tcurl_easy_setopt(c, CURLOPT_MAIL_FROM, set->bounce);",
		'curl_easy_setopt(c, CURLOPT_MAIL_FROM, set->from);') });

# Two desks that tell each other of every word, a hundred times.
sub stormed {
	Post::forget_mails();
	Post::sql("DELETE FROM desk.limit_count; UPDATE desk.limiter SET most = 5 WHERE name = 'mail-day'");
	Post::sql("SELECT desk.mail_to_staff('message', NULL, $ann, 'Again ' || n, 'and again', false) FROM generate_series(1, 20) n");
	for (1 .. 8) {
		Post::sql('UPDATE desk.outbox SET not_before = now() WHERE id = (SELECT min(id) FROM desk.outbox WHERE sent_at IS NULL AND failed_at IS NULL AND folded_into IS NULL);
			UPDATE desk.outbox SET not_before = now() + interval $$1 hour$$ WHERE sent_at IS NULL AND failed_at IS NULL
			AND id > (SELECT min(id) FROM desk.outbox WHERE sent_at IS NULL AND failed_at IS NULL AND folded_into IS NULL)');
		Post::notify('--once');
	}
	my @mails = Post::mails();
	Post::sql('UPDATE desk.outbox SET failed_at = now() WHERE sent_at IS NULL AND failed_at IS NULL');
	return @mails > 5 ? scalar(@mails) . ' mails to one address in a day' : ();
}
bites('nobody gets more than so many in a day', \&stormed,
	'the daily limit' => sub {
		my $was = Post::sql("SELECT pg_get_functiondef('desk.limit_take(text, text)'::regprocedure)");
		Post::sql($was =~ s/RETURN now_taken <= l\.most/RETURN true/r);
		return Security::Guard->new(sub { Post::sql($was) });
	});
is(Post::sql("SELECT count(*) FROM pg_roles WHERE rolname ~ 'desk_(mailin|ingest)'"), 0, 'no program takes mail in');
done_testing;
