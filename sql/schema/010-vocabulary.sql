-- The words of the desk: what a ticket can be, where it can stand, how it
-- can end, and the forms it is asked with.  All of it is rows, so a new
-- kind, product or form is an INSERT.
--
-- Every column's comment begins with who may read it; tests/sql/classes.sql
-- fails for a column that nobody has classified:
--   public    everybody            staff    people who are signed in
--   private   staff and the requester of that ticket
--   secret    nobody: hashes, keys, addresses of the network

CREATE TABLE desk.severity (
	level		smallint PRIMARY KEY CHECK (level BETWEEN 1 AND 4),
	name		text NOT NULL,
	impact		text NOT NULL
);
COMMENT ON TABLE desk.severity IS 'How badly it hurts, in words of impact; 1 is the worst.';
COMMENT ON COLUMN desk.severity.level IS 'public: 1 critical to 4 low';
COMMENT ON COLUMN desk.severity.name IS 'public: one word, shown as "S2 Major"';
COMMENT ON COLUMN desk.severity.impact IS 'public: the sentence a requester chooses';

CREATE TABLE desk.kind (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z-]{0,30}$'),
	label		text NOT NULL,
	position	int NOT NULL
);
COMMENT ON TABLE desk.kind IS 'What a ticket is about.';
COMMENT ON COLUMN desk.kind.name IS 'public: as in URLs: bug, feature, config-change';
COMMENT ON COLUMN desk.kind.label IS 'public: as on pages';
COMMENT ON COLUMN desk.kind.position IS 'public: order in lists of choices';

CREATE TABLE desk.product (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9.-]{0,40}$'),
	label		text NOT NULL,
	position	int NOT NULL DEFAULT 100,
	retired_at	timestamptz
);
COMMENT ON TABLE desk.product IS 'What the ticket is about: a program, a service, a part of it.';
COMMENT ON COLUMN desk.product.name IS 'public: as in URLs';
COMMENT ON COLUMN desk.product.label IS 'public: as on pages';
COMMENT ON COLUMN desk.product.position IS 'public: order in lists of choices';
COMMENT ON COLUMN desk.product.retired_at IS 'public: no longer offered for new tickets since then';

CREATE TABLE desk.channel (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z-]{0,30}$'),
	label		text NOT NULL
);
COMMENT ON TABLE desk.channel IS 'The way a report came in.';
COMMENT ON COLUMN desk.channel.name IS 'public: web, mail, chat, code-host, premium-chat, api';
COMMENT ON COLUMN desk.channel.label IS 'public: as on pages';

CREATE TABLE desk.state (
	name		text PRIMARY KEY,
	label		text NOT NULL,
	is_open		boolean NOT NULL,
	position	int NOT NULL
);
COMMENT ON TABLE desk.state IS 'Where a ticket stands; desk.transition says what leads where.';
COMMENT ON COLUMN desk.state.name IS 'public: new, open, pending, fixed, resolved';
COMMENT ON COLUMN desk.state.label IS 'public: as on pages, in words for requesters';
COMMENT ON COLUMN desk.state.is_open IS 'public: false only for resolved';
COMMENT ON COLUMN desk.state.position IS 'public: order in lists of choices';

CREATE TABLE desk.transition (
	from_state	text NOT NULL REFERENCES desk.state,
	to_state	text NOT NULL REFERENCES desk.state,
	PRIMARY KEY (from_state, to_state)
);
COMMENT ON TABLE desk.transition IS 'The moves that exist.  None of them is made by age: nothing here closes a ticket for being old.';
COMMENT ON COLUMN desk.transition.from_state IS 'public: before';
COMMENT ON COLUMN desk.transition.to_state IS 'public: after';

CREATE TABLE desk.resolution (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z-]{0,30}$'),
	label		text NOT NULL,
	position	int NOT NULL,
	needs_release	boolean NOT NULL DEFAULT false,
	needs_reason	boolean NOT NULL DEFAULT false,
	needs_alternative boolean NOT NULL DEFAULT false,
	needs_attempt	boolean NOT NULL DEFAULT false,
	needs_duplicate	boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE desk.resolution IS 'How a ticket can end and what the database wants to see first (desk.ticket_guard).';
COMMENT ON COLUMN desk.resolution.name IS 'public: answered, fixed, declined...';
COMMENT ON COLUMN desk.resolution.label IS 'public: as on pages';
COMMENT ON COLUMN desk.resolution.position IS 'public: order in lists of choices';
COMMENT ON COLUMN desk.resolution.needs_release IS 'public: a release that is out must carry the change';
COMMENT ON COLUMN desk.resolution.needs_reason IS 'public: a reason must be written';
COMMENT ON COLUMN desk.resolution.needs_alternative IS 'public: what else the requester can do must be written';
COMMENT ON COLUMN desk.resolution.needs_attempt IS 'public: a person must have acknowledged it and really tried';
COMMENT ON COLUMN desk.resolution.needs_duplicate IS 'public: the other ticket must be named';

