package Desk;
# A visitor of the desk that tests/private-desk runs: speaks HTTP to the real
# web server, keeps cookies by path as a browser would, follows no redirect.
#
#	my $me = Desk->new;
#	my $page = $me->get('/tickets');		# {status headers body}
#	my %typed = $me->fields($page, '/report/bug');	# a form's fields
#	$page = $me->post('/report/bug', { %typed, subject => 'x' });
#	Desk::sql('SELECT ...')				# as the superuser
use strict;
use warnings;
use utf8;
use Encode ();
use HTTP::Tiny;
use IPC::Open3;

if (Test::More->can('builder')) {
	my $builder = Test::More->builder;
	binmode $_, ':encoding(UTF-8)'
	    for $builder->output, $builder->failure_output;
}

# Run SQL and return what psql prints, unaligned; dies on an error.
sub sql {
	my ($text, @options) = @_;
	my $pid = open3(my $in, my $out, undef, 'psql', '-XqAt', '-v',
	    'ON_ERROR_STOP=1', @options, '-f', '-');
	print $in Encode::encode('UTF-8', $text);
	close $in;
	my $said = do { local $/; <$out> } // '';
	waitpid $pid, 0;
	die "psql failed: $said" if $?;
	chomp $said;
	return Encode::decode('UTF-8', $said);
}

# A desk as on its first day: no ticket, nobody, the numbers begin at 1.
sub start_anew {
	my $tables = sql(q{SELECT string_agg(format('desk.%I', c.relname), ', ') FROM pg_class c
		WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('migration', 'secret')});
	open my $seed, '<:encoding(UTF-8)', 'sql/seed.sql' or die "seed.sql: $!";
	local $/;
	sql("SET session_replication_role = replica; TRUNCATE $tables RESTART IDENTITY CASCADE; RESET session_replication_role;" . <$seed>);
}

# The same as another role, for what a program may see.
sub sql_as {
	my ($role, $text) = @_;
	return sql($text, '-U', $role);
}

sub new {
	my ($class, %options) = @_;
	return bless {
		base => $ENV{DESK_HTTP},
		cookies => {},
		headers => {},
		http => HTTP::Tiny->new(max_redirect => 0, timeout => 20,
		    agent => 'test', keep_alive => 0),
		%options
	}, $class;
}

sub get { my ($me, $path, %headers) = @_; return $me->request('GET', $path, undef, %headers) }
sub head { my ($me, $path, %headers) = @_; return $me->request('HEAD', $path, undef, %headers) }

# $form: a hash, a list of pairs, or the body itself as bytes.
sub post {
	my ($me, $path, $form, %headers) = @_;
	my $body = ref $form eq 'HASH' ? encode_form(map { $_ => $form->{$_} } sort keys %$form)
	    : ref $form ? encode_form(@$form) : $form // '';
	return $me->request('POST', $path, $body,
	    'Content-Type' => 'application/x-www-form-urlencoded', %headers);
}

