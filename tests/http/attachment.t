# Files with reports, answers and notes: how they come in, who may have them,
# and how they go out.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(sha256_hex);
use Encode ();
use IO::Handle;
use Test::More;
use lib 'tests/lib';
use Desk;

Desk::start_anew();
Desk::sql(q{UPDATE desk.limiter SET most = 10000});
my $staff = Desk::staff('files');
my $png = pack 'H*', '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082';
my $gif = 'GIF89a' . pack('vvCCC', 1, 1, 0, 0, 0) . ',' . pack('vvvvC', 0, 0, 1, 1, 0) . "\2\2D\1\0;";

# A form with fresh fields, as a person fills it in.
sub fresh {
	my ($me, $template, %typed) = @_;
	my %fields = $me->fields($me->get("/report/$template"), "/report/$template");
	return (%fields, subject => 'Something with files', body => 'See there.', do => 'send', not_similar => 1, %typed);
}

sub number { return ($_[0]{headers}{location} // '') =~ m{^/my/(\d+)/receipt$} ? $1 : 0 }

# The kept and the lost files that a page speaks of.
sub kept { my ($page) = @_; return join ',', map { Desk::unescape($_) } $page->{body} =~ m{<li><span>([^<]+) <span class="muted">[^<]*</span></span> <button type="submit" class="mini" name="drop"}g }
sub lost { my ($page) = @_; my ($list) = $page->{body} =~ m{choose again what shall go along:</p><ul>(.*?)</ul>}s; return join ',', map { Desk::unescape($_) } ($list // '') =~ m{<li>([^<]*)</li>}g }

# -- a report ----------------------------------------------------------------
my $me = Desk->new;
my $form = $me->get('/report/bug');
like($form->{body}, qr{<form method="post" action="/report/bug" enctype="multipart/form-data"}, 'a form that takes files says so to the browser');
like($form->{body}, qr{At most <data value="20">20</data> files, <data value="10485760">10 MiB</data> each, <data value="26214400">25 MiB</data> together}, 'and its limits to people, before');
like($form->{body}, qr{<input type="file" id="file" name="file" multiple}, 'it is a plain field');
my %one = fresh($me, 'bug');
my %two = fresh($me, 'bug', subject => 'The same files once more');
my %three = fresh($me, 'bug', subject => 'A private matter', visibility => 'private', private_why => 'secret');
my %steps = fresh($me, 'bug', subject => '', severity => 1);
my %hole = fresh($me, 'bug', subject => 'Cross-site scripting');
my %many = fresh($me, 'bug');
my %large = fresh($me, 'bug', body => "My long text\n\nstays.");
my %early = fresh($me, 'bug');
my @spare = map { +{ fresh($me, 'bug') } } 1 .. 5;
my %plain = fresh($me, 'bug', subject => 'No file at all');
Desk::take_your_time();

my @names = ('Größe & “Maß”.txt', 'снимок.png', '截圖 2026.gif', 'صورة.webp', '../../etc/passwd', 'C:\\temp\\x.log', "a\"b;c.txt", "invoice\x{202e}gpj.exe", 'page.html', 'drawing.svg', '🦀.pdf', 'nothing');
my %content = ('снимок.png' => $png, '截圖 2026.gif' => $gif . '<script>alert(document.domain)</script>', 'page.html' => '<!doctype html><script>alert(1)</script>',
	'drawing.svg' => '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 'صورة.webp' => '<html>not a picture</html>', 'nothing' => '', 'x.log' => join('', map { "line $_\r\n--boundary\r\n\0" } 1 .. 12000));
my @sent = map { my $n = $_; (my $clean = $n) =~ s{.*[/\\]}{}; [file => $n, Encode::is_utf8($content{$clean} // '') ? Encode::encode('UTF-8', $content{$clean}) : $content{$clean} // 'some text', 'image/png'] } @names;
my $filed = $me->post_files('/report/bug', \%one, \@sent);
is($filed->{status}, 303, 'a report with files is taken');
my $public = number($filed);
my @stored = split /\n/, Desk::sql("SELECT name FROM desk.attachment WHERE ticket = $public ORDER BY place");
is_deeply(\@stored, ['Größe & “Maß”.txt', 'снимок.png', '截圖 2026.gif', 'صورة.webp', 'passwd', 'x.log', 'a"b;c.txt', 'invoicegpj.exe', 'page.html', 'drawing.svg', '🦀.pdf', 'nothing'],
	'names are kept in any script, without paths and tricks');
is(Desk::sql("SELECT string_agg(type, ',' ORDER BY place) FROM desk.attachment WHERE ticket = $public AND is_image"), 'image/png,image/gif', 'pictures are what their content says, not what the sender calls them');
my %id = map { split /\|/, $_, 2 } split /\n/, Desk::sql("SELECT replace(name, '|', ''), id FROM desk.attachment WHERE ticket = $public");
is(Desk::sql("SELECT count(*) FROM desk.upload"), 0, 'and nothing waits any more');

# -- its page -------------------------------------------------------------------
my $page = $me->get("/tickets/$public");
my %href = map { Desk::unescape($_->[1]) => $_->[0] } map { [/href="([^"]+)"/, />(?:<img [^>]*alt=")?([^<"]*)/] } $page->{body} =~ m{<li>(<a href="/tickets/$public/files/.*?</a>)}gs;
is_deeply([sort keys %href], [sort @stored], 'the page of the ticket names them all');
like($page->{body}, qr{<a href="/tickets/$public/files/$id{'снимок.png'}/[^"/]+"><img src="/tickets/$public/files/$id{'снимок.png'}/[^"/]+" alt="снимок.png" loading="lazy"></a>}, 'a picture is shown, lazily, and has a name');
unlike($page->{body}, qr{<img src="[^"]*/files/(?:$id{'drawing.svg'}|$id{'صورة.webp'}|$id{'page.html'})/}, 'what only calls itself one is a link');
like($page->{body}, qr{>x\.log</a> <span class="muted small">\d+ KiB</span>}, 'with its size');

my $html = $me->get($href{'page.html'});
my %safe = ('content-security-policy' => qr{^default-src 'none'; sandbox$}, 'x-content-type-options' => qr/^nosniff$/, 'cross-origin-resource-policy' => qr/^same-origin$/);
for my $name (@stored) {
	my $file = $me->get($href{$name});
	my $is_image = $name =~ /^(снимок|截圖)/;
	my ($was) = grep { (my $n = $_->[1]) =~ s{.*[/\\]}{}; $n =~ s/\x{202e}//; $n eq $name } @sent;
	is($file->{bytes}, $was->[2], "$name comes back as it went");
	is($file->{headers}{'content-length'}, length $was->[2], '... with its length');
	is($file->{headers}{'content-type'}, !$is_image ? 'application/octet-stream' : $name =~ /png/ ? 'image/png' : 'image/gif', '... as bytes, or the picture it is');
	like($file->{headers}{$_}, $safe{$_}, "... $_") for sort keys %safe;
	my $disposition = $file->{headers}{'content-disposition'};
	like($disposition, $is_image ? qr/^inline; / : qr/^attachment; /, '... to be ' . ($is_image ? 'shown' : 'saved'));
	like($disposition, qr/^[a-z]+; filename="[ -!#-\[\]-~]+"; filename\*=UTF-8''[A-Za-z0-9!#\$&+.^_`|~%-]+$/, '... in a header that holds no trick');
	(my $coded = $disposition) =~ s/.*''//;
	$coded =~ s/%([0-9A-F]{2})/chr hex $1/ge;
	is(Encode::decode('UTF-8', $coded), $name, '... with its name');
}
is($html->{headers}{'cache-control'}, 'no-cache', 'a public file is asked for each time');
my $tag = $html->{headers}{etag};
is($tag, '"' . sha256_hex($content{'page.html'}) . '"', 'its tag is its content');
my $same = $me->get($href{'page.html'}, 'If-None-Match' => $tag);
is("$same->{status} $same->{bytes}", '304 ', 'who has it gets it no second time');
is($same->{headers}{etag}, $tag, '... but its tag');
my $head = $me->head($href{'x.log'});
is("$head->{status} $head->{headers}{'content-length'} $head->{bytes}", '200 ' . length($content{'x.log'}) . ' ', 'HEAD tells of a file and sends none');

# -- once ------------------------------------------------------------------------
my $contents = Desk::sql('SELECT count(*) || $$ $$ || sum(size) FROM desk.blob');
my $second = $me->post_files('/report/bug', \%two, \@sent);
is($second->{status}, 303, 'the same files with another report');
is(Desk::sql('SELECT count(*) || $$ $$ || sum(size) FROM desk.blob'), $contents, 'are stored once');
is(Desk::sql('SELECT count(*) FROM desk.attachment'), 24, 'and attached twice');
my $again = $me->post_files('/report/bug', \%one, \@sent);
is($again->{headers}{location}, $filed->{headers}{location}, 'sent again, it is the same receipt');
is($me->post('/report/bug', \%one)->{headers}{location}, $filed->{headers}{location}, 'also without its files');
is($me->post_files('/report/bug', \%one, [[file => 'new.txt', 'new']])->{status}, 409, 'with another file it is not the same form');
is(Desk::sql('SELECT count(*) FROM desk.attachment'), 24, 'nothing is attached to what was sent before');
is($me->post('/report/bug', \%plain)->{status}, 303, 'a browser that sends no multipart form reports as well');

# -- who may have it ---------------------------------------------------------------
my $private = number($me->post_files('/report/bug', \%three, [[file => 'canary-name.txt', 'canary-content']]));
my $secret = Desk::sql("SELECT id FROM desk.attachment WHERE ticket = $private");
my $other = Desk->new;
my $others = $other->report('bug', subject => 'Somebody else');
my $note_page = $staff->get("/staff/tickets/$private");
my %note = ($staff->fields($note_page, "/staff/tickets/$private/note"), note => 'Look at this', do => 'send');
is($staff->post_files("/staff/tickets/$private/note", \%note, [[file => 'internal.txt', 'canary-internal']])->{status}, 303, 'a note with a file');
%note = ($staff->fields($staff->get("/staff/tickets/$public"), "/staff/tickets/$public/note"), note => 'And this', do => 'send');
is($staff->post_files("/staff/tickets/$public/note", \%note, [[file => 'internal.png', $png]])->{status}, 303, 'and one with a picture');
my $internal = Desk::sql("SELECT id FROM desk.attachment WHERE ticket = $private AND note IS NOT NULL");
my $shown = Desk::sql("SELECT id FROM desk.attachment WHERE ticket = $public AND note IS NOT NULL");
my $gone = Desk::staff('gone');
my $signed_out = Desk->new(cookies => { %{ $gone->{cookies} } });
Desk::sql("UPDATE desk.staff SET active = false WHERE login = 'gone'");
my %who = (anybody => Desk->new, requester => $me, 'another requester' => $other, staff => $staff, 'who was staff' => $signed_out);
my %ticket_of = (public => $public, private => $private, theirs => $others);
# path => what each gets; all others 404, staff pages 303 to sign in
my @matrix = (
	["/tickets/$public/files/$id{'page.html'}/x" => { map { $_ => 200 } keys %who }],
	["/my/$public/files/$id{'page.html'}/x" => { requester => 200 }],
	["/staff/tickets/$public/files/$id{'page.html'}/x" => { staff => 200 }],
	["/tickets/$private/files/$secret/x" => {}],
	["/my/$private/files/$secret/x" => { requester => 200 }],
	["/staff/tickets/$private/files/$secret/x" => { staff => 200 }],
	["/tickets/$public/files/$secret/x" => {}],
	["/my/$public/files/$secret/x" => {}],
	["/my/$others/files/$secret/x" => {}],
	["/staff/tickets/$public/files/$secret/x" => { staff => 404 }],
	["/tickets/$private/files/$internal/x" => {}],
	["/my/$private/files/$internal/x" => {}],
	["/staff/tickets/$private/files/$internal/x" => { staff => 200 }],
	["/tickets/$public/files/$shown/x" => {}],
	["/my/$public/files/$shown/x" => {}],
	["/staff/tickets/$public/files/$shown/x" => { staff => 200 }],
	["/tickets/$private/files/$id{'page.html'}/x" => {}],
);
for my $row (@matrix) {
	my ($path, $may) = @$row;
	for my $name (sort keys %who) {
		my $status = $may->{$name} // ($path =~ m{^/staff/} ? 303 : 404);
		my $answer = $who{$name}->get($path);
		is($answer->{status}, $status, "$name: $path gives $status");
		unlike($answer->{body}, qr/canary/, '... and no word of it') if $status != 200;
	}
}
my $absent = $other->get("/my/$others/files/999999999/x");
my $hidden = $other->get("/my/$others/files/$secret/x");
s/server-time" content="[^"]*"// for $hidden->{bytes}, $absent->{bytes};
is($hidden->{bytes}, $absent->{bytes}, 'a file that one may not have answers as one that is not there');
delete @$_{qw(date x-request-id)} for $hidden->{headers}, $absent->{headers};
is_deeply($hidden->{headers}, $absent->{headers}, '... in its headers, too');
is($me->get($_)->{status}, 404, "$_ is no file")
	for map { ("/tickets/$public/files/$_/x", "/my/$public/files/$_/x") } 0, '01', '1x', '-1', '99999999999999999999';
is($staff->get("/staff/tickets/$public/files/x/x")->{status}, 404, 'nor for staff');
my $mine = $me->get("/my/$private/files/$secret/x");
is($mine->{headers}{'cache-control'}, 'no-store', 'of a private file nobody keeps a copy');
is($staff->get("/staff/tickets/$private/files/$secret/x")->{headers}{'cache-control'}, 'no-store', '... staff do not, either');
like($mine->{headers}{$_}, $safe{$_}, "... $_") for sort keys %safe;
like($me->get("/my/$private")->{body}, qr{<a href="/my/$private/files/$secret/file">canary-name.txt</a>}, 'its name stands on its page, and not in its address');
unlike($me->get("/my/$private")->{body}, qr/internal\.txt/, 'without the files of notes');
unlike($me->get("/tickets/$public")->{body}, qr/internal\.png/, 'nor do those stand on the public page');
like($staff->get("/staff/tickets/$private")->{body}, qr{<b>Internal note</b>.*internal\.txt</a>}s, 'but beside their note, for staff');
like($staff->get("/staff/tickets/$public")->{body}, qr{<img src="/staff/tickets/$public/files/$shown/file" alt="internal.png"}, 'pictures, too');

# -- withdrawn at once ---------------------------------------------------------------
is($me->get($href{'x.log'})->{status}, 200, 'a public file is there');
Desk::sql("UPDATE desk.ticket SET visibility = 'private' WHERE number = $public");
is(Desk->new->get($href{'x.log'})->{status}, 404, 'and gone as soon as its ticket is private');
is(Desk->new->get($href{'page.html'}, 'If-None-Match' => $tag)->{status}, 404, '... also for who has a copy');
is($me->get("/my/$public/files/$id{'x.log'}/file")->{status}, 200, '... but not for its requester');
Desk::sql("UPDATE desk.ticket SET visibility = 'public', consented_at = now() WHERE number = $public");
is(Desk->new->get($href{'x.log'})->{status}, 200, 'and there again');

# -- complaints and questions on the way ------------------------------------------------
my $complaint = $me->post_files('/report/bug', \%steps, [[file => 'one.log', 'one'], [file => 'two.png', $png]]);
is($complaint->{status}, 422, 'a report without a subject comes back');
is(kept($complaint), 'one.log,two.png', 'its files are kept');
like($complaint->{body}, qr/Nothing is lost: everything you typed is still below, and your files are kept\./, '... as the page says on top');
is(Desk::sql('SELECT count(*) FROM desk.upload'), 2, 'in the desk');
my %next = (%{ { $me->fields($complaint, '/report/bug') } }, subject => 'Now with files');
my $dropped = $me->post('/report/bug', { %next, drop => 1 });
is(kept($dropped), 'two.png', 'one can be taken away');
my $preview = $me->post_files('/report/bug', { %next, do => 'preview' }, [[file => 'three.txt', 'three']]);
is(kept($preview), 'two.png,three.txt', 'another one comes along, and a preview keeps it');
my $production = $me->post_files('/report/bug', { %next, do => 'send' }, []);
like($production->{body}, qr/Is production down right now/, 'a question comes in between');
is(kept($production), 'two.png,three.txt', 'which says what is kept');
my $step = $me->post('/report/bug', { $me->fields($production, '/report/bug'), production_down => 'no', not_similar => 1 });
is($step->{status}, 303, 'and after it the report is taken');
is(Desk::sql('SELECT string_agg(name, $$,$$ ORDER BY place) FROM desk.attachment WHERE ticket = ' . number($step)), 'two.png,three.txt', 'with what was kept');
is(Desk::sql('SELECT count(*) FROM desk.upload'), 0, 'nothing waits any more');

my $asked = $me->post_files('/report/bug', \%hole, [[file => 'exploit.txt', 'canary-exploit']]);
like($asked->{body}, qr/Is this a security hole/, 'words that read like a security hole are asked about first');
is(lost($asked), 'exploit.txt', 'it says which files to choose again');
is(Desk::sql("SELECT count(*) FROM desk.upload") . Desk::sql("SELECT count(*) FROM desk.blob WHERE sha256 = sha256('canary-exploit')"), '00', 'nothing of them was stored');
like($asked->{body}, qr{enctype="multipart/form-data".*<input type="file"}s, 'and they can be chosen there');
my $answered = $me->post_files('/report/bug', { $me->fields($asked, '/report/bug'), do => 'not-security', not_similar => 1 }, [[file => 'exploit.txt', 'canary-exploit']]);
is($answered->{status}, 303, 'after the answer the report is taken');
is(Desk::sql('SELECT string_agg(name, $$,$$) FROM desk.attachment WHERE ticket = ' . number($answered)), 'exploit.txt', 'with its file');

# -- limits -----------------------------------------------------------------------------------
my @twenty = map { [file => "f$_.txt", "file $_"] } 1 .. 20;
my $too_many = $me->post_files('/report/bug', \%many, [@twenty, map { [file => "f$_.txt", "file $_"] } 21 .. 25]);
is($too_many->{status}, 422, 'twenty-five files are too many');
like($too_many->{body}, qr{<a href="#file">20 files are the most that can go along\. Left out: “f21\.txt” \(7 bytes\), “f22\.txt” \(7 bytes\), “f23\.txt” \(7 bytes\) and 2 more</a>}, 'which is said in one sentence');
is({ $me->fields($too_many, '/report/bug') }->{body}, 'See there.', 'the text is kept');
is(kept($too_many), join(',', map { "f$_.txt" } 1 .. 20), 'and so are the first twenty files');
is(lost($too_many), 'f21.txt,f22.txt,f23.txt,f24.txt,f25.txt', 'the others are named');
unlike($too_many->{body}, qr/Nothing is lost/, 'nobody says that nothing is lost');
like($too_many->{body}, qr{Everything you typed is still below\. 5 files were not kept: <a href="#file">choose again</a> what shall go along\. 20 files are kept\.}, '... but what is kept and what is not');
my $one_more = $me->post_files('/report/bug', { $me->fields($too_many, '/report/bug'), drop => 3 }, [[file => 'f21.txt', 'file 21']]);
is(kept($one_more), join(',', map { "f$_.txt" } 1, 2, 4 .. 21), 'one is taken away, another one comes along with the same press');
my $is_twenty = $me->post('/report/bug', { $me->fields($one_more, '/report/bug'), do => 'send', not_similar => 1 });
is($is_twenty->{status}, 303, 'then the report is taken');
is(Desk::sql('SELECT count(*) FROM desk.attachment WHERE ticket = ' . number($is_twenty)), 20, 'with twenty files');

# the same content under another name is another file (desk.upload)
my %same = %{ shift @spare };
is(kept($me->post_files('/report/bug', { %same, do => 'preview' }, [@twenty])), join(',', map { "f$_.txt" } 1 .. 20), 'twenty files are kept');
my $repeated = $me->post_files('/report/bug', { %same, do => 'preview' }, [@twenty[0, 1], [file => 'one.txt', 'file 1'], [file => 'two.txt', 'file 1']]);
is(kept($repeated), join(',', map { "f$_.txt" } 1 .. 20), 'who sends two of them again has no more');
is(lost($repeated), 'one.txt,two.txt', 'and under other names they are two too many');
like($repeated->{body}, qr/20 files are the most that can go along\. Left out: “one\.txt” \(6 bytes\), “two\.txt” \(6 bytes\)/, '... as it says');

# one form sent four times at once, with other files each: when all have asked
# and none has come yet
my %once = (%{ shift @spare }, do => 'preview');
$me->post_files('/report/bug', \%once, [[file => 'first.txt', 'the first']]);
my $lock = Desk::sql(q{SELECT hashtextextended(encode(key_sha256, 'hex'), 130) FROM desk.upload WHERE name = 'first.txt'});
open(my $holder, '|-', 'psql', '-XqAt', '-o', '/dev/null') or die $!;
$holder->autoflush;
print $holder "SELECT pg_advisory_lock($lock);\n";
my $locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = $lock AND";
sub wait_for { my ($n, $sql) = @_; for (1 .. 50) { return if Desk::sql($sql) >= $n; select undef, undef, undef, 0.04 } return }
wait_for(1, "$locks granted");
my @senders = map {
	my $who = $_;
	my $pid = open(my $from, '-|') // die "fork: $!";
	if ($pid == 0) {
		my $page = $me->post_files('/report/bug', { %once, body => "The text of $who" }, [map { [file => "$who-$_.txt", "$who $_"] } 1 .. 15]);
		print "$page->{status} ", $page->{body} =~ /The text of $who/ ? 'text' : 'no text', ' ', scalar(() = lost($page) =~ /\.txt/g), ' ', $page->{body} =~ /20 files are the most/ ? 'complaint' : 'none';
		close STDOUT;
		require POSIX;
		POSIX::_exit(0);
	}
	$from;
} qw(north east south west);
wait_for(2, "$locks NOT granted");
print $holder "SELECT pg_advisory_unlock($lock);\n";
my @said = map { my $from = $_; do { local $/; <$from> } } @senders;
is(Desk::sql(q{SELECT count(*) FROM desk.upload u WHERE key_sha256 = (SELECT key_sha256 FROM desk.upload x WHERE x.name = 'first.txt')}), 20, 'a form that is sent four times at once keeps twenty files as well');
is((() = join("\n", @said) =~ /^200 text \d+ (?:complaint|none)$/mg), 4, 'each of them gets its page and its text back') or diag(join "\n", @said);
close $holder;
my $left_out = 0;
$left_out += (split)[2] for @said;
is($left_out, 61 - 20, 'and every file that was left out is named');
is((() = join("\n", @said) =~ / [1-9]\d* complaint$/mg), (() = join("\n", @said) =~ / [1-9]\d* \w+$/mg), '... with the reason');

my $mib = 1048576;
my $most = $me->post_files('/report/bug', \%large, [[file => 'small.txt', 'small'], [file => 'big <&> file.bin', 'x' x (10 * $mib + 1)]]);
is($most->{status}, 422, 'a file of more than 10 MiB is too large');
like($most->{body}, qr{Choose smaller files, or leave these out: “big &lt;&amp;&gt; file\.bin” \(10\.1 MiB\)}, 'it is named');
is({ $me->fields($most, '/report/bug') }->{body}, "My long text\n\nstays.", 'and the text stays');
is(kept($most), 'small.txt', 'so does the file that fits');
like($most->{body}, qr{Everything you typed is still below\. 1 file was not kept: [^.]*\. 1 file is kept\.}, '... as the page says on top');
$asked = $me->post_files('/report/bug', { %{ shift @spare }, subject => 'SQL injection', do => 'send' }, [[file => 'ok.txt', 'ok'], [file => 'big.bin', 'x' x (10 * $mib + 1)]]);
is($asked->{status}, 200, 'where the question of a security hole is open nobody complains of a large file');
like($asked->{body}, qr/Is this a security hole/, '... but asks that first');
is(lost($asked), 'ok.txt,big.bin', '... and says that both are to be chosen again');
like($me->post_files('/report/bug', { %{ shift @spare }, subject => 'SQL injection', do => 'send' }, [[file => 'big.bin', 'x' x (10 * $mib + 1)]])->{body}, qr/Is this a security hole/, '... also when there is no other');
my %copies = (%{ shift @spare }, do => 'preview');
my $copied = $me->post_files('/report/bug', \%copies, [map { [file => "copy $_.bin", 'c' x (9 * $mib)] } 1 .. 4]);
is(kept($copied), 'copy 1.bin,copy 2.bin', 'a content that goes along under two names counts twice');
is(kept($me->post_files('/report/bug', \%copies, [map { [file => "copy $_.bin", 'c' x (9 * $mib)] } 3 .. 5])), 'copy 1.bin,copy 2.bin', '... also when it waits already');
my $sum = $me->post_files('/report/bug', \%large, [(map { [file => "b$_.bin", chr($_) x (9 * $mib)] } 1 .. 3), [file => 'after.txt', 'after']]);
is($sum->{status}, 422, 'three of 9 MiB are too large together');
like($sum->{body}, qr{Together the files can have 25 MiB\. Left out: “b3\.bin” \(9 MiB\)</a>}, 'which is said');
is({ $me->fields($sum, '/report/bug') }->{body}, "My long text\n\nstays.", 'and the text stays');
is(kept($sum), 'small.txt,b1.bin,b2.bin,after.txt', 'and what fits, in its order');
my $fits = $me->post('/report/bug', { $me->fields($sum, '/report/bug'), do => 'send', not_similar => 1 });
is($fits->{status}, 303, 'which can go');
my $big = Desk::sql("SELECT id FROM desk.attachment WHERE name = 'b2.bin'");
my $got = $me->get('/tickets/' . number($fits) . "/files/$big/x");
is(sha256_hex($got->{bytes}), sha256_hex(chr(2) x (9 * $mib)), 'and come back whole');
is($me->post_files('/report/bug', \%large, [map { [file => "h$_.bin", 'x' x (9 * $mib)] } 1 .. 6])->{status}, 413, 'beyond all measure the server does not listen');
is($me->post_files('/my/' . number($fits) . '/solved', {}, [[file => 'x', 'x']])->{status}, 415, 'where no files belong, none are taken');

Desk::sql("UPDATE desk.limiter SET most = 1 WHERE name = 'upload'; DELETE FROM desk.limit_count");
my $limited = $me->post_files('/report/bug', \%early, [[file => 'a.txt', 'a'], [file => 'b.txt', 'b']]);
is($limited->{status}, 422, 'too many files from one network are too many');
like($limited->{body}, qr/Many files came from your network in the last hour\. Left out: “b\.txt”/, 'which is said');
is(kept($limited), 'a.txt', 'those before are kept');
Desk::sql("UPDATE desk.limiter SET most = 10000 WHERE name = 'upload'");

# -- answers ----------------------------------------------------------------------------------
my %reply = ($me->fields($me->get("/my/$private"), "/my/$private/reply"), do => 'send');
my $empty = $me->post_files("/my/$private/reply", { %reply, body => '' }, []);
is($empty->{status}, 422, 'an answer without words and files is none');
is($me->post_files("/my/$private/reply", { %reply, body => '' }, [[file => 'more.png', $png]])->{status}, 303, 'one with a file is one');
like($me->get("/my/$private")->{body}, qr{<img src="/my/$private/files/\d+/file" alt="more.png"}, 'and shows it');
is($me->post_files("/my/$private/reply", { %reply, body => '' }, [[file => 'more.png', $png]])->{status}, 303, 'sent again');
is(Desk::sql("SELECT count(*) FROM desk.attachment WHERE name = 'more.png'"), 1, 'it is the same one');
is($other->post_files("/my/$private/reply", \%reply, [[file => 'x', 'canary-foreign']])->{status}, 404, 'who has no link answers nothing');
is(Desk::sql("SELECT count(*) FROM desk.blob WHERE sha256 = sha256('canary-foreign')"), 0, 'and stores nothing');

my $path = "/staff/tickets/$private/reply";
%reply = ($staff->fields($staff->get("/staff/tickets/$private"), $path), reply => '', do => 'preview');
my $looked = $staff->post_files($path, \%reply, [[file => 'guide.pdf', '%PDF-1.4 guide']]);
is(kept($looked), 'guide.pdf', 'a preview for staff keeps the file');
$me->post("/my/$private/reply", { $me->fields($me->get("/my/$private"), "/my/$private/reply"), body => 'One more thing', do => 'send' });
my $moved = $staff->post($path, { $staff->fields($looked, $path), reply => 'See the guide', do => 'send' });
is($moved->{status}, 409, 'a ticket that has moved on stores nothing');
is(kept($moved), 'guide.pdf', 'but keeps the file');
my $done = $staff->post($path, { $staff->fields($moved, $path), do => 'send' });
is($done->{status}, 303, 'and then the answer is sent');
is(Desk::sql("SELECT count(*) FROM desk.attachment WHERE name = 'guide.pdf' AND ticket = $private AND message IS NOT NULL"), 1, 'with its file');
my $away = $signed_out->post_files($path, \%reply, [[file => 'late.txt', 'canary-late']]);
is($away->{status}, 403, 'who is signed out stores nothing');
is(lost($away), 'late.txt', 'and reads which file to choose again');
is(Desk::sql("SELECT count(*) FROM desk.blob WHERE sha256 = sha256('canary-late')"), 0, '... it is nowhere');

my %double = ($staff->fields($staff->get("/staff/tickets/$private"), $path), reply => 'The same words', do => 'send');
is($staff->post($path, \%double)->{status}, 303, 'an answer');
is($staff->post($path, \%double)->{status}, 303, 'sent twice');
is(Desk::sql("SELECT count(*) FROM desk.message WHERE body = 'The same words'"), 1, 'is one answer');
my $changed = $staff->post_files($path, \%double, [[file => 'behind.txt', 'behind']]);
is($changed->{status}, 409, 'with another file it is another answer');
is(kept($changed), 'behind.txt', 'whose file is not thrown away');

# the forms of a ticket's page have one token, and yet a file belongs to one of them
my ($to_note, $to_reply) = map { "/staff/tickets/$public/$_" } qw(note reply);
my $both = $staff->get("/staff/tickets/$public");
is($staff->post_files($to_note, { $staff->fields($both, $to_note), note => '', do => 'ahead' }, [[file => 'canary-note.txt', 'canary-note']])->{status}, 204, 'a file for a note goes ahead of it');
is($staff->post($to_reply, { $staff->fields($both, $to_reply), reply => 'All is well', do => 'send' })->{status}, 303, 'then an answer is sent');
unlike(Desk->new->get("/tickets/$public")->{body}, qr/canary-note/, 'and the file of the note does not go out with it');
is(Desk::sql("SELECT count(*) FROM desk.attachment WHERE name = 'canary-note.txt'"), 0, '... to nobody');
is(kept($staff->post($to_note, { $staff->fields($both, $to_note), note => 'And now the note', do => 'send' })), 'canary-note.txt', 'it waits for its note');

# a form that was sent before, with something else in it
my %used = ($me->fields($me->get("/my/$private"), "/my/$private/reply"), body => 'First message', do => 'send');
is($me->post("/my/$private/reply", \%used)->{status}, 303, 'a message is sent');
is($me->post("/my/$private/reply", \%used)->{status}, 303, 'and sent again');
my $back = $me->post_files("/my/$private/reply", { %used, body => 'Second message' }, [[file => 'second.txt', 'the second']]);
is($back->{status}, 409, 'another one with the same form is not said to be sent');
like($back->{body}, qr/sent a message with this form before/, '... but why not');
is({ $me->fields($back, "/my/$private/reply") }->{body}, 'Second message', 'its text is kept');
is(kept($back), 'second.txt', 'and its file');
is($me->post("/my/$private/reply", { $me->fields($back, "/my/$private/reply"), do => 'send' })->{status}, 303, 'one more press sends it');
is(Desk::sql("SELECT string_agg(m.body || coalesce(a.name, ''), ', ' ORDER BY m.id) FROM desk.message m LEFT JOIN desk.attachment a ON a.message = m.id WHERE m.ticket = $private AND m.body ~ '^(First|Second) message'"), 'First message, Second messagesecond.txt', 'each is there once');

# -- ahead of the form, as the script does it ----------------------------------------------------
my %ahead = fresh($me, 'bug', subject => 'Sent ahead');
Desk::take_your_time();
is($me->post_files('/report/bug', { %ahead, do => 'ahead' }, [[file => 'first.txt', 'first']])->{status}, 204, 'files can go ahead of their form');
is($me->post_files('/report/bug', { %ahead, do => 'ahead', subject => 'Remote code execution' }, [[file => 'second.txt', 'canary-second']])->{status}, 422, 'but not while it may be a security hole');
is(Desk::sql("SELECT count(*) FROM desk.blob WHERE sha256 = sha256('canary-second')"), 0, '... then nothing is stored');
my $later = $me->post_files('/report/bug', \%ahead, []);
is(Desk::sql('SELECT string_agg(name, $$,$$) FROM desk.attachment WHERE ticket = ' . number($later)), 'first.txt', 'and become those of the report');

# -- what stays of it ---------------------------------------------------------------------------
my $log = do { local $/; open my $fh, '<', "$ENV{DESK_LOG}/access.log" or die; <$fh> };
unlike($log, qr/canary|internal\.txt/, 'no name of a private file is in the log of the web server');
is(Desk::sql('SELECT count(*) FROM desk.outbox WHERE body ~ $$canary$$'), 0, 'nor in a mail');
Desk::sql("UPDATE desk.upload SET staged_at = now() - interval '2 days'; UPDATE desk.blob SET made_at = now() - interval '2 days'");
system("$ENV{NIGHTDESK_BUILD}/slacheck") == 0 or diag 'slacheck failed';
is(Desk::sql('SELECT count(*) FROM desk.upload'), 0, 'slacheck forgets what waited for more than a day');
is(Desk::sql('SELECT count(*) FROM desk.blob b WHERE NOT EXISTS (SELECT FROM desk.attachment a WHERE a.sha256 = b.sha256)'), 0, 'with all that nobody has');

# A worker gives back what a large body took.
SKIP: {
	my @pids = grep { (readlink("/proc/$_/exe") // '') =~ m{^\Q$ENV{DESK_DIR}\E/.*/submit$} } map { m{(\d+)} } glob '/proc/[0-9]*';
	skip 'a build with the address sanitizer keeps memory to itself', 1 if `grep -c __asan_init $ENV{NIGHTDESK_BUILD}/submit` > 0;
	my @kib = map { my ($pss) = do { local $/; open my $fh, '<', "/proc/$_/smaps_rollup" or die; <$fh> } =~ /^Pss_Anon:\s+(\d+)/m; $pss } @pids;
	ok(@kib > 0 && !grep({ $_ > 8192 } @kib), 'a worker gives back what a large form took');
	note "of its own: @kib KiB";
}
done_testing;
