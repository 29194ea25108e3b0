/*
 * Pages: what fills a template, and that no value can change the shape of
 * one.  Templates of our own making first, then every one of the desk's.
 */
#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "conf.h"
#include "db.h"
#include "form.h"
#include "page.h"
#include "web.h"

#define PRAGMA "{{%AUTOESCAPE context=\"HTML\"}}\n"
#define COLUMNS 3

static char sent[65536];
static struct request request;

/* Rows without a database: a number, a text and a boolean. */
struct rows {
	int count;
	const char *cells[4][COLUMNS];
};

int
rows_count(const struct rows *rows)
{
	return rows->count;
}

int
rows_columns(const struct rows *rows)
{
	(void)rows;
	return COLUMNS;
}

const char *
rows_name(const struct rows *rows, int column)
{
	static const char *const names[] = { "number", "subject", "is_open" };

	(void)rows;
	return names[column];
}

bool
rows_is_boolean(const struct rows *rows, int column)
{
	(void)rows;
	return column == 2;
}

const char *
rows_text(const struct rows *rows, int row, int column)
{
	return rows->cells[row][column];
}

int
web_send(struct request *r, int status, const char *type, const char *body,
    size_t size)
{
	(void)r;
	assert_string_equal(type, "text/html; charset=utf-8");
	assert_true(size < sizeof(sent));
	memcpy(sent, body, size);
	sent[size] = '\0';
	return status;
}

/* A directory of templates: name and text in turn, then NULL. */
static char directory[] = "/tmp/nightdesk-templates.XXXXXX";

static void
write_template(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static const char *const templates[] = { "head.html",
	PRAGMA
	"<html{{#THEME_DARK}} class=\"dark\"{{/THEME_DARK}}><title>"
	"{{#PROBLEMS}}Error: {{/PROBLEMS}}{{TITLE}} - {{DESK}}</title>\n",
	"foot.html", PRAGMA "</html>\n", "error.html",
	PRAGMA "{{>HEAD}}\n{{#STATUS_404}}absent{{/STATUS_404}}"
	       "{{#STATUS_OTHER}}other{{/STATUS_OTHER}} {{STATUS}}"
	       "{{#WITH_ID}} {{REQUEST_ID}}{{/WITH_ID}}\n{{>FOOT}}\n",
	"part-some-badge.html", PRAGMA "<b>{{SUBJECT}}{{>INNER}}</b>\n",
	"part-inner.html", PRAGMA "<i>{{NUMBER}}</i>\n", "list.html",
	PRAGMA "{{#ROW}}\n<p>{{NUMBER}}:{{SUBJECT}}"
	       "{{#IS_OPEN}} open{{/IS_OPEN}} {{>SOME_BADGE}}.</p>\n{{/ROW}}\n",
	"row.html",
	PRAGMA "{{NUMBER}} {{SUBJECT}}{{#IS_OPEN}} open{{/IS_OPEN}}\n",
	"form.html",
	PRAGMA "{{#PROBLEMS}}<ul>{{#PROBLEM}}<li>{{FIELD}}: {{COMPLAINT}}</li>"
	       "{{/PROBLEM}}</ul>{{/PROBLEMS}}\n<textarea>\n{{F_BODY:p}}"
	       "</textarea>{{#E_BODY}}<em>{{COMPLAINT}}</em>{{/E_BODY}}"
	       "{{#F_KIND_IS_A_B}}chosen{{/F_KIND_IS_A_B}}\n",
	"place.html",
	PRAGMA "<a href=\"{{ADDRESS}}\" title=\"{{TITLE}}\">{{TITLE}}</a>\n",
	"section.html", PRAGMA "{{#ROUND}}[{{WORD}}]{{/ROUND}}\n", "feed.atom",
	"{{%AUTOESCAPE context=\"XML\"}}\n<?xml version=\"1.0\"?>\n"
	"<a b=\"{{TITLE}}\">{{TITLE}}</a>\n",
	NULL };

static struct conf conf = { .name = "Night & Day",
	.url = "https://a.example",
	.templates = directory };

static int
make_templates(void **state)
{
	const char *const *t;

	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	for (t = templates; *t != NULL; t += 2)
		write_template(t[0], t[1]);
	page_start(&conf, NULL);
	return 0;
}

static int
remove_templates(void **state)
{
	const char *const *t;
	char path[256];

	(void)state;
	for (t = templates; *t != NULL; t += 2) {
		snprintf(path, sizeof(path), "%s/%s", directory, *t);
		unlink(path);
	}
	return rmdir(directory);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&request, 0, sizeof(request));
	request.arena = arena_new(4096);
	request.conf = &conf;
	request.id = "0123456789abcdef0123456789abcdef";
	request.theme = "";
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(request.arena);
	return 0;
}

