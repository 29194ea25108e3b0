-- The checker's command side: each warning and breach once and told once, a
-- pulse and nothing else when nothing is due, and a report whose sums are
-- right.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

-- Nothing else shall be in the way.
SET LOCAL session_replication_role = replica;
DELETE FROM desk.sla_event;
DELETE FROM desk.outbox;
DELETE FROM desk.breach_reason;
DELETE FROM desk.clock_event;
DELETE FROM desk.clock;
DELETE FROM desk.policy_step;
DELETE FROM desk.limit_count;
DELETE FROM desk.session;
DELETE FROM desk.last_run;
DELETE FROM desk.missed_run;
DELETE FROM desk.record_week;
DELETE FROM desk.record_total;
DELETE FROM desk.report_mail;
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered', answered_at = coalesce(answered_at, filed_at),
	hold = NULL, next_update_by = NULL WHERE state <> 'resolved';
SET LOCAL session_replication_role = origin;

INSERT INTO desk.staff (login, name) VALUES ('sla-clerk', 'Clerk'), ('sla-gone', 'Gone');
UPDATE desk.staff SET active = false WHERE login = 'sla-gone';

CREATE FUNCTION pg_temp.file(title text, age interval, level int DEFAULT 3, who text DEFAULT NULL, seen text DEFAULT 'public', via text DEFAULT 'web') RETURNS int
LANGUAGE sql AS $$
	INSERT INTO desk.ticket (subject, kind, severity, visibility, channel, filed_at, assignee)
	VALUES (title, 'bug', level, seen, via, now() - age, (SELECT id FROM desk.staff WHERE login = who)) RETURNING number;
$$;
CREATE FUNCTION pg_temp.clock(title text, wanted text) RETURNS desk.clock
LANGUAGE sql AS $$
	SELECT c FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = title AND c.metric = wanted ORDER BY c.cycle DESC LIMIT 1;
$$;
-- What slacheck does in one run, in its order.
CREATE FUNCTION pg_temp.run() RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	step int := 0;
	t record;
BEGIN
	WHILE step >= 0 LOOP
		SELECT * INTO t FROM api.sla_tick(step, 500, 0);
		step := t.next_step;
		RETURN NEXT t.name;
	END LOOP;
END
$$;

SELECT results_eq('SELECT * FROM api.sla_check(500)', 'VALUES (0, 0, 0, 0)', 'with nothing due nothing is looked at');

-- 24 h for the web: warned at 19:12:00, late after 24:00:00
SELECT pg_temp.file('early', '19 hours 11 minutes');
SELECT pg_temp.file('near', '20 hours', 3, 'sla-clerk');
SELECT pg_temp.file('late', '25 hours');
SELECT pg_temp.file('secret', '25 hours', 3, 'sla-gone', 'private');
DELETE FROM desk.outbox;

SELECT results_eq('SELECT looked, warned, breached FROM api.sla_check(2)', 'VALUES (2, 2, 2)', 'a batch is no larger than asked for, the longest overdue first');
SELECT results_eq('SELECT looked, warned, breached FROM api.sla_check(500)', 'VALUES (1, 1, 0)', 'the next batch takes the rest');
SELECT results_eq('SELECT looked, warned, breached FROM api.sla_check(500)', 'VALUES (0, 0, 0)', 'a second run finds nothing');
SELECT is((pg_temp.clock('early', 'first response')).warned_at, NULL, 'before 80 % nothing is warned of');
SELECT is((pg_temp.clock('near', 'first response')).warned_at, now() - interval '20 hours' + interval '19 hours 12 minutes',
	'a warning bears the time at which it was due');
SELECT is((pg_temp.clock('late', 'first response')).breached_at, now() - interval '1 hour', 'a breach bears the time at which it happened');
SELECT results_eq($$ SELECT kind, count(*)::int FROM desk.sla_event GROUP BY 1 ORDER BY 1 $$,
	$$ VALUES ('breached', 2), ('warned', 3) $$, 'a warning that the breach has overtaken is noted');
SELECT results_eq($$ SELECT kind, count(*)::int FROM desk.outbox WHERE via = 'mail' GROUP BY 1 ORDER BY 1 $$,
	$$ VALUES ('breached', 2), ('warned', 1) $$, 'but not sent');
SELECT is((SELECT s.login FROM desk.outbox o JOIN desk.staff s ON s.id = o.staff WHERE o.kind = 'warned'), 'sla-clerk',
	'the assignee is told');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE kind = 'breached' AND staff IS NULL), 2,
	'those on duty are told where nobody is assigned, or who is has left');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE subject || body LIKE '%secret%'), 0,
	'the subject of a private ticket stays out of mail');
