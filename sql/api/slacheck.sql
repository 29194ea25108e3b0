-- What slacheck may call, as role desk_slacheck:
--
--	sla_check(most)			look at up to so many clocks that are due
--	sla_clean(most)			forget what is no longer needed
--	sla_status()			one line for a monitoring system
--	sla_report(since, until)	the figures, one row per group
--	sla_report_text(since, until)	the same to be read, in 72 columns
--	sla_report_json(since, until)	the same for a program
--
-- It sees no message, no note, no address, and no subject of a private
-- ticket.  The grants stand at the end.

CREATE FUNCTION api.sla_check(most int)
RETURNS TABLE (looked int, warned int, breached int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due record;
	c desk.clock;
	t desk.ticket;
	is_late boolean;
BEGIN
	looked := 0;
	warned := 0;
	breached := 0;
	-- The ticket is locked as well, as all who turn clocks do first; what
	-- somebody else holds is left to the next run: nobody waits for us.
	FOR due IN
		SELECT x AS clock, y AS ticket FROM desk.clock x JOIN desk.ticket y ON y.number = x.ticket
		WHERE x.next_at < now() ORDER BY x.next_at LIMIT most
		FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		c := due.clock;
		t := due.ticket;
		looked := looked + 1;
		is_late := c.due_at < now();
		IF c.warned_at IS NULL THEN
			INSERT INTO desk.sla_event (clock, cycle, kind, policy, due_at)
			VALUES (c.id, c.cycle, 'warned', c.policy, least(c.warn_at, c.due_at)) ON CONFLICT DO NOTHING;
			-- overtaken by the breach: noted, not sent
			IF FOUND AND NOT is_late THEN
				PERFORM desk.tell_of_clock('warned', c, t);
			END IF;
			IF FOUND THEN
				warned := warned + 1;
			END IF;
		END IF;
		IF is_late THEN
			INSERT INTO desk.sla_event (clock, cycle, kind, policy, due_at)
			VALUES (c.id, c.cycle, 'breached', c.policy, c.due_at) ON CONFLICT DO NOTHING;
			IF FOUND THEN
				PERFORM desk.tell_of_clock('breached', c, t);
				breached := breached + 1;
			END IF;
			IF c.metric = 'first response' THEN
				PERFORM desk.publish_missed(c.ticket);
			END IF;
		END IF;
		UPDATE desk.clock x SET
			warned_at = coalesce(x.warned_at, least(x.warn_at, x.due_at)),
			breached_at = CASE WHEN is_late THEN x.due_at END
		WHERE x.id = c.id;
	END LOOP;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_check(int) IS 'Note warnings and breaches of up to "most" clocks that are due, each once, and write the mails that tell of them, in this transaction.  Call it until it has looked at none.';

CREATE FUNCTION api.sla_clean(most int)
RETURNS TABLE (counts int, sessions int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM desk.limit_count WHERE ctid = ANY (ARRAY(
		SELECT c.ctid FROM desk.limit_count c
		WHERE c.window_at < now() - (SELECT max(seconds) FROM desk.limiter) * interval '1 second'
		LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS counts = ROW_COUNT;
	-- as desk.session_staff() judges them
	DELETE FROM desk.session WHERE ctid = ANY (ARRAY(
		SELECT s.ctid FROM desk.session s
		WHERE s.seen_at <= now() - interval '30 minutes' OR s.made_at <= now() - interval '12 hours'
		LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS sessions = ROW_COUNT;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_clean(int) IS 'Delete up to "most" counts of limits whose window is over, and as many sessions that have ended.';

CREATE FUNCTION api.sla_status()
RETURNS TABLE (status int, line text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	late int;
	risk int;
	silent int;
	unanswered int;
BEGIN
	SELECT count(*) INTO late FROM desk.clock WHERE state = 'running' AND due_at < now();
	SELECT count(*) INTO risk FROM desk.clock WHERE state = 'running' AND due_at >= now() AND warn_at <= now();
	SELECT count(*) INTO silent FROM desk.ticket WHERE state <> 'resolved' AND next_update_by < now();
	SELECT count(*) INTO unanswered FROM desk.ticket WHERE state <> 'resolved' AND answered_at IS NULL;
	status := CASE WHEN late + silent > 0 THEN 2 WHEN risk > 0 THEN 1 ELSE 0 END;
	line := format('SLA %s: %s late, %s at risk, %s updates overdue, %s unanswered'
		' | late=%s at_risk=%s updates_overdue=%s unanswered=%s',
		(ARRAY['OK', 'WARNING', 'CRITICAL'])[status + 1], late, risk, silent, unanswered,
		late, risk, silent, unanswered);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_status() IS 'How the open promises stand at this moment: 0 none at risk, 1 some at risk, 2 some broken and still open; and a line that says how many.';

CREATE FUNCTION api.sla_report(since timestamptz, until timestamptz)
RETURNS TABLE (metric text, channel text, severity text, met bigint, breached bigint, met_percent int,
	met_after_change bigint, cancelled bigint, p50_seconds bigint, p90_seconds bigint, p95_seconds bigint,
	open bigint, at_risk bigint, late bigint, paused bigint, unanswered bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF coalesce(since >= until, true) THEN
		RAISE 'the period must end after it begins' USING ERRCODE = 'PT400';
	END IF;
	RETURN QUERY
	WITH fact AS (
		-- A promise counts when it was decided: kept at stopped_at, or
		-- broken at late_at, whichever came first and whether slacheck
		-- has seen it yet or not.
		SELECT c.metric, t.channel, t.severity, c.state, c.stopped_at, c.used_seconds,
			c.used_seconds <= c.target_seconds AS is_within, c.warn_at,
			coalesce(c.breached_at, CASE WHEN c.due_at < now() THEN c.due_at END) AS late_at,
			t.solved_at, c.metric = 'first response' AND t.state <> 'resolved' AND t.answered_at IS NULL AS is_unanswered
		FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket
	), sum AS (
		SELECT f.metric, f.channel, f.severity, grouping(f.channel) = 1 AS is_total, grouping(f.severity) = 1 AS is_whole,
			count(*) FILTER (WHERE f.state = 'stopped' AND f.late_at IS NULL AND f.stopped_at >= since AND f.stopped_at < until) AS met,
			count(*) FILTER (WHERE f.late_at >= since AND f.late_at < until) AS breached,
			count(*) FILTER (WHERE f.late_at >= since AND f.late_at < until AND f.state = 'stopped' AND f.is_within) AS met_after_change,
			count(*) FILTER (WHERE f.state = 'cancelled' AND f.late_at IS NULL AND f.solved_at >= since AND f.solved_at < until) AS cancelled,
			percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY trunc(f.used_seconds)::bigint)
				FILTER (WHERE f.state = 'stopped' AND f.stopped_at >= since AND f.stopped_at < until) AS p,
			count(*) FILTER (WHERE f.state IN ('running', 'paused')) AS open,
			count(*) FILTER (WHERE f.state = 'running' AND f.late_at IS NULL AND f.warn_at <= now()) AS at_risk,
			count(*) FILTER (WHERE f.state IN ('running', 'paused') AND f.late_at IS NOT NULL) AS late,
			count(*) FILTER (WHERE f.state = 'paused') AS paused,
			count(*) FILTER (WHERE f.is_unanswered) AS unanswered
		FROM fact f
		GROUP BY f.metric, CUBE (f.channel, f.severity)
		UNION ALL
		-- nothing at all is a report too
		SELECT m.metric, NULL, NULL, true, true, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0
		FROM (VALUES ('first response'), ('resolution')) m (metric)
		WHERE NOT EXISTS (SELECT FROM fact f WHERE f.metric = m.metric)
	)
	SELECT s.metric, coalesce(s.channel, 'all'), coalesce(s.severity::text, 'all'), s.met, s.breached,
		CASE WHEN s.met + s.breached > 0 THEN (100 * s.met / (s.met + s.breached))::int END,
		s.met_after_change, s.cancelled, s.p[1], s.p[2], s.p[3], s.open, s.at_risk, s.late, s.paused,
		CASE s.metric WHEN 'first response' THEN s.unanswered END
	FROM sum s
	WHERE s.is_total AND s.is_whole OR s.met + s.breached + s.cancelled + s.open > 0
	ORDER BY s.metric, s.is_total DESC, s.channel, s.is_whole DESC, s.severity;
END
$$;
COMMENT ON FUNCTION api.sla_report(timestamptz, timestamptz) IS 'Per metric, channel and severity ("all" for totals): what was decided since one instant and before another, percentiles by nearest rank of clocks that stopped then, and how the open ones stand now.  met_percent is NULL where nothing was decided.  PT400 for an empty period.';

CREATE FUNCTION api.sla_report_text(since timestamptz, until timestamptz)
RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r record;
	past text[];	-- what was decided in the period
	present text[];	-- what is open now
	last_metric text := '';
BEGIN
	FOR r IN SELECT *, x.metric = 'first response' AS is_answer, x.channel = 'all' AND x.severity = 'all' AS is_total
		FROM api.sla_report(since, until) x
	LOOP
		IF r.metric <> last_metric THEN
			past := past || ''::text || format('%-24s%7s%8s%6s%9s%9s%9s', CASE WHEN r.is_answer THEN 'First response' ELSE 'Resolution' END,
				'kept', 'broken', '%', '50%', '90%', '95%');
			present := present || ''::text || (format('%-24s%7s%8s%7s%8s', CASE WHEN r.is_answer THEN 'Now: first response' ELSE 'Now: resolution' END,
				'open', 'at risk', 'late', 'paused') || CASE WHEN r.is_answer THEN format('%12s', 'unanswered') ELSE '' END);
			last_metric := r.metric;
		END IF;
		IF r.is_total OR r.met + r.breached > 0 THEN
			past := past || format('%-24s%7s%8s%6s%9s%9s%9s', desk.group_words(r.channel, r.severity), r.met, r.breached,
				coalesce(r.met_percent::text, '-'), desk.span_short(r.p50_seconds),
				desk.span_short(r.p90_seconds), desk.span_short(r.p95_seconds));
		END IF;
		IF r.is_total OR r.open > 0 THEN
			present := present || (format('%-24s%7s%8s%7s%8s', desk.group_words(r.channel, r.severity), r.open, r.at_risk, r.late, r.paused)
				|| CASE WHEN r.is_answer THEN format('%12s', r.unanswered) ELSE '' END);
		END IF;
	END LOOP;
	RETURN QUERY SELECT 'Promises from ' || coalesce(desk.words(nullif(since, '-infinity')), 'the beginning');
	RETURN QUERY SELECT '         to   ' || coalesce(desk.words(nullif(until, 'infinity')), 'the end');
	RETURN QUERY SELECT * FROM unnest(past);
	RETURN QUERY SELECT * FROM unnest(present);
	RETURN QUERY SELECT * FROM desk.open_promises();
END
$$;
COMMENT ON FUNCTION api.sla_report_text(timestamptz, timestamptz) IS 'The report to be read, a line per row, no wider than 72 columns; ends with every open ticket that nobody has answered.';

CREATE FUNCTION api.sla_report_json(since timestamptz, until timestamptz)
RETURNS TABLE (report text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	report := json_build_object(
		'since', desk.utc(nullif(since, '-infinity')),
		'until', desk.utc(nullif(until, 'infinity')),
		'made_at', desk.utc(now()),
		'groups', (SELECT json_agg(to_json(x)) FROM api.sla_report(since, until) x),
		'unanswered', (SELECT coalesce(json_agg(json_build_object('number', t.number, 'severity', t.severity,
				'channel', t.channel, 'state', t.state, 'filed_at', desk.utc(t.filed_at),
				'answer_due_at', desk.utc(t.answer_due_at), 'is_late', coalesce(t.answer_due_at < now(), false),
				'is_private', t.visibility = 'private',
				'subject', CASE t.visibility WHEN 'public' THEN t.subject END) ORDER BY t.filed_at, t.number), '[]')
			FROM desk.ticket t WHERE t.state <> 'resolved' AND t.answered_at IS NULL))::text;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_report_json(timestamptz, timestamptz) IS 'The report as one JSON object: seconds as integers, times in UTC.';

GRANT USAGE ON SCHEMA api TO desk_slacheck;
GRANT EXECUTE ON FUNCTION
	api.sla_check(int),
	api.sla_clean(int),
	api.sla_status(),
	api.sla_report(timestamptz, timestamptz),
	api.sla_report_text(timestamptz, timestamptz),
	api.sla_report_json(timestamptz, timestamptz)
TO desk_slacheck;
