-- Views for people with questions: signed in as desk_report, read-only.
-- No text of a message or note, no address, no name, no figure about a
-- single person of the staff; the subject of a private ticket is NULL.
-- All times are timestamptz, shown in the zone of the session.

CREATE VIEW report.ticket AS
SELECT t.number,
	CASE t.visibility WHEN 'public' THEN t.subject END AS subject,
	t.visibility = 'private' AS is_private,
	t.kind, t.product, t.severity, t.blocked, t.channel, t.template, t.state,
	t.state <> 'resolved' AS is_open, t.resolution, t.duplicate_of,
	r.version AS release, r.released_at, t.hold, t.next_update_by,
	t.assignee IS NOT NULL AS is_assigned,
	t.requester IS NOT NULL AS has_address,
	t.filed_at, t.changed_at, t.answered_at, t.solved_at,
	t.confirmed_at IS NOT NULL AS is_confirmed,
	extract(epoch FROM t.answered_at - t.filed_at)::bigint AS answer_seconds,
	extract(epoch FROM t.solved_at - t.filed_at)::bigint AS solve_seconds,
	(SELECT trunc(c.used_seconds)::bigint FROM desk.clock c WHERE c.ticket = t.number AND c.metric = 'resolution'
		AND c.state = 'stopped' ORDER BY c.cycle DESC LIMIT 1) AS work_seconds,
	(SELECT count(*) FROM desk.message m WHERE m.ticket = t.number AND m.author = 'staff') AS answers,
	(SELECT count(*) FROM desk.message m WHERE m.ticket = t.number AND m.author = 'requester') AS requester_messages,
	(SELECT count(*) FROM desk.change h WHERE h.ticket = t.number AND h.field = 'state' AND h.old = 'resolved') AS reopened,
	t.me_toos
FROM desk.ticket t LEFT JOIN desk.release r ON r.id = t.release;
COMMENT ON VIEW report.ticket IS 'One row per ticket: what it is about, where it stands, how long it took.';
COMMENT ON COLUMN report.ticket.number IS 'the number people say';
COMMENT ON COLUMN report.ticket.subject IS 'as typed; NULL for a private ticket';
COMMENT ON COLUMN report.ticket.is_private IS 'only its requester and the staff may read it';
COMMENT ON COLUMN report.ticket.kind IS 'bug, question, feature...';
COMMENT ON COLUMN report.ticket.product IS 'about what; NULL while nobody knows';
COMMENT ON COLUMN report.ticket.severity IS '1 critical to 4 low';
COMMENT ON COLUMN report.ticket.blocked IS 'blocked, workaround or no';
COMMENT ON COLUMN report.ticket.channel IS 'the way it came in';
COMMENT ON COLUMN report.ticket.template IS 'the form it came by; NULL when by none';
COMMENT ON COLUMN report.ticket.state IS 'new, open, pending, fixed or resolved';
COMMENT ON COLUMN report.ticket.is_open IS 'not resolved';
COMMENT ON COLUMN report.ticket.resolution IS 'how it ended; NULL while open';
COMMENT ON COLUMN report.ticket.duplicate_of IS 'the ticket that goes on instead';
COMMENT ON COLUMN report.ticket.release IS 'the version that carries the change';
COMMENT ON COLUMN report.ticket.released_at IS 'when that version came out; NULL while planned';
COMMENT ON COLUMN report.ticket.hold IS 'cannot-yet or third-party';
COMMENT ON COLUMN report.ticket.next_update_by IS 'until when we promised to write again';
COMMENT ON COLUMN report.ticket.is_assigned IS 'somebody has taken it';
COMMENT ON COLUMN report.ticket.has_address IS 'the requester left a mail address';
COMMENT ON COLUMN report.ticket.filed_at IS 'when it came in';
COMMENT ON COLUMN report.ticket.changed_at IS 'last change or message';
COMMENT ON COLUMN report.ticket.answered_at IS 'first answer by a person; NULL before';
COMMENT ON COLUMN report.ticket.solved_at IS 'when it was resolved; NULL while open';
COMMENT ON COLUMN report.ticket.is_confirmed IS 'the requester said that it is solved';
COMMENT ON COLUMN report.ticket.answer_seconds IS 'from filing to the first answer, by the calendar';
COMMENT ON COLUMN report.ticket.solve_seconds IS 'from filing to resolution, by the calendar';
COMMENT ON COLUMN report.ticket.work_seconds IS 'the same without the time we waited for the requester';
COMMENT ON COLUMN report.ticket.answers IS 'messages by staff';
COMMENT ON COLUMN report.ticket.requester_messages IS 'messages by the requester, the report included';
COMMENT ON COLUMN report.ticket.reopened IS 'how often it was not solved after all';
COMMENT ON COLUMN report.ticket.me_toos IS 'how many more people have it';

