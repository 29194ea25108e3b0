-- What is taken out again: words that should not be here, the text of a
-- ticket that turned out to report a security hole, and what identifies a
-- person who asked to be forgotten.  What stays is the trace: who, when, why,
-- where and how much, never what.

CREATE TABLE desk.redaction (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind		text NOT NULL CHECK (kind IN ('words', 'vulnerability', 'person')),
	ticket		int REFERENCES desk.ticket,
	person		int REFERENCES desk.person,
	staff		int REFERENCES desk.staff,
	role		text NOT NULL DEFAULT session_user,
	reason		text NOT NULL CONSTRAINT redaction_has_a_reason CHECK (reason ~ '\S' AND length(reason) <= 300),
	passed_on	boolean,
	at		timestamptz NOT NULL DEFAULT now(),
	txid		xid8 NOT NULL DEFAULT pg_current_xact_id(),
	CONSTRAINT about_a_ticket_or_a_person CHECK ((kind = 'person') = (person IS NOT NULL) AND (kind = 'person' OR ticket IS NOT NULL)),
	CONSTRAINT a_vulnerability_has_a_kind CHECK (kind <> 'vulnerability' OR reason IN ('ours', 'elsewhere', 'unsure')),
	CONSTRAINT a_vulnerability_was_passed_on_or_not CHECK ((kind = 'vulnerability') = (passed_on IS NOT NULL))
);
CREATE INDEX redaction_ticket ON desk.redaction (ticket) WHERE ticket IS NOT NULL;
CREATE INDEX redaction_txid ON desk.redaction (txid);
CREATE UNIQUE INDEX redaction_vulnerability ON desk.redaction (ticket) WHERE kind = 'vulnerability';
COMMENT ON TABLE desk.redaction IS 'Who took something out, when and why.  Append-only, and the only door through which rows of append-only tables change: in the transaction that wrote the row, and by pieces becoming "[removed]" alone (desk.redacted_row).';
COMMENT ON COLUMN desk.redaction.id IS 'staff: number';
COMMENT ON COLUMN desk.redaction.kind IS 'staff: words: a secret that slipped in; vulnerability: all text of a ticket; person: what identifies somebody who asked for it';
COMMENT ON COLUMN desk.redaction.ticket IS 'staff: of which ticket; of a person: NULL';
COMMENT ON COLUMN desk.redaction.person IS 'staff: whose data';
COMMENT ON COLUMN desk.redaction.staff IS 'staff: by whom; NULL when it was done in psql';
COMMENT ON COLUMN desk.redaction.role IS 'staff: the database role that was signed in';
COMMENT ON COLUMN desk.redaction.reason IS 'staff: why, in words that do not say it again; of a vulnerability: ours, elsewhere or unsure';
COMMENT ON COLUMN desk.redaction.passed_on IS 'staff: of a vulnerability: did the staff pass the report on to the security contact; if not, the requester was asked to send it there again';
COMMENT ON COLUMN desk.redaction.at IS 'staff: when';
COMMENT ON COLUMN desk.redaction.txid IS 'staff: the transaction that may do it';

CREATE TABLE desk.redaction_place (
	redaction	int NOT NULL REFERENCES desk.redaction,
	relation	text NOT NULL,
	row_key		text NOT NULL,
	field		text NOT NULL,
	pieces		int NOT NULL,
	characters	int NOT NULL,
	PRIMARY KEY (redaction, relation, row_key, field)
);
COMMENT ON TABLE desk.redaction_place IS 'Where something was taken out, and how much of it.  Append-only.';
COMMENT ON COLUMN desk.redaction_place.redaction IS 'staff: by which redaction';
COMMENT ON COLUMN desk.redaction_place.relation IS 'staff: the table';
COMMENT ON COLUMN desk.redaction_place.row_key IS 'staff: its row';
COMMENT ON COLUMN desk.redaction_place.field IS 'staff: its column';
COMMENT ON COLUMN desk.redaction_place.pieces IS 'staff: how many pieces';
COMMENT ON COLUMN desk.redaction_place.characters IS 'staff: how many characters in all';

CREATE TABLE desk.export (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	person		int REFERENCES desk.person,
	ticket		int REFERENCES desk.ticket,
	staff		int REFERENCES desk.staff,
	role		text NOT NULL DEFAULT session_user,
	at		timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT of_a_person_or_a_ticket CHECK ((person IS NULL) <> (ticket IS NULL))
);
CREATE INDEX export_person ON desk.export (person) WHERE person IS NOT NULL;
CREATE INDEX export_ticket ON desk.export (ticket) WHERE ticket IS NOT NULL;
COMMENT ON TABLE desk.export IS 'Who was handed all data of a person, or all of a ticket, as an archive, and when.  Append-only.';
COMMENT ON COLUMN desk.export.id IS 'staff: number';
COMMENT ON COLUMN desk.export.person IS 'staff: whose data; NULL for a ticket';
COMMENT ON COLUMN desk.export.ticket IS 'staff: all of which ticket, its notes too; NULL for a person';
COMMENT ON COLUMN desk.export.staff IS 'staff: who fetched them; NULL in psql';
COMMENT ON COLUMN desk.export.role IS 'staff: the database role that was signed in';
COMMENT ON COLUMN desk.export.at IS 'staff: when';

