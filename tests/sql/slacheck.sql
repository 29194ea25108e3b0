-- The checker: each warning and breach once, told once, and a report whose
-- sums are right.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(35);

-- Nothing else shall be in the way.
SET LOCAL session_replication_role = replica;
DELETE FROM desk.sla_event;
DELETE FROM desk.outbox;
DELETE FROM desk.clock;
DELETE FROM desk.limit_count;
DELETE FROM desk.session;
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered', answered_at = coalesce(answered_at, filed_at),
	hold = NULL, next_update_by = NULL WHERE state <> 'resolved';
SET LOCAL session_replication_role = origin;

INSERT INTO desk.staff (login, name) VALUES ('sla-clerk', 'Clerk'), ('sla-gone', 'Gone');
UPDATE desk.staff SET active = false WHERE login = 'sla-gone';

CREATE FUNCTION pg_temp.file(title text, age interval, level int DEFAULT 3, who text DEFAULT NULL, seen text DEFAULT 'public') RETURNS int
LANGUAGE sql AS $$
	INSERT INTO desk.ticket (subject, kind, severity, visibility, filed_at, assignee)
	VALUES (title, 'bug', level, seen, now() - age, (SELECT id FROM desk.staff WHERE login = who)) RETURNING number;
$$;
CREATE FUNCTION pg_temp.clock(title text, wanted text) RETURNS desk.clock
LANGUAGE sql AS $$
	SELECT c FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = title AND c.metric = wanted;
$$;

SELECT results_eq('SELECT * FROM api.sla_check(500)', 'VALUES (0, 0, 0)', 'with nothing due nothing is looked at');

-- 24 h for the web: warned at 19:12:00, late after 24:00:00
SELECT pg_temp.file('early', '19 hours 11 minutes');
SELECT pg_temp.file('near', '20 hours', 3, 'sla-clerk');
SELECT pg_temp.file('late', '25 hours');
SELECT pg_temp.file('secret', '25 hours', 3, 'sla-gone', 'private');

SELECT results_eq('SELECT * FROM api.sla_check(2)', 'VALUES (2, 2, 2)', 'a batch is no larger than asked for, the longest overdue first');
SELECT results_eq('SELECT * FROM api.sla_check(500)', 'VALUES (1, 1, 0)', 'the next batch takes the rest');
SELECT results_eq('SELECT * FROM api.sla_check(500)', 'VALUES (0, 0, 0)', 'a second run finds nothing');
SELECT is((pg_temp.clock('early', 'first response')).warned_at, NULL, 'before 80 % nothing is warned of');
SELECT is((pg_temp.clock('near', 'first response')).warned_at, now() - interval '20 hours' + interval '19 hours 12 minutes',
	'a warning bears the time at which it was due');
SELECT is((pg_temp.clock('late', 'first response')).breached_at, now() - interval '1 hour', 'a breach bears the time at which it happened');
SELECT results_eq($$ SELECT kind, count(*)::int FROM desk.sla_event GROUP BY 1 ORDER BY 1 $$,
	$$ VALUES ('breached', 2), ('warned', 3) $$, 'a warning that the breach has overtaken is noted');
