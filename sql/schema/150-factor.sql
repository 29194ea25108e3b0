-- The second factor: what staff prove beside their password, sign-ins that
-- are half done, and who changed which factor when.

CREATE TABLE desk.staff_rule (
	one		boolean PRIMARY KEY DEFAULT true CHECK (one),
	factor		text NOT NULL DEFAULT 'optional' CHECK (factor IN ('optional', 'required'))
);
COMMENT ON TABLE desk.staff_rule IS 'What is asked of all staff, in one row.  UPDATE it and it holds from the next request on.';
COMMENT ON COLUMN desk.staff_rule.one IS 'staff: there is one row';
COMMENT ON COLUMN desk.staff_rule.factor IS 'staff: "required": who has no second factor reaches nothing but the page that sets one up';

-- A session that is there already has proven a password, long ago.
ALTER TABLE desk.session
	ADD COLUMN fresh_until timestamptz,
	ADD COLUMN factor text CHECK (factor IN ('app', 'recovery code', 'passkey'));
ALTER TABLE desk.session ALTER COLUMN fresh_until SET DEFAULT now() + interval '10 minutes';
COMMENT ON COLUMN desk.session.fresh_until IS 'staff: until then what is sensitive may be done without another proof';
COMMENT ON COLUMN desk.session.factor IS 'staff: what was proven beside the password; NULL for nothing';

CREATE TABLE desk.factor_app (
	staff		int PRIMARY KEY REFERENCES desk.staff ON DELETE CASCADE,
	sealed		bytea NOT NULL CHECK (length(sealed) = 49),
	last_step	bigint NOT NULL,
	made_at		timestamptz NOT NULL DEFAULT now(),
	used_at		timestamptz
);
COMMENT ON TABLE desk.factor_app IS 'An app that shows codes (RFC 6238).  Only functions that the program login may call read it.';
COMMENT ON COLUMN desk.factor_app.staff IS 'secret: whose';
COMMENT ON COLUMN desk.factor_app.sealed IS 'secret: the 20 bytes that the codes are made of, encrypted (lib/seal.h) with a key that is not in the database';
COMMENT ON COLUMN desk.factor_app.last_step IS 'secret: the half minute since 1970 of the last code that was taken; neither it nor an earlier one is taken again';
COMMENT ON COLUMN desk.factor_app.made_at IS 'secret: when it was set up';
COMMENT ON COLUMN desk.factor_app.used_at IS 'secret: when a code was last taken';

CREATE TABLE desk.passkey (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	staff		int NOT NULL REFERENCES desk.staff ON DELETE CASCADE,
	credential	bytea NOT NULL UNIQUE CHECK (length(credential) BETWEEN 1 AND 1023),
	algorithm	int NOT NULL CHECK (algorithm IN (-7, -8, -257)),
	key		bytea NOT NULL CHECK (length(key) BETWEEN 32 AND 1024),
	sign_count	bigint NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
	name		text NOT NULL CHECK (name ~ '\S' AND length(name) <= 60),
	made_at		timestamptz NOT NULL DEFAULT now(),
	used_at		timestamptz
);
CREATE INDEX passkey_staff ON desk.passkey (staff);
COMMENT ON TABLE desk.passkey IS 'Passkeys (WebAuthn): public keys whose other half a device of one of the staff keeps.';
COMMENT ON COLUMN desk.passkey.id IS 'secret: number';
COMMENT ON COLUMN desk.passkey.staff IS 'secret: whose';
COMMENT ON COLUMN desk.passkey.credential IS 'secret: how the device knows it';
COMMENT ON COLUMN desk.passkey.algorithm IS 'secret: of COSE: -7 ES256, -8 EdDSA, -257 RS256';
COMMENT ON COLUMN desk.passkey.key IS 'secret: the public key, as libfido2 takes it';
COMMENT ON COLUMN desk.passkey.sign_count IS 'secret: of the last signature; one that is not higher is refused, unless the device does not count';
COMMENT ON COLUMN desk.passkey.name IS 'staff: what its owner calls it';
COMMENT ON COLUMN desk.passkey.made_at IS 'secret: when it was set up';
COMMENT ON COLUMN desk.passkey.used_at IS 'secret: when it was last used';