SELECT ok((SELECT bool_and(body LIKE '%{URL}/staff/tickets/%') FROM desk.outbox), 'each mail leads to the ticket');
SELECT results_eq($$ SELECT subject FROM desk.public_ticket WHERE answer_missed AND subject IN ('early', 'near', 'late') $$,
	ARRAY['late'], 'the public copy says that the answer was missed');

-- a broken promise is history when it is fulfilled late
INSERT INTO desk.message (ticket, author, staff, name, body)
SELECT t.number, 'staff', s.id, s.name, 'Here' FROM desk.ticket t, desk.staff s
WHERE t.subject IN ('early', 'late', 'near') AND s.login = 'sla-clerk';
SELECT results_eq($$ SELECT subject, (pg_temp.clock(subject, 'first response')).breached_at IS NULL FROM desk.ticket
	WHERE subject IN ('early', 'late') ORDER BY 1 $$,
	$$ VALUES ('early', true), ('late', false) $$, 'an answer in time keeps the promise, a late one does not mend it');
UPDATE desk.ticket SET visibility = 'private' WHERE subject = 'late';

-- the steps of a run --------------------------------------------------------------
SELECT results_eq('SELECT * FROM pg_temp.run()', ARRAY['pages', 'clocks', 'duty', 'lists', 'calendars', 'figures', 'leftovers', 'keys', 'pulse'],
	'a run does all that is a matter of time, pages first');
SELECT results_eq('SELECT next_step FROM api.sla_tick(99, 500, 0)', ARRAY[-1], 'there is no step after the last one');
SELECT results_eq($$ SELECT ran_at, failed, renewed_at FROM desk.last_run $$, $$ VALUES (now(), 0, now()) $$, 'it leaves its pulse');
CREATE FUNCTION pg_temp.written() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid))::bigint
	FROM pg_class c WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind = 'r';
$$;
CREATE TEMP TABLE before AS SELECT pg_temp.written() AS n;
SELECT lives_ok('SELECT pg_temp.run()', 'a second run in the same minute');
SELECT is(pg_temp.written(), (SELECT n FROM before), 'writes nothing at all');
UPDATE desk.last_run SET ran_at = ran_at - interval '1 minute';
UPDATE before SET n = pg_temp.written();
SELECT lives_ok('SELECT pg_temp.run()', 'a run a minute later');
SELECT is(pg_temp.written(), (SELECT n + 1 FROM before), 'writes its pulse and nothing else');
SELECT is((SELECT count(*)::int FROM desk.missed_run), 0, 'one minute is no gap');

UPDATE desk.last_run SET ran_at = now() - interval '5 minutes';
SELECT lives_ok('SELECT pg_temp.run()', 'a run after a gap');
SELECT results_eq('SELECT from_at, until_at, minutes FROM desk.missed_run', $$ VALUES (now() - interval '5 minutes', now(), 4) $$, 'counts what was missed');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE kind = 'alarm' AND subject LIKE 'Nobody watched%'), 0, 'a short one wakes nobody');
UPDATE desk.last_run SET ran_at = now() - interval '3 hours';
SELECT lives_ok('SELECT pg_temp.run()', 'a run after a long gap');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE kind = 'alarm' AND subject = 'Nobody watched the clocks for 3 h'), 1, 'tells those on duty, once');
SELECT throws_ok('DELETE FROM desk.missed_run', 'PT409', NULL, 'a gap cannot be forgotten');
SELECT ok(EXISTS (SELECT FROM api.sla_report_text(now() - interval '1 day', now() + interval '1 second') WHERE line = 'Nobody watched the clocks for 183 min in this period:'),
	'and stands in the report');
SELECT ok(EXISTS (SELECT FROM api.sla_metrics() WHERE line = 'nightdesk_missed_runs_total 183'), 'and in the metrics');
SELECT is((SELECT done FROM api.sla_tick(8, 500, 2)), 1, 'a run of which steps failed says so');
SELECT matches((SELECT line FROM api.sla_status(5)), '^SLA CRITICAL: .*2 steps of its last run failed', 'and that is critical');
UPDATE desk.last_run SET failed = 0;

