-- How we do: the sums of periods are the sums of clocks (SLA: each is counted
-- once, and periods that are over do not change), percentiles are what a
-- plain count gives, and the figures per week are those of the report.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();
SET LOCAL timezone = 'UTC';
SET LOCAL jit = off;
\set seed `echo "${SEED:-0.19}"`
SELECT setseed(:seed) \g /dev/null
SELECT diag('seed ' || :'seed') WHERE :'seed' <> '0.19';

SET LOCAL session_replication_role = replica;
DELETE FROM desk.sla_event;
DELETE FROM desk.breach_reason;
DELETE FROM desk.clock_event;
DELETE FROM desk.clock;
DELETE FROM desk.record_week;
DELETE FROM desk.record_total;
DELETE FROM desk.missed_run;
DELETE FROM desk.last_run;
-- the zone is one with daylight saving, whatever the desk's is
UPDATE desk.calendar_version SET zone = 'America/New_York' WHERE calendar = (SELECT id FROM desk.calendar WHERE name = 'always');

-- Random clocks in every state, as the replay would leave them: 2,000 of
-- half a year.  What was broken has breached_at before stopped_at; some were
-- met after a change of the promise, some are late and unseen by slacheck.
INSERT INTO desk.plan (name, label) VALUES ('record-plan', 'Plan') ON CONFLICT DO NOTHING;
INSERT INTO desk.customer (name, plan) VALUES ('Record customer', 'record-plan');
CREATE TEMP TABLE made AS
SELECT n, (ARRAY['first response', 'next response', 'resolution', 'next update'])[1 + n % 4] AS metric,
	(ARRAY['web', 'mail', 'chat'])[1 + (random() * 2)::int] AS channel, (1 + floor(random() * 4))::smallint AS severity,
	random() < 0.3 AS has_plan, random() < 0.3 AS is_office, random() < 0.3 AS is_private,
	date_trunc('second', now()) - random() * interval '180 days' AS started_at, (60 * (1 + floor(random() * 6000)))::int AS target, random() AS kind, random() AS share
FROM generate_series(1, 2000) n;
-- some begin and end at the very edges of weeks
UPDATE made SET started_at = desk.week_at(desk.week_of(started_at)) WHERE n % 20 = 0;
-- and some are young and run
UPDATE made SET started_at = now() - random() * target * interval '1.2 seconds', kind = 0.1 WHERE n % 25 = 7;
INSERT INTO desk.ticket (number, subject, kind, severity, channel, visibility, customer, state, filed_at, changed_at, answered_at)
OVERRIDING SYSTEM VALUE
SELECT 1000000 + n, 'Record ' || n, 'bug', severity, channel, CASE WHEN is_private THEN 'private' ELSE 'public' END,
	CASE WHEN has_plan THEN (SELECT id FROM desk.customer WHERE name = 'Record customer') END, 'open', started_at, started_at, started_at
FROM made;
INSERT INTO desk.clock (ticket, metric, policy, calendar, state, started_at, since, used_seconds, target_seconds, due_at, breach_at, warn_at, next_at, breached_at, stopped_at)
SELECT 1000000 + m.n, m.metric, NULL, CASE WHEN m.is_office THEN (SELECT id FROM desk.calendar WHERE name = 'office') END, s.state, m.started_at, m.started_at,
	CASE s.state WHEN 'running' THEN 0 ELSE u.used END, m.target * CASE WHEN m.kind > 0.95 THEN 100 ELSE 1 END,
	CASE s.state WHEN 'running' THEN b.breach_at END, CASE s.state WHEN 'running' THEN b.breach_at END,
	CASE s.state WHEN 'running' THEN m.started_at + m.target * interval '0.8 second' END, NULL,
	-- one in four of the late and running ones slacheck has not seen
	CASE WHEN s.state = 'cancelled' AND m.share < 0.7 THEN NULL
		WHEN s.state = 'running' AND (b.breach_at >= now() OR m.share < 0.25) THEN NULL
		WHEN s.state <> 'running' AND u.used <= m.target THEN NULL
		ELSE b.breach_at END,
	CASE s.state WHEN 'stopped' THEN m.started_at + u.used * interval '1 second' END
