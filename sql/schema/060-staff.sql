-- What staff need beside the tickets: secrets of sign-in, forms that were
-- sent, and the words of private tickets.

CREATE TABLE desk.secret (
	name		text PRIMARY KEY,
	value		bytea NOT NULL CHECK (length(value) >= 32)
);
COMMENT ON TABLE desk.secret IS 'Random keys that this desk made for itself and that never leave the database.';
COMMENT ON COLUMN desk.secret.name IS 'secret: what it is for';
COMMENT ON COLUMN desk.secret.value IS 'secret: 32 random bytes or more';

-- gen_random_uuid() is a strong source: 122 random bits each.
INSERT INTO desk.secret (name, value) VALUES ('login', sha256(
	uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

CREATE TABLE desk.staff_sent (
	key_sha256	bytea PRIMARY KEY CHECK (length(key_sha256) = 32),
	ticket		int NOT NULL REFERENCES desk.ticket,
	at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX staff_sent_at ON desk.staff_sent (at);
COMMENT ON TABLE desk.staff_sent IS 'One row per staff form that was carried out, so that a double click does it once.  Rows older than any form are deleted as new ones come.';
COMMENT ON COLUMN desk.staff_sent.key_sha256 IS 'secret: SHA-256 of the form''s key and of what was typed: the same form with another text is another';
COMMENT ON COLUMN desk.staff_sent.ticket IS 'staff: which ticket';
COMMENT ON COLUMN desk.staff_sent.at IS 'staff: when';

CREATE TABLE desk.private_search (
	number		int PRIMARY KEY REFERENCES desk.ticket,
	words		tsvector NOT NULL
);
CREATE INDEX private_search_words ON desk.private_search USING gin (words);
COMMENT ON TABLE desk.private_search IS 'The words of private tickets, for the search of staff; public ones are in desk.public_search.  Together they are all tickets, each once.';
COMMENT ON COLUMN desk.private_search.number IS 'private: of which ticket';
COMMENT ON COLUMN desk.private_search.words IS 'private: lexemes of its subject and messages, never of a note';

-- Few tickets wait, of many that are open.
CREATE INDEX ticket_waiting ON desk.ticket (state, number)
	WHERE state IN ('pending', 'fixed') OR hold IS NOT NULL;
