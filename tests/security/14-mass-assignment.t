# Class 14: fields that a form does not have.  Every name of a column of every
# table goes along with forms as one field more; each is a bad request, and
# nothing changes.  The fences: the tables of fields (lib/form.h), and grants:
# no program writes to a table.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

my $world = World->make(feed => 1);
my %number = %{ $world->{object} };
my @columns = split /\n/, sql(q{SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = 'desk' ORDER BY 1});
cmp_ok(scalar @columns, '>', 150, 'the tables have ' . @columns . ' names of columns');

sub parameters_of { my ($program) = @_; my $text = join '', map { slurp($_) } "cgi-bin/$program.c", glob 'lib/*.[ch]'; my %n; $n{$1} = 1 while $text =~ /\{\s*"(\w+)",\s*FORM_\w+/g; return { %n, map { $_ => 1 } $text =~ /^#define \w+ "([a-z_]+)"$/mg } }
# the ones that would pay
my @telling = grep { my $c = $_; grep { $c eq $_ } @columns } qw(active assignee staff state resolution consented_at filed_at answered_at version priority team customer requester proven_at changed_by duplicate_of me_toos id);

# A whole form of somebody who may send it, from its page.
my @forms = map { my ($path, $action, $viewer, $object) = @$_; my $page = ask('GET', $path, cookie => $world->jar($viewer, $object)); { action => $action, cookie => $world->jar($viewer, $object), fields => ask_form($page, $action) } }
	['/report/bug', '/report/bug', 'anonymous', ''], ["/my/$number{private}", "/my/$number{private}/reply", 'A', 'private'], ["/tickets/$number{public}", "/tickets/$number{public}/follow", 'anonymous', ''],
	["/staff/tickets/$number{private}", "/staff/tickets/$number{private}/reply", 'staff', ''], ["/staff/tickets/$number{private}", "/staff/tickets/$number{private}/note", 'staff', ''],
	["/staff/tickets/$number{private}", "/staff/tickets/$number{private}/change", 'staff', ''], ['/login/contact', '/login/contact', 'staff', ''];
is(scalar(grep { !$_->{fields} } @forms), 0, 'forms as their pages give them');
Desk::take_your_time();

sub taken {
	my ($which, @names) = @_;
	my @faults;
	for my $form (grep { $_->{action} =~ $which } @forms) {
		my ($program) = $form->{action} =~ m{^/report} ? 'submit' : $form->{action} =~ m{^/staff} ? 'staff' : $form->{action} =~ m{^/login} ? 'login' : 'ticket';
		my $own = parameters_of($program);
		for my $name (grep { !$own->{$_} } @names) {
			my $answer = ask('POST', $form->{action}, cookie => $form->{cookie}, body => { %{ $form->{fields} }, $name => '1' });
			push @faults, "$form->{action} takes \"$name\": $answer->{status}" if $answer->{status} != 400;
		}
	}
	return @faults;
}
my $before = fingerprint();
is(join("\n", taken(qr{^/report}, @columns)), '', 'a report takes no column of any table as a field');
is(join("\n", taken(qr{^/(?!report)}, @telling)), '', 'nor do the other forms take those that would pay: ' . @telling);
is(join("\n", map { my $form = $_; map { my $n = $_; ask('POST', $form->{action}, cookie => $form->{cookie}, body => { %{ $form->{fields} }, $n => 1 })->{status} == 400 ? () : "$form->{action} $n" }
	'subject[]', 'subject.0', '__proto__', 'Subject', 'constructor', 'ticket[state]' } @forms), '', 'nor names in the ways of other languages');
is(fingerprint(), $before, 'and nothing in the database has changed');
is(ask('POST', '/report/bug', body => Desk::encode_form(%{ $forms[0]{fields} }) . '&visibility=public&visibility=private')->{status}, 400, 'a field that is sent twice is refused');

bites('a report takes no fields but its own', sub { return taken(qr{^/report}, @telling) },
	'the refusal of unknown names in lib/form.c' => sub { rebuilt('submit', 'lib/form.c', sub { s/return rule == IGNORE;/return true;/ }) });

sub writable {
	return split /\n/, sql(q{SELECT r.rolname || ' ' || p || ' ' || c.oid::regclass FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
		WHERE r.rolname LIKE 'desk\_%' AND r.rolname <> 'desk_owner' AND n.nspname IN ('desk', 'api', 'report') AND c.relkind IN ('r', 'v', 'p') AND has_table_privilege(r.oid, c.oid, p)});
}
bites('no program may write to a table or view, but by its functions', \&writable,
	'the absence of a grant' => sub { Security::without('GRANT UPDATE ON desk.staff TO desk_staff', 'REVOKE UPDATE ON desk.staff FROM desk_staff') });
sub rewritten { return grep { eval { sql("BEGIN; SET LOCAL ROLE desk_owner; $_; ROLLBACK"); 1 } } q{UPDATE desk.change SET new = 'x'}, 'DELETE FROM desk.change', q{UPDATE desk.message SET body = 'x'}, 'DELETE FROM desk.message' }
bites('not even the owner writes history anew', \&rewritten,
	'the trigger of desk.change' => sub { Security::without('ALTER TABLE desk.change DISABLE TRIGGER USER', 'ALTER TABLE desk.change ENABLE TRIGGER USER') });

done_testing;
