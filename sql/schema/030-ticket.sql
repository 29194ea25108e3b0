-- Tickets and what is said about them.

CREATE TABLE desk.ticket (
	number		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	version		int NOT NULL DEFAULT 1,
	subject		text NOT NULL CONSTRAINT subject_is_one_line CHECK (subject ~ '\S' AND length(subject) <= 200 AND subject !~ '[\n\r]'),
	kind		text NOT NULL REFERENCES desk.kind,
	product		text REFERENCES desk.product,
	severity	smallint NOT NULL REFERENCES desk.severity,
	blocked		text NOT NULL DEFAULT 'no' CHECK (blocked IN ('blocked', 'workaround', 'no')),
	tried		text CHECK (length(tried) <= 20000),
	visibility	text NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'private')),
	consented_at	timestamptz,
	channel		text NOT NULL DEFAULT 'web' REFERENCES desk.channel,
	template	text REFERENCES desk.intake_template ON UPDATE CASCADE,
	requester	int REFERENCES desk.person,
	requester_name	text CHECK (length(requester_name) <= 80),
	assignee	int REFERENCES desk.staff,
	state		text NOT NULL DEFAULT 'new' REFERENCES desk.state,
	resolution	text REFERENCES desk.resolution,
	reason		text CHECK (length(reason) <= 20000),
	alternative	text CHECK (length(alternative) <= 20000),
	duplicate_of	int REFERENCES desk.ticket CONSTRAINT not_of_itself CHECK (duplicate_of <> number),
	release		int REFERENCES desk.release,
	hold		text CHECK (hold IN ('cannot-yet', 'third-party')),
	next_update_by	timestamptz,
	filed_at	timestamptz NOT NULL DEFAULT now(),
	changed_at	timestamptz NOT NULL DEFAULT now(),
	answered_at	timestamptz,
	solved_at	timestamptz,
	confirmed_at	timestamptz,
	answer_due_at	timestamptz,
	solve_due_at	timestamptz,
	promise_at	timestamptz GENERATED ALWAYS AS (LEAST(answer_due_at, solve_due_at, next_update_by)) STORED,
	me_toos		int NOT NULL DEFAULT 0,
	changed_by	text,
	CONSTRAINT resolved_with_a_resolution CHECK ((state = 'resolved') = (resolution IS NOT NULL)),
	CONSTRAINT not_yet_needs_a_date CHECK (hold IS NULL OR next_update_by IS NOT NULL)
);
-- the order of the queue (000c): promise to the minute, severity, who is blocked
CREATE INDEX ticket_queue ON desk.ticket (coalesce(date_trunc('minute', promise_at AT TIME ZONE 'UTC'), 'infinity'), severity,
	(CASE blocked WHEN 'blocked' THEN 0 WHEN 'workaround' THEN 1 ELSE 2 END), number) WHERE state <> 'resolved';
CREATE INDEX ticket_assignee ON desk.ticket (assignee, promise_at) WHERE state <> 'resolved';
CREATE INDEX ticket_unassigned ON desk.ticket (coalesce(date_trunc('minute', promise_at AT TIME ZONE 'UTC'), 'infinity'), severity,
	(CASE blocked WHEN 'blocked' THEN 0 WHEN 'workaround' THEN 1 ELSE 2 END), number) WHERE state <> 'resolved' AND assignee IS NULL;
