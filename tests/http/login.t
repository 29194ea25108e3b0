# Signing in and out, as a browser and as somebody who means harm.
use strict;
use warnings;
use Test::More;
use Time::HiRes 'time';
use lib 'tests/lib';
use Clerk;

sub no_limits { Desk::sql('DELETE FROM desk.limit_count') }
sub sessions { Desk::sql("SELECT count(*) FROM desk.session s JOIN desk.staff p ON p.id = s.staff WHERE p.login = '$_[0]'") }

# What differs from one answer to the next by design.
sub still {
	my ($page) = @_;
	my $body = $page->{body};
	$body =~ s/name="(csrf|challenge)" value="[^"]*"/CSRF/g;
	$body =~ s/(server-time" content=")[^"]*/$1/;
	$body =~ s/id="login" name="login" type="text" value="[^"]*"/LOGIN/;
	return $body;
}

my $desk = Clerk->new;
my $page = $desk->get('/login');
is($page->{status}, 200, 'the sign-in page is there');
is($page->{headers}{'cache-control'}, 'no-store', 'nobody keeps a copy of it');
like($page->{body}, qr/autocomplete="current-password"/, 'a password manager finds its field');
unlike($page->{body}, qr/Error:/, 'it does not begin with an error');

my ($login, $password) = Clerk::add();

# Right and wrong ------------------------------------------------------------

my $in = $desk->sign_in($login, $password);
is($in->{status}, 303, 'the right password signs in');
is($in->{headers}{location}, '/staff', 'and leads to the queue');
like($in->{headers}{'set-cookie'}, qr/^__Host-session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
	'the cookie is for this host, not for scripts, and ends with the browser');
is($desk->get('/staff')->{status}, 200, 'the queue opens');
my $token = $desk->cookie('session');
is(Desk::sql("SELECT count(*) FROM desk.session WHERE token_sha256 = sha256('$token')"), 1,
	'the database knows the token by its hash');
is(Desk::sql("SELECT count(*) FROM desk.session WHERE encode(token_sha256, 'escape') LIKE '%$token%' OR network || agent LIKE '%$token%'"), 0,
	'and not the token');
is(Clerk->new->sign_in(uc " $login ", $password)->{status}, 303, 'capitals and blanks around a login do not matter');

my $wrong = Clerk->new->sign_in($login, 'not the password');
my $unknown = Clerk->new->sign_in('nobody-here', 'not the password');
Desk::sql("INSERT INTO desk.staff (login, name, active) VALUES ('gone$$', 'Gone', true)");
my ($left, $left_password) = Clerk::add("left$$", 'Left');
Desk::sql("UPDATE desk.staff SET active = false WHERE login IN ('gone$$', '$left')");
my $inactive = Clerk->new->sign_in($left, $left_password);
my $without = Clerk->new->sign_in("gone$$", 'not the password');
is($wrong->{status}, 403, 'a wrong password is refused');
is($_->[1]{status} . still($_->[1]), $wrong->{status} . still($wrong), "$_->[0] gets the same answer to the byte")
	for [ 'an unknown login', $unknown ], [ 'somebody who has left', $inactive ], [ 'an account without a password', $without ];
is(join(' ', map { lc } sort keys %{ $unknown->{headers} }), join(' ', map { lc } sort keys %{ $wrong->{headers} }), 'with the same headers');
like($wrong->{body}, qr/<title>Error: Sign in/, 'the title says that it failed');
unlike($wrong->{body}, qr/not the password/, 'the password is not sent back');
ok(!defined $wrong->{headers}{'set-cookie'}, 'no cookie is set');

my $stored = Desk::sql("SELECT encode(c.tag_sha256, 'hex') FROM desk.credential c JOIN desk.staff s ON s.id = c.staff WHERE s.login = '$login'");
is(Clerk->new->sign_in($login, $stored)->{status}, 403, 'what is stored is not a password');
is(Clerk->new->sign_in("$login' OR true --", $password)->{status}, 403, 'a quote in a login is a letter');

