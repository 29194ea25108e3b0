# Class 19, line ends in headers of HTTP and mail.  Fences: a path with a control
# byte is refused, a value is escaped before it becomes part of a header, the
# header writer ends the worker rather than write such a byte; in mail, every
# value becomes one line before GMime encodes it.
use strict;
use warnings;
use utf8;
use Encode ();
use Test::More;
use lib 'tests/lib';
use Desk;
use Post;
use Security;
use Worker;

# What could end a line, for anybody who reads it.
my @ends = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\0", "\x{85}", "\x{2028}", "\x{2029}", '%0d%0a', '%0D%0A%20', '%E5%98%8A%E5%98%8D');
my $list = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");

# Everything that reaches a header of an answer.
sub http {
	my @faults;
	for my $end (@ends) {
		my $bytes = Encode::encode('UTF-8', $end);
		(my $escaped = $bytes) =~ s/([^A-Za-z0-9%])/sprintf '%%%02X', ord $1/ge;
		for ([ 'Referer', REQUEST_URI => '/prefs', body => 'theme=dark', HTTP_REFERER => "https://desk.example/tickets?q=a${bytes}X-Evil:%201" ],
			[ 'theme', REQUEST_URI => '/prefs', body => "theme=dark${escaped}X-Evil:%201" ],
			[ 'path', REQUEST_URI => "/tickets$escaped" . 'X-Evil:%201' ], [ 'raw path', REQUEST_URI => "/tickets${bytes}X-Evil: 1" ],
			[ 'tag', REQUEST_URI => '/tickets.json', HTTP_IF_NONE_MATCH => "\"x${bytes}X-Evil: 1" ],
			[ 'number', REQUEST_URI => '/tickets', REQUEST_ID => "x${bytes}X-Evil: 1" ]) {
			my ($what, %param) = @$_;
			my $answer = $list->ask(%param);
			my $shown = $escaped;
			push(@faults, "$what with $shown: the worker is gone"), next if !$answer->{status};
			push @faults, "$what with $shown: a header of theirs" if $answer->{headers}{'x-evil'};
			push @faults, "$what with $shown: a byte that is no part of a header" if $answer->{head} =~ /[^ -~\r\n]|\r(?!\n)|(?<!\r)\n/;
		}
	}
	return @faults;
}
bites('no answer has a line of theirs in its head', \&http,
	'escaping and the header writer' => sub {
		$list->weaker('cgi-bin/list.c', q{if (*c <= ' ' || *c > '~')}, 'if (*c == 1)',
			'lib/web.c', "if (is_header(*path) && c != ' ' && c != '\\\\')", 'if (c != 1)', 'lib/web.c', 'if (!is_header(*p))', 'if (*p == 1)') });

# Every field of a mail that somebody else has a word in.
Post::smtp_start();
my @known = sort qw(date from reply-to subject to message-id in-reply-to references auto-submitted x-auto-response-suppress x-nightdesk list-id
	list-unsubscribe list-unsubscribe-post mime-version content-type content-transfer-encoding x-sender x-recipient x-tls x-helo);
my $n = 0;
sub mail {
	my @faults;
	Post::forget_mails();
	Post::sql("DELETE FROM desk.limit_count; UPDATE desk.limiter SET most = 10000");
	for my $end (grep { $_ ne "\0" } @ends) {
		$n++;
		my $text = "a${end}Bcc: victim\@example.com${end}X-Evil: 1${end}${end}body" =~ s/'/''/gr;
		my $who = Post::staff("s$n", substr("A$text", 0, 80));
		my $t = Post::ticket("lid$n");
		Post::sql("SELECT desk.mail_to_staff('message', $t, $who, 'Subject $text', 'Text', true)");
	}
	Post::make_due();
	my $ran = Post::notify('--once');
	push @faults, "notify: $ran->{err}" if $ran->{exit};
	my @mails = Post::mails();
	push @faults, scalar(@mails) . ' mails' if @mails != @ends - 1;
	for my $mail (@mails) {
		my %seen = %{ $mail->{headers} };
		delete @seen{@known};
		push @faults, map { "a header $_" } sort keys %seen;
		push @faults, map { "$_->[0] twice" } grep { @{ $mail->{headers}{ $_->[0] } } > 1 } map { [$_] } keys %{ $mail->{headers} };
		push @faults, "defects: @{ $mail->{defects} }" if @{ $mail->{defects} };
		push @faults, 'to ' . @{ $mail->{to} } . ' people' if @{ $mail->{to} } != 1;
		for my $name (qw(subject to from)) {
			push @faults, "$name has a line end in it" if join('', @{ $mail->{headers}{$name} }) =~ /[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}]/;
		}
	}
	return @faults;
}
my $as_it_is = $Post::program;
bites('no mail has one either', \&mail, 'one line for each value' => sub {
	$Post::program = Worker::build('notify', 'lib/mail.c', 'for (p = line; *p != \'\\0\'; p++) {', 'for (p = line; *p == 1; p++) {');
	return Security::Guard->new(sub { $Post::program = $as_it_is }) });
done_testing;
