package Gpg;

# gpg with a home of its own, for the time of one test: real keys, real
# messages, and the only place where a secret key is.
#
#	my $gpg = Gpg->new;
#	my $print = $gpg->make('Support <support@desk.example>');
#	my $text = $gpg->run($input, '--armor', '--encrypt', '-r', $print);
use strict;
use warnings;
use File::Temp 'tempdir';
use POSIX ();

my ($owner, @homes) = ($$);

sub new {
	my ($class) = @_;
	# short: the agent's socket is in it
	my $home = tempdir('nightdesk-gpg.XXXXXX', DIR => '/tmp', CLEANUP => 1);
	chmod 0700, $home;
	push @homes, $home;
	return bless { home => $home }, $class;
}

sub home { return $_[0]{home} }

# What it prints; dies with what it says when it fails.
sub run {
	my ($self, $input, @options) = @_;
	my ($status, $out, $err) = $self->try($input, @options);
	die "gpg @options: $err" if $status;
	return $out;
}

# Its exit status, what it prints and what it says.
sub try {
	my ($self, $input, @options) = @_;
	open(my $file, '+>', undef) or die $!;
	binmode $file;
	print $file $input // '';
	seek $file, 0, 0;
	open(my $said, '+>', undef) or die $!;
	local $ENV{GNUPGHOME} = $self->{home};
	my $pid = open(my $out, '-|') // die "fork: $!";
	if (!$pid) {
		open(STDIN, '<&', $file);
		open(STDERR, '>&', $said);
		exec('gpg', '--batch', '--yes', '--quiet', '--no-tty', '--trust-model', 'always',
			'--pinentry-mode', 'loopback', '--passphrase', '', @options) or POSIX::_exit(127);
	}
	binmode $out;
	my $printed = do { local $/; <$out> } // '';
	close $out;
	my $status = $? >> 8;
	seek $said, 0, 0;
	my $words = do { local $/; <$said> } // '';
	return ($status, $printed, $words);
}

# A new key with a subkey that encrypts; its fingerprint.
sub make {
	my ($self, $name, %with) = @_;
	my @base = exists $with{time} ? ('--faked-system-time', $with{time}) : ();
	my $ends = $with{ends} // 'never';
	$self->run('', @base, '--quick-generate-key', $name, $with{primary} // 'ed25519', 'cert', $ends);
	my $print = $self->fingerprint($name);
	my $sub = exists $with{encrypts} ? $with{encrypts} : 'cv25519';
	$self->run('', @base, '--quick-add-key', $print, $sub, 'encrypt', $ends) if $sub;
	return $print;
}

sub fingerprint {
	my ($self, $name) = @_;
	$name =~ s/.*<(.*)>.*/$1/;
	my ($print) = $self->run('', '--with-colons', '--list-keys', $name) =~ /^fpr:+([0-9A-F]+):/m;
	return $print;
}

# Offer a key on the forms of the desk under test, as its operator would.
sub publish {
	my ($self, @prints) = @_;
	my $program = ($ENV{NIGHTDESK_BUILD} // 'build') . '/publish';
	for my $print (@prints) {
		local $ENV{PGUSER};
		delete $ENV{PGUSER};
		open(my $command, '|-', "$program --yes - >/dev/null") or die "publish: $!";
		binmode $command;
		print $command $self->run('', '--export', $print);
		close $command or die "publish failed: $?";
	}
}

# Before the directories go, and until its sockets are gone: an agent that
# misses them removes what File::Temp is about to.
END {
	local ($?, $@);
	for my $home ($$ == $owner ? @homes : ()) {
		local $ENV{GNUPGHOME} = $home;
		system('gpgconf --kill all >/dev/null 2>&1');
		for (1 .. 100) {
			last unless grep { -S } glob "$home/S.*";
			select undef, undef, undef, 0.02;
		}
	}
}

1;
