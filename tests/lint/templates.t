#!/usr/bin/perl
# Every template keeps the rules of tests/lib/TemplateLint.pm, and each rule
# finds the fault that it is there for.
use strict;
use warnings;
use Test::More;
use lib 'tests/lib';
use TemplateLint;

my $html = '{{%AUTOESCAPE context="HTML"}}';

sub slurp {
	my ($file) = @_;
	open my $fh, '<', $file or die "$file: $!";
	local $/;
	return <$fh>;
}

for my $file (glob 'templates/*') {
	my ($name) = $file =~ m{([^/]+)$};
	is_deeply([TemplateLint::faults($name, slurp($file))], [], "$file is sound");
}

my @good = (
	['text and attributes', '<p class="s{{A}}" title="{{B}}" aria-label="{{C}}">{{D}} {{E:p}}</p>'],
	['addresses', '<a href="{{A}}">{{B}}</a><a href="/t/{{C:u}}?q={{D:u}}#m{{E}}">f</a><a href="mailto:{{F:u}}">g</a><a href="{{URL}}/t/{{H:u}}">i</a>'],
	['sections that choose a whole attribute', '<option value="a"{{#B}} selected{{/B}}>c</option>'],
	['sections in a value', '<p class="a{{#B}} b{{/B}}">c</p>'],
	['sections and parts in text', '{{#A}}<p>{{B}}{{>PART}}</p>{{/A}}'],
	['multi-line values', "<textarea name=\"a\">\n{{B:p}}</textarea><pre>{{C:p}}</pre>"],
	['rendered Markdown', '<div>{{BODY_HTML:none}}</div>'],
	['a script of ours', '<script type="module" src="{{SCRIPT}}"></script>'],
	['a comment', '<!-- a < b -->'],
);
is_deeply([TemplateLint::faults('a.html', $html . $_->[1])], [], "$_->[0] are allowed") for @good;

my @bad = (
	# what is planted, what is said of it, with the pragma or without
	['no pragma', '<p>{{A}}</p>', qr/does not begin with/, ''],
	['the pragma of another kind', '<p>', qr/does not begin with/, '{{%AUTOESCAPE context="XML"}}'],
	['the pragma further down', "\n$html<p>", qr/does not begin with/, ''],
	['an inline script', '<script>alert(1)</script>', qr/script in a page/],
	['a value in a script', '<script src="/a.js">{{A}}</script>', qr/script/],
	['a style element', '<style>p{}</style>', qr/style element/],
	['a style attribute', '<p style="color:red">', qr/style in a page/],
	['an event handler', '<p onclick="f()">', qr/onclick is a script/],
	['an event handler in capitals', '<p ONCLICK="f()">', qr/is a script/],
	['a value in a comment', '<!-- {{A}} -->', qr/in a comment/],
	['a value as an attribute', '<p {{A}}>', qr/in a tag/],
	['a value as a tag', '<{{A}}>', qr/begins no tag/],
	['a value without quotes', '<p class={{A}}>', qr/not in double quotes/],
	['a value in single quotes', q{<p class='{{A}}'>}, qr/not in double quotes/],
	(map { ["a value in $_", "<p $_=\"{{A}}\">", qr/in the attribute \Q$_\E/] } qw(formaction xlink:href srcset poster ping data-a)),
	['srcdoc', '<p srcdoc="{{A}}">', qr/srcdoc/],
	['a base', '<base href="{{A}}">', qr/base element/],
	['a frame', '<iframe src="/a">', qr/iframe element/],
	['an address that a value completes', '<a href="java{{A}}">', qr/does not begin with/],
	['an address that a value completes with :u', '<a href="java{{A:u}}">', qr/does not begin with/],
	['an address that goes on after a value', '<a href="{{A}}/b">', qr/goes on after/],
	['two values as one address', '<a href="{{A}}{{B:u}}">', qr/goes on after/],
	['a parameter without :u', '<a href="/t?q={{A}}">', qr/needs :u/],
	['a path part without :u', '<form action="/t/{{A}}">', qr/needs :u/],
	['a modifier on a whole address', '<a href="{{A:u}}">', qr/no modifier/],
	['a textarea without :p', "<textarea>\n{{A}}</textarea>", qr/needs :p/],
	['a textarea without its line feed', '<textarea>{{A:p}}</textarea>', qr/line feed/],
	['a pre without :p', '<pre>{{A}}</pre>', qr/needs :p/],
	['raw output', '<div>{{A:none}}</div>', qr/not escaped/],
	['raw output in an attribute', '<p title="{{BODY_HTML:none}}">', qr/in an attribute/],
	['another modifier', '<p>{{A:h}}</p>', qr/no such modifier/],
	['several modifiers', '<p>{{A:h:p}}</p>', qr/no such marker/],
	['a section that opens a tag', '{{#A}}<p {{/A}}>', qr/another place/],
	['a section that ends in a value', '<p title="{{#A}}">{{/A}}', qr/another place/],
	['a section that chooses an attribute for a value', '<a {{#A}}title{{/A}}="{{B}}">', qr/without a blank/],
	['a section that chooses an attribute with a value', '<a{{#A}} title="{{B}}"{{/A}}>', qr/a section chooses/],
	['a section glued to a name', '<a hr{{#A}}ef="/"{{/A}}>', qr/without a blank/],
	['a section that ends as another', '{{#A}}{{#B}}{{/A}}{{/B}}', qr/ends as/],
	['a section without an end', '{{#A}}<p>', qr/does not end/],
	['an end without a section', '<p>{{/A}}', qr/did not begin/],
	['a part in an attribute', '<p title="{{>A}}">', qr/not escaped for/],
	['a part in a textarea', "<textarea>\n{{>A}}</textarea>", qr/not escaped for/],
	['a tag that does not end', '<p', qr/ends in a tag/],
	['a comment that does not end', '<!-- a', qr/ends in a comment/],
	['another pragma', '{{%AUTOESCAPE context="JAVASCRIPT"}}', qr/no such marker/],
);
for my $planted (@bad) {
	my ($what, $text, $words, $pragma) = @$planted;
	my @faults = TemplateLint::faults('a.html', ($pragma // $html) . $text);
	like("@faults", $words, "$what is found");
}
like(join('', TemplateLint::faults('a.md', 'x')), qr/no kind/, 'a template of an unknown kind is found');
done_testing;
