package Worker;
# One worker of a program, spoken to by FastCGI without a web server; also of
# a program that was built anew without one of its fences.
#
#	my $submit = Worker->run('submit');	under its own role
#	my $answer = $submit->ask(REQUEST_URI => '/report', body => 'a=b');
#						{status headers body}, {} when it hung up
#	my $said = $submit->bytes($bytes);	what is no request at all
#	my $guard = $submit->weaker('lib/web.c', 'if (bad)' => 'if (0)');
#						without these words, for as long as
#						the guard of Security.pm lives
use strict;
use warnings;
use utf8;
use Encode ();
use File::Basename qw(basename dirname);
use File::Temp 'tempdir';
use IO::Socket::UNIX;
use POSIX ();
use Desk;
use Security ();

my $place = tempdir('worker-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $made = 0;

sub spill {
	my ($file, $text) = @_;
	open my $to, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $to $text;
	close $to or die "$file: $!";
}

# Words of a text replaced; a mutation that changes nothing is none.
sub change {
	my ($name, $text, $from, $to) = @_;
	my $before = $text;
	if (ref $from) { $text =~ s/$from/$to/ }
	elsif ((my $at = index $text, $from) >= 0) { substr($text, $at, length $from) = $to }
	die "nothing to change in $name: $from" if $text eq $before;
	return $text;
}

# What make would run to make a target again after a change of some files.
sub commands {
	my ($target, @files) = @_;
	my @said = `make --no-print-directory -n @{[ map { "-W $_" } @files ]} $target 2>&1`;
	die "make -n $target: @said" if $?;
	my $text = join '', @said;
	$text =~ s/\\\n\s*/ /g;
	return split /\n/, $text;
}

sub run_line {
	my ($line) = @_;
	my $said = `$line 2>&1`;
	die "$line\n$said" if $?;
}

# Only the changed files are compiled: the archive gives what they do not.
sub build {
	my ($program, @changes) = @_;
	my $b = relative($ENV{NIGHTDESK_BUILD} // 'build');
	my $dir = "$place/" . ++$made;
	my (@objects, %text);
	mkdir $dir;
	while (my ($file, $from, $to) = splice @changes, 0, 3) {
		$text{$file} = change($file, $text{$file} // Security::slurp($file), $from, $to);
	}
	my @lines = commands("$b/$program", sort keys %text);
	for my $file (sort keys %text) {
		my ($object, $copy) = ($file =~ s/\.cc?$/.o/r, "$dir/" . basename($file));
		spill($copy, $text{$file});
		my ($compile) = grep { m{ -o \Q$b/$object\E } } @lines or die "no command for $file";
		$compile =~ s{ -o \S+ }{ -o $copy.o };
		$compile =~ s{ \Q$file\E$}{ -I@{[ dirname($file) ]} $copy} or die "$compile?";
		$compile =~ s{-MMD -MP}{-Wno-error -w};
		run_line($compile);
		push @objects, "$copy.o";
	}
	my ($link) = grep { m{ -o \Q$b/$program\E } } @lines or die "no command for $program";
	my $replaced = exists $text{"cgi-bin/$program.c"};
	$link =~ s{ -o \S+ (\S+)}{ -o $dir/$program @{[ join ' ', $replaced ? () : $1, @objects ]}};
	run_line($link);
	chmod 0755, $place, $dir;
	return "$dir/$program";
}

sub relative {
	my ($path) = @_;
	my $here = POSIX::getcwd();
	return $path =~ s{^\Q$here\E/}{}r;
}

# --- a worker of its own ---------------------------------------------------------

sub run {
	my ($class, $program, %environment) = @_;
	my $me = bless { program => $program, environment => \%environment, owner => $$ }, $class;
	$me->start(($ENV{NIGHTDESK_BUILD} // 'build') . "/$program");
	return $me;
}

sub start {
	my ($me, $file) = @_;
	my $socket = "$place/" . ++$made . '.sock';
	my $listen = IO::Socket::UNIX->new(Local => $socket, Listen => 8) or die "$socket: $!";
	$me->stop;
	@$me{qw(socket log)} = ($socket, "$socket.log");
	$me->{pid} = fork // die "fork: $!";
	return if $me->{pid};
	delete $ENV{PGUSER};
	%ENV = (%ENV, %{ $me->{environment} });
	POSIX::dup2($listen->fileno, 0);
	open STDERR, '>', $me->{log};
	open STDOUT, '>&', \*STDERR;
	exec $file or POSIX::_exit(127);
}

sub stop {
	my ($me) = @_;
	return if !$me->{pid} || $me->{owner} != $$;
	kill 'TERM', $me->{pid};
	waitpid $me->{pid}, 0;
	delete $me->{pid};
}

sub DESTROY { my ($me) = @_; local ($?, $!); $me->stop }

# The same worker without a fence; put back when the guard goes.
sub weaker {
	my ($me, @changes) = @_;
	$me->start(build($me->{program}, @changes));
	return Security::Guard->new(sub { $me->start(($ENV{NIGHTDESK_BUILD} // 'build') . "/$me->{program}") });
}

# Somebody who has got into a handler: the home page of list says what this C
# gives as text, at "said".  More changes as weaker() has them.
sub intruder {
	my ($me, $code, @more) = @_;
	my $head = "show_home(struct request *r)\n{\n";
	return $me->weaker('cgi-bin/list.c', '#include <stdbool.h>', "#define _GNU_SOURCE\n#include <arpa/inet.h>\n#include <errno.h>\n#include <fcntl.h>\n#include <stdbool.h>\n"
	    . "#include <stdlib.h>\n#include <sys/mman.h>\n#include <sys/ptrace.h>\n#include <sys/socket.h>\n#include <unistd.h>",
	    'cgi-bin/list.c', $head, "$head\tconst char *said = \"\";\n\t{ $code }\n\treturn web_send(r, 200, \"text/plain\", said, strlen(said));\n", @more);
}

sub logged { return Security::slurp($_[0]{log}) }

sub alive { return waitpid($_[0]{pid}, POSIX::WNOHANG()) == 0 }

sub record {
	my ($type, $content) = @_;
	return pack('CCnnCx', 1, $type, 1, length $content, 0) . $content;
}

sub pair {
	my ($name, $value) = @_;
	return join '', (map { $_ < 128 ? pack('C', $_) : pack('N', $_ | 0x80000000) } length $name, length $value), $name, $value;
}

# The bytes of a whole request.
sub request {
	my (%param) = @_;
	my $body = delete $param{body};
	%param = (REQUEST_METHOD => defined $body ? 'POST' : 'GET', REMOTE_ADDR => '192.0.2.1',
	    defined $body ? (CONTENT_LENGTH => length $body, CONTENT_TYPE => 'application/x-www-form-urlencoded') : (), %param);
	my $params = join '', map { pair($_, $param{$_}) } sort keys %param;
	my $bytes = record(1, pack('nC6', 1, 0, (0) x 5));
	$bytes .= record(4, substr($params, 0, 60000, '')) while length $params;
	$bytes .= record(4, '');
	$body //= '';
	$bytes .= record(5, substr($body, 0, 60000, '')) while length $body;
	return $bytes . record(5, '');
}

# Bytes in; what comes back until it hangs up.
sub bytes {
	my ($me, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $to = IO::Socket::UNIX->new(Peer => $me->{socket}) or die "$me->{socket}: $!";
	$to->timeout(20);
	print $to $bytes;
	$to->flush;
	$to->shutdown(1) if !length $bytes || $bytes !~ /\x01\x05\x00\x01\x00\x00\x00\x00\z/;
	local $/;
	return <$to> // '';
}

sub ask {
	my ($me, %param) = @_;
	my ($bytes, $out) = ($me->bytes(request(%param)), '');
	while (length $bytes >= 8) {
		my ($version, $type, $id, $size, $padding) = unpack 'CCnnC', substr $bytes, 0, 8, '';
		my $content = substr $bytes, 0, $size, '';
		substr $bytes, 0, $padding, '';
		$out .= $content if $type == 6;
	}
	return {} if $out eq '';
	my ($head, $body) = split /\r\n\r\n/, $out, 2;
	my %headers;
	for (split /\r\n/, $head) {
		my ($name, $value) = split /: /, $_, 2;
		push @{ $headers{ lc $name } }, $value;
	}
	return { status => $headers{status}[0], headers => { map { $_ => join "\n", @{ $headers{$_} } } keys %headers },
		head => $head, bytes => $body // '', body => Encode::decode('UTF-8', $body // '') };
}

1;