# The same with files, as a browser sends them: [field, name, bytes], ...
sub post_files {
	my ($me, $path, $form, $files, %headers) = @_;
	my $boundary = '----boundary' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 24;
	my $body = '';
	for my $name (sort keys %$form) {
		my $text = Encode::encode('UTF-8', $form->{$name} // '');
		$text =~ s/\r?\n/\r\n/g;
		$body .= "--$boundary\r\nContent-Disposition: form-data; name=\"$name\"\r\n\r\n$text\r\n";
	}
	for my $file (@$files) {
		my ($field, $name, $bytes, $type) = @$file;
		$name = Encode::encode('UTF-8', $name);
		$name =~ s/(["\r\n])/sprintf '%%%02X', ord $1/ge;
		$type //= 'application/octet-stream';
		$body .= "--$boundary\r\nContent-Disposition: form-data; name=\"$field\"; filename=\"$name\"\r\n"
		    . "Content-Type: $type\r\n\r\n$bytes\r\n";
	}
	return $me->request('POST', $path, "$body--$boundary--\r\n",
	    'Content-Type' => "multipart/form-data; boundary=$boundary", %headers);
}

sub request {
	my ($me, $method, $path, $body, %headers) = @_;
	my $cookie = $me->cookies_for($path);
	$headers{Cookie} //= $cookie if $cookie ne '';
	my $answer = $me->{http}->request($method, $me->{base} . $path, {
		headers => { %{ $me->{headers} }, %headers },
		defined $body ? (content => $body) : (),
	});
	my $set = $answer->{headers}{'set-cookie'};
	$me->keep_cookie($_) for ref $set ? @$set : defined $set ? $set : ();
	return { status => $answer->{status}, headers => $answer->{headers},
		bytes => $answer->{content} // '',
		body => Encode::decode('UTF-8', $answer->{content} // '') };
}

sub keep_cookie {
	my ($me, $line) = @_;
	my ($pair, @attributes) = split /;\s*/, $line;
	my ($name, $value) = split /=/, $pair, 2;
	my %has = map { my ($k, $v) = split /=/; lc $k => $v // '' } @attributes;
	my $path = $has{path} // '/';
	if (($has{'max-age'} // 1) eq '0') { delete $me->{cookies}{$path}{$name} }
	else { $me->{cookies}{$path}{$name} = $value }
}

sub cookies_for {
	my ($me, $path) = @_;
	$path =~ s/\?.*//;
	my @sent;
	for my $scope (sort { length $b <=> length $a } keys %{ $me->{cookies} }) {
		next unless $scope eq '/' || $path eq $scope || index($path, "$scope/") == 0;
		my $jar = $me->{cookies}{$scope};
		push @sent, map { "$_=$jar->{$_}" } sort keys %$jar;
	}
	return join '; ', @sent;
}

sub encode_form {
	my @pairs;
	while (my ($name, $value) = splice @_, 0, 2) {
		push @pairs, escape($name) . '=' . escape($value // '');
	}
	return join '&', @pairs;
}

sub escape {
	my $bytes = Encode::encode('UTF-8', $_[0]);
	$bytes =~ s/([^A-Za-z0-9._*-])/sprintf '%%%02X', ord $1/ge;
	return $bytes;
}

sub unescape {
	my ($html) = @_;
	my %named = (lt => '<', gt => '>', quot => '"', amp => '&', '#39' => "'");
	$html =~ s/&(lt|gt|quot|amp|#39);/$named{$1}/g;
	return $html;
}

# What a browser would send for the form with this action: its inputs,
# marked radio buttons and options, and textareas.
sub fields {
	my ($me, $page, $action) = @_;
	my ($form) = $page->{body} =~ m{<form[^>]*action="\Q$action\E"[^>]*>(.*?)</form>}s
	    or die "no form for $action";
	my %typed;
	while ($form =~ m{<input([^>]*)>}g) {
		my %a = attributes($1);
		next unless defined $a{name};
		next if ($a{type} // '') eq 'file';
		next if ($a{type} // '') =~ /^(radio|checkbox)$/ && !exists $a{checked};
		$typed{ $a{name} } = $a{value} // '';
	}
	while ($form =~ m{<textarea([^>]*)>\n?(.*?)</textarea>}gs) {
		my ($text, %a) = ($2, attributes($1));
		$typed{ $a{name} } = unescape($text) if defined $a{name};
	}
	while ($form =~ m{<select([^>]*)>(.*?)</select>}gs) {
		my ($options, %a) = ($2, attributes($1));
		my ($chosen) = $options =~ m{<option([^>]*\bselected\b[^>]*)>};
		my %o = attributes($chosen // '');
		$typed{ $a{name} } = $o{value} // '';
	}
	return %typed;
}

sub attributes {
	my ($text) = @_;
	my %a;
	while ($text =~ /([a-z-]+)(?:="([^"]*)")?/g) { $a{$1} = unescape($2 // '') }
	return %a;
}

# The form tokens ask for two seconds: as fast as a person.
sub take_your_time { select undef, undef, undef, 2.1 }

# File a report through the form; returns its number.
sub report {
	my ($me, $template, %typed) = @_;
	my $form = $me->get("/report/$template");
	my %fields = $me->fields($form, "/report/$template");
	take_your_time();
	my $answer = $me->post("/report/$template",
	    { %fields, not_similar => 1, %typed, do => 'send' });
	my ($number) = ($answer->{headers}{location} // '') =~ m{^/my/(\d+)/receipt$}
	    or die "not filed: $answer->{status} $answer->{body}";
	return $number;
}

my $staff_password = 'correct horse battery';

# Somebody of the staff, signed in.
sub staff {
	my ($login) = @_;
	$login //= 'tester';
	if (sql("SELECT 1 FROM desk.staff WHERE login = '$login'") eq '') {
		open my $to, '|-', "$ENV{NIGHTDESK_BUILD}/login", '--add-staff', $login, "Staff \u$login"
		    or die "login: $!";
		print $to "$staff_password\n";
		close $to or die 'could not add staff';
	}
	my $me = Desk->new;
	my %fields = $me->fields($me->get('/login'), '/login');
	take_your_time();
	my $answer = $me->post('/login', { %fields, login => $login, password => $staff_password });
	die "not signed in: $answer->{status}" unless $answer->{status} == 303;
	return $me;
}

1;