-- figures --------------------------------------------------------------------------
SELECT results_eq($$ SELECT met, breached, met_percent, open, late, unanswered FROM api.sla_report(now() - interval '1 day', now() + interval '1 second')
	WHERE metric = 'first response' AND channel = 'all' AND severity = 'all' AND plan = 'all' AND calendar = 'all' $$,
	$$ VALUES (2::bigint, 2::bigint, 50, 0::bigint, 1::bigint, 1::bigint) $$, 'the report counts kept and broken promises by when they were decided');
SELECT is((SELECT met_percent FROM api.sla_report('2001-01-01', '2001-02-01') WHERE metric = 'resolution' AND channel = 'all' AND severity = 'all' AND plan = 'all' AND calendar = 'all'),
	NULL, 'nothing decided is not 100 %');
SELECT is((SELECT count(*)::int FROM api.sla_report('2001-01-01', '2001-02-01') WHERE met + breached > 0), 0, 'another period has its own figures');
SELECT throws_ok($$ SELECT api.sla_report('2002-01-01', '2001-01-01') $$, 'PT400', NULL, 'a period that ends before it begins is refused');
SELECT throws_ok($$ SELECT api.sla_period(false, '2002-01-01', '2001-01-01') $$, 'PT400', NULL, 'however it is asked for');
SELECT throws_ok($$ SELECT api.sla_lines('xml', now() - interval '1 day', now()) $$, 'PT400', NULL, 'a form that does not exist is refused');

-- 2001-01-07 was a Sunday
SELECT results_eq($$ SELECT since_at AT TIME ZONE desk.zone(), until_at AT TIME ZONE desk.zone() FROM api.sla_period(true, NULL, timestamp '2001-01-07 23:59' AT TIME ZONE desk.zone()) $$,
	$$ VALUES (timestamp '2000-12-25', timestamp '2001-01-01') $$, 'on a Sunday the last whole week is the one before');
SELECT results_eq($$ SELECT since_at AT TIME ZONE desk.zone(), until_at AT TIME ZONE desk.zone() FROM api.sla_period(true, NULL, timestamp '2001-01-08 00:00' AT TIME ZONE desk.zone()) $$,
	$$ VALUES (timestamp '2001-01-01', timestamp '2001-01-08') $$, 'and on Monday the one that has just ended');

SELECT ok((SELECT bool_and(length(line) <= 72) FROM api.sla_report_text('-infinity', 'infinity')), 'the text fits into a mail');
INSERT INTO desk.breach_reason (clock, reason) VALUES ((pg_temp.clock('late', 'first response')).id,
	'The person on duty was ill, <b>nobody</b> noticed, and averyveryveryveryveryverylongwordwithoutanyblankinitthatnobodywouldwrite came along.');
SELECT ok((SELECT bool_and(length(line) <= 72) FROM api.sla_report_text('-infinity', 'infinity')), 'with reasons of any length too');
SELECT ok(EXISTS (SELECT FROM api.sla_report_text('-infinity', 'infinity') WHERE line LIKE '%Reason: The person on duty was ill%'), 'each broken promise stands there with its reason');
SELECT ok(EXISTS (SELECT FROM api.sla_report_text('-infinity', 'infinity') WHERE line LIKE '%Reason: no reason given yet'), 'or that none was given');
SELECT ok(EXISTS (SELECT FROM api.sla_report_text('-infinity', 'infinity')
	WHERE line LIKE '%#' || (SELECT number FROM desk.ticket WHERE subject = 'secret') || ' %(private)'),
	'an open ticket without an answer is listed, a private one without its subject');
