# Class 26, redirects to where somebody else wants.  Fences: no parameter says
# where to go; the page that a form stood on must be one of ours; and the
# skeleton sends nobody but to a path of ours.
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
sql("INSERT INTO desk.ticket (subject, kind, severity) VALUES ('One', 'bug', 3)");
my @elsewhere = ('https://evil.example/', '//evil.example/', '/\\evil.example/', 'https://desk.example.evil.example/', 'https://desk.example@evil.example/',
	'https://desk.example//evil.example/', 'https://desk.example/\\evil.example', 'https:evil.example', "https://desk.example/\t/evil.example", 'javascript:alert(1)',
	'https://desk.example/%2f%2fevil.example', '/%5cevil.example', "https://desk.example/\x{e4}");

sub leads_away {
	my ($where) = @_;
	return $where !~ m{^/(?:[!-.0-\[\]-~][!-\[\]-~]*)?\z};
}

# Every route, with every name that others give such a parameter.
my @names = qw(next url return returnTo return_url redirect redirect_uri continue goto dest back to from place referer);
my $staff = cookie(session => session('away'));
my $mine = cookie(link => link_of(1));
sub of_the_desk {
	my @faults;
	my %link = ('/r/:token' => link_of(1), '/follow/:token' => link_of(1, 'a@desk.example', 'follow'), '/unfollow/:token' => link_of(1, 'b@desk.example', 'follow'));
	my ($count, $n) = (0, 0);
	for my $route (routes()) {
		my $path = $route->{path} =~ s/:token/$link{ $route->{path} } || 'x'/er =~ s/:template/bug/r =~ s/:\w+/1/gr;
		for my $evil ($elsewhere[ $n++ % 3 ]) {
			my $query = Desk::encode_form(map { $_ => $evil } @names);
			for my $cookie ($path =~ m{^/(?:staff|log)} ? ('', $staff) : $path =~ m{^/my} ? $mine : '') {
				next if $cookie && $path =~ m{/logout|/end$};
				my $answer = ask($route->{method}, "$path?$query", cookie => $cookie, Referer => $evil, body => $route->{method} eq 'POST' ? 'theme=dark' : undef, 'X-Forwarded-Host' => 'evil.example');
				my $where = $answer->{headers}{location} // next;
				$count++;
				push @faults, "$route->{method} $path leads to $where" if leads_away($where);
			}
		}
	}
	return (@faults, $count < 10 ? "only $count redirects" : ());
}
is_deeply([ of_the_desk() ], [], 'no route leads away, whatever it is asked with');

# Paths that look like hosts.
for my $path ('//evil.example', '//evil.example/..', '/\\evil.example', '/%5cevil.example', '/%2f%2fevil.example', '/tickets//evil.example', '/static//evil.example') {
	my $answer = ask('GET', $path);
	ok(!defined $answer->{headers}{location} || !leads_away($answer->{headers}{location}), "$path leads nowhere else");
}

my $list = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
sub of_a_form {
	return map {
		my $answer = $list->ask(REQUEST_URI => '/prefs', body => 'theme=dark', HTTP_REFERER => $_);
		my $where = $answer->{headers}{location} // 'nowhere';
		leads_away($where) ? "from \"$_\" to \"$where\"" : ();
	} @elsewhere;
}
bites('a form leads back to a page of ours only', \&of_a_form,
	'the look at where it stood and the skeleton' => sub {
		$list->weaker('cgi-bin/list.c', q{referer[n + 1] == '/' ||}, '', 'lib/web.c', q{ || path[1] == '/'}, '') });
done_testing;
