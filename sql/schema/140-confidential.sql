-- Confidential parts: the public keys that requesters encrypt them with.  No
-- secret key is anywhere near this database.  And why a ticket is private.

CREATE TABLE desk.confidential_key (
	fingerprint	text PRIMARY KEY CHECK (fingerprint ~ '^([0-9A-F]{40}|[0-9A-F]{64})$'),
	key_ids		text[] NOT NULL CHECK (cardinality(key_ids) BETWEEN 1 AND 20
		AND array_to_string(key_ids, ' ', '?') ~ '^[0-9A-F]{16}( [0-9A-F]{16})*$'),
	name		text NOT NULL CHECK (length(name) <= 500),
	address		text CHECK (length(address) <= 254),
	wkd		text CHECK (wkd ~ '^[a-z0-9]{32}$'),
	algorithm	text NOT NULL CHECK (length(algorithm) <= 80),
	packets		bytea NOT NULL CHECK (length(packets) BETWEEN 1 AND 262144),
	expires_at	timestamptz,
	published_at	timestamptz NOT NULL DEFAULT now(),
	retired_at	timestamptz,
	warned_days	smallint,
	CHECK ((address IS NULL) = (wkd IS NULL))
);
COMMENT ON TABLE desk.confidential_key IS 'OpenPGP public keys that the operator has published (the command publish).  A confidential part is encrypted for all of them that are neither retired nor expired; see desk.confidential_offered.';
COMMENT ON COLUMN desk.confidential_key.fingerprint IS 'public: of the primary key, 40 hex digits (64 for one of version 6)';
COMMENT ON COLUMN desk.confidential_key.key_ids IS 'public: ids of the subkeys that encrypt, which is what a message names';
COMMENT ON COLUMN desk.confidential_key.name IS 'public: whose key it says it is';
COMMENT ON COLUMN desk.confidential_key.address IS 'public: the mail address in that, NULL for none';
COMMENT ON COLUMN desk.confidential_key.wkd IS 'public: under what name a web key directory has it: z-base-32 of the SHA-1 of the address'' local part';
COMMENT ON COLUMN desk.confidential_key.algorithm IS 'public: what it encrypts with, for people';
COMMENT ON COLUMN desk.confidential_key.packets IS 'public: the key itself, binary, without signatures of others';
COMMENT ON COLUMN desk.confidential_key.expires_at IS 'public: when it, or the last of its subkeys that encrypt, expires; NULL for never';
COMMENT ON COLUMN desk.confidential_key.published_at IS 'public: when it was published first';
COMMENT ON COLUMN desk.confidential_key.retired_at IS 'public: no longer offered since then; what was encrypted for it stays readable for whoever has its secret half';
COMMENT ON COLUMN desk.confidential_key.warned_days IS 'staff: the staff were told that it expires within so many days, 0 for has expired';

CREATE TABLE desk.private_reason (
	ticket		int PRIMARY KEY REFERENCES desk.ticket,
	reason		text NOT NULL CHECK (reason IN ('secret', 'configuration', 'other')),
	words		text CHECK (words ~ '\S' AND length(words) <= 200),
	CHECK (words IS NULL OR reason = 'other')
);
COMMENT ON TABLE desk.private_reason IS 'Why a requester wanted a ticket to be private: asked on the form, so that privacy stays the exception.';
COMMENT ON COLUMN desk.private_reason.ticket IS 'private: of which ticket';
COMMENT ON COLUMN desk.private_reason.reason IS 'private: secret (secrets, or sensitive for somebody''s security), configuration (of a customer), or other';
COMMENT ON COLUMN desk.private_reason.words IS 'private: the other reason, as typed';
