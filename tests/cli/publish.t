# The command that publishes keys: which it takes, which it refuses and why,
# and that a refused one leaves nothing behind, in the database or on disk.
use strict;
use warnings;
use File::Temp 'tempdir';
use Test::More;
use lib 'tests/lib';
use Command;
use Database 'sql';
use Gpg;

my $program = Command::built('publish');
Database::make('publish');
my $scratch = tempdir(CLEANUP => 1);

sub run { return Command::run($program, @_) }
sub feed { return Command::feed($program, @_) }

my $gpg = Gpg->new;
my $good = $gpg->make('Support Desk <support@desk.example>');
my $armoured = $gpg->run('', '--armor', '--export', $good);

my $r = run('--check');
is($r->{exit}, 0, 'a desk without a key is well');
is($r->{out}, "no key is published: the forms have no confidential part\n", '... and says what that means');
is(run('--list')->{out}, '', '... and has none to list');

# shown first
$r = feed($armoured, '-');
is($r->{exit}, 1, 'a key is not published before somebody has said yes');
like($r->{out}, qr/^Fingerprint  \Q@{[join ' ', $good =~ \/....\/g]}\E$/m, '... and its fingerprint is shown to compare');
like($r->{out}, qr/^Name +Support Desk <support\@desk\.example>$/m, '... and whose it says it is');
like($r->{err}, qr/no terminal to ask at; say --yes/, '... and how to say so without a terminal');
is(sql('SELECT count(*) FROM desk.confidential_key'), 0, '... and nothing is stored');

$r = feed($armoured, '--yes', '-');
is($r->{exit}, 0, 'with --yes it is published') or diag($r->{err});
like($r->{out}, qr/^It is published\.$/m, '... and says so');
is($r->{err}, '', '... and nothing else');
is(sql("SELECT fingerprint, address, wkd, algorithm, expires_at FROM desk.confidential_key"),
	join('|', $good, 'support@desk.example', wkd('support@desk.example'), 'cv25519', ''), '... with its address, and the name that gpg looks for in a web key directory');
my ($sub) = $gpg->run('', '--with-colons', '--list-keys', $good) =~ /^sub:[^:]*:[^:]*:[^:]*:([0-9A-F]{16})/m;
is(sql('SELECT key_ids FROM desk.confidential_key'), "{$sub}", '... by the subkey that encrypts, not the one that certifies');
is(sql("SELECT subject FROM desk.outbox"), 'A key for confidential parts was published', '... and the staff are told');
is(feed($armoured, '--yes', '-')->{out} =~ /^It is (.*)\.$/m && $1, 'known already', 'to publish it again changes nothing');
is(sql('SELECT count(*) FROM desk.outbox'), 1, '... and tells nobody');

# a file as well, and what others have signed is left out
my $other = $gpg->make('Other <other@desk.example>', encrypts => 'rsa3072');
open(my $file, '>', "$scratch/key.gpg") or die $!;
binmode $file;
print $file $gpg->run('', '--export', $other);
close $file;
is(run('--yes', "$scratch/key.gpg")->{exit}, 0, 'a binary file is taken, and a key of RSA with 3072 bits');
is(sql("SELECT algorithm FROM desk.confidential_key WHERE fingerprint = '$other'"), 'RSA 3072 bits', '... which is told');
is(run('--yes', "$scratch/none")->{exit}, 66, 'a file that is not there is told from a bad one');

# what gpg gets back is the key
my $reader = Gpg->new;
my $hex = sql("SELECT encode(packets, 'hex') FROM desk.confidential_key WHERE fingerprint = '$good'");
$reader->run(pack('H*', $hex), '--import');
is($reader->fingerprint('support@desk.example'), $good, 'what is stored is the key itself');

