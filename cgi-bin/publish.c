/*
 * publish - the keys that confidential parts are encrypted with
 *
 *	publish [--yes] FILE
 *		Offer an OpenPGP public key on the forms, from now on; - is
 *		the standard input.  It is shown first, with its fingerprint
 *		to compare, and then it asks; --yes is for scripts.  To
 *		publish a newer form of a key, with a later date, does that.
 *	publish --list
 *		All keys that were ever published.
 *	publish --retire FINGERPRINT
 *		Offer one no more.
 *	publish --check
 *		A line for each offered key; the exit status tells.
 *	publish --help
 *
 * A key is looked at with gpg in a directory of its own, which is gone
 * afterwards: yours is not touched.  Refused are secret keys, keys without
 * a subkey that encrypts, expired, revoked and weak ones, and those with
 * which gpg would make messages that the desk then refuses.  slacheck tells
 * the staff 30 and 7 days before a key expires.
 *
 * Exit status:
 *	0	done; --check: all is well
 *	1	the question was not answered with yes; --check: a key expires
 *		within 30 days
 *	2	--check: a key has expired
 *	3	--check: unknown, the database could not be asked
 *	64	this is not how it is called, or there is no such key
 *	65	the key is refused, why is on stderr
 *	66	the file could not be read
 *	69	the database could not be reached
 *	70	the database refused or failed, or gpg did
 *	74	the answer could not be written
 *
 * Runs as the database role desk_publish.  libpq's variables say where the
 * database is.
 */
#define _XOPEN_SOURCE 700 /* for nftw */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <gcrypt.h>
#include <gpgme.h>

#include "arena.h"
#include "command.h"
#include "db.h"
#include "fence.h"
#include "log.h"
#include "openpgp.h"

#define KEY_SIZE_MAX 262144 /* bytes */
#define RSA_BITS_MIN 3072
#define SHA1_BYTES 20
#define NEVER "never"

static const struct query q_key = {
	.name = "key",
	.sql = "SELECT outcome FROM api.publish_key($1, $2::text[], $3, $4, $5,"
	       " $6, to_timestamp($7::bigint), $8::bytea)",
	.params = 8,
};

static const struct query q_retire = {
	.name = "retire",
	.sql = "SELECT line FROM api.publish_retire($1)",
	.params = 1,
};

static const struct query q_list = {
	.name = "list",
	.sql = "SELECT line FROM api.publish_list()",
	.params = 0,
};

static const struct query q_check = {
	.name = "check",
	.sql = "SELECT line, status FROM api.publish_check()",
	.params = 0,
};

struct task {
	const struct query *query; /* q_key for a file */
	const char *retire;
	const char *file;
	bool yes;
};

/* What there is to know about a key that was found good. */
struct key {
	const char *fingerprint;
	const char *ids; /* an array literal of PostgreSQL's */
	uint64_t numbers[20];
	size_t count;
	const char *name;
	const char *address; /* NULL for none */
	const char *wkd;     /* NULL for none */
	const char *algorithm;
	const char *expires; /* seconds since 1970, NULL for never */
	const char *packets; /* bytea as text */
};

/* One visit to gpg: a directory, and what the file holds. */
struct visit {
	struct arena *arena;
	gpgme_ctx_t gpg;
	const char *text;
	size_t size;
	int status; /* why something returned NULL or false */
};

static bool
refuse(struct visit *v, const char *why)
{
	log_warn("cannot publish this: %s", why);
	v->status = EX_DATAERR;
	return false;
}

static bool
gpg_failed(struct visit *v, const char *doing, gpgme_error_t error)
{
	log_warn("could not %s with gpg: %s", doing, gpgme_strerror(error));
	v->status = EX_SOFTWARE;
	return false;
}

/* Is it good? */

