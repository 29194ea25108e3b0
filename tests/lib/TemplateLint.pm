package TemplateLint;
# What ctemplate's AUTOESCAPE does not see.  It escapes by the place where a
# value stands, but some places it takes for harmless ones, some it can be
# talked into, and without its pragma it does nothing at all.  faults() says
# where a template relies on more than it does; the comment at each rule says
# what would happen.
use strict;
use warnings;

my %pragma = (
	html => '{{%AUTOESCAPE context="HTML"}}',
	atom => '{{%AUTOESCAPE context="XML"}}',
);

# Attributes that may hold a value.  formaction, xlink:href, srcset, poster,
# ping and data-* are addresses or code that ctemplate treats as plain text.
my $plain = qr/^(?:value|title|alt|id|class|name|for|datetime|content|lang
	|width|height|x1?|x2|y1?|y2|cx|cy|points|maxlength|max|min|rows|rel|term|label|aria-[a-z]+)$/x;
my $address = qr/^(?:href|src|action)$/;

# Where a scan stands.
sub start {
	my ($name, $text) = @_;
	return {
		text => $text,
		kind => ($name =~ /\.([a-z]+)$/)[0] // '',
		state => 'text',  # text, tag, value, comment
		inside => '',     # textarea, pre, title, script
		sections => [],
		faults => [],
	};
}