CREATE TABLE desk.sweep (
	began_at	timestamptz PRIMARY KEY,
	ended_at	timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.sweep IS 'When "privacy --sweep" has written over what redactions had left on the disk: dead rows, and keys of the word indexes.';
COMMENT ON COLUMN desk.sweep.began_at IS 'staff: it covers what was taken out before that';
COMMENT ON COLUMN desk.sweep.ended_at IS 'staff: when it was done';

ALTER TABLE desk.person ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN desk.person.erased_at IS 'private: when the address was taken out; what stands in its place is none';

ALTER TABLE desk.resolution ADD COLUMN is_offered boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN desk.resolution.is_offered IS 'public: can be chosen by staff; false where a ticket ends so by another way alone';

-- "[removed]" can be longer than what it stands for: it does not count.
ALTER TABLE desk.ticket
	DROP CONSTRAINT subject_is_one_line,
	DROP CONSTRAINT ticket_tried_check,
	DROP CONSTRAINT ticket_requester_name_check,
	DROP CONSTRAINT ticket_reason_check,
	DROP CONSTRAINT ticket_alternative_check,
	ADD CONSTRAINT subject_is_one_line CHECK (subject ~ '\S' AND length(replace(subject, '[removed]', '')) <= 200 AND subject !~ '[\n\r]'),
	ADD CONSTRAINT ticket_tried_check CHECK (length(replace(tried, '[removed]', '')) <= 20000),
	ADD CONSTRAINT ticket_requester_name_check CHECK (length(replace(requester_name, '[removed]', '')) <= 80),
	ADD CONSTRAINT ticket_reason_check CHECK (length(replace(reason, '[removed]', '')) <= 20000),
	ADD CONSTRAINT ticket_alternative_check CHECK (length(replace(alternative, '[removed]', '')) <= 20000);
ALTER TABLE desk.answer
	DROP CONSTRAINT answer_answer_check,
	ADD CONSTRAINT answer_answer_check CHECK (answer ~ '\S' AND length(replace(answer, '[removed]', '')) <= 5000);
ALTER TABLE desk.message
	DROP CONSTRAINT message_name_check,
	DROP CONSTRAINT message_body_check,
	ADD CONSTRAINT message_name_check CHECK (length(replace(name, '[removed]', '')) <= 80),
	ADD CONSTRAINT message_body_check CHECK (length(replace(body, '[removed]', '')) <= 131072);
ALTER TABLE desk.note
	DROP CONSTRAINT note_body_check,
	ADD CONSTRAINT note_body_check CHECK (body ~ '\S' AND length(replace(body, '[removed]', '')) <= 131072);
ALTER TABLE desk.private_reason
	DROP CONSTRAINT private_reason_words_check,
	ADD CONSTRAINT private_reason_words_check CHECK (words ~ '\S' AND length(replace(words, '[removed]', '')) <= 200);
ALTER TABLE desk.breach_reason
	DROP CONSTRAINT breach_reason_reason_check,
	ADD CONSTRAINT breach_reason_reason_check CHECK (reason ~ '\S' AND length(replace(reason, '[removed]', '')) <= 2000);
ALTER TABLE desk.page
	DROP CONSTRAINT page_verdict_check,
	ADD CONSTRAINT page_verdict_check CHECK (length(replace(verdict, '[removed]', '')) <= 2000);
ALTER TABLE desk.delivery
	DROP CONSTRAINT delivery_said_check,
	ADD CONSTRAINT delivery_said_check CHECK (length(replace(said, '[removed]', '')) <= 500);
ALTER TABLE desk.attachment
	DROP CONSTRAINT name_is_no_path,
	ADD CONSTRAINT name_is_no_path CHECK (name <> '' AND length(replace(name, '[removed]', '')) <= 200
		AND name !~ E'[/\\\\\\u0001-\\u001f\\u007f-\\u009f]' AND name NOT IN ('.', '..'));

-- Nothing but a redaction leaves dead rows in these, so that they are cleaned
-- within a minute or so of one, and never otherwise.
ALTER TABLE desk.message SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
	toast.autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE desk.note SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
	toast.autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE desk.answer SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
	toast.autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE desk.change SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
	toast.autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0);