CREATE VIEW report.unanswered AS
SELECT t.number, t.severity, t.kind, t.product, t.channel, t.state, t.blocked, t.visibility = 'private' AS is_private,
	t.assignee IS NOT NULL AS is_assigned, t.filed_at, t.answer_due_at,
	extract(epoch FROM now() - t.filed_at)::bigint AS waiting_seconds,
	coalesce(t.late_at < now(), false) AS is_late
FROM desk.ticket t WHERE t.state <> 'resolved' AND t.answered_at IS NULL;
COMMENT ON VIEW report.unanswered IS 'Every open ticket that no person has answered.  No state, owner or hold hides one; automatic messages do not count.';
COMMENT ON COLUMN report.unanswered.number IS 'of the ticket';
COMMENT ON COLUMN report.unanswered.severity IS '1 critical to 4 low';
COMMENT ON COLUMN report.unanswered.kind IS 'bug, question, feature...';
COMMENT ON COLUMN report.unanswered.product IS 'about what';
COMMENT ON COLUMN report.unanswered.channel IS 'the way it came in';
COMMENT ON COLUMN report.unanswered.state IS 'where it stands';
COMMENT ON COLUMN report.unanswered.blocked IS 'blocked, workaround or no';
COMMENT ON COLUMN report.unanswered.is_private IS 'only its requester and the staff may read it';
COMMENT ON COLUMN report.unanswered.is_assigned IS 'somebody has taken it';
COMMENT ON COLUMN report.unanswered.filed_at IS 'when it came in';
COMMENT ON COLUMN report.unanswered.answer_due_at IS 'until when an answer was promised';
COMMENT ON COLUMN report.unanswered.waiting_seconds IS 'since it came in';
COMMENT ON COLUMN report.unanswered.is_late IS 'that promise is broken';

CREATE VIEW report.change AS
SELECT c.id, c.ticket, c.field,
	CASE WHEN f.is_plain THEN c.old END AS old,
	CASE WHEN f.is_plain THEN c.new END AS new,
	c.actor, c.program, c.changed_at
FROM desk.change c
CROSS JOIN LATERAL (SELECT c.field IN ('kind', 'product', 'severity', 'blocked', 'visibility', 'channel', 'team', 'state',
	'resolution', 'duplicate_of', 'release', 'hold', 'next_update_by', 'answered_at') AS is_plain) f;
COMMENT ON VIEW report.change IS 'The history of all tickets: which field changed, when, by what kind of actor, through which program.';
COMMENT ON COLUMN report.change.id IS 'rises with time';
COMMENT ON COLUMN report.change.ticket IS 'of which ticket';
COMMENT ON COLUMN report.change.field IS 'the column of desk.ticket';
COMMENT ON COLUMN report.change.old IS 'before; NULL for texts, names and people';
COMMENT ON COLUMN report.change.new IS 'after; NULL for texts, names and people';
COMMENT ON COLUMN report.change.actor IS 'staff, requester, release or sql';
COMMENT ON COLUMN report.change.program IS 'the database role that was signed in';
COMMENT ON COLUMN report.change.changed_at IS 'when';