# A known and an unknown login cost the same work; the KDF is most of it.
no_limits();
my %took = (known => 0, unknown => 0);
for (1 .. 3) {
	for ([ known => $login ], [ unknown => 'nobody-here' ]) {
		my $from = time;
		Clerk->new->sign_in($_->[1], 'not the password');
		$took{ $_->[0] } += time - $from;
	}
}
cmp_ok($took{unknown}, '>', $took{known} / 3, 'an unknown login is not refused faster');

# Odd passwords --------------------------------------------------------------

no_limits();
my %form = $desk->form($desk->get('/login')->{body}, '/login');
delete @form{qw(login password)};
sub try_body { Clerk->new->post('/login', $_[0]) }
is(Clerk->new->sign_in($login, '')->{status}, 422, 'an empty password is not even computed');
is(Clerk->new->sign_in('', $password)->{status}, 422, 'nor is one without a login');
is(try_body(Desk::encode_form(%form, login => $login) . '&password=a%00b')->{status}, 400, 'a NUL byte is refused');
is(try_body(Desk::encode_form(%form, login => $login) . '&password=%ff%fe')->{status}, 400, 'bytes that are no text are refused');
is(try_body(Desk::encode_form(%form, login => $login) . '&password=' . 'x' x 1_000_000)->{status}, 413, 'a password of a megabyte is too much');
is(Clerk->new->sign_in($login, 'x' x 1001)->{status}, 422, 'a password of 1,001 characters is told so');
is(Clerk->new->sign_in($login, 'x' x 1000)->{status}, 403, 'one of 1,000 is tried');
is(try_body(Desk::encode_form(%form, login => $login, password => $password) . '&admin=1')->{status}, 400, 'an unknown field is refused');
is(try_body(Desk::encode_form(%form, login => $login, password => 'x') . '&password=' . Desk::escape($password))->{status}, 400,
	'a field sent twice is refused');
is(Clerk->new->request('PUT', '/login')->{status}, 405, 'PUT is not taken');

# Where it leads -------------------------------------------------------------

no_limits();
is(Clerk->new->sign_in($login, $password, ticket => '17')->{headers}{location}, '/staff/tickets/17', 'from a ticket it leads back there');
for my $elsewhere ('//evil.example', '/evil', 'https://evil.example', '17/../..', '0', '-1', '1 2', '99999999999') {
	my $answer = Clerk->new->sign_in($login, $password, ticket => $elsewhere);
	my $to = $answer->{headers}{location} // 'nowhere';
	ok($answer->{status} == 422 || $to eq '/staff', "never to \"$elsewhere\"") or diag "$answer->{status} $to";
}
like(Clerk->new->get('/login?ticket=17')->{body}, qr/name="ticket" value="17"/, 'the page carries the number');
like(Clerk->new->get('/login?ticket=//evil')->{body}, qr/name="ticket" value=""/, 'and nothing else');
is(Clerk->new->get('/staff/tickets/17')->{headers}{location}, '/login?ticket=17', 'a ticket page sends to the sign-in with its number');
is(Clerk->new->get('/staff')->{headers}{location}, '/login', 'the queue sends to the sign-in');

# Forms of others ------------------------------------------------------------

sub post_login { my ($fields, %headers) = @_; Clerk->new->post('/login', { login => $login, password => $password, ticket => '', %$fields }, %headers) }
is(post_login({})->{status}, 403, 'without a form token nobody signs in');
is(post_login({ csrf => 'x' x 56 })->{status}, 403, 'nor with a made-up one');
my $kept = post_login({ csrf => 'old' });
like($kept->{body}, qr/value="\Q$login\E"/, 'the login that was typed stays');
unlike($kept->{body}, qr/\Q$password\E/, 'the password does not');
is(post_login({ csrf => $form{csrf} }, 'Sec-Fetch-Site' => 'cross-site')->{status}, 403, 'another site cannot sign anybody in');
is(post_login({ csrf => $form{csrf} }, Origin => 'https://evil.example')->{status}, 403, 'whatever way its browser says so');
is(post_login({ csrf => $form{csrf} }, Origin => $ENV{NIGHTDESK_URL})->{status}, 303, 'our own page can');

