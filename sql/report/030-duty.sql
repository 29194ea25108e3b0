-- Who was on duty how often, and how much there was to do.
--
-- No function of schema desk is called here: who reads a view would need the
-- right to call it.

CREATE VIEW report.duty_fairness AS
WITH turn AS (
	SELECT d.rotation, d.staff, d.monday, d.is_shadow,
		make_date(extract(year FROM d.monday)::int, CASE WHEN extract(month FROM d.monday) < 7 THEN 1 ELSE 7 END, 1) AS half_year
	FROM desk.duty_seat d
), half AS (
	SELECT rotation, half_year, min(monday) AS first, max(monday) AS last FROM turn GROUP BY rotation, half_year
), member AS (
	SELECT h.rotation, h.half_year, o.staff,
		count(t.monday) FILTER (WHERE NOT t.is_shadow) AS weeks,
		count(t.monday) FILTER (WHERE t.is_shadow) AS shadow_weeks,
		o.joined_on <= h.first + 6 AND coalesce(o.left_on >= h.last + 7, true) AND s.active
			AND EXISTS (SELECT FROM desk.duty_ready r WHERE r.rotation = h.rotation AND r.staff = o.staff AND r.is_ready
				AND coalesce(r.monday, r.since - 7) < h.first)
			AND NOT EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = o.staff
				AND e.from_day <= h.last + 6 AND e.until_day >= h.first) AS all_along
	FROM half h JOIN desk.roster o ON o.rotation = h.rotation AND o.joined_on <= h.last AND coalesce(o.left_on > h.first, true)
	JOIN desk.staff s ON s.id = o.staff
	LEFT JOIN turn t ON t.rotation = h.rotation AND t.half_year = h.half_year AND t.staff = o.staff
	GROUP BY h.rotation, h.half_year, h.first, h.last, o.staff, o.joined_on, o.left_on, s.active
)
SELECT m.rotation, m.half_year, s.name, m.weeks, m.shadow_weeks, m.all_along,
	max(m.weeks) FILTER (WHERE m.all_along) OVER w - min(m.weeks) FILTER (WHERE m.all_along) OVER w AS spread
FROM member m JOIN desk.staff s ON s.id = m.staff
WINDOW w AS (PARTITION BY m.rotation, m.half_year);
COMMENT ON VIEW report.duty_fairness IS 'Weeks on duty per person and half-year, as published so far.  spread is the difference between the most and the fewest of those who could be on duty all along; more than 1 is not fair.';
COMMENT ON COLUMN report.duty_fairness.rotation IS 'which rotation';
COMMENT ON COLUMN report.duty_fairness.half_year IS 'its first day: 1 January or 1 July; a week belongs to where its Monday is';
COMMENT ON COLUMN report.duty_fairness.name IS 'who, as on the public calendar of the duty';
COMMENT ON COLUMN report.duty_fairness.weeks IS 'weeks on duty, also those still to come';
COMMENT ON COLUMN report.duty_fairness.shadow_weeks IS 'weeks of riding shotgun';
COMMENT ON COLUMN report.duty_fairness.all_along IS 'on the roster, ready and not exempt from the first to the last week';
COMMENT ON COLUMN report.duty_fairness.spread IS 'most minus fewest weeks of those who were there all along';

CREATE VIEW report.duty_week AS
WITH week AS (
	SELECT w.rotation, w.monday, w.starts_at, w.ends_at, r.minimum,
		row_number() OVER (PARTITION BY w.rotation ORDER BY w.monday) AS n
	FROM desk.duty_week w JOIN desk.rotation r ON r.name = w.rotation
), start AS (
	SELECT rotation, array_agg(starts_at ORDER BY monday) AS at FROM week GROUP BY rotation
), event AS (
	-- one pass over the tickets, however many weeks there are
	SELECT s.rotation, width_bucket(t.filed_at, s.at) AS n, count(*) AS new, 0 AS solved
	FROM start s, desk.ticket t GROUP BY 1, 2
	UNION ALL
	SELECT s.rotation, width_bucket(t.solved_at, s.at), 0, count(*)
	FROM start s, desk.ticket t WHERE t.solved_at IS NOT NULL GROUP BY 1, 2
), load AS (
	SELECT rotation, n, sum(new) AS new, sum(solved) AS solved,
		sum(sum(new) - sum(solved)) OVER (PARTITION BY rotation ORDER BY n) AS backlog
	FROM event GROUP BY rotation, n
)
SELECT w.rotation, w.monday, w.starts_at, w.ends_at,
	count(d.*) FILTER (WHERE NOT d.is_shadow) AS people,
	count(d.*) FILTER (WHERE d.is_shadow) AS shadows,
	w.minimum, count(d.*) FILTER (WHERE NOT d.is_shadow) < w.minimum AS is_short,
	CASE WHEN w.starts_at <= now() THEN coalesce((SELECT l.new FROM load l WHERE l.rotation = w.rotation AND l.n = w.n), 0) END AS new,
	CASE WHEN w.starts_at <= now() THEN coalesce((SELECT l.solved FROM load l WHERE l.rotation = w.rotation AND l.n = w.n), 0) END AS solved,
	CASE WHEN w.starts_at <= now() THEN coalesce((SELECT l.backlog FROM load l WHERE l.rotation = w.rotation AND l.n <= w.n ORDER BY l.n DESC LIMIT 1), 0) END AS backlog
FROM week w LEFT JOIN desk.duty_seat d ON d.rotation = w.rotation AND d.monday = w.monday
GROUP BY w.rotation, w.monday, w.starts_at, w.ends_at, w.minimum, w.n;
COMMENT ON VIEW report.duty_week IS 'The load of each published week: people on duty, and the tickets of the whole desk that came in, were solved, and stayed open.';
COMMENT ON COLUMN report.duty_week.rotation IS 'which rotation';
COMMENT ON COLUMN report.duty_week.monday IS 'the Monday that names the week';
COMMENT ON COLUMN report.duty_week.starts_at IS 'the hand-over at which it begins';
COMMENT ON COLUMN report.duty_week.ends_at IS 'and the one at which it ends';
COMMENT ON COLUMN report.duty_week.people IS 'seats that have somebody';
COMMENT ON COLUMN report.duty_week.shadows IS 'people who ride shotgun';
COMMENT ON COLUMN report.duty_week.minimum IS 'people that it takes, as of today';
COMMENT ON COLUMN report.duty_week.is_short IS 'fewer people than that';
COMMENT ON COLUMN report.duty_week.new IS 'tickets that came in; NULL before the week begins, as the two that follow';
COMMENT ON COLUMN report.duty_week.solved IS 'tickets solved then that are solved now';
COMMENT ON COLUMN report.duty_week.backlog IS 'tickets that were open at its end, or are now';
