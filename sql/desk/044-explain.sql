-- Why is this due then?  The ledger of a ticket's clocks, for people.

CREATE OR REPLACE FUNCTION desk.hms(seconds numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN seconds < 0 THEN '-' ELSE '' END || trunc(abs(seconds) / 3600)
	|| to_char(trunc(abs(seconds) / 60)::bigint % 60, '":"FM00') || to_char(trunc(abs(seconds))::bigint % 60, '":"FM00');
COMMENT ON FUNCTION desk.hms(numeric) IS 'Seconds as hours:minutes:seconds, such as 26:03:12; never as days, which differ from calendar to calendar.';

CREATE OR REPLACE FUNCTION desk.clock_lines(wanted int)
RETURNS TABLE (clock bigint, metric text, cycle int, line int, at timestamptz, kind text, because text, counts boolean,
	counted_seconds numeric, face desk.clock)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
	f desk.clock;
	l record;
BEGIN
	FOR c IN SELECT * FROM desk.clock x WHERE x.ticket = wanted
		ORDER BY array_position('{first response,next response,next update,resolution}'::text[], x.metric), x.cycle LOOP
		clock := c.id;
		metric := c.metric;
		cycle := c.cycle;
		FOR l IN SELECT * FROM desk.clock_ledger(desk.clock_events(c.id)) x ORDER BY x.line LOOP
			line := l.line;
			at := l.at;
			kind := l.kind;
			because := l.because;
			counts := l.counts;
			counted_seconds := l.counted_seconds;
			face := l.face;
			RETURN NEXT;
		END LOOP;
		f := face;
		IF f.state = 'running' THEN
			line := line + 1;
			at := now();
			kind := 'now';
			because := 'it runs';
			counts := true;
			counted_seconds := greatest(0, desk.clock_seconds(f.calendar, f.since, now()));
			f.used_seconds := f.used_seconds + counted_seconds;
			face := f;
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.clock_lines(int) IS 'The ledger of every clock of a ticket, replayed now; one that runs ends with a line for this moment.  face: the clock after the line.';

CREATE OR REPLACE FUNCTION desk.clock_why(wanted int)
RETURNS TABLE (metric_label text, heads boolean, promised_words text, outcome_words text, outcome_tone text, ends boolean,
	at text, at_words text, event text, because text, counted text, used text, rest text, due_at text, due_words text, has_due boolean, no_due boolean)
LANGUAGE sql STABLE
AS $$
	SELECT upper(left(m.words, 1)) || substr(m.words, 2) || CASE WHEN x.cycle > 1 THEN ', number ' || x.cycle ELSE '' END,
		x.line = 1,
		CASE WHEN x.metric = 'next update' THEN 'Promised for ' || desk.words((x.face).started_at + make_interval(secs => (x.face).target_seconds::float8))
			ELSE 'Promised within ' || desk.hms((x.face).target_seconds) || CASE WHEN (x.face).calendar IS NULL THEN ', round the clock'
				ELSE ' of ' || (SELECT k.label FROM desk.calendar k WHERE k.id = (x.face).calendar) END END,
		CASE WHEN (x.face).state = 'stopped' AND (x.face).breached_at IS NOT NULL AND (x.face).used_seconds <= (x.face).target_seconds
				THEN 'Late, until the promise was changed'
			WHEN (x.face).state = 'stopped' AND (x.face).used_seconds <= (x.face).target_seconds THEN 'Kept'
			WHEN (x.face).state = 'stopped' THEN 'Broken: that is our fault'
			WHEN (x.face).state = 'cancelled' THEN 'Fell away'
			WHEN (x.face).breached_at IS NOT NULL OR (x.face).breach_at < now() THEN 'Late: that is our fault'
			WHEN (x.face).state = 'paused' THEN 'Paused' ELSE 'Running' END
			|| coalesce('. ' || (SELECT desk.visible(b.reason) FROM desk.breach_reason b WHERE b.clock = x.clock), ''),
		CASE WHEN (x.face).state = 'cancelled' THEN 'st-pending is-wait'
			WHEN (x.face).breached_at IS NOT NULL OR (x.face).breach_at < now() THEN 'st-late is-bad'
			WHEN (x.face).state = 'stopped' THEN 'st-resolved is-ok' WHEN (x.face).state = 'paused' THEN 'st-pending is-wait' ELSE 'st-open is-ok' END,
		x.line = x.lines,
		desk.utc(x.at), desk.words(x.at),
		CASE x.kind WHEN 'start' THEN 'It began' WHEN 'reopen' THEN 'It began again' WHEN 'resume' THEN 'It went on' WHEN 'pause' THEN 'It paused'
			WHEN 'change' THEN 'Another promise' WHEN 'stop' THEN 'It stopped' WHEN 'cancel' THEN 'It fell away' ELSE 'Now' END
			|| CASE WHEN x.counts THEN '' ELSE ' (this changed nothing)' END,
		x.because, desk.hms(x.counted_seconds), desk.hms((x.face).used_seconds),
		desk.hms((x.face).target_seconds - (x.face).used_seconds),
		coalesce(desk.utc((x.face).due_at), ''), coalesce(desk.words((x.face).due_at), ''), (x.face).due_at IS NOT NULL, (x.face).due_at IS NULL
	FROM (SELECT l.*, max(l.line) OVER (PARTITION BY l.clock) AS lines FROM desk.clock_lines(wanted) l) x,
		LATERAL (SELECT substr(desk.metric_words(x.metric), 5) AS words) m
	ORDER BY array_position('{first response,next response,next update,resolution}'::text[], x.metric), x.cycle, x.line;
$$;
COMMENT ON FUNCTION desk.clock_why(int) IS 'The ledger of a ticket''s clocks in words, line by line; time as hours:minutes:seconds.  Holds nothing private: neither names nor texts.';

CREATE OR REPLACE FUNCTION desk.broken(wanted int) RETURNS TABLE (clock bigint, words text, place int)
LANGUAGE sql STABLE
AS $$
	SELECT c.id, upper(left(m.words, 1)) || substr(m.words, 2) || ', due by ' || desk.words(coalesce(c.breached_at, c.breach_at))
			|| coalesce(': ' || left(b.reason, 60), ': no reason given yet'),
		(b.clock IS NOT NULL)::int * 1000 + row_number() OVER (ORDER BY c.id)::int
	FROM desk.clock c LEFT JOIN desk.breach_reason b ON b.clock = c.id,
		LATERAL (SELECT substr(desk.metric_words(c.metric), 5) AS words) m
	WHERE c.ticket = wanted AND c.state <> 'cancelled' AND (c.breached_at IS NOT NULL OR c.breach_at < now());
$$;
COMMENT ON FUNCTION desk.broken(int) IS 'The broken promises of a ticket in words, those without a reason first.';
