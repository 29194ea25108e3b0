-- Promises and how they were kept.  A promise belongs to the time at which
-- it was decided: kept when its clock stopped, or broken when its time ran
-- out, whichever came first.  Whether slacheck has come by does not matter.

CREATE VIEW report.clock AS
SELECT c.ticket, c.id AS clock, c.metric, c.cycle, t.channel, t.severity, coalesce(u.plan, 'none') AS plan, t.kind, t.product, c.policy,
	coalesce(k.name, 'always') AS calendar, c.state,
	CASE
		WHEN l.late_at IS NOT NULL AND c.state = 'stopped' AND c.used_seconds <= c.target_seconds THEN 'met after change'
		WHEN l.late_at IS NOT NULL THEN 'breached'
		WHEN c.state = 'stopped' THEN 'met'
		WHEN c.state <> 'running' THEN c.state
		WHEN c.warn_at <= now() THEN 'at risk'
		ELSE 'open' END AS outcome,
	least(l.late_at, c.stopped_at) AS decided_at,
	least(c.breached_at, c.stopped_at) AS noted_at,
	c.started_at, c.warn_at, c.due_at, c.breach_at, c.warned_at, l.late_at AS breached_at, c.stopped_at,
	c.target_seconds::bigint AS target_seconds,
	trunc(c.used_seconds + CASE c.state WHEN 'running' THEN greatest(0, CASE WHEN c.calendar IS NULL THEN extract(epoch FROM now() - c.since)
		ELSE api.business_between(k.name, c.since, now()) END) ELSE 0 END)::bigint AS used_seconds,
	trunc(extract(epoch FROM coalesce(c.stopped_at, now()) - c.started_at))::bigint AS elapsed_seconds,
	-- round the clock that is what counted; in other hours the ledger tells
	trunc(CASE WHEN c.calendar IS NULL
		THEN c.used_seconds + CASE c.state WHEN 'running' THEN greatest(0, extract(epoch FROM now() - c.since)) ELSE 0 END
		ELSE (SELECT sum(extract(epoch FROM e.until - e.at)) FROM (
			SELECT v.at, v.kind, lead(v.at, 1, now()) OVER (ORDER BY v.at,
				array_position('{start,reopen,resume,pause,stop,cancel}'::text[], v.kind), v.id) AS until
			FROM desk.clock_event v WHERE v.clock = c.id AND v.kind <> 'change') e
			WHERE e.kind IN ('start', 'reopen', 'resume')) END)::bigint AS wait_seconds,
	(SELECT r.reason FROM desk.breach_reason r WHERE r.clock = c.id) AS reason
FROM desk.clock c
JOIN desk.ticket t ON t.number = c.ticket
LEFT JOIN desk.customer u ON u.id = t.customer
LEFT JOIN desk.calendar k ON k.id = c.calendar
CROSS JOIN LATERAL (SELECT coalesce(c.breached_at, CASE WHEN c.breach_at < now() THEN c.breach_at END) AS late_at) l;
COMMENT ON VIEW report.clock IS 'One row per promise about a ticket.';
COMMENT ON COLUMN report.clock.ticket IS 'about which ticket';
COMMENT ON COLUMN report.clock.clock IS 'number of the clock';
COMMENT ON COLUMN report.clock.metric IS 'first response, next response, resolution, or next update (which somebody promised for a date)';
COMMENT ON COLUMN report.clock.cycle IS 'rises when a clock had to start anew';
COMMENT ON COLUMN report.clock.channel IS 'of the ticket';
COMMENT ON COLUMN report.clock.severity IS 'of the ticket';
COMMENT ON COLUMN report.clock.plan IS 'of the ticket''s customer, or none';
COMMENT ON COLUMN report.clock.kind IS 'of the ticket';
COMMENT ON COLUMN report.clock.product IS 'of the ticket';
COMMENT ON COLUMN report.clock.policy IS 'the row of report.policy it follows; NULL for a promised date';
COMMENT ON COLUMN report.clock.calendar IS 'the hours that count; always is round the clock';
COMMENT ON COLUMN report.clock.state IS 'running, paused (we wait for the requester), stopped or cancelled';
COMMENT ON COLUMN report.clock.outcome IS 'met, breached, met after change (late until the promise was changed), open, at risk, paused or cancelled';
COMMENT ON COLUMN report.clock.decided_at IS 'when it was kept or broken; NULL while it is neither';
COMMENT ON COLUMN report.clock.noted_at IS 'the same as far as slacheck has noted it; there is an index on it';
COMMENT ON COLUMN report.clock.started_at IS 'when the time began to count';
COMMENT ON COLUMN report.clock.warn_at IS 'when it comes near its end, while running';
COMMENT ON COLUMN report.clock.due_at IS 'the last moment in time, while running';
COMMENT ON COLUMN report.clock.breach_at IS 'due_at or the next opening after it, while running: what comes after that is late';
COMMENT ON COLUMN report.clock.warned_at IS 'the warning that slacheck has noted';
COMMENT ON COLUMN report.clock.breached_at IS 'when it was broken';
COMMENT ON COLUMN report.clock.stopped_at IS 'when it was fulfilled';
COMMENT ON COLUMN report.clock.target_seconds IS 'the time promised, in seconds of the calendar';
COMMENT ON COLUMN report.clock.used_seconds IS 'the time that counted so far, in seconds of the calendar';
COMMENT ON COLUMN report.clock.elapsed_seconds IS 'the time since the start, waiting for the requester included';
COMMENT ON COLUMN report.clock.wait_seconds IS 'how long the requester waited: elapsed without the pauses, whatever the hour';
COMMENT ON COLUMN report.clock.reason IS 'why it was broken, if somebody has said so';

