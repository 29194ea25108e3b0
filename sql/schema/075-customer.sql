-- Whose ticket it is and who looks after it: customers and their plans,
-- teams and the rules that route to them, and the lists that go out by day
-- and week so that nobody is forgotten.

CREATE TABLE desk.plan (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z-]{0,30}$'),
	label		text NOT NULL CHECK (label ~ '\S' AND length(label) <= 60),
	position	int NOT NULL DEFAULT 100
);
COMMENT ON TABLE desk.plan IS 'What customers can have bought; desk.policy may promise more to a plan.';
COMMENT ON COLUMN desk.plan.name IS 'public: as policies name it';
COMMENT ON COLUMN desk.plan.label IS 'public: as on pages';
COMMENT ON COLUMN desk.plan.position IS 'public: order in lists';

CREATE TABLE desk.customer (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name		text NOT NULL CONSTRAINT customer_name CHECK (name ~ '\S' AND name = btrim(name) AND length(name) <= 80 AND name !~ '[\n\r]'),
	plan		text REFERENCES desk.plan ON UPDATE CASCADE,
	account_engineer int REFERENCES desk.staff,
	deputy		int REFERENCES desk.staff,
	is_internal	boolean NOT NULL DEFAULT false,
	CONSTRAINT deputy_of_an_engineer CHECK (deputy IS NULL OR account_engineer IS NOT NULL AND deputy <> account_engineer)
);
CREATE UNIQUE INDEX customer_by_name ON desk.customer (lower(name));
COMMENT ON TABLE desk.customer IS 'An organisation we work for, or a team of our own house.  No public page shows one.';
COMMENT ON COLUMN desk.customer.id IS 'staff: number';
COMMENT ON COLUMN desk.customer.name IS 'staff: as staff know it';
COMMENT ON COLUMN desk.customer.plan IS 'staff: desk.plan, NULL for none in particular; another one holds for tickets that come in, or are given another severity, from then on';
COMMENT ON COLUMN desk.customer.account_engineer IS 'staff: who gets its tickets as they come in (004e)';
COMMENT ON COLUMN desk.customer.deputy IS 'staff: who gets them while the account engineer is on duty, exempt or gone';
COMMENT ON COLUMN desk.customer.is_internal IS 'staff: a team of our own; its tickets have the same receipt, clocks and page as any (001aa)';

CREATE TABLE desk.customer_domain (
	domain		text PRIMARY KEY CHECK (domain ~ '^[^\s@<>"A-Z]+\.[^\s@<>"A-Z]+$' AND length(domain) <= 250),
	customer	int NOT NULL REFERENCES desk.customer
);
CREATE INDEX customer_domain_customer ON desk.customer_domain (customer);
COMMENT ON TABLE desk.customer_domain IS 'Mail domains of customers.  They count for proven addresses alone: anybody can type any address into a form, and would else help himself to a customer''s promises and engineer, and learn from a clock who our customers are.  Never enter a domain where strangers can get a mailbox.';
COMMENT ON COLUMN desk.customer_domain.domain IS 'staff: what stands after the @, in small letters; subdomains are domains of their own';
COMMENT ON COLUMN desk.customer_domain.customer IS 'staff: whose';

CREATE TABLE desk.team (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,30}$'),
	label		text NOT NULL CHECK (label ~ '\S' AND length(label) <= 60),
	position	int NOT NULL DEFAULT 100,
	retired_at	timestamptz
);
COMMENT ON TABLE desk.team IS 'Who looks after a kind of ticket.';
COMMENT ON COLUMN desk.team.name IS 'staff: as in URLs';
COMMENT ON COLUMN desk.team.label IS 'staff: as on pages';
COMMENT ON COLUMN desk.team.position IS 'staff: order in lists';
COMMENT ON COLUMN desk.team.retired_at IS 'staff: no longer offered, and routed to by no rule, since then';

CREATE TABLE desk.route (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	channel		text REFERENCES desk.channel,
	product		text REFERENCES desk.product ON UPDATE CASCADE,
	kind		text REFERENCES desk.kind,
	team		text NOT NULL REFERENCES desk.team ON UPDATE CASCADE,
	UNIQUE NULLS NOT DISTINCT (channel, product, kind)
);
COMMENT ON TABLE desk.route IS 'Which team a new ticket goes to (004d).  Of the rows that fit, the one that names most holds; of equals product before kind before channel.';
COMMENT ON COLUMN desk.route.id IS 'staff: number';
COMMENT ON COLUMN desk.route.channel IS 'staff: for this channel; NULL for any';
COMMENT ON COLUMN desk.route.product IS 'staff: for this product; NULL for any, and for tickets without one';
COMMENT ON COLUMN desk.route.kind IS 'staff: for this kind; NULL for any';
COMMENT ON COLUMN desk.route.team IS 'staff: where it goes';

