-- What everybody may see, and nothing else: copies kept by triggers
-- (sql/desk/public.sql).  The programs list and ticket read these through
-- the views api.public_*, and no other table, so a leak has nothing to leak.
-- A private ticket has no row here at all.

CREATE TABLE desk.public_ticket (
	number		int PRIMARY KEY REFERENCES desk.ticket,
	subject		text NOT NULL,
	kind		text NOT NULL,
	product		text,
	severity	smallint NOT NULL,
	blocked		text NOT NULL,
	state		text NOT NULL,
	solved		boolean NOT NULL,
	resolution	text,
	reason		text,
	alternative	text,
	duplicate_of	int,
	release		text,
	released	boolean,
	hold		text,
	channel		text NOT NULL,
	requester_name	text,
	assignee	text,
	filed_at	timestamptz NOT NULL,
	changed_at	timestamptz NOT NULL,
	answered_at	timestamptz,
	solved_at	timestamptz,
	answer_due_at	timestamptz,
	solve_due_at	timestamptz,
	next_update_by	timestamptz,
	answer_missed	boolean NOT NULL DEFAULT false,
	answer_seconds	int,
	messages	int NOT NULL DEFAULT 0,
	me_toos		int NOT NULL DEFAULT 0,
	kind_label	text NOT NULL,
	product_label	text,
	severity_name	text NOT NULL,
	state_label	text NOT NULL,
	resolution_label text,
	channel_label	text NOT NULL
);
CREATE INDEX public_ticket_open ON desk.public_ticket (solved, number);
CREATE INDEX public_ticket_severity ON desk.public_ticket (severity, solved, number);
CREATE INDEX public_ticket_kind ON desk.public_ticket (kind, solved, number);
CREATE INDEX public_ticket_product ON desk.public_ticket (product, solved, number);
CREATE INDEX public_ticket_three ON desk.public_ticket (product, kind, severity, number);
CREATE INDEX public_ticket_state ON desk.public_ticket (state, number) WHERE state IN ('new', 'pending', 'fixed');
COMMENT ON TABLE desk.public_ticket IS 'The public copy of a public ticket.';
COMMENT ON COLUMN desk.public_ticket.number IS 'public: desk.ticket';
COMMENT ON COLUMN desk.public_ticket.subject IS 'public: with control characters made visible';
COMMENT ON COLUMN desk.public_ticket.kind IS 'public: desk.kind';
COMMENT ON COLUMN desk.public_ticket.product IS 'public: desk.product';
COMMENT ON COLUMN desk.public_ticket.severity IS 'public: desk.severity';
COMMENT ON COLUMN desk.public_ticket.blocked IS 'public: blocked, workaround or no';
COMMENT ON COLUMN desk.public_ticket.state IS 'public: desk.state';
COMMENT ON COLUMN desk.public_ticket.solved IS 'public: is it resolved?';
COMMENT ON COLUMN desk.public_ticket.resolution IS 'public: desk.resolution';
COMMENT ON COLUMN desk.public_ticket.reason IS 'public: why, plain text';
COMMENT ON COLUMN desk.public_ticket.alternative IS 'public: what else one can do, plain text';
COMMENT ON COLUMN desk.public_ticket.duplicate_of IS 'public: the ticket that goes on instead';
COMMENT ON COLUMN desk.public_ticket.release IS 'public: version that carries the change';
COMMENT ON COLUMN desk.public_ticket.released IS 'public: is that version out?';
COMMENT ON COLUMN desk.public_ticket.hold IS 'public: cannot-yet or third-party';
COMMENT ON COLUMN desk.public_ticket.channel IS 'public: desk.channel';
COMMENT ON COLUMN desk.public_ticket.requester_name IS 'public: the name the requester gave to be shown';
COMMENT ON COLUMN desk.public_ticket.assignee IS 'public: the name of who works on it';
COMMENT ON COLUMN desk.public_ticket.filed_at IS 'public: when it came in';
COMMENT ON COLUMN desk.public_ticket.changed_at IS 'public: last change or message';
COMMENT ON COLUMN desk.public_ticket.answered_at IS 'public: first answer by a person';
COMMENT ON COLUMN desk.public_ticket.solved_at IS 'public: when it was resolved';
COMMENT ON COLUMN desk.public_ticket.answer_due_at IS 'public: first answer promised by';
COMMENT ON COLUMN desk.public_ticket.solve_due_at IS 'public: solution aimed at by';
COMMENT ON COLUMN desk.public_ticket.next_update_by IS 'public: next update promised by';
COMMENT ON COLUMN desk.public_ticket.answer_missed IS 'public: did the first answer come late?';
COMMENT ON COLUMN desk.public_ticket.answer_seconds IS 'public: within which time the first answer was promised';
COMMENT ON COLUMN desk.public_ticket.messages IS 'public: messages after the first';
COMMENT ON COLUMN desk.public_ticket.me_toos IS 'public: how many more people have it';
COMMENT ON COLUMN desk.public_ticket.kind_label IS 'public: the words of desk.kind; the six words stand here so that a page needs no join';
COMMENT ON COLUMN desk.public_ticket.product_label IS 'public: the words of desk.product';
COMMENT ON COLUMN desk.public_ticket.severity_name IS 'public: the word of desk.severity';
COMMENT ON COLUMN desk.public_ticket.state_label IS 'public: the words of desk.state';
COMMENT ON COLUMN desk.public_ticket.resolution_label IS 'public: the words of desk.resolution';
COMMENT ON COLUMN desk.public_ticket.channel_label IS 'public: the words of desk.channel';

