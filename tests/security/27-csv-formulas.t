# Class 27, cells that a spreadsheet takes for formulas.  Fence: the CSV writer
# quotes every cell and puts a ' before a text that would be one; what a program
# sends as CSV comes from there and from nowhere else.
use strict;
use warnings;
use utf8;
use Test::More;
use Text::CSV;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

Desk::start_anew();
# Each way to begin one, and what is none.
my @formulas = ('=1+1', '+1', '-1', '@SUM(A1)', "\t=1", '=cmd|\' /C calc\'!A0', "=HYPERLINK(\"https://evil.example\")", '-2+3+cmd|\' /C calc\'!A0', '@', '=', "\"=1\"", ',=1', "'=1", 'plain');
for my $text (@formulas) {
	(my $quoted = $text) =~ s/'/''/g;
	sql("INSERT INTO desk.ticket (subject, kind, severity, requester_name, reason) VALUES ('$quoted', 'bug', 3, '$quoted', '$quoted')");
}
sql(q{INSERT INTO desk.product (name, label) VALUES ('x', '=1+1'); UPDATE desk.ticket SET product = 'x'; UPDATE desk.kind SET label = '=2' WHERE name = 'bug'; UPDATE desk.team SET label = '@' || label});
my $staff = cookie(session => session('sums', '=cmd'));

# Read by a parser that is not ours.
sub cells {
	my ($answer) = @_;
	my $csv = Text::CSV->new({ binary => 1, strict => 1 });
	open my $from, '<:encoding(UTF-8)', \$answer->{bytes} or die;
	my @rows;
	while (my $row = $csv->getline($from)) { push @rows, $row }
	return ($csv->eof ? () : $csv->error_diag . '', \@rows);
}

sub faults {
	my ($what, $answer) = @_;
	my @found = cells($answer);
	my $rows = pop @found;
	push @found, "$what gives $answer->{status}" if $answer->{status} != 200;
	push @found, "$what is of type " . ($answer->{headers}{'content-type'} // '') if ($answer->{headers}{'content-type'} // '') ne 'text/csv; charset=utf-8; header=present';
	push @found, "$what is shown in the browser" if ($answer->{headers}{'content-disposition'} // '') !~ /^attachment; filename="[a-z.-]+"$/;
	for my $row (@$rows) {
		push @found, "$what: rows of different width" if @$row != @{ $rows->[0] };
		push @found, map { "$what: a cell $_" } grep { /^[=+\-@\t\r]/ && !/^-?\d+(?:\.\d+)?$/ } @$row;
	}
	return (\@found, $rows);
}

for my $path (map { $_->{path} } grep { $_->{method} eq 'GET' && $_->{path} =~ /csv$/ } routes()) {
	my ($found) = faults($path, ask('GET', $path, cookie => $staff));
	is_deeply($found, [], "$path holds no formula");
}
unlike(join('', map { slurp($_) } grep { !/csv\.c$/ } glob 'cgi-bin/*.c lib/*.c'), qr{"text/csv}, 'no other writer of CSV is there');

my $list = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
sub of_tickets {
	my ($found, $rows) = faults('tickets.csv', $list->ask(REQUEST_URI => '/tickets.csv'));
	my ($at) = grep { $rows->[0][$_] eq 'subject' } 0 .. $#{ $rows->[0] };
	my %seen = map { $_->[$at] => 1 } @$rows;
	# all that went in comes out, behind a ' where it has to
	my @lost = grep { my $shown = sql('SELECT desk.visible(' . "'" . s/'/''/gr . "')"); !$seen{$shown} && !$seen{"'$shown"} } @formulas;
	return (@$found, map { "lost: $_" } @lost);
}
bites('every text comes back, none as a formula', \&of_tickets,
	"the ' before a formula" => sub { $list->weaker('lib/csv.c', "if (!number && is_formula(s))", 'if (0 && number)') },
	'quotes that are doubled' => sub { $list->weaker('lib/csv.c', "if (*s == '\"')", 'if (0)') });
done_testing;
