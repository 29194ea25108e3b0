-- Invariants of clocks (11 to 17, and 20) over random histories, through the
-- functions that everything uses.
--
--	CASES=100000 SEED=0.5 prove ... tests/sql/clock-properties.sql
--
-- CASES histories, 4,000 by default; without SEED always the same ones.  The
-- seed stands in each failure.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SET LOCAL timezone = 'UTC';
\getenv cases CASES
\if :{?cases}
\else
\set cases 4000
\endif
\getenv seed SEED
\if :{?seed}
\else
\set seed 0.42
\endif
SELECT plan(12);
SELECT set_config('desk.cases', :'cases', true);

-- Calendars that differ in everything that can go wrong.
CREATE TEMP TABLE place AS
SELECT n, desk.calendar_set('prop-' || n, zone, hours, '2024-01-01Z') AS cal, zone FROM (VALUES
	(1, 'UTC', 'Mon-Fri 09:00-17:00'), (2, 'America/New_York', 'Mon-Fri 08:30-12:00 13:00-17:30'),
	(3, 'Europe/London', 'Mon-Sun 22:00-06:00'), (4, 'Europe/Berlin', 'Mon-Fri 07:00-12:00; Sat 10:00-14:00'),
	(5, 'Australia/Lord_Howe', 'Mon-Sun 01:00-03:00 20:00-24:00'), (6, 'Asia/Kathmandu', 'Sun-Fri 10:00-16:00'),
	(7, 'Africa/Casablanca', 'Mon-Fri 00:00-04:00 23:00-24:00'), (8, 'Pacific/Apia', '24x7')) v (n, zone, hours);
INSERT INTO desk.holiday (calendar, day, name) SELECT cal, '2025-03-01'::date + n::int * 7 + k, 'Day off' FROM place, generate_series(0, 2) k;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT setseed(:seed);

-- Ten months with both changes of the clocks in them.
CREATE FUNCTION pg_temp.some_time() RETURNS timestamptz LANGUAGE sql
RETURN timestamptz '2025-02-01Z' + floor(random() * 300 * 86400) * interval '1 second';
CREATE FUNCTION pg_temp.one(n int, at timestamptz, kind text, cal int DEFAULT NULL, target int DEFAULT NULL) RETURNS desk.clock_event LANGUAGE sql AS $$
	SELECT (n, 1, at, kind, '-', NULL, cal, target, CASE WHEN target IS NOT NULL THEN '{80}'::smallint[] END, now())::desk.clock_event;
$$;
CREATE FUNCTION pg_temp.face(e desk.clock_event[]) RETURNS desk.clock LANGUAGE sql AS $$
	SELECT l.face FROM desk.clock_ledger(e) l ORDER BY l.line DESC LIMIT 1;
$$;
-- A clock as the specification tells it, not as it is computed: the spans in
-- which it ran, each counted in the hours that hold in the end.
CREATE FUNCTION pg_temp.model(e desk.clock_event[], OUT state text, OUT used numeric, OUT since timestamptz, OUT target numeric, OUT cal int) LANGUAGE plpgsql AS $$
DECLARE
	x record;
	spans tstzrange[] := '{}';