CREATE TABLE desk.release (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	product		text NOT NULL REFERENCES desk.product,
	version		text NOT NULL CHECK (version ~ '\S' AND length(version) <= 60),
	released_at	timestamptz,
	UNIQUE (product, version)
);
COMMENT ON TABLE desk.release IS 'Versions, planned and out.  A fix is solved when its release is.';
COMMENT ON COLUMN desk.release.id IS 'public: number';
COMMENT ON COLUMN desk.release.product IS 'public: of what';
COMMENT ON COLUMN desk.release.version IS 'public: as people write it, such as 2026.12';
COMMENT ON COLUMN desk.release.released_at IS 'public: when it came out; NULL while planned';

CREATE TABLE desk.intake_template (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z-]{0,30}$' AND name <> 'security'),
	label		text NOT NULL,
	hint		text NOT NULL,
	kind		text NOT NULL REFERENCES desk.kind,
	severity	smallint NOT NULL DEFAULT 3 REFERENCES desk.severity,
	visibility	text NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'private')),
	public_allowed	boolean NOT NULL DEFAULT true,
	subject_hint	text NOT NULL DEFAULT '',
	body_label	text NOT NULL DEFAULT 'What happened, and what did you expect?',
	body_hint	text NOT NULL DEFAULT '',
	position	int NOT NULL DEFAULT 100,
	retired_at	timestamptz,
	CHECK (public_allowed OR visibility = 'private')
);
COMMENT ON TABLE desk.intake_template IS 'The forms under "Report a problem".  INSERT a row and the form is there; there is none for security holes, and the name is refused.';
COMMENT ON COLUMN desk.intake_template.name IS 'public: as in the URL /report/<name>';
COMMENT ON COLUMN desk.intake_template.label IS 'public: what a requester chooses';
COMMENT ON COLUMN desk.intake_template.hint IS 'public: one line that helps to choose';
COMMENT ON COLUMN desk.intake_template.kind IS 'public: the kind of the tickets it makes';
COMMENT ON COLUMN desk.intake_template.severity IS 'public: marked at first; the requester may choose another';
COMMENT ON COLUMN desk.intake_template.visibility IS 'public: marked at first';
COMMENT ON COLUMN desk.intake_template.public_allowed IS 'public: false when such tickets are always private';
COMMENT ON COLUMN desk.intake_template.subject_hint IS 'public: an example below the label of the subject';
COMMENT ON COLUMN desk.intake_template.body_label IS 'public: the question above the large box';
COMMENT ON COLUMN desk.intake_template.body_hint IS 'public: what helps most';
COMMENT ON COLUMN desk.intake_template.position IS 'public: order on the page';
COMMENT ON COLUMN desk.intake_template.retired_at IS 'public: no longer offered since then';

CREATE TABLE desk.intake_field (
	template	text NOT NULL REFERENCES desk.intake_template ON UPDATE CASCADE ON DELETE CASCADE,
	position	smallint NOT NULL CHECK (position BETWEEN 1 AND 8),
	label		text NOT NULL,
	hint		text NOT NULL DEFAULT '',
	choices		text[] CHECK (cardinality(choices) BETWEEN 2 AND 20),
	required	boolean NOT NULL DEFAULT false,
	PRIMARY KEY (template, position)
);
COMMENT ON TABLE desk.intake_field IS 'A template''s own questions, at most eight; the form names them answer1 to answer8.';
COMMENT ON COLUMN desk.intake_field.template IS 'public: whose question';
COMMENT ON COLUMN desk.intake_field.position IS 'public: 1 to 8, the order on the form';
COMMENT ON COLUMN desk.intake_field.label IS 'public: the question';
COMMENT ON COLUMN desk.intake_field.hint IS 'public: below it';
COMMENT ON COLUMN desk.intake_field.choices IS 'public: the answers to choose from; NULL for free text';
COMMENT ON COLUMN desk.intake_field.required IS 'public: must be answered';

CREATE TABLE desk.security_phrase (
	pattern		text PRIMARY KEY CHECK (pattern ~ '\S')
);
COMMENT ON TABLE desk.security_phrase IS 'Words that look like the report of a security hole: the form asks before it stores anything (002h).';
COMMENT ON COLUMN desk.security_phrase.pattern IS 'staff: a case-blind regular expression (POSIX ARE), matched against subject and text';
