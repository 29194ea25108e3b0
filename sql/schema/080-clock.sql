-- Clocks that are the replay of their events: business hours, more metrics,
-- customer plans, escalation steps.

-- The views over what changes here are made anew after the migrations; the
-- functions of before must not write into what they do not know.
DROP VIEW IF EXISTS report.sla_week, report.clock, report.policy;
DROP FUNCTION IF EXISTS desk.clock_set() CASCADE;
DROP FUNCTION IF EXISTS desk.clock_turn(int, text, text, timestamptz);
DROP FUNCTION IF EXISTS desk.clock_retarget(int, text, desk.policy, int, timestamptz);
DROP FUNCTION IF EXISTS desk.answer_target(desk.policy, timestamptz);
DROP FUNCTION IF EXISTS desk.policy_for(timestamptz, smallint, text);
DROP FUNCTION IF EXISTS desk.promise_of(text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, int, boolean) CASCADE;

ALTER TABLE desk.policy
	ADD COLUMN plan text REFERENCES desk.plan,
	ADD COLUMN position int NOT NULL DEFAULT 100,
	ADD COLUMN next_seconds int CHECK (next_seconds > 0 AND next_seconds % 60 = 0),
	ADD COLUMN answer_calendar int REFERENCES desk.calendar,
	ADD COLUMN next_calendar int REFERENCES desk.calendar,
	ADD COLUMN solve_calendar int REFERENCES desk.calendar,
	ADD COLUMN warn_percents smallint[] NOT NULL DEFAULT '{80}'
		CHECK (cardinality(warn_percents) BETWEEN 1 AND 8 AND 1 <= ALL (warn_percents) AND 99 >= ALL (warn_percents)),
	ADD COLUMN hold_pauses text[] NOT NULL DEFAULT '{next response}'
		CHECK (hold_pauses <@ '{first response,next response,resolution}'),
	ADD COLUMN reopen_days int NOT NULL DEFAULT 30 CHECK (reopen_days >= 0),
	DROP CONSTRAINT policy_severity_channel_valid_from_key,
	ADD UNIQUE NULLS NOT DISTINCT (severity, channel, plan, valid_from);
UPDATE desk.policy SET next_seconds = answer_seconds, warn_percents = ARRAY[warn_percent];
ALTER TABLE desk.policy DROP COLUMN warn_percent;
COMMENT ON TABLE desk.policy IS 'What we promise.  Of each combination of severity, channel and plan the latest row holds that was valid when the ticket came in; of those that fit, the one that names most; of equals the lowest position, then severity before plan before channel.  New promises are new rows with a later valid_from; a row is never edited.';
COMMENT ON COLUMN desk.policy.answer_seconds IS 'public: first response by a person within, in seconds of answer_calendar';
COMMENT ON COLUMN desk.policy.same_day IS 'public: first response by midnight of the calendar''s zone (round the clock: the desk''s) instead, but never less than answer_seconds from now';
COMMENT ON COLUMN desk.policy.solve_seconds IS 'public: resolution within, in seconds of solve_calendar, not counting the time we wait for the requester';
COMMENT ON COLUMN desk.policy.plan IS 'public: for customers of this plan; NULL for any';
COMMENT ON COLUMN desk.policy.position IS 'public: which of two rows comes first that name equally much, the lower';
COMMENT ON COLUMN desk.policy.next_seconds IS 'public: every later answer within, in seconds of next_calendar; NULL for as long as the first';
COMMENT ON COLUMN desk.policy.answer_calendar IS 'public: the hours that count for the first response; NULL for round the clock';
COMMENT ON COLUMN desk.policy.next_calendar IS 'public: the hours that count for later answers; NULL for round the clock';
COMMENT ON COLUMN desk.policy.solve_calendar IS 'public: the hours that count for the resolution; NULL for round the clock';
COMMENT ON COLUMN desk.policy.warn_percents IS 'staff: warn when so much of the time has passed';
COMMENT ON COLUMN desk.policy.hold_pauses IS 'public: the metrics that pause while we wait for a third party';
COMMENT ON COLUMN desk.policy.reopen_days IS 'public: a ticket opened again after more days than that gets a new resolution clock';

CREATE TABLE desk.policy_step (
	policy		int NOT NULL REFERENCES desk.policy ON DELETE CASCADE,
	metric		text NOT NULL CHECK (metric IN ('first response', 'next response', 'resolution', 'next update')),
	step		smallint NOT NULL CHECK (step BETWEEN 1 AND 20),
	after_seconds	int NOT NULL CHECK (after_seconds >= 0 AND after_seconds % 60 = 0),
	calendar	int REFERENCES desk.calendar,
	recipient	text NOT NULL CHECK (recipient IN ('assignee', 'on duty', 'lead', 'engineering', 'pager')),
	PRIMARY KEY (policy, metric, step)
);
COMMENT ON TABLE desk.policy_step IS 'Escalation: whom to tell when a broken promise stays broken.';
COMMENT ON COLUMN desk.policy_step.policy IS 'staff: of which promise';
COMMENT ON COLUMN desk.policy_step.metric IS 'staff: and of which of its clocks';
COMMENT ON COLUMN desk.policy_step.step IS 'staff: order';
COMMENT ON COLUMN desk.policy_step.after_seconds IS 'staff: so long after the breach, in seconds of calendar';
COMMENT ON COLUMN desk.policy_step.calendar IS 'staff: the hours that count for the step; NULL for round the clock';
COMMENT ON COLUMN desk.policy_step.recipient IS 'staff: assignee, on duty, lead, engineering (the rotation), or pager (wakes people)';

