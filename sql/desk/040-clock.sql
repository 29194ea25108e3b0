-- Clocks.  What happens to one is a row of desk.clock_event; what it shows is
-- the replay of those rows, by desk.clock_ledger and nothing else.  So a mail
-- that arrives late, another severity or a new calendar give what they would
-- have given in time, and every clock can say how it came by its due time.

-- Promises -------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.policies_at(at timestamptz) RETURNS SETOF desk.policy
LANGUAGE sql STABLE
AS $$
	SELECT DISTINCT ON (x.severity, x.channel, x.plan) x.* FROM desk.policy x
	WHERE x.valid_from <= at ORDER BY x.severity, x.channel, x.plan, x.valid_from DESC;
$$;
COMMENT ON FUNCTION desk.policies_at(timestamptz) IS 'The promises in force at an instant: of each combination of severity, channel and plan the latest.';

CREATE OR REPLACE FUNCTION desk.policy_for(at timestamptz, level smallint, via text, terms text) RETURNS desk.policy
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.policy;
BEGIN
	SELECT * INTO p FROM desk.policy x
	WHERE (x.severity = level OR x.severity IS NULL) AND (x.channel = via OR x.channel IS NULL)
	  AND (x.plan = terms OR x.plan IS NULL) AND x.valid_from <= at
	  AND NOT EXISTS (SELECT FROM desk.policy y WHERE y.valid_from <= at AND y.valid_from > x.valid_from
		AND (y.severity, y.channel, y.plan) IS NOT DISTINCT FROM (x.severity, x.channel, x.plan))
	ORDER BY num_nonnulls(x.severity, x.channel, x.plan) DESC, x.position,
		x.severity IS NULL, x.plan IS NULL, x.channel IS NULL
	LIMIT 1;
	IF NOT FOUND THEN
		RAISE 'no policy covers severity % by channel %', level, via
			USING ERRCODE = 'PT409', HINT = 'INSERT one into desk.policy with severity, channel and plan NULL.';
	END IF;
	RETURN p;
END
$$;
COMMENT ON FUNCTION desk.policy_for(timestamptz, smallint, text, text) IS 'The promise that holds for a ticket that came in at that time: severity, channel, and the customer''s plan, which may be NULL.  PT409 when none does.';

CREATE OR REPLACE FUNCTION desk.policy_of(t desk.ticket) RETURNS desk.policy
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.policy_for(t.filed_at, t.severity, t.channel, (SELECT c.plan FROM desk.customer c WHERE c.id = t.customer));
END
$$;
COMMENT ON FUNCTION desk.policy_of(desk.ticket) IS 'The promise that holds for a ticket.  PT409 when none does.';

