-- Nobody forgotten: what is unanswered, the lists that go out by day and
-- week, the load report, the time to the first answer.
BEGIN;
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

INSERT INTO desk.staff (login, name) VALUES ('da-ann', 'Ann');
INSERT INTO desk.session (token_sha256, staff, network, agent) SELECT sha256('da-token'), id, '', '' FROM desk.staff WHERE login = 'da-ann';
CREATE FUNCTION pg_temp.file(title text, age interval, via text DEFAULT 'web', seen text DEFAULT 'public', level int DEFAULT 3) RETURNS int LANGUAGE sql AS $$
	WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, channel, visibility, filed_at) VALUES (title, 'bug', level, via, seen, now() - age) RETURNING number, filed_at)
	INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'x', filed_at FROM t RETURNING ticket;
$$;
CREATE FUNCTION pg_temp.answer(n int, after interval, by text DEFAULT 'staff') RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body, posted_at)
	SELECT number, by, CASE by WHEN 'staff' THEN (SELECT id FROM desk.staff WHERE login = 'da-ann') END, 'Ann', 'y', filed_at + after FROM desk.ticket WHERE number = n;
$$;
-- both lists are due, today, from midnight on
UPDATE desk.list_rule SET from_minute = 0, weekday = CASE kind WHEN 'triage' THEN extract(isodow FROM now() AT TIME ZONE desk.zone())::int END;

-- nothing to tell, nothing written
SELECT is(desk.unanswered_count(), 0::bigint, 'nobody waits');
SELECT is(desk.daily(), 0, 'without a ticket there is no list');
SELECT is_empty('SELECT FROM desk.list_sent', 'and nothing is written');
SELECT is(pg_temp.file('too young', '0 seconds') > 0, true, 'what has just come in');
SELECT is(desk.daily(), 0, 'is no reason for a list before tomorrow''s');

-- who waits (000d): no state, owner, hold or channel hides one
CREATE TEMP TABLE t AS SELECT pg_temp.file('plain', '2 days') AS plain, pg_temp.file('auto', '2 days') AS auto, pg_temp.file('held', '2 days') AS held, pg_temp.file('owned', '2 days') AS owned,
	pg_temp.file('pending', '2 days') AS pending, pg_temp.file('fixed', '2 days') AS fixed, pg_temp.file('noted', '2 days') AS noted, pg_temp.file('canarytitle', '2 days', 'web', 'private') AS private,
	pg_temp.file('mailed', '2 days', 'mail') AS mailed, pg_temp.file('answered', '2 days') AS answered, pg_temp.file('withdrawn', '2 days') AS withdrawn,
	pg_temp.file('again', '2 days') AS again, pg_temp.file('asked', '9 days') AS asked;
SELECT pg_temp.answer(auto, '1 second', 'automatic'), pg_temp.answer(answered, '1 hour'), pg_temp.answer(asked, '1 day', 'requester') FROM t;
UPDATE desk.ticket SET hold = 'cannot-yet', next_update_by = now() - interval '25 hours', changed_at = now() - interval '30 hours' FROM t WHERE number = held;
UPDATE desk.ticket SET assignee = (SELECT id FROM desk.staff WHERE login = 'da-ann') FROM t WHERE number = owned;
UPDATE desk.ticket SET state = 'pending' FROM t WHERE number = pending;
UPDATE desk.ticket SET state = 'fixed' FROM t WHERE number = fixed;
INSERT INTO desk.note (ticket, staff, body) SELECT noted, id, 'n' FROM t, desk.staff WHERE login = 'da-ann';
UPDATE desk.ticket SET state = 'resolved', resolution = 'withdrawn', changed_by = 'requester' FROM t WHERE number IN (withdrawn, again);
UPDATE desk.ticket SET state = 'open', changed_by = 'requester' FROM t WHERE number = again;
UPDATE desk.ticket SET team = NULL FROM t WHERE number = mailed;
CREATE TEMP VIEW waits AS SELECT unnest(ARRAY[plain, auto, held, owned, pending, fixed, noted, private, mailed, again, asked]) AS number FROM t
	UNION ALL SELECT number FROM desk.ticket WHERE subject = 'too young';
