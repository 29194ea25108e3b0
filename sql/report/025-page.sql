-- Who was woken, how often, and whether it was right.

CREATE VIEW report.page AS
SELECT p.id AS page, p.ticket, p.product, p.rotation, p.opened_at,
	(SELECT count(*) FROM desk.page_report q WHERE q.page = p.id) AS reports,
	(SELECT count(*) FROM desk.page_event e WHERE e.page = p.id AND e.kind = 'told') AS told,
	p.duty_empty, p.acknowledged_at,
	floor(extract(epoch FROM p.acknowledged_at - p.opened_at))::bigint AS acknowledge_seconds,
	p.resolved_at, p.resolved_why, p.justified, p.judged_at
FROM desk.page p;
COMMENT ON VIEW report.page IS 'One row per page.  No person, as everywhere in these views.';
COMMENT ON COLUMN report.page.page IS 'its number';
COMMENT ON COLUMN report.page.ticket IS 'the first report of it';
COMMENT ON COLUMN report.page.product IS 'what was down; NULL when nobody knew';
COMMENT ON COLUMN report.page.rotation IS 'whose people on duty were paged';
COMMENT ON COLUMN report.page.opened_at IS 'when it began';
COMMENT ON COLUMN report.page.reports IS 'tickets about it; all but the first woke nobody';
COMMENT ON COLUMN report.page.told IS 'people told, those who were told twice counted twice';
COMMENT ON COLUMN report.page.duty_empty IS 'nobody was on duty';
COMMENT ON COLUMN report.page.acknowledged_at IS 'when somebody was on it; NULL when nobody was';
COMMENT ON COLUMN report.page.acknowledge_seconds IS 'how long that took';
COMMENT ON COLUMN report.page.resolved_at IS 'when it was over';
COMMENT ON COLUMN report.page.resolved_why IS 'answered, solved, not down, or what was written in psql';
COMMENT ON COLUMN report.page.justified IS 'was it right to wake somebody for this?  NULL: not judged yet';
COMMENT ON COLUMN report.page.judged_at IS 'when that was said';

CREATE VIEW report.page_month AS
SELECT date_trunc('month', p.opened_at)::date AS month, count(*) AS pages, count(*) FILTER (WHERE p.duty_empty) AS duty_empty,
	count(p.acknowledged_at) AS acknowledged,
	percentile_disc(0.5) WITHIN GROUP (ORDER BY p.acknowledge_seconds) AS median_seconds,
	count(p.justified) AS judged, count(*) FILTER (WHERE p.justified) AS justified,
	(100 * count(*) FILTER (WHERE p.justified) / nullif(count(p.justified), 0))::int AS justified_percent
FROM report.page p
GROUP BY 1;
COMMENT ON VIEW report.page_month IS 'Pages per month, in the zone of the session: does the night watch sleep?';
COMMENT ON COLUMN report.page_month.month IS 'its first day';
COMMENT ON COLUMN report.page_month.pages IS 'how often somebody was woken';
COMMENT ON COLUMN report.page_month.duty_empty IS 'of these, with nobody on duty';
COMMENT ON COLUMN report.page_month.acknowledged IS 'of these, acknowledged';
COMMENT ON COLUMN report.page_month.median_seconds IS 'half were acknowledged within (nearest rank)';
COMMENT ON COLUMN report.page_month.judged IS 'of these, with a verdict';
COMMENT ON COLUMN report.page_month.justified IS 'of those judged, rightly';
COMMENT ON COLUMN report.page_month.justified_percent IS 'the same as a part of those judged; NULL when none is';
