# The second factor, as somebody who has one, who must get one, and who has
# stolen a password.
use strict;
use warnings;
use Test::More;
use IPC::Open3;
use POSIX 'WNOHANG';
use lib 'tests/lib';
use Clerk;

Desk::start_anew(); # with the limits that people have

sub no_limits { Desk::sql('DELETE FROM desk.limit_count') }
sub sessions { Desk::sql("SELECT count(*) FROM desk.session s JOIN desk.staff p ON p.id = s.staff WHERE p.login = '$_[0]'") }
sub stale { Desk::sql("UPDATE desk.session SET fresh_until = now() WHERE token_sha256 = sha256('" . $_[0]->cookie('session') . "')") }

# The first step with the right password; the browser then stands at /login/code.
sub half {
	my ($who) = @_;
	my $me = Clerk->new;
	my $answer = $me->sign_in($who->{login}, $who->{password}, ticket => 17);
	die "first step gave $answer->{status} $answer->{headers}{location}" unless ($answer->{headers}{location} // '') eq '/login/code?ticket=17';
	return $me;
}

sub second {
	my ($me, $code) = @_;
	my %fields = $me->form($me->get('/login/code?ticket=17')->{body}, '/login/code');
	return $me->post('/login/code', { %fields, code => $code });
}

# A code counts once, so the tests step on in time; the step they are at is
# forgotten where it is not what they are about.
sub forget_step { Desk::sql('UPDATE desk.factor_app SET last_step = 0') }

# Setting up -----------------------------------------------------------------

my $ann = Clerk->signed_in;
my $other = Clerk->new;
$other->sign_in($ann->{login}, $ann->{password});
Desk::sql("INSERT INTO desk.staff_contact (staff, mail) VALUES ($ann->{id}, 'ann\@desk.example')");
my $overview = $ann->get('/login/factor');
is($overview->{status}, 200, 'one sees how one signs in');
like($overview->{body}, qr{href="/login/factor/app"}, 'and can set up an app');
is(Clerk->new->get('/login/factor')->{headers}{location}, '/login', 'strangers are sent to the sign-in');

my $page = $ann->get('/login/factor/app');
is($page->{headers}{'cache-control'}, 'no-store', 'nobody keeps a copy of the page with the secret');
my ($secret) = $page->{body} =~ m{id="secret">([A-Z2-7 ]+)<};
is(length($secret =~ s/ //gr), 32, 'the secret has 160 bits');
like($page->{body}, qr{<svg class="qr".*?<rect x="4" y="4" width="7" height="1"/>}s, 'and stands there as a QR code');
unlike($page->{body}, qr{style=|data:}, 'that needs no style and no image');
my ($again) = $ann->get('/login/factor/app')->{body} =~ m{id="secret">([A-Z2-7 ]+)<};
isnt($again, $secret, 'each page has another one');
my %fields = $ann->form($page->{body}, '/login/factor/app');
my $wrong = $ann->post('/login/factor/app', { %fields, code => '000000' });
is($wrong->{status}, 422, 'a wrong first code sets up nothing');
like($wrong->{body}, qr{id="secret">\Q$secret\E<}, 'and the secret stays the same');
is(Desk::sql('SELECT count(*) FROM desk.factor_app'), 0, 'nothing is kept until the first code was right');
is($other->post('/login/factor/app', { %fields, code => Clerk::code($secret) })->{status}, 403, 'a form of another session is not taken');
is($ann->post('/login/factor/app', { %fields, sealed => 'ab' x 49, code => Clerk::code($secret) })->{status}, 403, 'nor a secret that we did not make');

$secret = $ann->add_app;
is(scalar @{ $ann->{codes} }, 10, 'with the first factor come ten recovery codes');
is(sessions($ann->{login}), 1, 'and all other sessions end');
is($ann->get('/staff')->{status}, 200, 'this one goes on');
is(Desk::sql("SELECT string_agg(what || ' by ' || by || ' from ' || network, ', ') FROM desk.factor_event WHERE staff = $ann->{id}"),
	'app added by self from 127.0.0.1', 'it is written down who did that, and from where');
like(Desk::sql("SELECT subject || body FROM desk.outbox WHERE staff = $ann->{id}"), qr/app added.*127\.0\.0\.1/s, 'and told by mail');
my $seed = unpack 'H*', pack 'B160', join '', map { sprintf '%05b', index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_ } split //, $secret =~ s/ //gr;
is(Desk::sql("SELECT length(sealed) || ' ' || position('\\x$seed'::bytea IN sealed) FROM desk.factor_app WHERE staff = $ann->{id}"), '49 0',
	'what is stored is not the secret');
is(Desk::sql("SELECT count(*) FROM desk.recovery_code WHERE encode(code_sha256, 'escape') LIKE '%$ann->{codes}[0]%'"), 0, 'nor a recovery code');
like($ann->get('/login/factor')->{body}, qr/10 of 10 are left/, 'how many codes are left is shown');
unlike($ann->get('/login/factor')->{body}, qr/\Q$ann->{codes}[0]\E/, 'the codes are not shown again');

# Two steps ------------------------------------------------------------------

my $thief = half($ann);
ok(!defined $thief->cookie('session'), 'the password alone makes no session');
is($thief->get('/staff')->{status}, 303, 'and opens nothing');
is(Clerk->new->get('/staff', Cookie => '__Host-session=' . $thief->cookie('half'))->{status}, 303, 'the half-done one is no session by another name');
is($thief->get('/login/factor')->{headers}{location}, '/login', 'nor does it lead to a new factor');
is(second($thief, Clerk::code($secret, 5))->{status}, 403, 'a wrong code is refused');
is(second($thief, '')->{status}, 422, 'and an empty one');
like($thief->get('/login/code?ticket=17')->{headers}{'permissions-policy'}, qr/publickey-credentials-get=\(self\)$/, 'this page may use passkeys');
unlike($ann->get('/staff')->{headers}{'permissions-policy'}, qr/publickey/, 'others do not ask to');

my $here = half($ann);
my $in = second($here, Clerk::code($secret));
is($in->{status}, 303, 'the code of the app signs in');
is($in->{headers}{location}, '/staff/tickets/17', 'and leads to where one was going');
is($here->get('/staff')->{status}, 200, 'the queue opens');
ok(!defined $here->cookie('half'), 'the half-done sign-in is over');
my $next = half($ann);
my $replay = second($next, Clerk::code($secret));
is($replay->{status}, 403, 'no code is taken twice');
is(second($next, Clerk::code($secret, -1))->{status}, 403, 'nor an earlier one after it');
is(second($next, substr(Clerk::code($secret, 1), 0, 3) . ' ' . substr Clerk::code($secret, 1), 3)->{status}, 303,
	'the next one is taken, a little early and with a blank in it');

# Two browsers with one code at once: the row is locked, one gets in.
forget_step();
my @race = (half($ann), half($ann));
my @forms = map { { $_->form($_->get('/login/code')->{body}, '/login/code') } } @race;
my $now = Clerk::code($secret);
my @pids;
for my $i (0, 1) {
	my $pid = fork // die;
	if (!$pid) {
		my $status = $race[$i]->post('/login/code', { %{ $forms[$i] }, code => $now })->{status};
		POSIX::_exit($status == 303 ? 1 : 0);
	}
	push @pids, $pid;
}
my $got_in = 0;
for (@pids) { waitpid $_, 0; $got_in += $? >> 8 }
is($got_in, 1, 'of two at once with the same code one gets in');

# Recovery codes -------------------------------------------------------------

no_limits();
is(second(half($ann), uc($ann->{codes}[0] =~ s/-/ /gr))->{status}, 303, 'a recovery code opens, however it is typed');
is(second(half($ann), $ann->{codes}[0])->{status}, 403, 'and only once');
like(Desk::sql("SELECT string_agg(what, ',') FROM desk.factor_event WHERE staff = $ann->{id}"), qr/recovery code used/, 'its use is written down');
like(Desk::sql("SELECT string_agg(subject, ',') FROM desk.outbox WHERE staff = $ann->{id}"), qr/recovery code used/, 'and told');
my $bob = Clerk->signed_in;
$bob->add_app;
my $bobs = half($bob);
is(second($bobs, $ann->{codes}[1])->{status}, 403, 'nobody else can use it');
is($ann->get('/login/factor')->{status}, 200, 'a session of before goes on');
my %form = $ann->form($ann->get('/login/factor')->{body}, '/login/factor/codes');
my $renewed = $ann->post('/login/factor/codes', \%form);
is(() = $renewed->{body} =~ m{<li>[a-z2-7-]{19}</li>}g, 10, 'ten new ones can be made');
is(second(half($ann), $ann->{codes}[1])->{status}, 403, 'then the old ones open nothing');
$ann->{codes} = [ $renewed->{body} =~ m{<li>([a-z2-7-]{19})</li>}g ];

# Guessing -------------------------------------------------------------------

no_limits();
forget_step();
$thief = half($ann);
second($thief, sprintf '%06d', (Clerk::code($secret) + 7 * $_) % 1_000_000) for 1 .. 5;
my $limited = second($thief, Clerk::code($secret));
is($limited->{status}, 429, 'after five wrong codes even the right one has to wait');
cmp_ok($limited->{headers}{'retry-after'}, '>', 800, 'and says how long');
like($limited->{body}, qr/Wait 15 minutes/, 'in words, too');
$thief = half($ann);
is(second($thief, Clerk::code($secret))->{status}, 429, 'beginning anew does not help');
is(second($thief, $ann->{codes}[2])->{status}, 429, 'a recovery code waits as well');
is(second($bobs, $bob->{codes}[2])->{status}, 303, 'others are not held up');
Desk::sql("UPDATE desk.limit_count SET window_at = now() - interval '901 seconds'");
is(second($thief, Clerk::code($secret))->{status}, 303, 'then it works again');
my $late = half($ann);
Desk::sql("UPDATE desk.half_session SET made_at = now() - interval '301 seconds'");
is($late->get('/login/code')->{headers}{location}, '/login', 'after five minutes one begins anew');
forget_step();
my $first = half($ann);
%form = $first->form($first->get('/login/code')->{body}, '/login/code');
is(half($ann)->post('/login/code', { %form, code => Clerk::code($secret) })->{status}, 403, 'the form of another browser is not taken');
my $mid = half($ann);
%form = $mid->form($mid->get('/login/code')->{body}, '/login/code');
Desk::sql("UPDATE desk.half_session SET made_at = now() - interval '301 seconds'");
my $over = $mid->post('/login/code', { %form, code => Clerk::code($secret) });
is($over->{status}, 403, 'a code that comes too late is refused');
like($over->{body}, qr/More than five minutes/, 'and says why');

# At once --------------------------------------------------------------------

# Two transactions: the first one stays open until the second has come to wait
# for it, or is through.  What the second one says.
sub at_once {
	my ($first, $second) = @_;
	my ($in, $out);
	my $one = open3($in, $out, undef, 'psql', '-XqAt');
	print $in "BEGIN;\n$first;\n\\echo open\n";
	$in->flush;
	while (defined(my $line = <$out>)) { last if $line eq "open\n" }
	local $ENV{PGAPPNAME} = 'second';
	my $two = open3(my $typed, my $said, undef, 'psql', '-XqAt', '-c', $second);
	close $typed;
	until (waitpid($two, WNOHANG) == $two || Desk::sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'second' AND wait_event_type = 'Lock'")) {}
	print $in "COMMIT;\n";
	close $in;
	waitpid $_, 0 for $one, $two;
	local $/;
	return <$said>;
}

Desk::sql(<<'END');
SELECT api.staff_add('race', 'Race', repeat('ab', 16), 65536, 3, repeat('cd', 32));
SELECT api.login_finish('race', repeat('cd', 32), 'net', 'n', 'a', 'race-a', NULL);
END
my $hashes = q{(SELECT array_agg(encode(sha256(convert_to('race' || i, 'UTF8')), 'hex')) FROM generate_series(1, 10) i)};
my $add = qq{SELECT api.factor_app_add('race-a', repeat('aa', 49), 1, $hashes, 'n')};
sub finish { "SELECT outcome FROM api.login_finish('race', repeat('$_[0]', 32), 'net', 'n', 'a', '$_[1]', NULL)" }
sub races { Desk::sql("SELECT string_agg(coalesce(s.factor, 'none'), ' ') FROM desk.session s JOIN desk.staff p ON p.id = s.staff WHERE p.login = 'race'") }
at_once(finish('cd', 'race-b'), $add);
is(races(), 'app', 'a sign-in by the password alone does not outlive a factor that is added meanwhile');
Desk::sql("DELETE FROM desk.factor_app WHERE staff = (SELECT id FROM desk.staff WHERE login = 'race')");
is(at_once($add =~ s/aa/bb/r, finish('cd', 'race-c')), "more\n", 'nor is it whole when the factor comes first');
my $password = "SELECT api.factor_password('race-a', repeat('cd', 32), repeat('ab', 16), 65536, 3, repeat('ee', 32), 'n')";
is(at_once($password, finish('cd', 'race-d')), "wrong\n", 'an old password opens nothing while it changes');
Desk::sql(finish('ee', 'race-half'));
is(at_once("SELECT api.factor_codes('race-a', $hashes, 'n')",
	"SELECT outcome FROM api.login_code('race-half', desk.factor_step(), NULL, NULL, NULL, NULL, 'race-e', NULL, 'n', 'a')"), "over\n",
	'a half-done sign-in does not end well after new codes were made');
Desk::sql("UPDATE desk.staff_rule SET factor = 'required'; SELECT api.factor_passkey_add('race-a', 'aabb', -7, repeat('ab', 64), 0, repeat('12', 32), 'k', NULL, 'n')");
like(at_once("SELECT api.factor_app_remove('race-a', 'n')", "SELECT api.factor_passkey_remove('race-a', (SELECT id FROM desk.passkey WHERE credential = '\\xaabb'), 'n')"),
	qr/cannot remove the last second factor/, 'of the last two that are removed at once one stays while one is required');
Desk::sql("UPDATE desk.staff_rule SET factor = 'optional'; DELETE FROM desk.passkey");

# Once more, for what is sensitive -------------------------------------------

no_limits();
forget_step();
stale($ann);
is($ann->get('/staff')->{status}, 200, 'ten minutes later one still works');
is($ann->get('/login/factor/app')->{headers}{location}, '/login/again?to=factor', 'but shows who one is before a factor changes');
%form = $ann->form($ann->get('/login/factor')->{body}, '/login/factor/app/remove');
is($ann->post('/login/factor/app/remove', \%form)->{headers}{location}, '/login/again?to=factor', 'or is removed');
is($ann->post('/login/factor/codes', \%form)->{headers}{location}, '/login/again?to=factor', 'or codes are made');
is($ann->get('/login/password')->{headers}{location}, '/login/again?to=password', 'or the password changes');
my %end = $ann->form($ann->get('/login/sessions')->{body}, '/login/sessions/end');
is($ann->post('/login/sessions/end', { csrf => $end{csrf} })->{headers}{location}, '/login/again?to=sessions', 'or other sessions end');
sub again {
	my ($me, $query, %typed) = @_;
	my %fields = $me->form($me->get("/login/again$query")->{body}, '/login/again');
	return $me->post('/login/again', { %fields, %typed });
}
is(again($ann, '', password => 'not the password', code => Clerk::code($secret))->{status}, 403, 'a wrong password does not do');
is(again($ann, '', password => $ann->{password}, code => '123456')->{status}, 403, 'nor a wrong code');
is(again($ann, '', password => $ann->{password})->{status}, 422, 'nor the password alone');
is($ann->get('/login/factor/app')->{status}, 303, 'and nothing has become fresh');
is(again($ann, '?to=factor', password => $ann->{password}, code => Clerk::code($secret))->{headers}{location}, '/login/factor', 'both do, and lead back');
is($ann->get('/login/factor/app')->{status}, 200, 'for ten minutes');
forget_step();
is(again($ann, '?ticket=17', password => $ann->{password}, code => Clerk::code($secret))->{headers}{location}, '/staff/tickets/17', 'to a ticket, too');
for my $page (qw(redact vulnerability)) {
	forget_step();
	is(again($ann, "?ticket=17&to=$page", password => $ann->{password}, code => Clerk::code($secret))->{headers}{location}, "/staff/tickets/17/$page",
		"and to its page $page");
}
for my $elsewhere ('//evil.example', 'https://evil.example', '/evil', '') {
	forget_step();
	is(again($ann, '?to=' . Desk::escape($elsewhere), password => $ann->{password}, code => Clerk::code($secret))->{headers}{location}, '/staff',
		"never to \"$elsewhere\"");
}
my $carl = Clerk->signed_in;
stale($carl);
is(again($carl, '?to=password', password => $carl->{password})->{headers}{location}, '/login/password', 'who has no second factor shows the password alone');

# Another password -----------------------------------------------------------

no_limits();
sub change {
	my ($me, %typed) = @_;
	my %fields = $me->form($me->get('/login/password')->{body}, '/login/password');
	return $me->post('/login/password', { %fields, %typed });
}
my $long = 'seven lamps on a quiet desk';
my $elsewhere = Clerk->new;
$elsewhere->sign_in($carl->{login}, $carl->{password});
is(change($carl, old => 'not the password', password => $long, again => $long)->{status}, 422, 'the old password must be right');
is(change($carl, old => $carl->{password}, password => $long, again => "$long.")->{status}, 422, 'the new one is typed twice the same');
for my $weak ('short', 'aaaaaaaaaaaa', 'abcabcabcabcabc', '123456789012', 'Password2026!', 'Summer2026!!!', 'P4ssw0rdP4ssw0rd', "x$carl->{login}x y", 'welcome to N1 nightdesk', 'qwertyuiop123') {
	is(change($carl, old => $carl->{password}, password => $weak, again => $weak)->{status}, 422, "\"$weak\" will not do");
}
my $changed = change($carl, old => $carl->{password}, password => $long, again => $long);
is($changed->{headers}{location}, '/login/factor?done=password', 'another password is set');
unlike(change($carl, old => $long, password => 'short', again => 'short')->{body}, qr/\Q$long\E/, 'no password is sent back');
is($elsewhere->get('/staff')->{status}, 303, 'other sessions end');
is($carl->get('/staff')->{status}, 200, 'this one goes on');
is(Clerk->new->sign_in($carl->{login}, $carl->{password})->{status}, 403, 'the old one opens nothing');
is(Clerk->new->sign_in($carl->{login}, $long)->{status}, 303, 'the new one does');
like(Desk::sql("SELECT string_agg(what, ',') FROM desk.factor_event WHERE staff = $carl->{id}"), qr/password changed/, 'it is written down');

# Required -------------------------------------------------------------------

no_limits();
Desk::sql("UPDATE desk.staff_rule SET factor = 'required'");
is($carl->get('/staff')->{headers}{location}, '/login', 'once a factor is required, who has none is out at once');
is($carl->get('/login')->{headers}{location}, '/login/factor', 'and is led to set one up');
my $dora = Clerk->new(password => $long);
is($dora->sign_in($carl->{login}, $long)->{headers}{location}, '/login/factor', 'as is who signs in');
like($dora->get('/login/factor')->{body}, qr/Set one up first/, 'that says why');
is($dora->get($_)->{headers}{location}, '/login', "$_ stays closed") for '/staff', '/login/sessions', '/login/contact', '/staff/duty', '/staff/pages';
is(Desk::sql_as('desk_staff', "SELECT count(*) FROM pg_catalog.pg_proc WHERE proname = 'staff_me'"), 1, 'in psql as well');
my $token = $dora->cookie('session');
ok(!eval { Desk::sql_as('desk_staff', "SELECT * FROM api.staff_me('$token')"); 1 }, 'the session opens nothing');
$dora->add_app;
is($dora->get('/staff')->{status}, 200, 'with an app all opens');
%form = $dora->form($dora->get('/login/factor')->{body}, '/login/factor/app/remove');
is($dora->post('/login/factor/app/remove', \%form)->{status}, 409, 'the last factor cannot be removed while one is required');
is($dora->get('/staff')->{status}, 200, 'and nothing has changed');
Desk::sql("UPDATE desk.staff_rule SET factor = 'optional'");
is($dora->post('/login/factor/app/remove', \%form)->{status}, 303, 'when it is not, it can');
is(Desk::sql("SELECT count(*) FROM desk.recovery_code c JOIN desk.staff s ON s.id = c.staff WHERE s.login = '$carl->{login}'"), 0, 'and the recovery codes go with it');
is(Clerk->new->sign_in($carl->{login}, $long)->{headers}{location}, '/staff', 'then the password is enough again');

# An operator helps ----------------------------------------------------------

sub command { return system("$ENV{NIGHTDESK_BUILD}/login", @_) >> 8 }
is(command('--reset-factor', $ann->{login}), 0, 'an operator removes the factor of somebody who has lost it');
is($ann->get('/staff')->{status}, 303, 'all their sessions end');
is($ann->sign_in($ann->{login}, $ann->{password})->{headers}{location}, '/staff', 'the password is enough then');
is(Desk::sql("SELECT by FROM desk.factor_event WHERE staff = $ann->{id} AND what = 'factors reset'"), $ENV{PGUSER}, 'it is written down who did it');
is(command('--end-sessions', $ann->{login}), 0, 'an operator ends all sessions of somebody');
is($ann->get('/staff')->{status}, 303, 'at once');
is(command('--end-sessions', 'nobody-here'), 67, 'an unknown login is told so');

# Passkeys that are none -----------------------------------------------------

no_limits();
my $eve = Clerk->signed_in;
$page = $eve->get('/login/factor/passkey');
like($page->{headers}{'permissions-policy'}, qr/publickey-credentials-create=\(self\)$/, 'the page that makes a passkey may do so');
%form = $eve->form($page->{body}, '/login/factor/passkey');
for my $junk ('x', 'AAAA', 'A' x 4096, '!!!!') {
	is($eve->post('/login/factor/passkey', { %form, credential => $junk, client => $junk, authenticator => $junk })->{status}, 422, 'junk is no passkey: ' . substr $junk, 0, 8);
	my $lone = Clerk->new;
	my %whole = $lone->form($lone->get('/login')->{body}, '/login/passkey');
	my $answer = $lone->post('/login/passkey', { %whole, credential => $junk, client => $junk, authenticator => $junk, signature => $junk });
	is($answer->{status}, length $junk > 1400 ? 422 : 403, 'and signs nobody in');
}
is(Desk::sql('SELECT count(*) FROM desk.passkey'), 0, 'nothing is kept of it');

# The log --------------------------------------------------------------------

my $log = join '', map { local (@ARGV, $/) = $_; <> } "$ENV{DESK_LOG}/login.log", "$ENV{DESK_LOG}/factor.log";
like($log, qr/$_/, "the log says: $_") for 'second step refused', 'second step limited', 'proof refused', 'app added', 'password changed';
unlike($log, qr/\Q$secret\E|\Q${\($secret =~ s{ }{}gr)}\E|$ann->{codes}[3]|\Q$long\E/, 'no secret, code or password is in the log');

done_testing;
