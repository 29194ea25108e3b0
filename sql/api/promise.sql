-- What the program promise may call, as role desk_promise: what we promise,
-- and how we do.  Public, all of it: the promises, figures per week, and the
-- broken promises with their reasons; of a private ticket's not even the
-- number.  The figures come from desk.record_week and desk.record_total,
-- which slacheck keeps; no clock is counted for a visitor.

-- What we promise ----------------------------------------------------------------

CREATE FUNCTION api.promise_versions()
RETURNS TABLE (day text, valid_words text, is_now boolean, is_future boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT CASE WHEN isfinite(v.valid_from) THEN desk.utc(v.valid_from) ELSE 'first' END,
		CASE WHEN isfinite(v.valid_from) THEN 'from ' || desk.words(v.valid_from) ELSE 'from the beginning' END,
		v.valid_from = max(v.valid_from) FILTER (WHERE v.valid_from <= now()) OVER (), v.valid_from > now()
	FROM (SELECT DISTINCT p.valid_from FROM desk.policy p) v
	ORDER BY v.valid_from DESC;
END
$$;
COMMENT ON FUNCTION api.promise_versions() IS 'The instants at which our promises changed, the latest first; day is what api.promise_table takes.';

CREATE FUNCTION api.promise_instant(day text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at timestamptz;
BEGIN
	IF day IS NULL THEN
		RETURN now();
	END IF;
	-- only what is in the list: the page of each is the same for everybody
	SELECT p.valid_from INTO at FROM desk.policy p
	WHERE CASE WHEN isfinite(p.valid_from) THEN desk.utc(p.valid_from) ELSE 'first' END = day LIMIT 1;
	IF NOT FOUND THEN
		RAISE 'there is no such version' USING ERRCODE = 'PT404';
	END IF;
	-- "first" held until something else did; a finite instant is its own
	RETURN CASE WHEN isfinite(at) THEN at ELSE '1900-01-01Z'::timestamptz END;
END
$$;
COMMENT ON FUNCTION api.promise_instant(text) IS 'The instant that a version of api.promise_versions stands for; now for NULL.  PT404 when there is none.';

CREATE FUNCTION api.promise_span(seconds numeric, is_same_day boolean, is_always boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n bigint := seconds;
	words text := CASE
		WHEN is_always AND n >= 2 * 86400 AND n % 86400 = 0 THEN n / 86400 || ' days'
		WHEN n < 3600 THEN n / 60 || ' min'
		WHEN n % 3600 < 60 THEN n / 3600 || ' h'
		ELSE n / 3600 || ' h ' || n % 3600 / 60 || ' min' END;
BEGIN
	RETURN CASE WHEN is_same_day THEN format('the same day, or %s if that is later', words) ELSE words END;
END
$$;
COMMENT ON FUNCTION api.promise_span(numeric, boolean, boolean) IS 'A promised time to the minute; in days only where all 24 hours count.';

CREATE FUNCTION api.promise_table(day text)
RETURNS TABLE (plan text, plan_label text, channel text, channel_label text, severity smallint, severity_name text, severity_impact text,
	answer text, answer_hours text, next text, next_hours text, solve text, solve_hours text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	at timestamptz := api.promise_instant(day);
BEGIN
	RETURN QUERY
	SELECT t.name, t.label, c.name, c.label, s.level, s.name, s.impact,
		api.promise_span(p.answer_seconds, p.same_day, p.answer_calendar IS NULL), coalesce(ka.label, ''),
		api.promise_span(coalesce(p.next_seconds, p.answer_seconds), false, p.next_calendar IS NULL), coalesce(kn.label, ''),
		api.promise_span(p.solve_seconds, false, p.solve_calendar IS NULL), coalesce(ks.label, '')
	FROM (SELECT NULL AS name, 'Everybody' AS label, 0 AS position
		UNION ALL
		-- a plan is worth a table when something was promised to it
		SELECT x.name, x.label, x.position + 1 FROM desk.plan x
		WHERE EXISTS (SELECT FROM desk.policy y WHERE y.plan = x.name AND y.valid_from <= at)) t
	CROSS JOIN desk.channel c CROSS JOIN desk.severity s
	CROSS JOIN LATERAL desk.policy_for(at, s.level, c.name, t.name) p
	LEFT JOIN desk.calendar ka ON ka.id = p.answer_calendar
	LEFT JOIN desk.calendar kn ON kn.id = p.next_calendar
	LEFT JOIN desk.calendar ks ON ks.id = p.solve_calendar
	ORDER BY t.position, t.name NULLS FIRST, c.name <> 'web', c.label, s.level;
END
$$;
COMMENT ON FUNCTION api.promise_table(text) IS 'What is promised, by plan (NULL for everybody), channel and severity, out of the very rows that clocks follow: first answer, every later one, solution, each with the hours that count ("" for round the clock).  PT404 for a version that does not exist.';

CREATE FUNCTION api.promise_hours(day text)
RETURNS TABLE (label text, hours text, zone text, holidays text, has_holidays boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	at timestamptz := api.promise_instant(day);
BEGIN
	RETURN QUERY
	SELECT k.label, coalesce(desk.hours_words(v.id), ''), v.zone, h.words, h.words IS NOT NULL
	FROM desk.calendar k
	CROSS JOIN LATERAL (SELECT x.* FROM desk.calendar_version x WHERE x.calendar = k.id AND x.valid_from <= greatest(at, now())
		ORDER BY x.valid_from DESC LIMIT 1) v
	CROSS JOIN LATERAL (SELECT string_agg(to_char(d.day, 'FMDD Mon YYYY') || ' ' || d.name, ', ' ORDER BY d.day) AS words
		FROM (SELECT y.day, y.name FROM desk.holiday y WHERE y.calendar = k.id
			AND y.day >= (now() AT TIME ZONE v.zone)::date ORDER BY y.day LIMIT 12) d) h
	WHERE k.id IN (SELECT unnest(ARRAY[p.answer_calendar, p.next_calendar, p.solve_calendar]) FROM desk.policies_at(at) p)
	ORDER BY k.label;
END
$$;
COMMENT ON FUNCTION api.promise_hours(text) IS 'The calendars that those promises count in, in words, with their next holidays.';

-- How we do -----------------------------------------------------------------------

CREATE FUNCTION api.record_weeks() RETURNS TABLE (week date)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	this date := desk.week_of(now());
BEGIN
	RETURN QUERY SELECT d::date FROM generate_series(
		greatest(this - 175, least(this - 49, (SELECT min(t.week) FROM desk.record_total t WHERE t.filed > 0)))::timestamp,
		this::timestamp, interval '7 days') d;
END
$$;
COMMENT ON FUNCTION api.record_weeks() IS 'The weeks that the page shows: at most 26, at least 8, the present one last.';

CREATE FUNCTION api.record_table()
RETURNS TABLE (week date, week_label text, is_now boolean, filed int, solved int, met int, breached int, kept text,
	answered int, mean_words text, p50_words text, p90_words text, mean_seconds bigint, p50_seconds bigint, p90_seconds bigint,
	updates_met int, updates_breached int, missed_minutes int, is_missed boolean, missed_words text, changed_at text, week_at text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT w.week, 'W' || to_char(w.week, 'IW'), w.week = max(w.week) OVER (), coalesce(t.filed, 0), coalesce(t.solved, 0), p.met, p.breached,
		CASE WHEN p.met + p.breached > 0 THEN trunc(100.0 * p.met / (p.met + p.breached)) || ' %' ELSE '–' END,
		coalesce(a.stopped, 0), desk.hours_short(a.mean_seconds), desk.hours_short(a.p50_seconds), desk.hours_short(a.p90_seconds),
		a.mean_seconds, a.p50_seconds, a.p90_seconds, coalesce(u.met, 0), coalesce(u.breached, 0),
		coalesce(t.missed_minutes, 0), t.missed_minutes > 0, CASE WHEN t.missed_minutes > 0 THEN t.missed_minutes || ' min' ELSE '–' END,
		desk.utc(coalesce(t.changed_at, desk.week_at(w.week))), to_char(w.week, 'YYYY-MM-DD')
	FROM api.record_weeks() w
	LEFT JOIN desk.record_total t ON t.week = w.week
	LEFT JOIN desk.record_week a ON a.week = w.week AND a.metric = 'first response' AND a.channel = 'all' AND a.severity = 0
	LEFT JOIN desk.record_week u ON u.week = w.week AND u.metric = 'next update' AND u.channel = 'all' AND u.severity = 0
	CROSS JOIN LATERAL (SELECT coalesce(sum(r.met), 0)::int AS met, coalesce(sum(r.breached), 0)::int AS breached
		FROM desk.record_week r WHERE r.week = w.week AND r.channel = 'all' AND r.severity = 0) p
	ORDER BY w.week;
END
$$;
COMMENT ON FUNCTION api.record_table() IS 'The weeks in figures: tickets, all promises kept and broken, the first answer, promised updates kept and broken, minutes in which nobody watched the clocks.';

CREATE FUNCTION api.record_summary()
RETURNS TABLE (unanswered bigint, met bigint, breached bigint, kept text, weeks bigint, since_words text, answer_words text, answer_week text,
	updates_met bigint, updates_breached bigint, made_at text, made_words text, is_made boolean, target_words text, has_target boolean, zone text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH t AS MATERIALIZED (SELECT * FROM api.record_table())
	SELECT desk.unanswered_count(), s.met, s.breached,
		CASE WHEN s.met + s.breached > 0 THEN trunc(100.0 * s.met / (s.met + s.breached), 1) || ' %' ELSE '–' END,
		s.weeks, to_char(s.first, 'FMDD Mon YYYY'), coalesce(l.p50_words, '–'), coalesce(l.week_label, ''),
		s.updates_met, s.updates_breached, desk.utc(r.renewed_at), desk.words(r.renewed_at), r.renewed_at IS NOT NULL,
		desk.span_words(g.mean_seconds), g.mean_seconds IS NOT NULL, desk.zone()
	FROM (SELECT sum(t.met) AS met, sum(t.breached) AS breached, count(*) AS weeks, min(t.week) AS first,
			sum(t.updates_met) AS updates_met, sum(t.updates_breached) AS updates_breached FROM t) s
	LEFT JOIN (SELECT t.p50_words, t.week_label FROM t WHERE NOT t.is_now AND t.answered > 0 ORDER BY t.week DESC LIMIT 1) l ON true
	LEFT JOIN desk.last_run r ON r.program = 'slacheck'
	LEFT JOIN desk.target g ON g.metric = 'first response';
END
$$;
COMMENT ON FUNCTION api.record_summary() IS 'The figures above the charts; kept is rounded down.';

-- The charts.  Widths in percent, heights in pixels: the text keeps its size
-- on a phone.  The plot lies between y = 20 and y = 150.
CREATE FUNCTION api.record_chart(chart text)
RETURNS TABLE (part text, x numeric, x2 numeric, wide numeric, y numeric, height numeric, y2 numeric, height2 numeric,
	label text, words text, words2 text, is_labelled boolean, is_over boolean, points text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	is_line boolean := chart = 'answer';
	goal bigint := CASE WHEN chart = 'answer' THEN (SELECT g.mean_seconds FROM desk.target g WHERE g.metric = 'first response') END;
	top numeric;
	step numeric;
	unit numeric := CASE WHEN chart = 'answer' THEN 60 ELSE 1 END;
BEGIN
	IF chart NOT IN ('tickets', 'promises', 'answer') THEN
		RAISE 'there is no such chart' USING ERRCODE = 'PT404';
	END IF;
	SELECT greatest(max(CASE chart WHEN 'tickets' THEN greatest(t.filed, t.solved) WHEN 'promises' THEN greatest(t.met, t.breached)
		ELSE t.mean_seconds END), goal * 1.1, CASE WHEN is_line THEN 600 ELSE 3 END) INTO top FROM api.record_table() t;
	-- three or four lines at numbers that one can say
	SELECT s.n INTO step FROM unnest(CASE WHEN is_line THEN ARRAY[300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 2592000]
		ELSE ARRAY[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 1000000] END) s (n)
	WHERE s.n * 4 >= top ORDER BY s.n LIMIT 1;
	step := coalesce(step, top / 4);
	top := step * ceil(top / step);
	RETURN QUERY
	WITH t AS MATERIALIZED (SELECT r.*, row_number() OVER (ORDER BY r.week) - 1 AS i, count(*) OVER () AS n FROM api.record_table() r),
	bar AS (
		SELECT t.*, round(7 + 93.0 * t.i / t.n, 2) AS left_x, round(93.0 / t.n, 3) AS slot,
			CASE chart WHEN 'tickets' THEN t.filed ELSE t.met END AS a, CASE chart WHEN 'tickets' THEN t.solved ELSE t.breached END AS b
		FROM t
	)
	SELECT 'grid', NULL::numeric, NULL::numeric, NULL::numeric, round(150 - 130 * g.v / top, 1), NULL::numeric, round(154 - 130 * g.v / top, 1), NULL::numeric,
		CASE WHEN is_line THEN CASE WHEN g.v = 0 THEN '0' ELSE desk.hours_short(g.v) END ELSE trim_scale(g.v)::text END,
		NULL, NULL, false, false, NULL
	FROM generate_series(0, top, step) g (v)
	UNION ALL
	SELECT 'bar', b.left_x, round(b.left_x + b.slot * 0.45, 2), round(b.slot * 0.4, 2),
		round(150 - 130 * b.a / top, 1), round(130 * b.a / top, 1), round(150 - 130 * b.b / top, 1), round(130 * b.b / top, 1),
		b.week_label, b.week_label || ': ' || b.a || CASE chart WHEN 'tickets' THEN ' reported' ELSE ' kept' END,
		b.week_label || ': ' || b.b || CASE chart WHEN 'tickets' THEN ' solved' ELSE ' broken' END,
		b.n <= 9 OR (b.n - 1 - b.i) % 4 = 0, false, NULL
	FROM bar b WHERE NOT is_line
	UNION ALL
	SELECT 'point', round(b.left_x + b.slot / 2, 2), NULL, NULL, round(150 - 130 * b.mean_seconds / top, 1), NULL, NULL, NULL,
		b.week_label, b.week_label || ': ' || b.mean_words, NULL, false, b.mean_seconds > goal, NULL
	FROM bar b WHERE is_line AND b.mean_seconds IS NOT NULL
	UNION ALL
	SELECT 'tick', round(b.left_x + b.slot / 2, 2), NULL, NULL, NULL, NULL, NULL, NULL, b.week_label, NULL, NULL,
		b.n <= 9 OR (b.n - 1 - b.i) % 4 = 0, false, NULL
	FROM bar b
	UNION ALL
	SELECT 'goal', NULL, NULL, NULL, round(150 - 130 * goal / top, 1), NULL, round(144 - 130 * goal / top, 1), NULL,
		'we aim at ' || desk.span_words(goal), NULL, NULL, true, false, NULL
	WHERE goal IS NOT NULL
	UNION ALL
	SELECT 'line', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false,
		string_agg(round(b.left_x + b.slot / 2, 2) || ',' || round(150 - 130 * b.mean_seconds / top, 1), ' ' ORDER BY b.week)
	FROM bar b WHERE is_line AND b.mean_seconds IS NOT NULL HAVING count(*) > 1;
END
$$;
COMMENT ON FUNCTION api.record_chart(text) IS 'The parts of a chart, placed: tickets, promises, or answer.';

CREATE FUNCTION api.record_groups()
RETURNS TABLE (metric text, channel text, severity text, name text, is_total boolean, met bigint, breached bigint, kept text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT desk.title_words(r.metric), r.channel, r.severity::text,
		CASE WHEN r.severity > 0 THEN format('S%s %s', r.severity, (SELECT s.name FROM desk.severity s WHERE s.level = r.severity))
			WHEN r.channel <> 'all' THEN (SELECT c.label FROM desk.channel c WHERE c.name = r.channel) ELSE 'All' END,
		r.channel = 'all' AND r.severity = 0, sum(r.met), sum(r.breached),
		CASE WHEN sum(r.met) + sum(r.breached) > 0 THEN trunc(100.0 * sum(r.met) / (sum(r.met) + sum(r.breached))) || ' %' ELSE '–' END
	FROM desk.record_week r JOIN api.record_weeks() w ON w.week = r.week
	WHERE r.channel = 'all' OR r.severity = 0
	GROUP BY r.metric, r.channel, r.severity
	ORDER BY array_position('{first response,next response,resolution,next update}'::text[], r.metric),
		r.channel = 'all' AND r.severity = 0 DESC, r.channel = 'all', r.channel, r.severity;
END
$$;
COMMENT ON FUNCTION api.record_groups() IS 'Promises kept and broken in the weeks shown, per metric: all, by channel, by severity.';

CREATE FUNCTION api.record_breaches(most int)
RETURNS TABLE (ticket int, is_public boolean, title text, metric text, severity smallint, severity_name text, channel text, breached_at text, breached_words text,
	promised text, late text, is_open boolean, met_after_change boolean, reason text, has_reason boolean, no_reason boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT p.number, p.number IS NOT NULL, CASE WHEN p.number IS NULL THEN 'A private ticket' ELSE format('#%s %s', p.number, p.subject) END,
		desk.title_words(b.metric), b.severity, (SELECT s.name FROM desk.severity s WHERE s.level = b.severity),
		(SELECT c.label FROM desk.channel c WHERE c.name = b.channel),
		desk.utc(b.breached_at), desk.words(b.breached_at),
		CASE WHEN b.metric = 'next update' THEN 'for a date' ELSE 'within ' || api.promise_span(b.target_seconds, false, b.calendar = 'always') END,
		desk.hours_short(b.late_seconds), b.is_running, b.met_after_change, b.reason, b.reason IS NOT NULL, b.reason IS NULL
	FROM desk.breaches(desk.week_at((SELECT min(w.week) FROM api.record_weeks() w)), now(), least(most, 500)) b
	LEFT JOIN desk.public_ticket p ON p.number = b.ticket
	ORDER BY b.breached_at DESC, b.clock DESC;
END
$$;
COMMENT ON FUNCTION api.record_breaches(int) IS 'The latest promises that were broken in the weeks shown, each with its reason.  A private ticket is "a private ticket", without its number.';

CREATE FUNCTION api.record_csv()
RETURNS TABLE (week text, metric text, channel text, severity text, met int, breached int, met_after_change int, stopped int,
	mean_seconds bigint, p50_seconds bigint, p90_seconds bigint, p95_seconds bigint,
	calendar_p50_seconds bigint, calendar_p90_seconds bigint, calendar_p95_seconds bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT desk.utc(desk.week_at(r.week)), r.metric, r.channel, CASE r.severity WHEN 0 THEN 'all' ELSE r.severity::text END,
		r.met, r.breached, r.met_after_change, r.stopped, r.mean_seconds, r.p50_seconds, r.p90_seconds, r.p95_seconds,
		r.calendar_p50_seconds, r.calendar_p90_seconds, r.calendar_p95_seconds
	FROM desk.record_week r WHERE r.week >= (SELECT min(w.week) FROM api.record_weeks() w)
	ORDER BY r.week, r.metric, r.channel = 'all' DESC, r.channel, r.severity;
END
$$;
COMMENT ON FUNCTION api.record_csv() IS 'All figures of the weeks shown, per metric, channel and severity: the instant at which the week began in UTC, whole seconds.';

CREATE FUNCTION api.record_tickets_csv()
RETURNS TABLE (week text, filed int, solved int, promises_met int, promises_breached int, updates_met int, updates_breached int,
	first_answers int, mean_seconds bigint, p50_seconds bigint, p90_seconds bigint, unwatched_minutes int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT desk.utc(desk.week_at(t.week)), t.filed, t.solved, t.met, t.breached, t.updates_met, t.updates_breached,
		t.answered, t.mean_seconds, t.p50_seconds, t.p90_seconds, t.missed_minutes
	FROM api.record_table() t;
END
$$;
COMMENT ON FUNCTION api.record_tickets_csv() IS 'The table of the page: one row for each week.';

CREATE FUNCTION api.record_breaches_csv()
RETURNS TABLE (breached_at text, ticket int, metric text, severity smallint, channel text, promised text, late_seconds bigint, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT desk.utc(b.breached_at), p.number, b.metric, b.severity, b.channel,
		CASE WHEN b.metric = 'next update' THEN 'for a date' ELSE 'within ' || api.promise_span(b.target_seconds, false, b.calendar = 'always') END, b.late_seconds, b.reason
	FROM desk.breaches(desk.week_at((SELECT min(w.week) FROM api.record_weeks() w)), now(), 5000) b
	LEFT JOIN desk.public_ticket p ON p.number = b.ticket
	ORDER BY b.breached_at DESC, b.clock DESC;
END
$$;
COMMENT ON FUNCTION api.record_breaches_csv() IS 'The same broken promises, up to 5,000, without what a page needs; no number for a private ticket.';

GRANT USAGE ON SCHEMA api TO desk_promise;
GRANT EXECUTE ON FUNCTION
	api.promise_versions(),
	api.promise_table(text),
	api.promise_hours(text),
	api.record_table(),
	api.record_summary(),
	api.record_chart(text),
	api.record_groups(),
	api.record_breaches(int),
	api.record_csv(),
	api.record_tickets_csv(),
	api.record_breaches_csv()
TO desk_promise;
