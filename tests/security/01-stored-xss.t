# Class 1: stored XSS through any text.  Some three hundred hostile strings go
# into every field of every form and every column of words; every page is parsed
# by a browser's HTML parser, and what it holds must be what our templates and
# our renderer of Markdown can make, with no address but of a kind that we
# allow.  Then the same pages are opened, and nothing runs and nothing had to be
# blocked.  The fences: the pragma of each template, the schemes that
# lib/markup.c allows, and behind them the Content-Security-Policy.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

# -- the strings -----------------------------------------------------------------

my @breaks = ('', '">', "'>", '-->', '</textarea>', '</title>', '</script>', ']]>', "\x{2028}\">", '`">', '</code></pre>', '&quot;>');
my @payloads = ('<script>ran(N)</script>', '<img src=x onerror=ran(N)>', '<svg onload=ran(N)>', '<svg><animate onbegin=ran(N) attributeName=x dur=1s>',
	'<iframe srcdoc="<script>parent.ran(N)</script>">', '<a href="javascript:ran(N)" id=grown>press</a>', '<details open ontoggle=ran(N)>', '<style>*{color:red}</style>',
	'<base href=//evil.example>', '<form id=grown action=//evil.example>', '<math><mtext><table><mglyph><style><img src=x onerror=ran(N)>',
	'<object data=javascript:ran(N)>', '<link rel=stylesheet href=//evil.example>', '<meta http-equiv=refresh content="0;url=javascript:ran(N)">',
	'<p id=grown title=grown>', '<body onload=ran(N)>', '<input autofocus onfocus=ran(N)>', '<noscript><p title="</noscript><img src=x onerror=ran(N)>">',
	'<template><script>ran(N)</script></template>', '<b style=color:red id=grown>', '<sCrIpT/x>ran(N)</sCrIpT>', '<a href=data:text/html,ran(N) id=grown>x');
my @others = ('[press](javascript:ran(N))', '[press](JaVaScRiPt&colon;ran(N))', '[press](java\\script:ran(N))', '[press](&#106;avascript:ran(N))', '![x](data:text/html,ran(N))',
	'<javascript:ran(N)>', '[a][b]' . "\n\n" . '[b]: vbscript:ran(N)', '[press](data:image/svg+xml,ran(N))', '[press](//evil.example" onclick="ran(N))', '[p](https://a.example/"onmouseover="ran(N))',
	'" onmouseover="ran(N)', "' onfocus=ran(N) autofocus='", 'javascript:ran(N)', '" autofocus onfocus="ran(N)" x="', '{{BODY_HTML:none}}<script>ran(N)</script>', '{{%AUTOESCAPE context="HTML"}}',
	'| a | b |' . "\n" . '|---|:-:" onclick="ran(N)|' . "\n" . '| <script>ran(N)</script> | x |', '```"><script>ran(N)</script>' . "\nx\n```", '# <img src=x onerror=ran(N)>', '1. <svg onload=ran(N)>',
	'<https://a.example/"onclick="ran(N)>', 'https://a.example/<script>ran(N)</script>', "<scr\x{0}ipt>ran(N)" =~ s/\x{0}//r, "\x{202e}<script>ran(N)</script>", '<xmp><script>ran(N)</script>',
	'<![CDATA[<script>ran(N)</script>]]>', '<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">ran(N)</x:script>', '<!--><script>ran(N)</script>', '<%= ran(N) %>', '+ADw-script+AD4-ran(N)');
my @texts = @others;
for my $break (@breaks) { push @texts, map { "$break$_" } @payloads }
$texts[$_] =~ s/\bN\b/$_/g for 0 .. $#texts;
cmp_ok(scalar @texts, '>', 280, scalar(@texts) . ' hostile strings');
my @short = grep { length $_ <= 60 && !/\n/ } @texts;

# -- into every field --------------------------------------------------------------

my $world = World->make(feed => 1, words => sub { my ($object, $what) = @_; return $what eq 'body' || $what eq 'note' ? 'Text' : $what eq 'subject' ? "Subject of $object" : 'Somebody' });
my %number = %{ $world->{object} };
sql(q{INSERT INTO desk.plan (name, label) VALUES ('care', 'Care'); INSERT INTO desk.customer (name, plan) VALUES ('x', 'care');
	INSERT INTO desk.product (name, label) VALUES ('shop', 'Shop'); INSERT INTO desk.release (product, version) VALUES ('shop', '1');
	UPDATE desk.rotation SET seats = 1; INSERT INTO desk.roster (rotation, staff) SELECT 'engineering', id FROM desk.staff WHERE active;
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason) SELECT 'engineering', id, 'experienced', current_date, 'x' FROM desk.staff WHERE active;
	DO $$ BEGIN PERFORM desk.duty_fill('engineering', 4); END $$});
