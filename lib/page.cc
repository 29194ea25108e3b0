#include <cctype>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fstream>
#include <new>
#include <sstream>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <ctemplate/template.h>

#include "assets.h"

extern "C" {
#include "arena.h"
#include "conf.h"
#include "db.h"
#include "form.h"
#include "log.h"
#include "web.h"
}
#include "page.h"

/*
 * The only C++ in the house: no exception or C++ type leaves this file.
 *
 * Included parts are pasted into the page's text before ctemplate parses
 * it, rather than given to ctemplate's own {{>NAME}}: so a part sees the
 * variables of the row around it, it is escaped for the place where it
 * stands, and a page costs one dictionary.
 */
using ctemplate::StaticTemplateString;
using ctemplate::TemplateDictionary;
using ctemplate::TemplateString;

#define PARTS_DEEP 8     /* a part in a part in a part... */
#define PAGE_BYTES 24576 /* what most pages fit in */
#define CHOICE_MAX 40    /* bytes of a value that names a section */

/* STRIP_WHITESPACE would join the words of two lines. */
#define STRIP ctemplate::STRIP_BLANK_LINES

struct page {
	struct arena *arena;
	TemplateDictionary *dict;
	struct page *whole; /* the page that a section belongs to, or itself */

	/* Of the whole page alone: */
	const std::string *file;
	std::string *text;
	const struct rows *rows; /* the latest to fill something... */
	const StaticTemplateString **names; /* ...and its columns' names */
};

/* Everything that is made once, at start, and only read later. */
struct library {
	ctemplate::TemplateCache cache;
	std::unordered_set<std::string> files;
	std::unordered_set<std::string> sections; /* that templates have */
};

static struct library *library;

static std::string
upper(const char *s, size_t size)
{
	std::string name(s, size);

	for (char &c : name) {
		unsigned char u = static_cast<unsigned char>(c);

		c = std::isalnum(u) ? static_cast<char>(std::toupper(u)) : '_';
	}
	return name;
}

struct name {
	std::string text;
	StaticTemplateString string; /* points to text */
};

/*
 * The name as ctemplate wants it, hashed once.  Only for names that we
 * chose: each stays for ever, so a visitor must not be able to make some.
 */
static const StaticTemplateString &
name_of(const char *s)
{
	static auto *names = new std::unordered_map<std::string, struct name>;
	struct name &name = (*names)[s];

	if (name.text.empty()) {
		name.text = upper(s, strlen(s));
		name.string.do_not_use_directly_.ptr_ = name.text.data();
		name.string.do_not_use_directly_.length_ = name.text.size();
		name.string.do_not_use_directly_.id_ = 0;
		ctemplate::StaticTemplateStringInitializer give_id(
		    &name.string);
	}
	return name.string;
}

static bool
ends_with(const std::string &s, const char *end)
{
	size_t n = strlen(end);

	return s.size() >= n && s.compare(s.size() - n, n, end) == 0;
}

/* A template without its pragma, which `pragma` gets. */
static std::string
read_file(const std::string &path, std::string &pragma)
{
	std::ifstream in(path, std::ios::binary);
	std::ostringstream text;
	std::string all;
	size_t end;

	if (!in || !(text << in.rdbuf()))
		log_fatal("cannot read template \"%s\"", path.c_str());
	all = text.str();
	end = all.find("}}");
	if (all.compare(0, 14, "{{%AUTOESCAPE ") != 0 ||
	    end == std::string::npos)
		log_fatal("template \"%s\" does not begin with AUTOESCAPE",
		    path.c_str());
	pragma = all.substr(0, end + 2);
	end += 2;
	return all.substr(all[end] == '\n' ? end + 1 : end);
}

/* {{>HEAD}} is head.html, {{>SOME_BADGE}} is part-some-badge.html. */
static std::string
part_path(const std::string &dir, const std::string &name)
{
	std::string base;

	for (char c : name)
		base += c == '_' ? '-'
		                 : static_cast<char>(std::tolower(
				       static_cast<unsigned char>(c)));
	if (base != "head" && base != "foot")
		base = "part-" + base;
	return dir + "/" + base + ".html";
}

/* A part's last line end is its file's and not the page's. */
static std::string
read_part(const std::string &dir, const std::string &name)
{
	std::string pragma, text = read_file(part_path(dir, name), pragma);

	if (ends_with(text, "\n"))
		text.pop_back();
	return text;
}