# Sessions -------------------------------------------------------------------

no_limits();
my ($fixed, $fixed_password) = Clerk::add();
my $victim = Clerk->new;
my $planted = 'A' x 43;
$victim->keep_cookie("__Host-session=$planted; Path=/");
$victim->sign_in($fixed, $fixed_password);
isnt($victim->cookie('session'), $planted, 'a session is never one that the browser brought along');
my $first = $victim->cookie('session');
$victim->sign_in($fixed, $fixed_password);
isnt($victim->cookie('session'), $first, 'each sign-in makes a new one');
is(sessions($fixed), 1, 'and ends the one before in this browser');
is(Clerk->new->get('/staff', Cookie => "__Host-session=$first")->{status}, 303, 'the old token opens nothing');
is(Clerk->new->get('/staff', Cookie => "session=" . $victim->cookie('session'))->{status}, 303,
	'a cookie without its __Host- name does not count');

for (1 .. 6) { Clerk->new->sign_in($fixed, $fixed_password) }
is(sessions($fixed), 5, 'nobody has more than five sessions');
is($victim->get('/staff')->{status}, 303, 'the oldest was ended');

my $here = Clerk->new;
$here->sign_in($fixed, $fixed_password);
my $other = Clerk->new(headers => { 'User-Agent' => 'Other Browser' });
$other->sign_in($fixed, $fixed_password);
my $list = $here->get('/login/sessions');
is($list->{status}, 200, 'one sees where one is signed in');
like($list->{body}, qr/Other /, 'by which browser');
like($list->{body}, qr/127\.0\.0\.1/, 'and from which network');
is(() = $list->{body} =~ /This one/g, 1, 'this session is marked');
is(Clerk->new->get('/login/sessions')->{headers}{location}, '/login', 'strangers are sent to the sign-in');

my %end = $here->form($list->{body}, '/login/sessions/end');
my $others = Desk::sql("SELECT id FROM desk.session WHERE token_sha256 = sha256('" . $other->cookie('session') . "')");
is($other->post('/login/sessions/end', { csrf => $end{csrf}, session => $others })->{status}, 403, 'a form of another session is not taken');
is($here->post('/login/sessions/end', { csrf => $end{csrf}, session => $others })->{status}, 303, 'a session can be ended from another');
is($other->get('/staff')->{status}, 303, 'and is over at once');
my $foreign = Desk::sql("SELECT s.id FROM desk.session s JOIN desk.staff p ON p.id = s.staff WHERE p.login = '$login' LIMIT 1");
my $had = sessions($login);
$here->post('/login/sessions/end', { csrf => $end{csrf}, session => $foreign });
is(sessions($login), $had, 'nobody ends a session of somebody else');
is($here->post('/login/sessions/end', { csrf => $end{csrf} })->{status}, 303, 'all others can be ended');
is(sessions($fixed), 1, 'only this one is left');
is($here->get('/staff')->{status}, 200, 'and it goes on');

my %out = $here->form($here->get('/staff')->{body}, '/logout');
is($here->get('/logout')->{status}, 405, 'no link can sign anybody out');
is($here->post('/logout', { csrf => $end{csrf} })->{status}, 403, 'nor can a form made for something else');
is($here->get('/staff')->{status}, 200, 'the session lives on');
my $over = $here->cookie('session');
my $bye = $here->post('/logout', \%out);
is($bye->{status}, 303, 'signing out');
is($bye->{headers}{'clear-site-data'}, '"cache"', 'takes the pages out of the browser');
ok(!defined $here->cookie('session'), 'and the cookie');
is(Clerk->new->get('/staff', Cookie => "__Host-session=$over")->{status}, 303, 'the session is over in the database, too');
is($here->post('/logout', {})->{status}, 303, 'signing out twice does no harm');

