-- Promises and how they were kept.  A promise belongs to the time at which
-- it was decided: kept when its clock stopped, or broken when its time ran
-- out, whichever came first.  Whether slacheck has come by does not matter.

CREATE VIEW report.clock AS
SELECT c.ticket, c.metric, c.cycle, t.channel, t.severity, t.kind, t.product, c.policy, c.state,
	CASE
		WHEN l.late_at IS NOT NULL AND c.state = 'stopped' AND c.used_seconds <= c.target_seconds THEN 'met after change'
		WHEN l.late_at IS NOT NULL THEN 'breached'
		WHEN c.state = 'stopped' THEN 'met'
		WHEN c.state <> 'running' THEN c.state
		WHEN c.warn_at <= now() THEN 'at risk'
		ELSE 'open' END AS outcome,
	coalesce(l.late_at, c.stopped_at) AS decided_at,
	c.started_at, c.warn_at, c.due_at, c.warned_at, l.late_at AS breached_at, c.stopped_at, c.target_seconds,
	trunc(c.used_seconds + CASE c.state WHEN 'running' THEN greatest(0, extract(epoch FROM now() - c.since)) ELSE 0 END)::bigint AS used_seconds,
	extract(epoch FROM coalesce(c.stopped_at, now()) - c.started_at)::bigint AS elapsed_seconds
FROM desk.clock c
JOIN desk.ticket t ON t.number = c.ticket
CROSS JOIN LATERAL (SELECT coalesce(c.breached_at, CASE WHEN c.due_at < now() THEN c.due_at END) AS late_at) l;
COMMENT ON VIEW report.clock IS 'One row per promise about a ticket.';
COMMENT ON COLUMN report.clock.ticket IS 'about which ticket';
COMMENT ON COLUMN report.clock.metric IS 'first response or resolution';
COMMENT ON COLUMN report.clock.cycle IS 'rises when a clock had to start anew';
COMMENT ON COLUMN report.clock.channel IS 'of the ticket';
COMMENT ON COLUMN report.clock.severity IS 'of the ticket';
COMMENT ON COLUMN report.clock.kind IS 'of the ticket';
COMMENT ON COLUMN report.clock.product IS 'of the ticket';
COMMENT ON COLUMN report.clock.policy IS 'the row of report.policy it follows';
COMMENT ON COLUMN report.clock.state IS 'running, paused (we wait for the requester), stopped or cancelled';
COMMENT ON COLUMN report.clock.outcome IS 'met, breached, met after change (late until the promise was changed), open, at risk, paused or cancelled';
COMMENT ON COLUMN report.clock.decided_at IS 'when it was kept or broken; NULL while it is neither';
COMMENT ON COLUMN report.clock.started_at IS 'when the time began to count';
COMMENT ON COLUMN report.clock.warn_at IS 'when it comes near its end, while running';
COMMENT ON COLUMN report.clock.due_at IS 'the last moment in time, while running';
COMMENT ON COLUMN report.clock.warned_at IS 'the warning that slacheck has noted';
COMMENT ON COLUMN report.clock.breached_at IS 'when it was broken';
COMMENT ON COLUMN report.clock.stopped_at IS 'when it was fulfilled';
COMMENT ON COLUMN report.clock.target_seconds IS 'the time promised';
COMMENT ON COLUMN report.clock.used_seconds IS 'the time that counted so far';
COMMENT ON COLUMN report.clock.elapsed_seconds IS 'the time by the calendar, waiting for the requester included';

CREATE VIEW report.policy AS
SELECT p.id AS policy, p.severity, p.channel, p.answer_seconds, p.same_day, p.solve_seconds, p.warn_percent, p.valid_from
FROM desk.policy p;
COMMENT ON VIEW report.policy IS 'What is promised; the most specific row holds: severity before channel before neither, of equals the latest valid one.';
COMMENT ON COLUMN report.policy.policy IS 'number of the row';
COMMENT ON COLUMN report.policy.severity IS 'for this severity; NULL for any';
COMMENT ON COLUMN report.policy.channel IS 'for this channel; NULL for any';
COMMENT ON COLUMN report.policy.answer_seconds IS 'first response within';
COMMENT ON COLUMN report.policy.same_day IS 'or by midnight, if that is later';
COMMENT ON COLUMN report.policy.solve_seconds IS 'resolution within, without waiting for the requester';
COMMENT ON COLUMN report.policy.warn_percent IS 'warn when so much of it has passed';
COMMENT ON COLUMN report.policy.valid_from IS 'for tickets that came in from then on';

CREATE VIEW report.sla_week AS
SELECT date_trunc('week', w.at)::date AS week, c.metric, c.channel, c.severity,
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
CROSS JOIN LATERAL (VALUES (true, c.started_at), (false, c.decided_at)) AS w (is_start, at)
WHERE w.at IS NOT NULL
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW report.sla_week IS 'Promises per week, metric, channel and severity.  Over all weeks, started = met + breached + still_open + cancelled.';
COMMENT ON COLUMN report.sla_week.week IS 'its Monday, in the zone of the session';
COMMENT ON COLUMN report.sla_week.metric IS 'first response or resolution';
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
