#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "db.h"
#include "file.h"
#include "filename.h"
#include "filetype.h"
#include "form.h"
#include "log.h"
#include "multipart.h"
#include "page.h"
#include "token.h"
#include "web.h"

#define PARAMS_MAX 16
#define NAMES_MOST 3 /* of files in one sentence */

/* Parameters of a query, one after another. */
struct args {
	const char *text[PARAMS_MAX];
	int count;
};

/* Coming in --------------------------------------------------------------- */

static void
start(void)
{
	multipart_start();
	filetype_start();
}

/* A field for files that was left empty comes as one without a name. */
static bool
is_none(const struct part *part)
{
	return part->filename != NULL && *part->filename == '\0' &&
	       part->size == 0;
}

static struct file *
file_of(struct request *r, const struct part *part)
{
	struct file *f = arena_alloc(r->arena, sizeof(*f));

	f->name = filename_clean(r->arena, part->filename);
	f->type = filetype_of(r->arena, part->data, part->size);
	f->data = part->data;
	f->size = part->size;
	f->sha256 = token_sha256(r->arena, part->data, part->size);
	return f;
}

static int
read_body(struct request *r, const char *type)
{
	const struct part *part =
	    multipart_parts(r->arena, type, r->body, r->body_size);
	struct sent *sent;

	if (part == NULL) {
		log_info("refused with 400: not a multipart form");
		return 400;
	}
	sent = arena_alloc(r->arena, (MULTIPART_MOST + 1) * sizeof(*sent));
	r->sent = sent;
	for (; part->name != NULL; part++) {
		if (is_none(part))
			continue;
		sent->name = part->name;
		sent->text = part->data;
		sent->size = part->size;
		if (part->filename != NULL)
			sent->file = file_of(r, part);
		sent++;
	}
	return 200;
}

const struct uploads file_uploads = { start, read_body };

/* Kept until the form is done ---------------------------------------------- */

static void
add(struct args *args, const char *text)
{
	if (args->count == PARAMS_MAX)
		log_fatal("a query for files has too many parameters");
	args->text[args->count++] = text;
}

static void
add_some(struct args *args, const char *const *texts, size_t most)
{
	for (; most > 0 && *texts != NULL; texts++, most--)
		add(args, *texts);
}

static struct args
args_of(const struct file_store *s)
{
	struct args args = { .count = 0 };

	add_some(&args, s->who, sizeof(s->who) / sizeof(*s->who));
	add(&args, s->key);
	return args;
}

static const char *
number(struct request *r, size_t n)
{
	return arena_printf(r->arena, "%zu", n);
}

/* As desk.size_words(): never rounded down. */
static const char *
size_words(struct request *r, size_t bytes)
{
	size_t tenths = (bytes * 10 + 1048575) / 1048576;

	if (bytes < 1024)
		return arena_printf(r->arena, "%zu bytes", bytes);
	if (bytes < 1048576)
		return arena_printf(r->arena, "%zu KiB", (bytes + 1023) / 1024);
	if (tenths % 10 == 0)
		return arena_printf(r->arena, "%zu MiB", tenths / 10);
	return arena_printf(r->arena, "%zu.%zu MiB", tenths / 10, tenths % 10);
}

/* Why files are left out: the words before and after their names. */
struct reason {
	const char *word; /* of the database's; "size" is ours */
	const char *before;
	const char *after;
};

/* Is it one that this reason keeps out? */
static bool
is_out(const struct file *f, const char *word)
{
	return f->why != NULL && strcmp(f->why, word) == 0;
}

/* “a.log”, “b.log” and 7 more: those that a reason keeps out. */
static const char *
names_of(struct request *r, const char *word)
{
	const char *names = NULL;
	const struct file *f;
	size_t count = 0;

	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++) {
		if (!is_out(f, word))
			continue;
		if (++count > NAMES_MOST)
			continue;
		names = arena_printf(r->arena, "%s%s“%s” (%s)",
		    names == NULL ? "" : names, names == NULL ? "" : ", ",
		    f->name, size_words(r, f->size));
	}
	if (count <= NAMES_MOST)
		return names;
	return arena_printf(
	    r->arena, "%s and %zu more", names, count - NAMES_MOST);
}