BEGIN
	FOR x IN SELECT * FROM unnest(e) v
		-- to pause and to go on at one instant is neither
		WHERE NOT (v.kind = 'pause' AND EXISTS (SELECT FROM unnest(e) o WHERE o.kind = 'resume' AND o.at = v.at))
		  AND NOT (v.kind = 'resume' AND EXISTS (SELECT FROM unnest(e) o WHERE o.kind = 'pause' AND o.at = v.at))
		ORDER BY v.at, CASE v.kind WHEN 'start' THEN 1 WHEN 'reopen' THEN 2 WHEN 'resume' THEN 3
		WHEN 'change' THEN 4 WHEN 'pause' THEN 5 WHEN 'stop' THEN 6 ELSE 7 END, v.id LOOP
		CONTINUE WHEN state IS NULL AND x.kind <> 'start' OR state IS NOT NULL AND x.kind = 'start'
			OR x.kind = 'reopen' AND state NOT IN ('stopped', 'cancelled') OR x.kind = 'resume' AND state <> 'paused'
			OR x.kind = 'pause' AND state <> 'running' OR x.kind IN ('stop', 'cancel', 'change') AND state NOT IN ('running', 'paused');
		IF state = 'running' THEN
			spans := spans || tstzrange(since, x.at);
		END IF;
		IF x.kind IN ('start', 'change') THEN
			target := x.target_seconds;
			cal := x.calendar;
		END IF;
		state := CASE x.kind WHEN 'change' THEN state WHEN 'pause' THEN 'paused' WHEN 'stop' THEN 'stopped' WHEN 'cancel' THEN 'cancelled' ELSE 'running' END;
		since := x.at;
	END LOOP;
	SELECT coalesce(sum(desk.clock_seconds(cal, lower(s), upper(s))), 0) INTO used FROM unnest(spans) s WHERE NOT isempty(s);
END
$$;

CREATE TEMP TABLE wrong (invariant int, seed numeric DEFAULT current_setting('desk.seed')::numeric, detail text);
CREATE TEMP TABLE count (invariant int, cases int);
SELECT set_config('desk.seed', :'seed', true);
DO $$
DECLARE
	counts int[] := array_fill(0, ARRAY[20]);
	cals int[] := (SELECT array_agg(cal ORDER BY n) FROM place);
	c int;			-- the calendar, NULL for round the clock
	d int;			-- another
	t int;			-- the target
	e desk.clock_event[];
	e2 desk.clock_event[];
	a timestamptz;
	b timestamptz;
	x timestamptz;
	f desk.clock;
	g desk.clock;
	m record;
	used numeric;