ALTER TABLE desk.ticket ADD COLUMN opened_by int REFERENCES desk.staff, ADD COLUMN late_at timestamptz;
ALTER TABLE desk.public_ticket ADD COLUMN late_at timestamptz;
ALTER TABLE desk.ticket DISABLE TRIGGER USER;
UPDATE desk.ticket SET late_at = coalesce(answer_due_at, next_update_by, solve_due_at);
ALTER TABLE desk.ticket ENABLE TRIGGER USER;
UPDATE desk.public_ticket SET late_at = coalesce(answer_due_at, next_update_by, solve_due_at);
CREATE INDEX public_ticket_duplicate ON desk.public_ticket (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX public_entry_duplicate ON desk.public_entry (new) WHERE field = 'duplicate_of';
COMMENT ON COLUMN desk.ticket.late_at IS 'public: from when on the promise that the page names is broken: answer, else next update, else solution (from desk.clock); out of hours that is the next opening after it was due';
COMMENT ON COLUMN desk.public_ticket.late_at IS 'public: from when on the promise that the page names is broken';
COMMENT ON COLUMN desk.ticket.answer_due_at IS 'public: first or next answer promised by; NULL when nobody waits for one (from desk.clock)';
COMMENT ON COLUMN desk.ticket.opened_by IS 'staff: who of the staff opened it on their own account; nobody waits for a first response then';

ALTER TABLE desk.clock
	DROP CONSTRAINT clock_metric_check,
	ADD CONSTRAINT clock_metric_check CHECK (metric IN ('first response', 'next response', 'resolution', 'next update')),
	ALTER COLUMN policy DROP NOT NULL,
	ALTER COLUMN target_seconds TYPE numeric,
	ADD COLUMN calendar int REFERENCES desk.calendar,
	ADD COLUMN breach_at timestamptz,
	ADD COLUMN warn_percents smallint[] NOT NULL DEFAULT '{80}';
UPDATE desk.clock SET breach_at = due_at, warn_percents = ARRAY[warn_percent];
ALTER TABLE desk.clock DROP COLUMN warn_percent;
CREATE INDEX clock_decided ON desk.clock (least(breached_at, stopped_at));
CREATE INDEX clock_calendar ON desk.clock (calendar) WHERE state = 'running' AND calendar IS NOT NULL;
COMMENT ON TABLE desk.clock IS 'One promise about one ticket: a cache of desk.clock_ledger over its events, kept by desk.clock_note.  While running: due_at = since + (target - used), in time of its calendar.';
COMMENT ON COLUMN desk.clock.metric IS 'staff: first response, next response (to what the requester wrote later), resolution, next update (which we promised for a date)';
COMMENT ON COLUMN desk.clock.cycle IS 'staff: rises when it begins anew: with every later question, every promised date';
COMMENT ON COLUMN desk.clock.policy IS 'staff: the row of desk.policy it follows; NULL for a date that somebody promised';
COMMENT ON COLUMN desk.clock.calendar IS 'staff: the hours that count; NULL for round the clock';
COMMENT ON COLUMN desk.clock.due_at IS 'staff: the last moment in time, while running; may be the minute of closing';
COMMENT ON COLUMN desk.clock.breach_at IS 'staff: due_at, or the next opening after it: late is what comes after';
COMMENT ON COLUMN desk.clock.warn_at IS 'staff: when it is near its end, while running';
COMMENT ON COLUMN desk.clock.warn_percents IS 'staff: warn when so much of it has passed';
COMMENT ON COLUMN desk.clock.next_at IS 'staff: the next warning, breach or escalation that slacheck has not seen; NULL when nothing can come';

CREATE TABLE desk.clock_event (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	clock		bigint NOT NULL REFERENCES desk.clock,
	at		timestamptz NOT NULL,
	kind		text NOT NULL CHECK (kind IN ('start', 'reopen', 'resume', 'change', 'pause', 'stop', 'cancel')),
	because		text NOT NULL,
	policy		int REFERENCES desk.policy,
	calendar	int REFERENCES desk.calendar,
	target_seconds	numeric CHECK (target_seconds > 0),
	warn_percents	smallint[],
	noted_at	timestamptz NOT NULL DEFAULT now(),
	CHECK ((kind IN ('start', 'change')) = (target_seconds IS NOT NULL)),
	CHECK ((kind IN ('start', 'change')) = (warn_percents IS NOT NULL))
);
CREATE INDEX clock_event_clock ON desk.clock_event (clock, at, id);
COMMENT ON TABLE desk.clock_event IS 'What happened to a clock, append-only.  The clock is what these make of it, in the order of their instants, whenever they became known.';
COMMENT ON COLUMN desk.clock_event.id IS 'staff: number';
COMMENT ON COLUMN desk.clock_event.clock IS 'staff: to which clock';
COMMENT ON COLUMN desk.clock_event.at IS 'staff: when it happened';
COMMENT ON COLUMN desk.clock_event.kind IS 'staff: start, reopen, resume, change (of the promise), pause, stop, cancel';
COMMENT ON COLUMN desk.clock_event.because IS 'public: why, in words for everybody who may see the ticket';
COMMENT ON COLUMN desk.clock_event.policy IS 'public: start, change: the promise that holds from now on';
COMMENT ON COLUMN desk.clock_event.calendar IS 'public: start, change: its hours; NULL for round the clock';
COMMENT ON COLUMN desk.clock_event.target_seconds IS 'public: start, change: the time promised, counted from the start';
COMMENT ON COLUMN desk.clock_event.warn_percents IS 'staff: start, change: when to warn';
COMMENT ON COLUMN desk.clock_event.noted_at IS 'staff: when we learnt of it';

-- Clocks from before: their pauses as one, as long as all of them together.
INSERT INTO desk.clock_event (clock, at, kind, because, policy, target_seconds, warn_percents)
SELECT id, started_at, 'start', 'the report came in', policy, target_seconds, warn_percents FROM desk.clock;
INSERT INTO desk.clock_event (clock, at, kind, because)
SELECT c.id, e.at, e.kind, e.because
FROM desk.clock c, LATERAL (SELECT c.started_at + c.used_seconds * interval '1 second' AS held_at) h,
	LATERAL (VALUES
		(h.held_at, 'pause', 'it waited for the requester', c.state = 'paused' OR
			c.state = 'running' AND c.since > h.held_at OR c.state IN ('stopped', 'cancelled') AND coalesce(c.stopped_at, h.held_at) > h.held_at),
		(c.since, 'resume', 'it went on', c.state = 'running' AND c.since > h.held_at),
		(c.stopped_at, 'stop', 'it was done', c.state = 'stopped'),
		(h.held_at, 'cancel', 'it fell away', c.state = 'cancelled')) e (at, kind, because, is_one)
WHERE e.is_one;

-- A date that was promised before has its clock from now on.
INSERT INTO desk.clock (ticket, metric, state, started_at, since, target_seconds, warn_percents, due_at, breach_at, warn_at, next_at)
SELECT t.number, 'next update', 'running', s.at, s.at, extract(epoch FROM t.next_update_by - s.at), '{80}',
	t.next_update_by, t.next_update_by, s.at + (t.next_update_by - s.at) * 0.8, s.at + (t.next_update_by - s.at) * 0.8
FROM desk.ticket t, LATERAL (SELECT coalesce(max(h.changed_at), t.filed_at) AS at FROM desk.change h
	WHERE h.ticket = t.number AND h.field = 'next_update_by') s
WHERE t.next_update_by > s.at AND t.state <> 'resolved';
INSERT INTO desk.clock_event (clock, at, kind, because, target_seconds, warn_percents)
SELECT id, started_at, 'start', 'we promised an update for a date', target_seconds, warn_percents
FROM desk.clock WHERE metric = 'next update';

ALTER TABLE desk.sla_event
	DROP CONSTRAINT sla_event_kind_check,
	ADD CONSTRAINT sla_event_kind_check CHECK (kind IN ('warned', 'breached', 'escalated')),
	ALTER COLUMN policy DROP NOT NULL,
	ADD COLUMN told boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN desk.sla_event.kind IS 'staff: warned, breached or escalated';
COMMENT ON COLUMN desk.sla_event.step IS 'staff: warned: which of the warnings, from 0; escalated: desk.policy_step';
COMMENT ON COLUMN desk.sla_event.policy IS 'staff: the promise that held; NULL for a promised date';
COMMENT ON COLUMN desk.sla_event.told IS 'staff: was somebody told?  What came to light after something worse had happened is noted and told nobody';

CREATE TABLE desk.breach_reason (
	clock		bigint PRIMARY KEY REFERENCES desk.clock,
	reason		text NOT NULL CHECK (reason ~ '\S' AND length(reason) <= 2000),
	staff		int REFERENCES desk.staff,
	given_at	timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.breach_reason IS 'Why a promise was broken, in words for everybody; the reports say where none was given.';
COMMENT ON COLUMN desk.breach_reason.clock IS 'public: which promise';
COMMENT ON COLUMN desk.breach_reason.reason IS 'public: why, plain text; name nobody and nothing private';
COMMENT ON COLUMN desk.breach_reason.staff IS 'staff: who says so; NULL from psql';
COMMENT ON COLUMN desk.breach_reason.given_at IS 'public: when';
