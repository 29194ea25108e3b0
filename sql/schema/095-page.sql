-- Paging: who is woken, in which order, and whether it was right to do so.
-- A page is opened for a ticket of severity 1 whose production is confirmed
-- to be down, and for nothing else.

ALTER TABLE desk.ticket ADD COLUMN production_down boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN desk.ticket.production_down IS 'private: the requester or staff said that production is down; with severity 1 it pages the people on duty';

COMMENT ON COLUMN desk.limiter.name IS 'staff: submit, message, follow, me-too, login-account, login-network, mail-address, mail-day, page (how often a visitor''s reports may wake people)';

CREATE TABLE desk.page_rule (
	product		text REFERENCES desk.product,
	rotation	text NOT NULL REFERENCES desk.rotation,
	repeat_seconds	int NOT NULL DEFAULT 1800 CHECK (repeat_seconds BETWEEN 0 AND 86400),
	next_seconds	int NOT NULL DEFAULT 300 CHECK (next_seconds BETWEEN 60 AND 86400),
	rounds		smallint NOT NULL DEFAULT 3 CHECK (rounds BETWEEN 1 AND 100),
	UNIQUE NULLS NOT DISTINCT (product)
);
COMMENT ON TABLE desk.page_rule IS 'How a product is paged; the row without a product holds for all that have none of their own.  UPDATE it and it holds from the next step on.';
COMMENT ON COLUMN desk.page_rule.product IS 'staff: for this product; NULL for any other';
COMMENT ON COLUMN desk.page_rule.rotation IS 'staff: whose people on duty are paged';
COMMENT ON COLUMN desk.page_rule.repeat_seconds IS 'staff: reports about the same product that come so soon after a page belong to it and wake nobody again';
COMMENT ON COLUMN desk.page_rule.next_seconds IS 'staff: who has not acknowledged after so long is followed by the next person';
COMMENT ON COLUMN desk.page_rule.rounds IS 'staff: after the last person the first is paged again, so many times through all of them in all';

CREATE TABLE desk.page (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	product		text REFERENCES desk.product,
	rotation	text REFERENCES desk.rotation,
	opened_at	timestamptz NOT NULL DEFAULT now(),
	step		smallint NOT NULL DEFAULT 0,
	round		smallint NOT NULL DEFAULT 1,
	next_at		timestamptz,
	duty_empty	boolean NOT NULL DEFAULT false,
	acknowledged_at	timestamptz,
	acknowledged_by	int REFERENCES desk.staff,
	resolved_at	timestamptz,
	resolved_why	text,
	justified	boolean,
	verdict		text CHECK (length(verdict) <= 2000),
	judged_by	int REFERENCES desk.staff,
	judged_at	timestamptz,
	CONSTRAINT acknowledged_by_needs_a_time CHECK (acknowledged_by IS NULL OR acknowledged_at IS NOT NULL),
	CONSTRAINT resolved_with_a_reason CHECK ((resolved_at IS NULL) = (resolved_why IS NULL)),
	CONSTRAINT over_means_no_next_step CHECK (next_at IS NULL OR (acknowledged_at IS NULL AND resolved_at IS NULL)),
	CONSTRAINT verdict_with_a_time CHECK ((justified IS NULL) = (judged_at IS NULL)),
	CONSTRAINT words_need_a_verdict CHECK (verdict IS NULL OR justified IS NOT NULL)
);
-- one that rings for each product: reports at the same moment are one page
CREATE UNIQUE INDEX page_ringing ON desk.page (product) NULLS NOT DISTINCT
	WHERE acknowledged_at IS NULL AND resolved_at IS NULL;