SELECT results_eq($$ SELECT kind, count(*)::int FROM desk.outbox GROUP BY 1 ORDER BY 1 $$,
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

-- a clock whose promise changes is not told of twice
UPDATE desk.ticket SET severity = 1 WHERE subject = 'near';
SELECT is((pg_temp.clock('near', 'first response')).due_at, now(), 'a promise that a change breaks is due at the change, not before it');
-- a second goes by
UPDATE desk.clock SET since = since - interval '1 second' WHERE ticket = (SELECT number FROM desk.ticket WHERE subject = 'near');
SELECT results_eq('SELECT * FROM api.sla_check(500)', 'VALUES (2, 1, 1)', 'a worse severity can break a promise at once');
UPDATE desk.ticket SET severity = 4 WHERE subject = 'near';
UPDATE desk.ticket SET severity = 1 WHERE subject = 'near';
SELECT results_eq('SELECT * FROM api.sla_check(500)', 'VALUES (0, 0, 0)', 'to and fro again breaks it no second time');
SELECT isnt((pg_temp.clock('near', 'first response')).breached_at, NULL, 'a breach stays, whatever the severity becomes');
SELECT results_eq($$ SELECT warned FROM api.sla_check(500) $$, ARRAY[0], 'one event per clock, cycle and kind');

-- a broken promise is history when it is fulfilled late
INSERT INTO desk.message (ticket, author, staff, name, body)
SELECT t.number, 'staff', s.id, s.name, 'Here' FROM desk.ticket t, desk.staff s
WHERE t.subject IN ('early', 'late', 'near') AND s.login = 'sla-clerk';
SELECT results_eq($$ SELECT subject, (pg_temp.clock(subject, 'first response')).breached_at IS NULL FROM desk.ticket
	WHERE subject IN ('early', 'late') ORDER BY 1 $$,
	$$ VALUES ('early', true), ('late', false) $$, 'an answer in time keeps the promise, a late one does not mend it');
UPDATE desk.ticket SET visibility = 'private' WHERE subject = 'late';
SELECT results_eq($$ SELECT count(*) FROM desk.clock WHERE state = 'running' AND metric = 'first response' $$, ARRAY[1::bigint],
	'only the unanswered one still runs');

-- figures
SELECT results_eq($$ SELECT met, breached, met_percent, open, late, unanswered FROM api.sla_report(now() - interval '1 day', now() + interval '1 second')
	WHERE metric = 'first response' AND channel = 'all' AND severity = 'all' $$,
	$$ VALUES (1::bigint, 3::bigint, 25, 1::bigint, 1::bigint, 1::bigint) $$, 'the report counts kept and broken promises by when they were decided');
SELECT results_eq($$ SELECT sum(met)::int, sum(breached)::int, sum(open)::int FROM api.sla_report('-infinity', 'infinity')
	WHERE metric = 'first response' AND channel <> 'all' AND severity <> 'all' $$,
	$$ SELECT met::int, breached::int, open::int FROM api.sla_report('-infinity', 'infinity')
	WHERE metric = 'first response' AND channel = 'all' AND severity = 'all' $$, 'the groups sum to the total');
SELECT is((SELECT met_percent FROM api.sla_report('2001-01-01', '2001-02-01') WHERE metric = 'resolution' AND channel = 'all' AND severity = 'all'),
	NULL, 'nothing decided is not 100 %');
SELECT is((SELECT count(*)::int FROM api.sla_report('2001-01-01', '2001-02-01') WHERE met + breached > 0), 0, 'another period has its own figures');
SELECT throws_ok($$ SELECT api.sla_report('2002-01-01', '2001-01-01') $$, 'PT400', NULL, 'a period that ends before it begins is refused');
SELECT results_eq($$ SELECT p50_seconds, p90_seconds, p95_seconds FROM api.sla_report('-infinity', 'infinity')
	WHERE metric = 'first response' AND channel = 'web' AND severity = '1' $$, $$ VALUES (72001::bigint, 72001::bigint, 72001::bigint) $$,
	'percentiles are the nearest rank of the time that counted');
SELECT ok((SELECT bool_and(length(line) <= 72) FROM api.sla_report_text('-infinity', 'infinity')), 'the text fits into a mail');
SELECT ok(EXISTS (SELECT FROM api.sla_report_text('-infinity', 'infinity')
	WHERE line LIKE '%#' || (SELECT number FROM desk.ticket WHERE subject = 'secret') || ' %(private)'),
	'an open ticket without an answer is listed, a private one without its subject');
SELECT is((SELECT report::jsonb #>> '{unanswered,0,subject}' FROM api.sla_report_json('-infinity', 'infinity')), NULL,
	'nor does the JSON tell it');
SELECT is((SELECT status FROM api.sla_status()), 2, 'a broken promise that is still open is critical');
INSERT INTO desk.message (ticket, author, staff, name, body)
SELECT t.number, 'staff', s.id, s.name, 'Here' FROM desk.ticket t, desk.staff s WHERE t.subject = 'secret' AND s.login = 'sla-clerk';
UPDATE desk.ticket SET severity = 4 WHERE subject IN ('near', 'late', 'early', 'secret');
SELECT is((SELECT status FROM api.sla_status()), 0, 'with all promises kept or past there is nothing to say');

-- leftovers
INSERT INTO desk.limit_count VALUES ('submit', 'old', now() - interval '2 days', 1), ('submit', 'young', now(), 1);
INSERT INTO desk.session (token_sha256, staff, made_at, seen_at, network, agent)
SELECT sha256(v.name::bytea), s.id, now() - v.made, now() - v.seen, '', ''
FROM desk.staff s, (VALUES ('idle', interval '1 hour', interval '31 minutes'), ('long', '13 hours', '1 minute'),
	('alive', '2 hours', '1 minute')) AS v (name, made, seen) WHERE s.login = 'sla-clerk';
SELECT results_eq('SELECT * FROM api.sla_clean(100)', 'VALUES (1, 2)', 'old counts and ended sessions are forgotten');
SELECT results_eq('SELECT * FROM api.sla_clean(100)', 'VALUES (0, 0)', 'once');
SELECT is((SELECT count(*)::int FROM desk.session), 1, 'who is signed in stays');

SELECT * FROM finish();
ROLLBACK;