static bool
is_weak(const struct _gpgme_subkey *s)
{
	static const char *const curves[] = { "ed25519", "cv25519", "ed448",
		"cv448", "nistp256", "nistp384", "nistp521", "brainpoolP256r1",
		"brainpoolP384r1", "brainpoolP512r1" };
	size_t i;

	if (s->pubkey_algo == GPGME_PK_RSA || s->pubkey_algo == GPGME_PK_RSA_E)
		return s->length < RSA_BITS_MIN;
	for (i = 0; i < sizeof(curves) / sizeof(*curves); i++)
		if (s->curve != NULL && strcmp(s->curve, curves[i]) == 0)
			return false;
	return true;
}

static bool
encrypts(const struct _gpgme_subkey *s)
{
	return s->can_encrypt && !s->revoked && !s->expired && !s->disabled &&
	       !s->invalid;
}

/* Note the subkeys that encrypt; false for a key that shall not. */
static bool
judge_subkeys(struct visit *v, gpgme_key_t from, struct key *key)
{
	const struct _gpgme_subkey *s;
	const char *ids = "";
	long last = 0;
	bool ends = true;

	for (s = from->subkeys; s != NULL; s = s->next) {
		if (!encrypts(s))
			continue;
		if (is_weak(s))
			return refuse(v, "a subkey that encrypts is weak; take "
					 "Curve25519, or RSA of 3072 bits");
		if (key->count == sizeof(key->numbers) / sizeof(*key->numbers))
			return refuse(v, "it has too many subkeys");
		key->numbers[key->count++] = strtoull(s->keyid, NULL, 16);
		ids = arena_printf(
		    v->arena, "%s%s%s", ids, *ids != '\0' ? "," : "", s->keyid);
		if (s->expires == 0)
			ends = false;
		if (s->expires > last)
			last = s->expires;
		key->algorithm =
		    s->curve != NULL
			? arena_copy(v->arena, s->curve)
			: arena_printf(v->arena, "RSA %u bits", s->length);
	}
	if (key->count == 0)
		return refuse(v, "it has no subkey that encrypts and is valid");
	key->ids = arena_printf(v->arena, "{%s}", ids);
	if (from->subkeys->expires != 0 &&
	    (!ends || from->subkeys->expires < last))
		last = from->subkeys->expires;
	else if (!ends)
		last = 0;
	if (last != 0)
		key->expires = arena_printf(v->arena, "%ld", last);
	return true;
}

static bool
judge(struct visit *v, gpgme_key_t from, struct key *key)
{
	if (from->revoked)
		return refuse(v, "it is revoked");
	if (from->expired)
		return refuse(v, "it has expired");
	if (from->disabled || from->invalid || from->subkeys == NULL ||
	    from->uids == NULL)
		return refuse(v, "gpg finds it invalid");
	if (is_weak(from->subkeys))
		return refuse(v, "its primary key is weak; take Ed25519, or "
				 "RSA of 3072 bits");
	return judge_subkeys(v, from, key);
}

/* Where a web key directory looks for an address: z-base-32 of SHA-1. */
static const char *
wkd_name(struct arena *a, const char *address)
{
	static const char digits[] = "ybndrfg8ejkmcpqxot1uwisza345h769";
	size_t size = strcspn(address, "@"), i, n = 0;
	char *local = arena_copy(a, address);
	char *name = arena_alloc(a, SHA1_BYTES * 8 / 5 + 1);
	unsigned char sum[SHA1_BYTES];
	unsigned bits = 0, held = 0;

	for (i = 0; i < size; i++)
		if (local[i] >= 'A' && local[i] <= 'Z')
			local[i] = (char)(local[i] - 'A' + 'a');
	gcry_md_hash_buffer(GCRY_MD_SHA1, sum, local, size);
	for (i = 0; i < SHA1_BYTES; i++) {
		bits = (bits << 8 | sum[i]) & 0xfff;
		for (held += 8; held >= 5; held -= 5)
			name[n++] = digits[bits >> (held - 5) & 31];
	}
	return name;
}

static void
name_it(struct visit *v, gpgme_key_t from, struct key *key)
{
	const char *address = from->uids->address;

	key->fingerprint = arena_copy(v->arena, from->fpr);
	key->name = arena_copy(v->arena, from->uids->uid);
	if (address == NULL || strchr(address, '@') == NULL)
		return;
	key->address = arena_copy(v->arena, address);
	key->wkd = wkd_name(v->arena, key->address);
}

