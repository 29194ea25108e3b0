#include "proof.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "db.h"
#include "form.h"
#include "log.h"
#include "passkey.h"
#include "seal.h"
#include "token.h"
#include "totp.h"
#include "web.h"

#define CHALLENGE_SECONDS 300

static const char *
challenge_purpose(struct request *r, const char *purpose)
{
	return arena_printf(r->arena, "challenge %s", purpose);
}

const char *
proof_challenge(struct request *r, const char *purpose)
{
	return auth_token(r, challenge_purpose(r, purpose));
}

bool
proof_challenged(struct request *r, const char *purpose)
{
	unsigned char key[AUTH_KEY];
	enum auth_verdict verdict =
	    auth_check_within(r, challenge_purpose(r, purpose),
		form_text(r, "challenge"), CHALLENGE_SECONDS, key);

	return verdict == AUTH_GOOD || verdict == AUTH_EARLY;
}

const char *
proof_challenge_hash(struct request *r)
{
	const char *challenge = form_text(r, "challenge");

	return token_sha256(r->arena, challenge, strlen(challenge));
}

struct passkey_answer
proof_answer(struct request *r)
{
	struct passkey_answer answer = {
		.client = form_text(r, "client"),
		.authenticator = form_text(r, "authenticator"),
		.signature = form_text(r, "signature"),
	};

	return answer;
}

bool
proof_by_passkey(struct request *r)
{
	return *form_text(r, "credential") != '\0';
}

/* The row of a passkey; -1 when there is none of that name. */
static int
find(const struct rows *known, const char *credential)
{
	int i;

	for (i = 0; credential != NULL && i < rows_count(known); i++)
		if (strcmp(rows_named(known, i, "credential"), credential) == 0)
			return i;
	return -1;
}

static const char *
judge(struct request *r, const char *purpose, const struct rows *known, int row,
    bool alone, unsigned long *count)
{
	struct passkey_answer answer = proof_answer(r);
	struct passkey passkey;

	if (row < 0)
		return "it is not known";
	if (!proof_challenged(r, purpose))
		return "the challenge is not ours, or too old";
	passkey.credential = rows_named(known, row, "credential");
	passkey.algorithm = atoi(rows_named(known, row, "algorithm"));
	passkey.key = rows_named(known, row, "key");
	passkey.count = strtoul(rows_named(known, row, "sign_count"), NULL, 10);
	return passkey_proven(r->arena, r->conf->url, form_text(r, "challenge"),
	    &answer, &passkey, alone, count);
}

struct proof
proof_passkey(struct request *r, const char *purpose, const struct rows *known,
    bool alone)
{
	const char *name = passkey_name(r->arena, form_text(r, "credential"));
	struct proof proof = { 0 };
	unsigned long count = 0;
	const char *why =
	    judge(r, purpose, known, find(known, name), alone, &count);

	if (why != NULL) {
		log_warn("passkey refused: %s", why);
		return proof;
	}
	proof.credential = name;
	proof.count = arena_printf(r->arena, "%lu", count);
	proof.challenge_sha256 = proof_challenge_hash(r);
	return proof;
}

const char *
proof_seed_purpose(struct request *r, const char *staff)
{
	return arena_printf(r->arena, "app %s", staff);
}

/* The step of a code of the app; NULL when it is none, or there is no app. */
static const char *
step_of(struct request *r, const char *typed, const struct rows *how)
{
	const char *purpose =
	    proof_seed_purpose(r, rows_named(how, 0, "staff"));
	unsigned char *seed = arena_alloc(r->arena, TOTP_SEED);
	long long step;

	if (*rows_named(how, 0, "has_app") != 't')
		return NULL;
	if (!seal_open(
		seed, TOTP_SEED, purpose, rows_named(how, 0, "sealed"))) {
		log_warn("a seed cannot be opened: is the keyring complete?");
		return NULL;
	}
	step =
	    totp_step(r->arena, seed, typed, atoll(rows_named(how, 0, "step")),
		atoll(rows_named(how, 0, "last_step")));
	memset(seed, 0, TOTP_SEED);
	return step == 0 ? NULL : arena_printf(r->arena, "%lld", step);
}

struct proof
proof_code(struct request *r, const char *typed, const struct rows *how)
{
	struct proof proof = {
		.step = step_of(r, typed, how),
		.code_sha256 = totp_recovery_hash(r->arena, typed),
	};

	return proof;
}
