# Class 28, private pages in caches.  Fences: every answer says no-store unless its
# route is marked as public; public programs are shown no cookie, so that their
# pages are the same for everybody; nothing but a whole public page is kept.
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
sql(q{INSERT INTO desk.ticket (subject, kind, severity) VALUES ('One', 'bug', 3);
INSERT INTO desk.ticket (subject, kind, severity, visibility) VALUES ('canary-two', 'bug', 3, 'private');
INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'Text' FROM desk.ticket});
my $staff = cookie(session => session('cached'));
my $mine = cookie(link => link_of(2));
my $both = "$staff; $mine";

sub plain { return join "\n", $_[0]{status}, $_[0]{headers}{'cache-control'} // '', $_[0]{body} =~ s/server-time" content="[^"]*"//gr =~ s/\b[0-9a-f]{32}\b//gr =~ s/value="[\w-]{55}"//gr =~ s/\d+/0/gr }

# A page may be kept if it is the same for everybody, and not otherwise.
sub kept {
	my @faults;
	for my $route (grep { $_->{method} eq 'GET' } routes()) {
		my $path = $route->{path} =~ s{^(/my/|/staff/tickets/):number}{${1}2}r =~ s/:template/bug/r =~ s/:\w+/1/gr;
		my ($with, $without) = (ask('GET', $path, cookie => $both), ask('GET', $path));
		for ($with, $without) {
			my $control = $_->{headers}{'cache-control'} // '';
			push @faults, "$path: \"$control\"" if $control !~ /^(?:no-store|no-cache|public, max-age=30, stale-if-error=86400)$/;
			push @faults, "$path is private and may be kept" if $control =~ /public/ && $route->{path} =~ m{^/(?:my|staff|login|logout|r|follow|unfollow|page|duty/feed)\b};
			push @faults, "$path has something private and may be kept" if $control !~ /no-store/ && $_->{body} =~ /canary|name="(?:csrf|logout_csrf)"/;
			push @faults, "$path is no page and may be kept" if $control =~ /public/ && $_->{status} != 200;
			push @faults, "$path may be kept with a cookie" if $control !~ /no-store/ && $_->{headers}{'set-cookie'};
		}
		push @faults, "$path differs by cookies and may be kept" if ($with->{headers}{'cache-control'} // '') =~ /public/ && plain($with) ne plain($without);
	}
	return @faults;
}
is_deeply([ kept() ], [], 'what may be kept is the same for everybody');
is(scalar(grep { ask('GET', $_, cookie => $both)->{body} =~ /canary-two/ } '/my/2', '/staff/tickets/2'), 2, '... and there is something private to see');

my $ticket = Worker->run('ticket', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
bites('the page behind a secret link is kept by nobody', sub {
		my $answer = $ticket->ask(REQUEST_URI => '/my/2', HTTP_COOKIE => $mine);
		return "status $answer->{status}" if $answer->{status} != 200;
		return $answer->{headers}{'cache-control'} eq 'no-store' ? () : $answer->{headers}{'cache-control'} },
	'its mark in the table of routes' => sub { $ticket->weaker('cgi-bin/ticket.c', '"/my/:number", show_mine, WEB_SECRET', '"/my/:number", show_mine, WEB_PUBLIC') });
bites('a refusal is kept by nobody', sub {
		my $control = $ticket->ask(REQUEST_URI => '/tickets/2')->{headers}{'cache-control'};
		return $control eq 'no-store' ? () : $control },
	'the look at the status' => sub { $ticket->weaker('lib/web.c', 'status != 200 && status != 304)', 'status == 0)') });

{
	# Each place that may keep shows its program no cookie and ignores what it says of cookies.
	my $check = sub {
		my ($text) = @_;
		my @faults;
		while ($text =~ /^\tlocation ([^{]*)\{\n(.*?)^\t\}/gms) {
			my ($where, $inside) = ($1, $2);
			push @faults, "${where}keeps and shows cookies" if $inside =~ /fastcgi_cache \w+/ && $inside !~ /set \$desk_cookie ""/;
			push @faults, "${where}keeps what is private" if $inside =~ /fastcgi_cache \w+/ && $where =~ m{/(?:my|staff|login|r|follow|page)\b};
		}
		push @faults, 'the key has no theme' if $text !~ /fastcgi_cache_key \$request_method\$request_uri\$desk_theme;/;
		push @faults, 'how long is decided there' if $text =~ /fastcgi_cache_valid/;
		return @faults;
	};
	my $text = slurp('nginx.conf.example') =~ s/^\s*#.*\n//gmr;
	is_deeply([ $check->($text) ], [], 'nginx keeps nothing but public pages, shown without cookies');
	isnt(scalar $check->($text =~ s/set \$desk_cookie "";//r), 0, '... without which that would be noticed');
	isnt(scalar $check->($text =~ s/uri\$desk_theme;/uri;/r), 0, '... and so would the theme');
}
done_testing;