static const char *
text_of(struct page *p)
{
	size_t size;
	const char *text = page_text(p, &size);

	assert_int_equal(strlen(text), size);
	return text;
}

static void
a_row_fills_variables_and_shows_sections(void **state)
{
	static const struct rows rows = { 2,
		{ { "7", "Printer on fire", "t" }, { "8", "", "f" } } };
	struct page *p = page_new(&request, "row.html");

	(void)state;
	page_row(p, &rows, 0);
	assert_string_equal(text_of(p), "7 Printer on fire open\n");
	p = page_new(&request, "row.html");
	page_row(p, &rows, 1);
	assert_string_equal(text_of(p), "8 \n");
}

static void
rows_repeat_a_section_and_parts_see_them(void **state)
{
	static const struct rows rows = { 2,
		{ { "7", "<b>", "t" }, { "8", "b", "f" } } };
	static const struct rows none = { 0, { { NULL } } };
	struct page *p = page_new(&request, "list.html");

	(void)state;
	page_rows(p, "row", &rows);
	assert_string_equal(text_of(p),
	    "<p>7:&lt;b&gt; open <b>&lt;b&gt;<i>7</i></b>.</p>\n"
	    "<p>8:b <b>b<i>8</i></b>.</p>\n");
	p = page_new(&request, "list.html");
	page_rows(p, "row", &none);
	assert_string_equal(text_of(p), "");
}

static void
a_section_can_be_filled_by_hand(void **state)
{
	struct page *p = page_new(&request, "section.html");
	const char *const words[] = { "a", "b&" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++)
		page_set(page_section(p, "round"), "word", words[i]);
	assert_string_equal(text_of(p), "[a][b&amp;]\n");
}

static void
values_are_escaped_for_where_they_stand(void **state)
{
	struct page *p = page_new(&request, "place.html");

	(void)state;
	page_set(p, "title", "\" onclick='x' <b>&");
	page_set(p, "address", "javascript:alert(1)");
	assert_string_equal(text_of(p),
	    "<a href=\"#\" title=\"&quot; onclick=&#39;x&#39; &lt;b&gt;&amp;\">"
	    "&quot; onclick=&#39;x&#39; &lt;b&gt;&amp;</a>\n");
}

static void
a_feed_is_well_formed_whatever_it_tells(void **state)
{
	struct page *p = page_new(&request, "feed.atom");

	(void)state;
	page_set(p, "title", "<\"'&\x01\x0b>");
	assert_string_equal(text_of(p),
	    "<?xml version=\"1.0\"?>\n<a b=\"&lt;&quot;&#39;&amp;  &gt;\">"
	    "&lt;&quot;&#39;&amp;  &gt;</a>\n");
}