CREATE INDEX ticket_unanswered ON desk.ticket (filed_at) WHERE state <> 'resolved' AND answered_at IS NULL;
CREATE INDEX ticket_requester ON desk.ticket (requester) WHERE requester IS NOT NULL;
CREATE INDEX ticket_release ON desk.ticket (release) WHERE release IS NOT NULL;
COMMENT ON TABLE desk.ticket IS 'One report and where it stands.  Its rules are the constraints here and the trigger desk.ticket_guard; every change of a field lands in desk.change.';
COMMENT ON COLUMN desk.ticket.number IS 'public: the number people say';
COMMENT ON COLUMN desk.ticket.version IS 'staff: rises with every change and message; a form sends back the one it was made from';
COMMENT ON COLUMN desk.ticket.subject IS 'public: one line, as typed';
COMMENT ON COLUMN desk.ticket.kind IS 'public: desk.kind';
COMMENT ON COLUMN desk.ticket.product IS 'public: desk.product, NULL when nobody knows yet';
COMMENT ON COLUMN desk.ticket.severity IS 'public: desk.severity';
COMMENT ON COLUMN desk.ticket.blocked IS 'public: blocked, workaround or no: can the requester go on working?';
COMMENT ON COLUMN desk.ticket.tried IS 'private: what the requester already tried or read, shown above the reply box';
COMMENT ON COLUMN desk.ticket.visibility IS 'public: public or private; private rows have no copy in desk.public_*';
COMMENT ON COLUMN desk.ticket.consented_at IS 'private: when the requester agreed that a private ticket becomes public';
COMMENT ON COLUMN desk.ticket.channel IS 'public: desk.channel';
COMMENT ON COLUMN desk.ticket.template IS 'public: the form it came by';
COMMENT ON COLUMN desk.ticket.requester IS 'private: the address, if one was given';
COMMENT ON COLUMN desk.ticket.requester_name IS 'public: the name to show, if one was given';
COMMENT ON COLUMN desk.ticket.assignee IS 'public: the name of who works on it';
COMMENT ON COLUMN desk.ticket.state IS 'public: desk.state';
COMMENT ON COLUMN desk.ticket.resolution IS 'public: desk.resolution, exactly while resolved';
COMMENT ON COLUMN desk.ticket.reason IS 'public: why it was resolved this way, plain text';
COMMENT ON COLUMN desk.ticket.alternative IS 'public: what else the requester can do, plain text';
COMMENT ON COLUMN desk.ticket.duplicate_of IS 'public: the ticket that goes on instead';
COMMENT ON COLUMN desk.ticket.release IS 'public: the release that carries the change';
COMMENT ON COLUMN desk.ticket.hold IS 'public: cannot-yet or third-party; only with a date in next_update_by';
COMMENT ON COLUMN desk.ticket.next_update_by IS 'public: until when we promised to write again';
COMMENT ON COLUMN desk.ticket.filed_at IS 'public: when it came in; every clock starts here';
COMMENT ON COLUMN desk.ticket.changed_at IS 'public: last change or public message';
COMMENT ON COLUMN desk.ticket.answered_at IS 'public: first answer by a person of the staff';
COMMENT ON COLUMN desk.ticket.solved_at IS 'public: when it was resolved, NULL again when reopened';
COMMENT ON COLUMN desk.ticket.confirmed_at IS 'private: when the requester said that it is solved';
COMMENT ON COLUMN desk.ticket.answer_due_at IS 'public: first answer promised by; NULL once answered (from desk.clock)';
COMMENT ON COLUMN desk.ticket.solve_due_at IS 'public: solution aimed at by; NULL while the clock is paused or stopped (from desk.clock)';
COMMENT ON COLUMN desk.ticket.promise_at IS 'public: the next promise, what the queue is sorted by';
COMMENT ON COLUMN desk.ticket.me_toos IS 'public: how many more people said they have it too';
COMMENT ON COLUMN desk.ticket.changed_by IS 'staff: always NULL at rest; carries "staff:<id>", "requester" or "release" from a function to the trigger that writes desk.change';