SELECT set_eq('SELECT number FROM api.unanswered', 'SELECT number FROM waits', 'every open ticket without a person''s answer is listed, with an automatic one too');
SELECT set_eq('SELECT number FROM report.unanswered', 'SELECT number FROM waits', 'the report says the same');
SELECT is(desk.unanswered_count(), (SELECT count(*) FROM waits), 'and so does the number for everybody');
SELECT ok(has_table_privilege('desk_report', 'api.unanswered', 'SELECT'), 'an analyst may ask');
SELECT set_eq($$ SELECT r FROM unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_login', 'desk_staff', 'desk_slacheck']) r WHERE has_table_privilege(r, 'api.unanswered', 'SELECT') $$,
	'{}'::text[], 'a program may not');

-- the daily list
SELECT is(desk.daily(), 2, 'now both lists go out');
CREATE TEMP VIEW list AS SELECT * FROM desk.outbox WHERE kind = 'list';
SELECT is((SELECT array_agg(subject ORDER BY subject) FROM list), ARRAY['Not to be forgotten today: 14', 'To be triaged this week: 8'], 'each says how many');
SELECT is((SELECT count(*) FROM list WHERE ticket IS NULL AND person IS NULL), 2::bigint, 'they go to staff and are about no one ticket');
SELECT is_empty($$ SELECT w.number FROM waits w, list l WHERE l.subject LIKE 'Not%' AND l.body !~ ('#' || w.number || '\M') $$, 'the daily one has every unanswered ticket');
SELECT is((SELECT count(*) FROM t, list l WHERE l.subject LIKE 'Not%' AND l.body ~ ('#' || answered || '\M')), 0::bigint, 'and no answered one');
SELECT matches((SELECT body FROM list WHERE subject LIKE 'Not%'), 'have not come: 1\n *#' || held || '  S3  late 25h00 ', 'an update that was promised and has not come') FROM t;
SELECT matches((SELECT body FROM list WHERE subject LIKE 'Not%'), 'no team looks after: 1\n *#' || mailed || '\M', 'mail without a team (004d)') FROM t;
SELECT is((SELECT count(*) FROM desk.outbox WHERE kind = 'list' AND (body || subject) ~ 'canary'), 0::bigint, 'no subject of a private ticket is in a mail');
SELECT ok((SELECT bool_and(length(x) <= 72) FROM list, regexp_split_to_table(body, '\n') x), 'no line is wider than 72 columns');
SELECT is(desk.daily(), 0, 'once a day, however often one asks');
SELECT is((SELECT count(*) FROM list), 2::bigint, 'so there is one of each');
SELECT throws_ok($$ DELETE FROM desk.list_sent $$, 'PT409', NULL, 'what went out is not forgotten');
SELECT throws_ok($$ UPDATE desk.list_sent SET day = day - 1 $$, 'PT409', NULL, 'or put back');
SELECT is((SELECT count(*) FROM report.list_sent WHERE day = (now() AT TIME ZONE desk.zone())::date), 2::bigint, 'and can be seen');

-- triage (004b)
SELECT set_eq('SELECT number FROM report.untriaged', $$ SELECT unnest(ARRAY[plain, auto, held, noted, private, mailed, asked]) FROM t UNION ALL SELECT number FROM desk.ticket WHERE subject = 'too young' $$,
	'not triaged is what nobody has answered, taken or moved on');
SELECT set_eq('SELECT number FROM report.untriaged WHERE is_old', 'SELECT asked FROM t', 'what is older than seven days is flagged');
SELECT is_empty($$ SELECT u.number FROM report.untriaged u, list l WHERE l.subject LIKE 'To be%' AND l.body !~ ('#' || u.number || '\M') $$, 'the mail has all of them');
SELECT matches((SELECT body FROM list WHERE subject LIKE 'To be%'), '^Nobody [^\n]*: 8, 1 of them OLD [^\n]*\n *#' || asked || '  S3  9d00h +OLD asked', 'the oldest first, and flagged') FROM t;
SELECT set_eq($$ SELECT number FROM api.staff_queue('da-token', 'untriaged', NULL, NULL, NULL, NULL, NULL, 100) $$, 'SELECT number FROM report.untriaged', 'the page has the same');
SELECT set_eq($$ SELECT number FROM api.staff_queue('da-token', 'untriaged', NULL, NULL, NULL, NULL, NULL, 100) q WHERE q.is_untriaged_long $$, 'SELECT asked FROM t', 'and flags the same');
SELECT is((SELECT tickets FROM api.staff_views('da-token', 'untriaged') WHERE is_current), '8', 'with their number');