static void
a_form_comes_back_as_it_was_typed(void **state)
{
	static const struct field fields[] = {
		{ "kind", FORM_LINE, 50, NULL },
		{ "body", FORM_TEXT, 50, NULL },
		{ NULL, FORM_LINE, 0, NULL },
	};
	struct page *p;

	(void)state;
	request.body = "kind=a-b&body=%0D%0A%20<b>%0D%0A%09\"x\"";
	request.body_size = strlen(request.body);
	assert_true(form_read(&request, fields));
	p = page_new(&request, "form.html");
	page_form(p, &request);
	assert_string_equal(text_of(p),
	    "\n<textarea>\n\n &lt;b&gt;\n\t&quot;x&quot;</textarea>chosen\n");
	form_complain(&request, "body", "Say <more>");
	form_complain(&request, "kind", "Which?");
	p = page_new(&request, "form.html");
	page_form(p, &request);
	assert_string_equal(text_of(p),
	    "<ul><li>kind: Which?</li><li>body: Say &lt;more&gt;</li></ul>\n"
	    "<textarea>\n\n &lt;b&gt;\n\t&quot;x&quot;</textarea>"
	    "<em>Say &lt;more&gt;</em>chosen\n");
}

static void
a_page_says_error_when_somebody_complained(void **state)
{
	static const struct field fields[] = {
		{ "kind", FORM_LINE, 1, "too long" },
		{ NULL, FORM_LINE, 0, NULL },
	};
	struct page *p;

	(void)state;
	request.body = "kind=abc";
	request.body_size = 8;
	assert_true(form_read(&request, fields));
	p = page_new(&request, "error.html");
	page_set(p, "title", "Report");
	page_form(p, &request);
	assert_non_null(
	    strstr(text_of(p), "<title>Error: Report - Night &amp; Day<"));
}

static void
an_error_page_tells_its_id_but_for_404(void **state)
{
	char absent[1024];

	(void)state;
	assert_int_equal(page_error(&request, 503), 503);
	assert_non_null(strstr(sent, "other 503 0123456789abcdef"));
	assert_int_equal(page_error(&request, 404), 404);
	assert_non_null(strstr(sent, "absent 404\n"));
	strcpy(absent, sent);
	request.id = "another";
	page_error(&request, 404);
	assert_string_equal(sent, absent);
}

static void
the_theme_is_the_requests(void **state)
{
	(void)state;
	request.theme = "dark";
	page_error(&request, 404);
	assert_memory_equal(sent, "<html class=\"dark\">", 19);
	request.theme = "light";
	page_error(&request, 404);
	assert_memory_equal(sent, "<html>", 6);
}

/* Does a program (NULL: one that has all) end, and with status 1, that is
 * given this template too? */
static bool
refused_by(const char *program, const char *name, const char *text)
{
	char path[256];
	int status;
	pid_t pid;

	write_template(name, text);
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(3);
		page_start(&conf, program);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static bool
refused(const char *name, const char *text)
{
	return refused_by(NULL, name, text);
}

static void
a_broken_template_ends_the_program_at_start(void **state)
{
	(void)state;
	assert_false(refused("good.html", PRAGMA "<p>{{A}}</p>"));
	assert_true(refused("bad.html", "<p>{{A}}</p>"));
	assert_true(refused("bad.html", ""));
	assert_true(refused("bad.html", PRAGMA "{{#A}}"));
	assert_true(refused("bad.html", PRAGMA "<a href={{A}}>"));
	assert_true(refused("bad.html", PRAGMA "{{>NOWHERE}}"));
	assert_true(refused("part-bad.html", PRAGMA "{{>BAD}}") ||
		    refused("bad.html", PRAGMA "{{>BAD}}"));
}

static void
a_program_reads_its_own_templates_alone(void **state)
{
	(void)state;
	assert_true(refused_by("other", "other.html", "no pragma"));
	assert_true(refused_by("other", "other-page.html", "no pragma"));
	assert_false(refused_by("other", "others.html", "no pragma"));
	assert_false(refused_by("other", "third.html", "no pragma"));
}

/* The shape of a page: its tags with their attributes' names, no text. */
static char *
shape(const char *html)
{
	char *out = arena_alloc(request.arena, strlen(html) + 1), *to = out;
	enum { TEXT, TAG, VALUE } at = TEXT;

	for (; *html != '\0'; html++) {
		if (at == TEXT && *html == '<')
			at = TAG;
		if (at == TAG)
			*to++ = *html;
		if (at == TAG && *html == '"')
			at = VALUE;
		else if (at == VALUE && *html == '"')
			at = TAG;
		if (at == TAG && *html == '>')
			at = TEXT;
	}
	return out;
}

/* The desk's own templates, each parsed with its parts. */

static struct conf ours = { .name = "Nightdesk",
	.url = "https://desk.example",
	.templates = "templates" };

/* Fill and show all that the templates name, with one value for all. */
static void
fill_everything(struct page *p, const char *file, const char *value)
{
	char path[512], name[128];
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "templates/%s", file);
	assert_non_null(f = fopen(path, "r"));
	while ((c = getc(f)) != EOF) {
		if (c != '{' || (c = getc(f)) != '{' ||
		    fscanf(f, "%120[^}]", name) != 1)
			continue;
		name[strcspn(name, ":")] = '\0';
		if (name[0] == '#')
			page_show(p, name + 1);
		else if (isupper((unsigned char)name[0]) &&
			 strcmp(name, "BODY_HTML") != 0)
			page_set(p, name, value);
	}
	fclose(f);
}