/* One complaint for all reasons, with a sentence for each. */
static void
complain(struct request *r)
{
	const struct conf *conf = r->conf;
	const struct reason reasons[] = {
		{ "size", "Choose smaller files, or leave these out: ",
		    arena_printf(r->arena, ". A file can have %s at most",
			size_words(r, conf->file_max)) },
		{ "many",
		    FILE_MOST_WORDS " files are the most that can go along. "
				    "Left out: ",
		    "" },
		{ "large",
		    arena_printf(r->arena,
			"Together the files can have %s. Left out: ",
			size_words(r, conf->files_max)),
		    "" },
		{ "full",
		    "Many files are on their way to us right now, from "
		    "everybody together. Left out: ",
		    ". You can add them to your report later" },
		{ "limited",
		    "Many files came from your network in the last hour. Left "
		    "out: ",
		    ". You can add them to your report later" },
	};
	const char *words = NULL;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		const struct reason *one = &reasons[i];
		const char *names = names_of(r, one->word);

		if (names != NULL)
			words = arena_printf(r->arena, "%s%s%s%s%s",
			    words == NULL ? "" : words,
			    words == NULL ? "" : ". ", one->before, names,
			    one->after);
	}
	if (words != NULL)
		form_complain(r, FILE_FIELD, words);
}

/*
 * The files that came, as SQL has lists.  What is too large by itself is not
 * in them.  No name has a slash in it (filename.h).
 */
struct lists {
	const char *fields; /* {file,file} */
	const char *names;  /* name/name */
	const char *hashes; /* {hash,hash} */
	const char *sizes;  /* {bytes,bytes} */
};

/* Did any come with the form? */
static bool
has_files(const struct request *r)
{
	return form_file(r, FILE_FIELD, 0) != NULL;
}

static const char *
field_of(const struct file *f)
{
	return f->sealed ? FILE_SEALED : FILE_FIELD;
}

static void
list_add(struct request *r, const char **list, char between, const char *item)
{
	*list = *list == NULL
	            ? item
	            : arena_printf(r->arena, "%s%c%s", *list, between, item);
}

static struct lists
lists_of(struct request *r)
{
	struct lists lists = { .names = NULL };
	struct file *f;

	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++) {
		if (f->size > r->conf->file_max) {
			f->why = "size";
			continue;
		}
		list_add(r, &lists.fields, ',', field_of(f));
		list_add(r, &lists.names, '/', f->name);
		list_add(r, &lists.hashes, ',', f->sha256);
		list_add(r, &lists.sizes, ',', number(r, f->size));
	}
	return lists;
}

static const char *
or_none(const char *list)
{
	return list != NULL ? list : "";
}

static const struct rows *
ask_to_keep(struct request *r, const struct file_store *s)
{
	struct lists lists = lists_of(r);
	struct args args = args_of(s);

	add(&args, auth_visitor(r));
	add(&args, arena_printf(r->arena, "{%s}", or_none(lists.fields)));
	add(&args, or_none(lists.names));
	add(&args, arena_printf(r->arena, "{%s}", or_none(lists.hashes)));
	add(&args, arena_printf(r->arena, "{%s}", or_none(lists.sizes)));
	add(&args, FILE_MOST_WORDS);
	add(&args, number(r, r->conf->files_max));
	add_some(&args, s->more, sizeof(s->more) / sizeof(*s->more));
	return db_rows(r, s->check, args.text);
}

