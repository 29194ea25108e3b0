-- Calendars.  One function turns local time into instants, one lays the open
-- time of a calendar out as spans, and three read from the spans: open time
-- between two instants, the instant after so much of it, the next opening.

CREATE OR REPLACE FUNCTION desk.local_instant(zone text, day date, minute int) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
	wanted timestamp := day + minute * interval '1 minute';
	-- Clocks differ from UTC by less than 16 hours: the first certainly
	-- reads less than is wanted, the last certainly more.
	low timestamptz := wanted AT TIME ZONE 'UTC' - interval '16 hours';
	last timestamptz := wanted AT TIME ZONE 'UTC' + interval '16 hours';
	high timestamptz;
	middle timestamptz;
	before interval := low AT TIME ZONE zone - low AT TIME ZONE 'UTC';
	after interval;
BEGIN
	-- What PostgreSQL makes of a local time that is skipped or comes twice
	-- is not used; instants to local time is never in doubt.  No zone has
	-- two changes within these 32 hours.
	IF before = last AT TIME ZONE zone - last AT TIME ZONE 'UTC' THEN
		RETURN wanted AT TIME ZONE 'UTC' - before;
	END IF;
	high := last;
	WHILE high - low > interval '1 second' LOOP
		middle := date_trunc('second', low + (high - low) / 2);
		IF middle AT TIME ZONE zone - middle AT TIME ZONE 'UTC' = before THEN
			low := middle;
		ELSE
			high := middle;
		END IF;
	END LOOP;
	-- the clocks changed at "high"
	IF wanted AT TIME ZONE 'UTC' - before < high THEN
		RETURN wanted AT TIME ZONE 'UTC' - before;
	END IF;
	after := last AT TIME ZONE zone - last AT TIME ZONE 'UTC';
	RETURN greatest(high, wanted AT TIME ZONE 'UTC' - after);
END
$$;
COMMENT ON FUNCTION desk.local_instant(text, date, int) IS 'The earliest instant at which the clocks of a zone read that date and minute of the day, or later: a time that is skipped is the instant of the change, of one that comes twice the first counts.';

CREATE OR REPLACE FUNCTION desk.is_zone(zone text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
-- AT TIME ZONE takes some names, CET for one, for abbreviations without
-- summer time; and it takes what is no name at all, such as XYZ3.
RETURN zone !~ '^(posix|right)/|^(posixrules|localtime|Factory)$'
	AND (zone IN ('UTC', 'GMT', 'UCT', 'Zulu', 'EST', 'MST', 'HST')
		OR NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_abbrevs a WHERE a.abbrev = upper(zone)))
	AND EXISTS (SELECT FROM pg_catalog.pg_timezone_names n WHERE n.name = zone);
COMMENT ON FUNCTION desk.is_zone(text) IS 'Is this the name of a zone of the IANA database, and of nothing else?';

CREATE OR REPLACE FUNCTION desk.zone() RETURNS text
LANGUAGE sql STABLE
RETURN coalesce((SELECT v.zone FROM desk.calendar c JOIN desk.calendar_version v ON v.calendar = c.id
	WHERE c.name = 'always' AND v.valid_from <= now() ORDER BY v.valid_from DESC LIMIT 1), 'UTC');
COMMENT ON FUNCTION desk.zone() IS 'The desk''s own zone: that of calendar "always".';

