-- Production actions without their words, which may hold what only staff read.

CREATE VIEW report.production_actions AS
SELECT a.id AS action, a.ticket, a.done_at, a.written_at, extract(epoch FROM a.written_at - a.done_at)::bigint AS delay_seconds,
	CASE WHEN p.action IS NOT NULL THEN 'here' WHEN a.approval IS NOT NULL THEN 'elsewhere' ELSE 'not yet' END AS approved, p.at AS approved_at
FROM desk.action a LEFT JOIN desk.action_approval p ON p.action = a.id;
COMMENT ON VIEW report.production_actions IS 'What was done in production: when, for which ticket, and was it approved by somebody else?  What and why stand in desk.action, for staff.';
COMMENT ON COLUMN report.production_actions.action IS 'number';
COMMENT ON COLUMN report.production_actions.ticket IS 'for which ticket';
COMMENT ON COLUMN report.production_actions.done_at IS 'when it was done';
COMMENT ON COLUMN report.production_actions.written_at IS 'when it was written down';
COMMENT ON COLUMN report.production_actions.delay_seconds IS 'how long after';
COMMENT ON COLUMN report.production_actions.approved IS 'here: by the press of another one of the staff; elsewhere: in words; not yet';
COMMENT ON COLUMN report.production_actions.approved_at IS 'when, if here';
