-- How much there is to do, who is there to do it, and how fast the first
-- answer comes: for the page /staff/load, for the views of sql/report, and
-- for psql as role desk_report:
--
--	unanswered		every open ticket that no person has answered
--	load_week(since)	tickets and people per week, from that date on
--	answer_week(since)	time to the first answer per week
--
-- No subject, no address, no name.  Weeks begin on Monday in the desk's zone.

CREATE VIEW api.unanswered WITH (security_barrier) AS
SELECT t.number, t.severity, t.kind, t.product, t.channel, t.team, t.state, t.blocked, t.visibility = 'private' AS is_private,
	t.assignee IS NOT NULL AS is_assigned, t.filed_at, t.answer_due_at,
	extract(epoch FROM now() - t.filed_at)::bigint AS waiting_seconds,
	coalesce(t.late_at < now(), false) AS is_late
FROM desk.ticket t WHERE t.state <> 'resolved' AND t.answered_at IS NULL;
COMMENT ON VIEW api.unanswered IS 'Every open ticket that no person has answered (000d).  No state, owner, team or hold hides one; automatic messages do not count.';

CREATE FUNCTION api.load_week(since date)
RETURNS TABLE (week date, new bigint, solved bigint, reopened bigint, backlog bigint, people int, minimum int, is_short boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	z text := desk.zone();
	this_week date := date_trunc('week', now() AT TIME ZONE z)::date;
	first_week date := (SELECT min(t.filed_at) AT TIME ZONE z FROM desk.ticket t)::date;
	start timestamptz;
BEGIN
	first_week := CASE WHEN first_week IS NULL OR since > this_week THEN this_week
		ELSE date_trunc('week', greatest(since, first_week)::timestamp)::date END;
	start := desk.local_instant(z, first_week, 0);
	RETURN QUERY
	WITH filed AS (
		SELECT date_trunc('week', t.filed_at AT TIME ZONE z)::date AS week, count(*) AS n
		FROM desk.ticket t WHERE t.filed_at >= start GROUP BY 1
	), moved AS (
		SELECT date_trunc('week', c.changed_at AT TIME ZONE z)::date AS week,
			count(*) FILTER (WHERE c.new = 'resolved') AS solved, count(*) FILTER (WHERE c.new <> 'resolved') AS reopened
		FROM desk.change c
		WHERE c.field = 'state' AND (c.old = 'resolved' OR c.new = 'resolved') AND c.changed_at >= start GROUP BY 1
	), seat AS (
		SELECT s.monday AS week, s.rotation, s.staff FROM desk.duty_seat s WHERE NOT s.is_shadow AND s.monday >= first_week
	), one AS (
		SELECT w.week::date AS week, coalesce(f.n, 0) AS new, coalesce(m.solved, 0) AS solved, coalesce(m.reopened, 0) AS reopened
		FROM generate_series(first_week::timestamp, this_week::timestamp, '7 days') w (week)
		LEFT JOIN filed f ON f.week = w.week::date LEFT JOIN moved m ON m.week = w.week::date
	)
	SELECT o.week, o.new, o.solved, o.reopened,
		-- counted back from what is open now: a ticket is open that was
		-- filed and not solved, or solved and opened again
		((SELECT count(*) FROM desk.ticket t WHERE t.state <> 'resolved')
			- coalesce(sum(o.new - o.solved + o.reopened) OVER (ORDER BY o.week DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint,
		(SELECT count(DISTINCT s.staff) FROM seat s WHERE s.week = o.week)::int,
		d.minimum, d.is_short
	FROM one o
	-- a rotation counts from its first published week on
	CROSS JOIN LATERAL (SELECT coalesce(sum(r.minimum), 0)::int AS minimum,
			coalesce(bool_or(r.minimum > (SELECT count(DISTINCT s.staff) FROM seat s WHERE s.week = o.week AND s.rotation = r.name)), false) AS is_short
		FROM desk.rotation r
		WHERE o.week = this_week OR EXISTS (SELECT FROM desk.duty_week d WHERE d.rotation = r.name AND d.monday <= o.week)) d
	ORDER BY o.week;
END
$$;
COMMENT ON FUNCTION api.load_week(date) IS 'Per week from that date on: tickets new, solved and opened again, how many were open at its end (or are now), people on duty without those riding shotgun, how many there should be at least, and whether a rotation has fewer (000a).  backlog = backlog of the week before + new - solved + reopened.';

CREATE FUNCTION api.answer_week(since date)
RETURNS TABLE (week date, requesters text, answered bigint, mean_seconds bigint, p50_seconds bigint, p90_seconds bigint,
	target_seconds int, is_met boolean, waiting bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	z text := desk.zone();
	aim int := (SELECT t.mean_seconds FROM desk.target t WHERE t.metric = 'first response');
	first_week date := (SELECT min(t.filed_at) AT TIME ZONE z FROM desk.ticket t)::date;
	start timestamptz;
BEGIN
	IF first_week IS NULL THEN
		RETURN;
	END IF;
	start := desk.local_instant(z, date_trunc('week', greatest(since, first_week)::timestamp)::date, 0);
	RETURN QUERY
	WITH fact AS (
		SELECT date_trunc('week', t.answered_at AT TIME ZONE z)::date AS week, coalesce(c.is_internal, false) AS is_internal,
			extract(epoch FROM t.answered_at - t.filed_at)::bigint AS seconds, false AS is_waiting
		FROM desk.ticket t LEFT JOIN desk.customer c ON c.id = t.customer WHERE t.answered_at >= start
		UNION ALL
		SELECT date_trunc('week', t.filed_at AT TIME ZONE z)::date, coalesce(c.is_internal, false), NULL, true
		FROM desk.ticket t LEFT JOIN desk.customer c ON c.id = t.customer
		WHERE t.state <> 'resolved' AND t.answered_at IS NULL AND t.filed_at >= start
	)
	SELECT f.week, CASE WHEN grouping(f.is_internal) = 1 THEN 'all' WHEN f.is_internal THEN 'internal' ELSE 'others' END,
		count(*) FILTER (WHERE NOT f.is_waiting), round(avg(f.seconds))::bigint,
		percentile_disc(0.5) WITHIN GROUP (ORDER BY f.seconds) FILTER (WHERE NOT f.is_waiting),
		percentile_disc(0.9) WITHIN GROUP (ORDER BY f.seconds) FILTER (WHERE NOT f.is_waiting),
		aim, avg(f.seconds) <= aim, count(*) FILTER (WHERE f.is_waiting)
	FROM fact f GROUP BY GROUPING SETS ((f.week), (f.week, f.is_internal))
	ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION api.answer_week(date) IS 'Per week from that date on, for all requesters and for teams of our own and others apart (001aa): first answers given in it, their mean, median and 90th percentile from filing by the calendar, the mean we aim at (desk.target) and whether it was reached; and how many that came in the week still wait.  Automatic messages are no answers (003a).';

GRANT USAGE ON SCHEMA api TO desk_report;
GRANT SELECT ON api.unanswered TO desk_report;
GRANT EXECUTE ON FUNCTION api.load_week(date), api.answer_week(date) TO desk_report;