/* All of what gpg has put out; NULL when it is too large. */
static const unsigned char *
read_data(struct visit *v, gpgme_data_t data, size_t *size)
{
	unsigned char *bytes = arena_alloc(v->arena, KEY_SIZE_MAX + 1);
	ssize_t n;

	*size = 0;
	gpgme_data_seek(data, 0, SEEK_SET);
	while (
	    *size <= KEY_SIZE_MAX && (n = gpgme_data_read(data, bytes + *size,
					  KEY_SIZE_MAX + 1 - *size)) > 0)
		*size += (size_t)n;
	return *size <= KEY_SIZE_MAX ? bytes : NULL;
}

/* Encrypt something as a requester would, and look at it as the desk does. */
static bool
try_it(struct visit *v, gpgme_key_t from, const struct key *key)
{
	gpgme_key_t to[] = { from, NULL };
	gpgme_data_t plain, sealed;
	const unsigned char *bytes, *packets;
	gpgme_error_t error;
	enum openpgp verdict = OPENPGP_BROKEN;
	size_t size = 0, length;

	if (gpgme_data_new_from_mem(&plain, "Hello", 5, 0) != 0 ||
	    gpgme_data_new(&sealed) != 0)
		log_fatal("out of memory");
	error = gpgme_op_encrypt(
	    v->gpg, to, GPGME_ENCRYPT_ALWAYS_TRUST, plain, sealed);
	if (error == 0 && (bytes = read_data(v, sealed, &size)) != NULL)
		verdict = openpgp_check(v->arena, bytes, size, key->numbers,
		    key->count, &packets, &length);
	gpgme_data_release(plain);
	gpgme_data_release(sealed);
	if (error != 0)
		return gpg_failed(v, "encrypt", error);
	if (verdict == OPENPGP_NEW)
		return refuse(v, "gpg would encrypt for it in a way that not "
				 "every program can open; remove AEAD from its "
				 "preferences (gpg --edit-key, setpref)");
	if (verdict != OPENPGP_SEALED)
		return refuse(v, "what gpg encrypts for it the desk refuses");
	return true;
}

/* The key alone: without signatures of others, without subkeys of old. */
static bool
export_it(struct visit *v, struct key *key)
{
	gpgme_data_t data;
	const unsigned char *bytes = NULL;
	gpgme_error_t error;
	size_t size = 0;
	char *hex;

	if (gpgme_data_new(&data) != 0)
		log_fatal("out of memory");
	error = gpgme_op_export(
	    v->gpg, key->fingerprint, GPGME_EXPORT_MODE_MINIMAL, data);
	if (error == 0)
		bytes = read_data(v, data, &size);
	gpgme_data_release(data);
	if (error != 0)
		return gpg_failed(v, "export the key", error);
	if (bytes == NULL || size == 0)
		return refuse(v, "it is too large");
	hex = arena_alloc(v->arena, size * 2 + 3);
	memcpy(hex, "\\x", 2);
	for (size_t i = 0; i < size; i++)
		snprintf(hex + 2 + i * 2, 3, "%02x", bytes[i]);
	key->packets = hex;
	return true;
}

/* Let gpg read the file; the fingerprint of the one key in it. */
static const char *
import_it(struct visit *v)
{
	gpgme_import_result_t result;
	gpgme_error_t error;
	gpgme_data_t data;

	if (gpgme_data_new_from_mem(&data, v->text, v->size, 0) != 0)
		log_fatal("out of memory");
	error = gpgme_op_import(v->gpg, data);
	gpgme_data_release(data);
	if (error != 0 && gpgme_err_code(error) != GPG_ERR_NO_DATA) {
		gpg_failed(v, "read the key", error);
		return NULL;
	}
	result = error == 0 ? gpgme_op_import_result(v->gpg) : NULL;
	if (result != NULL && result->secret_read > 0) {
		refuse(v, "there is a secret key in it; export the public "
			  "one: gpg --export");
		return NULL;
	}
	if (result == NULL || result->considered != 1 ||
	    result->imports == NULL || result->imports->fpr == NULL) {
		refuse(v, result != NULL && result->considered > 1
			      ? "there is more than one key in it"
			      : "it is not an OpenPGP public key");
		return NULL;
	}
	return arena_copy(v->arena, result->imports->fpr);
}

