# Class 29, the Host header as a source of addresses.  Fences: the desk's address
# comes from its configuration and from nowhere else; a name that is not ours
# gets no answer from the web server.
use strict;
use warnings;
use utf8;
use IO::Socket::INET;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

Desk::start_anew();
no_limits();
sql("INSERT INTO desk.ticket (subject, kind, severity) VALUES ('One', 'bug', 3); INSERT INTO desk.message (ticket, author, body) VALUES (1, 'requester', 'Text')");

# The server, asked for another name.
sub raw {
	my ($head) = @_;
	my ($where) = $ENV{DESK_HTTP} =~ m{//(.*)};
	my $to = IO::Socket::INET->new(PeerAddr => $where, Timeout => 10) or die $!;
	print $to $head;
	local $/;
	return <$to> // '';
}
sub answered {
	my @faults;
	for my $host ('evil.example', 'desk.example.evil.example', 'desk.example@evil.example', 'evil.example:80', '[::1]', 'xdesk.example') {
		my $said = raw("GET / HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n");
		push @faults, "$host gets something of ours" if $said =~ /Nightdesk|evil/;
	}
	push @faults, 'no name gets something of ours' if raw("GET / HTTP/1.0\r\n\r\n") =~ /Nightdesk/;
	for my $twice ("Host: desk.example\r\nHost: evil.example", "Host: evil.example\r\nHost: desk.example", "Host : evil.example", "Host: desk.example\r\n evil.example") {
		my $said = raw("GET / HTTP/1.1\r\n$twice\r\nConnection: close\r\n\r\n");
		push @faults, "\"$twice\" is answered" if $said =~ /^HTTP\S+ 200/;
	}
	push @faults, 'our own name gets nothing' if raw("GET / HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n") !~ /Nightdesk/;
	return @faults;
}
bites('a name that is not ours gets nothing of ours', \&answered, 'the server for other names' => sub {
	without_config(qr/server_name desk\.example|ServerName nobody\.invalid/, $ENV{DESK_SERVER} eq 'nginx' ? 'server_name evil.example desk.example' : 'ServerName other.invalid') })
	if $ENV{DESK_SERVER} eq 'nginx';
is_deeply([ answered() ], [], 'a name that is not ours gets nothing of ours') if $ENV{DESK_SERVER} ne 'nginx';

# The programs, should it come through all the same.
my %claims = (HTTP_HOST => 'evil.example', SERVER_NAME => 'evil.example', HTTP_X_FORWARDED_HOST => 'evil.example', HTTP_FORWARDED => 'host=evil.example', HTTP_X_ORIGINAL_HOST => 'evil.example');
my %worker = map { $_ => Worker->run($_, NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates") } qw(submit ticket list);
sub believed {
	my @faults;
	for my $route (grep { $worker{ $_->{program} } && $_->{method} eq 'GET' } routes()) {
		my $path = $route->{path} =~ s/:template/bug/r =~ s/:\w+/1/gr;
		my $answer = $worker{ $route->{program} }->ask(%claims, REQUEST_URI => $path);
		push(@faults, "$path: no answer"), next if !$answer->{status};
		push @faults, "$path says $1" if "$answer->{head}\n$answer->{body}" =~ /(.{0,30}evil.{0,30})/;
	}
	my %fields = Desk->new->fields($worker{submit}->ask(%claims, REQUEST_URI => '/report/bug'), '/report/bug');
	Desk::take_your_time();
	my $done = $worker{submit}->ask(%claims, REQUEST_URI => '/report/bug', body => Desk::encode_form(%{ { %fields, subject => 'Broken', body => 'x', mail => 'a@desk.example',
		not_similar => 1, do => 'send' } }));
	push @faults, "not filed: $done->{status}" if $done->{status} != 303;
	push @faults, 'the receipt leads there' if $done->{head} =~ /evil/;
	push @faults, 'the mail leads there' if sql("SELECT string_agg(body || subject || coalesce(unfollow, ''), ' ') FROM desk.outbox") =~ /evil/;
	return @faults;
}
bites('no page, redirect or mail believes it', \&believed, 'the address in the configuration' => sub {
	$worker{list}->weaker('cgi-bin/list.c', 'page_set(page, "SELF", link_with(r, "/tickets.atom", "", ""));', 'page_set(page, "SELF", web_param(r, "Host"));') });
done_testing;
