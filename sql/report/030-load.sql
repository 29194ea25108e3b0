-- How much there is to do and who does it, and what must not be forgotten.

CREATE VIEW report.load_week AS
SELECT w.week, w.new, w.solved, w.reopened, w.backlog, w.people, w.minimum, w.is_short
FROM api.load_week('-infinity') w;
COMMENT ON VIEW report.load_week IS 'Tickets and people per week.  backlog = backlog of the week before + new - solved + reopened.';
COMMENT ON COLUMN report.load_week.week IS 'its Monday, in the desk''s zone';
COMMENT ON COLUMN report.load_week.new IS 'tickets that came in';
COMMENT ON COLUMN report.load_week.solved IS 'how often a ticket was resolved';
COMMENT ON COLUMN report.load_week.reopened IS 'how often one was opened again';
COMMENT ON COLUMN report.load_week.backlog IS 'open at its end; in the present week, now';
COMMENT ON COLUMN report.load_week.people IS 'on duty, without those who rode shotgun';
COMMENT ON COLUMN report.load_week.minimum IS 'how many there should be, all rotations together';
COMMENT ON COLUMN report.load_week.is_short IS 'a rotation had fewer than its minimum';

CREATE VIEW report.answer_week AS
SELECT w.week, w.requesters, w.answered, w.mean_seconds, w.p50_seconds, w.p90_seconds, w.target_seconds, w.is_met, w.waiting
FROM api.answer_week('-infinity') w;
COMMENT ON VIEW report.answer_week IS 'Time to the first answer per week in which it was given, by the calendar from filing.';
COMMENT ON COLUMN report.answer_week.week IS 'its Monday, in the desk''s zone';
COMMENT ON COLUMN report.answer_week.requesters IS 'all; internal, teams of our own; others';
COMMENT ON COLUMN report.answer_week.answered IS 'first answers given in it';
COMMENT ON COLUMN report.answer_week.mean_seconds IS 'their mean';
COMMENT ON COLUMN report.answer_week.p50_seconds IS 'half came within (nearest rank)';
COMMENT ON COLUMN report.answer_week.p90_seconds IS '90 of 100 came within';
COMMENT ON COLUMN report.answer_week.target_seconds IS 'the mean we aim at now (desk.target)';
COMMENT ON COLUMN report.answer_week.is_met IS 'the mean was no longer than that; NULL without answers or aim';
COMMENT ON COLUMN report.answer_week.waiting IS 'tickets that came in it and have no answer yet: their times are in no figure';

CREATE VIEW report.unrouted AS
SELECT t.number, t.severity, t.kind, t.product, t.filed_at, extract(epoch FROM now() - t.filed_at)::bigint AS waiting_seconds
FROM desk.ticket t
WHERE t.state <> 'resolved' AND t.channel = 'mail' AND t.team IS NULL AND t.filed_at <= now() - interval '15 minutes';
COMMENT ON VIEW report.unrouted IS 'Mail that no team looks after, a quarter of an hour after it came (004d).';
COMMENT ON COLUMN report.unrouted.number IS 'of the ticket';
COMMENT ON COLUMN report.unrouted.severity IS '1 critical to 4 low';
COMMENT ON COLUMN report.unrouted.kind IS 'bug, question, feature...';
COMMENT ON COLUMN report.unrouted.product IS 'about what';
COMMENT ON COLUMN report.unrouted.filed_at IS 'when it came in';
COMMENT ON COLUMN report.unrouted.waiting_seconds IS 'since then';

CREATE VIEW report.untriaged AS
SELECT t.number, t.severity, t.kind, t.product, t.channel, t.team, t.visibility = 'private' AS is_private, t.filed_at,
	extract(epoch FROM now() - t.filed_at)::bigint AS waiting_seconds, t.filed_at < now() - interval '7 days' AS is_old
FROM desk.ticket t WHERE t.state = 'new' AND t.assignee IS NULL;
COMMENT ON VIEW report.untriaged IS 'New tickets that no person has answered, taken, given to somebody or moved on (004b).';
COMMENT ON COLUMN report.untriaged.number IS 'of the ticket';
COMMENT ON COLUMN report.untriaged.severity IS '1 critical to 4 low';
COMMENT ON COLUMN report.untriaged.kind IS 'bug, question, feature...';
COMMENT ON COLUMN report.untriaged.product IS 'about what';
COMMENT ON COLUMN report.untriaged.channel IS 'the way it came in';
COMMENT ON COLUMN report.untriaged.team IS 'the team a rule has chosen';
COMMENT ON COLUMN report.untriaged.is_private IS 'only its requester and the staff may read it';
COMMENT ON COLUMN report.untriaged.filed_at IS 'when it came in';
COMMENT ON COLUMN report.untriaged.waiting_seconds IS 'since then';
COMMENT ON COLUMN report.untriaged.is_old IS 'for more than seven days';

CREATE VIEW report.list_sent AS
SELECT l.kind, l.day, l.tickets, l.made_at FROM desk.list_sent l;
COMMENT ON VIEW report.list_sent IS 'The lists of what must not be forgotten, as they went out.';
COMMENT ON COLUMN report.list_sent.kind IS 'daily or triage';
COMMENT ON COLUMN report.list_sent.day IS 'for which day, in the desk''s zone; the first day of its week';
COMMENT ON COLUMN report.list_sent.tickets IS 'how many entries it had';
COMMENT ON COLUMN report.list_sent.made_at IS 'when it was written';

GRANT SELECT ON report.load_week, report.answer_week, report.unrouted, report.untriaged, report.list_sent TO desk_report;
