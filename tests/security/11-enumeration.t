# Class 11: who has an account, and whose address is known.  The answer to a
# wrong sign-in, to "tell me when it changes" and to a report is the same to the
# byte whoever it is about.  The fences: api.login_finish(), which says "wrong"
# alike, and api.ticket_follow(), which asks any address.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;
use Security;

Desk::start_anew();
no_limits();
my ($login) = Clerk::add();
my ($left) = Clerk::add();
sql("UPDATE desk.staff SET active = false WHERE login = '$left'");
my $number = sql(q{INSERT INTO desk.ticket (subject, kind, severity) VALUES ('One', 'bug', 3) RETURNING number});
sql("INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT $number, desk.person_of('known\@example.org'), now(); UPDATE desk.person SET proven_at = now()");

# The answer without what differs each time, and without what was typed.
sub shape {
	my ($answer, $typed) = @_;
	my %headers = %{ $answer->{headers} };
	delete @headers{qw(date x-request-id content-length)};
	my $body = $answer->{bytes} =~ s/(name="(?:csrf|token|logout_csrf|challenge)" value=")[^"]*/$1/gr =~ s/server-time" content="[^"]*"//r =~ s/\Q$typed\E//gr;
	$body =~ s/(challenge[^"]*=?"[^"]*")//g;
	return join "\n", $answer->{status}, (map { "$_: " . (ref $headers{$_} ? join ' ', map { s/=[^;]*//r } @{ $headers{$_} } : $headers{$_} =~ s/(session|half|sign-in)=[^;]*/$1/r) } sort keys %headers), $body;
}

sub sign_in { my ($who) = @_; return shape(Clerk->new->sign_in($who, 'a wrong password'), $who) }
sub answers_differ {
	my $unknown = sign_in('nobody-of-that-name');
	return map { sign_in($_->[1]) ne $unknown ? "$_->[0] is answered in another way" : () } ['a known login', $login], ['one that has left', $left];
}
like(sign_in($login), qr/^403\n/, 'a wrong password is refused');
my ($finish) = split /\n/, sql(q{SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace AND p.proname = 'login_finish'});
bites('a known login, an unknown one and one that has left are answered alike, headers too', \&answers_differ,
	'the same word for all in api.login_finish()' => sub {
		weaken($finish, sub { s/RETURN QUERY SELECT 'wrong', 0, ''/RETURN QUERY SELECT CASE WHEN EXISTS (SELECT FROM desk.staff z WHERE z.login = login_finish.login) THEN 'limited' ELSE 'wrong' END, 0, ''/
			|| s/RETURN QUERY SELECT 'wrong'/RETURN QUERY SELECT CASE WHEN EXISTS (SELECT FROM desk.staff z WHERE z.login = login_finish.login) THEN 'limited' ELSE 'wrong' END/ });
	});

my %form = %{ ask_form(ask('GET', "/tickets/$number"), "/tickets/$number/follow") };
Desk::take_your_time();
sub follow { my ($mail) = @_; return shape(ask('POST', "/tickets/$number/follow", body => { %form, mail => $mail }), $mail) }
bites('an address that we know is asked like one that we do not', sub { return follow('known@example.org') ne follow('fresh' . token() . '@example.org') ? 'they differ' : () },
	'the same answer in api.ticket_follow()' => sub {
		weaken('api.ticket_follow(integer,text,text)', qr/THEN 'asked' ELSE 'limited' END/,
		    q{THEN CASE WHEN EXISTS (SELECT FROM desk.person p WHERE p.mail = ticket_follow.mail AND p.proven_at IS NOT NULL) THEN 'limited' ELSE 'asked' END ELSE 'limited' END});
	});

# Requesters have no accounts: nothing asks for one, nothing opens by address.
is(sql(q{SELECT count(*) FROM information_schema.columns WHERE table_schema = 'desk' AND table_name = 'person' AND column_name ~ 'password|secret|tag'}), 0, 'a person has nothing to sign in with');
is(join(' ', map { $_->{path} } grep { $_->{path} =~ /:(mail|address|login)/ } routes()), '', 'no address of a page names an address of a person');

done_testing;