-- the next day, and the days of a week
ALTER TABLE desk.list_sent DISABLE TRIGGER no_more;
UPDATE desk.list_sent SET day = day - 1;
UPDATE desk.list_rule SET weekday = weekday % 7 + 1 WHERE kind = 'triage';
SELECT is(desk.daily(), 2, 'the next day there is the next one; a week''s that an outage kept back comes late');
SELECT is((SELECT day FROM desk.list_sent WHERE kind = 'triage' ORDER BY day LIMIT 1), (now() AT TIME ZONE desk.zone())::date - 6, 'under the day it was for');
UPDATE desk.list_rule SET from_minute = 1439;
DELETE FROM desk.list_sent;
-- but for the last minute of a day
SELECT is(desk.daily(), 1 + (SELECT (desk.local_instant(desk.zone(), (now() AT TIME ZONE desk.zone())::date, 1439) <= now())::int),
	'before its hour a daily list does not come; last week''s triage does, as nobody has had it');
DELETE FROM desk.list_rule WHERE kind = 'triage';
DELETE FROM desk.list_sent;
SELECT is(desk.daily(), 0, 'a list without a rule is not sent');
ALTER TABLE desk.list_sent ENABLE TRIGGER no_more;

-- a flood is a mail that can be read
INSERT INTO desk.ticket (subject, kind, severity, filed_at) SELECT 'one of many', 'bug', 4, now() - interval '3 days' FROM generate_series(1, 1100);
SELECT matches((SELECT words FROM desk.list_text('daily')), 'answered yet: 1112\n', 'a mail says how many there are');
SELECT matches((SELECT words FROM desk.list_text('daily')), '\nand 112 more\n', 'lists the thousand that wait longest, and says how many more there are');
SELECT is((SELECT count(*) FROM regexp_split_to_table(split_part((SELECT words FROM desk.list_text('daily')), 'and 112 more', 1), '\n') x WHERE x ~ '^ *#'), 1000::bigint, 'not one more');

-- load (000a): every week in which something was, to the present one
CREATE TEMP TABLE load AS SELECT * FROM report.load_week;
SELECT is((SELECT backlog FROM load ORDER BY week DESC LIMIT 1), (SELECT count(*) FROM desk.ticket WHERE state <> 'resolved'), 'what is open now is the last backlog');
SELECT is_empty($$ SELECT week FROM (SELECT *, coalesce(lag(backlog) OVER (ORDER BY week), 0) AS before FROM load) x WHERE backlog <> before + new - solved + reopened $$, 'each follows from the one before');
SELECT is((SELECT sum(new) FROM load)::bigint, (SELECT count(*) FROM desk.ticket), 'every ticket is new in one week');
SELECT is((SELECT array_agg(sum) FROM (SELECT unnest(ARRAY[sum(solved), sum(reopened)]) AS sum FROM load) x), '{2,1}'::numeric[], 'solved, and opened again');
SELECT is((SELECT count(*) FROM load), (SELECT max(week) - min(week) FROM load)::bigint / 7 + 1, 'no week is left out');
SELECT set_eq($$ SELECT * FROM api.load_week((SELECT max(week) FROM load)) $$, $$ SELECT * FROM load WHERE week = (SELECT max(week) FROM load) $$, 'a part of it is the same');
SELECT is((SELECT count(*) FROM api.load_week('infinity')), 1::bigint, 'there is always the present week');
INSERT INTO desk.rotation (name, label, zone, seats, minimum) VALUES ('da-rota', 'Rota', 'UTC', 3, 2);
SELECT is((SELECT is_short FROM api.load_week('infinity')), true, 'a week with fewer people than the minimum says so');
INSERT INTO desk.staff (login, name) SELECT 'da-' || i, 'N' || i FROM generate_series(1, 3) i;
INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason, said_by)
SELECT 'da-rota', id, 'experienced', '2020-01-01', 'long here', 'x' FROM desk.staff WHERE login IN ('da-1', 'da-2');
CREATE TEMP TABLE span AS SELECT date_trunc('week', now()) AS a, date_trunc('week', now()) + interval '7 days' AS b;
INSERT INTO desk.duty_week (rotation, monday, starts_at, ends_at) SELECT 'da-rota', a::date, a, b FROM span;
INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready)
SELECT 'da-rota', a::date, row_number() OVER (ORDER BY r.id), r.staff, tstzrange(a, b), r.id FROM span, desk.duty_ready r WHERE r.rotation = 'da-rota';
INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span) SELECT 'da-rota', a::date, 1, true, s.id, tstzrange(a, b) FROM span, desk.staff s WHERE s.login = 'da-3';
SELECT is((SELECT people FROM api.load_week('infinity')), 2, 'people on duty are counted, who rides shotgun is not');
SELECT is((SELECT is_short::text || minimum FROM api.load_week('infinity')), 'true3', 'one rotation with too few is too few, though another has enough');
CREATE FUNCTION pg_temp.fill() RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason, said_by) SELECT r.name, s.id, 'experienced', '2020-01-01', 'long here', 'x' FROM desk.rotation r, desk.staff s WHERE r.name <> 'da-rota' AND s.login = 'da-ann';
	INSERT INTO desk.duty_week (rotation, monday, starts_at, ends_at) SELECT name, a::date, a, b FROM span, desk.rotation WHERE name <> 'da-rota';
	INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready) SELECT r.rotation, a::date, 1, r.staff, tstzrange(a, b), r.id FROM span, desk.duty_ready r WHERE r.rotation <> 'da-rota';
