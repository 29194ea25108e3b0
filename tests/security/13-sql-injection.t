# Class 13: SQL injection.  While every parameter of every route and every field
# of every form is attacked, the database writes down what it was asked; each
# text must stand in the sources, letter by letter, and none may be an error.
# The fences: constant texts with parameters (lib/db.h), and format() with %L in
# the functions that make SQL of a list's filters.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

my $world = World->make(feed => 1);
my @attacks = (q{'}, q{''}, q{' OR '1'='1}, q{1; DROP TABLE desk.ticket --}, q{' UNION SELECT tag_sha256 FROM desk.credential --}, q{\\'}, q{$$}, q{%27}, q{"}, q{1) OR (1=1},
	q{'||pg_sleep(3)||'}, q{' AND 1=CAST((SELECT version()) AS int) --}, "\x{2019}", q{newest, (SELECT 1)}, q{%L %I %s}, q{\\});

# Every query of every program, as its source says it.
sub known {
	my %known;
	for my $file (glob 'cgi-bin/*.c') {
		my $text = slurp($file) =~ s{/\*.*?\*/}{}gsr;
		my %named;
		while ($text =~ /^#define ([A-Z_]+)[ \t\\\n]+((?:"(?:[^"\\\n]|\\.)*"[ \t\\\n]*)+)/mg) {
			my ($name, $parts) = ($1, $2);
			$named{$name} = join '', map { s/\\"/"/gr } $parts =~ /"((?:[^"\\]|\\.)*)"/g;
		}
		while ($text =~ /\.sql\s*=\s*((?:(?:"(?:[^"\\]|\\.)*"|[A-Z_]+)\s*)+),/g) {
			my $all = $1;
			my $sql = join '', map { /^"/ ? substr($_, 1, -1) =~ s/\\"/"/gr : $named{$_} // "?$_" } $all =~ /("(?:[^"\\]|\\.)*"|[A-Z_]+)/g;
			$known{$sql} = $file;
		}
	}
	return \%known;
}
my $known = known();
cmp_ok(scalar keys %$known, '>', 60, 'the sources hold ' . keys(%$known) . ' queries');

# What the database was asked from now on, by which role.
my $log = "$ENV{DESK_LOG}/postgresql.log";
my $from;
sub asked {
	open my $file, '<', $log or die;
	seek $file, $from, 0;
	local $/;
	my $text = <$file>;
	my %asked;
	$asked{$1}++ while $text =~ /(?:execute \w+|statement): (.*(?:\n\t.*)*)/g;
	return (\%asked, $text);
}
my @roles = map { "desk_$_" } qw(list ticket submit staff login promise duty page);
sql(join ';', map { "ALTER ROLE $_ SET log_statement = 'all'" } @roles);
Security::restart($_) for 'list', 'ticket', 'submit', 'staff';

sub parameters_of { my ($program) = @_; my $text = slurp("cgi-bin/$program.c"); my %n; $n{$1} = 1 while $text =~ /\{\s*"(\w+)",\s*FORM_\w+/g; return sort keys %n }
sub attack {
	my ($only) = @_;
	my %status;
	my $n = 0;
	for my $route (grep { $_->{program} =~ $only } routes()) {
		my ($target) = $world->targets($route);
		my $cookie = $world->jar($route->{path} =~ m{^/(staff|login)} ? 'staff' : 'A', $target->[2]);
		my @names = parameters_of($route->{program});
		for my $round (0 .. 2) {
			my %typed = map { $_ => $attacks[$n++ % @attacks] } @names;
			my $path = $round ? $target->[1] : $route->{path} =~ s{:\w+}{Desk::escape($attacks[$n++ % @attacks] =~ s/\\//gr)}ger;
			my $answer = $route->{method} eq 'GET' ? ask('GET', "$path?" . Desk::encode_form(%typed), cookie => $cookie) : ask('POST', $path, cookie => $cookie, body => \%typed);
			$status{ $answer->{status} }++;
			push @{ $status{bad} }, "$route->{method} $path" if $answer->{status} >= 500;
		}
	}
	return \%status;
}

$from = -s $log;
my $status = attack(qr/./);
# the forms that are taken, with their tokens
my %report = %{ ask_form(ask('GET', '/report/bug'), '/report/bug') };
Desk::take_your_time();
ask('POST', '/report/bug', body => { %report, subject => $attacks[$_], body => join(' ', @attacks), name => $attacks[$_], tried => $attacks[$_], not_similar => 1, do => 'send' }) for 0 .. 3;
is(join(' ', @{ $status->{bad} // [] }), '', 'no attack is an error of ours');
my ($asked, $text) = asked();
cmp_ok(scalar keys %$asked, '>', 15, 'the database was asked ' . keys(%$asked) . ' different things');
my $session = qr/^(SET|BEGIN|COMMIT|ROLLBACK|LISTEN|DEALLOCATE|DISCARD|RESET|SHOW)\b/;
is(join("\n", grep { !$known->{$_} && !/$session/ } sort keys %$asked), '', '... each a text of the sources, letter by letter');
unlike($text, qr/ERROR:  (syntax error|unterminated|operator does not exist)/, 'and none was an error of syntax');

# -- without the fences ------------------------------------------------------------------

sub foreign { $from = -s $log; attack(qr/^list$/); my ($now) = asked(); return grep { !$known->{$_} && !/$session/ } sort keys %$now }
bites('what the list asks stands in its source', \&foreign,
	'the constant text of one of its queries' => sub { rebuilt('list', 'cgi-bin/list.c', sub { s/api\.list_summary\(\)/api.list_summary() WHERE '' = ''/ }) });
my ($where) = split /\n/, sql(q{SELECT p.oid::regprocedure FROM pg_proc p WHERE p.proname = 'queue_where'});
sub breaks { $from = -s $log; my $got = attack(qr/^staff$/); my (undef, $said) = asked(); return ((map { "$_ is an error" } @{ $got->{bad} // [] }), $said =~ /ERROR:  ((?:syntax error|unterminated)[^\n]*)/g) }
bites('filters of the queue are values, whatever they hold', \&breaks,
	"the %L of $where" => sub { weaken($where, sub { s/%L/'%s'/g }) });

sql(join ';', map { "ALTER ROLE $_ RESET log_statement" } @roles);
Security::restart($_) for 'list', 'ticket', 'submit', 'staff', 'login', 'promise', 'duty', 'page';
done_testing;