CREATE VIEW report.policy AS
SELECT p.id AS policy, p.severity, p.channel, p.plan, p.position, p.answer_seconds, p.same_day, p.next_seconds, p.solve_seconds,
	coalesce((SELECT k.name FROM desk.calendar k WHERE k.id = p.answer_calendar), 'always') AS answer_calendar,
	coalesce((SELECT k.name FROM desk.calendar k WHERE k.id = p.next_calendar), 'always') AS next_calendar,
	coalesce((SELECT k.name FROM desk.calendar k WHERE k.id = p.solve_calendar), 'always') AS solve_calendar,
	p.warn_percents, p.hold_pauses, p.reopen_days, p.valid_from
FROM desk.policy p;
COMMENT ON VIEW report.policy IS 'What is promised; the row holds that names most of severity, channel and plan; of equals the lowest position, then severity before plan before channel; of the same the latest valid one.';
COMMENT ON COLUMN report.policy.policy IS 'number of the row';
COMMENT ON COLUMN report.policy.severity IS 'for this severity; NULL for any';
COMMENT ON COLUMN report.policy.channel IS 'for this channel; NULL for any';
COMMENT ON COLUMN report.policy.plan IS 'for customers of this plan; NULL for any';
COMMENT ON COLUMN report.policy.position IS 'which of two rows comes first that name equally much';
COMMENT ON COLUMN report.policy.answer_seconds IS 'first response within, in seconds of its calendar';
COMMENT ON COLUMN report.policy.same_day IS 'or by midnight, if that is later';
COMMENT ON COLUMN report.policy.next_seconds IS 'every later answer within; NULL for as long as the first';
COMMENT ON COLUMN report.policy.solve_seconds IS 'resolution within, without waiting for the requester';
COMMENT ON COLUMN report.policy.answer_calendar IS 'the hours that count for the first response';
COMMENT ON COLUMN report.policy.next_calendar IS 'the hours that count for later answers';
COMMENT ON COLUMN report.policy.solve_calendar IS 'the hours that count for the resolution';
COMMENT ON COLUMN report.policy.warn_percents IS 'warn when so much of it has passed';
COMMENT ON COLUMN report.policy.hold_pauses IS 'what pauses while we wait for a third party';
COMMENT ON COLUMN report.policy.reopen_days IS 'a ticket opened again later than that gets a new resolution clock';
COMMENT ON COLUMN report.policy.valid_from IS 'for tickets that came in from then on';