BEGIN
	FOR i IN 1 .. current_setting('desk.cases')::int LOOP
		c := cals[1 + floor(random() * 9)::int];
		d := cals[1 + floor(random() * 9)::int];
		t := 60 * (1 + floor(random() ^ 3 * 6000));
		a := pg_temp.some_time();

		-- 11: whatever happened, the ledger is what the spans make it
		e := ARRAY[pg_temp.one(1, a, 'start', c, t)];
		FOR k IN 2 .. 2 + floor(random() * 9)::int LOOP
			x := CASE WHEN random() < 0.2 THEN e[1 + floor(random() * cardinality(e))::int].at
				ELSE a + floor(random() ^ 2 * 30 * 86400 - 3600) * interval '1 second' END;
			e := e || CASE WHEN random() < 0.2 THEN pg_temp.one(k, x, 'change', CASE WHEN random() < 0.5 THEN c ELSE d END, 60 * (1 + floor(random() * 3000))::int)
				ELSE pg_temp.one(k, x, (ARRAY['pause', 'resume', 'pause', 'resume', 'stop', 'reopen', 'cancel', 'start'])[1 + floor(random() * 8)::int], NULL, NULL) END;
		END LOOP;
		-- a start says what it promises
		SELECT array_agg(CASE WHEN v.kind = 'start' THEN pg_temp.one(v.id::int, v.at, 'start', c, t) ELSE v END) INTO e FROM unnest(e) v;
		f := pg_temp.face(e);
		m := pg_temp.model(e);
		IF (f.state, f.used_seconds, f.target_seconds, f.calendar) IS DISTINCT FROM (m.state, m.used, m.target, m.cal)
			OR f.state = 'running' AND f.due_at IS DISTINCT FROM (CASE WHEN m.used < m.target THEN desk.clock_add(m.cal, m.since, m.target - m.used) ELSE m.since END)
			OR f.state <> 'running' AND f.due_at IS NOT NULL THEN
			INSERT INTO wrong VALUES (11, DEFAULT, concat_ws(' ', i, f, m, e));
		END IF;
		counts[11] := counts[11] + 1;

		-- 17: the order in which they became known does not matter
		SELECT array_agg(pg_temp.one((1000 * random())::int, v.at, v.kind, v.calendar, v.target_seconds::int) ORDER BY random()) INTO e2 FROM unnest(e) v;
		g := pg_temp.face(e2);
		-- two changes at one instant are the exception: the later known holds
		IF NOT EXISTS (SELECT FROM unnest(e) v WHERE v.kind = 'change' GROUP BY v.at HAVING count(*) > 1) THEN
			counts[17] := counts[17] + 1;
			IF (f.state, f.used_seconds, f.due_at, f.breach_at, f.breached_at) IS DISTINCT FROM (g.state, g.used_seconds, g.due_at, g.breach_at, g.breached_at) THEN
				INSERT INTO wrong VALUES (17, DEFAULT, concat_ws(' ', i, f, g, e, e2));
			END IF;
		END IF;

		-- from here on one that runs
		e := ARRAY[pg_temp.one(1, a, 'start', c, t)];
		f := pg_temp.face(e);
		b := a + floor(random() * 10 * 86400) * interval '1 second';
		-- 12: a pause of no time, or of none of ours, changes nothing
		g := pg_temp.face(e || pg_temp.one(2, b, 'pause') || pg_temp.one(3, b, 'resume'));
		counts[12] := counts[12] + 1;
		IF (g.state, g.due_at, g.breach_at) IS DISTINCT FROM (f.state, f.due_at, f.breach_at) AND b < f.due_at THEN
			INSERT INTO wrong VALUES (12, DEFAULT, concat_ws(' ', i, c, a, b, t, f.due_at, g.due_at));
		END IF;
		x := desk.clock_opening(c, b);
		IF x > b AND x < f.due_at THEN
			g := pg_temp.face(e || pg_temp.one(2, b, 'pause') || pg_temp.one(3, b + (x - b) * (0.1 + 0.9 * random()), 'resume'));
			counts[12] := counts[12] + 1;
			IF g.due_at IS DISTINCT FROM f.due_at THEN
				INSERT INTO wrong VALUES (12, DEFAULT, concat_ws(' ', i, c, a, b, t, f.due_at, g.due_at));
			END IF;
		END IF;
		-- 13: a pause of p moves it by p, in time of its calendar
		IF b < f.due_at THEN
			x := b + floor(random() * 5 * 86400) * interval '1 second';
			g := pg_temp.face(e || pg_temp.one(2, b, 'pause') || pg_temp.one(3, x, 'resume'));
			counts[13] := counts[13] + 1;
			used := desk.clock_seconds(c, b, x);
			IF g.due_at IS DISTINCT FROM (CASE WHEN used > 0 THEN desk.clock_add(c, f.due_at, used) ELSE f.due_at END) THEN
				INSERT INTO wrong VALUES (13, DEFAULT, concat_ws(' ', i, c, a, b, x, t, f.due_at, g.due_at));
			END IF;
			-- 14: used is the whole less the pause
			g := pg_temp.face(e || pg_temp.one(2, b, 'pause') || pg_temp.one(3, x, 'resume') || pg_temp.one(4, x + interval '40 hours', 'stop'));
			counts[14] := counts[14] + 1;
			IF g.used_seconds IS DISTINCT FROM desk.clock_seconds(c, a, x + interval '40 hours') - used OR g.state <> 'stopped' THEN
				INSERT INTO wrong VALUES (14, DEFAULT, concat_ws(' ', i, c, a, b, x, t, g));
			END IF;
		END IF;
		-- 15: late is when more than the target is used
		x := CASE WHEN random() < 0.5 THEN a + floor(random() * 20 * 86400) * interval '1 second'
			ELSE f.breach_at + floor(random() * 5 - 2) * interval '1 second' END;
		counts[15] := counts[15] + 1;
		IF x >= a AND (x > f.breach_at) <> (desk.clock_seconds(c, a, x) > t) THEN
			INSERT INTO wrong VALUES (15, DEFAULT, concat_ws(' ', i, c, a, x, t, f.due_at, f.breach_at));
		END IF;
		g := pg_temp.face(e || pg_temp.one(2, greatest(a, x), 'stop'));
		IF (g.breached_at IS NOT NULL) <> (g.used_seconds > t) THEN
			INSERT INTO wrong VALUES (15, DEFAULT, concat_ws(' ', i, 'stop', c, a, x, t, g));
		END IF;
		-- 16: more time is later; another severity and back is as before
		g := pg_temp.face(ARRAY[pg_temp.one(1, a, 'start', c, t + 60)]);
		counts[16] := counts[16] + 1;
		IF g.due_at <= f.due_at THEN
			INSERT INTO wrong VALUES (16, DEFAULT, concat_ws(' ', i, c, a, t, f.due_at, g.due_at));
		END IF;
		IF b < f.due_at THEN
			x := b + (f.due_at - b) * random() * 0.99;
			g := pg_temp.face(e || pg_temp.one(2, b, 'change', d, 60 * (1 + floor(random() * 3000))::int) || pg_temp.one(3, x, 'change', c, t));
			IF g.due_at IS DISTINCT FROM f.due_at THEN
				INSERT INTO wrong VALUES (16, DEFAULT, concat_ws(' ', i, 'back', c, d, a, b, x, t, f.due_at, g.due_at));
			END IF;
		END IF;
	END LOOP;
	INSERT INTO count SELECT n, counts[n] FROM generate_series(11, 17) n;