static std::string
paste_parts(const std::string &dir, const std::string &text, int deep)
{
	std::string out;
	size_t from = 0, at, end;

	if (deep > PARTS_DEEP)
		log_fatal("templates include each other without an end");
	while ((at = text.find("{{>", from)) != std::string::npos) {
		if ((end = text.find("}}", at)) == std::string::npos)
			log_fatal("a template has a marker without end");
		out.append(text, from, at - from);
		at += strlen("{{>");
		out += paste_parts(
		    dir, read_part(dir, text.substr(at, end - at)), deep + 1);
		from = end + strlen("}}");
	}
	return out.append(text, from, std::string::npos);
}

static void
note_sections(const std::string &text)
{
	size_t at = 0;

	while ((at = text.find("{{#", at)) != std::string::npos) {
		at += 3;
		library->sections.insert(
		    text.substr(at, text.find("}}", at) - at));
	}
}

static void
load(const std::string &dir, const std::string &name)
{
	std::string pragma, text = read_file(dir + "/" + name, pragma);

	text = pragma + "\n" + paste_parts(dir, text, 0);
	if (!library->cache.StringToTemplateCache(name, text, STRIP))
		log_fatal(
		    "template \"%s/%s\" is broken", dir.c_str(), name.c_str());
	note_sections(text);
	library->files.insert(name);
}

/* Those of other programs would only take memory. */
static bool
is_of(const std::string &name, const char *program)
{
	size_t n;

	if (name[0] == '.' || name == "head.html" || name == "foot.html" ||
	    name.compare(0, 5, "part-") == 0 ||
	    name.find('.') == std::string::npos)
		return false;
	if (program == NULL || name == "error.html")
		return true;
	n = strlen(program);
	return name.compare(0, n, program) == 0 &&
	       (name[n] == '.' || name[n] == '-');
}

static void
load_all(const std::string &path, const char *program)
{
	DIR *dir = opendir(path.c_str());
	struct dirent *entry;

	if (dir == NULL)
		log_fatal("cannot read directory \"%s\": %s", path.c_str(),
		    strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		std::string name(entry->d_name);

		if (is_of(name, program))
			load(path, name);
	}
	closedir(dir);
}

static void
no_memory(void)
{
	log_fatal("out of memory: no page");
}

void
page_start(const struct conf *conf, const char *program)
{
	std::set_new_handler(no_memory);
	delete library;
	library = new struct library;
	load_all(conf->templates, program);
	if (library->files.count("error.html") == 0)
		log_fatal("no template \"error.html\"");
	library->cache.Freeze();
}

static void
page_done(void *what)
{
	struct page *p = static_cast<struct page *>(what);

	delete p->dict;
	delete p->text;
}

static struct page *
new_page(struct arena *arena, TemplateDictionary *dict, struct page *whole)
{
	struct page *p =
	    static_cast<struct page *>(arena_alloc(arena, sizeof(struct page)));

	p->arena = arena;
	p->dict = dict;
	p->whole = whole != NULL ? whole : p;
	return p;
}

/* For text that lives at least as long as the request. */
static void
set_lasting(struct page *p, const char *name, const char *text)
{
	p->dict->SetValueWithoutCopy(name_of(name), text);
}

static void
set_common(struct page *p, const struct request *r)
{
	char now[] = "0000-00-00T00:00:00Z";
	time_t seconds = time(NULL);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL)
		strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
	page_set(p, "SERVER_TIME", now);
	set_lasting(p, "NAME", r->conf->name);
	set_lasting(p, "DESK", r->conf->name);
	set_lasting(p, "URL", r->conf->url);
	set_lasting(p, "STYLE", ASSET_STYLE);
	set_lasting(p, "SCRIPT", ASSET_DESK);
	set_lasting(p, "PASSKEY_SCRIPT", ASSET_PASSKEY);
	set_lasting(p, "FILES_SCRIPT", ASSET_FILES);
	set_lasting(p, "SEALED_SCRIPT", ASSET_SEALED);
	set_lasting(p, "FAVICON", ASSET_FAVICON);
	set_lasting(p, "REQUEST_ID", r->id);
	set_lasting(p, "THEME", r->theme);
	if (strcmp(r->theme, "light") == 0)
		page_show(p, "THEME_LIGHT");
	if (strcmp(r->theme, "dark") == 0)
		page_show(p, "THEME_DARK");
}

struct page *
page_new(struct request *r, const char *name)
{
	auto file = library->files.find(name);
	struct page *p;

	if (file == library->files.end())
		log_fatal("no template \"%s\"", name);
	p = new_page(r->arena, new TemplateDictionary(name), NULL);
	p->file = &*file;
	p->text = new std::string;
	arena_defer(r->arena, page_done, p);
	set_common(p, r);
	return p;
}

void
page_set(struct page *p, const char *name, const char *text)
{
	p->dict->SetValue(name_of(name), text);
}

void
page_show(struct page *p, const char *section)
{
	p->dict->ShowSection(name_of(section));
}