# refused
my $week = $gpg->make('Late <late@desk.example>', time => '20200101T000000', ends => '20200201T000000');
my $gone = $gpg->make('Gone <gone@desk.example>');
open($file, '<', $gpg->home . "/openpgp-revocs.d/$gone.rev") or die $!;
my $revocation = do { local $/; <$file> };
$revocation =~ s/^:(?=-----BEGIN)//m;
$gpg->run($revocation, '--import');
my %bad = (
	'a secret key' => [$gpg->run('', '--armor', '--export-secret-keys', $good), qr/it is a secret key/],
	'a secret key behind a public one' => [$gpg->run('', '--export', $other) . $gpg->run('', '--export-secret-keys', $good), qr/secret key in it/],
	'two keys' => [$gpg->run('', '--export', $good, $other), qr/more than one key/],
	'a key that encrypts nothing' => [$gpg->run('', '--export', $gpg->make('No <no@desk.example>', encrypts => '')), qr/no subkey that encrypts/],
	'a key that has expired' => [$gpg->run('', '--export', $week), qr/it has expired/],
	'a revoked key' => [$gpg->run('', '--export', $gone), qr/it is revoked/],
	'a short subkey' => [$gpg->run('', '--export', $gpg->make('Short <short@desk.example>', encrypts => 'rsa2048')), qr/a subkey that encrypts is weak/],
	'a short primary key' => [$gpg->run('', '--export', $gpg->make('Low <low@desk.example>', primary => 'rsa2048')), qr/primary key is weak/],
	'a message' => [$gpg->run('hello', '--armor', '--encrypt', '-r', $good), qr/not an OpenPGP public key/],
	'a text' => ["hello\n", qr/not an OpenPGP public key/],
	'half a key' => [substr($gpg->run('', '--export', $good), 0, 60), qr/not an OpenPGP public key|gpg/],
	'nothing' => ['', qr/not an OpenPGP public key/],
	'too much' => ['x' x 300000, qr/too large/],
);
my $before = sql("SELECT string_agg(k::text, ',' ORDER BY fingerprint) FROM desk.confidential_key k");
for my $what (sort keys %bad) {
	my ($text, $why) = @{ $bad{$what} };
	$r = feed($text, '--yes', '-');
	is($r->{exit}, 65, "$what is refused");
	like($r->{err}, $why, '... and says why');
}
is(sql("SELECT string_agg(k::text, ',' ORDER BY fingerprint) FROM desk.confidential_key k"), $before, 'nothing of all that is stored');
is_deeply([glob '/tmp/nightdesk-publish.*'], [], 'gpg has left nothing on the disk');

# renewed
my $ends = $gpg->make('Ends <ends@desk.example>', ends => '20d');
is(feed($gpg->run('', '--export', $ends), '--yes', '-')->{exit}, 0, 'a key that expires is taken while it is good');
is(sql("SELECT round(extract(epoch FROM expires_at - now()) / 86400) FROM desk.confidential_key WHERE fingerprint = '$ends'"), 20, '... with its date');
$r = run('--check');
is($r->{exit}, 1, '--check warns of it within 30 days');
like($r->{out}, qr/^\Q@{[join ' ', $ends =~ \/....\/g]}\E expires in 19 days/m, '... and names it');
$gpg->run('', '--quick-set-expire', $ends, '2y');
$gpg->run('', '--quick-set-expire', $ends, '2y', '*');
like(feed($gpg->run('', '--export', $ends), '--yes', '-')->{out}, qr/^It is renewed\.$/m, 'the same key with a later date renews it');
is(run('--check')->{exit}, 0, '... and all is well again');

# retired
is(run('--retire', lc $ends)->{exit}, 0, 'a key is retired by its fingerprint, however it is written');
is(run('--retire', 'AAAA')->{exit}, 64, '... which must be one');
is(sql("SELECT count(*) FROM desk.confidential_offered() WHERE fingerprint = '$ends'"), 0, '... and is not offered any more');
like(run('--list')->{out}, qr/^\Q@{[join ' ', $ends =~ \/....\/g]}\E\n    Ends <ends\@desk\.example>, cv25519\n    retired on /m, '... but listed');
is(run('--check', '--list')->{exit}, 64, 'one thing at a time');
is(run()->{exit}, 64, '... but one thing');
is(run('--help')->{exit}, 0, 'help is no mistake');

done_testing;

# The name by gpg itself.
sub wkd {
	my ($address) = @_;
	my ($name) = $gpg->run('', '--with-wkd-hash', '--list-keys', $address) =~ /^ *([a-z0-9]{32})@/m;
	return $name;
}