CREATE TABLE desk.public_entry (
	ticket		int NOT NULL REFERENCES desk.public_ticket ON DELETE CASCADE,
	at		timestamptz NOT NULL,
	seq		bigint NOT NULL,
	is_change	boolean NOT NULL,
	is_staff	boolean NOT NULL,
	is_solution	boolean NOT NULL,
	name		text NOT NULL,
	initial		text NOT NULL,
	body_html	text,
	field		text,
	what		text,
	new		text,
	posted_at	text NOT NULL,
	posted_words	text NOT NULL,
	PRIMARY KEY (ticket, at, is_change, seq)
);
COMMENT ON TABLE desk.public_entry IS 'The public thread: messages, and changes that everybody may see, in order.';
COMMENT ON COLUMN desk.public_entry.ticket IS 'public: of which ticket';
COMMENT ON COLUMN desk.public_entry.at IS 'public: when';
COMMENT ON COLUMN desk.public_entry.seq IS 'public: desk.message.id or desk.change.id';
COMMENT ON COLUMN desk.public_entry.is_change IS 'public: a change of a field, else a message';
COMMENT ON COLUMN desk.public_entry.is_staff IS 'public: by staff';
COMMENT ON COLUMN desk.public_entry.is_solution IS 'public: the solution';
COMMENT ON COLUMN desk.public_entry.name IS 'public: by whom, in words';
COMMENT ON COLUMN desk.public_entry.initial IS 'public: the first letter of it';
COMMENT ON COLUMN desk.public_entry.body_html IS 'public: a message as safe HTML';
COMMENT ON COLUMN desk.public_entry.field IS 'public: what changed';
COMMENT ON COLUMN desk.public_entry.what IS 'public: the same in words';
COMMENT ON COLUMN desk.public_entry.new IS 'public: to what, in words';
COMMENT ON COLUMN desk.public_entry.posted_at IS 'public: desk.utc(at); to write it once is a fifth of the time of a page';
COMMENT ON COLUMN desk.public_entry.posted_words IS 'public: desk.words(at), in the zone of the session that wrote it';

CREATE TABLE desk.public_search (
	number		int PRIMARY KEY REFERENCES desk.public_ticket ON DELETE CASCADE,
	words		tsvector NOT NULL,
	subject_words	tsvector NOT NULL GENERATED ALWAYS AS (ts_filter(words, '{a}')) STORED
);
CREATE INDEX public_search_words ON desk.public_search USING gin (words) WITH (gin_pending_list_limit = 256);
CREATE INDEX public_search_subject ON desk.public_search USING gin (subject_words);
ALTER TABLE desk.public_search ALTER COLUMN words SET STATISTICS 1000;
COMMENT ON TABLE desk.public_search IS 'The words of public tickets: subject (A), solution (B), all messages (D); see desk.search_words.';
COMMENT ON COLUMN desk.public_search.number IS 'public: of which ticket';
COMMENT ON COLUMN desk.public_search.words IS 'public: lexemes';
COMMENT ON COLUMN desk.public_search.subject_words IS 'public: those of the subject alone; similar tickets are found by them';
