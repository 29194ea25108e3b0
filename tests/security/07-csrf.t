# Class 7: a form that another site sends.  Every POST route is sent what our own
# page would send, by somebody who is signed in and holds a link - but from
# elsewhere, or with no token, a mangled one, or somebody else's; nothing may
# come of it.  And no GET changes anything.  The fences: check_origin() of
# lib/web.c, the form tokens of lib/auth.c, which are bound to a session or a
# link, and SameSite.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

my $world = World->make(feed => 1);
my %number = %{ $world->{object} };
my $other = session('another');
# links from mails: the address is the secret, and mail programs press the button
my $by_link = qr{^/(un)?follow/:token|^/page/:token};

my @forms;
for my $route (grep { $_->{method} eq 'POST' } routes()) {
	my ($target) = $world->targets($route);
	my ($words, $path, $object) = @$target;
	my $viewer = $path =~ m{^/my/} ? 'A' : $path =~ m{^/(staff|login|logout)} ? 'staff' : 'anonymous';
	push @forms, { %$route, target => $path, cookie => $world->jar($viewer, $object), viewer => $viewer };
}

# A token of ours for a purpose that belongs to somebody else.
my ($foreign) = ask('GET', "/staff/tickets/$number{public}", cookie => cookie('session', $other))->{body} =~ /name="csrf" value="([^"]+)"/;
my ($theirs) = ask('GET', "/my/$number{other}", cookie => $world->jar('B', 'other'))->{body} =~ /name="token" value="([^"]+)"/;
ok($foreign && $theirs, 'there are tokens of others');
my %token = (
	'no token' => sub { return {} },
	'a mangled token' => sub { return { $_[0] => ($foreign =~ s/.{4}$/AAAA/r) } },
	'the token of another session' => sub { return { $_[0] => $foreign } },
	'the token of another link' => sub { return { $_[0] => $theirs } },
);
my %from = (
	'Sec-Fetch-Site: cross-site' => ['Sec-Fetch-Site' => 'cross-site'],
	'Sec-Fetch-Site: same-site' => ['Sec-Fetch-Site' => 'same-site'],
	'a foreign Origin' => [Origin => 'https://evil.example'],
	'Origin: null' => [Origin => 'null'],
	'our Origin and Sec-Fetch-Site: cross-site' => [Origin => $ENV{NIGHTDESK_URL}, 'Sec-Fetch-Site' => 'cross-site'],
);
Desk::take_your_time();

sub token_field { my ($form) = @_; return $form->{program} =~ /^(submit|ticket)$/ ? 'token' : 'csrf' }

sub from_elsewhere {
	my ($only) = @_;
	my @faults;
	for my $form (grep { $_->{program} =~ $only } @forms) {
		for my $how (sort keys %from) {
			my $answer = ask('POST', $form->{target}, cookie => $form->{cookie}, body => {}, @{ $from{$how} });
			push @faults, "$form->{path} with $how: $answer->{status}" if $answer->{status} != 403;
		}
	}
	return @faults;
}

my $before = fingerprint();
is(join("\n", from_elsewhere(qr/./)), '', 'what comes from elsewhere is refused (403) on all ' . @forms . ' POST routes, in ' . keys(%from) . ' ways');
my @done;
for my $form (grep { $_->{path} !~ $by_link && $_->{path} ne '/prefs' && $_->{path} !~ m{^/report/security} } @forms) {
	for my $how (sort keys %token) {
		my $answer = ask('POST', $form->{target}, cookie => $form->{cookie}, body => $token{$how}->(token_field($form)));
		push @done, "$form->{path} with $how: $answer->{status}" if $answer->{status} < 300 && $answer->{status} != 200;
	}
}
is(join("\n", @done), '', 'no form is carried out without its own token');
is(fingerprint(), $before, '... and nothing in the database has changed');
for my $route (grep { $_->{method} eq 'GET' } routes()) {
	ask('GET', $_->[1], cookie => $world->jar($route->{path} =~ m{^/my|^/r/} ? 'A' : 'staff', $_->[2])) for $world->targets($route);
}
is(fingerprint(), $before, 'nor by any GET, of somebody who may');
like($_, qr/; HttpOnly; SameSite=Lax(; Secure)?$/, 'a cookie is for our own pages alone: ' . s/=.*//r)
    for grep { defined } map { $_->{headers}{'set-cookie'} } ask('GET', "/r/$world->{link}{A}{private}"), ask('POST', '/logout', body => {});

# -- without the fences ----------------------------------------------------------

bites('what comes from elsewhere stays out of the pages of the staff', sub { return from_elsewhere(qr/^page$/) },
	'check_origin() of lib/web.c' => sub { rebuilt('page', 'lib/web.c', sub { s/(const char \*origin = param[^\n]*\n)/$1\n\treturn 200;\n/ }) });
sub taken {
	my $page = sql('SELECT max(id) FROM desk.page');
	my $was = sql("SELECT coalesce(judged_at::text, '') FROM desk.page WHERE id = $page");
	my @faults;
	for my $how (sort keys %token) {
		ask('POST', "/staff/pages/$page/verdict", cookie => $world->jar('staff'), body => { %{ $token{$how}->('csrf') }, justified => 'yes', verdict => $how });
		push @faults, "a verdict was given with $how" if sql("SELECT coalesce(judged_at::text, '') FROM desk.page WHERE id = $page") ne $was;
		$was = sql("SELECT coalesce(judged_at::text, '') FROM desk.page WHERE id = $page");
	}
	return @faults;
}
bites('a form of the staff needs a token of this session', \&taken,
	'the MAC of lib/auth.c' => sub { rebuilt('page', 'lib/auth.c', sub { s/return AUTH_FORGED;/return AUTH_GOOD;/ }) });

done_testing;
