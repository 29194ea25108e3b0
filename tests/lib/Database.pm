package Database;
# A database of its own with the whole schema, dropped when the test ends.
# Needs a cluster (PGHOST, PGUSER its superuser).
#
#	use Database 'sql';
#	Database::make('calendar');	calendar_test_<pid>, for all that follows
#	my @lines = sql('SELECT ...');	what psql prints; the first line as a scalar
use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT_OK = qw(sql);
my ($name, $owner) = ('', $$);

sub make {
	my ($about) = @_;
	$ENV{PGDATABASE} = "${about}_test_$$";
	system('createdb', '-T', 'template0', $ENV{PGDATABASE}) == 0 or BAIL_OUT('cannot make a database');
	$name = $ENV{PGDATABASE};
	load();
}

# The schema; once more, it mends what a test has broken.
sub load {
	system('sql/migrate >/dev/null') == 0 or BAIL_OUT('cannot load the schema');
}

END {
	my $status = $?;
	system('dropdb', '--if-exists', '--force', $name) if $name ne '' && $$ == $owner;
	$? = $status;
}

sub sql {
	my ($text) = @_;
	open my $psql, '-|', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', $text or die "psql: $!";
	my @lines = <$psql>;
	close $psql or die "psql failed: $text";
	chomp @lines;
	return wantarray ? @lines : $lines[0];
}

1;
