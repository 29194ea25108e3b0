-- Promises: policies, clocks, and what the checker saw.

CREATE TABLE desk.policy (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	severity	smallint REFERENCES desk.severity,
	channel		text REFERENCES desk.channel,
	answer_seconds	int NOT NULL CHECK (answer_seconds > 0 AND answer_seconds % 60 = 0),
	same_day	boolean NOT NULL DEFAULT false,
	solve_seconds	int NOT NULL CHECK (solve_seconds > 0 AND solve_seconds % 60 = 0),
	warn_percent	smallint NOT NULL DEFAULT 80 CHECK (warn_percent BETWEEN 1 AND 99),
	valid_from	timestamptz NOT NULL DEFAULT '-infinity',
	UNIQUE NULLS NOT DISTINCT (severity, channel, valid_from)
);
COMMENT ON TABLE desk.policy IS 'What we promise.  The most specific row holds: severity before channel before neither; of equals the latest that was valid when the ticket came in.  New promises are new rows with a later valid_from; an old row is never edited.  Round the clock.';
COMMENT ON COLUMN desk.policy.id IS 'public: number';
COMMENT ON COLUMN desk.policy.severity IS 'public: for this severity; NULL for any';
COMMENT ON COLUMN desk.policy.channel IS 'public: for this channel; NULL for any';
COMMENT ON COLUMN desk.policy.answer_seconds IS 'public: first response by a person within';
COMMENT ON COLUMN desk.policy.same_day IS 'public: first response by midnight of the desk''s zone instead, but never less than answer_seconds from now';
COMMENT ON COLUMN desk.policy.solve_seconds IS 'public: resolution within, not counting the time we wait for the requester';
COMMENT ON COLUMN desk.policy.warn_percent IS 'staff: warn when this much of the time has passed';
COMMENT ON COLUMN desk.policy.valid_from IS 'public: for tickets that came in from then on';

CREATE TABLE desk.clock (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	metric		text NOT NULL CHECK (metric IN ('first response', 'resolution')),
	cycle		int NOT NULL DEFAULT 1,
	policy		int NOT NULL REFERENCES desk.policy,
	state		text NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'cancelled')),
	started_at	timestamptz NOT NULL,
	since		timestamptz NOT NULL,
	used_seconds	numeric NOT NULL DEFAULT 0 CHECK (used_seconds >= 0),
	target_seconds	int NOT NULL CHECK (target_seconds > 0),
	warn_percent	smallint NOT NULL,
	due_at		timestamptz,
	warn_at		timestamptz,
	next_at		timestamptz,
	warned_at	timestamptz,
	breached_at	timestamptz,
	stopped_at	timestamptz,
	UNIQUE (ticket, metric, cycle),
	CHECK ((state = 'running') = (due_at IS NOT NULL)),
	CHECK ((state = 'stopped') = (stopped_at IS NOT NULL))
);
CREATE INDEX clock_next ON desk.clock (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX clock_running ON desk.clock (due_at) WHERE state = 'running';
COMMENT ON TABLE desk.clock IS 'One promise about one ticket.  While running: due_at = since + target - used.';
COMMENT ON COLUMN desk.clock.id IS 'staff: number';
COMMENT ON COLUMN desk.clock.ticket IS 'staff: of which ticket';
COMMENT ON COLUMN desk.clock.metric IS 'staff: first response or resolution';
COMMENT ON COLUMN desk.clock.cycle IS 'staff: rises when a clock has to start anew';
COMMENT ON COLUMN desk.clock.policy IS 'staff: the row of desk.policy it follows';
COMMENT ON COLUMN desk.clock.state IS 'staff: running, paused, stopped or cancelled';
COMMENT ON COLUMN desk.clock.started_at IS 'staff: when the time began to count';
COMMENT ON COLUMN desk.clock.since IS 'staff: when it began to run last';
COMMENT ON COLUMN desk.clock.used_seconds IS 'staff: time that counted before "since"';
COMMENT ON COLUMN desk.clock.target_seconds IS 'staff: the time promised';
COMMENT ON COLUMN desk.clock.warn_percent IS 'staff: warn when this much of it has passed';
COMMENT ON COLUMN desk.clock.due_at IS 'staff: the last moment in time, while running';
COMMENT ON COLUMN desk.clock.warn_at IS 'staff: when to warn, while running';
COMMENT ON COLUMN desk.clock.next_at IS 'staff: when slacheck has to look again; NULL when nothing can come';
COMMENT ON COLUMN desk.clock.warned_at IS 'staff: when the warning was due that was given';
COMMENT ON COLUMN desk.clock.breached_at IS 'staff: when the promise was broken; stays as history';
COMMENT ON COLUMN desk.clock.stopped_at IS 'staff: when the promise was fulfilled or fell away';

CREATE TABLE desk.sla_event (
	clock		bigint NOT NULL REFERENCES desk.clock,
	cycle		int NOT NULL,
	kind		text NOT NULL CHECK (kind IN ('warned', 'breached')),
	step		int NOT NULL DEFAULT 0,
	policy		int NOT NULL REFERENCES desk.policy,
	due_at		timestamptz NOT NULL,
	seen_at		timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (clock, cycle, kind, step)
);
COMMENT ON TABLE desk.sla_event IS 'What slacheck saw, each once, however often and however many of it run.';
COMMENT ON COLUMN desk.sla_event.clock IS 'staff: which clock';
COMMENT ON COLUMN desk.sla_event.cycle IS 'staff: its cycle';
COMMENT ON COLUMN desk.sla_event.kind IS 'staff: warned or breached';
COMMENT ON COLUMN desk.sla_event.step IS 'staff: of an escalation, 0 for the first';
COMMENT ON COLUMN desk.sla_event.policy IS 'staff: the promise that held';
COMMENT ON COLUMN desk.sla_event.due_at IS 'staff: when it happened';
COMMENT ON COLUMN desk.sla_event.seen_at IS 'staff: when slacheck came by';

CREATE TABLE desk.outbox (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind		text NOT NULL CHECK (kind IN ('receipt', 'confirm', 'message', 'change', 'warned', 'breached')),
	ticket		int NOT NULL REFERENCES desk.ticket,
	person		int REFERENCES desk.person,
	staff		int REFERENCES desk.staff,
	subject		text NOT NULL,
	body		text NOT NULL,
	made_at		timestamptz NOT NULL DEFAULT now(),
	sent_at		timestamptz
);
CREATE INDEX outbox_waiting ON desk.outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_person ON desk.outbox (person, made_at);
COMMENT ON TABLE desk.outbox IS 'Mail to be sent, written in the same transaction as what it tells of.  The row holds the final text.';
COMMENT ON COLUMN desk.outbox.id IS 'secret: number';
COMMENT ON COLUMN desk.outbox.kind IS 'secret: why it is sent';
COMMENT ON COLUMN desk.outbox.ticket IS 'secret: about which ticket';
COMMENT ON COLUMN desk.outbox.person IS 'secret: to a requester or follower';
COMMENT ON COLUMN desk.outbox.staff IS 'secret: to one of the staff; to the people on duty when both are NULL';
COMMENT ON COLUMN desk.outbox.subject IS 'secret: of the mail';
COMMENT ON COLUMN desk.outbox.body IS 'secret: of the mail, may hold a secret link';
COMMENT ON COLUMN desk.outbox.made_at IS 'secret: when';
COMMENT ON COLUMN desk.outbox.sent_at IS 'secret: when it was handed over';