END
$$;
CREATE FUNCTION pg_temp.said(n int) RETURNS text LANGUAGE sql AS $$
	SELECT format('SEED=%s CASES=%s: %s', current_setting('desk.seed'), current_setting('desk.cases'), detail) FROM wrong WHERE invariant = n LIMIT 1;
$$;
SELECT is(pg_temp.said(n), NULL, format('%s. %s', n, what)) FROM (VALUES
	(11, 'a clock is the replay of its events'), (12, 'a pause of no time changes nothing'), (13, 'a pause moves the due time by its own length'),
	(14, 'used is the whole less the pauses'), (15, 'late is when more than the target is used'), (16, 'more time is later, there and back is the same'),
	(17, 'the order of events at one instant does not matter')) v (n, what) ORDER BY n;
SELECT cmp_ok(min(cases), '>', :cases / 6, 'each was tried often enough') FROM count;

-- Lives of tickets, through the tables.
INSERT INTO desk.staff (login, name) VALUES ('prop-clerk', 'Clerk');
INSERT INTO desk.policy (severity, channel, answer_seconds, next_seconds, solve_seconds, answer_calendar, next_calendar, solve_calendar, hold_pauses, valid_from)
SELECT s, 'api', 3600 * s, 1800 * s, 86400 * s, a.cal, b.cal, a.cal, CASE WHEN s > 2 THEN '{next response}'::text[] ELSE '{next response,resolution}' END, '2000-01-01Z'
FROM generate_series(1, 4) s JOIN place a ON a.n = s JOIN place b ON b.n = s + 4;
DO $$
DECLARE
	n int;
	at timestamptz;
	filed timestamptz;
	s text;
	clerk int := (SELECT id FROM desk.staff WHERE login = 'prop-clerk');
	r float8;