static char *
filled_shape(const char *file, const char *value)
{
	struct page *p = page_new(&request, file);
	struct dirent *entry;
	DIR *dir = opendir("templates");

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "part-", 5) == 0 ||
		    strcmp(entry->d_name, "head.html") == 0 ||
		    strcmp(entry->d_name, "foot.html") == 0 ||
		    strcmp(entry->d_name, file) == 0)
			fill_everything(p, entry->d_name, value);
	closedir(dir);
	return shape(text_of(p));
}

static void
no_value_changes_the_shape_of_any_page(void **state)
{
	static const char polyglot[] =
	    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert() )//%0D%0A"
	    "//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/"
	    "oNloAd=alert()//>\\x3e\r\n\"><b a='\"{{#X}}{{Y}}&quot;-->\x01";
	DIR *dir = opendir("templates");
	struct dirent *entry;
	int count = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (name[0] == '.' || strncmp(name, "part-", 5) == 0 ||
		    strcmp(name, "head.html") == 0 ||
		    strcmp(name, "foot.html") == 0)
			continue;
		if (strcmp(filled_shape(name, "harmless"),
			filled_shape(name, polyglot)) != 0)
			fail_msg("a value changes the shape of %s", name);
		count++;
	}
	closedir(dir);
	assert_true(count > 0);
}

/* It complains to stderr where a modifier and a place do not go together. */
static void
ctemplate_has_nothing_to_say_about_our_templates(void **state)
{
	char file[] = "/tmp/nightdesk-stderr.XXXXXX", said[2048];
	int fd = mkstemp(file), saved = dup(STDERR_FILENO);
	ssize_t n;

	(void)state;
	assert_true(fd >= 0 && saved >= 0);
	dup2(fd, STDERR_FILENO);
	page_start(&ours, NULL);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	lseek(fd, 0, SEEK_SET);
	n = read(fd, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(fd);
	unlink(file);
	assert_string_equal(said, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_fills_variables_and_shows_sections),
		TEST(rows_repeat_a_section_and_parts_see_them),
		TEST(a_section_can_be_filled_by_hand),
		TEST(values_are_escaped_for_where_they_stand),
		TEST(a_feed_is_well_formed_whatever_it_tells),
		TEST(a_form_comes_back_as_it_was_typed),
		TEST(a_page_says_error_when_somebody_complained),
		TEST(an_error_page_tells_its_id_but_for_404),
		TEST(the_theme_is_the_requests),
		TEST(a_broken_template_ends_the_program_at_start),
		TEST(a_program_reads_its_own_templates_alone),
		/* From here on the desk's own are loaded. */
		TEST(ctemplate_has_nothing_to_say_about_our_templates),
		TEST(no_value_changes_the_shape_of_any_page),
	};

	return cmocka_run_group_tests_name(
	    "page", tests, make_templates, remove_templates);
}