struct page *
page_section(struct page *p, const char *section)
{
	return new_page(p->arena,
	    p->dict->AddSectionDictionary(name_of(section)), p->whole);
}

/* The values of rows outlive the page, which therefore need not copy. */
static void
set_cell(TemplateDictionary *dict, const StaticTemplateString &name,
    const struct rows *rows, int row, int column)
{
	const char *text = rows_text(rows, row, column);

	if (!rows_is_boolean(rows, column))
		dict->SetValueWithoutCopy(name, text);
	else if (*text == 't')
		dict->ShowSection(name);
}

/* The same rows come again and again, one for each round of a section. */
static const StaticTemplateString **
names_of(struct page *p, const struct rows *rows)
{
	struct page *whole = p->whole;
	int i, columns = rows_columns(rows);

	if (whole->rows == rows)
		return whole->names;
	whole->names = static_cast<const StaticTemplateString **>(arena_alloc(
	    p->arena, sizeof(*whole->names) * static_cast<size_t>(columns)));
	for (i = 0; i < columns; i++)
		whole->names[i] = &name_of(rows_name(rows, i));
	whole->rows = rows;
	return whole->names;
}

void
page_row(struct page *p, const struct rows *rows, int row)
{
	const StaticTemplateString **names = names_of(p, rows);
	int i, columns = rows_columns(rows);

	for (i = 0; i < columns; i++)
		set_cell(p->dict, *names[i], rows, row, i);
}

void
page_rows(struct page *p, const char *section, const struct rows *rows)
{
	int row;

	for (row = 0; row < rows_count(rows); row++)
		page_row(page_section(p, section), rows, row);
}

/* A section of the visitor's making is shown only where one is written. */
static void
show_choice(struct page *p, const std::string &field, const char *value)
{
	std::string name;
	size_t size = strlen(value);

	if (size == 0 || size > CHOICE_MAX)
		return;
	name = "F_" + field + "_IS_" + upper(value, size);
	if (library->sections.count(name) != 0)
		page_show(p, name.c_str());
}

static void
set_complaint(struct page *p, TemplateDictionary *problems,
    const std::string &field, const char *name, const char *complaint)
{
	TemplateDictionary *beside, *above;

	beside = p->dict->AddSectionDictionary(name_of(("E_" + field).c_str()));
	beside->SetValue(name_of("COMPLAINT"), complaint);
	above = problems->AddSectionDictionary(name_of("PROBLEM"));
	above->SetValue(name_of("FIELD"), name);
	above->SetValue(name_of("COMPLAINT"), complaint);
}

void
page_form(struct page *p, const struct request *r)
{
	TemplateDictionary *problems = NULL;
	const char *name, *value, *complaint;

	for (size_t i = 0; form_field(r, i, &name, &value, &complaint); i++) {
		std::string field = upper(name, strlen(name));

		set_lasting(p, ("F_" + field).c_str(), value);
		show_choice(p, field, value);
		if (complaint == NULL)
			continue;
		if (problems == NULL)
			problems =
			    p->dict->AddSectionDictionary(name_of("PROBLEMS"));
		set_complaint(p, problems, field, name, complaint);
	}
}

static bool
is_among(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

void
page_typed(struct page *p, const struct request *r, const char *const *buttons)
{
	const char *name, *value, *complaint;

	for (size_t i = 0; form_field(r, i, &name, &value, &complaint); i++) {
		struct page *typed;

		if (*value == '\0' || is_among(name, buttons))
			continue;
		typed = page_section(p, "TYPED");
		page_set(typed, "FIELD", name);
		page_set(typed, "VALUE", value);
	}
}

const char *
page_text(struct page *p, size_t *size)
{
	p->text->clear();
	p->text->reserve(PAGE_BYTES);
	if (!library->cache.ExpandNoLoad(
		*p->file, STRIP, p->dict, NULL, p->text))
		log_fatal("cannot expand template \"%s\"", p->file->c_str());
	*size = p->text->size();
	return p->text->data();
}

int
page_send(struct request *r, int status, struct page *p)
{
	size_t size;
	const char *text = page_text(p, &size);

	return web_send(r, status, "text/html; charset=utf-8", text, size);
}

int
page_error(struct request *r, int status)
{
	struct page *p = page_new(r, "error.html");
	const char *section =
	    arena_printf(r->arena, "STATUS_%d", status < 600 ? status : 500);

	page_set(p, "STATUS", section + strlen("STATUS_"));
	page_set(p, "TITLE",
	    arena_printf(r->arena, "Error %s", section + strlen("STATUS_")));
	if (library->sections.count(section) == 0)
		section = "STATUS_OTHER";
	page_show(p, section);
	if (status != 404)
		page_show(p, "WITH_ID");
	return page_send(r, status, p);
}
