# Class 17, guessing the numbers and links of tickets.  Fences: a private
# ticket answers as one that was never filed, since public pages are made of
# copies that private tickets do not have; a link opens its own ticket alone;
# and what opens one has 128 bits or more.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

Desk::start_anew();
my ($public, $private, $absent) = (1, 2, 3);
Desk::sql(q{
INSERT INTO desk.ticket (subject, kind, severity) VALUES ('Seen by all', 'bug', 3);
INSERT INTO desk.ticket (subject, kind, severity, visibility) VALUES ('Seen by few', 'bug', 3, 'private');
INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'Text' FROM desk.ticket;
INSERT INTO desk.link (token_sha256, purpose, ticket) SELECT sha256('mine'), 'requester', 1;
});
my $me = Desk->new;
my %typed = $me->fields($me->get("/tickets/$public"), "/tickets/$public/me-too");
Desk::take_your_time();
my @routes = grep { $_->{path} =~ m{^/(?:tickets|my)/:number} } routes();
cmp_ok(scalar @routes, '>', 9, 'the routes of tickets are known');

# An answer but for what each request has of its own.
sub plain {
	my ($answer, $number) = @_;
	my %headers = %{ $answer->{headers} };
	my $id = delete $headers{'x-request-id'};
	delete $headers{$_} for 'date', 'connection';
	my $text = join "\n", $answer->{status}, (map { "$_: $headers{$_}" } sort keys %headers), $answer->{body};
	s/\Q$id\E/ID/g, s/server-time" content="[^"]*"//g for $text;
	return $text;
}

# Does anything tell the private ticket from the absent one?
sub told_apart {
	my @faults;
	for my $route (@routes) {
		my $path = $route->{path};
		my @got = map {
			my $at = $path =~ s/:number/$_/r;
			$at =~ s/:[a-z]+/1/g;
			# a link that opens another ticket
			my @as = $path =~ m{^/my} ? (Cookie => '__Secure-link=mine') : ();
			plain($route->{method} eq 'POST' ? $me->post($at, { %typed, mail => 'guess@example.net' }, @as) : $me->get($at, @as));
		} $private, $absent;
		push @faults, "$path tells" if $got[0] ne $got[1];
		push @faults, "$path shows it" if $got[0] =~ /Seen by few/;
		push @faults, "$path gives " . substr $got[0], 0, 3 if $got[0] !~ /^4\d\d\n/;
	}
	for my $query ("q=few", "q=$private", 'sort=best&q=seen') {
		push @faults, "a search for $query finds it" if $me->get("/tickets?$query")->{body} =~ m{/tickets/$private"|Seen by few};
	}
	return @faults;
}

bites('a private ticket answers as one that was never filed, to the byte', \&told_apart,
	'public copies of public tickets alone' => sub {
		Security::without("SELECT desk.publish_ticket(t) FROM desk.ticket t WHERE number = $private",
			"DELETE FROM desk.public_ticket WHERE number = $private") },
	'the number in desk.link_open()' => sub { weaken('desk.link_open(text, int, text)', qr/AND \(wanted IS NULL OR x\.ticket = wanted\)/, '') });

# -- what opens a ticket cannot be guessed --------------------------------------
# From its letters: six bits each, as many as there are.
sub guessable {
	my (%links) = @_;
	my (%seen, @faults);
	for my $kind (sort keys %links) {
		push @faults, "no $kind" if !@{ $links{$kind} };
		for my $token (@{ $links{$kind} }) {
			push @faults, "$kind \"$token\" is not random text" if $token !~ /^[A-Za-z0-9_-]+$/;
			push @faults, "$kind has " . 6 * length($token) . ' bits' if 6 * length($token) < 128;
			push @faults, "$kind came twice" if $seen{$token}++;
			push @faults, "$kind begins as another" if $seen{ substr $token, 0, 8 }++;
		}
	}
	return @faults;
}

# The secret links of two reports.
my $worker = Worker->run('submit');
sub links {
	my @links;
	no_limits();
	for my $n (1, 2) {
		my %fields = $me->fields($worker->ask(REQUEST_URI => '/report/bug'), '/report/bug');
		Desk::take_your_time();
		my $done = $worker->ask(REQUEST_URI => '/report/bug', body => Desk::encode_form(%{ { %fields,
			subject => 'Broken', body => 'x', not_similar => 1, do => 'send' } }));
		push @links, ($done->{head} // '') =~ /link=([^;]+);/;
	}
	return @links;
}

my $staff = Desk::staff();
my ($session) = map { $_->{'__Host-session'} // () } values %{ $staff->{cookies} };
bites('links and sessions have 128 bits or more', sub { guessable(link => [links()], session => [$session]) },
	'16 random bytes in a link' => sub { $worker->weaker('lib/auth.c', 'token_encode(r->arena, secret, 16)', 'token_encode(r->arena, secret, 4)') });
done_testing;