SELECT is((SELECT report::jsonb #>> '{unanswered,0,subject}' FROM api.sla_report_json('-infinity', 'infinity')), NULL, 'nor does the JSON tell it');
SELECT is((SELECT count(*)::int FROM api.sla_report_csv('-infinity', 'infinity')), (SELECT 1 + count(*)::int FROM api.sla_report('-infinity', 'infinity')), 'the CSV has a line for each row and one of names');
SELECT ok((SELECT xmlparse(CONTENT regexp_replace(page, '^<!doctype html>', '')) IS NOT NULL AND page LIKE '%&lt;b&gt;nobody&lt;/b&gt;%' AND page NOT LIKE '%secret%'
	FROM api.sla_report_html('-infinity', 'infinity')), 'the HTML is well-formed, escapes, and names no private subject');
SELECT is((SELECT count(*)::int FROM api.sla_metrics() WHERE line !~ '^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.]+)$'), 0, 'the metrics have the form that Prometheus reads');

-- mail
SELECT is((SELECT mails FROM api.sla_mail('on-duty', now() - interval '7 days', now())), 1, 'the report can be mailed to those on duty');
SELECT is((SELECT mails FROM api.sla_mail('on-duty', now() - interval '7 days', now())), 0, 'once for each week');
SELECT is((SELECT mails FROM api.sla_mail('SLA-clerk', now() - interval '7 days', now())), 1, 'and to one of the staff');
SELECT results_eq($$ SELECT kind, staff IS NULL, payload ? 'html' AND payload ? 'csv' FROM desk.outbox WHERE kind = 'report' ORDER BY id $$,
	$$ VALUES ('report', true, true), ('report', false, true) $$, 'as text, HTML and CSV');
SELECT throws_ok($$ SELECT api.sla_mail('sla-gone', now() - interval '7 days', now()) $$, 'PT400', NULL, 'who has left gets none');
SELECT throws_ok($$ SELECT api.sla_mail('stranger@example.org', now() - interval '7 days', now()) $$, 'PT400', NULL, 'nor does an address that nobody has proven');

-- status
SELECT is((SELECT status FROM api.sla_status(5)), 2, 'a broken promise that is still open is critical');
INSERT INTO desk.message (ticket, author, staff, name, body)
SELECT t.number, 'staff', s.id, s.name, 'Here' FROM desk.ticket t, desk.staff s WHERE t.subject = 'secret' AND s.login = 'sla-clerk';
UPDATE desk.ticket SET severity = 4 WHERE subject IN ('near', 'late', 'early', 'secret');
SELECT is((SELECT status FROM api.sla_status(5)), CASE WHEN (SELECT bool_or(is_empty) FROM desk.duty_status()) THEN 2 WHEN (SELECT bool_or(is_short) FROM desk.duty_status()) THEN 1 ELSE 0 END,
	'with all promises kept or past the rotation alone decides');
SELECT matches((SELECT line FROM api.sla_status(5)), ' 1 broken without a reason', 'what lacks a reason is counted');
UPDATE desk.last_run SET ran_at = now() - interval '6 minutes';
SELECT results_eq('SELECT status, line ~ ''slacheck ran last 6 min ago'' FROM api.sla_status(5)', 'VALUES (2, true)', 'a run that is overdue is critical');
SELECT isnt((SELECT line FROM api.sla_status(10)), NULL, 'another age can be asked for');
SELECT unalike((SELECT line FROM api.sla_status(10)), '%ran last%', 'and is then held to');
SELECT throws_ok('SELECT * FROM api.sla_status(0)', 'PT400', NULL, 'but no age below a minute');
DELETE FROM desk.last_run;
SELECT cmp_ok((SELECT status FROM api.sla_status(5)), '>=', 2, 'when it never ran nobody knows');

-- leftovers
INSERT INTO desk.limit_count VALUES ('submit', 'old', now() - interval '2 days', 1), ('submit', 'young', now(), 1);
INSERT INTO desk.session (token_sha256, staff, made_at, seen_at, network, agent)
SELECT sha256(v.name::bytea), s.id, now() - v.made, now() - v.seen, '', ''
FROM desk.staff s, (VALUES ('idle', interval '1 hour', interval '31 minutes'), ('long', '13 hours', '1 minute'),
	('alive', '2 hours', '1 minute')) AS v (name, made, seen) WHERE s.login = 'sla-clerk';
SELECT results_eq('SELECT * FROM api.sla_clean(100)', 'VALUES (1, 2)', 'old counts and ended sessions are forgotten');
SELECT results_eq('SELECT * FROM api.sla_clean(100)', 'VALUES (0, 0)', 'once');
SELECT is((SELECT count(*)::int FROM desk.session), 1, 'who is signed in stays');

-- somebody is being paged
INSERT INTO desk.last_run (program, ran_at) VALUES ('slacheck', now()) ON CONFLICT (program) DO UPDATE SET ran_at = now(), failed = 0;
INSERT INTO desk.ticket (subject, kind, severity, production_down) VALUES ('paged', 'outage', 1, true);
SELECT results_eq('SELECT status, line ~ ''pages that nobody is on: 1'' FROM api.sla_status(5)', 'VALUES (2, true)', 'a page that nobody is on is critical');
UPDATE desk.page SET acknowledged_at = now() WHERE acknowledged_at IS NULL;
SELECT matches((SELECT line FROM api.sla_status(5)), ' pages=0 ', 'until somebody is');

SELECT * FROM finish();
ROLLBACK;