CREATE TABLE desk.submission (
	key_sha256	bytea PRIMARY KEY CHECK (length(key_sha256) = 32),
	text_sha256	bytea NOT NULL CHECK (length(text_sha256) = 32),
	ticket		int REFERENCES desk.ticket,
	filed_at	timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.submission IS 'One row per form that was sent, so that sending it again changes nothing.';
COMMENT ON COLUMN desk.submission.key_sha256 IS 'secret: SHA-256 of the form''s key';
COMMENT ON COLUMN desk.submission.text_sha256 IS 'secret: SHA-256 of what was sent, to tell a resend from another text';
COMMENT ON COLUMN desk.submission.ticket IS 'private: what it became';
COMMENT ON COLUMN desk.submission.filed_at IS 'private: when';

CREATE TABLE desk.link (
	token_sha256	bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
	ticket		int NOT NULL REFERENCES desk.ticket,
	person		int REFERENCES desk.person,
	purpose		text NOT NULL CHECK (purpose IN ('requester', 'follow')),
	made_at		timestamptz NOT NULL DEFAULT now(),
	revoked_at	timestamptz
);
CREATE INDEX link_ticket ON desk.link (ticket);
COMMENT ON TABLE desk.link IS 'Secret links: 128 random bits for one ticket and one address.  Revoke one by setting revoked_at.';
COMMENT ON COLUMN desk.link.token_sha256 IS 'secret: SHA-256 of the link''s text';
COMMENT ON COLUMN desk.link.ticket IS 'private: what it opens';
COMMENT ON COLUMN desk.link.person IS 'private: the address it was mailed to, which using it proves; NULL for the link on the receipt';
COMMENT ON COLUMN desk.link.purpose IS 'private: requester (all of the ticket) or follow (start and stop mail)';
COMMENT ON COLUMN desk.link.made_at IS 'private: when';
COMMENT ON COLUMN desk.link.revoked_at IS 'private: no longer valid since then';

CREATE TABLE desk.answer (
	ticket		int NOT NULL REFERENCES desk.ticket,
	position	smallint NOT NULL,
	question	text NOT NULL,
	answer		text NOT NULL CHECK (answer ~ '\S' AND length(answer) <= 5000),
	PRIMARY KEY (ticket, position)
);
COMMENT ON TABLE desk.answer IS 'What was answered to the template''s own questions, with the question as it stood then.';
COMMENT ON COLUMN desk.answer.ticket IS 'private: of which ticket';
COMMENT ON COLUMN desk.answer.position IS 'private: order';
COMMENT ON COLUMN desk.answer.question IS 'private: as asked';
COMMENT ON COLUMN desk.answer.answer IS 'private: as typed';

CREATE TABLE desk.message (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	author		text NOT NULL CHECK (author IN ('requester', 'staff', 'automatic')),
	staff		int REFERENCES desk.staff,
	name		text CHECK (length(name) <= 80),
	body		text NOT NULL CHECK (length(body) <= 131072),
	body_html	text NOT NULL,
	renderer	smallint NOT NULL DEFAULT 0,
	attempt		boolean NOT NULL DEFAULT false,
	solution	boolean NOT NULL DEFAULT false,
	posted_at	timestamptz NOT NULL DEFAULT now(),
	CHECK ((author = 'staff') = (staff IS NOT NULL))
);
CREATE INDEX message_ticket ON desk.message (ticket, id);
COMMENT ON TABLE desk.message IS 'What requester and staff say to each other.  Append-only.';
COMMENT ON COLUMN desk.message.id IS 'private: number';
COMMENT ON COLUMN desk.message.ticket IS 'private: of which ticket';
COMMENT ON COLUMN desk.message.author IS 'private: requester, staff, or automatic (never counts as an answer)';
COMMENT ON COLUMN desk.message.staff IS 'private: who of the staff';
COMMENT ON COLUMN desk.message.name IS 'private: the name to show';
COMMENT ON COLUMN desk.message.body IS 'private: Markdown, byte for byte as typed';
COMMENT ON COLUMN desk.message.body_html IS 'private: rendered once, checked by desk.is_safe_html; made from body as plain text when a writer gives none';
COMMENT ON COLUMN desk.message.renderer IS 'private: version of the renderer, 0 for plain text';
COMMENT ON COLUMN desk.message.attempt IS 'private: staff say it is a real attempt to help (000g)';
COMMENT ON COLUMN desk.message.solution IS 'private: staff say it is the solution; shown on top';
COMMENT ON COLUMN desk.message.posted_at IS 'private: when';

CREATE TABLE desk.note (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	staff		int NOT NULL REFERENCES desk.staff,
	body		text NOT NULL CHECK (body ~ '\S' AND length(body) <= 131072),
	body_html	text NOT NULL,
	renderer	smallint NOT NULL DEFAULT 0,
	posted_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX note_ticket ON desk.note (ticket, id);
COMMENT ON TABLE desk.note IS 'Internal notes: in a table of their own, so that no program for requesters can print one by mistake.  Append-only.';
COMMENT ON COLUMN desk.note.id IS 'staff: number';
COMMENT ON COLUMN desk.note.ticket IS 'staff: of which ticket';
COMMENT ON COLUMN desk.note.staff IS 'staff: by whom';
COMMENT ON COLUMN desk.note.body IS 'staff: Markdown as typed';
COMMENT ON COLUMN desk.note.body_html IS 'staff: rendered once, as in desk.message';
COMMENT ON COLUMN desk.note.renderer IS 'staff: version of the renderer';
COMMENT ON COLUMN desk.note.posted_at IS 'staff: when';

CREATE TABLE desk.change (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	field		text NOT NULL,
	old		text,
	new		text,
	actor		text NOT NULL CHECK (actor IN ('staff', 'requester', 'release', 'sql')),
	staff		int REFERENCES desk.staff,
	program		text NOT NULL,
	changed_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX change_ticket ON desk.change (ticket, id);
COMMENT ON TABLE desk.change IS 'The history: every field of every ticket that changed.  Append-only, also for the owner (trigger).';
COMMENT ON COLUMN desk.change.id IS 'staff: number';
COMMENT ON COLUMN desk.change.ticket IS 'staff: of which ticket';
COMMENT ON COLUMN desk.change.field IS 'staff: the column of desk.ticket';
COMMENT ON COLUMN desk.change.old IS 'staff: before';
COMMENT ON COLUMN desk.change.new IS 'staff: after';
COMMENT ON COLUMN desk.change.actor IS 'staff: staff, requester, release (a version came out), or sql (somebody in psql)';
COMMENT ON COLUMN desk.change.staff IS 'staff: who of the staff';
COMMENT ON COLUMN desk.change.program IS 'staff: the database role that was signed in, such as desk_staff';
COMMENT ON COLUMN desk.change.changed_at IS 'staff: when';

CREATE TABLE desk.me_too (
	ticket		int NOT NULL REFERENCES desk.ticket,
	visitor		bytea NOT NULL CHECK (length(visitor) = 32),
	said_at		timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (ticket, visitor)
);
COMMENT ON TABLE desk.me_too IS '"This affects me too": one voice per visitor and ticket.';
COMMENT ON COLUMN desk.me_too.ticket IS 'secret: of which ticket';
COMMENT ON COLUMN desk.me_too.visitor IS 'secret: a keyed hash of the visitor''s network address';
COMMENT ON COLUMN desk.me_too.said_at IS 'secret: when';

CREATE TABLE desk.follower (
	ticket		int NOT NULL REFERENCES desk.ticket,
	person		int NOT NULL REFERENCES desk.person,
	asked_at	timestamptz NOT NULL DEFAULT now(),
	confirmed_at	timestamptz,
	stopped_at	timestamptz,
	PRIMARY KEY (ticket, person)
);
CREATE INDEX follower_person ON desk.follower (person);
COMMENT ON TABLE desk.follower IS 'Who wants mail about a ticket.  Mail goes only to those who confirmed by a link sent to their address, and until they stop.';
COMMENT ON COLUMN desk.follower.ticket IS 'private: which ticket';
COMMENT ON COLUMN desk.follower.person IS 'private: which address';
COMMENT ON COLUMN desk.follower.asked_at IS 'private: when somebody typed the address';
COMMENT ON COLUMN desk.follower.confirmed_at IS 'private: when its reader confirmed';
COMMENT ON COLUMN desk.follower.stopped_at IS 'private: when its reader stopped it';
