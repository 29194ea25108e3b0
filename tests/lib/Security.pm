package Security;
# What the tests in tests/security have in common: who visits, what is asked
# for, and how a fence is taken away to see that its test then fails.
#
#	bites('a link opens its own ticket alone', sub { return @faults },
#	    'desk.link_open() without the number' =>
#	    sub { weaken('desk.link_open(text,integer,text)', qr/AND \(wanted.*?\)/, '') });
#
# says that the check finds no fault; then takes the fence away, says that the
# check now finds one, puts the fence back and looks once more.  What is taken
# away is a part of a function in SQL, a line of a template or of the web
# server's configuration, or a line of C, for which one program is linked anew.
# Whatever happens to the test, the fence is put back.
#
# DESK_MATRIX=FILE makes tests that hold a table write there what they saw.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(sha256_hex);
use Encode ();
use Exporter 'import';
use File::Temp 'tempdir';
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use Test::More;
use Time::HiRes ();
use Desk;

our @EXPORT = qw(bites weaken without_template without_config rebuilt restart routes ask ask_form session link_of cookie fingerprint
	slurp dom dom_faults visit logs sql token no_limits psql_as sanitizer);

# Columns of text whose words are the code's own: a test that fills columns
# with words of its own leaves them alone, or nothing would run.
our @code = qw(change.field change.old change.new change.program change.actor page_event.program page_event.role duty_change.role duty_change.rotation
	staff_contact.zone secret.name secret.value migration.name migration.sha256 last_run.program limit_count.subject list_sent.kind delivery.way
	delivery_pause.way ticket.changed_by page.resolved_why);

sub sql { return Desk::sql(@_) }

sub slurp {
	my ($file) = @_;
	open my $from, '<:encoding(UTF-8)', $file or die "$file: $!";
	local $/;
	return scalar <$from>;
}

sub spew {
	my ($file, $text) = @_;
	open my $to, '>:encoding(UTF-8)', "$file.new" or die "$file: $!";
	print $to $text;
	close $to or die "$file: $!";
	chmod((stat $file)[2] & 07777, "$file.new") if -e $file;
	rename "$file.new", $file or die "$file: $!";
}

# -- fences ------------------------------------------------------------------

