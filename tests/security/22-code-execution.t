# Class 22, running code: by settings, serialised objects, plug-ins, a shell.
# Fences: no program knows how to start another one or to load code, there is
# nothing to evaluate; and seccomp ends who tries to all the same.
use strict;
use warnings;
use utf8;
use File::Temp 'tempdir';
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

# What a program's own code asks of the C library.
my @web = map { $_->{program} } routes();
my $forbidden = qr/^(?:system|popen|execl?[vp]*e?|execveat|fexecve|fork|vfork|posix_spawnp?|dlopen|dlmopen|wordexp|ptrace|process_vm_writev|memfd_create)$/;
sub asks_for {
	my (@programs) = @_;
	return map { my $program = $_; map { "$program: $_" } grep { /$forbidden/ } map { /\bU (\w+)/ ? $1 : () } `nm -D --undefined-only $program` } @programs;
}
my %seen;
my @programs = map { "$ENV{NIGHTDESK_BUILD}/$_" } grep { !$seen{$_}++ } @web, qw(slacheck notify calendar);
is_deeply([ asks_for(@programs) ], [], 'no program can start another one') if !sanitizer();
isnt(scalar asks_for(Worker::build('list', 'cgi-bin/list.c', "show_home(struct request *r)\n{", "show_home(struct request *r)\n{\n\tif (r->method == NULL && system(\"x\"))\n\t\treturn 500;",
	'cgi-bin/list.c', '#include <stdbool.h>', "#include <stdbool.h>\n#include <stdlib.h>")), 0, '... and one that can would be noticed');

# One that was taken over tries all the same.
my $place = tempdir(CLEANUP => 1);
chmod 0777, $place;
my $list = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
my %tries = (
	'run a program' => qq{char *const words[] = { "/bin/touch", "$place/made", NULL }; execve(words[0], words, NULL); said = "came back";},
	'ask the shell' => qq{if (system("/bin/touch $place/made") != 0) said = "came back";},
	'fork' => qq{pid_t p = fork(); if (p == 0) { close(open("$place/made", O_CREAT | O_WRONLY, 0666)); _exit(0); } said = p < 0 ? "came back" : "forked"; if (p > 0) usleep(200000);},
	'make memory executable' => qq{void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); if (mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0) { said = "executable"; }},
	'look into another process' => qq{said = ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? "traced" : "came back";},
);
sub done {
	unlink "$place/made";
	my $answer = $list->ask(REQUEST_URI => '/');
	return (-e "$place/made" ? 'a file was made by it' : (), ($answer->{body} // '') =~ /^(forked|executable|traced)$/ ? "it $1" : ());
}
for my $what (grep { $_ ne 'look into another process' || !sanitizer() } sort keys %tries) {
	{
		my $guard = $list->intruder($tries{$what});
		is_deeply([ done() ], [], "who gets into a program cannot $what");
	}
	next if $what !~ /^(?:run|make|fork)/;
	my $guard = $list->intruder($tries{$what}, 'lib/web.c', 'fence_close(FENCE_WEB);', '');
	isnt(scalar done(), 0, '... and can without the fence');
}

# Nothing of the desk is data that becomes code.
sub evaluates {
	my (%text) = @_;
	return grep { $text{$_} =~ /\b(?:eval|Function|setTimeout|setInterval)\s*\(\s*['"`]|new\s+Function|importScripts|\bunserialize\b/ } sort keys %text;
}
is_deeply([ evaluates(map { $_ => slurp($_) } glob 'htdocs/*.js') ], [], 'no script evaluates text');
isnt(scalar evaluates(planted => 'eval("x")'), 0, '... and one that does would be noticed');
# Dynamic SQL: with format() and its quoting, or not at all.
sub glued {
	my (%text) = @_;
	return grep { my $t = $text{$_} =~ s/--[^\n]*//gr; $t =~ /\bEXECUTE\s+(?!FUNCTION\b|PROCEDURE\b|format\s*\(|ON\b|'[^']*'\s*(?:USING|INTO|;)|ALL\b)[^;]*\|\|(?![^;]*quote_)/i } sort keys %text;
}
my %sql = map { $_ => slurp($_) } glob 'sql/api/*.sql sql/desk/*.sql';
my @dynamic = glued(%sql);
is_deeply(\@dynamic, [], 'no SQL is made of pieces but by format()') or diag("@dynamic");
isnt(scalar glued(planted => "EXECUTE 'SELECT ' || name;"), 0, '... and one that is would be noticed');
done_testing;