-- Reading ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.no_time(cal int, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known text;
	edge desk.calendar_span;
	last timestamptz;
BEGIN
	SELECT c.name INTO known FROM desk.calendar c WHERE c.id = cal;
	IF NOT FOUND THEN
		RAISE 'there is no calendar %', cal USING ERRCODE = 'PT404';
	END IF;
	SELECT * INTO edge FROM desk.calendar_span s WHERE s.calendar = cal ORDER BY s.opens LIMIT 1;
	IF at < edge.opens THEN
		RAISE 'calendar "%" begins at %, there is no time in it before that', known, desk.utc(edge.opens)
			USING ERRCODE = 'PT409';
	END IF;
	SELECT max(s.closes) INTO last FROM (SELECT * FROM desk.calendar_span x WHERE x.calendar = cal ORDER BY x.opens DESC LIMIT 2) s;
	SELECT * INTO edge FROM desk.calendar_span s WHERE s.calendar = cal ORDER BY s.opens DESC LIMIT 1;
	IF edge.opens - last >= interval '800 days' THEN
		RAISE 'calendar "%" never opens after %', known, desk.utc(last) USING ERRCODE = 'PT409';
	END IF;
	RAISE 'calendar "%" is laid out until % only', known, desk.utc(edge.opens)
		USING ERRCODE = 'PT409', HINT = 'It is laid out three years ahead; slacheck and calendar --renew go on with it.';
END
$$;
COMMENT ON FUNCTION desk.no_time(int, timestamptz) IS 'Says why a calendar has no answer (PT409): before its beginning, behind its layout, it never opens again; PT404 if there is none.';

-- These three are called for every clock: no SET, which costs as much as the
-- search, and all names are qualified.

CREATE OR REPLACE FUNCTION desk.next_open(cal int, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
	opening timestamptz;
	closing timestamptz;
BEGIN
	SELECT s.closes INTO closing FROM desk.calendar_span s
	WHERE s.calendar = cal AND s.opens <= at ORDER BY s.opens DESC LIMIT 1;
	IF at < closing THEN
		RETURN at;
	END IF;
	IF closing IS NOT NULL THEN
		SELECT s.opens, s.closes INTO opening, closing FROM desk.calendar_span s
		WHERE s.calendar = cal AND s.opens > at ORDER BY s.opens LIMIT 1;
	END IF;
	IF closing IS NULL THEN
		PERFORM desk.no_time(cal, at);
	END IF;
	RETURN opening;
END
$$;
COMMENT ON FUNCTION desk.next_open(int, timestamptz) IS 'The instant itself if the calendar is open then, else its next opening.';

CREATE OR REPLACE FUNCTION desk.is_open(cal int, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
	closing timestamptz;
BEGIN
	SELECT s.closes INTO closing FROM desk.calendar_span s
	WHERE s.calendar = cal AND s.opens <= at ORDER BY s.opens DESC LIMIT 1;
	IF closing IS NULL THEN
		PERFORM desk.no_time(cal, at);
	END IF;
	RETURN at < closing;
END
$$;
COMMENT ON FUNCTION desk.is_open(int, timestamptz) IS 'Is the calendar open at an instant?  It is at the first of a span, not at its end.';

CREATE OR REPLACE FUNCTION desk.open_before(cal int, at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
	opening timestamptz;
	closing timestamptz;
	total bigint;
BEGIN
	SELECT s.opens, s.closes, s.open_before_us INTO opening, closing, total FROM desk.calendar_span s
	WHERE s.calendar = cal AND s.opens <= at ORDER BY s.opens DESC LIMIT 1;
	IF closing IS NULL AND opening IS DISTINCT FROM at THEN
		PERFORM desk.no_time(cal, at);
	END IF;
	RETURN total + (extract(epoch FROM least(at, closing) - opening) * 1000000)::bigint;
END
$$;
COMMENT ON FUNCTION desk.open_before(int, timestamptz) IS 'Microseconds of open time from the beginning of the calendar to an instant.';

CREATE OR REPLACE FUNCTION desk.business_between(cal int, a timestamptz, b timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT
AS $$
BEGIN
	RETURN (desk.open_before(cal, b) - desk.open_before(cal, a)) * 0.000001;
END
$$;
COMMENT ON FUNCTION desk.business_between(int, timestamptz, timestamptz) IS 'Seconds of open time from a to b, to the microsecond; negative when b is before a.';

CREATE OR REPLACE FUNCTION desk.business_add(cal int, at timestamptz, seconds numeric) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
	wanted bigint := round(seconds * 1000000);
	total bigint;
	opening timestamptz;
	closing timestamptz;
BEGIN
	IF wanted < 0 THEN
		RAISE 'cannot add less than no time' USING ERRCODE = 'PT400';
	ELSIF wanted = 0 THEN
		RETURN desk.next_open(cal, at);
	END IF;
	wanted := wanted + desk.open_before(cal, at);
	-- the last span that begins with less: a due time at closing is that
	-- of closing, not of the next opening
	SELECT s.opens, s.closes, s.open_before_us INTO opening, closing, total FROM desk.calendar_span s
	WHERE s.calendar = cal AND s.open_before_us < wanted
	ORDER BY s.open_before_us DESC, s.opens DESC LIMIT 1;
	IF closing IS NULL THEN
		PERFORM desk.no_time(cal, at);
	END IF;
	RETURN opening + (wanted - total) * interval '1 microsecond';
END
$$;
COMMENT ON FUNCTION desk.business_add(int, timestamptz, numeric) IS 'The earliest instant with so many seconds of open time since "at"; with 0 the next opening.';

CREATE OR REPLACE FUNCTION desk.calendar_named(wanted text) RETURNS int
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	cal int;
BEGIN
	SELECT c.id INTO cal FROM desk.calendar c WHERE c.name = wanted;
	IF NOT FOUND THEN
		RAISE 'there is no calendar "%"', wanted USING ERRCODE = 'PT404', COLUMN = 'calendar';
	END IF;
	RETURN cal;
END
$$;
COMMENT ON FUNCTION desk.calendar_named(text) IS 'The number of a calendar; PT404 if there is none of that name.';

-- Laying out -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.calendar_spans(cal int, since timestamptz, until timestamptz)
RETURNS TABLE (opens timestamptz, closes timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	WITH version AS (
		SELECT v.id, v.zone, greatest(v.valid_from, since) AS begins,
			least(lead(v.valid_from, 1, 'infinity') OVER (ORDER BY v.valid_from), until) AS ends
		FROM desk.calendar_version v WHERE v.calendar = cal
	), day AS (
		-- With the offset that holds all through the date and around it;
		-- without one where the clocks change.
		SELECT x.version, x.zone, x.begins, x.ends, x.day, o.day IS NOT NULL AS is_other, CASE
			WHEN x.low AT TIME ZONE x.zone - x.low AT TIME ZONE 'UTC' = x.high AT TIME ZONE x.zone - x.high AT TIME ZONE 'UTC'
			THEN x.low AT TIME ZONE x.zone - x.low AT TIME ZONE 'UTC' END AS ahead
		FROM (
			SELECT v.id AS version, v.zone, v.begins, v.ends, d.day, d.day::timestamp AT TIME ZONE 'UTC' - interval '16 hours' AS low,
				d.day::timestamp AT TIME ZONE 'UTC' + interval '40 hours' AS high
			FROM version v, LATERAL (
				SELECT g::date AS day FROM generate_series(date_trunc('day', v.begins AT TIME ZONE 'UTC') - interval '2 days',
					date_trunc('day', v.ends AT TIME ZONE 'UTC') + interval '2 days', interval '1 day') g
				EXCEPT SELECT h.day FROM desk.holiday h WHERE h.calendar = cal) d
			WHERE v.begins < v.ends) x
		LEFT JOIN desk.calendar_override o ON o.calendar = cal AND o.day = x.day
	), weekly AS (
		SELECT r.version, r.weekday, r.opens, CASE WHEN r.closes <= r.opens THEN time '24:00' ELSE r.closes END AS closes
		FROM desk.calendar_range r
		UNION ALL
		SELECT r.version, r.weekday % 7 + 1, time '00:00', r.closes
		FROM desk.calendar_range r WHERE r.closes <= r.opens AND r.closes > '00:00'
	), range AS (
		SELECT d.*, w.opens, w.closes
		FROM day d JOIN weekly w ON w.version = d.version AND w.weekday = extract(isodow FROM d.day)
		WHERE NOT d.is_other
		UNION ALL
		SELECT d.*, r.opens, r.closes
		FROM day d JOIN desk.calendar_override_range r ON r.calendar = cal AND r.day = d.day
	), span AS MATERIALIZED (
		SELECT greatest(r.begins, CASE WHEN r.ahead IS NOT NULL THEN (r.day + r.opens) AT TIME ZONE 'UTC' - r.ahead
				ELSE desk.local_instant(r.zone, r.day, (extract(epoch FROM r.opens) / 60)::int) END) AS opens,
			least(r.ends, CASE WHEN r.ahead IS NOT NULL THEN (r.day + r.closes) AT TIME ZONE 'UTC' - r.ahead
				ELSE desk.local_instant(r.zone, r.day, (extract(epoch FROM r.closes) / 60)::int) END) AS closes
		FROM range r
	), piece AS (
		-- what touches is one span
		SELECT s.opens, s.closes, s.opens > lag(s.closes, 1, '-infinity') OVER (ORDER BY s.opens) AS is_new
		FROM span s WHERE s.opens < s.closes
	), numbered AS (
		SELECT p.opens, p.closes, count(*) FILTER (WHERE p.is_new) OVER (ORDER BY p.opens) AS number
		FROM piece p
	)
	SELECT min(n.opens), max(n.closes) FROM numbered n GROUP BY n.number ORDER BY 1
$$;
COMMENT ON FUNCTION desk.calendar_spans(int, timestamptz, timestamptz) IS 'The open time of a calendar between two instants as its rules are now, from the zone''s clocks.  Slow; what counts is desk.calendar_span.';

CREATE OR REPLACE FUNCTION desk.weekday_name(weekday int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (ARRAY['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])[weekday];
COMMENT ON FUNCTION desk.weekday_name(int) IS '1 is Monday, 7 Sunday.';

CREATE OR REPLACE FUNCTION desk.calendar_fault(cal int) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fault text;
BEGIN
	IF NOT EXISTS (SELECT FROM desk.calendar_version v WHERE v.calendar = cal) THEN
		RETURN 'has no hours';
	END IF;
	SELECT format('has no hours from %s on', desk.utc(v.valid_from)) INTO fault
	FROM desk.calendar_version v
	WHERE v.calendar = cal AND NOT EXISTS (SELECT FROM desk.calendar_range r WHERE r.version = v.id)
	ORDER BY v.valid_from LIMIT 1;
	IF FOUND THEN
		RETURN fault;
	END IF;

	-- Minutes of the week; behind the last range of it comes the first.
	WITH range AS (
		SELECT r.*, (r.weekday - 1) * 1440 + extract(epoch FROM r.opens)::int / 60 AS minute,
			(extract(epoch FROM r.closes - r.opens)::int / 60 + 1439) % 1440 + 1 AS minutes
		FROM desk.calendar_range r JOIN desk.calendar_version v ON v.id = r.version WHERE v.calendar = cal
	), neighbours AS (
		SELECT a.*, coalesce(lead(a.minute) OVER w, 10080 + first_value(a.minute) OVER w) AS next_minute,
			coalesce(lead(a.opens) OVER w, first_value(a.opens) OVER w) AS next_opens,
			coalesce(lead(a.closes) OVER w, first_value(a.closes) OVER w) AS next_closes,
			coalesce(lead(a.weekday) OVER w, first_value(a.weekday) OVER w) AS next_weekday
		FROM range a WINDOW w AS (PARTITION BY a.version ORDER BY a.minute)
	)
	SELECT format('has hours that overlap: %s %s-%s and %s %s-%s', desk.weekday_name(n.weekday), left(n.opens::text, 5), left(n.closes::text, 5),
		desk.weekday_name(n.next_weekday), left(n.next_opens::text, 5), left(n.next_closes::text, 5)) INTO fault
	FROM neighbours n WHERE n.next_minute < n.minute + n.minutes ORDER BY n.version, n.minute LIMIT 1;
	IF FOUND THEN
		RETURN fault;
	END IF;

	SELECT format('has hours that overlap: on %s %s-%s and %s-%s', a.day, left(a.opens::text, 5), left(a.closes::text, 5),
		left(b.opens::text, 5), left(b.closes::text, 5)) INTO fault
	FROM desk.calendar_override_range a JOIN desk.calendar_override_range b USING (calendar, day)
	WHERE a.calendar = cal AND a.opens < b.opens AND b.opens < a.closes ORDER BY a.day, a.opens LIMIT 1;
	RETURN fault;
END
$$;
COMMENT ON FUNCTION desk.calendar_fault(int) IS 'What is wrong with the hours of a calendar, in words; NULL if nothing.';

CREATE OR REPLACE FUNCTION desk.calendar_used(cal int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Few policies and many clocks: a calendar that no policy names, and
	-- none is ever taken back, needs no search among the clocks.
	IF NOT EXISTS (SELECT FROM desk.policy p WHERE cal IN (p.answer_calendar, p.next_calendar, p.solve_calendar))
		AND NOT EXISTS (SELECT FROM desk.policy_step p WHERE p.calendar = cal)
	THEN
		RETURN false;
	END IF;
	RETURN EXISTS (SELECT FROM desk.clock c WHERE c.calendar = cal)
		OR EXISTS (SELECT FROM desk.clock_event e WHERE e.calendar = cal);
END
$$;
COMMENT ON FUNCTION desk.calendar_used(int) IS 'Has a promise been measured with the calendar?  Then its past stays as it is.';

CREATE OR REPLACE FUNCTION desk.calendar_lay(cal int, strict boolean DEFAULT true) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.calendar;
	fault text;
	is_used boolean;
	begins timestamptz;
	since timestamptz; -- from here on it is laid out anew
	until timestamptz;
	old_until timestamptz;
	kept desk.calendar_span; -- the last that began before "since"
	opened timestamptz[];
	closed timestamptz[];
	gap record;
	first_change timestamptz;
	base bigint := 0;
	has_changed boolean;
BEGIN
	SELECT * INTO c FROM desk.calendar x WHERE x.id = cal FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	fault := desk.calendar_fault(cal);
	IF fault IS NOT NULL THEN
		RAISE 'calendar "%" %', c.name, fault USING ERRCODE = 'PT409', COLUMN = 'hours';
	END IF;
	is_used := desk.calendar_used(cal);
	SELECT min(v.valid_from) INTO begins FROM desk.calendar_version v WHERE v.calendar = cal;
	since := CASE WHEN is_used THEN greatest(now(), begins) ELSE begins END;
	until := date_trunc('day', greatest(now(), begins), 'UTC') + interval '26304 hours'; -- 1,096 days
	SELECT max(s.opens) INTO old_until FROM desk.calendar_span s WHERE s.calendar = cal AND s.closes IS NULL;
	IF is_used THEN
		SELECT * INTO kept FROM desk.calendar_span s WHERE s.calendar = cal AND s.opens < since ORDER BY s.opens DESC LIMIT 1;
	END IF;

	SELECT array_agg(x.opens ORDER BY x.opens), array_agg(x.closes ORDER BY x.opens) INTO opened, closed
	FROM desk.calendar_spans(cal, since, until) x;
	opened := coalesce(opened, '{}');
	closed := coalesce(closed, '{}');
	IF kept.opens IS NOT NULL THEN
		IF least(kept.closes, since) = opened[1] THEN
			opened[1] := kept.opens;
		ELSE
			opened := kept.opens || opened;
			closed := least(kept.closes, since) || closed;
		END IF;
	ELSIF opened[1] IS DISTINCT FROM begins THEN
		opened := begins || opened;
		closed := begins || closed;
	END IF;

	-- Where nothing opens for 800 days the layout ends, and so does a
	-- search in it.
	SELECT x.place, x.closes INTO gap
	FROM (SELECT u.place, u.closes, lead(u.opens, 1, until) OVER (ORDER BY u.place) AS next
		FROM unnest(opened, closed) WITH ORDINALITY AS u (opens, closes, place)) x
	WHERE x.next - x.closes >= interval '800 days' ORDER BY x.place LIMIT 1;
	IF FOUND THEN
		IF strict THEN
			RAISE 'calendar "%" never opens after %', c.name, desk.utc(gap.closes)
				USING ERRCODE = 'PT409', COLUMN = 'hours', DETAIL = 'It would be closed for 800 days or more.';
		END IF;
		opened := opened[:gap.place];
		closed := closed[:gap.place];
		opened := opened || (gap.closes + interval '19200 hours');
	ELSE
		opened := opened || until;
	END IF;
	closed := closed || NULL::timestamptz;

	IF old_until IS NULL THEN
		first_change := opened[1];
		has_changed := false;
	ELSE
		SELECT min(x.opens) INTO first_change FROM (
			(SELECT u.opens, u.closes FROM unnest(opened, closed) AS u (opens, closes)
			EXCEPT SELECT s.opens, s.closes FROM desk.calendar_span s WHERE s.calendar = cal)
			UNION ALL
			(SELECT s.opens, s.closes FROM desk.calendar_span s WHERE s.calendar = cal AND s.opens >= opened[1]
			EXCEPT SELECT u.opens, u.closes FROM unnest(opened, closed) AS u (opens, closes))) x;
		-- More of the same is no change.
		SELECT EXISTS (
			(SELECT u.opens, least(u.closes, old_until) FROM unnest(opened, closed) AS u (opens, closes) WHERE u.opens < old_until
			EXCEPT SELECT s.opens, least(s.closes, old_until) FROM desk.calendar_span s WHERE s.calendar = cal)
			UNION ALL
			(SELECT s.opens, least(s.closes, old_until) FROM desk.calendar_span s WHERE s.calendar = cal AND s.opens >= opened[1] AND s.opens < old_until
			EXCEPT SELECT u.opens, least(u.closes, old_until) FROM unnest(opened, closed) AS u (opens, closes))) INTO has_changed;
	END IF;
	IF NOT is_used THEN
		DELETE FROM desk.calendar_span s WHERE s.calendar = cal AND s.opens < begins;
	END IF;
	DELETE FROM desk.calendar_span s WHERE s.calendar = cal AND s.opens >= first_change;
	SELECT s.open_before_us + (extract(epoch FROM s.closes - s.opens) * 1000000)::bigint INTO base
	FROM desk.calendar_span s WHERE s.calendar = cal ORDER BY s.opens DESC LIMIT 1;
	INSERT INTO desk.calendar_span (calendar, opens, closes, open_before_us)
	SELECT cal, u.opens, u.closes, coalesce(base, 0) + coalesce(sum(extract(epoch FROM u.closes - u.opens) * 1000000)
		OVER (ORDER BY u.opens ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint
	FROM unnest(opened, closed) AS u (opens, closes) WHERE u.opens >= first_change;
	-- A ticket that is being filed at this moment was promised something by
	-- the old spans, and is not to be seen yet.
	UPDATE desk.calendar SET is_stale = false, laid_at = now(), laid_until = until,
		again_at = CASE WHEN has_changed AND is_used THEN now() + interval '5 minutes' ELSE again_at END
	WHERE id = cal;
	IF has_changed AND is_used THEN
		PERFORM desk.clock_renew(cal);
	END IF;
	RETURN has_changed;
END
$$;
COMMENT ON FUNCTION desk.calendar_lay(int, boolean) IS 'Works out the spans of a calendar three years ahead: all of them as long as no promise was measured with it, then only from now on.  Refuses (PT409) hours that overlap, none at all, and strictly a calendar that stays closed for 800 days.  Open clocks follow.  True if spans that were there have changed.';

CREATE OR REPLACE FUNCTION desk.calendar_differs(cal int) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	WITH laid AS (
		SELECT greatest(s.opens, now()) AS opens, s.closes FROM desk.calendar_span s
		WHERE s.calendar = cal AND s.closes > now() AND s.closes > s.opens
	), should AS (
		SELECT x.opens, x.closes FROM desk.calendar c,
			desk.calendar_spans(c.id, now(), (SELECT max(s.opens) FROM desk.calendar_span s WHERE s.calendar = cal AND s.closes IS NULL)) x
		WHERE c.id = cal
	)
	SELECT min(x.opens) FROM (
		(SELECT * FROM laid EXCEPT SELECT * FROM should) UNION ALL (SELECT * FROM should EXCEPT SELECT * FROM laid)) x
$$;
COMMENT ON FUNCTION desk.calendar_differs(int) IS 'From when on the spans of a calendar are not what its rules and its zone make them now; NULL if they are.';

CREATE OR REPLACE FUNCTION desk.calendar_renew() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.calendar;
	renewed int := 0;
BEGIN
	FOR c IN SELECT * FROM desk.calendar x WHERE x.laid_until < now() + interval '1065 days' ORDER BY x.id LOOP
		-- One that cannot be read (its zone has left the system) must
		-- not stop the others, nor the clocks.
		BEGIN
			PERFORM FROM desk.calendar x WHERE x.id = c.id AND x.laid_until = c.laid_until FOR NO KEY UPDATE SKIP LOCKED;
			IF FOUND THEN
				PERFORM desk.calendar_lay(c.id, false);
				renewed := renewed + 1;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING 'cannot lay out calendar "%": %', c.name, SQLERRM;
		END;
	END LOOP;
	FOR c IN SELECT * FROM desk.calendar x WHERE x.again_at < now() ORDER BY x.id FOR NO KEY UPDATE SKIP LOCKED LOOP
		UPDATE desk.calendar SET again_at = NULL WHERE id = c.id;
		PERFORM desk.clock_renew(c.id);
	END LOOP;
	RETURN renewed;
END
$$;
COMMENT ON FUNCTION desk.calendar_renew() IS 'Lays calendars out further ahead, each once a month; from now on they follow what the system knows of zones by then.  Some minutes after an edit it has open promises follow once more.  Writes nothing when all reach far enough.  How many it renewed.';

-- Editing ----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.calendar_mark(cal int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.calendar SET is_stale = true WHERE id = cal AND NOT is_stale;
END
$$;
COMMENT ON FUNCTION desk.calendar_mark(int) IS 'The rules of a calendar were edited: at the end of the transaction its spans have to follow.';

CREATE OR REPLACE FUNCTION desk.calendar_past(cal int, at timestamptz, what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF at < now() AND desk.calendar_used(cal) THEN
		RAISE 'cannot change % of calendar "%": promises were measured with it',
			what, (SELECT c.name FROM desk.calendar c WHERE c.id = cal)
			USING ERRCODE = 'PT409', HINT = 'What is past stays.  Make a new version: desk.calendar_set().';
	END IF;
END
$$;
COMMENT ON FUNCTION desk.calendar_past(int, timestamptz, text) IS 'Refuses (PT409) a change of a past that promises were measured by.';

CREATE OR REPLACE FUNCTION desk.calendar_version_edit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	meant text;
BEGIN
	IF TG_OP <> 'INSERT' THEN
		PERFORM desk.calendar_past(OLD.calendar, OLD.valid_from, 'the past');
		PERFORM desk.calendar_mark(OLD.calendar);
	END IF;
	IF TG_OP = 'DELETE' THEN
		RETURN OLD;
	END IF;
	-- To know all names takes a while; one that is in use is known.
	IF NOT EXISTS (SELECT FROM desk.calendar_version v WHERE v.zone = NEW.zone) AND NOT desk.is_zone(NEW.zone) THEN
		SELECT n.name INTO meant FROM pg_timezone_names n WHERE lower(n.name) = lower(NEW.zone) AND desk.is_zone(n.name);
		RAISE 'there is no zone "%"', NEW.zone USING ERRCODE = 'PT409', COLUMN = 'zone',
			HINT = coalesce('Perhaps "' || meant || '"?', 'Take a name of the IANA database that names a place, as "Europe/Berlin"; see pg_timezone_names.');
	END IF;
	PERFORM desk.calendar_past(NEW.calendar, NEW.valid_from, 'the past');
	PERFORM desk.calendar_mark(NEW.calendar);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.calendar_version_edit() IS 'Refuses (PT409) an unknown zone and a version in a past that was used.';
CREATE OR REPLACE TRIGGER calendar_edit BEFORE INSERT OR UPDATE OR DELETE ON desk.calendar_version
	FOR EACH ROW EXECUTE FUNCTION desk.calendar_version_edit();

CREATE OR REPLACE FUNCTION desk.calendar_range_edit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v desk.calendar_version;
BEGIN
	FOR v IN SELECT * FROM desk.calendar_version x
		WHERE x.id = ANY (CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.version] WHEN 'DELETE' THEN ARRAY[OLD.version]
			ELSE ARRAY[OLD.version, NEW.version] END)
	LOOP
		PERFORM desk.calendar_past(v.calendar, v.valid_from, 'the hours');
		PERFORM desk.calendar_mark(v.calendar);
	END LOOP;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION desk.calendar_range_edit() IS 'Refuses (PT409) to edit hours that promises were measured with.';
CREATE OR REPLACE TRIGGER calendar_edit BEFORE INSERT OR UPDATE OR DELETE ON desk.calendar_range
	FOR EACH ROW EXECUTE FUNCTION desk.calendar_range_edit();

CREATE OR REPLACE FUNCTION desk.calendar_day_ends(cal int, day date) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN desk.local_instant(coalesce((SELECT v.zone FROM desk.calendar_version v WHERE v.calendar = cal AND v.valid_from <= now()
	ORDER BY v.valid_from DESC LIMIT 1), 'UTC'), day + 1, 0);
COMMENT ON FUNCTION desk.calendar_day_ends(int, date) IS 'When a date is over in the zone of a calendar.';

CREATE OR REPLACE FUNCTION desk.calendar_day_edit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		PERFORM desk.calendar_past(OLD.calendar, desk.calendar_day_ends(OLD.calendar, OLD.day), OLD.day::text);
		PERFORM desk.calendar_mark(OLD.calendar);
	END IF;
	IF TG_OP = 'DELETE' THEN
		RETURN OLD;
	END IF;
	PERFORM desk.calendar_past(NEW.calendar, desk.calendar_day_ends(NEW.calendar, NEW.day), NEW.day::text);
	PERFORM desk.calendar_mark(NEW.calendar);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.calendar_day_edit() IS 'Refuses (PT409) to change a date that is over and that promises were measured with; today changes from now on.';
CREATE OR REPLACE TRIGGER calendar_edit BEFORE INSERT OR UPDATE OR DELETE ON desk.holiday
	FOR EACH ROW EXECUTE FUNCTION desk.calendar_day_edit();
CREATE OR REPLACE TRIGGER calendar_edit BEFORE INSERT OR UPDATE OR DELETE ON desk.calendar_override
	FOR EACH ROW EXECUTE FUNCTION desk.calendar_day_edit();
CREATE OR REPLACE TRIGGER calendar_edit BEFORE INSERT OR UPDATE OR DELETE ON desk.calendar_override_range
	FOR EACH ROW EXECUTE FUNCTION desk.calendar_day_edit();

CREATE OR REPLACE FUNCTION desk.calendar_kept() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE 'cannot truncate %: delete the rows', TG_TABLE_NAME USING ERRCODE = 'PT409';
END
$$;
COMMENT ON FUNCTION desk.calendar_kept() IS 'Refuses (PT409) TRUNCATE, which tells no trigger what it took.';
CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON desk.calendar_version FOR EACH STATEMENT EXECUTE FUNCTION desk.calendar_kept();
CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON desk.calendar_range FOR EACH STATEMENT EXECUTE FUNCTION desk.calendar_kept();
CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON desk.holiday FOR EACH STATEMENT EXECUTE FUNCTION desk.calendar_kept();
CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON desk.calendar_override FOR EACH STATEMENT EXECUTE FUNCTION desk.calendar_kept();
CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON desk.calendar_override_range FOR EACH STATEMENT EXECUTE FUNCTION desk.calendar_kept();

CREATE OR REPLACE FUNCTION desk.calendar_settle() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Queued once for each edit; the first does the work of all.
	IF (SELECT c.is_stale FROM desk.calendar c WHERE c.id = NEW.id) THEN
		PERFORM desk.calendar_lay(NEW.id);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.calendar_settle() IS 'At the end of a transaction that edited a calendar: check it and lay it out, or refuse.';
DO $$
BEGIN
	-- there is no CREATE OR REPLACE of a constraint trigger
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'desk.calendar'::regclass AND tgname = 'calendar_settle') THEN
		CREATE CONSTRAINT TRIGGER calendar_settle AFTER INSERT OR UPDATE ON desk.calendar
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.is_stale) EXECUTE FUNCTION desk.calendar_settle();
	END IF;
END
$$;

-- For people -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.hours_read(hours text)
RETURNS TABLE (weekday smallint, opens time, closes time)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names constant text[] := '{mon,tue,wed,thu,fri,sat,sun}';
	clause text;
	part text;
	days int[];
	m text[];
	a int;
	b int;
BEGIN
	IF btrim(hours) = '24x7' THEN
		hours := 'Mon-Sun 00:00-24:00';
	END IF;
	FOREACH clause IN ARRAY regexp_split_to_array(lower(hours), ';') LOOP
		CONTINUE WHEN clause !~ '\S';
		days := '{}';
		FOREACH part IN ARRAY regexp_split_to_array(btrim(clause, E' \t\n,'), '[\s,]+') LOOP
			m := regexp_match(part, '^(mon|tue|wed|thu|fri|sat|sun)[a-z]*(?:-(mon|tue|wed|thu|fri|sat|sun)[a-z]*)?$');
			IF m IS NOT NULL THEN
				IF a IS NULL THEN
					days := '{}'; -- other days, after hours
				END IF;
				a := array_position(names, m[1]);
				b := array_position(names, coalesce(m[2], m[1]));
				days := days || ARRAY(SELECT (a - 1 + n) % 7 + 1 FROM generate_series(0, (b - a + 7) % 7) n);
				CONTINUE;
			END IF;
			m := regexp_match(part, '^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)$');
			IF m IS NULL OR days = '{}' THEN
				RAISE 'cannot read "%" in the hours', part USING ERRCODE = 'PT400', COLUMN = 'hours',
					HINT = 'Write them as: Mon-Fri 09:00-12:00 13:00-17:30; Sat 10:00-14:00, or 24x7.';
			END IF;
			IF m[1] = m[2] THEN
				RAISE 'cannot open and close at the same time: "%"', part USING ERRCODE = 'PT400', COLUMN = 'hours',
					HINT = 'A whole day is 00:00-24:00.';
			END IF;
			RETURN QUERY SELECT d::smallint, m[1]::time, m[2]::time FROM unnest(days) d;
			a := NULL;
		END LOOP;
		IF a IS NOT NULL THEN
			RAISE 'there is no time behind the days in "%"', btrim(clause) USING ERRCODE = 'PT400', COLUMN = 'hours',
				HINT = 'Write them as: Mon-Fri 09:00-12:00 13:00-17:30; Sat 10:00-14:00, or 24x7.';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.hours_read(text) IS 'Reads hours as people write them: "Mon-Fri 09:00-12:00 13:00-17:30; Sat 22:00-02:00", or "24x7".  Refuses (PT400) what it does not understand.';

CREATE OR REPLACE FUNCTION desk.hours_words(wanted int) RETURNS text
LANGUAGE sql STABLE
AS $$
	WITH day AS (
		SELECT r.weekday, string_agg(left(r.opens::text, 5) || '-' || left(r.closes::text, 5), ' ' ORDER BY r.opens) AS ranges
		FROM desk.calendar_range r WHERE r.version = wanted GROUP BY r.weekday
	), block AS (
		SELECT d.ranges, min(d.weekday) AS first, max(d.weekday) AS last
		FROM (SELECT x.*, x.weekday - row_number() OVER (PARTITION BY x.ranges ORDER BY x.weekday) AS block FROM day x) d
		GROUP BY d.ranges, d.block
	)
	SELECT regexp_replace(string_agg(left(desk.weekday_name(b.first), 3) || CASE WHEN b.last > b.first THEN '-' || left(desk.weekday_name(b.last), 3) ELSE '' END
		|| ' ' || b.ranges, '; ' ORDER BY b.first), '^Mon-Sun 00:00-24:00$', '24x7')
	FROM block b
$$;
COMMENT ON FUNCTION desk.hours_words(int) IS 'The weekly hours of a version, as desk.hours_read() reads them.';

CREATE OR REPLACE FUNCTION desk.calendar_set(called text, place text, hours text, since timestamptz DEFAULT NULL, words text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cal int;
	v desk.calendar_version;
BEGIN
	SELECT c.id INTO cal FROM desk.calendar c WHERE c.name = called FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		INSERT INTO desk.calendar (name, label) VALUES (called, coalesce(words, initcap(left(called, 1)) || substr(called, 2)))
		RETURNING id INTO cal;
		since := coalesce(since, '2000-01-01 00:00Z');
	END IF;
	UPDATE desk.calendar SET label = words WHERE id = cal AND label <> words;
	since := coalesce(since, now());
	SELECT * INTO v FROM desk.calendar_version x WHERE x.calendar = cal AND x.valid_from <= since ORDER BY x.valid_from DESC LIMIT 1;
	IF v.zone = place AND NOT EXISTS (
		(SELECT r.weekday, r.opens, r.closes FROM desk.calendar_range r WHERE r.version = v.id
			EXCEPT SELECT * FROM desk.hours_read(hours))
		UNION ALL (SELECT * FROM desk.hours_read(hours)
			EXCEPT SELECT r.weekday, r.opens, r.closes FROM desk.calendar_range r WHERE r.version = v.id))
	THEN
		IF EXISTS (SELECT FROM desk.calendar_version x WHERE x.calendar = cal AND x.valid_from > since) THEN
			RAISE NOTICE 'nothing changed: calendar "%" had these hours then, and has others since %', called,
				(SELECT min(x.valid_from) FROM desk.calendar_version x WHERE x.calendar = cal AND x.valid_from > since);
		END IF;
		RETURN cal;
	END IF;
	IF v.valid_from = since THEN
		DELETE FROM desk.calendar_range r WHERE r.version = v.id;
		UPDATE desk.calendar_version x SET zone = place WHERE x.id = v.id;
	ELSE
		INSERT INTO desk.calendar_version (calendar, valid_from, zone) VALUES (cal, since, place) RETURNING id INTO v.id;
	END IF;
	INSERT INTO desk.calendar_range (version, weekday, opens, closes)
	SELECT v.id, h.weekday, h.opens, h.closes FROM desk.hours_read(hours) h;
	PERFORM desk.calendar_lay(cal);
	RETURN cal;
EXCEPTION WHEN unique_violation THEN
	RAISE 'calendar "%" has hours that overlap: two ranges begin at the same time', called USING ERRCODE = 'PT409', COLUMN = 'hours';
END
$$;
COMMENT ON FUNCTION desk.calendar_set(text, text, text, timestamptz, text) IS 'Makes a calendar, or gives one that is there new hours from an instant on (by default now): name, zone, hours as desk.hours_read() reads them, since when, and the name in words.  Hours that it has already are no change.  Refuses (PT409) an unknown zone, ranges that overlap, and a past that promises were measured by.  Returns its number.';