FROM made m
CROSS JOIN LATERAL (SELECT least(floor(m.target * 2 * m.share), floor(extract(epoch FROM now() - m.started_at))) AS used) u
CROSS JOIN LATERAL (SELECT m.started_at + m.target * interval '1 second' AS breach_at) b
CROSS JOIN LATERAL (SELECT CASE WHEN m.kind < 0.15 THEN 'running' WHEN m.kind < 0.22 THEN 'paused' WHEN m.kind < 0.3 THEN 'cancelled' ELSE 'stopped' END AS state) s;
INSERT INTO desk.clock_event (clock, at, kind, because, target_seconds, warn_percents)
SELECT id, started_at, 'start', 'x', target_seconds, '{80}' FROM desk.clock;
INSERT INTO desk.clock_event (clock, at, kind, because)
SELECT id, CASE state WHEN 'stopped' THEN stopped_at ELSE started_at + used_seconds * interval '1 second' END,
	CASE state WHEN 'stopped' THEN 'stop' WHEN 'paused' THEN 'pause' ELSE 'cancel' END, 'x' FROM desk.clock WHERE state <> 'running';
SET LOCAL session_replication_role = origin;

ANALYZE desk.clock, desk.ticket, desk.clock_event;

-- invariant 19 ----------------------------------------------------------------------
SELECT results_eq($$ SELECT metric, met + breached + open + paused + cancelled FROM api.sla_report('-infinity', 'infinity')
	WHERE channel = 'all' AND severity = 'all' AND plan = 'all' AND calendar = 'all' ORDER BY 1 $$,
	$$ SELECT metric, count(*) FROM desk.clock GROUP BY 1 ORDER BY 1 $$, 'kept, broken, open, paused and cancelled are all clocks, each once');
SELECT cmp_ok((SELECT count(DISTINCT outcome)::int FROM report.clock), '=', 7, 'all outcomes occur');

-- Nothing of the database's own statistics goes into it: the figures by a
-- plain count over the table, without the view or its indexes.
CREATE FUNCTION pg_temp.plain(a timestamptz, b timestamptz) RETURNS TABLE (metric text, met bigint, breached bigint) LANGUAGE sql AS $$
	SELECT c.metric, count(*) FILTER (WHERE NOT c.is_late), count(*) FILTER (WHERE c.is_late)
	FROM (SELECT x.metric, coalesce(x.breached_at, CASE WHEN x.state = 'running' AND x.breach_at < now() THEN x.breach_at END) IS NOT NULL AS is_late,
		least(x.breached_at, x.stopped_at, CASE WHEN x.state = 'running' AND x.breach_at < now() THEN x.breach_at END) AS at
		FROM desk.clock x WHERE x.state <> 'cancelled' OR x.breached_at IS NOT NULL) c
	WHERE c.at >= a AND c.at < b GROUP BY 1 ORDER BY 1;
$$;
-- 26 weeks, and periods with edges anywhere: as many as CASES says
\set cases `echo "${CASES:-40}"`
CREATE TEMP TABLE period AS
SELECT row_number() OVER () AS i, a, b FROM (
	SELECT desk.week_at(d::date) AS a, desk.week_at(d::date + 7) AS b FROM generate_series(desk.week_of(now() - interval '182 days')::timestamp, desk.week_of(now())::timestamp, '7 days') d
	UNION ALL
	SELECT now() - (x.p + x.q) * interval '90 days', now() - x.p * interval '90 days' FROM (SELECT random() AS p, 0.001 + random() AS q FROM generate_series(1, :cases)) x) y;
SELECT is_empty($$ SELECT p.i, p.a, p.b FROM period p WHERE EXISTS (
	(SELECT r.metric, r.met, r.breached FROM api.sla_report(p.a, p.b) r WHERE (r.channel, r.severity, r.plan, r.calendar) = ('all', 'all', 'all', 'all') AND r.met + r.breached > 0
	EXCEPT SELECT * FROM pg_temp.plain(p.a, p.b))
	UNION ALL
	(SELECT * FROM pg_temp.plain(p.a, p.b) EXCEPT SELECT r.metric, r.met, r.breached FROM api.sla_report(p.a, p.b) r
		WHERE (r.channel, r.severity, r.plan, r.calendar) = ('all', 'all', 'all', 'all'))) $$,
	'the figures of a period are those of a plain count, wherever its edges are');
SELECT results_eq($$ SELECT r.metric, sum(r.met)::int, sum(r.breached)::int, sum(r.cancelled)::int
	FROM (SELECT a, b FROM period WHERE i <= 27 UNION ALL SELECT '-infinity', min(a) FROM period WHERE i <= 27 UNION ALL SELECT max(b), 'infinity' FROM period WHERE i <= 27) p,
	LATERAL api.sla_report(p.a, p.b) r WHERE (r.channel, r.severity, r.plan, r.calendar) = ('all', 'all', 'all', 'all') GROUP BY 1 ORDER BY 1 $$,
	$$ SELECT metric, met::int, breached::int, cancelled::int FROM api.sla_report('-infinity', 'infinity') r
	WHERE (r.channel, r.severity, r.plan, r.calendar) = ('all', 'all', 'all', 'all') ORDER BY 1 $$, 'the weeks sum to all time');
