-- What slacheck may call, as role desk_slacheck:
--
--	sla_tick(step, most, failed)	one step of a run, see below
--	sla_status(minutes)		one line for a monitoring system
--	sla_period(weekly, since, until)  what a report is about
--	sla_report(since, until)	the figures, one row per group
--	sla_lines(what, since, until)	the same as text, csv, json, html
--	sla_metrics()			for the textfile collector of Prometheus
--	sla_mail(whom, since, until)	the report into the outbox, once a week
--	sla_check, sla_clean		what the steps are made of
--
-- It sees no message, no note, no address, and no subject of a private
-- ticket.  The grants stand at the end.

CREATE FUNCTION api.sla_check(most int)
RETURNS TABLE (looked int, warned int, breached int, escalated int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM desk.sla_check(most);
END
$$;
COMMENT ON FUNCTION api.sla_check(int) IS 'Note warnings, breaches and escalation steps of up to "most" clocks that are due, each once, and write what tells of them, in this transaction.  Call it until it has looked at none.';

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
		WHERE NOT desk.session_lives(s.seen_at, s.made_at)
		LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS sessions = ROW_COUNT;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_clean(int) IS 'Delete up to "most" counts of limits whose window is over, and as many sessions that have ended.';

CREATE FUNCTION api.sla_tick(step int, most int, failed int)
RETURNS TABLE (next_step int, name text, done int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	next_step := step + 1;
	done := 0;
	CASE step
	WHEN 0 THEN
		name := 'pages';
		done := desk.page_advance();
	WHEN 1 THEN
		name := 'clocks';
		SELECT c.looked INTO done FROM desk.sla_check(most) c;
		IF done > 0 THEN
			next_step := 1;
		END IF;
	WHEN 2 THEN
		name := 'duty';
		done := desk.duty_watch();
	WHEN 3 THEN
		name := 'lists';
		done := desk.daily();
	WHEN 4 THEN
		name := 'calendars';
		done := desk.calendar_renew();
	WHEN 5 THEN
		name := 'figures';
		done := desk.record_tick();
	WHEN 6 THEN
		name := 'leftovers';
		SELECT c.counts + c.sessions + desk.upload_sweep(most) INTO done FROM api.sla_clean(most) c;
	WHEN 7 THEN
		name := 'keys';
		done := desk.key_watch();
	WHEN 8 THEN
		name := 'pulse';
		done := desk.pulse(failed)::int;
		next_step := -1;
	ELSE
		name := 'nothing';
		next_step := -1;
	END CASE;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_tick(int, int, int) IS 'One step of a run, in a transaction of its own: 0 pages that nobody acknowledged, 1 a batch of clocks (called until it has looked at none), 2 the rotation, 3 daily and weekly lists, 4 calendars laid out further, 5 the weekly figures, 6 leftovers, 7 public keys that expire, 8 the pulse with the number of steps that failed.  next_step is what to call next, -1 at the end; a step that fails does not keep the others from being done.';

-- The state of things --------------------------------------------------------------

CREATE FUNCTION api.sla_status(minutes int)
RETURNS TABLE (status int, line text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	late int;
	risk int;
	unanswered int;
	unexplained int;
	old_unexplained int;
	missed int;
	ringing int;
	last desk.last_run;
	age numeric;
	duty record;
	words text[] := '{}';
BEGIN
	IF minutes < 1 THEN
		RAISE 'the age of the last run must be at least one minute' USING ERRCODE = 'PT400';
	END IF;
	SELECT count(*) INTO late FROM desk.clock WHERE state = 'running' AND due_at < now() AND breach_at < now();
	SELECT count(*) INTO risk FROM desk.clock WHERE state = 'running' AND breach_at >= now() AND warn_at <= now();
	unanswered := desk.unanswered_count();
	SELECT count(*) INTO ringing FROM desk.page WHERE acknowledged_at IS NULL AND resolved_at IS NULL;
	SELECT count(*), count(*) FILTER (WHERE c.breached_at < now() - interval '7 days') INTO unexplained, old_unexplained
	FROM desk.clock c WHERE c.breached_at >= now() - interval '30 days'
	  AND NOT EXISTS (SELECT FROM desk.breach_reason r WHERE r.clock = c.id);
	SELECT coalesce(sum(m.minutes), 0) INTO missed FROM desk.missed_run m WHERE m.until_at > now() - interval '1 day';
	SELECT * INTO last FROM desk.last_run WHERE program = 'slacheck';
	age := trunc(extract(epoch FROM now() - last.ran_at));
	SELECT coalesce(bool_or(d.is_empty), false) AS is_empty, coalesce(bool_or(d.is_short), false) AS is_short,
		string_agg(d.words, '; ') FILTER (WHERE d.is_empty OR d.is_short) AS words INTO duty FROM desk.duty_status() d;

	status := CASE
		WHEN late > 0 OR ringing > 0 OR duty.is_empty OR age > minutes * 60 OR last.failed > 0 THEN 2
		WHEN age IS NULL THEN 3
		WHEN risk > 0 OR duty.is_short OR old_unexplained > 0 THEN 1
		ELSE 0 END;
	words := words || format('%s late, %s at risk, %s unanswered, %s broken without a reason', late, risk, unanswered, unexplained);
	IF ringing > 0 THEN
		words := words || format('pages that nobody is on: %s', ringing);
	END IF;
	IF age IS NULL THEN
		words := words || 'slacheck has never run'::text;
	ELSIF age > minutes * 60 THEN
		words := words || format('slacheck ran last %s ago', desk.span_words(age));
	END IF;
	IF last.failed > 0 THEN
		words := words || format('%s steps of its last run failed', last.failed);
	END IF;
	IF missed > 0 THEN
		words := words || format('%s min of the last day unwatched', missed);
	END IF;
	words := words || duty.words;
	line := format('SLA %s: %s | late=%s at_risk=%s unanswered=%s without_reason=%s pages=%s missed_minutes=%s last_run_age=%ss',
		(ARRAY['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'])[status + 1], array_to_string(words, ', '),
		late, risk, unanswered, unexplained, ringing, missed, coalesce(age::text, 'U'));
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_status(int) IS 'How things stand at this moment: 0 well; 1 some promise at risk, too few people on duty, or a promise broken more than 7 days ago without a reason; 2 some promise late, a page that nobody is on, nobody on duty, or no complete run of slacheck for so many minutes; 3 it never ran; and a line that says how many.';

CREATE FUNCTION api.sla_metrics() RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	WITH value (place, name, labels, number) AS (
		SELECT 1, 'nightdesk_clocks', format('{metric="%s",state="%s"}', m.metric, s.state), coalesce(n.clocks, 0)::numeric
		FROM (VALUES ('first response'), ('next response'), ('resolution'), ('next update')) m (metric)
		CROSS JOIN (VALUES ('open'), ('at risk'), ('late')) s (state)
		LEFT JOIN (SELECT c.metric, CASE WHEN c.breach_at < now() THEN 'late' WHEN c.warn_at <= now() THEN 'at risk' ELSE 'open' END AS state,
				count(*) AS clocks FROM desk.clock c WHERE c.state = 'running' GROUP BY 1, 2) n ON n.metric = m.metric AND n.state = s.state
		UNION ALL
		SELECT 2, 'nightdesk_unanswered', '', desk.unanswered_count()
		UNION ALL
		SELECT 3, 'nightdesk_oldest_unanswered_seconds', '', coalesce((SELECT extract(epoch FROM now() - min(t.filed_at))
			FROM desk.ticket t WHERE t.state <> 'resolved' AND t.answered_at IS NULL), 0)
		UNION ALL
		SELECT 4, 'nightdesk_breaches_without_reason', '', (SELECT count(*) FROM desk.clock c WHERE c.breached_at >= now() - interval '30 days'
			AND NOT EXISTS (SELECT FROM desk.breach_reason r WHERE r.clock = c.id))
		UNION ALL
		SELECT 5, 'nightdesk_week_promises', format('{metric="%s",outcome="%s"}', r.metric, o.outcome),
			CASE o.outcome WHEN 'kept' THEN r.met ELSE r.breached END
		FROM desk.record_week r, (VALUES ('kept'), ('broken')) o (outcome)
		WHERE r.week = desk.week_of(now()) AND r.channel = 'all' AND r.severity = 0
		UNION ALL
		SELECT 6, 'nightdesk_last_run_timestamp_seconds', '', extract(epoch FROM l.ran_at) FROM desk.last_run l WHERE l.program = 'slacheck'
		UNION ALL
		SELECT 7, 'nightdesk_last_run_failed_steps', '', l.failed FROM desk.last_run l WHERE l.program = 'slacheck'
		UNION ALL
		SELECT 8, 'nightdesk_missed_runs_total', '', coalesce(sum(m.minutes), 0) FROM desk.missed_run m
		UNION ALL
		SELECT 9, 'nightdesk_duty_empty', '', coalesce(bool_or(d.is_empty), false)::int FROM desk.duty_status() d
		UNION ALL
		SELECT 10, 'nightdesk_outbox_waiting', '', (SELECT count(*) FROM desk.outbox o
			WHERE o.sent_at IS NULL AND o.failed_at IS NULL AND o.folded_into IS NULL)
	), help (name, kind, words) AS (VALUES
		('nightdesk_clocks', 'gauge', 'Promises that are running, by how they stand'),
		('nightdesk_unanswered', 'gauge', 'Open tickets that no person has answered'),
		('nightdesk_oldest_unanswered_seconds', 'gauge', 'How long the oldest of them has waited'),
		('nightdesk_breaches_without_reason', 'gauge', 'Promises broken in the last 30 days whose reason nobody has given'),
		('nightdesk_week_promises', 'gauge', 'Promises decided in this week'),
		('nightdesk_last_run_timestamp_seconds', 'gauge', 'When slacheck last got to its end'),
		('nightdesk_last_run_failed_steps', 'gauge', 'Steps of that run that failed'),
		('nightdesk_missed_runs_total', 'counter', 'Minutes without a run of slacheck'),
		('nightdesk_duty_empty', 'gauge', '1 while a rotation has nobody on duty'),
		('nightdesk_outbox_waiting', 'gauge', 'Mails and calls of hooks that wait for delivery'))
	SELECT x.line FROM (
		SELECT v.place, 1 AS part, format('# HELP %s %s.', h.name, h.words) AS line FROM help h JOIN (SELECT DISTINCT v.place, v.name FROM value v) v USING (name)
		UNION ALL
		SELECT v.place, 2, format('# TYPE %s %s', h.name, h.kind) FROM help h JOIN (SELECT DISTINCT v.place, v.name FROM value v) v USING (name)
		UNION ALL
		SELECT v.place, 3, v.name || v.labels || ' ' || trim_scale(round(v.number, 3)) FROM value v) x
	ORDER BY x.place, x.part, x.line;
END
$$;
COMMENT ON FUNCTION api.sla_metrics() IS 'How things stand, in the text format of Prometheus.';

-- The report ------------------------------------------------------------------------

CREATE FUNCTION api.sla_period(weekly boolean, since timestamptz, until timestamptz) RETURNS TABLE (since_at timestamptz, until_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	monday date;
BEGIN
	IF weekly THEN
		-- the last week that is over: from Monday to Monday
		monday := desk.week_of(coalesce(until, since + interval '7 days', now()));
		since_at := desk.week_at(monday - 7);
		until_at := desk.week_at(monday);
	ELSE
		until_at := coalesce(until, now());
		since_at := coalesce(since, until_at - interval '7 days');
	END IF;
	IF since_at >= until_at THEN
		RAISE 'the period must end after it begins' USING ERRCODE = 'PT400';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_period(boolean, timestamptz, timestamptz) IS 'The period of a report: as asked for, else the last 7 days; weekly: the last whole week, Monday to Monday in the desk''s zone.  PT400 for an empty one.';

CREATE FUNCTION api.sla_report(since timestamptz, until timestamptz)
RETURNS TABLE (metric text, channel text, severity text, plan text, calendar text, met bigint, breached bigint, met_percent int,
	met_after_change bigint, cancelled bigint, stopped bigint, p50_seconds bigint, p90_seconds bigint, p95_seconds bigint,
	elapsed_p50_seconds bigint, elapsed_p90_seconds bigint, elapsed_p95_seconds bigint,
	wait_p50_seconds bigint, wait_p90_seconds bigint, wait_p95_seconds bigint,
	not_ended bigint, open bigint, at_risk bigint, paused bigint, late bigint, unanswered bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '128MB'
AS $$
#variable_conflict use_column
BEGIN
	IF coalesce(since >= until, true) THEN
		RAISE 'the period must end after it begins' USING ERRCODE = 'PT400';
	END IF;
	RETURN QUERY
	WITH clock AS (
		-- What was decided in the period comes by its index, what is open
		-- or fell away by those of its state; each clock once.
		SELECT f.metric, f.channel, f.severity, f.plan, f.calendar, f.state, f.outcome, f.decided_at,
			f.used_seconds, f.elapsed_seconds, f.wait_seconds, NULL::timestamptz AS cancelled_at
		FROM report.clock f WHERE f.noted_at >= since AND f.noted_at < until
		UNION ALL
		SELECT f.metric, f.channel, f.severity, f.plan, f.calendar, f.state, f.outcome, f.decided_at, NULL, NULL, NULL, NULL
		FROM report.clock f WHERE f.state = 'running' AND coalesce(f.noted_at < since OR f.noted_at >= until, true)
		UNION ALL
		SELECT f.metric, f.channel, f.severity, f.plan, f.calendar, f.state, f.outcome, f.decided_at, NULL, NULL, NULL, NULL
		FROM report.clock f WHERE f.state = 'paused' AND coalesce(f.noted_at < since OR f.noted_at >= until, true)
		UNION ALL
		SELECT f.metric, f.channel, f.severity, f.plan, f.calendar, f.state, f.outcome, f.decided_at, NULL, NULL, NULL,
			(SELECT max(e.at) FROM desk.clock_event e WHERE e.clock = f.clock AND e.kind = 'cancel')
		FROM report.clock f WHERE f.state = 'cancelled' AND f.noted_at IS NULL
	), fact AS (
		-- the collation that sorts fastest: nobody reads this order
		SELECT c.metric COLLATE "C" AS metric, c.channel COLLATE "C" AS channel, c.severity, c.plan COLLATE "C" AS plan,
			c.calendar COLLATE "C" AS calendar, c.state, c.outcome,
			coalesce(c.decided_at >= since AND c.decided_at < until, false) AS is_in,
			coalesce(c.cancelled_at >= since AND c.cancelled_at < until, false) AS is_cancelled,
			c.decided_at IS NOT NULL AS is_decided,
			c.used_seconds, c.elapsed_seconds, c.wait_seconds, false AS is_unanswered
		FROM clock c
		UNION ALL
		-- not by their clocks: nothing can hide one
		SELECT 'first response', t.channel, t.severity, coalesce(u.plan, 'none'), '', '', '', false, false, false, NULL, NULL, NULL, true
		FROM desk.ticket t LEFT JOIN desk.customer u ON u.id = t.customer WHERE t.state <> 'resolved' AND t.answered_at IS NULL
	), counted AS (
		SELECT f.metric, f.channel, f.severity, f.plan, f.calendar,
			count(*) FILTER (WHERE f.is_in AND f.outcome = 'met') AS met,
			count(*) FILTER (WHERE f.is_in AND f.outcome <> 'met') AS breached,
			count(*) FILTER (WHERE f.is_in AND f.outcome = 'met after change') AS met_after_change,
			count(*) FILTER (WHERE f.is_cancelled) AS cancelled,
			count(*) FILTER (WHERE f.is_in AND f.state = 'stopped') AS stopped,
			count(*) FILTER (WHERE f.is_in AND f.state IN ('running', 'paused')) AS not_ended,
			count(*) FILTER (WHERE f.state = 'running' AND NOT f.is_decided) AS open,
			count(*) FILTER (WHERE f.outcome = 'at risk') AS at_risk,
			count(*) FILTER (WHERE f.state = 'paused' AND NOT f.is_decided) AS paused,
			count(*) FILTER (WHERE f.state IN ('running', 'paused') AND f.is_decided) AS late,
			count(*) FILTER (WHERE f.is_unanswered) AS unanswered
		FROM fact f
		GROUP BY f.metric, f.channel, f.severity, f.plan, f.calendar
	), sum AS (
		SELECT f.metric, coalesce(f.channel, 'all') AS channel, coalesce(f.severity::text, 'all') AS severity,
			coalesce(f.plan, 'all') AS plan, coalesce(f.calendar, 'all') AS calendar,
			grouping(f.channel, f.severity, f.plan, f.calendar) AS depth,
			sum(f.met)::bigint AS met, sum(f.breached)::bigint AS breached, sum(f.met_after_change)::bigint AS met_after_change,
			sum(f.cancelled)::bigint AS cancelled, sum(f.stopped)::bigint AS stopped, sum(f.not_ended)::bigint AS not_ended,
			sum(f.open)::bigint AS open, sum(f.at_risk)::bigint AS at_risk, sum(f.paused)::bigint AS paused,
			sum(f.late)::bigint AS late, sum(f.unanswered)::bigint AS unanswered
		FROM counted f
		GROUP BY f.metric, GROUPING SETS ((), (f.channel), (f.severity), (f.plan), (f.calendar), (f.channel, f.severity),
			(f.channel, f.severity, f.plan, f.calendar))
		UNION ALL
		-- nothing at all is a report too
		SELECT m.metric, 'all', 'all', 'all', 'all', 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
		FROM (VALUES ('first response'), ('next response'), ('resolution'), ('next update')) m (metric)
		WHERE NOT EXISTS (SELECT FROM counted f WHERE f.metric = m.metric)
	), ranked AS (
		-- each is a sort of its own: only for what people read
		SELECT f.metric, coalesce(f.channel, 'all') AS channel, coalesce(f.severity::text, 'all') AS severity, coalesce(f.plan, 'all') AS plan,
			percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY f.used_seconds) AS p,
			percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY f.elapsed_seconds) AS q,
			percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY f.wait_seconds) AS w
		FROM fact f WHERE f.is_in AND f.state = 'stopped'
		GROUP BY f.metric, GROUPING SETS ((), (f.channel), (f.severity), (f.plan), (f.channel, f.severity))
	)
	SELECT s.metric::text, s.channel::text, s.severity, s.plan::text, s.calendar::text, s.met, s.breached,
		CASE WHEN s.met + s.breached > 0 THEN (100 * s.met / (s.met + s.breached))::int END,
		s.met_after_change, s.cancelled, s.stopped, r.p[1], r.p[2], r.p[3], r.q[1], r.q[2], r.q[3], r.w[1], r.w[2], r.w[3],
		s.not_ended, s.open, s.at_risk, s.paused, s.late,
		CASE WHEN s.metric = 'first response' AND s.calendar = 'all' THEN s.unanswered END
	FROM sum s LEFT JOIN ranked r ON r.metric = s.metric AND r.channel = s.channel AND r.severity = s.severity AND r.plan = s.plan AND s.calendar = 'all'
	WHERE s.depth = 15 OR s.met + s.breached + s.cancelled + s.open + s.paused + s.late > 0
		OR s.unanswered > 0 AND s.calendar = 'all'
	ORDER BY array_position('{first response,next response,resolution,next update}'::text[], s.metric),
		s.depth = 15 DESC, s.channel = 'all', s.channel, s.plan <> 'all', s.calendar <> 'all', s.severity <> 'all', s.severity, s.plan, s.calendar;
END
$$;
COMMENT ON FUNCTION api.sla_report(timestamptz, timestamptz) IS 'Per metric, and in it all, by channel, severity, plan, calendar, channel and severity, and all four: what was decided since one instant and before another; of those that have ended, percentiles by nearest rank (not by calendar, nor by all four), in seconds of the calendar, elapsed, and as the requester waited; not_ended: broken in the period and still open.  Then how the open ones stand now: open (at_risk of them), paused, and late, which were broken at some time.  Over all time met + breached + cancelled + open + paused is every clock.  met_percent is NULL where nothing was decided.  PT400 for an empty period.';

CREATE FUNCTION api.sla_report_text(since timestamptz, until timestamptz)
RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r record;
	b record;
	past text[];	-- what was decided in the period
	wait text[] := ARRAY['', format('%-27s%9s%9s%9s%11s', 'How long it took', '50%', '90%', '95%', 'not ended')];
	present text[];	-- what is open now
	broken text[];
	n int;
	last_metric text := '';
BEGIN
	FOR r IN SELECT *, x.metric = 'first response' AS is_answer, x.channel = 'all' AND x.severity = 'all' AS is_total
		FROM api.sla_report(since, until) x WHERE x.plan = 'all' AND x.calendar = 'all' AND (x.channel <> 'all' OR x.severity = 'all')
	LOOP
		IF r.metric <> last_metric THEN
			past := past || ''::text || format('%-24s%7s%8s%6s%9s%9s%9s', desk.title_words(r.metric), 'kept', 'broken', '%', '50%', '90%', '95%');
			present := present || ''::text || (format('%-24s%7s%8s%7s%8s', 'Now: ' || r.metric,
				'open', 'at risk', 'paused', 'late') || CASE WHEN r.is_answer THEN format('%12s', 'unanswered') ELSE '' END);
			wait := wait || format('%-27s%9s%9s%9s%11s', desk.title_words(r.metric) || ', waited', desk.span_short(r.wait_p50_seconds),
					desk.span_short(r.wait_p90_seconds), desk.span_short(r.wait_p95_seconds), r.not_ended)
				|| format('%-27s%9s%9s%9s', '  with pauses', desk.span_short(r.elapsed_p50_seconds),
					desk.span_short(r.elapsed_p90_seconds), desk.span_short(r.elapsed_p95_seconds));
			last_metric := r.metric;
		END IF;
		IF r.is_total OR r.met + r.breached > 0 THEN
			past := past || format('%-24s%7s%8s%6s%9s%9s%9s', desk.group_words(r.channel, r.severity), r.met, r.breached,
				coalesce(r.met_percent::text, '-'), desk.hours_short(r.p50_seconds),
				desk.hours_short(r.p90_seconds), desk.hours_short(r.p95_seconds));
		END IF;
		IF r.is_total OR r.open + r.paused + r.late > 0 THEN
			present := present || (format('%-24s%7s%8s%7s%8s', desk.group_words(r.channel, r.severity), r.open, r.at_risk, r.paused, r.late)
				|| CASE WHEN r.is_answer THEN format('%12s', r.unanswered) ELSE '' END);
		END IF;
	END LOOP;
	n := 0;
	FOR b IN SELECT * FROM desk.breaches(since, until, 1000) x ORDER BY x.breached_at, x.clock LOOP
		n := n + 1;
		broken := broken || format('%8s  S%s  %-14s  %s late%s', '#' || b.ticket, b.severity, b.metric, desk.hours_short(b.late_seconds),
				CASE WHEN b.met_after_change THEN ', met after the promise was changed' WHEN b.is_running THEN ', and still open' ELSE '' END)
			|| (SELECT array_agg(CASE i WHEN 1 THEN '          Reason: ' ELSE '          ' END || l ORDER BY i)
				FROM desk.wrapped(coalesce(b.reason, 'no reason given yet'), 52) WITH ORDINALITY w (l, i));
	END LOOP;
	RETURN QUERY SELECT 'Promises from ' || coalesce(desk.words(nullif(since, '-infinity')), 'the beginning');
	RETURN QUERY SELECT '         to   ' || coalesce(desk.words(nullif(until, 'infinity')), 'the end');
	RETURN QUERY SELECT * FROM unnest(past);
	RETURN QUERY SELECT * FROM unnest(wait);
	RETURN QUERY SELECT '';
	RETURN QUERY SELECT format('Promises that were broken, and why: %s', CASE WHEN n = 0 THEN 'none' WHEN n = 1000 THEN 'the latest 1000' ELSE n::text END);
	RETURN QUERY SELECT * FROM unnest(broken);
	RETURN QUERY SELECT * FROM unnest(present);
	RETURN QUERY SELECT * FROM desk.open_promises();
	RETURN QUERY SELECT '';
	RETURN QUERY SELECT coalesce('Nobody watched the clocks for ' || sum(m.minutes) || ' min in this period:', 'The clocks were watched all the time.')
		FROM desk.missed_run m WHERE m.until_at >= since AND m.until_at < until;
	RETURN QUERY SELECT format('  from %s to %s', desk.words(m.from_at), desk.words(m.until_at))
		FROM desk.missed_run m WHERE m.until_at >= since AND m.until_at < until ORDER BY m.from_at;
END
$$;
COMMENT ON FUNCTION api.sla_report_text(timestamptz, timestamptz) IS 'The report to be read, a line per row, no wider than 72 columns: kept and broken promises, times in support hours, waiting times by the calendar, each broken promise with its reason, and every open ticket that nobody has answered.';

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
		'breaches', (SELECT coalesce(json_agg(json_build_object('number', b.ticket, 'metric', b.metric, 'severity', b.severity,
				'channel', b.channel, 'is_private', b.is_private, 'breached_at', desk.utc(b.breached_at), 'stopped_at', desk.utc(b.stopped_at),
				'late_seconds', b.late_seconds, 'calendar', b.calendar, 'target_seconds', b.target_seconds,
				'met_after_change', b.met_after_change, 'reason', b.reason) ORDER BY b.breached_at, b.clock), '[]')
			FROM desk.breaches(since, until, 10000) b),
		'unanswered', (SELECT coalesce(json_agg(json_build_object('number', t.number, 'severity', t.severity,
				'channel', t.channel, 'state', t.state, 'filed_at', desk.utc(t.filed_at),
				'answer_due_at', desk.utc(t.answer_due_at), 'is_late', coalesce(t.answer_due_at < now(), false),
				'is_private', t.visibility = 'private',
				'subject', CASE t.visibility WHEN 'public' THEN t.subject END) ORDER BY t.filed_at, t.number), '[]')
			FROM desk.ticket t WHERE t.state <> 'resolved' AND t.answered_at IS NULL),
		'missed_runs', (SELECT coalesce(json_agg(json_build_object('from', desk.utc(m.from_at), 'until', desk.utc(m.until_at),
				'minutes', m.minutes) ORDER BY m.from_at), '[]')
			FROM desk.missed_run m WHERE m.until_at >= since AND m.until_at < until))::text;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_report_json(timestamptz, timestamptz) IS 'The report as one JSON object: seconds as integers, times in UTC.';

CREATE FUNCTION api.sla_report_csv(since timestamptz, until timestamptz)
RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- RFC 4180.  Names of ours and numbers: no cell begins like a formula.
	RETURN QUERY
	SELECT x.cells FROM (
		SELECT 0 AS place, (SELECT string_agg('"' || p.name || '"', ',' ORDER BY p.place)
			FROM unnest((SELECT f.proargnames FROM pg_proc f WHERE f.oid = 'api.sla_report(timestamptz, timestamptz)'::regprocedure))
				WITH ORDINALITY p (name, place) WHERE p.place > 2) || E'\r' AS cells
		UNION ALL
		SELECT r.place, (SELECT string_agg('"' || replace(coalesce(c.value, ''), '"', '""') || '"', ',' ORDER BY c.place)
			FROM json_each_text(to_json(r.figures)) WITH ORDINALITY c (key, value, place)) || E'\r'
		FROM (SELECT row_number() OVER () AS place, f AS figures FROM api.sla_report(since, until) f) r) x
	ORDER BY x.place;
END
$$;
COMMENT ON FUNCTION api.sla_report_csv(timestamptz, timestamptz) IS 'api.sla_report as CSV, a line per row that lacks its line feed: whole seconds, every cell quoted.';

CREATE FUNCTION api.sla_report_html(since timestamptz, until timestamptz)
RETURNS TABLE (page text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	title text := format('Promises from %s to %s', coalesce(desk.words(nullif(since, '-infinity')), 'the beginning'),
		coalesce(desk.words(nullif(until, 'infinity')), 'the end'));
	figures xml;
	broken xml;
	waiting xml;
BEGIN
	-- xmlelement escapes whatever is put into it.  No cell is empty: <td/>
	-- would not end for a reader of HTML.
	WITH r AS MATERIALIZED (
		SELECT * FROM api.sla_report(since, until) WITH ORDINALITY x
		WHERE plan = 'all' AND calendar = 'all' AND (channel <> 'all' OR severity = 'all')
	)
	SELECT xmlagg(t.part ORDER BY t.place) INTO figures FROM (
		SELECT min(r.ordinality) AS place, xmlconcat(xmlelement(name h2, desk.title_words(r.metric)),
			xmlelement(name table, xmlattributes('1' AS border, '4' AS cellpadding, '0' AS cellspacing),
				desk.html_row('th', VARIADIC ARRAY['', 'kept', 'broken', 'kept %', '50 %', '90 %', '95 %', 'waited, 50 %', 'waited, 90 %',
					'not ended', 'open now', 'at risk', 'paused', 'late']),
				xmlagg(desk.html_row('td', VARIADIC ARRAY[desk.group_words(r.channel, r.severity), r.met::text, r.breached::text,
					r.met_percent::text, desk.hours_short(r.p50_seconds), desk.hours_short(r.p90_seconds), desk.hours_short(r.p95_seconds),
					desk.span_short(r.wait_p50_seconds), desk.span_short(r.wait_p90_seconds),
					r.not_ended::text, r.open::text, r.at_risk::text, r.paused::text, r.late::text]) ORDER BY r.ordinality)
				)) AS part
		FROM r GROUP BY r.metric) t;
	SELECT xmlagg(desk.html_row('td', VARIADIC ARRAY['#' || b.ticket, 'S' || b.severity, b.metric, desk.words(b.breached_at),
		desk.hours_short(b.late_seconds) || CASE WHEN b.met_after_change THEN ', met after the promise was changed'
			WHEN b.is_running THEN ', still open' ELSE '' END, coalesce(b.reason, 'no reason given yet')]) ORDER BY b.breached_at, b.clock)
	INTO broken FROM desk.breaches(since, until, 1000) b;
	SELECT xmlagg(xmlconcat(xmlelement(name h3, h.heading), xmlelement(name table,
		xmlattributes('1' AS border, '4' AS cellpadding, '0' AS cellspacing),
		(SELECT coalesce(xmlagg(desk.html_row('td', VARIADIC ARRAY['#' || p.number, 'S' || p.severity, desk.due_short(p.due_at), p.subject])
			ORDER BY p.due_at, p.number), desk.html_row('td', 'none')) FROM desk.promise_list(h.heading) p))) ORDER BY h.place)
	INTO waiting FROM desk.promise_headings() WITH ORDINALITY h (heading, place);
	page := E'<!doctype html>\n' || xmlelement(name html, xmlattributes('en' AS lang),
		xmlelement(name head, xmlelement(name meta, xmlattributes('utf-8' AS charset)), xmlelement(name title, title)),
		xmlelement(name body,
			xmlelement(name h1, title),
			xmlelement(name p, 'Times count the hours of support; "waited" is by the calendar, without the time we waited for the requester.'),
			figures,
			xmlelement(name h2, 'Promises that were broken, and why'),
			xmlelement(name table, xmlattributes('1' AS border, '4' AS cellpadding, '0' AS cellspacing),
				coalesce(broken, desk.html_row('td', 'none'))),
			xmlelement(name h2, 'Now'),
			waiting,
			xmlelement(name p, (SELECT coalesce('Nobody watched the clocks for ' || sum(m.minutes) || ' min in this period.',
				'The clocks were watched all the time.') FROM desk.missed_run m WHERE m.until_at >= since AND m.until_at < until))))::text;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_report_html(timestamptz, timestamptz) IS 'The report as a page that a mail can hold: tables and nothing else.';

CREATE FUNCTION api.sla_lines(what text, since timestamptz, until timestamptz)
RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CASE what
	WHEN 'text' THEN RETURN QUERY SELECT * FROM api.sla_report_text(since, until);
	WHEN 'csv' THEN RETURN QUERY SELECT * FROM api.sla_report_csv(since, until);
	WHEN 'json' THEN RETURN QUERY SELECT * FROM api.sla_report_json(since, until);
	WHEN 'html' THEN RETURN QUERY SELECT * FROM api.sla_report_html(since, until);
	WHEN 'prometheus' THEN RETURN QUERY SELECT * FROM api.sla_metrics();
	ELSE RAISE 'a report can be text, csv, json, html or prometheus, not "%"', what USING ERRCODE = 'PT400';
	END CASE;
END
$$;
COMMENT ON FUNCTION api.sla_lines(text, timestamptz, timestamptz) IS 'A report in one of its forms, as lines.  PT400 for a form that does not exist.';

CREATE FUNCTION api.sla_mail(whom text, since timestamptz, until timestamptz) RETURNS TABLE (mails int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	reader int;
	week date := desk.week_of(since);
	made bigint;
BEGIN
	IF whom <> 'on-duty' THEN
		SELECT s.id INTO reader FROM desk.staff s LEFT JOIN desk.staff_contact c ON c.staff = s.id
		WHERE s.active AND (s.login = lower(whom) OR lower(c.mail) = lower(whom)) ORDER BY s.login = lower(whom) DESC LIMIT 1;
		IF NOT FOUND THEN
			RAISE 'nobody of the staff has the sign-in name or address "%"', whom USING ERRCODE = 'PT400';
		END IF;
	END IF;
	INSERT INTO desk.report_mail (week, staff) VALUES (week, reader) ON CONFLICT DO NOTHING;
	mails := 0;
	IF FOUND THEN
		mails := 1;
		made := desk.mail_to_staff('report', NULL, reader, format('How we did: the week of %s', to_char(week, 'FMDD Mon YYYY')),
			(SELECT string_agg(t.line, E'\n') FROM api.sla_report_text(since, until) t), false);
		UPDATE desk.outbox SET payload = jsonb_build_object(
			'html', (SELECT h.page FROM api.sla_report_html(since, until) h),
			'csv', (SELECT string_agg(c.line, E'\n') || E'\n' FROM api.sla_report_csv(since, until) c),
			'csv_name', format('promises-%s.csv', week))
		WHERE id = made;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.sla_mail(text, timestamptz, timestamptz) IS 'Put the report into the outbox, to those on duty or to one of the staff by sign-in name or address; the same week to the same reader once.  Nobody else gets mail: no address is mailed that its owner has not proven.  Returns how many.';

-- For the views of schema report, whose readers cannot read a table.
CREATE FUNCTION api.zone() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN desk.zone(); END $$;
COMMENT ON FUNCTION api.zone() IS 'The desk''s zone, an IANA name: weeks begin on Monday there.';

GRANT USAGE ON SCHEMA api TO desk_slacheck, desk_report;
GRANT EXECUTE ON FUNCTION api.zone() TO desk_report;
GRANT EXECUTE ON FUNCTION
	api.sla_check(int),
	api.sla_clean(int),
	api.sla_tick(int, int, int),
	api.sla_status(int),
	api.sla_metrics(),
	api.sla_period(boolean, timestamptz, timestamptz),
	api.sla_report(timestamptz, timestamptz),
	api.sla_report_text(timestamptz, timestamptz),
	api.sla_report_json(timestamptz, timestamptz),
	api.sla_report_csv(timestamptz, timestamptz),
	api.sla_report_html(timestamptz, timestamptz),
	api.sla_lines(text, timestamptz, timestamptz),
	api.sla_mail(text, timestamptz, timestamptz)
TO desk_slacheck;