CREATE TABLE desk.recovery_code (
	code_sha256	bytea PRIMARY KEY CHECK (length(code_sha256) = 32),
	staff		int NOT NULL REFERENCES desk.staff ON DELETE CASCADE,
	made_at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recovery_code_staff ON desk.recovery_code (staff);
COMMENT ON TABLE desk.recovery_code IS 'What opens the account once without the second factor.  A code that was used is gone.  It is 80 random bits and no word of a person''s choice: who has its hash has nothing to guess, and a slow hash would add work to each sign-in and no safety.';
COMMENT ON COLUMN desk.recovery_code.code_sha256 IS 'secret: SHA-256 of the code';
COMMENT ON COLUMN desk.recovery_code.staff IS 'secret: whose';
COMMENT ON COLUMN desk.recovery_code.made_at IS 'secret: when';

CREATE TABLE desk.half_session (
	token_sha256	bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
	staff		int NOT NULL REFERENCES desk.staff ON DELETE CASCADE,
	made_at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX half_session_staff ON desk.half_session (staff);
COMMENT ON TABLE desk.half_session IS 'Sign-ins whose password was right and whose second factor is still asked for.  This is no session and opens nothing; it ends after 5 minutes.';
COMMENT ON COLUMN desk.half_session.token_sha256 IS 'secret: SHA-256 of the cookie''s text';
COMMENT ON COLUMN desk.half_session.staff IS 'secret: whose';
COMMENT ON COLUMN desk.half_session.made_at IS 'secret: when the password was right';

CREATE TABLE desk.challenge_used (
	challenge_sha256 bytea PRIMARY KEY CHECK (length(challenge_sha256) = 32),
	at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX challenge_used_at ON desk.challenge_used (at);
COMMENT ON TABLE desk.challenge_used IS 'Challenges that a passkey has answered: none is answered twice.  Rows older than any that would still be taken are deleted as new ones come.';
COMMENT ON COLUMN desk.challenge_used.challenge_sha256 IS 'secret: SHA-256 of the challenge';
COMMENT ON COLUMN desk.challenge_used.at IS 'secret: when';

CREATE TABLE desk.factor_event (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	staff		int NOT NULL REFERENCES desk.staff,
	at		timestamptz NOT NULL DEFAULT now(),
	what		text NOT NULL CHECK (what IN ('app added', 'app removed', 'passkey added', 'passkey removed', 'recovery codes made',
				'recovery code used', 'password changed', 'factors reset', 'sessions ended', 'address changed', 'wrong codes')),
	by		text NOT NULL CHECK (by ~ '\S'),
	network		text
);
CREATE INDEX factor_event_staff ON desk.factor_event (staff, id);
COMMENT ON TABLE desk.factor_event IS 'Who changed what opens an account or where its owner is told of that, when a recovery code did, and when codes were guessed.  Append-only.';
COMMENT ON COLUMN desk.factor_event.id IS 'staff: number';
COMMENT ON COLUMN desk.factor_event.staff IS 'staff: whose account';
COMMENT ON COLUMN desk.factor_event.at IS 'staff: when';
COMMENT ON COLUMN desk.factor_event.what IS 'staff: what';
COMMENT ON COLUMN desk.factor_event.by IS 'staff: "self", "unknown" for who knew the password and no code, or the role of an operator';
COMMENT ON COLUMN desk.factor_event.network IS 'staff: the address it came from; NULL for an operator''s command';

COMMENT ON COLUMN desk.limiter.name IS 'staff: submit, message, follow, me-too, login-account, login-network, login-code and login-code-day (wrong codes of one account), mail-address (to one that nobody proved), mail-day (to any one), page (how often a visitor''s reports may wake people), upload (files of a visitor), upload-mib (MiB of a visitor), upload-waiting (MiB of all that wait for their forms)';

-- Mail about an account goes where it went when it was written: who changes
-- the address later does not hold it up.
ALTER TABLE desk.outbox
	DROP CONSTRAINT outbox_kind_check,
	ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('receipt', 'confirm', 'message', 'change', 'warned', 'breached',
		'escalated', 'page', 'alarm', 'report', 'list', 'digest', 'event', 'account'));
COMMENT ON COLUMN desk.outbox.address IS 'secret: where to, if it is not the reader''s own: one that has to be confirmed, or of kind "account" the one they had when it was written';
