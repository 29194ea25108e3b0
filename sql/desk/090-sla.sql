-- What the checker and the reports have in common.

CREATE OR REPLACE FUNCTION desk.span_short(seconds numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN seconds IS NULL THEN '-'
	WHEN seconds < 60 THEN '<1m'
	WHEN seconds < 3600 THEN trunc(seconds / 60) || 'm'
	WHEN seconds < 48 * 3600 THEN trunc(seconds / 3600) || 'h' || to_char(trunc(seconds / 60)::bigint % 60, 'FM00')
	ELSE trunc(seconds / 86400) || 'd' || to_char(trunc(seconds / 3600)::bigint % 24, 'FM00') || 'h'
END;
COMMENT ON FUNCTION desk.span_short(numeric) IS 'Seconds for a narrow table: <1m, 45m, 4h05, 3d02h, and - for NULL.  Never rounded up.';

CREATE OR REPLACE FUNCTION desk.hours_short(seconds numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN seconds IS NULL THEN '-'
	WHEN seconds < 60 THEN '<1m'
	WHEN seconds < 3600 THEN trunc(seconds / 60) || 'm'
	ELSE trunc(seconds / 3600) || 'h' || to_char(trunc(seconds / 60)::bigint % 60, 'FM00')
END;
COMMENT ON FUNCTION desk.hours_short(numeric) IS 'The same for time in the hours of a calendar: never in days, whose length would have to be told.';

CREATE OR REPLACE FUNCTION desk.publish_missed(wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.public_ticket SET answer_missed = true WHERE number = wanted AND NOT answer_missed;
END
$$;
COMMENT ON FUNCTION desk.publish_missed(int) IS 'Say in public that the first answer came late, or has not come in time.';

-- Weeks ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.week_of(at timestamptz) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN date_trunc('week', at AT TIME ZONE desk.zone())::date;
END
$$;
COMMENT ON FUNCTION desk.week_of(timestamptz) IS 'The Monday of the week that an instant lies in, in the desk''s zone.';

CREATE OR REPLACE FUNCTION desk.week_at(week date) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.local_instant(desk.zone(), week, 0);
END
$$;
COMMENT ON FUNCTION desk.week_at(date) IS 'The instant at which a day begins in the desk''s zone, for the Monday of a week.';

-- What the promises came to ------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.record_weeks(since date, until date)
RETURNS TABLE (week date, metric text, channel text, severity smallint, met int, breached int, met_after_change int, stopped int,
	mean_seconds bigint, p50_seconds bigint, p90_seconds bigint, p95_seconds bigint,
	calendar_p50_seconds bigint, calendar_p90_seconds bigint, calendar_p95_seconds bigint)
-- a week is a small part of all: by the indexes, not through the table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET random_page_cost = 1.1
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH span AS MATERIALIZED (
		SELECT d::date AS week, desk.week_at(d::date) AS from_at, desk.week_at(d::date + 7) AS until_at
		FROM generate_series(since::timestamp, until::timestamp, interval '7 days') d
	), fact AS MATERIALIZED (
		SELECT f.metric, f.channel, f.severity, f.outcome, f.state, f.used_seconds, f.elapsed_seconds, f.decided_at
		FROM report.clock f WHERE f.noted_at >= desk.week_at(since) AND f.noted_at < desk.week_at(until + 7)
		UNION ALL
		-- broken a moment ago, and slacheck has not been by
		SELECT f.metric, f.channel, f.severity, f.outcome, f.state, f.used_seconds, f.elapsed_seconds, f.decided_at
		FROM report.clock f WHERE f.state = 'running' AND f.due_at < now() AND f.noted_at IS NULL AND f.decided_at < desk.week_at(until + 7)
	), sum AS (
		SELECT s.week, f.metric, coalesce(f.channel, 'all') AS channel, coalesce(f.severity, 0)::smallint AS severity,
			count(*) FILTER (WHERE f.outcome = 'met')::int AS met,
			count(*) FILTER (WHERE f.outcome <> 'met')::int AS breached,
			count(*) FILTER (WHERE f.outcome = 'met after change')::int AS met_after_change,
			count(*) FILTER (WHERE f.state = 'stopped')::int AS stopped,
			(avg(f.used_seconds) FILTER (WHERE f.state = 'stopped'))::bigint AS mean,
			percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY f.used_seconds) FILTER (WHERE f.state = 'stopped') AS p,
			percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY f.elapsed_seconds) FILTER (WHERE f.state = 'stopped') AS q
		FROM fact f JOIN span s ON f.decided_at >= s.from_at AND f.decided_at < s.until_at
		GROUP BY s.week, f.metric, CUBE (f.channel, f.severity)
	)
	SELECT x.week, x.metric, x.channel, x.severity, x.met, x.breached, x.met_after_change, x.stopped,
		x.mean, x.p[1], x.p[2], x.p[3], x.q[1], x.q[2], x.q[3] FROM sum x;
END
$$;
COMMENT ON FUNCTION desk.record_weeks(date, date) IS 'The figures of desk.record_week from one Monday to another, reckoned from the clocks.';

CREATE OR REPLACE FUNCTION desk.record_totals(since date, until date)
RETURNS TABLE (week date, filed int, solved int, missed_minutes int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT s.week,
		(SELECT count(*) FROM desk.ticket t WHERE t.filed_at >= s.from_at AND t.filed_at < s.until_at)::int,
		(SELECT count(*) FROM desk.change h
			WHERE h.field = 'state' AND h.new = 'resolved' AND h.changed_at >= s.from_at AND h.changed_at < s.until_at)::int,
		(SELECT coalesce(sum(m.minutes), 0) FROM desk.missed_run m WHERE m.until_at >= s.from_at AND m.until_at < s.until_at)::int
	FROM (SELECT d::date AS week, desk.week_at(d::date) AS from_at, desk.week_at(d::date + 7) AS until_at
		FROM generate_series(since::timestamp, until::timestamp, interval '7 days') d) s;
END
$$;
COMMENT ON FUNCTION desk.record_totals(date, date) IS 'The figures of desk.record_total from one Monday to another.';

CREATE OR REPLACE FUNCTION desk.record_renew(weeks int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	until CONSTANT date := desk.week_of(now());
	since CONSTANT date := until - 7 * (weeks - 1);
	n int;
	changed int := 0;
BEGIN
	-- one at a time; who comes second need not do it again
	IF NOT pg_try_advisory_xact_lock(hashtext('desk.record_renew')) THEN
		RETURN 0;
	END IF;
	WITH fresh AS MATERIALIZED (
		SELECT * FROM desk.record_weeks(since, until)
	), gone AS (
		DELETE FROM desk.record_week r WHERE r.week BETWEEN since AND until AND NOT EXISTS (SELECT FROM fresh f
			WHERE (f.week, f.metric, f.channel, f.severity) = (r.week, r.metric, r.channel, r.severity))
		RETURNING 1
	), kept AS (
		INSERT INTO desk.record_week AS r SELECT f.* FROM fresh f
		WHERE NOT EXISTS (SELECT FROM desk.record_week o WHERE o.week = f.week AND o.metric = f.metric
			AND o.channel = f.channel AND o.severity = f.severity AND (o.*) IS NOT DISTINCT FROM (f.*))
		ON CONFLICT (week, metric, channel, severity) DO UPDATE SET
			met = excluded.met, breached = excluded.breached, met_after_change = excluded.met_after_change, stopped = excluded.stopped,
			mean_seconds = excluded.mean_seconds, p50_seconds = excluded.p50_seconds, p90_seconds = excluded.p90_seconds,
			p95_seconds = excluded.p95_seconds, calendar_p50_seconds = excluded.calendar_p50_seconds,
			calendar_p90_seconds = excluded.calendar_p90_seconds, calendar_p95_seconds = excluded.calendar_p95_seconds
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM kept) INTO n;
	changed := changed + n;
	INSERT INTO desk.record_total AS r (week, filed, solved, missed_minutes)
	SELECT f.week, f.filed, f.solved, f.missed_minutes FROM desk.record_totals(since, until) f
	WHERE NOT EXISTS (SELECT FROM desk.record_total o WHERE o.week = f.week
		AND (o.filed, o.solved, o.missed_minutes) = (f.filed, f.solved, f.missed_minutes))
	ON CONFLICT (week) DO UPDATE SET filed = excluded.filed, solved = excluded.solved,
		missed_minutes = excluded.missed_minutes, changed_at = now();
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN changed + n;
END
$$;
COMMENT ON FUNCTION desk.record_renew(int) IS 'Reckon the figures of this week and so many before it anew, and write those that have changed.  Returns how many rows.';

CREATE OR REPLACE FUNCTION desk.record_due() RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at timestamptz := (SELECT renewed_at FROM desk.last_run WHERE program = 'slacheck');
BEGIN
	RETURN CASE
		-- once a day all that the page shows: a ticket of those weeks may
		-- have been opened again
		WHEN at IS NULL OR (at AT TIME ZONE desk.zone())::date <> (now() AT TIME ZONE desk.zone())::date THEN 27
		WHEN at < now() - interval '10 minutes' THEN 2
		ELSE 0 END;
END
$$;
COMMENT ON FUNCTION desk.record_due() IS 'How many weeks of figures it is time to renew: this and the last every 10 minutes, half a year once a day, else 0.';

CREATE OR REPLACE FUNCTION desk.record_tick() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	weeks int := desk.record_due();
	changed int := 0;
BEGIN
	IF weeks > 0 THEN
		changed := desk.record_renew(weeks);
		UPDATE desk.last_run SET renewed_at = now() WHERE program = 'slacheck';
	END IF;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION desk.record_tick() IS 'Renew the weekly figures when it is time.  Returns how many rows have changed.';

-- The pulse -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.pulse(steps_failed int) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last desk.last_run;
	gap numeric;
BEGIN
	SELECT * INTO last FROM desk.last_run WHERE program = 'slacheck' FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		-- the first run of all has reckoned the figures, too
		INSERT INTO desk.last_run (program, ran_at, failed, renewed_at)
		VALUES ('slacheck', now(), steps_failed, CASE steps_failed WHEN 0 THEN now() END) ON CONFLICT DO NOTHING;
		RETURN FOUND;
	END IF;
	IF last.ran_at >= date_trunc('minute', now()) AND last.failed = steps_failed THEN
		RETURN false;
	END IF;
	gap := extract(epoch FROM now() - last.ran_at);
	UPDATE desk.last_run SET ran_at = now(), failed = steps_failed WHERE program = 'slacheck';
	IF gap >= 150 THEN
		INSERT INTO desk.missed_run (program, from_at, until_at, minutes)
		VALUES ('slacheck', last.ran_at, now(), round(gap / 60) - 1) ON CONFLICT DO NOTHING;
		IF FOUND AND gap >= 600 THEN
			PERFORM desk.mail_staff('alarm', NULL, NULL, format('Nobody watched the clocks for %s', desk.span_words(gap)),
				format(E'slacheck did not run from %s to %s.\nWhat fell due in that time was noted just now, with its true time.\nIs cron all right?',
					desk.words(last.ran_at), desk.words(now())));
		END IF;
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.pulse(int) IS 'slacheck got to its end.  Written at most once a minute; a gap of more than two minutes becomes a row of desk.missed_run, and from ten minutes on a mail to those on duty.';
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.missed_run FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();

-- The report ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.group_words(via text, level text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT left(CASE
		WHEN level = 'all' AND via = 'all' THEN 'All'
		WHEN level = 'all' THEN (SELECT c.label FROM desk.channel c WHERE c.name = via)
		ELSE '  S' || level || ' ' || (SELECT s.name FROM desk.severity s WHERE s.level::text = group_words.level) END, 24);
$$;
COMMENT ON FUNCTION desk.group_words(text, text) IS 'The name of a line of the report: All or a channel, or below it a severity.';

CREATE OR REPLACE FUNCTION desk.title_words(metric text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN upper(left(metric, 1)) || substr(metric, 2);
COMMENT ON FUNCTION desk.title_words(text) IS 'A metric as a heading.';

CREATE OR REPLACE FUNCTION desk.promise_list(heading text) RETURNS TABLE (number int, severity smallint, due_at timestamptz, subject text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT t.number, t.severity, p.due_at, CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '(private)' END
	FROM (
		SELECT x.number, x.answer_due_at FROM desk.ticket x
		WHERE heading = 'Open, and nobody has answered yet' AND x.state <> 'resolved' AND x.answered_at IS NULL
		UNION ALL
		SELECT x.number, x.next_update_by FROM desk.ticket x
		WHERE heading = 'Updates that were promised and have not come' AND x.state <> 'resolved' AND x.next_update_by < now()
		UNION ALL
		SELECT c.ticket, c.due_at FROM desk.clock c
		WHERE heading = 'Questions that wait for their next answer too long' AND c.state = 'running' AND c.metric = 'next response'
		  AND c.breach_at < now()
		UNION ALL
		SELECT c.ticket, c.due_at FROM desk.clock c JOIN desk.ticket x ON x.number = c.ticket
		WHERE heading = 'Answered, and the solution is late or at risk' AND c.state = 'running' AND c.metric = 'resolution'
		  AND (c.breach_at < now() OR c.warn_at <= now()) AND x.answered_at IS NOT NULL
	) p (number, due_at) JOIN desk.ticket t ON t.number = p.number;
$$;
COMMENT ON FUNCTION desk.promise_list(text) IS 'The tickets that the report lists under a heading.  No subject of a private one.';

CREATE OR REPLACE FUNCTION desk.promise_headings() RETURNS SETOF text
LANGUAGE sql IMMUTABLE
AS $$
	VALUES ('Open, and nobody has answered yet'), ('Updates that were promised and have not come'),
		('Questions that wait for their next answer too long'), ('Answered, and the solution is late or at risk');
$$;
COMMENT ON FUNCTION desk.promise_headings() IS 'The headings of desk.promise_list.';

CREATE OR REPLACE FUNCTION desk.due_short(due_at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN due_at IS NULL THEN 'no due time' WHEN due_at < now() THEN 'late ' || desk.span_short(extract(epoch FROM now() - due_at))
	ELSE 'due in ' || desk.span_short(extract(epoch FROM due_at - now())) END;
COMMENT ON FUNCTION desk.due_short(timestamptz) IS 'How a promise stands now: late 4h05, due in 45m.';

CREATE OR REPLACE FUNCTION desk.open_promises() RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	heading text;
	lines text[];
BEGIN
	FOR heading IN SELECT * FROM desk.promise_headings() LOOP
		SELECT array_agg(format('%8s  S%s  %-14s  %s', '#' || p.number, p.severity, desk.due_short(p.due_at), left(p.subject, 40))
			ORDER BY p.due_at, p.number) INTO lines
		FROM desk.promise_list(heading) p;
		RETURN QUERY SELECT '';
		RETURN QUERY SELECT format('%s: %s', heading, coalesce(cardinality(lines)::text, 'none'));
		RETURN QUERY SELECT * FROM unnest(lines);
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.open_promises() IS 'Every open ticket that has no answer, an update or a later answer overdue, or a solution late or at risk: lines of at most 72 columns.';

CREATE OR REPLACE FUNCTION desk.wrapped(t text, wide int) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
	word text;
	line text;
BEGIN
	FOREACH word IN ARRAY regexp_split_to_array(btrim(desk.visible(t), E' \n\r\t'), '\s+') LOOP
		WHILE length(word) > wide LOOP	-- no word may make a line longer
			IF line IS NOT NULL THEN
				RETURN NEXT line;
				line := NULL;
			END IF;
			RETURN NEXT left(word, wide);
			word := substr(word, wide + 1);
		END LOOP;
		IF line IS NULL THEN
			line := word;
		ELSIF length(line) + 1 + length(word) <= wide THEN
			line := line || ' ' || word;
		ELSE
			RETURN NEXT line;
			line := word;
		END IF;
	END LOOP;
	IF line <> '' THEN
		RETURN NEXT line;
	END IF;
END
$$;
COMMENT ON FUNCTION desk.wrapped(text, int) IS 'A text in lines of at most so many characters.';

CREATE OR REPLACE FUNCTION desk.html_row(cell text, VARIADIC texts text[]) RETURNS xml
LANGUAGE sql IMMUTABLE
AS $$
	SELECT xmlelement(name tr, xmlagg(CASE cell WHEN 'th' THEN xmlelement(name th, coalesce(nullif(desk.visible(x.t), ''), '-'))
		ELSE xmlelement(name td, coalesce(nullif(desk.visible(x.t), ''), '-')) END ORDER BY x.place))
	FROM unnest(texts) WITH ORDINALITY x (t, place);
$$;
COMMENT ON FUNCTION desk.html_row(text, text[]) IS 'A row of a table, escaped; a cell without a text is "-".';

CREATE OR REPLACE FUNCTION desk.breaches(since timestamptz, until timestamptz, most int)
RETURNS TABLE (clock bigint, ticket int, metric text, severity smallint, channel text, is_private boolean, breached_at timestamptz,
	stopped_at timestamptz, late_seconds bigint, calendar text, target_seconds bigint, is_running boolean, met_after_change boolean, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT c.clock, c.ticket, c.metric, c.severity, c.channel, t.visibility = 'private', c.breached_at, c.stopped_at,
		greatest(0, c.used_seconds - c.target_seconds), c.calendar, c.target_seconds,
		c.state IN ('running', 'paused'), c.outcome = 'met after change', c.reason
	FROM (
		SELECT x.clock FROM (
			(SELECT c.id AS clock, c.breached_at FROM desk.clock c
			WHERE c.breached_at >= breaches.since AND c.breached_at < breaches.until ORDER BY c.breached_at DESC LIMIT most)
			UNION ALL
			(SELECT c.id, c.breach_at FROM desk.clock c
			WHERE c.state = 'running' AND c.due_at < now() AND c.breached_at IS NULL AND c.breach_at < now()
			  AND c.breach_at >= breaches.since AND c.breach_at < breaches.until ORDER BY c.breach_at DESC LIMIT most)) x
		ORDER BY x.breached_at DESC LIMIT most) w
	JOIN report.clock c ON c.clock = w.clock JOIN desk.ticket t ON t.number = c.ticket
	ORDER BY c.breached_at DESC, c.clock;
END
$$;
COMMENT ON FUNCTION desk.breaches(timestamptz, timestamptz, int) IS 'The latest promises that were broken in a period, each with its reason if one was given.';