CREATE VIEW report.sla_week AS
SELECT date_trunc('week', w.at AT TIME ZONE z.name)::date AS week, c.metric, c.channel, c.severity,
	count(*) FILTER (WHERE w.is_start) AS started,
	count(*) FILTER (WHERE w.is_start AND c.outcome IN ('open', 'at risk', 'paused')) AS still_open,
	count(*) FILTER (WHERE w.is_start AND c.outcome = 'cancelled') AS cancelled,
	count(*) FILTER (WHERE NOT w.is_start AND c.outcome = 'met') AS met,
	count(*) FILTER (WHERE NOT w.is_start AND c.outcome <> 'met') AS breached,
	count(*) FILTER (WHERE NOT w.is_start AND c.outcome = 'met after change') AS met_after_change,
	percentile_disc(0.5) WITHIN GROUP (ORDER BY c.used_seconds) FILTER (WHERE NOT w.is_start AND c.state = 'stopped') AS p50_seconds,
	percentile_disc(0.9) WITHIN GROUP (ORDER BY c.used_seconds) FILTER (WHERE NOT w.is_start AND c.state = 'stopped') AS p90_seconds,
	percentile_disc(0.95) WITHIN GROUP (ORDER BY c.used_seconds) FILTER (WHERE NOT w.is_start AND c.state = 'stopped') AS p95_seconds
FROM report.clock c
CROSS JOIN (SELECT api.zone() AS name OFFSET 0) z
CROSS JOIN LATERAL (VALUES (true, c.started_at), (false, c.decided_at)) AS w (is_start, at)
WHERE w.at IS NOT NULL
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW report.sla_week IS 'Promises per week, metric, channel and severity.  Over all weeks, started = met + breached + still_open + cancelled.';
COMMENT ON COLUMN report.sla_week.week IS 'its Monday, in the desk''s zone';
COMMENT ON COLUMN report.sla_week.metric IS 'first response, next response, resolution or next update';
COMMENT ON COLUMN report.sla_week.channel IS 'the way they came in';
COMMENT ON COLUMN report.sla_week.severity IS '1 critical to 4 low';
COMMENT ON COLUMN report.sla_week.started IS 'clocks that began in the week';
COMMENT ON COLUMN report.sla_week.still_open IS 'of those, neither kept nor broken by now';
COMMENT ON COLUMN report.sla_week.cancelled IS 'of those, fallen away';
COMMENT ON COLUMN report.sla_week.met IS 'kept in the week';
COMMENT ON COLUMN report.sla_week.breached IS 'broken in the week';
COMMENT ON COLUMN report.sla_week.met_after_change IS 'of the broken ones, within the promise after it was changed';
COMMENT ON COLUMN report.sla_week.p50_seconds IS 'of the clocks decided in the week that have stopped, half needed no more (nearest rank)';
COMMENT ON COLUMN report.sla_week.p90_seconds IS '90 of 100 needed no more';
COMMENT ON COLUMN report.sla_week.p95_seconds IS '95 of 100 needed no more';

CREATE VIEW report.breach AS
SELECT c.ticket, c.clock, c.metric, c.channel, c.severity, c.plan, c.breached_at, c.stopped_at, c.target_seconds, c.used_seconds,
	c.used_seconds - c.target_seconds AS late_seconds, c.outcome, c.reason
FROM report.clock c WHERE c.outcome IN ('breached', 'met after change');
COMMENT ON VIEW report.breach IS 'Every promise that was broken, with the reason if one was given.';
COMMENT ON COLUMN report.breach.ticket IS 'about which ticket';
COMMENT ON COLUMN report.breach.clock IS 'number of the clock';
COMMENT ON COLUMN report.breach.metric IS 'first response, next response, resolution or next update';
COMMENT ON COLUMN report.breach.channel IS 'of the ticket';
COMMENT ON COLUMN report.breach.severity IS 'of the ticket';
COMMENT ON COLUMN report.breach.plan IS 'of the ticket''s customer, or none';
COMMENT ON COLUMN report.breach.breached_at IS 'when';
COMMENT ON COLUMN report.breach.stopped_at IS 'when it was fulfilled after all; NULL while it is not';
COMMENT ON COLUMN report.breach.target_seconds IS 'the time promised, in seconds of its calendar';
COMMENT ON COLUMN report.breach.used_seconds IS 'the time that it took so far';
COMMENT ON COLUMN report.breach.late_seconds IS 'the difference; not above 0 when the promise was changed later';
COMMENT ON COLUMN report.breach.outcome IS 'breached, or met after change';
COMMENT ON COLUMN report.breach.reason IS 'why, in words for everybody; NULL when nobody has said so';