CREATE INDEX page_next ON desk.page (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX page_opened ON desk.page (opened_at);
CREATE INDEX page_ticket_first ON desk.page (ticket);
COMMENT ON TABLE desk.page IS 'People on duty are woken for an incident.  Setting acknowledged_at stops the steps, setting resolved_at ends it; neither can be taken back.  What happened stands in desk.page_event.';
COMMENT ON COLUMN desk.page.id IS 'staff: number';
COMMENT ON COLUMN desk.page.ticket IS 'staff: the first report of it';
COMMENT ON COLUMN desk.page.product IS 'staff: what is down; NULL when nobody knows';
COMMENT ON COLUMN desk.page.rotation IS 'staff: whose people on duty are paged; NULL: the desk has no rotation, so everybody is';
COMMENT ON COLUMN desk.page.opened_at IS 'staff: when it began';
COMMENT ON COLUMN desk.page.step IS 'staff: how many steps were made';
COMMENT ON COLUMN desk.page.round IS 'staff: which time through all people';
COMMENT ON COLUMN desk.page.next_at IS 'staff: when the next person is paged; NULL when nobody is';
COMMENT ON COLUMN desk.page.duty_empty IS 'staff: nobody was on duty';
COMMENT ON COLUMN desk.page.acknowledged_at IS 'staff: when somebody said "I am on it"';
COMMENT ON COLUMN desk.page.acknowledged_by IS 'staff: who; NULL when it was said in psql';
COMMENT ON COLUMN desk.page.resolved_at IS 'staff: when it was over';
COMMENT ON COLUMN desk.page.resolved_why IS 'staff: answered, solved, not down, or what was written in psql';
COMMENT ON COLUMN desk.page.justified IS 'staff: was it right to wake somebody for this?';
COMMENT ON COLUMN desk.page.verdict IS 'staff: in words';
COMMENT ON COLUMN desk.page.judged_by IS 'staff: who said so';
COMMENT ON COLUMN desk.page.judged_at IS 'staff: when';

CREATE TABLE desk.page_report (
	page		int NOT NULL REFERENCES desk.page,
	ticket		int NOT NULL REFERENCES desk.ticket,
	added_at	timestamptz NOT NULL DEFAULT now(),
	over_at		timestamptz,
	over_why	text CHECK (over_why IN ('answered', 'solved', 'not down')),
	PRIMARY KEY (page, ticket)
);
CREATE INDEX page_report_ticket ON desk.page_report (ticket);
COMMENT ON TABLE desk.page_report IS 'The tickets of a page.  It is over when it is over for all of them.';
COMMENT ON COLUMN desk.page_report.page IS 'staff: which page';
COMMENT ON COLUMN desk.page_report.ticket IS 'staff: which ticket';
COMMENT ON COLUMN desk.page_report.added_at IS 'staff: when it was added';
COMMENT ON COLUMN desk.page_report.over_at IS 'staff: when this one was answered, solved, or turned out not to be down';
COMMENT ON COLUMN desk.page_report.over_why IS 'staff: answered, solved or not down';

CREATE TABLE desk.page_event (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	page		int NOT NULL REFERENCES desk.page,
	kind		text NOT NULL CHECK (kind IN ('opened', 'told', 'overtaken', 'duty empty', 'nobody left',
		'added', 'acknowledged', 'resolved', 'judged')),
	step		smallint,
	round		smallint,
	staff		int REFERENCES desk.staff,
	role		text,
	ticket		int REFERENCES desk.ticket,
	due_at		timestamptz,
	words		text,
	at		timestamptz NOT NULL DEFAULT now(),
	program		text NOT NULL DEFAULT session_user,
	CHECK ((kind IN ('told', 'overtaken')) = (step IS NOT NULL))
);
-- what makes a step happen once, however many programs look
CREATE UNIQUE INDEX page_event_step ON desk.page_event (page, step) WHERE step IS NOT NULL;
CREATE INDEX page_event_page ON desk.page_event (page, id);
COMMENT ON TABLE desk.page_event IS 'Every step of every page.  Append-only, also for the owner (trigger).';
COMMENT ON COLUMN desk.page_event.id IS 'staff: number';
COMMENT ON COLUMN desk.page_event.page IS 'staff: which page';
COMMENT ON COLUMN desk.page_event.kind IS 'staff: opened, told, overtaken (a later step was due as well), duty empty, nobody left, added (one more report), acknowledged, resolved, judged';
COMMENT ON COLUMN desk.page_event.step IS 'staff: its number, for told and overtaken';
COMMENT ON COLUMN desk.page_event.round IS 'staff: which time through all people';
COMMENT ON COLUMN desk.page_event.staff IS 'staff: who was told, who acknowledged, who judged; told with NULL: everybody';
COMMENT ON COLUMN desk.page_event.role IS 'staff: why they: on duty, lead, manager, anybody';
COMMENT ON COLUMN desk.page_event.ticket IS 'staff: which report';
COMMENT ON COLUMN desk.page_event.due_at IS 'staff: when the step was due';
COMMENT ON COLUMN desk.page_event.words IS 'staff: why, or the verdict';
COMMENT ON COLUMN desk.page_event.at IS 'staff: when it happened';
COMMENT ON COLUMN desk.page_event.program IS 'staff: the database role that was signed in';

CREATE TABLE desk.page_link (
	token_sha256	bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
	page		int NOT NULL REFERENCES desk.page,
	staff		int NOT NULL REFERENCES desk.staff,
	made_at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX page_link_page ON desk.page_link (page);
COMMENT ON TABLE desk.page_link IS 'Secret links in mails that page somebody: 128 random bits for one page and one person, good for two days.';
COMMENT ON COLUMN desk.page_link.token_sha256 IS 'secret: SHA-256 of the link''s text';
COMMENT ON COLUMN desk.page_link.page IS 'staff: which page';
COMMENT ON COLUMN desk.page_link.staff IS 'staff: whose';
COMMENT ON COLUMN desk.page_link.made_at IS 'staff: when';