ALTER TABLE desk.person ADD customer int REFERENCES desk.customer;
CREATE INDEX person_customer ON desk.person (customer) WHERE customer IS NOT NULL;
COMMENT ON COLUMN desk.person.customer IS 'staff: whom the reader of this address works for; counts only once the address is proven, and is then taken from desk.customer_domain where it is NULL';

ALTER TABLE desk.ticket ADD customer int REFERENCES desk.customer, ADD team text REFERENCES desk.team ON UPDATE CASCADE;
CREATE INDEX ticket_customer ON desk.ticket (customer, number) WHERE customer IS NOT NULL;
COMMENT ON COLUMN desk.ticket.customer IS 'staff: for whom; from the proven address of its requester, or set by staff; its plan decides which promises hold';
COMMENT ON COLUMN desk.ticket.team IS 'staff: who looks after it; from desk.route as it is filed, or set by staff';

CREATE INDEX ticket_team ON desk.ticket (team) WHERE state <> 'resolved' AND team IS NOT NULL;

-- What is not triaged, and mail without a team, are few of many that are open.
CREATE INDEX ticket_untriaged ON desk.ticket (filed_at) WHERE state = 'new' AND assignee IS NULL;
CREATE INDEX ticket_unrouted ON desk.ticket (filed_at) WHERE state <> 'resolved' AND channel = 'mail' AND team IS NULL;
CREATE INDEX ticket_update_due ON desk.ticket (next_update_by) WHERE state <> 'resolved' AND next_update_by IS NOT NULL;
-- The load report counts back from today.
CREATE INDEX ticket_filed_at ON desk.ticket (filed_at);
CREATE INDEX ticket_answered_at ON desk.ticket (answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX change_solved ON desk.change (changed_at, new) WHERE field = 'state' AND (old = 'resolved' OR new = 'resolved');

CREATE TABLE desk.list_rule (
	kind		text PRIMARY KEY CHECK (kind IN ('daily', 'triage')),
	from_minute	smallint NOT NULL CHECK (from_minute BETWEEN 0 AND 1439),
	weekday		smallint CHECK (weekday BETWEEN 1 AND 7)
);
COMMENT ON TABLE desk.list_rule IS 'When the lists of what must not be forgotten are mailed to those on duty.  UPDATE a row and it holds from the next day on; without its row a list is not sent.';
COMMENT ON COLUMN desk.list_rule.kind IS 'staff: daily (unanswered, updates overdue, mail without a team) or triage';
COMMENT ON COLUMN desk.list_rule.from_minute IS 'staff: not before this minute of the day, in the desk''s zone: 480 is 08:00';
COMMENT ON COLUMN desk.list_rule.weekday IS 'staff: only from that day of the week on, once a week: 1 Monday to 7 Sunday; NULL for each day';

CREATE TABLE desk.list_sent (
	kind		text NOT NULL,
	day		date NOT NULL,
	tickets		int NOT NULL,
	made_at		timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (kind, day)
);
COMMENT ON TABLE desk.list_sent IS 'One row per list and day (per week: its first day), so that each goes out once however often slacheck runs.  Append-only.';
COMMENT ON COLUMN desk.list_sent.kind IS 'staff: desk.list_rule';
COMMENT ON COLUMN desk.list_sent.day IS 'staff: the day in the desk''s zone';
COMMENT ON COLUMN desk.list_sent.tickets IS 'staff: how many entries it had';
COMMENT ON COLUMN desk.list_sent.made_at IS 'staff: when it was written';

CREATE TABLE desk.target (
	metric		text PRIMARY KEY,
	mean_seconds	int NOT NULL CHECK (mean_seconds > 0)
);
COMMENT ON TABLE desk.target IS 'The line drawn in reports: what we aim at on average (003a).  What we promise for each ticket is desk.policy.';
COMMENT ON COLUMN desk.target.metric IS 'public: as in desk.clock';
COMMENT ON COLUMN desk.target.mean_seconds IS 'public: the mean we aim at';