static bool
look_at(struct visit *v, struct key *key)
{
	const char *print = import_it(v);
	gpgme_error_t error;
	gpgme_key_t from;
	bool good;

	if (print == NULL)
		return false;
	error = gpgme_get_key(v->gpg, print, &from, 0);
	if (error != 0)
		return gpg_failed(v, "list the key", error);
	good = judge(v, from, key) && try_it(v, from, key);
	if (good)
		name_it(v, from, key);
	gpgme_key_unref(from);
	return good && export_it(v, key);
}

/* gpg in a directory of its own. */

static int
remove_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
	(void)s;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* Public keys need no agent, which would outlive the directory. */
static bool
write_options(struct visit *v, const char *home)
{
	FILE *to = fopen(arena_printf(v->arena, "%s/gpg.conf", home), "w");
	bool good;

	if (to == NULL)
		return false;
	good = fputs("no-autostart\n", to) >= 0;
	return fclose(to) == 0 && good;
}

static bool
visit_gpg(struct visit *v, struct key *key)
{
	char home[] = "/tmp/nightdesk-publish.XXXXXX";
	gpgme_error_t error;
	bool good;

	if (mkdtemp(home) == NULL || !write_options(v, home)) {
		log_warn("could not make \"%s\": %s", home, strerror(errno));
		v->status = EX_SOFTWARE;
		return false;
	}
	gpgme_check_version(NULL);
	error = gpgme_new(&v->gpg);
	if (error == 0)
		error = gpgme_ctx_set_engine_info(
		    v->gpg, GPGME_PROTOCOL_OpenPGP, NULL, home);
	good = error == 0 ? look_at(v, key) : gpg_failed(v, "start", error);
	if (v->gpg != NULL)
		gpgme_release(v->gpg);
	if (nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		log_warn("could not remove \"%s\"", home);
	return good;
}

/* False when it could not be read, or is no key at first sight. */
static bool
read_file(struct visit *v, const char *name)
{
	const unsigned char *packets;
	size_t length;

	if (!command_open(name) || (v->text = command_read(v->arena, name,
					KEY_SIZE_MAX, &v->size)) == NULL) {
		v->status = EX_NOINPUT;
		return false;
	}
	if (v->size > KEY_SIZE_MAX)
		return refuse(v, "it is too large");
	/* gpg would write a secret key to the disk before it said so */
	switch (openpgp_check(
	    v->arena, v->text, v->size, NULL, 0, &packets, &length)) {
	case OPENPGP_KEY:
		return true;
	case OPENPGP_SECRET:
		return refuse(v, "it is a secret key; export the public one: "
				 "gpg --export");
	default:
		return refuse(v, "it is not an OpenPGP public key");
	}
}

/* What the operator sees. */

static void
print_key(const struct key *key)
{
	char day[32] = NEVER;
	const char *p;

	if (key->expires != NULL) {
		time_t at = (time_t)strtoll(key->expires, NULL, 10);
		struct tm tm;

		gmtime_r(&at, &tm);
		strftime(day, sizeof(day), "%d %b %Y", &tm);
	}
	printf("Fingerprint ");
	for (p = key->fingerprint; *p != '\0'; p++)
		printf("%s%c", (p - key->fingerprint) % 4 == 0 ? " " : "", *p);
	printf("\nName         ");
	/* who made the key has chosen its name, not what it does here */
	for (p = key->name; *p != '\0'; p++)
		putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
	printf("\nEncrypts by  %s\nExpires      %s\n", key->algorithm, day);
}

/* A question to a terminal; without one nobody could answer. */
static bool
says_yes(void)
{
	FILE *terminal = fopen("/dev/tty", "r+");
	char answer[16] = "";

	if (terminal == NULL) {
		log_warn("there is no terminal to ask at; say --yes once you "
			 "have compared the fingerprint");
		return false;
	}
	fputs("Offer this key on the forms? [y/N] ", terminal);
	fflush(terminal);
	if (fgets(answer, sizeof(answer), terminal) == NULL)
		answer[0] = '\0';
	fclose(terminal);
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int
store(PGconn *pg, const struct key *key)
{
	const char *const params[] = { key->fingerprint, key->ids, key->name,
		key->address, key->wkd, key->algorithm, key->expires,
		key->packets };
	int status = EX_OK;
	PGresult *rows = command_ask(pg, &q_key, params, &status);

	if (rows == NULL)
		return status;
	printf("It is %s.\n", PQgetvalue(rows, 0, 0));
	PQclear(rows);
	return EX_OK;
}

static int
publish(PGconn *pg, struct arena *a, const struct task *t)
{
	struct visit visit = { .arena = a };
	struct key key = { .count = 0 };

	if (!read_file(&visit, t->file) || !visit_gpg(&visit, &key))
		return visit.status;
	print_key(&key);
	fflush(stdout);
	if (!t->yes && !says_yes())
		return 1;
	/* not before: gpg is a program that is run */
	fence_close(FENCE_COMMAND);
	return store(pg, &key);
}

static int
work(PGconn *pg, struct arena *a, const void *task)
{
	const struct task *t = task;
	const char *const params[] = { t->retire };

	if (t->file != NULL)
		return publish(pg, a, t);
	fence_close(FENCE_COMMAND);
	return command_print(pg, t->query, params, t->query == &q_check);
}

static const char help[] =
    "publish [--yes] FILE          offer an OpenPGP public key on the forms;\n"
    "                              - is the standard input\n"
    "publish --list                all keys that were ever published\n"
    "publish --retire FINGERPRINT  offer one no more\n"
    "publish --check               a line for each, how it is\n"
    "\n"
    "Exit status:\n"
    "   0  done; --check: all is well\n"
    "   1  you did not say yes; --check: a key expires within 30 days\n"
    "   2  --check: a key has expired\n"
    "   3  --check: unknown, the database could not be asked\n"
    "  64  this is not how it is called, or there is no such key\n"
    "  65  the key is refused, why is on stderr\n"
    "  66  the file could not be read\n"
    "  69  the database could not be reached\n"
    "  70  the database refused or failed, or gpg did\n"
    "  74  the answer could not be written\n";

static int
complain(void)
{
	fputs("usage: publish [--yes] FILE | --list | --retire FINGERPRINT | "
	      "--check | --help\n",
	    stderr);
	return EX_USAGE;
}

/* False when the command line makes no sense. */
static bool
read_options(int argc, char **argv, struct task *t, bool *wants_help)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "list", no_argument, NULL, 'l' },
		{ "retire", required_argument, NULL, 'r' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, tasks = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return false;
		if (c == 'y') {
			t->yes = true;
			continue;
		}
		tasks++;
		if (c == 'h')
			*wants_help = true;
		if (c == 'l' || c == 'c')
			t->query = c == 'l' ? &q_list : &q_check;
		if (c == 'r') {
			t->query = &q_retire;
			t->retire = optarg;
		}
	}
	if (tasks == 0 && optind < argc) {
		tasks++;
		t->query = &q_key;
		t->file = argv[optind++];
	}
	return tasks == 1 && optind == argc && (!t->yes || t->query == &q_key);
}

int
main(int argc, char **argv)
{
	struct task t = { NULL, NULL, NULL, false };
	bool wants_help = false;

	log_open("publish");
	fence_start();
	if (!read_options(argc, argv, &t, &wants_help))
		return complain();
	if (wants_help)
		return command_help(help);
	return command_run("publish", t.query == &q_check, work, &t);
}
