package Clerk;
# A visitor (Desk.pm) who may have an account: makes staff by the command,
# signs in through the page, and looks at cookies.
#
#	my $clerk = Clerk->signed_in;		somebody new, signed in
#	my ($login, $password) = Clerk::add();	only the account
#	my $answer = Clerk->new->sign_in($login, $password);
#	my %form = $clerk->form($page->{body}, '/logout');
#	my $secret = $clerk->add_app;		set up an app, in $clerk->{codes} the recovery codes
#	Clerk::code($secret)			what the app shows now
use strict;
use warnings;
use parent 'Desk';
use Digest::SHA 'hmac_sha1';

my $count = 0;

# The fields of the form with this action, as a browser would send them.
sub form {
	my ($me, $body, $action) = @_;
	$body =~ s/&#10;/\n/g;
	return $me->fields({ body => $body }, $action);
}

# The value of a cookie by its bare name, undef without one.
sub cookie {
	my ($me, $bare) = @_;
	for my $jar (values %{ $me->{cookies} }) {
		for my $name (keys %$jar) {
			return $jar->{$name} if $name =~ /^(__Host-|__Secure-)?\Q$bare\E$/;
		}
	}
	return undef;
}

# Make a member of the staff by the command; returns (login, password).
sub add {
	my ($login, $name) = @_;
	$count++;
	$login //= "clerk$$-$count";
	my $password = "a long password $$ $count";
	my $program = ($ENV{NIGHTDESK_BUILD} // 'build') . '/login';
	open(my $command, '|-', $program, '--add-staff', $login, $name // "Clerk $$ $count")
		or die "cannot run $program: $!";
	print $command "$password\n";
	close $command or die "login --add-staff failed: $?\n";
	return ($login, $password);
}

sub sign_in {
	my ($me, $login, $password, %more) = @_;
	my %fields = $me->fields($me->get('/login'), '/login');
	return $me->post('/login', { %fields, login => $login, password => $password, %more });
}

# A browser that is signed in as somebody new.
sub signed_in {
	my ($class, @who) = @_;
	my ($login, $password) = add(@who);
	my $me = $class->new(login => $login, password => $password);
	my $answer = $me->sign_in($login, $password);
	die "sign-in gave $answer->{status}\n" unless $answer->{status} == 303;
	$me->{id} = Desk::sql("SELECT id FROM desk.staff WHERE login = '$login'");
	return $me;
}

# The code of an app (RFC 6238) with this secret, as people read it, in the
# half minute that is now or so many after it.
sub code {
	my ($secret, $later) = @_;
	my $bits = join '', map { sprintf '%05b', index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_ } split //, $secret =~ s/ //gr;
	my $mac = hmac_sha1(pack('Q>', int(time / 30) + ($later // 0)), pack 'B160', $bits);
	my $at = ord(substr $mac, -1) & 15;
	return sprintf '%06d', (unpack('N', substr $mac, $at, 4) & 0x7fffffff) % 1_000_000;
}

# Set up an app through the pages.
sub add_app {
	my ($me) = @_;
	my $page = $me->get('/login/factor/app');
	my %fields = $me->form($page->{body}, '/login/factor/app');
	my ($secret) = $page->{body} =~ m{id="secret">([A-Z2-7 ]+)<} or die "no secret: $page->{status}";
	my $answer = $me->post('/login/factor/app', { %fields, code => code($secret, -1) });
	$me->{codes} = [ $answer->{body} =~ m{<li>([a-z2-7-]{19})</li>}g ];
	die "no app: $answer->{status}" unless $answer->{status} == 200 || $answer->{status} == 303;
	return $secret;
}

1;
