# Class 12: guessing passwords, and having us write mail to others.  The fences:
# desk.limit_take(), counted in the database by account, network and address;
# and the mail to an address that nobody has proven, which has no word of the
# one who typed it.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;
use Security;

# -- guesses -------------------------------------------------------------------------

Desk::start_anew();
my ($login, $password) = Clerk::add();
sql('UPDATE desk.credential SET memory_kib = 19456, passes = 2; DELETE FROM desk.limit_count');
sub guesses {
	my ($n) = @_;
	sql('DELETE FROM desk.limit_count');
	my %got;
	my $clerk = Clerk->new;
	my %form = %{ ask_form($clerk->get('/login'), '/login') };
	$got{ ask('POST', '/login', body => { %form, login => $login, password => "guess $_" })->{status} }++ for 1 .. $n;
	return \%got;
}
sub too_many {
	my $got = guesses(16);
	return $got->{429} && $got->{429} >= 4 ? () : 'sixteen guesses were all computed';
}
bites('after some wrong guesses no more are computed', \&too_many,
	'the count in desk.limit_take() and desk.limit_wait()' => sub {
		my $take = weaken('desk.limit_take(text,text)', qr/RETURN now_taken <= l\.most/, 'RETURN true');
		my $wait = sql(q{SELECT p.oid::regprocedure FROM pg_proc p WHERE p.proname = 'limit_wait'});
		my $second = weaken($wait, sub { s/(AS \$\w*\$).*(\$\w*\$)\s*\z/$1 SELECT 0 $2/s && s/LANGUAGE plpgsql/LANGUAGE sql/ || s/RETURN \(?.*\z/RETURN 0/s });
		return Security::Guard->new(sub { undef $second; undef $take });
	});
guesses(16);
is(Clerk->new->sign_in($login, $password)->{status}, 429, 'then the right one has to wait, too');

# a thousand, as the functions of the sign-in count them
my $took = sql(qq{DELETE FROM desk.limit_count; SELECT count(*) FILTER (WHERE wait_seconds = 0) FROM generate_series(1, 1000) n,
	LATERAL (SELECT CASE WHEN desk.limit_take('login-account', 'a thousand' || left(n::text, 0)) THEN 0 ELSE 1 END AS wait_seconds) x});
cmp_ok($took, '<=', 20, 'of a thousand tries on an account a handful count');

# -- mail to somebody else ---------------------------------------------------------------

Desk::start_anew();
sql("UPDATE desk.limiter SET most = 100000 WHERE name IN ('submit', 'message', 'follow')");
sub bombs {
	my ($mail) = @_;
	sql(qq{SELECT count(*) FROM generate_series(1, 100) n, LATERAL api.submit(key_sha256 => encode(sha256(('$mail' || n)::bytea), 'hex'), link => '$mail' || n, visitor => 'v' || n, template => 'bug',
		subject => 'Buy canarysubject ' || n, body => 'Come to canarybody http://evil.example ' || n, body_html => '<p>x</p>', renderer => 1, severity => '3', product => NULL, blocked => 'no', tried => NULL,
		answers => NULL, visibility => 'public', name => 'canaryname', mail => '$mail', check_only => false, not_security => true, not_similar => true, production_down => false)});
	my ($count, $said) = split /\|/, sql(qq{SELECT count(*), coalesce(string_agg(concat_ws(' ', o.subject, o.body), ' '), '') FROM desk.outbox o LEFT JOIN desk.person p ON p.id = o.person
		WHERE o.address = '$mail' OR p.mail = '$mail'} =~ s/\n//gr), 2;
	return ((($count // 0) > 3 ? "a hundred reports made $count mails" : ()), map { "the mail says \"$_\"" } ($said // '') =~ /(canary\w+|evil\.example)/);
}
my @faults = bombs('victim@example.org');
is(join("\n", @faults[0 .. ($#faults > 3 ? 3 : $#faults)]), '', 'a hundred reports in somebody\'s name make three mails at most, with no word of theirs');
cmp_ok(sql('SELECT count(*) FROM desk.ticket'), '>=', 100, '... though all were filed');
bites('it holds for the next address, too', sub { return bombs('next' . int(rand 1e6) . '@example.org') },
	'the count in desk.limit_take()' => sub { weaken('desk.limit_take(text,text)', qr/RETURN now_taken <= l\.most/, 'RETURN true') });
my $public = sql(q{SELECT min(number) FROM desk.public_ticket});
sql(qq{SELECT count(*) FROM generate_series(1, 100) n, LATERAL api.ticket_follow($public, 'f' || n, 'third\@example.org')});
cmp_ok(sql(q{SELECT count(*) FROM desk.outbox o LEFT JOIN desk.person p ON p.id = o.person WHERE p.mail = 'third@example.org' OR o.address = 'third@example.org'}), '<=', 3, 'a hundred times "tell me" makes three mails at most');

done_testing;