# How long -------------------------------------------------------------------

no_limits();
my $clerk = Clerk->new;
$clerk->sign_in($fixed, $fixed_password);
my $id = Desk::sql("SELECT id FROM desk.session WHERE token_sha256 = sha256('" . $clerk->cookie('session') . "')");
Desk::sql("UPDATE desk.session SET seen_at = now() - interval '29 minutes' WHERE id = $id");
is($clerk->get('/staff')->{status}, 200, 'after 29 idle minutes one is still signed in');
Desk::sql("UPDATE desk.session SET seen_at = now() - interval '31 minutes' WHERE id = $id");
is($clerk->get('/staff')->{status}, 303, 'after 31 no longer');
Desk::sql("UPDATE desk.session SET seen_at = now(), made_at = now() - interval '721 minutes' WHERE id = $id");
is($clerk->get('/staff')->{status}, 303, 'nor after twelve hours of work');
Desk::sql("UPDATE desk.session SET made_at = now() WHERE id = $id");
Desk::sql("UPDATE desk.staff SET active = false WHERE login = '$fixed'");
is($clerk->get('/staff')->{status}, 303, 'who is no longer active is out at once');
Desk::sql("UPDATE desk.staff SET active = true WHERE login = '$fixed'");

# Too often ------------------------------------------------------------------

no_limits();
Desk::sql("UPDATE desk.limiter SET most = 3 WHERE name = 'login-account'");
Clerk->new->sign_in($fixed, 'guess') for 1 .. 3;
my $limited = Clerk->new->sign_in($fixed, $fixed_password);
is($limited->{status}, 429, 'after too many wrong passwords even the right one has to wait');
cmp_ok($limited->{headers}{'retry-after'}, '<=', 900, 'a quarter of an hour at most');
cmp_ok($limited->{headers}{'retry-after'}, '>', 800, 'and says how long');
like($limited->{body}, qr/Wait 15 minutes/, 'in words, too');
is(Clerk->new->sign_in($login, $password)->{status}, 303, 'others are not held up');
my $from = time;
Clerk->new->sign_in($fixed, 'guess');
cmp_ok(time - $from, '<', 0.15, 'a limited guess costs us no computation') or diag 'slow machine?';
Desk::sql("UPDATE desk.limit_count SET window_at = now() - interval '901 seconds'");
is(Clerk->new->sign_in($fixed, $fixed_password)->{status}, 303, 'then it works again');
Clerk->new->sign_in('ghost', 'guess') for 1 .. 3;
is(Clerk->new->sign_in('ghost', 'guess')->{status}, 429, 'an unknown login is limited just the same');
is(Desk::sql("SELECT count(*) FROM desk.limit_count WHERE subject ~ 'ghost|$fixed'"), 0, 'no login is written down by this');
Desk::sql("UPDATE desk.limiter SET most = 10 WHERE name = 'login-account'");
no_limits();
Desk::sql("UPDATE desk.limiter SET most = 4 WHERE name = 'login-network'");
Clerk->new->sign_in("spray$_", 'Summer2026') for 1 .. 4;
is(Clerk->new->sign_in($login, $password)->{status}, 429, 'one network cannot try many logins');
no_limits();
Clerk->new->sign_in($login, $password) for 1 .. 6;
is(Clerk->new->sign_in($login, $password)->{status}, 303, 'signing in rightly is never too often');
Desk::sql("UPDATE desk.limiter SET most = 50 WHERE name = 'login-network'");
no_limits();

# Mail to you ----------------------------------------------------------------

