#ifndef PROOF_H
#define PROOF_H

#include <stdbool.h>

/*
 * What a browser answers when login asks for a second factor: a code of an
 * app, a recovery code, or the answer of a passkey to a challenge.
 *
 * A challenge is a form token (auth.h) that lives for five minutes and is
 * bound to whom it is for, as a form is; that it is answered once only is the
 * database's to see to.
 */
struct passkey_answer;
struct request;
struct rows;

/* Fields that every form has which a passkey may answer. */
#define PROOF_FIELDS                                                           \
	{ "challenge", FORM_LINE, 200, "This form is damaged" },               \
	    { "credential", FORM_LINE, 1400, "This is no passkey" },           \
	    { "client", FORM_LINE, PASSKEY_TEXT, "This is no passkey" },       \
	    { "authenticator", FORM_LINE, PASSKEY_TEXT,                        \
		    "This is no passkey" },                                    \
	{                                                                      \
		"signature", FORM_LINE, PASSKEY_TEXT, "This is no passkey"     \
	}

/* A challenge for one purpose; it is text, base64url as a browser has it. */
const char *proof_challenge(struct request *, const char *purpose);

/* Is the one in the form ours, for this purpose, and young enough? */
bool proof_challenged(struct request *, const char *purpose);

/* SHA-256 of the one in the form, as the database knows it. */
const char *proof_challenge_hash(struct request *);

/* What a passkey has answered, as it stands in the form. */
struct passkey_answer proof_answer(struct request *);

/*
 * What was proven, as the database takes it: each is NULL where it was not.
 * A proof that fails is all NULL, and goes to the database like that, where
 * it counts as a failure.
 */
struct proof {
	const char *step;        /* the half minute whose code was typed */
	const char *code_sha256; /* of what may be a recovery code */
	const char *credential, *count, *challenge_sha256;
};

/* Was an answer of a passkey sent? */
bool proof_by_passkey(struct request *);

/*
 * Judge it against the passkeys in `known` (credential, algorithm, key,
 * sign_count); `alone`: it is all that is asked for, so the device must have
 * known its owner.
 */
struct proof proof_passkey(struct request *, const char *purpose,
    const struct rows *known, bool alone);

/* Judge what was typed; `how` is a row of api.login_proof(). */
struct proof proof_code(
    struct request *, const char *typed, const struct rows *how);

/* What the seed of somebody's app is sealed for (seal.h). */
const char *proof_seed_purpose(struct request *, const char *staff);

#endif