CREATE OR REPLACE FUNCTION desk.policy_seconds(p desk.policy, what text, filed_at timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	zone text;
	midnight timestamptz;
BEGIN
	IF what = 'first response' AND p.same_day THEN
		zone := coalesce(desk.calendar_zone(p.answer_calendar, filed_at), desk.zone());
		midnight := desk.local_instant(zone, (filed_at AT TIME ZONE zone)::date + 1, 0);
		RETURN greatest(p.answer_seconds, ceil(desk.clock_seconds(p.answer_calendar, filed_at, midnight)));
	END IF;
	RETURN CASE what WHEN 'first response' THEN p.answer_seconds
		WHEN 'next response' THEN coalesce(p.next_seconds, p.answer_seconds) ELSE p.solve_seconds END;
END
$$;
COMMENT ON FUNCTION desk.policy_seconds(desk.policy, text, timestamptz) IS 'The time promised for a metric, in seconds of its calendar; "same day" is as long as the day of filing has left, in the calendar''s zone or the desk''s.';

CREATE OR REPLACE FUNCTION desk.policy_calendar(p desk.policy, what text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE what WHEN 'first response' THEN (p).answer_calendar WHEN 'next response' THEN (p).next_calendar
	WHEN 'resolution' THEN (p).solve_calendar END;
COMMENT ON FUNCTION desk.policy_calendar(desk.policy, text) IS 'The hours that count for a metric, NULL for round the clock.';

-- Time of a calendar, or by the clock on the wall when it is NULL --------------

CREATE OR REPLACE FUNCTION desk.clock_seconds(calendar int, a timestamptz, b timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN calendar IS NULL THEN extract(epoch FROM b - a) ELSE desk.business_between(calendar, a, b) END;
$$;
COMMENT ON FUNCTION desk.clock_seconds(int, timestamptz, timestamptz) IS 'Seconds of a calendar between two instants; NULL for round the clock.';

CREATE OR REPLACE FUNCTION desk.clock_add(calendar int, at timestamptz, seconds numeric) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN calendar IS NULL THEN at + make_interval(secs => seconds::float8) ELSE desk.business_add(calendar, at, seconds) END;
$$;
COMMENT ON FUNCTION desk.clock_add(int, timestamptz, numeric) IS 'The instant so many seconds of a calendar later; NULL for round the clock.';

CREATE OR REPLACE FUNCTION desk.clock_opening(calendar int, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN calendar IS NULL THEN at ELSE desk.next_open(calendar, at) END;
$$;
COMMENT ON FUNCTION desk.clock_opening(int, timestamptz) IS 'The instant itself when the calendar is open, else its next opening; NULL for round the clock.';

CREATE OR REPLACE FUNCTION desk.calendar_zone(wanted int, at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT v.zone FROM desk.calendar_version v WHERE v.calendar = wanted AND v.valid_from <= at ORDER BY v.valid_from DESC LIMIT 1;
$$;
COMMENT ON FUNCTION desk.calendar_zone(int, timestamptz) IS 'The zone of a calendar at an instant; NULL before its first version.';

-- The replay -------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.clock_face(c desk.clock) RETURNS desk.clock
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rest numeric := c.target_seconds - c.used_seconds;
	early numeric;
BEGIN
	c.due_at := NULL;
	c.breach_at := NULL;
	c.warn_at := NULL;
	IF c.state = 'running' THEN
		-- never before it began to run: what a change has made late is
		-- late from the change on
		c.due_at := CASE WHEN rest > 0 THEN desk.clock_add(c.calendar, c.since, rest) ELSE c.since END;
		c.breach_at := CASE WHEN rest >= 0 THEN desk.clock_opening(c.calendar, c.due_at) ELSE c.since END;
		early := ceil(c.target_seconds * (SELECT min(x) FROM unnest(c.warn_percents) x) / 100) - c.used_seconds;
		c.warn_at := CASE WHEN early > 0 THEN desk.clock_add(c.calendar, c.since, early) ELSE c.since END;
	END IF;
	RETURN c;
END
$$;
COMMENT ON FUNCTION desk.clock_face(desk.clock) IS 'A clock with due_at, breach_at and warn_at as the rest of it makes them.';

CREATE OR REPLACE FUNCTION desk.clock_ledger(events desk.clock_event[])
RETURNS TABLE (line int, at timestamptz, kind text, because text, counted_seconds numeric, counts boolean, face desk.clock)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e desk.clock_event;
	c desk.clock;
	froms timestamptz[] := '{}';	-- when it ran, for a change of calendar
	untils timestamptz[] := '{}';
	ran boolean;
BEGIN
	line := 0;
	FOR e IN SELECT x.* FROM unnest(events) x
		ORDER BY x.at, array_position('{start,reopen,resume,change,pause,stop,cancel}'::text[], x.kind), x.id LOOP
		line := line + 1;
		at := e.at;
		kind := e.kind;
		because := e.because;
		counted_seconds := 0;
		ran := coalesce(c.state = 'running', false);
		counts := CASE e.kind
			WHEN 'start' THEN c.state IS NULL
			WHEN 'reopen' THEN coalesce(c.state IN ('stopped', 'cancelled'), false)
			WHEN 'resume' THEN coalesce(c.state = 'paused', false)
			WHEN 'pause' THEN ran
			ELSE ran OR coalesce(c.state = 'paused', false) END;
		IF counts AND e.kind IN ('pause', 'resume') THEN
			counts := NOT EXISTS (SELECT FROM unnest(events) x WHERE x.at = e.at AND x.kind IN ('pause', 'resume') AND x.kind <> e.kind);
		END IF;
		IF counts AND ran THEN
			counted_seconds := desk.clock_seconds(c.calendar, c.since, e.at);
			c.used_seconds := c.used_seconds + counted_seconds;
			froms := froms || c.since;
			untils := untils || e.at;
			IF e.at > c.breach_at THEN
				c.breached_at := coalesce(c.breached_at, c.breach_at);
			END IF;
			c.since := e.at;
		END IF;
		IF counts AND e.kind IN ('start', 'change') THEN
			IF e.kind = 'change' AND c.calendar IS DISTINCT FROM e.calendar THEN
				-- from the start, in the new hours
				SELECT coalesce(sum(desk.clock_seconds(e.calendar, x.a, x.b)), 0) INTO c.used_seconds
				FROM unnest(froms, untils) x (a, b);
			END IF;
			c.policy := e.policy;
			c.calendar := e.calendar;
			c.target_seconds := e.target_seconds;
			c.warn_percents := e.warn_percents;
		END IF;
		IF counts THEN
			IF e.kind = 'start' THEN
				c.started_at := e.at;
				c.used_seconds := 0;
			END IF;
			IF e.kind IN ('start', 'reopen', 'resume') THEN
				c.since := e.at;
			END IF;
			c.state := CASE e.kind WHEN 'pause' THEN 'paused' WHEN 'stop' THEN 'stopped' WHEN 'cancel' THEN 'cancelled'
				WHEN 'change' THEN c.state ELSE 'running' END;
			c.stopped_at := CASE WHEN c.state = 'stopped' THEN e.at END;
			c := desk.clock_face(c);
		END IF;
		face := c;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.clock_ledger(desk.clock_event[]) IS 'The clock that events make, line by line, in the order of their instants; at the same instant start, reopen, resume, change, pause, stop, cancel, where a pause and a resume are neither.  counts: false for an event that changes nothing (a second pause).  counted_seconds: what the line added to used_seconds; after a change of calendar those before are counted anew.  The last line''s face is the clock.';

CREATE OR REPLACE FUNCTION desk.clock_events(wanted bigint) RETURNS desk.clock_event[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT array_agg(e) FROM desk.clock_event e WHERE e.clock = wanted);
END
$$;
COMMENT ON FUNCTION desk.clock_events(bigint) IS 'All events of a clock.';

CREATE OR REPLACE FUNCTION desk.clock_steps(c desk.clock) RETURNS TABLE (kind text, step smallint, at timestamptz, recipient text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF c.state <> 'running' THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT 'warned', (w.place - 1)::smallint,
		CASE WHEN w.rest > 0 THEN desk.clock_add(c.calendar, c.since, w.rest) ELSE c.since END, NULL::text
		FROM (SELECT x.place, ceil(c.target_seconds * x.part / 100) - c.used_seconds AS rest
			FROM unnest(c.warn_percents) WITH ORDINALITY x (part, place)) w;
	RETURN QUERY SELECT 'breached', 0::smallint, c.breach_at, NULL::text;
	RETURN QUERY SELECT 'escalated', s.step, desk.clock_add(s.calendar, c.breach_at, s.after_seconds), s.recipient
		FROM desk.policy_step s WHERE s.policy = c.policy AND s.metric = c.metric;
END
$$;
COMMENT ON FUNCTION desk.clock_steps(desk.clock) IS 'What will come of a running clock, and when, if nothing happens to it: warnings, the breach, escalation.';

CREATE OR REPLACE FUNCTION desk.clock_next(c desk.clock) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF c.state <> 'running' THEN
		RETURN NULL;
	END IF;
	RETURN (SELECT min(s.at) FROM desk.clock_steps(c) s
		WHERE NOT EXISTS (SELECT FROM desk.sla_event v WHERE v.clock = c.id AND v.cycle = c.cycle AND v.kind = s.kind AND v.step = s.step));
END
$$;
COMMENT ON FUNCTION desk.clock_next(desk.clock) IS 'When slacheck has to look at a clock: the first step that it has not noted.';

CREATE OR REPLACE FUNCTION desk.clock_show(wanted bigint) RETURNS desk.clock
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
	f desk.clock;
	is_open boolean;
BEGIN
	SELECT * INTO c FROM desk.clock x WHERE x.id = wanted FOR UPDATE;
	is_open := c.state IN ('running', 'paused');
	SELECT (l.face).* INTO f FROM desk.clock_ledger(desk.clock_events(wanted)) l ORDER BY l.line DESC LIMIT 1;
	f.id := c.id;
	f.ticket := c.ticket;
	f.metric := c.metric;
	f.cycle := c.cycle;
	UPDATE desk.clock x SET policy = f.policy, calendar = f.calendar, state = f.state, started_at = f.started_at,
		since = f.since, used_seconds = f.used_seconds, target_seconds = f.target_seconds, warn_percents = f.warn_percents,
		due_at = f.due_at, breach_at = f.breach_at, warn_at = f.warn_at,
		-- what slacheck has noted stays while nothing has happened since
		breached_at = coalesce(f.breached_at, CASE WHEN f.state = 'running' AND f.breach_at < now() THEN c.breached_at END),
		stopped_at = f.stopped_at, next_at = desk.clock_next(f)
	WHERE x.id = wanted RETURNING * INTO c;
	IF is_open AND c.state IN ('stopped', 'cancelled') THEN
		PERFORM desk.tell_hooks_over(c);
	END IF;
	RETURN c;
END
$$;
COMMENT ON FUNCTION desk.clock_show(bigint) IS 'Make a clock''s row what its events make it.  A breach that it forgets was none: something that happened in time became known late.';

-- What happens to clocks ---------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.clock_begin(wanted int, what text, at timestamptz, because text, p desk.policy, seconds numeric) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
BEGIN
	c.ticket := wanted;
	c.metric := what;
	c.cycle := 1 + coalesce((SELECT max(x.cycle) FROM desk.clock x WHERE x.ticket = wanted AND x.metric = what), 0);
	c.policy := p.id;
	c.calendar := desk.policy_calendar(p, what);
	c.state := 'running';
	c.started_at := at;
	c.since := at;
	c.used_seconds := 0;
	c.target_seconds := seconds;
	c.warn_percents := p.warn_percents;
	c := desk.clock_face(c);
	INSERT INTO desk.clock (ticket, metric, cycle, policy, calendar, state, started_at, since, used_seconds, target_seconds,
		warn_percents, due_at, breach_at, warn_at, next_at)
	VALUES (c.ticket, c.metric, c.cycle, c.policy, c.calendar, c.state, c.started_at, c.since, 0, c.target_seconds,
		c.warn_percents, c.due_at, c.breach_at, c.warn_at, least(c.warn_at, c.breach_at))
	RETURNING id INTO c.id;
	INSERT INTO desk.clock_event (clock, at, kind, because, policy, calendar, target_seconds, warn_percents)
	VALUES (c.id, at, 'start', clock_begin.because, c.policy, c.calendar, seconds, c.warn_percents);
END
$$;
COMMENT ON FUNCTION desk.clock_begin(int, text, timestamptz, text, desk.policy, numeric) IS 'Begin the next cycle of a ticket''s clock, to run from an instant.';

CREATE OR REPLACE FUNCTION desk.clock_note(c desk.clock, what text, at timestamptz, because text,
	p desk.policy DEFAULT NULL, seconds numeric DEFAULT NULL) RETURNS desk.clock
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	taken timestamptz;
BEGIN
	-- Two turns within one transaction have one instant: a microsecond
	-- keeps them in the order in which they became known.
	SELECT max(e.at) INTO taken FROM desk.clock_event e
	WHERE e.clock = c.id AND e.at >= clock_note.at AND e.at < clock_note.at + interval '1 millisecond';
	INSERT INTO desk.clock_event (clock, at, kind, because, policy, calendar, target_seconds, warn_percents)
	VALUES (c.id, coalesce(taken + interval '1 microsecond', at), what, clock_note.because, p.id,
		CASE WHEN what IN ('start', 'change') THEN desk.policy_calendar(p, c.metric) END, seconds,
		CASE WHEN what IN ('start', 'change') THEN p.warn_percents END);
	RETURN desk.clock_show(c.id);
END
$$;
COMMENT ON FUNCTION desk.clock_note(desk.clock, text, timestamptz, text, desk.policy, numeric) IS 'Something happened to a clock, now or long ago; with start and change go the promise and its seconds.  Returns what the clock then is.';

CREATE OR REPLACE FUNCTION desk.clock_turn(wanted int, what text, turn text, at timestamptz, because text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
BEGIN
	SELECT * INTO c FROM desk.clock x
	WHERE x.ticket = wanted AND x.metric = what ORDER BY x.cycle DESC LIMIT 1 FOR UPDATE;
	IF turn = 'run' THEN
		turn := CASE c.state WHEN 'paused' THEN 'resume' WHEN 'stopped' THEN 'reopen' WHEN 'cancelled' THEN 'reopen' END;
	ELSIF turn = 'pause' AND c.state <> 'running' OR c.state IN ('stopped', 'cancelled') THEN
		turn := NULL;
	END IF;
	IF c.id IS NULL OR turn IS NULL THEN
		RETURN;
	END IF;
	PERFORM desk.clock_note(c, turn, greatest(at, c.started_at), because);
END
$$;
COMMENT ON FUNCTION desk.clock_turn(int, text, text, timestamptz, text) IS 'run, pause, stop or cancel a ticket''s latest clock of a metric at an instant; a turn that changes nothing is none.';

CREATE OR REPLACE FUNCTION desk.clocks_start(t desk.ticket) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.policy := desk.policy_of(t);
BEGIN
	IF t.opened_by IS NULL THEN
		PERFORM desk.clock_begin(t.number, 'first response', t.filed_at, 'the report came in', p,
			desk.policy_seconds(p, 'first response', t.filed_at));
	END IF;
	PERFORM desk.clock_begin(t.number, 'resolution', t.filed_at,
		CASE WHEN t.opened_by IS NULL THEN 'the report came in' ELSE 'we opened the ticket' END, p, p.solve_seconds);
	IF t.next_update_by IS NOT NULL THEN
		PERFORM desk.clock_promise(t, NULL, t.filed_at);
	END IF;
END
$$;
COMMENT ON FUNCTION desk.clocks_start(desk.ticket) IS 'The clocks of a ticket that was just filed.  Nobody waits for a first response to what staff opened.';

CREATE OR REPLACE FUNCTION desk.clock_promise(t desk.ticket, was timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
	p desk.policy := desk.policy_of(t);
BEGIN
	SELECT * INTO c FROM desk.clock x
	WHERE x.ticket = t.number AND x.metric = 'next update' AND x.state = 'running' ORDER BY x.cycle DESC LIMIT 1;
	IF t.next_update_by IS NULL THEN
		PERFORM desk.clock_turn(t.number, 'next update', 'cancel', at, 'the promise was taken back');
	ELSIF t.next_update_by <= at THEN
		RAISE 'cannot promise an update of ticket % for a time that has passed', t.number USING ERRCODE = 'PT409', COLUMN = 'next_update_by';
	ELSIF c.id IS NULL THEN
		PERFORM desk.clock_begin(t.number, 'next update', at, 'we promised an update for a date', p,
			extract(epoch FROM t.next_update_by - at));
	ELSE
		PERFORM desk.clock_note(c, 'change', at, 'we promised another date', p,
			extract(epoch FROM t.next_update_by - c.started_at));
	END IF;
END
$$;
COMMENT ON FUNCTION desk.clock_promise(desk.ticket, timestamptz, timestamptz) IS 'The date of the next update was promised, changed or taken back.  Another date without a word to the requester is a change of the same promise: it hides no breach.  PT409 for a date that has passed.';

CREATE OR REPLACE FUNCTION desk.clocks_solved(t desk.ticket, by_requester boolean, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	merged boolean := t.resolution = 'duplicate' AND t.duplicate_of IS NOT NULL;
	words text := CASE WHEN merged THEN 'it goes on in another ticket' WHEN by_requester THEN 'the requester said so' ELSE 'it was solved' END;
BEGIN
	IF merged THEN
		PERFORM desk.clocks_merged(t, at);
	END IF;
	PERFORM desk.clock_turn(t.number, 'first response', 'cancel', at, words);
	PERFORM desk.clock_turn(t.number, 'next response', CASE WHEN merged OR by_requester THEN 'cancel' ELSE 'stop' END, at, words);
	PERFORM desk.clock_turn(t.number, 'next update', CASE WHEN merged OR by_requester THEN 'cancel' ELSE 'stop' END, at, words);
	PERFORM desk.clock_turn(t.number, 'resolution', CASE WHEN merged THEN 'cancel' ELSE 'stop' END, at, words);
END
$$;
COMMENT ON FUNCTION desk.clocks_solved(desk.ticket, boolean, timestamptz) IS 'A ticket was resolved: nothing of it runs on.  What goes on in another ticket is no promise kept, so its clocks fall away.';

CREATE OR REPLACE FUNCTION desk.clocks_merged(t desk.ticket, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	into_ticket desk.ticket;
	waiting desk.clock;
	c desk.clock;
	p desk.policy;
	words text := 'somebody waits since then in another ticket, which goes on here';
BEGIN
	SELECT * INTO into_ticket FROM desk.ticket x WHERE x.number = t.duplicate_of;
	SELECT * INTO waiting FROM desk.clock x
	WHERE x.ticket = t.number AND x.metric = 'next response' AND x.state IN ('running', 'paused') ORDER BY x.cycle DESC LIMIT 1;
	IF waiting.id IS NULL OR into_ticket.state = 'resolved' OR into_ticket.answered_at IS NULL THEN
		RETURN;
	END IF;
	SELECT * INTO c FROM desk.clock x
	WHERE x.ticket = into_ticket.number AND x.metric = 'next response' AND x.state IN ('running', 'paused') ORDER BY x.cycle DESC LIMIT 1 FOR UPDATE;
	p := desk.policy_of(into_ticket);
	IF c.id IS NULL THEN
		PERFORM desk.clock_begin(into_ticket.number, 'next response', waiting.started_at, words, p,
			desk.policy_seconds(p, 'next response', into_ticket.filed_at));
	ELSIF waiting.started_at < c.started_at THEN
		PERFORM desk.clock_note(c, 'start', waiting.started_at, words, p,
			desk.policy_seconds(p, 'next response', into_ticket.filed_at));
	END IF;
	PERFORM desk.clocks_shown(into_ticket.number);
END
$$;
COMMENT ON FUNCTION desk.clocks_merged(desk.ticket, timestamptz) IS 'A ticket goes on in another: whoever waits for an answer in it waits there, since then.  An answer that was given in the one thread is none for the reader of the other.';

CREATE OR REPLACE FUNCTION desk.clocks_retarget(t desk.ticket, p desk.policy, at timestamptz, because text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
BEGIN
	FOR c IN SELECT * FROM desk.clock x WHERE x.ticket = t.number AND x.metric <> 'next update' AND x.state IN ('running', 'paused')
		AND (x.policy, x.target_seconds) IS DISTINCT FROM (p.id, desk.policy_seconds(p, x.metric, t.filed_at)) FOR UPDATE LOOP
		PERFORM desk.clock_note(c, 'change', at, because, p, desk.policy_seconds(p, c.metric, t.filed_at));
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.clocks_retarget(desk.ticket, desk.policy, timestamptz, text) IS 'Another promise holds for a ticket from an instant on: its open clocks count to it from their start.';

CREATE OR REPLACE FUNCTION desk.customer_replanned() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t desk.ticket;
BEGIN
	FOR t IN SELECT * FROM desk.ticket x WHERE x.customer = NEW.id AND x.state <> 'resolved' ORDER BY x.number FOR NO KEY UPDATE LOOP
		PERFORM desk.clocks_retarget(t, desk.policy_of(t), now(), 'another promise holds');
		PERFORM desk.clocks_shown(t.number);
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.customer_replanned() IS 'A customer''s new plan holds for its open tickets too.';
CREATE OR REPLACE TRIGGER customer_replanned AFTER UPDATE OF plan ON desk.customer
	FOR EACH ROW WHEN (NEW.plan IS DISTINCT FROM OLD.plan) EXECUTE FUNCTION desk.customer_replanned();

CREATE OR REPLACE FUNCTION desk.clocks_follow(was desk.ticket, t desk.ticket, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	reopened boolean := was.state = 'resolved' AND t.state <> 'resolved';
	c desk.clock;
	p desk.policy;
	held text;
BEGIN
	IF t.answered_at IS NOT NULL AND was.answered_at IS NULL THEN
		PERFORM desk.clock_turn(t.number, 'first response', 'stop', t.answered_at, 'a person answered');
	ELSIF t.answered_at < was.answered_at THEN
		SELECT * INTO c FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'first response';
		PERFORM desk.clock_note(c, 'stop', greatest(t.answered_at, c.started_at), 'a person answered, as became known later');
	END IF;
	IF t.state = 'resolved' THEN
		IF was.state <> 'resolved' THEN
			PERFORM desk.clocks_solved(t, coalesce(t.changed_by = 'requester', false), at);
		END IF;
		RETURN;
	END IF;
	IF reopened OR (t.severity, t.channel, t.customer, t.hold) IS DISTINCT FROM (was.severity, was.channel, was.customer, was.hold)
		OR t.state <> was.state THEN
		p := desk.policy_of(t);
	END IF;
	IF reopened THEN
		PERFORM desk.clocks_reopened(t, p, at);
	END IF;
	IF reopened OR (t.severity, t.channel, t.customer) IS DISTINCT FROM (was.severity, was.channel, was.customer) THEN
		PERFORM desk.clocks_retarget(t, p, at, CASE WHEN t.severity <> was.severity THEN 'the severity is another'
			ELSE 'another promise holds' END);	-- everybody reads it: whose plan it is stays out
	END IF;
	IF t.state <> was.state OR t.hold IS DISTINCT FROM was.hold THEN
		held := CASE WHEN t.hold = 'third-party' THEN 'we wait for a third party' END;
		FOR c IN SELECT * FROM desk.clock x WHERE x.ticket = t.number AND x.metric <> 'next update' AND x.state IN ('running', 'paused') FOR UPDATE LOOP
			IF c.metric = 'resolution' AND t.state = 'pending' THEN
				PERFORM desk.clock_turn(t.number, c.metric, 'pause', at, 'we wait for the requester');
			ELSIF held IS NOT NULL AND c.metric = ANY (p.hold_pauses) THEN
				PERFORM desk.clock_turn(t.number, c.metric, 'pause', at, held);
			ELSE
				PERFORM desk.clock_turn(t.number, c.metric, 'run', at, 'it goes on');
			END IF;
		END LOOP;
	END IF;
END
$$;
COMMENT ON FUNCTION desk.clocks_follow(desk.ticket, desk.ticket, timestamptz) IS 'Turn a ticket''s clocks after a change at an instant: answered, solved, opened again, another severity, channel or customer, waiting for somebody.';

CREATE OR REPLACE FUNCTION desk.clocks_reopened(t desk.ticket, p desk.policy, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
BEGIN
	SELECT * INTO c FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'resolution' ORDER BY x.cycle DESC LIMIT 1;
	IF c.state = 'stopped' AND at > c.stopped_at + p.reopen_days * interval '1 day' THEN
		PERFORM desk.clock_begin(t.number, 'resolution', at, format('opened again, more than %s days after it was solved', p.reopen_days), p, p.solve_seconds);
	ELSE
		PERFORM desk.clock_turn(t.number, 'resolution', 'run', at, 'it was opened again');
	END IF;
	-- withdrawn or joined to another before an answer, and wanted after all
	IF t.answered_at IS NULL THEN
		PERFORM desk.clock_turn(t.number, 'first response', 'run', at, 'it was opened again');
	END IF;
	SELECT * INTO c FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'next response' ORDER BY x.cycle DESC LIMIT 1;
	IF c.state = 'cancelled' AND NOT EXISTS (SELECT FROM desk.message m
		WHERE m.ticket = t.number AND m.author = 'staff' AND m.posted_at >= c.started_at) THEN
		PERFORM desk.clock_turn(t.number, 'next response', 'run', at, 'it was opened again');
	END IF;
END
$$;
COMMENT ON FUNCTION desk.clocks_reopened(desk.ticket, desk.policy, timestamptz) IS 'A ticket was opened again: the same clocks go on, without the time in which it was solved; long after that a new one begins.';

CREATE OR REPLACE FUNCTION desk.clocks_heard(t desk.ticket, m desk.message) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
	p desk.policy;
BEGIN
	SELECT * INTO c FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'next response' ORDER BY x.cycle DESC LIMIT 1;
	IF m.author = 'staff' THEN
		IF m.posted_at >= c.started_at THEN
			PERFORM desk.clock_turn(t.number, 'next response', 'stop', m.posted_at, 'a person answered');
		END IF;
		SELECT * INTO c FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'next update' ORDER BY x.cycle DESC LIMIT 1;
		IF m.posted_at >= c.started_at THEN
			PERFORM desk.clock_turn(t.number, 'next update', 'stop', m.posted_at, 'we wrote');
		END IF;
		RETURN;
	END IF;
	-- A question; one that was answered before it became known is none, and
	-- until the first answer the first response is what they wait for.
	IF t.state = 'resolved' OR (t.answered_at IS NULL AND t.opened_by IS NULL) OR m.posted_at < t.answered_at OR EXISTS (
		SELECT FROM desk.message x WHERE x.ticket = t.number AND x.author = 'staff' AND x.posted_at > m.posted_at) THEN
		RETURN;
	END IF;
	p := desk.policy_of(t);
	IF c.state IN ('running', 'paused') THEN
		IF m.posted_at < c.started_at THEN
			PERFORM desk.clock_note(c, 'start', m.posted_at, 'the requester wrote', p, desk.policy_seconds(p, 'next response', t.filed_at));
		END IF;
		RETURN;
	END IF;
	PERFORM desk.clock_begin(t.number, 'next response', m.posted_at, 'the requester wrote', p, desk.policy_seconds(p, 'next response', t.filed_at));
	IF t.hold = 'third-party' AND 'next response' = ANY (p.hold_pauses) THEN
		PERFORM desk.clock_turn(t.number, 'next response', 'pause', m.posted_at, 'we wait for a third party');
	END IF;
END
$$;
COMMENT ON FUNCTION desk.clocks_heard(desk.ticket, desk.message) IS 'Somebody wrote: the requester''s oldest question without an answer starts the next response, a person''s answer stops it and keeps the promise of an update.  Automatic messages never come here.';

CREATE OR REPLACE FUNCTION desk.due_of(wanted int, OUT answer_due_at timestamptz, OUT solve_due_at timestamptz, OUT late_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT min(c.due_at) FILTER (WHERE c.metric IN ('first response', 'next response')), min(c.due_at) FILTER (WHERE c.metric = 'resolution'),
		coalesce(min(c.breach_at) FILTER (WHERE c.metric IN ('first response', 'next response')),
			min(c.breach_at) FILTER (WHERE c.metric = 'next update'), min(c.breach_at) FILTER (WHERE c.metric = 'resolution'))
	INTO answer_due_at, solve_due_at, late_at
	FROM desk.clock c WHERE c.ticket = wanted AND c.state = 'running';
END
$$;
COMMENT ON FUNCTION desk.due_of(int) IS 'When a ticket''s answer, first or next, and its resolution are due, and from when on the foremost of its promises is broken, by its clocks.';

CREATE OR REPLACE FUNCTION desk.clocks_shown(wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.ticket t SET answer_due_at = d.answer_due_at, solve_due_at = d.solve_due_at, late_at = d.late_at
	FROM desk.due_of(wanted) d
	WHERE t.number = wanted AND (t.answer_due_at, t.solve_due_at, t.late_at) IS DISTINCT FROM (d.answer_due_at, d.solve_due_at, d.late_at);
END
$$;
COMMENT ON FUNCTION desk.clocks_shown(int) IS 'Bring a ticket''s due times to what its clocks say.';

CREATE OR REPLACE FUNCTION desk.clock_renew(wanted int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
	renewed int := 0;
BEGIN
	FOR c IN SELECT x.* FROM desk.ticket t JOIN desk.clock x ON x.ticket = t.number
		WHERE x.calendar = wanted AND x.state = 'running' ORDER BY t.number FOR NO KEY UPDATE OF t LOOP
		IF desk.clock_show(c.id) IS DISTINCT FROM c THEN
			PERFORM desk.clocks_shown(c.ticket);
			renewed := renewed + 1;
		END IF;
	END LOOP;
	RETURN renewed;
END
$$;
COMMENT ON FUNCTION desk.clock_renew(int) IS 'A calendar has other hours: replay every clock that runs by it.  Returns how many then show something else.';