sub fault {
	my ($s, $words) = @_;
	my $before = substr($s->{text}, 0, pos($s->{text}) // 0);
	my $line = 1 + ($before =~ tr/\n//);
	push @{$s->{faults}}, "line $line: $words";
}

# An address begins with what we wrote ourselves, or is nothing but a value,
# which ctemplate then checks: href="java{{V}}" it does not.  In the middle of
# one it escapes for HTML alone, so that a value could add parameters.
sub check_address {
	my ($s, $name, $modifier) = @_;
	my $so_far = $s->{value};

	return if $s->{kind} ne 'html';
	return fault($s, "$s->{attribute} goes on after a value that begins it") if $s->{whole};
	$so_far =~ s/^\{URL\}/https:\/\/desk/; # configuration, not input
	if ($so_far eq '') {
		return if $name eq 'URL';
		$s->{whole} = 1;
		fault($s, "$s->{attribute} is all {{$name}}: no modifier, ctemplate knows") if $modifier ne '';
		return;
	}
	fault($s, "$s->{attribute} does not begin with what we wrote: / ? # or mailto:") unless $so_far =~ m{^(?:/|\?|\#|mailto:|https://)};
	fault($s, "{{$name}} in the middle of $s->{attribute} needs :u") unless $modifier eq 'u' || $so_far =~ /#/;
}

# A value stands in text or in an attribute known to be harmless; it never
# names a tag or an attribute, and never stands in a comment or a script.
sub check_variable {
	my ($s, $name, $modifier) = @_;

	if ($modifier eq 'none' && $name ne 'BODY_HTML') {
		fault($s, "{{$name:none}} is not escaped; only BODY_HTML, made by lib/markup.c, may be");
	}
	fault($s, "{{$name:$modifier}}: no such modifier here") unless $modifier =~ /^(?:|u|p|none)$/;
	if ($s->{state} eq 'value') {
		fault($s, "{{$name:none}} in an attribute") if $modifier eq 'none';
		return check_address($s, $name, $modifier) if $s->{attribute} =~ $address;
		fault($s, "a value in the attribute $s->{attribute}") unless $s->{attribute} =~ $plain;
		return;
	}
	return fault($s, "{{$name}} in a $s->{state}") if $s->{state} ne 'text';
	return fault($s, "{{$name}} in a script") if $s->{inside} eq 'script';
	# Without :p line ends become blanks.
	fault($s, "{{$name}} in a $s->{inside} needs :p") if $s->{inside} =~ /^(?:textarea|pre)$/ && $modifier ne 'p';
	$s->{values}++;
}

# ctemplate follows the text once, from top to bottom.  A section that ends in
# another place than it began fools it in the second round, and so does one
# that swaps the name of an attribute.
sub open_section {
	my ($s, $name) = @_;

	push @{$s->{sections}}, { name => $name, place => place($s) };
	return unless $s->{state} eq 'tag';
	fault($s, "section $name in a tag begins without a blank") unless $s->{text} =~ /\G(?=\s)/;
}

sub close_section {
	my ($s, $name) = @_;
	my $section = pop @{$s->{sections}};

	return fault($s, "section $name ends but did not begin") unless $section;
	return fault($s, "section $section->{name} ends as $name") if $section->{name} ne $name;
	fault($s, "section $name ends in another place than it began") if $section->{place} ne place($s);
}

sub place {
	my ($s) = @_;
	return join ' ', $s->{state}, $s->{inside}, $s->{state} eq 'value' ? $s->{attribute} : '';
}

sub marker {
	my ($s, $marker) = @_;

	return open_section($s, $1) if $marker =~ /^#([A-Z0-9_]+)$/;
	return close_section($s, $1) if $marker =~ /^\/([A-Z0-9_]+)$/;
	if ($marker =~ /^>[A-Z0-9_]+$/) {
		fault($s, "{{$marker}} stands in a $s->{state}, where it is not escaped for") if $s->{state} ne 'text' || $s->{inside} ne '';
		return;
	}
	return fault($s, "{{$marker}}: no such marker") unless $marker =~ /^([A-Z0-9_]+)(?::([a-z]+))?$/;
	check_variable($s, $1, $2 // '');
	return unless $s->{state} eq 'value';
	fault($s, "{{$marker}} in an attribute that a section chooses") if grep { $_->{place} =~ /^tag/ } @{$s->{sections}};
	$s->{value} .= $1 eq 'URL' && $s->{value} eq '' ? '{URL}' : '';
}

sub begin_attribute {
	my ($s, $name) = @_;

	$s->{attribute} = lc $name;
	fault($s, "$name is a script in a page") if $name =~ /^on/i;
	fault($s, 'style in a page, which our policy forbids') if lc $name eq 'style';
	fault($s, 'srcdoc is a page in a page') if lc $name eq 'srcdoc';
	return unless $s->{text} =~ /\G\s*=\s*/gc;
	# An unquoted value ends at a blank of the visitor's choice.
	return fault($s, "the value of $name is not in double quotes") unless $s->{text} =~ /\G"/gc;
	@$s{qw(state value whole)} = ('value', '', 0);
}

sub end_tag {
	my ($s) = @_;
	my $tag = $s->{tag};

	$s->{state} = 'text';
	$s->{inside} = $tag if $tag =~ /^(?:textarea|pre|title|script)$/;
	# HTML drops one line feed there: ours, or else the visitor's.
	fault($s, 'a textarea with a value begins with a line feed') if $tag eq 'textarea' && $s->{text} =~ /\G(?=[^<\n]*\{\{)/;
	fault($s, 'a script in a page') if $tag eq 'script' && $s->{text} !~ /\G(?=\s*<\/script>)/;
}

sub in_text {
	my ($s) = @_;

	if ($s->{text} =~ /\G<!--/gc) {
		$s->{state} = 'comment';
	} elsif ($s->{text} =~ /\G<\/([a-z0-9]+)\s*>/gci) {
		$s->{inside} = '' if lc $1 eq $s->{inside};
	} elsif ($s->{text} =~ /\G<([a-z][a-z0-9:-]*)/gci) {
		@$s{qw(state tag)} = ('tag', lc $1);
		fault($s, "a $s->{tag} element") if $s->{tag} =~ /^(?:style|iframe|object|embed|base|meta:refresh)$/;
	} elsif ($s->{text} !~ /\G(?:[^<{]+|\{|<!doctype[^>]*>|<\?xml[^>]*\?>)/gci) {
		$s->{text} =~ /\G./gcs;
		fault($s, 'a < that begins no tag');
	}
}

sub in_tag {
	my ($s) = @_;

	if ($s->{text} =~ /\G\/?>/gc) {
		end_tag($s);
	} elsif ($s->{text} =~ /\G([a-z_:][-a-z0-9_:.]*)/gci) {
		begin_attribute($s, $1);
	} elsif ($s->{text} !~ /\G\s+/gc) {
		$s->{text} =~ /\G(.)/gcs;
		fault($s, "\"$1\" in a tag");
	}
}

sub in_value {
	my ($s) = @_;

	if ($s->{text} =~ /\G"/gc) {
		$s->{state} = 'tag';
	} elsif ($s->{text} =~ /\G([^"{]+|\{)/gc) {
		fault($s, "$s->{attribute} goes on after a value that begins it") if $s->{whole} && $s->{kind} eq 'html';
		$s->{value} .= $1;
	}
}

sub in_comment {
	my ($s) = @_;

	if ($s->{text} =~ /\G-->/gc) {
		$s->{state} = 'text';
	} else {
		$s->{text} =~ /\G./gcs;
	}
}

my %step = (text => \&in_text, tag => \&in_tag, value => \&in_value, comment => \&in_comment);

# The faults of a template, each as "line N: words".
sub faults {
	my ($name, $text) = @_;
	my $s = start($name, $text);
	my $wanted = $pragma{$s->{kind}};

	return "line 1: \"$name\" is no kind of template that is known" unless $wanted;
	return "line 1: does not begin with $wanted" if index($text, $wanted) != 0;
	pos($s->{text}) = length $wanted;
	while (pos($s->{text}) < length $text) {
		if ($s->{text} =~ /\G\{\{(.*?)\}\}/gcs) {
			marker($s, $1);
		} else {
			$step{$s->{state}}->($s);
		}
	}
	fault($s, "ends in a $s->{state}") if $s->{state} ne 'text';
	fault($s, "section $_->{name} does not end") for @{$s->{sections}};
	return @{$s->{faults}};
}

1;