SELECT is_empty($$
	WITH r AS MATERIALIZED (SELECT * FROM api.sla_report('-infinity', 'infinity')), leaf AS (
		SELECT * FROM r WHERE channel <> 'all' AND severity <> 'all' AND plan <> 'all' AND calendar <> 'all')
	SELECT r.metric, r.channel, r.severity, r.plan, r.calendar FROM r, LATERAL (
		SELECT sum(l.met) AS met, sum(l.breached) AS breached, sum(l.cancelled) AS cancelled, sum(l.open) AS open, sum(l.paused) AS paused, sum(l.late) AS late,
			sum(l.at_risk) AS at_risk, sum(l.stopped) AS stopped, sum(l.not_ended) AS not_ended, sum(l.met_after_change) AS met_after_change
		FROM leaf l WHERE l.metric = r.metric AND r.channel IN ('all', l.channel) AND r.severity IN ('all', l.severity)
			AND r.plan IN ('all', l.plan) AND r.calendar IN ('all', l.calendar)) s
	WHERE (s.met, s.breached, s.cancelled, s.open, s.paused, s.late, s.at_risk, s.stopped, s.not_ended, s.met_after_change)
		IS DISTINCT FROM (r.met, r.breached, r.cancelled, r.open, r.paused, r.late, r.at_risk, r.stopped, r.not_ended, r.met_after_change) $$,
	'each group is the sum of what is in it: metric, channel, severity, plan, calendar');

-- percentiles: the smallest value that so many of hundred do not exceed
SELECT is_empty($$
	SELECT r.metric, q.part FROM api.sla_report('-infinity', 'infinity') r
	CROSS JOIN LATERAL (VALUES (0.5, r.p50_seconds, r.elapsed_p50_seconds), (0.9, r.p90_seconds, r.elapsed_p90_seconds), (0.95, r.p95_seconds, r.elapsed_p95_seconds)) q (part, used, elapsed)
	WHERE (r.channel, r.severity, r.plan, r.calendar) = ('all', 'all', 'all', 'all') AND (
		q.used <> (SELECT x.v FROM (SELECT trunc(c.used_seconds) AS v, row_number() OVER (ORDER BY c.used_seconds) AS i, count(*) OVER () AS n
			FROM desk.clock c WHERE c.metric = r.metric AND c.state = 'stopped') x WHERE x.i = ceil(x.n * q.part))
		OR q.elapsed <> (SELECT x.v FROM (SELECT trunc(extract(epoch FROM c.stopped_at - c.started_at)) AS v,
			row_number() OVER (ORDER BY c.stopped_at - c.started_at) AS i, count(*) OVER () AS n
			FROM desk.clock c WHERE c.metric = r.metric AND c.state = 'stopped') x WHERE x.i = ceil(x.n * q.part))) $$,
	'percentiles are the nearest rank, of the hours that count and of the calendar');

-- a requester waits by the calendar, but not while we wait for him
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE waited (clock bigint);
WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, filed_at, changed_at, answered_at) VALUES ('Waited', 'bug', 3, '2026-03-02 08:00Z', '2026-03-02 08:00Z', '2026-03-02 08:00Z') RETURNING number),
c AS (INSERT INTO desk.clock (ticket, metric, calendar, state, started_at, since, used_seconds, target_seconds, stopped_at)
	SELECT number, 'resolution', (SELECT id FROM desk.calendar WHERE name = 'office'), 'stopped', '2026-03-02 08:00Z', '2026-03-03 08:00Z', 3600, 7200, '2026-03-03 10:00Z' FROM t RETURNING id),
w AS (INSERT INTO waited SELECT id FROM c)
INSERT INTO desk.clock_event (clock, at, kind, because, target_seconds, warn_percents)
SELECT id, e.at, e.kind, 'x', CASE e.kind WHEN 'start' THEN 7200 END, CASE e.kind WHEN 'start' THEN ARRAY[80]::smallint[] END
FROM c, (VALUES (timestamptz '2026-03-02 08:00Z', 'start'), ('2026-03-02 11:00Z', 'pause'), ('2026-03-02 12:00Z', 'pause'),
	('2026-03-03 08:00Z', 'resume'), ('2026-03-03 10:00Z', 'stop')) e (at, kind);
SET LOCAL session_replication_role = origin;
SELECT results_eq($$ SELECT wait_seconds, elapsed_seconds FROM report.clock WHERE clock = (SELECT min(clock) FROM waited) $$,
	$$ VALUES (5 * 3600::bigint, 26 * 3600::bigint) $$, 'the time a requester waited leaves the pauses out and counts the night');

