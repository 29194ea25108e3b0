# Class 24, what one visitor leaves behind for the next in the same process.
# Fences: everything of a request lives in its arena, and the skeleton begins
# each one from nothing; nobody's cookie, header or row outlives the answer.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

Desk::start_anew();
no_limits();
sql(q{
INSERT INTO desk.ticket (subject, kind, severity, visibility) SELECT 'canary-subject-' || n, 'bug', 3, 'private' FROM generate_series(1, 3) n;
INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'canary-text-' || number FROM desk.ticket;
});
my %templates = (NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
my %worker = map { $_ => Worker->run($_, %templates) } qw(ticket staff list);
my %link = map { $_ => cookie(link => link_of($_)) } 1 .. 3;
my $staff = cookie(session => session('leaky', 'canary-staff'));

# Who asks, and what of the canaries is theirs to see.
my @visits = (
	(map { my $n = $_; [ "requester $n", 'ticket', qr/canary-(?:subject|text)-$n/, 200, REQUEST_URI => "/my/$n", HTTP_COOKIE => $link{$n} ] } 1 .. 3),
	(map { [ "a stranger at /my/$_", 'ticket', undef, 404, REQUEST_URI => "/my/$_" ] } 1 .. 3),
	[ 'staff', 'staff', qr/canary-\w+/, 200, REQUEST_URI => '/staff', HTTP_COOKIE => $staff ],
	[ 'staff at a ticket', 'staff', qr/canary-\w+/, 200, REQUEST_URI => '/staff/tickets/1', HTTP_COOKIE => $staff ],
	[ 'a stranger at /staff', 'staff', undef, 303, REQUEST_URI => '/staff' ],
	[ 'a stranger at /staff/tickets/1', 'staff', undef, 303, REQUEST_URI => '/staff/tickets/1' ],
	[ 'somebody who sets the theme', 'list', undef, 303, REQUEST_URI => '/prefs', body => 'theme=dark', HTTP_REFERER => 'https://desk.example/tickets?q=canary-referer' ],
	[ 'a reader', 'list', undef, 200, REQUEST_URI => '/tickets' ],
	[ 'one who searches', 'list', undef, 200, REQUEST_URI => '/tickets?q=canary-search' ],
);

# In an order of chance, which is the same every time.
sub leaked {
	my ($times) = @_;
	my ($seed, @faults) = (7);
	for (1 .. $times) {
		$seed = ($seed * 1103515245 + 12345) % 2**31;
		my ($who, $program, $theirs, $status, %param) = @{ $visits[ ($seed >> 8) % @visits ] };
		my $answer = $worker{$program}->ask(%param);
		push(@faults, "$who: the worker is gone"), last if !$answer->{status};
		push @faults, "$who gets $answer->{status}" if $answer->{status} != $status;
		my $text = "$answer->{head}\n$answer->{body}";
		# what one has typed comes back to oneself
		$text =~ s/canary-(?:referer|search)//g if "@param{sort keys %param}" =~ /canary-(?:referer|search)/;
		$text =~ s/$theirs//g if $theirs;
		push @faults, "$who sees $1" if $text =~ /(canary-[\w-]+)/;
		push @faults, "$who is given a cookie" if $answer->{headers}{'set-cookie'} && $program ne 'list' && $status == 200;
		push @faults, "$who is sent to $1" if $param{REQUEST_URI} !~ /prefs/ && ($answer->{headers}{location} // '') =~ m{(/tickets.*)};
		push @faults, "$who has no cookie of their own" if $param{REQUEST_URI} eq '/tickets' && $answer->{headers}{'set-cookie'};
	}
	return @faults;
}

# As FCGI.pm did (CVE-2011-2766): a parameter that is not sent is the last one.
my $kept = q{if (strcmp(name, "HTTP_COOKIE") == 0) {
		static char last[4096];

		if (v != NULL)
			snprintf(last, sizeof(last), "%s", v);
		return last;
	}
	return v != NULL ? v : "";};
bites('of 400 requests in any order none sees what belongs to another', sub { leaked(400) },
	'parameters of this request alone' => sub { $worker{ticket}->weaker('lib/web.c', 'return v != NULL ? v : "";', $kept) },
	'headers of this request alone' => sub { $worker{list}->weaker('lib/web.c', "r->reply->headers = NULL;\n", '', 'lib/web.c', 'arena_reset(r->arena);', '') });
done_testing;
