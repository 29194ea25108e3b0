package Clerk;
# A visitor (Desk.pm) who may have an account: makes staff by the command,
# signs in through the page, and looks at cookies.
#
#	my $clerk = Clerk->signed_in;		somebody new, signed in
#	my ($login, $password) = Clerk::add();	only the account
#	my $answer = Clerk->new->sign_in($login, $password);
#	my %form = $clerk->form($page->{body}, '/logout');
use strict;
use warnings;
use parent 'Desk';

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

1;
