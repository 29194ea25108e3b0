# Class 3: XSS through attachments.  Files that a browser could run come in
# through the form, under every name and type that a sender may claim; what goes
# out is a download, or a picture by its content, under a policy in which
# nothing runs.  The fences: the type by content (lib/filetype.c), and the
# headers of lib/file.c and lib/web.c.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;

Desk::start_anew();
no_limits();
my $script = '<script>ran(1)</script>';
my $gif = 'GIF89a' . pack('vvCCC', 1, 1, 0, 0, 0) . ',' . pack('vvvvC', 0, 0, 1, 1, 0) . "\2\2D\1\0;";
my $png = pack 'H*', '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082';
my @files = (
	['drawing.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" onload="ran(2)"><script>ran(3)</script></svg>'],
	['picture.png', 'image/png', "<!doctype html>$script"], ['page.html', 'text/html', "<!doctype html>$script"],
	['page.xhtml', 'application/xhtml+xml', "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><body>$script</body></html>"],
	['style.xml', 'text/xml', '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><x xmlns:h="http://www.w3.org/1999/xhtml"><h:script>ran(4)</h:script></x>'],
	['form.pdf', 'application/pdf', "%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(ran(5))>>>>endobj\n"], ['both.gif', 'image/gif', $gif . $script], ['also.html', 'text/html', $png . $script],
	['seven.txt', 'text/plain; charset=utf-7', '+ADw-script+AD4-ran(6)+ADw-/script+AD4-'], ['code.js', 'text/javascript', 'ran(7)'], ['x.png"; filename="y.html', 'image/png', $script],
	['mail.mht', 'message/rfc822', "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n$script"], ['plain.txt', 'text/plain', $script], ['sheet.css', 'text/css', '*{x:expression(ran(8))}'],
);
my $me = Desk->new;
my %form = %{ ask_form($me->get('/report/bug'), '/report/bug') };
Desk::take_your_time();
my $filed = $me->post_files('/report/bug', { %form, subject => 'Files', body => 'See there', not_similar => 1, do => 'send' }, [map { my ($name, $type, $bytes) = @$_; ['file', $name, $bytes, $type] } @files]);
my ($number) = ($filed->{headers}{location} // '') =~ m{/my/(\d+)/};
ok($number, 'a report with ' . @files . ' files is taken') or diag("$filed->{status}");
my ($link) = ($filed->{headers}{'set-cookie'} // '') =~ /=([^;]+)/;
my $staff = cookie('session', session('staff'));
my @stored = map { [split /\|/] } split /\n/, sql("SELECT id, type, is_image FROM desk.attachment WHERE ticket = $number ORDER BY place");
is(scalar @stored, scalar @files, 'all are kept');

sub answers {
	my @answers;
	for my $i (0 .. $#stored) {
		for my $at (["/tickets/$number", ''], ["/my/$number", cookie('link', $link)], ["/staff/tickets/$number", $staff]) {
			my $path = "$at->[0]/files/$stored[$i][0]/x.html";
			push @answers, { name => "$files[$i][0] at $at->[0]", file => $files[$i], path => $path, cookie => $at->[1], %{ ask('GET', $path, cookie => $at->[1]) } };
		}
	}
	return @answers;
}
sub faults {
	my @faults;
	for my $answer (answers()) {
		my %h = %{ $answer->{headers} };
		my $shown = ($h{'content-disposition'} // '') =~ /^inline/;
		my $say = sub { push @faults, "$answer->{name}: $_[0]" };
		$say->("status $answer->{status}") if $answer->{status} != 200;
		$say->("is shown, and is no picture") if $shown && $answer->{file}[2] !~ /^(GIF89a|\x89PNG)/;
		$say->('is neither shown nor a download: ' . ($h{'content-disposition'} // '')) unless $shown || ($h{'content-disposition'} // '') =~ /^attachment; /;
		$say->("is of type $h{'content-type'}") unless ($h{'content-type'} // '') =~ ($shown ? qr{^image/(png|gif|jpeg|webp)$} : qr{^application/octet-stream$});
		$say->('may be sniffed') unless ($h{'x-content-type-options'} // '') eq 'nosniff';
		$say->('has a policy of ' . ($h{'content-security-policy'} // 'none')) unless ($h{'content-security-policy'} // '') eq "default-src 'none'; sandbox";
		$say->('may be taken by others') unless ($h{'cross-origin-resource-policy'} // '') eq 'same-origin';
		$say->('is kept by the browser') if $answer->{cookie} && ($h{'cache-control'} // '') ne 'no-store';
		$say->('is another') if $answer->{bytes} ne $answer->{file}[2];
		$say->('has a name that breaks its header') if ($h{'content-disposition'} // '') !~ /^(inline|attachment); filename="[^"\\%;]*"; filename\*=UTF-8''[A-Za-z0-9!#\$&+.^_`|~%-]*$/;
	}
	return @faults;
}
bites('each is a download, or a picture by its content, under a policy in which nothing runs', \&faults,
	'the download of lib/filename.c' => sub { rebuilt('ticket', 'lib/filename.c', sub { s/shown \? "inline" : "attachment"/"inline"/ }) },
	'the policy of lib/web.c' => sub { rebuilt('ticket', 'lib/web.c', sub { s/"default-src 'none'; sandbox"/"default-src 'self'"/ }) });

sub typed {
	my ($name, $type, $bytes) = @{ $files[1] };
	my %again = %{ ask_form($me->get('/report/bug'), '/report/bug') };
	Desk::take_your_time();
	$me->post_files('/report/bug', { %again, subject => 'More files', body => token(), not_similar => 1, do => 'send' }, [['file', $name, $bytes . token(), $type]]);
	return sql('SELECT is_image FROM desk.attachment ORDER BY id DESC LIMIT 1') eq 't' ? 'HTML that is called a picture is one' : ();
}
bites('what a file is, its content says', \&typed,
	'the look at the content in lib/filetype.c' => sub { rebuilt('submit', 'lib/filetype.c', sub { s/(\tif \(size == 0\)\n)/\tif (size > 0)\n\t\treturn "image\/png";\n$1/ }) });

my @visited = visit(map { { path => "/tickets/$number/files/$_->[0]/x.html", cookie => '' } } @stored);
is(join("\n", map { my $v = $_; map { "$v->{path}: $_" } grep { /^(ran|dialog|asked)/ } @{ $v->{trouble} } } @visited), '', 'and in a browser nothing of it runs');

done_testing;
