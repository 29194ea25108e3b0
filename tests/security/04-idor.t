# Class 4: who may read or change which ticket.  Everybody tries every route
# with every object; what they get is the table tests/security/matrix, and a
# route without a line in it fails.  The fences: desk.link_open() and
# desk.session_own(), which alone say what a token opens, and the public
# copies, which have no row for what is private.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

my $world = World->make;
my @viewers = @World::viewers;

# -- the table -----------------------------------------------------------------

my (%wanted, %line_of);
my $number = 0;
for my $line (split /\n/, slurp('tests/security/matrix')) {
	$number++;
	next if $line =~ /^\s*(#|$)/;
	my ($method, $path, $object, @cells) = split ' ', $line;
	$wanted{"$method $path $object"} = \@cells;
	$line_of{"$method $path $object"} = $number;
}

# A redirect to the sign-in is no leave to go on.
sub cell {
	my ($answer) = @_;
	return 'login' if $answer->{status} == 303 && ($answer->{headers}{location} // '') =~ m{^/login(\?|$)};
	return $answer->{status};
}

# The token of a form of ours for a route: the viewer's own, or that of
# somebody who can open the page on which the form is.
my %opened;
sub opened {
	my ($path, $cookie) = @_;
	return $opened{"$path $cookie"} //= ask('GET', $path, cookie => $cookie);
}

my %shows = map { $_->{path} => 1 } grep { $_->{method} eq 'GET' } routes();
sub page_of {
	my ($route, $path) = @_;
	my $object = $world->{object};
	return $path if $shows{ $route->{path} } && $path ne '/login';
	return "/tickets/$object->{public}" if $path =~ m{^/tickets/};
	return "/my/$1" if $path =~ m{^/my/(\d+)};
	return "/staff/tickets/$1" if $path =~ m{^/staff/tickets/(\d+)};
	return "/staff/$1" if $path =~ m{^/staff/(\w+)};
	return '/report/bug' if $path =~ m{^/report/};
	return '/staff' if $path eq '/logout';
	return "/login/$1" if $path =~ m{^/login/(sessions|contact|factor)};
	return $path;
}

sub body_for {
	my ($route, $path, $viewer, $object) = @_;
	return '' if $path =~ m{^/(un)?follow/|^/page/|^/prefs|^/report/security};
	my $at = page_of($route, $path);
	for my $who ($viewer, 'staff', 'A') {
		my $page = opened($at, $world->jar($who, $object));
		$page = opened($at =~ s/\d+$/$world->{object}{private}/r, $world->jar($who, 'private')) if $page->{status} != 200;
		next if $page->{status} != 200;
		my $form = ask_form($page, $path);
		return { map { $_ => $form->{$_} } grep { /^(token|csrf|version|seen)$/ } keys %$form } if $form;
		my @fields = $page->{body} =~ m{<input type="hidden" name="(csrf|token)" value="([^"]+)">}g;
		return { @fields[-2, -1] } if @fields;
	}
	return '';
}

my @rows;	# {route, object, path, key}
for my $route (routes()) {
	for my $target ($world->targets($route)) {
		my ($words, $path, $object) = @$target;
		push @rows, { %$route, words => $words, target => $path, object => $object, key => "$route->{method} $route->{path} $words" };
	}
	ok(scalar($world->targets($route)), "it is known what to ask \"$route->{path}\" for") if $route->{path} =~ /:/;
}

sub look {
	my ($row, $viewer) = @_;
	my $cookie = $world->jar($viewer, $row->{object});
	return ask($row->{method}, $row->{target}, cookie => $cookie,
	    $row->{method} eq 'POST' ? (body => body_for($row, $row->{target}, $viewer, $row->{object})) : ());
}

# Forms that come back faster than people type are asked about.
for my $row (grep { $_->{method} eq 'POST' } @rows) {
	body_for($row, $row->{target}, $_, $row->{object}) for @viewers;
}
Desk::take_your_time();

my (%seen, %answers);
sub try_rows {
	my ($when) = @_;
	for my $row (@rows) {
		for my $i (0 .. $#viewers) {
			next unless $when->($row, ($wanted{ $row->{key} } // [])->[$i] // '', $viewers[$i]);
			my $answer = look($row, $viewers[$i]);
			$seen{ $row->{key} }[$i] = cell($answer);
			$answers{ $row->{key} }[$i] = $answer if $row->{method} eq 'GET';
		}
	}
}

# Who has signed out can do nothing else.
@rows = ((grep { $_->{path} ne '/logout' } @rows), grep { $_->{path} eq '/logout' } @rows);

sub is_refused {
	my ($row, $cell, $viewer) = @_;
	return 1 if $row->{method} eq 'GET';
	return 0 if $row->{path} eq '/logout';
	return $cell =~ /^(40[1345]|login)$/ || $row->{path} =~ m{^/(staff|login)/} && $viewer ne 'staff';
}

my $before = fingerprint();
try_rows(\&is_refused);
is(fingerprint(), $before, 'who only looks, and who is refused, has changed nothing');
try_rows(sub { return !is_refused(@_) });

# -- what they got ---------------------------------------------------------------

my @faults;
for my $row (@rows) {
	my $key = $row->{key};
	if (!$wanted{$key}) {
		push @faults, "no line for \"$key\": @{ $seen{$key} }";
		next;
	}
	for my $i (0 .. $#viewers) {
		push @faults, "$key: $viewers[$i] got $seen{$key}[$i], not " . ($wanted{$key}[$i] // 'that') . " (line $line_of{$key})"
		    if $seen{$key}[$i] ne ($wanted{$key}[$i] // '');
	}
	delete $wanted{$key};
}
push @faults, map { "no route for the line \"$_\"" } sort keys %wanted;
is(scalar @faults, 0, scalar(@rows) . ' routes with their objects give to ' . @viewers . ' viewers what the table says')
    or diag(join "\n", @faults);

if ($ENV{DESK_MATRIX}) {
	open my $to, '>', $ENV{DESK_MATRIX} or die;
	printf $to "%-4s %-37s %-9s" . (' %-9s' x $#viewers) . " %s\n", $_->{method}, $_->{path}, $_->{words}, @{ $seen{ $_->{key} } } for @rows;
}

# -- private is absent -------------------------------------------------------------

sub all_of {
	my ($answer) = @_;
	my %headers = %{ $answer->{headers} };
	delete @headers{qw(date x-request-id)};
	return join "\n", $answer->{status}, (map { "$_: " . (ref $headers{$_} ? "@{ $headers{$_} }" : $headers{$_}) } sort keys %headers),
	    $answer->{bytes} =~ s/server-time" content="[^"]*"//r;
}

my ($same, @differ) = (0);
for my $row (grep { $_->{method} eq 'GET' } @rows) {
	for my $i (0 .. $#viewers) {
		my $answer = $answers{ $row->{key} }[$i];
		next unless $answer->{status} == 404 && $row->{path} =~ /:number|:token/ && $row->{words} ne 'absent';
		my $absent = $answers{"$row->{method} $row->{path} absent"}[$i] or next;
		$same++;
		push @differ, "$row->{key}: $viewers[$i]" if all_of($answer) ne all_of($absent);
	}
}
is("@differ", '', "what one may not see is answered as what is not there, to the byte, headers too ($same times)");
cmp_ok($same, '>', 50, '... which was often enough');
unlike($answers{'GET /tickets/:number merged'}[0]{body}, qr/\Q$world->{object}{private}\E</, 'a ticket merged into a private one does not name it');

# the one that the tests above have signed out
$world->{session}{staff} = session('staff');

# -- without the fences ------------------------------------------------------------

sub again {
	my ($pattern) = @_;
	return sub {
		my @wrong;
		for my $row (grep { $_->{method} eq 'GET' && $_->{key} =~ $pattern } @rows) {
			for my $i (0 .. $#viewers) {
				my $got = cell(look($row, $viewers[$i]));
				push @wrong, "$row->{key}: $viewers[$i] got $got" if $got ne $seen{ $row->{key} }[$i];
			}
		}
		return @wrong;
	};
}

bites('a secret link opens one ticket, and only while it is good', again(qr{/my/:number (public|private|other)}),
	'the number in desk.link_open()' => sub { weaken('desk.link_open(text,integer,text)', qr/AND \(wanted IS NULL OR x.ticket = wanted\)/, '') },
	'the revocation in desk.link_open()' => sub { weaken('desk.link_open(text,integer,text)', qr/AND x.revoked_at IS NULL/, '') },
	'the purpose in desk.link_open()' => sub { weaken('desk.link_open(text,integer,text)', qr/AND x.purpose = what/, '') });
bites('a session is somebody of the staff, at work, and now', again(qr{/staff/tickets/:number (private)|/staff -}),
	'"active" in desk.session_own()' => sub { weaken('desk.session_own(text)', qr/ AND p.active/, '') },
	'the half hour in desk.session_lives()' => sub {
		my $guard = weaken('desk.session_lives(timestamptz, timestamptz)', qr/'00:30:00'/, "'1 year'");
		return Security::Guard->new(sub { undef $guard; $world->outdate });
	},
	'the token in desk.session_own()' => sub { weaken('desk.session_own(text)', qr/x.token_sha256 = sha256\([^\n]*\n/, "true\n") });
bites('a private ticket has no public copy', again(qr{GET /tickets/:number(/why)? private}),
	'the absence of a row in desk.public_ticket' => sub {
		my $n = $world->{object}{private};
		return Security::without("SELECT desk.publish_ticket(t) FROM desk.ticket t WHERE number = $n", "DELETE FROM desk.public_ticket WHERE number = $n");
	});

done_testing;
