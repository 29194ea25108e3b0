#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Files on their way: into the database while their form is not finished,
 * onto pages, and back out.
 *
 * What came with a form is kept in the database under the form's key
 * (desk.upload), so that it outlives complaints and questions and need not
 * be sent again; the function that takes the form then makes attachments of
 * it.  Who may store what and have what is decided there; each program has
 * functions of its own for it and names them in a struct file_store.
 */
struct call;
struct file;
struct page;
struct query;
struct request;
struct rows;
struct uploads;

/* desk.upload_piece() knows these two as well. */
#define FILE_MOST_WORDS "20"      /* files of one form */
#define FILE_PIECE 65536          /* bytes */
#define FILE_FIELD "file"         /* what the field is called in every form */
#define FILE_SEALED "sealed_file" /* and that for files encrypted for us */

/* For struct program. */
extern const struct uploads file_uploads;

/* Where a form's files go.  The queries take `who` first, then the key. */
struct file_store {
	/* ..., visitor, fields, names with a '/' between, hashes, sizes, most,
	 * most bytes, and `more`: a word for each file, "go" or why not:
	 * "many", "large", "full", "limited"; or "ask" alone */
	const struct query *check;
	/* ..., field, name, type, size, SHA-256, most bytes, number, piece:
	 * for the first one "go", "many" or "large", which is what counts:
	 * the form may have been sent several times at once */
	const struct query *piece;
	/* ...: what is kept already */
	const struct query *list;
	/* ..., place: forget one */
	const struct query *drop;
	const char *who[2];  /* ends with NULL, or is full */
	const char *key;     /* hex, as auth_key_hash() gives it */
	const char *more[3]; /* the same */
};

/*
 * Store those files of the form that was read that may be kept, in their
 * order, and complain about the others by name.  After "ask" nothing is
 * stored and nobody complains: that comes first, and then they come again.
 * True unless the database failed (r->status).
 */
bool file_take(struct request *, const struct file_store *);

/* Did files come that are not kept? */
bool file_lost(const struct request *);

/* Queue the question which are kept, for file_show(). */
struct call *file_list(struct request *, const struct file_store *);

/* Forget the kept file that a button named; false as file_take(). */
bool file_drop(struct request *, const struct file_store *, const char *place);

/*
 * Fill the part {{>FILES}} of a form with the limits; `prefix` tells its ids
 * from those of another form on the same page.
 */
void file_limits(struct request *, struct page *, const char *prefix);

/*
 * In the form that was sent, and in {{>FILES_KEPT}} between form and receipt:
 * what is kept (`kept` may be NULL), which files that came must be chosen
 * again, and what is wrong with them.
 */
void file_show(struct request *, struct page *, const struct rows *kept);

/* One that is not kept, where its form does not know of it any more. */
void file_show_lost(struct page *, const char *name, bool sealed);

/*
 * After file_take(), for the script that sends files ahead of their form:
 * answers 204, or 422 when the form itself has to say why not.
 */
int file_ahead(struct request *);

/*
 * The rows of a thread as rounds of a section, each with its {{#FILE}}s:
 * those rows of `files` whose `entry` is the one of the thread's row in
 * `column`.
 */
void file_thread(struct page *, const char *section, const struct rows *thread,
    const char *column, const struct rows *files);

/*
 * Send a file piece by piece: `facts` says what it is, or has no row (404);
 * `piece` takes the same parameters and the number of the piece.  Images are
 * shown, all else is for the disk; the policy makes it inert.
 */
int file_send(struct request *, const struct query *facts,
    const struct query *piece, const char *const *args, int count);

#endif
