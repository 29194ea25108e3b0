-- How often, and why, a ticket is not public.

CREATE VIEW report.private_reason AS
SELECT date_trunc('week', t.filed_at)::date AS week, coalesce(p.reason, CASE t.visibility WHEN 'private' THEN 'not said' ELSE 'public' END) AS reason,
	count(*)::int AS tickets, round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY date_trunc('week', t.filed_at)::date), 1) AS percent
FROM desk.ticket t LEFT JOIN desk.private_reason p ON p.ticket = t.number AND t.visibility = 'private'
GROUP BY 1, 2;
COMMENT ON VIEW report.private_reason IS 'The tickets of each week by why they are private, as they stand now: secret, configuration, other, not said (private by the form, or by staff), and public.';
COMMENT ON COLUMN report.private_reason.week IS 'the Monday of the week they were filed in';
COMMENT ON COLUMN report.private_reason.reason IS 'why private, or public';
COMMENT ON COLUMN report.private_reason.tickets IS 'how many';
COMMENT ON COLUMN report.private_reason.percent IS 'of the week''s tickets';