$$;
SELECT pg_temp.fill();
SELECT is((SELECT is_short::text || people FROM api.load_week('infinity')), 'false3', 'enough in each are enough');

-- first answers (003a)
SELECT pg_temp.answer(plain, '10 minutes'), pg_temp.answer(noted, '20 minutes'), pg_temp.answer(owned, '3 hours') FROM t;
CREATE TEMP TABLE fast AS SELECT * FROM report.answer_week;
SELECT is((SELECT sum(answered) FROM fast WHERE requesters = 'all')::bigint, (SELECT count(*) FROM desk.ticket WHERE answered_at IS NOT NULL), 'every first answer counts in one week');
SELECT is((SELECT sum(waiting) FROM fast WHERE requesters = 'all')::bigint, desk.unanswered_count(), 'and who still waits stands beside');
SELECT is((SELECT sum(answered) FROM fast WHERE requesters <> 'all'), (SELECT sum(answered) FROM fast WHERE requesters = 'all'), 'our own teams and others are all (001aa)');
SELECT set_eq($$ SELECT week, mean_seconds, p50_seconds, p90_seconds, is_met FROM fast WHERE requesters = 'all' AND answered > 0 $$,
	$$ SELECT date_trunc('week', answered_at AT TIME ZONE desk.zone())::date, round(avg(s))::bigint, percentile_disc(0.5) WITHIN GROUP (ORDER BY s) AS half, percentile_disc(0.9) WITHIN GROUP (ORDER BY s) AS most, avg(s) <= 7200
		FROM desk.ticket, LATERAL (SELECT extract(epoch FROM answered_at - filed_at)::bigint AS s) x WHERE answered_at IS NOT NULL GROUP BY 1 $$, 'mean, median and 90th percentile, and whether we are in time');
UPDATE desk.target SET mean_seconds = 1;
SELECT is((SELECT bool_or(is_met) FROM report.answer_week), false, 'the aim can be set');
DELETE FROM desk.target;
SELECT is((SELECT bool_or(is_met) FROM report.answer_week), NULL, 'or left out');

-- the page
SELECT throws_ok($$ SELECT * FROM api.staff_load('x', 26) $$, 'PT401', NULL, 'nobody without a session');
SELECT throws_ok($$ SELECT * FROM api.staff_load_page('x', 26) $$, 'PT401', NULL, 'sees the load');
SELECT results_eq($$ SELECT week, new, solved, backlog FROM api.staff_load('da-token', 520) $$, $$ SELECT week, new, solved, backlog FROM report.load_week ORDER BY week DESC $$, 'the page has the numbers of the report');
SELECT results_eq($$ SELECT week, new, backlog FROM api.staff_load_page('da-token', 1) $$, $$ SELECT week::text, to_char(new, 'FM9,999'), to_char(backlog, 'FM9,999') FROM api.load_week('infinity') $$, 'in words');

SELECT * FROM finish();
ROLLBACK;