/* Queue the pieces of a file; the first of them answers for it. */
static struct call *
queue_file(struct request *r, const struct file_store *s, const struct file *f)
{
	struct args args = args_of(s);
	struct call *first = NULL, *call;
	size_t at = 0, n = 0;

	add(&args, field_of(f));
	add(&args, f->name);
	add(&args, f->type);
	add(&args, number(r, f->size));
	add(&args, f->sha256);
	add(&args, number(r, r->conf->files_max));
	add(&args, NULL);
	do {
		size_t left = f->size - at;
		size_t size = left < FILE_PIECE ? left : FILE_PIECE;

		args.text[args.count - 1] = number(r, n++);
		call =
		    db_call_bytes(r, s->piece, args.text, f->data + at, size);
		if (first == NULL)
			first = call;
		at += size;
	} while (at < f->size);
	return first;
}

/* A word of the database's about a file. */
static void
note_word(struct file *f, const char *word)
{
	if (strcmp(word, "go") != 0)
		f->why = word;
}

/*
 * Store all that goes, in one transaction of its own: what the form itself is
 * for may only be done when it is known whether any file was left out.
 */
static bool
store_all(struct request *r, const struct file_store *s)
{
	struct call *calls[MULTIPART_MOST];
	const struct rows *answer;
	struct file *f;

	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++)
		calls[n] = f->why == NULL ? queue_file(r, s, f) : NULL;
	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++) {
		if (calls[n] == NULL)
			continue;
		if ((answer = db_get(r, calls[n])) == NULL)
			return false;
		note_word(f, rows_text(answer, 0, 0));
		f->kept = f->why == NULL;
	}
	return true;
}

bool
file_take(struct request *r, const struct file_store *s)
{
	const struct rows *words;
	struct file *f;
	int i = 0;

	if (!has_files(r))
		return true;
	if ((words = ask_to_keep(r, s)) == NULL)
		return false;
	if (rows_count(words) > 0 && strcmp(rows_text(words, 0, 0), "ask") == 0)
		return true;
	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++)
		if (f->why == NULL)
			note_word(f, rows_text(words, i++, 0));
	if (!store_all(r, s))
		return false;
	complain(r);
	return true;
}

bool
file_lost(const struct request *r)
{
	const struct file *f;

	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++)
		if (!f->kept)
			return true;
	return false;
}

struct call *
file_list(struct request *r, const struct file_store *s)
{
	return db_call(r, s->list, args_of(s).text);
}

bool
file_drop(struct request *r, const struct file_store *s, const char *place)
{
	struct args args = args_of(s);

	add(&args, place);
	return db_rows(r, s->drop, args.text) != NULL;
}

/* On pages ---------------------------------------------------------------- */

/* "1 file was", "7 files were". */
static const char *
count_words(
    struct request *r, size_t count, const char *one, const char *several)
{
	return count == 1 ? one
	                  : arena_printf(r->arena, "%zu %s", count, several);
}

/*
 * A confidential file has a list of its own: whoever chooses it again in the
 * field for other files sends it as it is.
 */
void
file_show_lost(struct page *page, const char *name, bool sealed)
{
	page_show(page, sealed ? "LOST_SEALED_FILES" : "LOST_FILES");
	page_set(page_section(page, sealed ? "LOST_SEALED_FILE" : "LOST_FILE"),
	    "FILE_NAME", name);
}

static void
show_lost(struct request *r, struct page *page)
{
	const struct file *f;
	size_t count = 0;

	for (size_t n = 0; (f = form_file(r, FILE_FIELD, n)) != NULL; n++) {
		if (f->kept)
			continue;
		file_show_lost(page, f->name, f->sealed);
		if (!f->sealed)
			count++;
	}
	if (count == 0)
		return;
	page_set(page_section(page, "FILES_LOST"), "LOST_WORDS",
	    count_words(r, count, "1 file was", "files were"));
}

void
file_limits(struct request *r, struct page *page, const char *prefix)
{
	page_set(page, "FILE_FORM", prefix);
	page_set(page, "FILE_MOST", FILE_MOST_WORDS);
	page_set(page, "FILE_MAX", number(r, r->conf->file_max));
	page_set(page, "FILES_MAX", number(r, r->conf->files_max));
	page_set(page, "FILE_MAX_WORDS", size_words(r, r->conf->file_max));
	page_set(page, "FILES_MAX_WORDS", size_words(r, r->conf->files_max));
}