-- the figures per week --------------------------------------------------------------
SELECT cmp_ok(desk.record_renew(28), '>', 28, 'the weeks are reckoned');
SELECT is(desk.record_renew(28), 0, 'a second time nothing is written');
SELECT is_empty($$
	SELECT p.a, r.metric FROM period p CROSS JOIN LATERAL api.sla_report(p.a, p.b) r
	LEFT JOIN desk.record_week w ON w.week = desk.week_of(p.a) AND w.metric = r.metric AND w.channel = r.channel
		AND w.severity = CASE r.severity WHEN 'all' THEN 0 ELSE r.severity::smallint END
	WHERE p.i <= 27 AND r.plan = 'all' AND r.calendar = 'all' AND r.met + r.breached > 0
		AND (r.met, r.breached, r.met_after_change, r.stopped, r.p50_seconds, r.p90_seconds, r.p95_seconds, r.elapsed_p50_seconds, r.elapsed_p90_seconds, r.elapsed_p95_seconds)
		IS DISTINCT FROM (w.met::bigint, w.breached::bigint, w.met_after_change::bigint, w.stopped::bigint, w.p50_seconds, w.p90_seconds, w.p95_seconds, w.calendar_p50_seconds, w.calendar_p90_seconds, w.calendar_p95_seconds) $$,
	'they are those of the report of each week');
SELECT results_eq($$ SELECT metric, sum(met)::int, sum(breached)::int FROM desk.record_week WHERE channel = 'all' AND severity = 0 GROUP BY 1 ORDER BY 1 $$,
	$$ SELECT metric, sum(met)::int, sum(breached)::int FROM report.sla_week WHERE week >= (SELECT min(week) FROM desk.record_week) GROUP BY 1 ORDER BY 1 $$, 'and of the view for analysts');
SELECT results_eq($$ SELECT sum(started)::int, sum(met + breached + still_open + cancelled)::int FROM report.sla_week $$,
	$$ SELECT count(*)::int, count(*)::int FROM desk.clock $$, 'in which started = kept + broken + open + cancelled');

-- what is over does not change when something open ends
CREATE TEMP TABLE was AS SELECT * FROM desk.record_week WHERE week < desk.week_of(now());
SET LOCAL session_replication_role = replica;
UPDATE desk.clock SET state = 'stopped', stopped_at = now(), used_seconds = extract(epoch FROM now() - started_at), due_at = NULL, breach_at = NULL, warn_at = NULL
WHERE state = 'running' AND breached_at IS NULL AND breach_at > now();
SET LOCAL session_replication_role = origin;
SELECT cmp_ok(desk.record_renew(28), '>', 0, 'when promises are kept this week has other figures');
SELECT results_eq('SELECT * FROM desk.record_week WHERE week < desk.week_of(now()) ORDER BY week, metric, channel, severity',
	'SELECT * FROM was ORDER BY week, metric, channel, severity', 'and the weeks that are over have the same');

-- when it is time
DELETE FROM desk.last_run;
SELECT is(desk.record_due(), 27, 'at first half a year is reckoned');
INSERT INTO desk.last_run (program, ran_at, renewed_at) VALUES ('slacheck', now(), now());
SELECT is(desk.record_due(), 0, 'then nothing for ten minutes');
UPDATE desk.last_run SET renewed_at = now() - interval '11 minutes';
SELECT ok(desk.record_due() IN (2, 27), 'then this week and the last, or on a new day all');
UPDATE desk.last_run SET renewed_at = now() - interval '25 hours';
SELECT is(desk.record_due(), 27, 'and on a new day half a year');

-- weeks in a zone: Monday of New York, across the change of the clocks
SELECT is(desk.week_at('2026-03-09') - desk.week_at('2026-03-02'), interval '167 hours', 'a week with the change to summer time has 167 hours');
SELECT is(desk.week_of('2026-03-02 04:59:59Z'), date '2026-02-23', 'Sunday night is the old week');
SELECT is(desk.week_of('2026-03-02 05:00:00Z'), date '2026-03-02', 'Monday begins the new one');

