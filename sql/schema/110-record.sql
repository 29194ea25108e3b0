-- How we did: figures week by week, which the public page reads instead of
-- clocks, and who watches the checker.

CREATE TABLE desk.record_week (
	week		date NOT NULL CHECK (extract(isodow FROM week) = 1),
	metric		text NOT NULL CHECK (metric IN ('first response', 'next response', 'resolution', 'next update')),
	channel		text NOT NULL,
	severity	smallint NOT NULL CHECK (severity BETWEEN 0 AND 4),
	met		int NOT NULL,
	breached	int NOT NULL,
	met_after_change int NOT NULL,
	stopped		int NOT NULL,
	mean_seconds	bigint,
	p50_seconds	bigint,
	p90_seconds	bigint,
	p95_seconds	bigint,
	calendar_p50_seconds bigint,
	calendar_p90_seconds bigint,
	calendar_p95_seconds bigint,
	PRIMARY KEY (week, metric, channel, severity)
);
COMMENT ON TABLE desk.record_week IS 'Promises per week, as slacheck has reckoned them from the clocks that were decided in it (desk.record_renew).  A row is written only when it has changed; weeks that are over change when a ticket of theirs is opened again or a late fact becomes known.';
COMMENT ON COLUMN desk.record_week.week IS 'public: its Monday, in the desk''s zone';
COMMENT ON COLUMN desk.record_week.metric IS 'public: first response, next response, resolution, next update';
COMMENT ON COLUMN desk.record_week.channel IS 'public: the way the tickets came in, or all';
COMMENT ON COLUMN desk.record_week.severity IS 'public: 1 critical to 4 low, 0 for all';
COMMENT ON COLUMN desk.record_week.met IS 'public: promises kept';
COMMENT ON COLUMN desk.record_week.breached IS 'public: promises broken';
COMMENT ON COLUMN desk.record_week.met_after_change IS 'public: of the broken ones, within the promise after it was changed';
COMMENT ON COLUMN desk.record_week.stopped IS 'public: of both, how many have ended; the percentiles are of these';
COMMENT ON COLUMN desk.record_week.mean_seconds IS 'public: mean of the time that counted, in support hours';
COMMENT ON COLUMN desk.record_week.p50_seconds IS 'public: half needed no more of the time that counts (nearest rank)';
COMMENT ON COLUMN desk.record_week.p90_seconds IS 'public: 90 of 100 needed no more';
COMMENT ON COLUMN desk.record_week.p95_seconds IS 'public: 95 of 100 needed no more';
COMMENT ON COLUMN desk.record_week.calendar_p50_seconds IS 'public: half took no longer by the calendar, pauses included';
COMMENT ON COLUMN desk.record_week.calendar_p90_seconds IS 'public: 90 of 100 took no longer';
COMMENT ON COLUMN desk.record_week.calendar_p95_seconds IS 'public: 95 of 100 took no longer';

CREATE TABLE desk.record_total (
	week		date PRIMARY KEY CHECK (extract(isodow FROM week) = 1),
	filed		int NOT NULL,
	solved		int NOT NULL,
	missed_minutes	int NOT NULL,
	changed_at	timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.record_total IS 'What came in and what was solved per week, all tickets, and how long nobody watched the clocks.';
COMMENT ON COLUMN desk.record_total.week IS 'public: its Monday, in the desk''s zone';
COMMENT ON COLUMN desk.record_total.filed IS 'public: tickets that came in';
COMMENT ON COLUMN desk.record_total.solved IS 'public: how often a ticket was resolved';
COMMENT ON COLUMN desk.record_total.missed_minutes IS 'public: minutes without a run of slacheck, of desk.missed_run';
COMMENT ON COLUMN desk.record_total.changed_at IS 'public: when a figure of the week changed last';

CREATE TABLE desk.last_run (
	program		text PRIMARY KEY,
	ran_at		timestamptz NOT NULL,
	failed		int NOT NULL DEFAULT 0,
	renewed_at	timestamptz
);
ALTER TABLE desk.last_run SET (fillfactor = 20);
COMMENT ON TABLE desk.last_run IS 'The pulse of what cron runs: one row, written at most once a minute and when the weekly figures were looked at; the only thing that a run over nothing due writes.';
COMMENT ON COLUMN desk.last_run.program IS 'staff: slacheck';
COMMENT ON COLUMN desk.last_run.ran_at IS 'staff: when it last got to its end';
COMMENT ON COLUMN desk.last_run.failed IS 'staff: how many of its steps failed then';
COMMENT ON COLUMN desk.last_run.renewed_at IS 'staff: when it last reckoned the weekly figures';

CREATE TABLE desk.missed_run (
	program		text NOT NULL,
	from_at		timestamptz NOT NULL,
	until_at	timestamptz NOT NULL,
	minutes		int NOT NULL CHECK (minutes > 0),
	PRIMARY KEY (program, from_at),
	CHECK (until_at > from_at)
);
COMMENT ON TABLE desk.missed_run IS 'When nobody watched the clocks: noted by the first run after a gap.  Append-only.';
COMMENT ON COLUMN desk.missed_run.program IS 'public: slacheck';
COMMENT ON COLUMN desk.missed_run.from_at IS 'public: the last run before';
COMMENT ON COLUMN desk.missed_run.until_at IS 'public: the first one after';
COMMENT ON COLUMN desk.missed_run.minutes IS 'public: how many runs are missing, one a minute';

CREATE TABLE desk.report_mail (
	week		date NOT NULL,
	staff		int REFERENCES desk.staff,
	made_at		timestamptz NOT NULL DEFAULT now(),
	UNIQUE NULLS NOT DISTINCT (week, staff)
);
COMMENT ON TABLE desk.report_mail IS 'Who was sent the report of which week: each once, however often cron asks.';
COMMENT ON COLUMN desk.report_mail.week IS 'staff: its Monday';
COMMENT ON COLUMN desk.report_mail.staff IS 'staff: to whom; NULL for those on duty';
COMMENT ON COLUMN desk.report_mail.made_at IS 'staff: when it went into the outbox';

-- The public page lists the latest broken promises from here.
CREATE INDEX clock_breached ON desk.clock (breached_at) WHERE breached_at IS NOT NULL;
-- The report of a period takes these with it, whenever they began.
CREATE INDEX clock_paused ON desk.clock (ticket) WHERE state = 'paused';
CREATE INDEX clock_cancelled ON desk.clock (ticket) WHERE state = 'cancelled';