sql("UPDATE desk.ticket SET customer = (SELECT max(id) FROM desk.customer), product = 'shop'");

# The forms of a page: {action, fields: [name, kind, max]}.
sub forms_of {
	my ($page) = @_;
	my @forms;
	while ($page->{body} =~ m{<form\b([^>]*)>(.*?)</form>}gs) {
		my ($inside, %form) = ($2, Desk::attributes($1));
		next unless ($form{method} // '') eq 'post' && defined $form{action};
		push @forms, { action => $form{action}, free => [ map { my %a = Desk::attributes($_); defined $a{name} && ($a{type} // '') !~ /^(hidden|radio|checkbox|file|submit)$/ ? [$a{name}, $a{maxlength} // 0] : () }
			$inside =~ m{<(?:input|textarea)\b([^>]*)>}g ], page => $page, text => { map { my %a = Desk::attributes($_); (($a{name} // '') => 1) } $inside =~ m{<textarea\b([^>]*)>}g } };
	}
	return @forms;
}

my (%forms, %answers);
my @places = (['anonymous', '', '/report/bug', '/report/outage', '/report/access', "/tickets/$number{public}", '/login'],
	['A', 'private', "/my/$number{private}"], ['A', 'public', "/my/$number{public}"],
	['staff', '', "/staff/tickets/$number{public}", "/staff/tickets/$number{private}", '/staff/pages', '/staff/duty', '/login/contact', '/login/sessions', '/staff']);
for my $place (@places) {
	my ($viewer, $object, @paths) = @$place;
	for my $path (@paths) {
		my $page = ask('GET', $path, cookie => $world->jar($viewer, $object));
		for my $form (grep { @{ $_->{free} } && $_->{action} !~ m{^/(login$|logout|prefs)|/resolve$} } forms_of($page)) {
			$forms{"$viewer $form->{action}"} //= { %$form, viewer => $viewer, object => $object };
		}
	}
}
cmp_ok(scalar keys %forms, '>', 12, scalar(keys %forms) . ' forms with fields for words');
Desk::take_your_time();
my $next = 0;
for my $key (sort keys %forms) {
	my $form = $forms{$key};
	my $fields = ask_form($form->{page}, $form->{action}) or next;
	for my $round (1 .. 2) {
		my %typed = (%$fields, map {
			my ($name, $max) = @$_;
			($name => $name eq 'website' ? '' : $form->{text}{$name} && $round == 1 ? join("\n\n", @texts) : $name =~ /^mail$/ ? 'x@example.org' : $short[$next++ % @short])
		} @{ $form->{free} });
		$typed{do} = 'send' if $form->{action} =~ m{^/report|^/my};
		$typed{not_similar} = 1 if $form->{action} =~ m{^/report};
		my $answer = ask('POST', $form->{action}, cookie => $world->jar($form->{viewer}, $form->{object}), body => \%typed);
		$answers{"$form->{viewer} POST $form->{action} $round"} = $answer->{body};
	}
}
# a preview shows what is typed at once
my %preview = %{ ask_form(ask('GET', "/my/$number{private}", cookie => $world->jar('A', 'private')), "/my/$number{private}/reply") };
sub preview { return ask('POST', "/my/$number{private}/reply", cookie => $world->jar('A', 'private'), body => { %preview, body => join("\n\n", @texts), do => 'preview' })->{body} }
$answers{preview} = preview();
my @filed = split /\n/, sql(q{SELECT number FROM desk.ticket WHERE subject LIKE '%ran(%' ORDER BY 1});
cmp_ok(scalar @filed, '>=', 2, 'reports were filed with hostile subjects');
like(sql('SELECT string_agg(body, chr(10)) FROM desk.message'), qr/\Q$texts[-1]\E/, '... and all strings as their text');
my @planted = split /\n/, sql("BEGIN; SET LOCAL canary.code = '@Security::code'; SET LOCAL hostile.texts = \$hostile\$" . join("\n", @short) . "\$hostile\$;"
    . slurp('tests/lib/hostile.sql') . 'SELECT pg_temp.plant_hostile(); COMMIT');
cmp_ok(scalar @planted, '>', 40, 'and columns hold them that no form fills: ' . @planted);

# -- every page, by everybody ------------------------------------------------------------

my (%pages, @visits, %visited);
for my $viewer (qw(anonymous A staff)) {
	my %done;
	my @todo = map { my $route = $_; map { [@$_[1, 2]] } $world->targets($route) } grep { $_->{method} eq 'GET' } routes();
	push @todo, map { ["/tickets/$_", ''], ["/staff/tickets/$_", ''] } @filed;
	push @todo, map { [$_, ''] } '/tickets?q=%3Cscript%3Eran(1)%3C/script%3E', '/tickets?kind=%22%3E%3Cimg%20src=x%20onerror=ran(2)%3E', '/staff?q=%22onfocus=ran(3)%20autofocus%20x=%22', '/tickets?q=subject&sort=best', '/staff?view=all';
	for my $next (@todo) {
		my ($path, $object) = @$next;
		my $cookie = $world->jar($viewer, $object);
		next if $done{"$path $cookie"}++;
		my $answer = ask('GET', $path, cookie => $cookie);
		next if $answer->{status} == 303 || ($pages{$answer->{body}} && $viewer ne 'staff');
		next unless ($answer->{headers}{'content-type'} // '') =~ /html|xml/;
		$pages{ $answer->{body} } //= "$viewer $path";
		# one of each kind of page: the browser is slow
		my $kind = $viewer . $path =~ s/\d+|\?.*//gr;
		push @visits, { path => $path, cookie => $cookie } if $answer->{status} == 200 && $answer->{body} =~ /ran\(/ && $path =~ { anonymous => qr{^/(?!my|staff)}, A => qr{^/my/}, staff => qr{^/(staff|login)} }->{$viewer} && !$visited{$kind}++;
	}
}
my %text_of = ((map { $pages{$_} => $_ } keys %pages), %answers);

# -- what may be there: what is written in our templates and our renderer ----------------

my @faults = dom_faults(%text_of);
is(scalar @faults, 0, scalar(keys %text_of) . ' pages hold no element, attribute or address but what we write')
    or diag(join "\n", map { substr $_, 0, 200 } @faults[0 .. ($#faults > 24 ? 24 : $#faults)]);
is(join("\n", map { "$_: " . join ' ', grep { !/^(feed|entry)$/ } $text_of{$_} =~ /<(script|img|svg|iframe|b)\b/g } grep { $text_of{$_} =~ /^<\?xml.*<(script|img|svg|iframe)\b/s } keys %text_of), '',
	'the feeds are text to the last letter');

my @visited = visit(@visits);
cmp_ok(scalar @visited, '>', 15, 'a browser opened ' . @visited . ' pages with hostile text');
is(join("\n", map { my $v = $_; map { "$v->{path}: $_" } $v->{path} =~ /atom$/ ? grep { /^(ran|dialog|asked)/ } @{ $v->{trouble} } : @{ $v->{trouble} } } @visited), '', '... on which nothing ran, and nothing had to be blocked');

# -- without the fences ------------------------------------------------------------------

my $public = "/tickets/$number{public}";
sql("UPDATE desk.public_ticket SET subject = '\"><img src=x onerror=ran(0)>' WHERE number = $number{public}");
bites('a page of a ticket escapes what it shows', sub { return dom_faults(page => ask('GET', $public)->{body}) },
	'the escaping of the subject in templates/ticket.html' => sub { without_template('ticket', 'ticket.html', qr/\{\{SUBJECT\}\}/, '{{SUBJECT:none}}') });
bites('... so that a browser has nothing to block', sub { return map { @{ $_->{trouble} } } visit({ path => $public }) },
	'the same escaping' => sub { without_template('ticket', 'ticket.html', qr/\{\{SUBJECT\}\}/, '{{SUBJECT:none}}') });
bites('Markdown makes nothing but our own elements', sub { return dom_faults(preview => preview()) },
	'the allow-list of schemes in lib/markup.c' => sub {
		rebuilt('ticket', 'lib/markup.c', sub { s/(\tif \(url\[0\] == '\/'\)\n)/\treturn true;\n$1/ });
	});

done_testing;
