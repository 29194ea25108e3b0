# Every query of sql/README runs, as the role it names, on the sample tickets.
use strict;
use warnings;
use Test::More;
use lib 'tests/lib';
use Database;

open(my $file, '<', 'sql/README') or die "sql/README: $!";
my $text = do { local $/; <$file> };
$text =~ s/.*^Worked queries$//ms or die 'sql/README has no "Worked queries"';

# "1. What it is for.  As role:" and then SQL, indented by a tab.
my @examples;
while ($text =~ /^(\d+)\. ((?:(?!^\d+\.).)*?)\bAs\s+(desk_\w+):\n\n((?:\t[^\n]*\n|\n(?=\t))+)/msg) {
	my ($number, $words, $role, $sql) = ($1, $2, $3, $4);
	$words =~ s/\s+/ /g;
	push @examples, { number => $number, words => $words =~ s/ $//r, role => $role, sql => $sql };
}

Database::make('readme');
is(system(qw(psql -Xq1 -v ON_ERROR_STOP=1 -o /dev/null -f sql/demo.sql)), 0, 'the sample tickets can be loaded');

# Nothing of an example stays: it is rolled back.
sub run {
	my ($role, $sql) = @_;
	my @user = $role eq 'desk_report' ? ('-U', $role) : ();
	my $script = "BEGIN;\n" . (@user ? '' : "SET LOCAL ROLE $role;\n") . "$sql\nROLLBACK;\n";
	my $pid = open(my $psql, '-|') // die "fork: $!";
	if (!$pid) {
		open(STDERR, '>&', \*STDOUT);
		exec('psql', '-XqAt', @user, '-v', 'ON_ERROR_STOP=1', '-c', 'SET client_min_messages = warning', map { ('-c', $_) } $script);
	}
	my $out = do { local $/; <$psql> } // '';
	close($psql);
	return ($? >> 8, $out);
}

cmp_ok(scalar @examples, '>=', 10, 'there are ten of them, or more');
is(scalar @examples, scalar(() = $text =~ /^\d+\. /mg), 'and this test has found them all');
for my $e (@examples) {
	my ($status, $out) = run($e->{role}, $e->{sql});
	is($status, 0, "$e->{number}. $e->{words}") or diag($out);
	my $last = (split /;\s*\n/, $e->{sql})[-1];
	isnt($out, '', '... and finds something') if $last =~ /^\s*SELECT/ or $last =~ /RETURNING/;
}
my ($status) = run('desk_report', 'SELECT nonsense');
isnt($status, 0, 'a query that fails would be noticed');
($status) = run('desk_report', 'SELECT 1 FROM desk.ticket');
isnt($status, 0, 'and desk_report is no more than itself');
done_testing;