no_limits();
my $reader = Clerk->new;
my ($me, $my_password) = Clerk::add();
$reader->sign_in($me, $my_password);
my $staff = Desk::sql("SELECT id FROM desk.staff WHERE login = '$me'");
sub contact { return Desk::sql("SELECT concat_ws(' ', coalesce(mail, 'none'), coalesce(asked_mail, 'none'), digest, digest_at, quiet_from, quiet_until, zone) FROM desk.staff_contact WHERE staff = $staff") }
is(Clerk->new->get('/login/contact')->{headers}{location}, '/login', 'strangers have no mail to set');
my $mine = $reader->get('/login/contact');
is($mine->{status}, 200, 'one can say how one wants mail');
my %want = $reader->form($mine->{body}, '/login/contact');
is_deeply([@want{qw(mail digest digest_at quiet_from quiet_until zone)}], ['', 'at once', '08:00', '', '', 'UTC'], 'at first it is none, at once');
my $bad = $reader->post('/login/contact', { %want, mail => 'no address', digest => 'weekly', digest_at => '25:00', quiet_from => '22:00', zone => 'Mars/Olympus' });
is($bad->{status}, 422, 'what will not do is said');
like($bad->{body}, qr/id="$_-e"/, "... beside $_") for qw(mail digest_at quiet_until zone);
like($bad->{body}, qr/value="Mars\/Olympus"/, 'and stays typed');
is(contact(), '', 'nothing was changed');
is($reader->post('/login/contact', { %want, csrf => 'x', mail => 'me@example.com' })->{status}, 403, 'only our own form');
is($reader->post('/login/contact', { %want, extra => 1 })->{status}, 400, 'with its own fields');
my $saved = $reader->post('/login/contact', { %want, mail => 'me@example.com', digest => 'daily', digest_at => '07:30', quiet_from => '22:00', quiet_until => '06:00', zone => 'Europe/Berlin' });
is($saved->{headers}{location}, '/login/contact?done=saved', 'a good one is saved');
is(contact(), 'none me@example.com daily 450 1320 360 Europe/Berlin', 'all but the address, which has to be confirmed');
my $asked = Desk::sql("SELECT address || E'\n' || body FROM desk.outbox WHERE kind = 'confirm' AND staff = $staff");
my ($code) = $asked =~ /^me\@example\.com\n.*\n\t(\S{12})\n/s;
ok($code, 'it gets a code');
is(Desk::sql("SELECT count(*) FROM desk.staff_contact c WHERE c::text LIKE '%$code%'"), 0, '... which is not stored');
my $waiting = $reader->get('/login/contact?done=saved');
like($waiting->{body}, qr/Is me\@example\.com yours\?/, 'the page asks for it');
like($waiting->{body}, qr/checked[^>]*><label for="digest-3"/, 'and shows what was chosen');
my %confirm = $reader->form($waiting->{body}, '/login/contact/confirm');
is($reader->post('/login/contact/confirm', { %confirm, code => 'x' x 12 })->{headers}{location}, '/login/contact?done=wrong', 'another code is wrong');
like($reader->get('/login/contact?done=wrong')->{body}, qr/not the code that we sent/, '... and is said to be');
my $thief = Clerk->new;
$thief->sign_in(Clerk::add());
my %theirs = $thief->form($thief->get('/login/contact')->{body}, '/login/contact');
is($thief->post('/login/contact/confirm', { csrf => $theirs{csrf}, code => $code })->{headers}{location}, '/login/contact?done=wrong', 'a code is for one account');
is($reader->post('/login/contact/confirm', { %confirm, code => uc " $code " })->{headers}{location}, '/login/contact?done=saved', 'the right one counts');
is(contact(), 'me@example.com none daily 450 1320 360 Europe/Berlin', 'and the address is used from now on');
$reader->post('/login/contact', { %want, mail => 'me@example.com' });
is(contact(), 'me@example.com none at once 480 UTC', 'the rest can be changed without a new code');
$reader->post('/login/contact', { %want, mail => "other$_\@example.com" }) for 1 .. 3;
is(Desk::sql("SELECT count(*) FROM desk.outbox WHERE kind = 'confirm' AND staff = $staff"), 3, 'nobody can have us write to more than three addresses a day');
like(contact(), qr/^me\@example\.com /, 'meanwhile the old one stays');
Desk::sql("UPDATE desk.session SET fresh_until = now() WHERE staff = $staff");
my $stale = $reader->post('/login/contact', { %want, mail => '' });
is($stale->{status}, 403, 'who has not shown lately who they are cannot switch mail off');
like($stale->{body}, qr{Nothing was changed yet.*href="/login/again\?to=contact"}s, '... and is led to do so');
is($reader->post('/login/contact/confirm', { %confirm, code => 'x' })->{headers}{location}, '/login/again?to=contact', 'or to confirm another address');
%form = $reader->form($reader->get('/login/again?to=contact')->{body}, '/login/again');
is($reader->post('/login/again', { %form, password => $my_password })->{headers}{location}, '/login/contact', 'and back');
is($reader->post('/login/contact', { %want, mail => '' })->{status}, 303, 'mail can be switched off');
is(contact(), 'none none at once 480 UTC', '... and is');
is(Desk::sql("SELECT address || ' ' || subject FROM desk.outbox WHERE kind = 'account' AND staff = $staff"), 'me@example.com Your account: address changed', 'the address that it was is told');
no_limits();

