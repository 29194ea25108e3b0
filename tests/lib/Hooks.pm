package Hooks;
# A real receiver of webhooks on 127.0.0.1: keeps what it gets, answers as it
# is told, and checks signatures with an HMAC that is not ours.
#
#	my $hooks = Hooks->start($directory);
#	$hooks->url('/a')			http://127.0.0.1:PORT/a
#	$hooks->answer('/a', 500, 429)		the next two answers, then 200
#	my @got = $hooks->got;			{path headers body}
#	Hooks::signed($got, 'secret')		is it, by that secret?
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_base64);
use IO::Socket::INET;
use JSON::PP;

sub start {
	my ($class, $directory) = @_;
	my $listen = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die "listen: $!";
	my $me = bless { port => $listen->sockport, directory => $directory, owner => $$ }, $class;
	mkdir "$directory/answers";
	$me->{pid} = fork // die "fork: $!";
	$me->serve($listen) if $me->{pid} == 0;
	return $me;
}

sub DESTROY {
	my ($me) = @_;
	local ($?, $!);
	return unless $me->{pid} && $me->{owner} == $$;
	kill 'KILL', $me->{pid};
	waitpid $me->{pid}, 0;
}

sub url { my ($me, $path) = @_; return "http://127.0.0.1:$me->{port}$path" }

sub answer {
	my ($me, $path, @status) = @_;
	open my $file, '>', "$me->{directory}/answers/" . $path =~ s{/}{_}gr or die;
	print $file "@status";
	close $file;
}

sub got {
	my ($me) = @_;
	open my $file, '<', "$me->{directory}/got" or return;
	return map { decode_json($_) } <$file>;
}

sub forget { my ($me) = @_; unlink "$me->{directory}/got" }

sub next_answer {
	my ($me, $path) = @_;
	my $name = "$me->{directory}/answers/" . $path =~ s{/}{_}gr;
	open my $file, '<', $name or return 200;
	my @status = split ' ', <$file> // '';
	close $file;
	my $status = shift @status // 200;
	$me->answer($path, @status);
	return $status;
}

sub serve {
	my ($me, $listen) = @_;
	while (1) {
		my $client = $listen->accept or next;
		my ($line) = ($client->getline // '') =~ /^POST (\S+) HTTP/ or next;
		my %headers;
		while (defined(my $header = $client->getline)) {
			last if $header =~ /^\r?\n$/;
			$headers{ lc $1 } = $2 if $header =~ /^([^:]+):\s*(.*?)\r?\n/;
		}
		$client->read(my $body, $headers{'content-length'} // 0);
		open my $file, '>>', "$me->{directory}/got" or die;
		print $file encode_json({ path => $line, headers => \%headers, body => $body }), "\n";
		close $file;
		my $status = $me->next_answer($line);
		next if $status eq 'die';
		my $where = $status =~ /^30/ ? "Location: " . $me->url('/elsewhere') . "\r\n" : '';
		print $client "HTTP/1.1 $status As told\r\n${where}Content-Length: 4\r\nConnection: close\r\n\r\nword";
		close $client;
	}
}

sub signed {
	my ($got, $secret) = @_;
	my $text = "$got->{headers}{'webhook-id'}.$got->{headers}{'webhook-timestamp'}.$got->{body}";
	my $right = hmac_sha256_base64($text, $secret);
	$right .= '=' while length($right) % 4;
	return scalar grep { $_ eq "v1,$right" } split / /, $got->{headers}{'webhook-signature'};
}

1;
