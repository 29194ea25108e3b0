# The confidential part, for who encrypts by themselves: what gpg makes goes
# in and comes out for staff, who read it with gpg; whatever is not encrypted
# for the desk's key alone is refused, and leaves no trace anywhere.
use strict;
use warnings;
use utf8;
use Digest::SHA ();
use Encode ();
use File::Temp ();
use Test::More;
use lib 'tests/lib';
use Desk;
use Gpg;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);

my $gpg = Gpg->new;
my $tag = 'canary' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 16;
my $stranger = Desk->new;

sub spaced { return join ' ', $_[0] =~ /..../g }
sub filed { my ($answer) = @_; return (($answer->{headers}{location} // '') =~ m{^/my/(\d+)})[0] }

# No key, no confidential part.
Desk::sql('UPDATE desk.confidential_key SET retired_at = now()');
unlike($stranger->get('/report/bug')->{body}, qr/[Cc]onfidential part|name="sealed/, 'without a key there is no confidential part, and no word of one');
like($stranger->get('/keys')->{body}, qr/We have no key/, 'the page of the keys says that there is none');
is($stranger->get('/keys/support.asc')->{status}, 404, 'and there is nothing to download');
is($stranger->get('/.well-known/openpgpkey/hu/' . 'y' x 32)->{status}, 404, 'nor in the web key directory');

# Keys and where they are found.
my $ours = $gpg->make('Support <Support@desk.example>');
my $other = $gpg->make('Stranger <other@example.org>');
$gpg->publish($ours);
END { eval { Desk::sql('UPDATE desk.confidential_key SET retired_at = now() WHERE retired_at IS NULL') } if $ours }

my $page = $stranger->get('/keys');
is($page->{status}, 200, 'the page of the keys');
like($page->{body}, qr/\Q${\spaced($ours)}\E/, 'shows the fingerprint');
like($page->{body}, qr/gpg --armor [^<]*--recipient $ours --encrypt/, 'and the one command');
like($page->{body}, qr/What it protects from, and what not/, 'and what it does not do');
my $armoured = $stranger->get('/keys/support.asc');
is($armoured->{headers}{'content-type'}, 'application/pgp-keys', 'the download has the right type');
is($_->{headers}{'cache-control'}, 'no-cache', 'what holds keys is asked for each time, so that nobody uses one that was retired') for $page, $armoured;
like($page->{body}, qr{<code>gpg --locate-external-keys support\@desk\.example</code>}, 'gpg can find a key by its address, where the desk is at that place');
Desk::sql("UPDATE desk.confidential_key SET address = 'support\@example.org' WHERE fingerprint = '$ours'");
unlike($stranger->get('/keys')->{body}, qr/locate-external-keys/, '... and is not told to elsewhere');
Desk::sql("UPDATE desk.confidential_key SET address = 'support\@desk.example' WHERE fingerprint = '$ours'");
my $reader = Gpg->new;
$reader->run($armoured->{bytes}, '--import');
is($reader->fingerprint('support@desk.example'), $ours, 'and gpg reads the key from it');
my ($hash) = $gpg->run('', '--with-wkd-hash', '--list-keys', $ours) =~ /^ *([a-z0-9]{32})@/m;
for my $path ("hu/$hash?l=Support", "desk.example/hu/$hash?l=support", "hu/$hash") {
	my $found = $stranger->get("/.well-known/openpgpkey/$path");
	is("$found->{status} $found->{headers}{'content-type'}", '200 application/octet-stream', "the web key directory has it at $path");
	is($found->{headers}{'cache-control'}, 'no-cache', '... to be asked for each time');
	is(Gpg->new->run($found->{bytes}, '--show-keys', '--with-colons') =~ /^fpr:+([0-9A-F]+):/m ? $1 : '', $ours, '... and it is binary');
}
is($stranger->get("/.well-known/openpgpkey/example.org/hu/$hash")->{status}, 404, 'but not of another domain');
is($stranger->get("/.well-known/openpgpkey/$_")->{status}, 200, "a policy is at $_") for 'policy', 'desk.example/policy';

# In with gpg, out with gpg.
my $secret = Encode::encode("UTF-8", "The password is $tag-pasted, with ümlauts.\n");
my $sealed = $gpg->run($secret, '--armor', '--encrypt', '-r', $ours);
my $me = Desk->new;
my $form = $me->get('/report/bug');
my @forms = map { +{ $me->fields($me->get('/report/bug'), '/report/bug'), not_similar => 1, do => 'send' } } 1 .. 12;
Desk::take_your_time();
sub report { return filed($me->post('/report/bug', { %{ shift @forms }, @_ })) }
like($form->{body}, qr/gpg --armor [^<]*--recipient $ours/, 'the form has the command');
like($form->{body}, qr/\Q${\spaced($ours)}\E/, 'and the fingerprint');
like($form->{body}, qr{href="/keys/support\.asc"}, 'and the key');
my $number = report(subject => "Pasted $tag", body => 'All else is below.',
	sealed => "$tag-outside\n" . ($sealed =~ s/\n/\nComment: $tag-comment\n/r) . "$tag-behind\n");
is(Desk::sql("SELECT sealed, sealed_text, name FROM desk.attachment WHERE ticket = $number"), "t|t|ticket-$number-confidential-1.gpg", 'a pasted message is an attachment of its own kind');
my $staff = Desk::staff();
my $ticket = $staff->get("/staff/tickets/$number");
like($ticket->{body}, qr/Encrypted, unverified/, 'staff see that it is encrypted, and that nobody has looked inside');
like($ticket->{body}, qr/<code>gpg --decrypt ticket-$number-confidential-1\.gpg</, 'and the one command');
my ($copied) = $ticket->{body} =~ m{<textarea readonly[^>]*>\n(-----BEGIN PGP MESSAGE-----.*?)</textarea>}s;
is($gpg->run($copied, '--decrypt'), $secret, 'what staff copy gpg opens, to the letter');
my ($download) = $ticket->{body} =~ m{href="(/staff/tickets/$number/files/\d+/[^"]*)">ticket-};
my $file = $staff->get($download);
is($gpg->run($file->{bytes}, '--decrypt'), $secret, 'and so it does what they download');
like($file->{headers}{'content-disposition'}, qr/^attachment; .*ticket-$number-confidential-1\.gpg/, 'which is for the disk');
unlike($copied, qr/Comment|$tag/, 'what stood around it is gone');
my $mine = $me->get("/my/$number")->{body};
my ($message) = $ticket->{body} =~ m{(<li id="m\d+">.*?</li>\s*(?:<li|</ol>))}s;
like($message, qr{Confidential part, encrypted</span> <a href="\Q$download\E">ticket-$number-confidential-1\.gpg</a></span> <span [^>]*>\d+ bytes, sent <time datetime="[^"]+">[^<]+</time>\. <a href="#sealed">How to open it</a>}, 'in its message it is named as well, with its size, when it came and a link');
my ($entry) = $message =~ /id="(m\d+)"/;
like($ticket->{body}, qr{\d+ bytes, from the requester, <a href="#$entry"><time }, 'and in the list stands who sent it, and when');
like($mine, qr{Confidential part, encrypted</span> ticket-$number-confidential-1\.gpg</span> <span [^>]*>\d+ bytes\. We have it, and only the key of our staff opens it\.}, 'the requester sees that it has arrived, and who can open it');
unlike($mine, qr/BEGIN PGP/, 'and no more');
my ($id) = $download =~ m{/files/(\d+)/};
is($me->get("/my/$number/files/$id/file")->{status}, 404, 'nobody but staff gets it: not the requester');
is($stranger->get("/tickets/$number/files/$id/file")->{status}, 404, 'nor a stranger');
unlike($stranger->get("/tickets/$number")->{body}, qr/[Ee]ncrypted|PGP/, 'on the public page is no word of it');

# Files.
my $from_file = $gpg->run("$tag-in-file", '--armor', '--encrypt', '-r', $ours);
my %fields = %{ shift @forms };
my $answer = $me->post_files('/report/bug', { %fields, not_similar => 1, subject => '', do => 'send' },
	[['sealed_file', 'my $(secret) last.txt.asc', $from_file], ['sealed_file', 'plain.gpg', $gpg->run("$tag-second", '--encrypt', '-r', $ours)]]);
is($answer->{status}, 422, 'a form with encrypted files and a mistake comes back');
like($answer->{body}, qr/Kept with the form.*my---secret--last\.txt\.gpg/s, 'with the files kept, and names that no shell can stumble over');
%fields = $me->fields($answer, '/report/bug');
$answer = $me->post('/report/bug', { %fields, subject => "Files $tag", not_similar => 1, do => 'send' });
my $second = filed($answer);
ok($second, 'and is filed when it is mended') or diag($answer->{body});
is(Desk::sql("SELECT string_agg(name || ' ' || sealed || sealed_text, ', ' ORDER BY place) FROM desk.attachment WHERE ticket = $second"),
	'my---secret--last.txt.gpg truefalse, plain.gpg truefalse', 'with both files sealed');
my ($path) = $staff->get("/staff/tickets/$second")->{body} =~ m{href="(/staff/tickets/$second/files/\d+/[^"]*)">my-};
is($gpg->run($staff->get($path)->{bytes}, '--decrypt'), "$tag-in-file", 'staff get the bytes of a file back');

# Whatever a file is called, it arrives.
my @named = (shift @forms, shift @forms);
$answer = $me->post_files('/report/bug', { %{ $named[0] }, subject => "Long $tag" }, [['sealed_file', Encode::encode('UTF-8', "\x{44e}" x 150 . '.asc'), $from_file]]);
ok(filed($answer), 'a file with a long name in another script is taken');
is(Desk::sql('SELECT name FROM desk.attachment WHERE ticket = ' . (filed($answer) || 0)), '_' . '-' x 115 . '.gpg', '... a letter for each of its own');

# What is made for keys that nobody has cannot be opened by ours.
my $old_way = $gpg->run('x', '--encrypt', '-r', $ours);
my $session_key = substr $old_way, 0, 2 + ord substr $old_way, 1, 1;
my $new_way = "$session_key\xd2\x84\x02\x09\x02\x06" . join '', map { Digest::SHA::sha256($_) } 1 .. 4;
like($me->post_files('/report/bug', { %{ $named[1] }, subject => "New $tag" }, [['sealed_file', 'new.gpg', $new_way]])->{body}, qr/in a way that we cannot open everywhere/, 'an encrypted part of version 2 behind a session key of version 3 is refused');

# The name that a file has at home is inside; a hostile one goes nowhere.
like($staff->get("/staff/tickets/$second")->{body}, qr{<code>gpg --verbose --output plain\.gpg\.opened --decrypt plain\.gpg</code>}, 'the command for a file writes to a name of ours');
{
	my ($here, $keys) = (File::Temp::tempdir(CLEANUP => 1), $gpg->home);
	my $named = $gpg->run("$tag-named", '--set-filename', '.bashrc', '--encrypt', '-r', $ours);
	open(my $fh, '>:raw', "$here/plain.gpg") or die $!;
	print $fh $named;
	close $fh;
	my $said = `cd $here && GNUPGHOME=$keys gpg --batch --verbose --output plain.gpg.opened --decrypt plain.gpg 2>&1`;
	like($said, qr/original file name='\.bashrc'/, 'it says the name inside');
	is_deeply([map { s{.*/}{}r } sort glob("$here/.b* $here/*")], ['plain.gpg', 'plain.gpg.opened'], '... and makes no file of it');
}

# Several keys: each of them will do, all of them too.
my $new = $gpg->make('New <new@desk.example>');
$gpg->publish($new);
my %both = (one => ['-r', $new], both => ['-r', $ours, '-r', $new]);
for my $which (sort keys %both) {
	ok(report(subject => "Keys $which $tag", body => 'x', sealed => $gpg->run('x', '--armor', '--encrypt', @{ $both{$which} })), "with two keys a message for $which is taken");
}

# A step in between keeps it.
%fields = %{ shift @forms };
my $step = $me->post('/report/bug', { %fields, subject => "Pasted $tag", body => 'Is there sql injection?', sealed => $sealed, do => 'send' });
like($step->{body}, qr/Is this a security hole/, 'a question in between');
%fields = $me->fields($step, '/report/bug');
like($fields{sealed}, qr/^-----BEGIN PGP MESSAGE-----/, 'carries what is encrypted on');
$answer = $me->post('/report/bug', { %fields, do => 'not-security', not_similar => 1 });
my $third = filed($answer);
is(Desk::sql("SELECT count(*) FROM desk.attachment WHERE ticket = $third AND sealed_text"), 1, 'and it arrives');
is(filed($me->post('/report/bug', { %fields, do => 'not-security', not_similar => 1 })), $third, 'to send it again gives the same ticket');
is(Desk::sql("SELECT count(*) FROM desk.attachment WHERE ticket = $third"), 1, 'with one confidential part');

# A confidential file that was not kept is not asked for where all others go.
%fields = %{ shift @forms };
$answer = $me->post_files('/report/bug', { %fields, subject => "Asked $tag", body => 'Is there sql injection?' }, [['sealed_file', 'asked.gpg', $from_file]]);
like($answer->{body}, qr/Is this a security hole.*Confidential files that were not kept\. Choose them again in the confidential part alone.*asked\.gpg/s, 'while a question is open an encrypted file is not kept, and the page says where it may be chosen again');
unlike($answer->{body}, qr/type="file"/, '... and has no field where it would go as it is');
$answer = $me->post_files('/report/bug', { %fields, token => 'stale', subject => 'x' }, [['sealed_file', 'late.gpg', $from_file]]);
like($answer->{body}, qr{Everything you typed is still below\. Confidential files were not kept: choose them again <a href="#confidential">in their own place</a>\.}, 'a stale form says so, too');

# Refused, each by its name.
my $hidden = "$tag-must-not-stay";
my $plain_file = "$tag-plain-file";
my %bad = (
	'plain text' => [$hidden, qr/This was not encrypted/],
	'text in armour' => [$gpg->run($hidden, '--armor', '--store', '--compress-level', 0), qr/signed or packed, but not encrypted/],
	'clear-signed text' => [do { $gpg->run('', '--quick-add-key', $ours, 'ed25519', 'sign'); $gpg->run($hidden, '--clear-sign', '-u', $ours) }, qr/signed or packed/],
	'another key' => [$gpg->run($hidden, '--armor', '--encrypt', '-r', $other), qr/for another key as well as ours/],
	'another key too' => [$gpg->run($hidden, '--armor', '--encrypt', '-r', $ours, '-r', $other), qr/for another key as well as ours/],
	'a hidden recipient' => [$gpg->run($hidden, '--armor', '--encrypt', '-R', $ours), qr/does not say for which key/],
	'a password' => [$gpg->run($hidden, '--armor', '--symmetric', '--passphrase', 'swordfish'), qr/with a password/],
	'two messages' => [$sealed . $sealed, qr/more than one message/],
	'half a message' => [substr($sealed, 0, 150), qr/damaged/],
	'a public key' => [$gpg->run('', '--armor', '--export', $ours), qr/a public key, not a message/],
	'a secret key' => [$gpg->run('', '--armor', '--export-secret-keys', $other), qr/a secret key, and we kept no copy/],
);
my $before = Desk::sql('SELECT count(*) FROM desk.ticket');
%fields = %{ shift @forms };
my $everything = '';
for my $what (sort keys %bad) {
	my ($text, $words) = @{ $bad{$what} };
	$answer = $me->post('/report/bug', { %fields, subject => "Refused $tag", body => 'The rest of it', sealed => $text, not_similar => 1, do => 'send' });
	is($answer->{status}, 422, "$what is refused");
	like($answer->{body}, $words, '... by its name');
	my %again = $me->fields($answer, '/report/bug');
	is($again{sealed}, '', '... and does not come back');
	is("$again{subject}|$again{body}", "Refused $tag|The rest of it", '... but all else does');
	$everything .= $answer->{body};
}
for my $how (qw(preview security)) {
	$answer = $me->post('/report/bug', { %fields, subject => "Refused $tag", body => 'x', sealed => $hidden, do => $how });
	$everything .= $answer->{body};
}
$answer = $me->post('/report/bug', { %fields, token => 'stale', subject => 'x', sealed => $hidden, do => 'send' });
is($answer->{status}, 403, 'a form that is not ours any more is refused');
$everything .= $answer->{body};
$answer = $me->post_files('/report/bug', { %fields, subject => "Refused $tag", body => 'The rest of it', not_similar => 1, do => 'send' },
	[['sealed_file', 'secret.txt', $plain_file], ['sealed_file', 'good.asc', $from_file]]);
is($answer->{status}, 422, 'a file that is not encrypted is refused');
like($answer->{body}, qr/A file here was not encrypted/, '... and it says so');
unlike($answer->{body}, qr/Kept with the form/, '... and none of them is kept');
$everything .= $answer->{body};
is(Desk::sql('SELECT count(*) FROM desk.ticket'), $before, 'nothing of all that was filed');

# The same in the requester's answers.
my %reply = $me->fields($me->get("/my/$number"), "/my/$number/reply");
Desk::take_your_time();
$answer = $me->post("/my/$number/reply", { %reply, do => 'send', body => 'More below', sealed => $hidden });
is($answer->{status}, 422, 'a reply with plain text in its confidential part is refused');
like($answer->{body}, qr/This was not encrypted/, '... in the same words');
$everything .= $answer->{body};
like({ $me->fields($answer, "/my/$number/reply") }->{body}, qr/More below/, '... its message is kept');
is($me->post("/my/$number/reply", { %reply, do => 'send', body => '', sealed => $gpg->run("$tag-reply", '--armor', '--encrypt', '-r', $new) })->{status}, 303, 'a confidential part alone is an answer');
like($staff->get("/staff/tickets/$number")->{body}, qr/<code>gpg --decrypt ticket-$number-confidential-2\.gpg</, '... which staff have under a name of its own');
for my $place ('solved', 'consent', 'follow') {
	$answer = $me->post("/my/$number/$place", { token => 'stale', sealed => $hidden });
	is($answer->{status}, 403, "a stale form to $place is refused");
	$everything .= $answer->{body};
}

# Nothing stays of what was refused, or of what nobody here can read.
unlike($everything, qr/\Q$hidden\E|\Q$plain_file\E/, 'no answer repeats what was refused');
Desk::sql('CHECKPOINT');
my $dump = do { open(my $pipe, '-|', 'pg_dump', '--inserts') or die $!; local $/; <$pipe> };
like($dump, qr/Pasted $tag/, 'a dump of the database has the subject');
for my $word ("$tag-", map { unpack 'H*', $_ } "$tag-") {
	unlike($dump, qr/\Q$word\E/, "... and nothing that was confidential, also not as hexadecimal digits");
}
open(my $found, '-|', 'grep', '-rla', '--', "$tag-", $ENV{DESK_DIR}) or die $!;
is_deeply([<$found>], [], 'and so has no file of the desk: not the cluster, its journal, the logs, the web server\'s');
open($found, '-|', 'grep', '-rlaF', '--', "Pasted $tag", "$ENV{DESK_DIR}/pg") or die $!;
isnt(scalar(() = <$found>), 0, '... where the same search finds the subject');

# Expired or retired, a key is not offered and not taken.
Desk::sql("UPDATE desk.confidential_key SET expires_at = now() - interval '1 minute' WHERE fingerprint = '$new'");
unlike($me->get('/report/bug')->{body}, qr/$new/, 'an expired key is not on the form');
$answer = $me->post('/report/bug', { %fields, subject => "Late $tag", body => 'x', sealed => $gpg->run('x', '--armor', '--encrypt', '-r', $new), not_similar => 1, do => 'send' });
like($answer->{body}, qr{<a href="#sealed">This was encrypted for a key of ours that has been replaced since, so we did not keep it\. This page has our new key}, 'and what is encrypted for it is refused, in words that say why');
unlike($answer->{body}, qr/Nothing is lost/, '... and nobody says that nothing is lost');
like($answer->{body}, qr{Not all of the confidential part was kept: please <a href="#confidential">look there</a>.*<details [^>]*id="confidential" open>.*<textarea id="sealed" [^>]*aria-invalid="true"}s, '... but where to enter it again, and that is there');
$answer = $me->post('/report/bug', { %fields, subject => "Mixed $tag", body => 'x', sealed => $gpg->run('x', '--armor', '--encrypt', '-r', $new, '-r', $ours), not_similar => 1, do => 'send' });
like($answer->{body}, qr/has been replaced since/, '... also when our present key could open it: the other may be in wrong hands');

Desk::sql('UPDATE desk.confidential_key SET retired_at = now() WHERE retired_at IS NULL');
is($stranger->get("/.well-known/openpgpkey/$_")->{status}, 404, "a retired key is gone from $_ at once") for "hu/$hash?l=Support", "desk.example/hu/$hash?l=support", "hu/$hash";
$answer = $me->post('/report/bug', { %{ shift @forms }, subject => "Withdrawn $tag", body => 'The rest of it', sealed => $sealed });
is($answer->{status}, 422, 'when no key is left what was encrypted is not taken');
like($answer->{body}, qr{<a href="#sealed">Our key was withdrawn meanwhile.*id="sealed">}s, '... in words that say why, in its place');
my %left = $me->fields($answer, '/report/bug');
is("$left{subject}|$left{body}|" . ($left{sealed} // ''), "Withdrawn $tag|The rest of it|", '... and all else is kept');
ok(filed($me->post('/report/bug', { %left, not_similar => 1, do => 'send' })), '... to be sent without it');

# Why only our staff? (004o)
%fields = %{ shift @forms };
my %private = (%fields, subject => "Reason $tag", body => 'x', visibility => 'private', not_similar => 1, do => 'send');
$answer = $me->post('/report/bug', \%private);
is($answer->{status}, 422, 'who makes a report private is asked why');
like($answer->{body}, qr/Tell us why only our staff shall read it/, '... in plain words');
like($me->post('/report/bug', { %private, private_why => 'other' })->{body}, qr/Say in a few words what the other reason is/, 'another reason needs words');
like($me->post('/report/bug', { %private, private_why => 'fun' })->{body}, qr/Choose one of the reasons/, 'and there are three');
my $reasoned = filed($me->post('/report/bug', { %private, private_why => 'other', private_words => 'My boss reads along' }));
is(Desk::sql("SELECT reason, words FROM desk.private_reason WHERE ticket = $reasoned"), 'other|My boss reads along', 'the reason is kept');
like($staff->get("/staff/tickets/$reasoned")->{body}, qr/Private because: Another reason: My boss reads along/, 'staff read it');
is(Desk::sql_as('desk_report', "SELECT tickets FROM report.private_reason WHERE reason = 'other' ORDER BY week DESC LIMIT 1") > 0, 1, 'and analysts have the shares');
ok($me->report('access', subject => "By itself $tag", body => 'x'), 'a form that is private by itself asks for none');

done_testing;