BEGIN
	FOR i IN 1 .. greatest(100, current_setting('desk.cases')::int / 40) LOOP
		at := pg_temp.some_time();
		filed := at;
		INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES ('prop', 'bug', 1 + floor(random() * 4), 'api', at) RETURNING number INTO n;
		FOR k IN 1 .. floor(random() * 14)::int LOOP
			at := at + (1 + floor(random() ^ 2 * 90 * 3600)) * interval '1 second';
			r := random();
			SELECT state INTO s FROM desk.ticket WHERE number = n;
			IF r < 0.25 OR k = 1 THEN
				INSERT INTO desk.message (ticket, author, staff, name, body, posted_at) VALUES (n, 'staff', clerk, 'x', 'x', greatest(filed, at - random() * interval '2 hours'));
			ELSIF r < 0.45 THEN
				INSERT INTO desk.message (ticket, author, name, body, posted_at) VALUES (n, 'requester', 'x', 'x', greatest(filed + interval '1 second', at - random() * interval '2 hours'));
			ELSIF r < 0.55 AND s <> 'resolved' THEN
				UPDATE desk.ticket SET state = 'pending', changed_at = at WHERE number = n AND state IN ('new', 'open');
			ELSIF r < 0.65 AND s <> 'resolved' THEN
				UPDATE desk.ticket SET hold = CASE WHEN hold IS NULL THEN 'third-party' END, next_update_by = CASE WHEN hold IS NULL THEN at + interval '3 days' END, changed_at = at WHERE number = n;
			ELSIF r < 0.75 AND s <> 'resolved' THEN
				UPDATE desk.ticket SET state = 'resolved', changed_at = at,
					resolution = CASE WHEN random() < 0.5 AND EXISTS (SELECT FROM desk.ticket o WHERE o.subject = 'prop' AND o.number < n) THEN 'duplicate' ELSE 'done' END,
					duplicate_of = (SELECT max(o.number) FROM desk.ticket o WHERE o.subject = 'prop' AND o.number < n)
				WHERE number = n AND answered_at IS NOT NULL;
			ELSIF r < 0.85 THEN
				UPDATE desk.ticket SET severity = 1 + floor(random() * 4), changed_at = at WHERE number = n;
			ELSIF s = 'resolved' THEN
				UPDATE desk.ticket SET state = 'open', resolution = NULL, changed_at = at WHERE number = n;
			END IF;
		END LOOP;
	END LOOP;
END
$$;
SELECT is_empty($$ SELECT current_setting('desk.seed'), c.*, f.* FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket, LATERAL (SELECT (pg_temp.face(desk.clock_events(c.id))).*) f
	WHERE t.subject = 'prop' AND (c.state, c.used_seconds, c.since, c.due_at, c.breach_at, c.breached_at, c.stopped_at, c.target_seconds, c.calendar)
		IS DISTINCT FROM (f.state, f.used_seconds, f.since, f.due_at, f.breach_at, f.breached_at, f.stopped_at, f.target_seconds, f.calendar) $$,
	'11. every stored clock is the replay of its events');
SELECT is_empty($$ SELECT current_setting('desk.seed'), t.number, c.metric, c.state FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket
	WHERE t.subject = 'prop' AND t.state = 'resolved' AND c.state IN ('running', 'paused') $$, '20. no clock runs on a closed ticket');
SELECT is_empty($$ SELECT current_setting('desk.seed'), t.number, t.state FROM desk.ticket t WHERE t.subject = 'prop' AND t.state <> 'resolved'
	AND (NOT EXISTS (SELECT FROM desk.clock c WHERE c.ticket = t.number AND c.metric = 'resolution' AND c.state IN ('running', 'paused'))
		OR t.answered_at IS NULL AND NOT EXISTS (SELECT FROM desk.clock c WHERE c.ticket = t.number AND c.metric = 'first response' AND c.state IN ('running', 'paused'))
		OR t.next_update_by IS NOT NULL AND NOT EXISTS (SELECT FROM desk.clock c WHERE c.ticket = t.number AND c.metric = 'next update')) $$,
	'and an open one has all that it should');
SELECT is_empty($$ SELECT current_setting('desk.seed'), t.number FROM desk.ticket t, desk.due_of(t.number) d
	WHERE t.subject = 'prop' AND (t.answer_due_at, t.solve_due_at) IS DISTINCT FROM (d.answer_due_at, d.solve_due_at) $$,
	'a ticket says what its clocks say');
SELECT * FROM finish();
ROLLBACK;