CREATE VIEW report.channel_total AS
SELECT coalesce(t.channel, 'all') AS channel, count(*) AS filed,
	count(*) FILTER (WHERE t.state <> 'resolved') AS open,
	count(*) FILTER (WHERE t.state = 'resolved') AS resolved,
	count(*) FILTER (WHERE t.state <> 'resolved' AND t.answered_at IS NULL) AS unanswered
FROM desk.ticket t GROUP BY ROLLUP (t.channel);
COMMENT ON VIEW report.channel_total IS 'Tickets per channel, and "all" of them: the channels sum to it.';
COMMENT ON COLUMN report.channel_total.channel IS 'the way they came in, or all';
COMMENT ON COLUMN report.channel_total.filed IS 'ever';
COMMENT ON COLUMN report.channel_total.open IS 'not resolved';
COMMENT ON COLUMN report.channel_total.resolved IS 'the others';
COMMENT ON COLUMN report.channel_total.unanswered IS 'open, and no person has answered';

CREATE VIEW report.intake AS
SELECT i.name AS template, i.label, i.retired_at IS NOT NULL AS is_retired, s.*
FROM desk.intake_template i
CROSS JOIN LATERAL (SELECT count(*) AS filed,
	count(*) FILTER (WHERE t.filed_at > now() - interval '30 days') AS filed_30_days,
	count(*) FILTER (WHERE t.visibility = 'private') AS private,
	count(*) FILTER (WHERE t.severity <> i.severity) AS other_severity,
	count(*) FILTER (WHERE t.kind <> i.kind) AS other_kind,
	count(*) FILTER (WHERE t.state <> 'resolved') AS open,
	percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.answered_at - t.filed_at)::bigint)
		FILTER (WHERE t.answered_at IS NOT NULL) AS answer_p50_seconds
	FROM desk.ticket t WHERE t.template = i.name) s;
COMMENT ON VIEW report.intake IS 'How the forms are used, and whether their presets fit what people choose.';
COMMENT ON COLUMN report.intake.template IS 'the form''s name in its URL';
COMMENT ON COLUMN report.intake.label IS 'what a requester chooses';
COMMENT ON COLUMN report.intake.is_retired IS 'no longer offered';
COMMENT ON COLUMN report.intake.filed IS 'tickets that came by it, ever';
COMMENT ON COLUMN report.intake.filed_30_days IS 'in the last 30 days';
COMMENT ON COLUMN report.intake.private IS 'of all, how many are private';
COMMENT ON COLUMN report.intake.other_severity IS 'of all, how many now have another severity than the preset';
COMMENT ON COLUMN report.intake.other_kind IS 'of all, how many turned out to be of another kind';
COMMENT ON COLUMN report.intake.open IS 'of all, how many are not resolved';
COMMENT ON COLUMN report.intake.answer_p50_seconds IS 'half of the answered ones were answered within';

CREATE VIEW report.release AS
SELECT r.id AS release, r.product, r.version, r.released_at,
	(SELECT count(*) FROM desk.ticket t WHERE t.release = r.id AND t.state = 'fixed') AS waiting,
	(SELECT count(*) FROM desk.ticket t WHERE t.release = r.id AND t.state = 'resolved') AS resolved
FROM desk.release r;
COMMENT ON VIEW report.release IS 'Versions, planned and out, and what they carry.';
COMMENT ON COLUMN report.release.release IS 'number of the release';
COMMENT ON COLUMN report.release.product IS 'of what';
COMMENT ON COLUMN report.release.version IS 'as people write it';
COMMENT ON COLUMN report.release.released_at IS 'when it came out; NULL while planned';
COMMENT ON COLUMN report.release.waiting IS 'tickets fixed that wait for it';
COMMENT ON COLUMN report.release.resolved IS 'tickets it has resolved';