# The command ----------------------------------------------------------------

sub command {
	my ($input, @args) = @_;
	my $pid = open(my $run, '|-') // die;
	if ($pid == 0) {
		open STDERR, '>', '/dev/null';
		open STDOUT, '>', '/dev/null';
		exec(($ENV{NIGHTDESK_BUILD} // 'build') . '/login', @args) or die;
	}
	local $SIG{PIPE} = 'IGNORE';
	print $run $input;
	close $run;
	return $? >> 8;
}
is(command('', '--help'), 0, 'the command explains itself');
is(command('', '--nonsense'), 64, 'wrong usage is 64');
is(command("eleven char\n", '--add-staff', "new$$", 'New'), 65, 'eleven characters are too few for a password');
is(command("my new$$ is long\n", '--add-staff', "new$$", 'New'), 65, 'a password must not hold the login');
is(command('', '--add-staff', "new$$", 'New'), 65, 'no password is none');
is(command("long enough to be one\n", '--add-staff', "Not A Login", 'New'), 65, 'a login has small letters and no blanks');
is(command("long enough to be one\n", '--add-staff', $login, 'New'), 65, 'a login that is taken stays theirs');
is(command("long enough to be one\n", '--set-password', "nobody$$"), 67, 'an unknown login is 67');
is(Clerk->new->sign_in($login, $password)->{status}, 303, 'the old password still works');
is(command("another long one\n", '--set-password', $login), 0, 'a password can be set');
is(sessions($login), 0, 'which ends all sessions');
is(Clerk->new->sign_in($login, $password)->{status}, 403, 'the old password is over');
is(Clerk->new->sign_in($login, 'another long one')->{status}, 303, 'the new one works');
{
	local $ENV{PGUSER} = 'desk_login';
	is(command("long enough to be one\n", '--add-staff', "sneak$$", 'Sneak'), 1, 'the program\'s own role cannot make staff');
	is(command("long enough to be one\n", '--set-password', $login), 1, 'nor set a password');
}
is(Desk::sql("SELECT count(*) FROM desk.staff WHERE login = 'sneak$$'"), 0, 'and did not');
like(Desk::sql('SELECT min(memory_kib) || \' \' || min(passes) FROM desk.credential'), qr/^65536 3$/, 'passwords cost 64 MiB and three passes');

# The log --------------------------------------------------------------------

{
	open(my $log, '<', "$ENV{DESK_LOG}/login.log") or die "login.log: $!";
	my $text = do { local $/; <$log> };
	like($text, qr/$_/, "the log says: $_") for 'info: request=\S+ signed in', 'warning: request=\S+ sign-in refused', 'warning: request=\S+ sign-in limited';
	unlike($text, qr/not the password|\Q$password\E|another long one/, 'no password is in the log');
	unlike($text, qr/\Q$token\E/, 'no session token either');
}

done_testing;