-- what everybody sees -----------------------------------------------------------------
SET LOCAL session_replication_role = replica;
INSERT INTO desk.public_ticket (number, subject, kind, severity, blocked, state, solved, channel, filed_at, changed_at, kind_label, severity_name, state_label, channel_label)
SELECT number, subject, kind, severity, blocked, state, false, channel, filed_at, changed_at, 'Bug', 'x', 'x', 'x' FROM desk.ticket WHERE number > 1000000 AND visibility = 'public';
SET LOCAL session_replication_role = origin;
SELECT results_eq($$ SELECT bool_or(is_public), bool_or(NOT is_public) FROM api.record_breaches(500) $$, 'VALUES (true, true)', 'broken promises of public and of private tickets are shown');
SELECT is_empty($$ SELECT ticket FROM api.record_breaches(500) b JOIN desk.ticket t ON t.number = b.ticket WHERE t.visibility = 'private' $$, 'no number of a private one');
SELECT is_empty($$ SELECT title FROM api.record_breaches(500) WHERE NOT is_public AND title <> 'A private ticket' $$, 'nor its subject');
SELECT is_empty($$ SELECT ticket FROM api.record_breaches_csv() b JOIN desk.ticket t ON t.number = b.ticket WHERE t.visibility = 'private' $$, 'nor in the spreadsheet');
SELECT results_eq($$ SELECT sum(met)::int, sum(breached)::int FROM api.record_table() $$,
	$$ SELECT sum(w.met)::int, sum(w.breached)::int FROM desk.record_week w WHERE w.channel = 'all' AND w.severity = 0 AND w.week >= (SELECT min(week) FROM api.record_weeks()) $$,
	'the table of the page holds every promise');
SELECT cmp_ok((SELECT count(*)::int FROM api.record_weeks()), '<=', 26, 'of at most half a year');
SELECT is((SELECT unanswered FROM api.record_summary()), desk.unanswered_count(), 'who waits is counted, hidden by nothing');
SELECT is_empty($$ SELECT c.chart, p.part, p.x, p.y, p.height FROM unnest(ARRAY['tickets', 'promises', 'answer']) c (chart), LATERAL api.record_chart(c.chart) p
	WHERE p.y NOT BETWEEN 20 AND 150 OR p.x NOT BETWEEN 7 AND 100 OR p.x2 + p.wide > 100.01 OR p.height NOT BETWEEN 0 AND 130 OR p.y + p.height NOT BETWEEN 149.8 AND 150.2 $$,
	'nothing is drawn outside of its chart');
SELECT throws_ok($$ SELECT api.record_chart('nonsense') $$, 'PT404', NULL, 'a chart that does not exist is none');

-- what we promise is what the clocks follow
SELECT is_empty($$ SELECT t.channel, t.severity FROM api.promise_table(NULL) t, LATERAL desk.policy_for(now(), t.severity, t.channel, t.plan) p
	WHERE t.answer NOT LIKE '%' || api.promise_span(p.answer_seconds, false, p.answer_calendar IS NULL) || '%' OR t.solve <> api.promise_span(p.solve_seconds, false, p.solve_calendar IS NULL) $$,
	'the page of promises shows the rows that clocks follow');
INSERT INTO desk.policy (severity, channel, answer_seconds, solve_seconds, valid_from) VALUES (3, 'web', 7200, 172800, now() + interval '3 days');
SELECT is((SELECT answer FROM api.promise_table(NULL) WHERE channel = 'web' AND severity = 3 AND plan IS NULL), '24 h', 'a better promise for later is not shown as one of now');
SELECT is((SELECT t.answer FROM api.promise_versions() v, LATERAL api.promise_table(v.day) t WHERE v.is_future AND t.channel = 'web' AND t.severity = 3 AND t.plan IS NULL), '2 h',
	'but as a version to come');
SELECT throws_ok($$ SELECT * FROM api.promise_table('2001-01-01T00:00:00Z') $$, 'PT404', NULL, 'a version that does not exist is none');
INSERT INTO desk.policy (severity, channel, plan, answer_seconds, solve_seconds, answer_calendar) VALUES (2, NULL, 'record-plan', 10 * 3600, 72 * 3600, (SELECT id FROM desk.calendar WHERE name = 'office'));
SELECT results_eq($$ SELECT DISTINCT answer, answer_hours <> '', solve FROM api.promise_table(NULL) WHERE plan = 'record-plan' AND severity = 2 AND channel = 'api' $$,
	$$ SELECT '10 h', true, '3 days' WHERE false UNION ALL SELECT DISTINCT api.promise_span(p.answer_seconds, p.same_day, p.answer_calendar IS NULL), p.answer_calendar IS NOT NULL, api.promise_span(p.solve_seconds, false, true)
	FROM desk.policy_for(now(), 2::smallint, 'api', 'record-plan') p $$, 'a plan with promises of its own has a table of its own');
SELECT isnt_empty($$ SELECT FROM api.promise_hours(NULL) WHERE hours <> '' AND zone <> '' $$, 'with the hours that count in words');

SELECT * FROM finish();
ROLLBACK;