# A sentence, a check that returns what is wrong, and fences to take away,
# each as a name and a sub that returns a guard (below).
sub bites {
	my ($sentence, $check, @fences) = @_;
	my @faults = $check->();
	my $good = is(scalar @faults, 0, $sentence) || diag(join "\n", map { "  $_" } @faults[0 .. ($#faults > 19 ? 19 : $#faults)]);
	while (my ($name, $take) = splice @fences, 0, 2) {
		my $guard = eval { $take->() };
		if (!$guard) {
			fail("the fence \"$name\" can be taken away");
			diag($@);
			next;
		}
		@faults = $check->();
		undef $guard;
		ok(@faults, "... and without $name that fails") or next;
		note("then: $faults[0]");
	}
	return $good;
}

package Security::Guard {
	sub new { my ($class, $back) = @_; return bless { back => $back, owner => $$ }, $class }
	sub DESTROY { my ($me) = @_; local ($?, $!, $@); $me->{back}->() if $me->{owner} == $$ }
}

sub changed {
	my ($what, $was, $from, $to) = @_;
	my $now = $was;
	ref $from eq 'CODE' ? do { local $_ = $now; $from->(); $now = $_ } : $now =~ s/$from/$to/g;
	die "there is no such thing in $what\n" if $now eq $was;
	return $now;
}

# A function without a part of it, for as long as the guard lives.  The
# function keeps its owner and its grants.
sub weaken {
	my ($function, $from, $to) = @_;
	my $was = sql("SELECT pg_get_functiondef('$function'::regprocedure)");
	my $now = changed($function, $was, $from, $to);
	sql($now);
	return Security::Guard->new(sub { sql($was) });
}

# Any SQL that takes a fence away, and the SQL that puts it back.
sub without {
	my ($away, $back) = @_;
	sql($away);
	return Security::Guard->new(sub { sql($back) });
}

# A file as the running desk reads it, and who has to read it anew.
sub without_file {
	my ($file, $from, $to, $anew) = @_;
	my $was = slurp($file);
	spew($file, changed($file, $was, $from, $to));
	$anew->();
	return Security::Guard->new(sub { spew($file, $was); $anew->() });
}

sub without_template {
	my ($program, $template, $from, $to) = @_;
	return without_file("$ENV{NIGHTDESK_TEMPLATES}/$template", $from, $to, sub { restart($program) });
}

sub pid_of {
	my ($name) = @_;
	open my $file, '<', "$ENV{DESK_DIR}/pid/$name" or die "$name: $!";
	return 0 + <$file>;
}

sub without_config {
	my ($from, $to) = @_;
	return without_file("$ENV{DESK_DIR}/web/site.conf", $from, $to, sub {
		kill $ENV{DESK_SERVER} eq 'nginx' ? 'HUP' : 'USR1', pid_of('web');
		Time::HiRes::sleep(0.7);
	});
}

# One program without a line of one of its files: compiled and linked anew as
# the Makefile would, in the place of the one that runs.
sub rebuilt {
	my ($program, $file, $from, $to) = @_;
	my $dir = tempdir(CLEANUP => 1);
	my ($name) = $file =~ m{([^/]+)\.c$} or die "$file is no file in C\n";
	my $build = $ENV{NIGHTDESK_BUILD} // 'build';
	my $running = "$ENV{DESK_DIR}/stage/build/$program";
	my ($compile, $link, $libs) = split /\n/, `make -s --no-print-directory B=$build tell-compiler 2>/dev/null`;

	spew("$dir/$name.c", changed($file, slurp($file), $from, $to));
	my @objects = $file eq "cgi-bin/$program.c" ? "$dir/$name.o" : ("$dir/$name.o", "$build/cgi-bin/$program.o");
	system("$compile -Wno-error -w -c -o $dir/$name.o $dir/$name.c && $link -o $dir/$program @objects $build/libdesk.a $libs") == 0
	    or die "could not build $program\n";
	my $mode = (stat $running)[2] & 07777;
	my $swap = sub {
		my ($from_file) = @_;
		system('cp', $from_file, "$running.new") == 0 or die;
		chmod $mode, "$running.new";
		rename "$running.new", $running or die;
		restart($program);
	};
	system('cp', $running, "$dir/was") == 0 or die;
	$swap->("$dir/$program");
	return Security::Guard->new(sub { $swap->("$dir/was") });
}

sub workers_of {
	my ($program) = @_;
	my $watcher = pid_of($program);
	return grep { $_ } map { 0 + $_ } `ps -o pid= --ppid $watcher`;
}

# New workers of a program, once the old ones have ended.
sub restart {
	my ($program) = @_;
	my @old = workers_of($program);
	kill 'TERM', @old;
	my $until = Time::HiRes::time + 20;
	while (Time::HiRes::time < $until) {
		my %now = map { $_ => 1 } workers_of($program);
		last if %now >= @old && !grep { $now{$_} } @old;
		Time::HiRes::sleep(0.02);
	}
	my ($first) = grep { $_->{program} eq $program && $_->{method} eq 'GET' } routes();
	my $path = $first->{path} =~ s/:\w+/0/gr;
	while (Time::HiRes::time < $until) {
		last if ask('GET', $path)->{status} !~ /^50[234]$/;
		Time::HiRes::sleep(0.02);
	}
}

# -- who visits, and how -----------------------------------------------------

# Every route of every program, as its table in C says.
sub routes {
	my @routes;
	for my $file (sort glob 'cgi-bin/*.c') {
		my ($program) = $file =~ m{/([^/]+)\.c$};
		my $text = slurp($file);
		my ($table) = $text =~ /^static const struct route routes\[\] = \{\n(.*?)^\};/ms or next;
		my %named = $text =~ /^#define (\w+) "([^"]*)"/mg;
		my $count = () = $table =~ /\{\s*"/g;
		while ($table =~ /\{\s*"(GET|POST)",\s*(?:(\w+)\s+)?"([^"]+)",\s*\w+,\s*(\w+)/g) {
			push @routes, { program => $program, method => $1, path => ($2 ? $named{$2} : '') . $3, cache => $4 };
			$count--;
		}
		die "$file has routes that cannot be read\n" if $count;
	}
	return @routes;
}

# One request: cookie => 'a=b', body => a hash or bytes, other names as headers.
sub ask {
	my ($method, $path, %how) = @_;
	my $cookie = delete $how{cookie};
	my $body = delete $how{body};
	$how{Cookie} = $cookie if defined $cookie && $cookie ne '';
	$body = Desk::encode_form(map { $_ => $body->{$_} } sort keys %$body) if ref $body eq 'HASH';
	$how{'Content-Type'} //= 'application/x-www-form-urlencoded' if $method eq 'POST';
	return Desk->new->request($method, $path, $method eq 'POST' ? $body // '' : undef, %how);
}

sub token { return encode_base64url(pack 'N4', map { int rand 2**32 } 1 .. 4) }

# A build with the address sanitizer reads files and looks into itself for its
# reports: there the fence lets that through (fence.h).
sub sanitizer { return `nm -D $ENV{NIGHTDESK_BUILD}/list` =~ /asan/ }

sub secure { return ($ENV{NIGHTDESK_URL} // '') =~ /^https/ }
my %prefix = (session => '__Host-', link => '__Secure-');
sub cookie { my ($name, $value) = @_; return (secure() ? $prefix{$name} : '') . "$name=$value" }

# A session of one of the staff, who is made when new, just proven; without the
# sign-in, which costs what a password has to.
sub session {
	my ($login, $name) = @_;
	my $token = encode_base64url(pack 'N8', map { int rand 2**32 } 1 .. 8);
	$name //= "Staff \u$login";
	sql("INSERT INTO desk.staff (login, name) VALUES ('$login', '$name') ON CONFLICT DO NOTHING;
		INSERT INTO desk.credential (staff, salt, memory_kib, passes, tag_sha256) SELECT id, sha256('salt'), 19456, 2, sha256('tag') FROM desk.staff
		WHERE login = '$login' ON CONFLICT DO NOTHING;
		INSERT INTO desk.session (token_sha256, staff, network, agent, fresh_until)
		SELECT sha256('$token'), id, '127.0.0.1', 'test', now() + interval '10 minutes' FROM desk.staff WHERE login = '$login'");
	return $token;
}

# A new secret link to a ticket.
sub link_of {
	my ($number, $mail, $purpose) = @_;
	$purpose //= 'requester';
	return sql("SELECT desk.link_make($number, " . (defined $mail ? "desk.person_of('$mail')" : 'NULL') . ", '$purpose')");
}

sub no_limits { sql('UPDATE desk.limiter SET most = 1000000; DELETE FROM desk.limit_count') }

# The fields of a page's form with this action, as a browser would send them;
# undef without one.
sub ask_form {
	my ($page, $action) = @_;
	my %fields = eval { Desk->new->fields($page, $action) };
	return %fields ? \%fields : undef;
}

# One hash for all that the database holds, but for the counts of the limits
# and the minute in which a session was last seen.
sub fingerprint {
	return sql(q{SELECT md5(string_agg(md5(coalesce(x.rows, '')), '' ORDER BY c.relname)) FROM pg_class c,
		LATERAL (SELECT (xpath('/row/h/text()', query_to_xml(format('SELECT md5(string_agg(t::text, %L ORDER BY t::text)) AS h FROM desk.%I t%s',
			'|', c.relname, CASE c.relname WHEN 'session' THEN ' WHERE false' ELSE '' END), true, true, '')))[1]::text AS rows) x
		WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('limit_count', 'last_run')});
}

# psql as a program's role; what it said, errors too.
sub psql_as {
	my ($role, $text) = @_;
	open my $to, '|-', "psql -XqAt -U $role -f - >$ENV{DESK_DIR}/run/.said-$$ 2>&1" or die $!;
	print $to Encode::encode('UTF-8', $text);
	close $to;
	my $said = slurp("$ENV{DESK_DIR}/run/.said-$$");
	unlink "$ENV{DESK_DIR}/run/.said-$$";
	return $said;
}

# Everything that was written to a log so far, by name.
sub logs {
	return map { my ($name) = m{([^/]+)$}; ($name => do { open my $f, '<', $_ or die "$_: $!"; local $/; <$f> // '' }) } glob "$ENV{DESK_LOG}/*";
}

# -- a browser -----------------------------------------------------------------

sub browse {
	my ($order) = @_;
	my $dir = tempdir(CLEANUP => 1);
	open my $to, '>', "$dir/order" or die;
	print $to JSON::PP->new->utf8->encode($order);
	close $to;
	open my $said, '-|', "node tests/lib/look.js <$dir/order" or die "node: $!";
	local $/;
	my $text = <$said> // '';
	close $said or die "tests/lib/look.js failed: $text\n";
	return JSON::PP->new->utf8->decode($text);
}

# What Chromium's parser makes of each page: a list of elements, each as
# [tag, {attribute: value...}, own text].
sub dom {
	return @{ browse({ parse => \@_ })->{parsed} };
}

# What our templates and our renderer of Markdown can make, by "tag" and "tag
# attribute", read from their sources.
sub made_by_us {
	my (%tag, %attribute);
	for my $file (glob 'templates/*.html') {
		my $text = slurp($file) =~ s/\{\{.*?\}\}//gsr;
		while ($text =~ /<([a-z][a-z0-9]*)\b([^>]*)>/g) {
			my ($name, $rest) = ($1, $2);
			$tag{$name} = 1;
			$attribute{lc "$name $1"} = 1 while $rest =~ /([A-Za-z][\w:-]*)(?:="[^"]*")?/g;
		}
	}
	$tag{$_} = 1 for slurp('lib/markup.c') =~ /"<([a-z][a-z0-9]*)/g, qw(em strong code del html head body tbody);
	$attribute{$_} = 1 for 'a href', 'a rel', 'ol start', 'th class', 'td class', 'html data-theme';
	return (\%tag, \%attribute);
}

sub address_is_good {
	my ($address) = @_;
	return 1 unless $address =~ /^[\x00-\x20]*([a-z][a-z0-9+.-]*):/i;
	return lc $1 =~ /^(https?|mailto)$/;
}

# Pages by name: whatever a browser's parser finds in them that we did not
# write.  "grown" marks what is ours in kind but was typed by somebody.
sub dom_faults {
	my (%text) = @_;
	my @names = grep { $text{$_} !~ /^<\?xml/ } sort keys %text;
	my @dom = dom(map { $text{$_} } @names);
	my ($tag, $known) = made_by_us();
	my %fault;
	for my $i (0 .. $#names) {
		for my $element (@{ $dom[$i] }) {
			my ($name, $has, $inside) = @$element;
			my $where = $names[$i];
			$fault{"an element $name in $where"} = 1 unless $tag->{$name};
			$fault{"something in a $name in $where"} = 1 if $inside =~ /\S/;
			$fault{"a script from \"@{[ $has->{src} // '' ]}\" in $where"} = 1 if $name eq 'script' && ($has->{src} // '') !~ m{^/static/[\w-]+\.m?js$};
			for my $attribute (keys %$has) {
				$fault{"$name $attribute in $where"} = 1 unless $known->{lc "$name $attribute"};
				$fault{"$name $attribute=\"$has->{$attribute}\" in $where"} = 1
				    if $attribute =~ /^(href|src|action|formaction|cite|data|poster)$/ && !address_is_good($has->{$attribute});
				$fault{"a $name that somebody typed in $where"} = 1 if $has->{$attribute} eq 'grown';
			}
		}
	}
	return sort keys %fault;
}

# Open pages in a real browser, JavaScript on: a list of {path, cookie};
# returns for each what ran, was blocked or asked elsewhere.
sub visit {
	return @{ browse({ visit => \@_, url => $ENV{NIGHTDESK_URL}, http => $ENV{DESK_HTTP} })->{visited} };
}

1;