void
file_show(struct request *r, struct page *page, const struct rows *kept)
{
	const char *name, *value, *complaint;

	page_show(page, "FILES_WERE_HERE");
	for (size_t i = 0; form_field(r, i, &name, &value, &complaint); i++)
		if (complaint != NULL && strcmp(name, FILE_FIELD) == 0)
			page_show(page, "FILES_WRONG");
	if (kept != NULL && rows_count(kept) > 0) {
		page_show(page, "KEPT_FILES");
		page_rows(page, "KEPT_FILE", kept);
		page_set(page, "KEPT_WORDS",
		    count_words(
			r, (size_t)rows_count(kept), "1 file is", "files are"));
	}
	show_lost(r, page);
}

int
file_ahead(struct request *r)
{
	if (file_lost(r))
		return web_send(r, 422, "text/plain; charset=utf-8", "", 0);
	return web_send(r, 204, NULL, "", 0);
}

/* The rows of `files` that belong to an entry stand together. */
static void
add_files(struct page *entry, const char *which, const struct rows *files)
{
	bool any = false;

	for (int i = 0; i < rows_count(files); i++) {
		if (strcmp(rows_named(files, i, "entry"), which) != 0)
			continue;
		page_row(page_section(entry, "FILE"), files, i);
		any = true;
	}
	if (any)
		page_show(entry, "HAS_FILES");
}

void
file_thread(struct page *page, const char *section, const struct rows *thread,
    const char *column, const struct rows *files)
{
	if (rows_count(files) == 0) {
		page_rows(page, section, thread);
		return;
	}
	for (int i = 0; i < rows_count(thread); i++) {
		struct page *entry = page_section(page, section);

		page_row(entry, thread, i);
		add_files(entry, rows_named(thread, i, column), files);
	}
}

/* Going out --------------------------------------------------------------- */

/* One piece; false when it broke off: it was taken away meanwhile. */
static bool
send_piece(struct request *r, const struct query *piece, struct args *args,
    size_t n, size_t *sent)
{
	const struct rows *rows;
	const char *bytes;
	size_t size;

	args->text[args->count - 1] = number(r, n);
	if ((rows = db_rows(r, piece, args->text)) == NULL ||
	    rows_count(rows) == 0)
		return false;
	bytes = rows_bytes(rows, 0, &size);
	if (size > 0)
		web_put(r, bytes, size);
	*sent += size;
	rows_done(rows);
	return size > 0;
}

static void
send_pieces(struct request *r, const struct query *piece, struct args *args,
    size_t size)
{
	size_t sent = 0;

	for (size_t n = 0; sent < size; n++)
		if (!send_piece(r, piece, args, n, &sent)) {
			log_warn("a file broke off after %zu of %zu bytes",
			    sent, size);
			return;
		}
}

int
file_send(struct request *r, const struct query *facts,
    const struct query *piece, const char *const *args, int count)
{
	const struct rows *file = db_rows(r, facts, args);
	struct args all = { .count = 0 };
	const char *tag, *type = "application/octet-stream";
	size_t size;
	bool shown;

	if (file == NULL)
		return r->status;
	if (rows_count(file) == 0)
		return 404;
	size = strtoul(rows_named(file, 0, "size"), NULL, 10);
	shown = *rows_named(file, 0, "is_image") == 't';
	if (shown)
		type = rows_named(file, 0, "type");
	tag = arena_printf(r->arena, "\"%s\"", rows_named(file, 0, "sha256"));
	web_header(r, "ETag", tag);
	if (web_has(r, tag))
		return web_send(r, 304, NULL, "", 0);
	web_header(r, "Content-Disposition",
	    filename_disposition(
		r->arena, rows_named(file, 0, "file_name"), shown));
	web_begin(r, 200, type, size);
	if (web_is_head(r))
		return 200;
	while (all.count < count)
		add(&all, args[all.count]);
	add(&all, NULL);
	send_pieces(r, piece, &all, size);
	return 200;
}
