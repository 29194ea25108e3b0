-- The outbox as a queue: what may go out, when, as one with what, and who
-- may take it.  How it goes out is in tests/cli/notify.t and hook.t.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();
DELETE FROM desk.outbox;

CREATE FUNCTION pg_temp.clerk(who text) RETURNS int LANGUAGE sql AS $$
	WITH s AS (INSERT INTO desk.staff (login, name) VALUES (who, initcap(who)) RETURNING id)
	INSERT INTO desk.staff_contact (staff, mail) SELECT id, who || '@desk.example' FROM s RETURNING staff $$;
CREATE FUNCTION pg_temp.filed(visible text) RETURNS int LANGUAGE sql AS $$
	INSERT INTO desk.ticket (subject, kind, severity, visibility) VALUES ('A secret subject', 'bug', 3, visible) RETURNING number $$;
CREATE TEMP TABLE t AS SELECT pg_temp.clerk('outbox-ann') AS ann, pg_temp.clerk('outbox-bob') AS bob,
	pg_temp.filed('public') AS open, pg_temp.filed('private') AS closed;
DELETE FROM desk.outbox;

-- Rows ---------------------------------------------------------------------
SELECT throws_ok($$ INSERT INTO desk.outbox (kind, via, subject, body) VALUES ('event', 'hook', '', '') $$, '23514', NULL, 'a row for a hook has a hook, an event and a payload');
SELECT throws_ok($$ INSERT INTO desk.outbox (kind, subject, body) VALUES ('pigeon', '', '') $$, '23514', NULL, 'kinds are known');
SELECT throws_ok($$ INSERT INTO desk.hook (name, kind, events) VALUES ('x', 'webhook', '{ticket.eaten}') $$, '23514', NULL, 'so are events');
SELECT throws_ok($$ INSERT INTO desk.staff_contact (staff, zone) SELECT id, 'Mars/Olympus' FROM desk.staff LIMIT 1 $$, 'PT409', 'cannot find a time zone "Mars/Olympus"', 'and zones');
SELECT throws_ok($$ UPDATE desk.staff_contact SET quiet_from = 60 $$, '23514', NULL, 'quiet hours have two ends');
INSERT INTO desk.delivery (way, attempt, outcome) VALUES ('mail', 1, 'sent');
SELECT throws_ok($$ DELETE FROM desk.delivery $$, 'PT409', NULL, 'the log is append-only');
SELECT throws_ok($$ UPDATE desk.delivery SET outcome = 'refused' $$, 'PT409', NULL, 'also for the owner');

-- Quiet hours and digests, in the reader's zone -----------------------------
CREATE FUNCTION pg_temp.contact(digest text, digest_at int, quiet_from int, quiet_until int, zone text) RETURNS desk.staff_contact LANGUAGE sql AS $$
	SELECT jsonb_populate_record(NULL::desk.staff_contact, jsonb_build_object('digest', digest, 'digest_at', digest_at, 'quiet_from', quiet_from, 'quiet_until', quiet_until, 'zone', zone)) $$;
SELECT is(desk.quiet_end(pg_temp.contact('at once', 480, 22 * 60, 7 * 60, 'Europe/Berlin'), at::timestamptz), until::timestamptz, format('quiet at %s', at))
FROM (VALUES ('2026-01-10 20:59Z', NULL), ('2026-01-10 21:00Z', '2026-01-11 06:00Z'), ('2026-01-11 05:59Z', '2026-01-11 06:00Z'), ('2026-01-11 06:00Z', NULL),
	('2026-03-28 22:00Z', '2026-03-29 05:00Z'), ('2026-10-24 21:00Z', '2026-10-25 06:00Z')) AS v (at, until);
SELECT is(desk.quiet_end(pg_temp.contact('at once', 480, 12 * 60, 13 * 60, 'Asia/Kathmandu'), '2026-01-10 06:15Z'), '2026-01-10 07:15Z', 'at noon in Kathmandu');
SELECT is(desk.quiet_end(pg_temp.contact('at once', 480, 60, 60, 'UTC'), '2026-01-10 01:00Z'), NULL, 'from one to one is never');
SELECT is(desk.quiet_end(pg_temp.contact('at once', 480, NULL, NULL, 'UTC'), now()), NULL, 'no hours, no quiet');
SELECT is(desk.digest_slot(pg_temp.contact('daily', 450, NULL, NULL, 'Europe/Berlin'), made::timestamptz), slot::timestamptz, format('the daily one after %s', made))
FROM (VALUES ('2026-01-10 06:29Z', '2026-01-10 06:30Z'), ('2026-01-10 06:30Z', '2026-01-11 06:30Z'), ('2026-03-28 07:00Z', '2026-03-29 05:30Z')) AS v (made, slot);
SELECT is(desk.digest_slot(pg_temp.contact('hourly', 0, NULL, NULL, 'UTC'), '2026-01-10 06:29:59Z'), '2026-01-10 07:00Z', 'the hourly one');
SELECT is(desk.digest_slot(pg_temp.contact('at once', 0, NULL, NULL, 'UTC'), now()), NULL, 'at once');
SELECT is((SELECT count(*)::int FROM generate_series(1, 1000) n WHERE desk.back_off(3, 30, 14400) NOT BETWEEN interval '96 seconds' AND interval '120 seconds'), 0, 'waits double, less a fifth by chance');
SELECT is((SELECT count(*)::int FROM generate_series(1, 1000) n WHERE desk.back_off(1000, 30, 14400) > interval '4 hours'), 0, 'up to four hours');
SELECT is(desk.clock_minute(w), m::smallint, format('"%s" is %s', w, coalesce(m::text, 'no time'))) FROM (VALUES ('00:00', 0), ('8:30', 510), (' 23:59 ', 1439), ('24:00', NULL), ('12', NULL), ('', NULL), (NULL, NULL), ('12:60', NULL)) AS v (w, m);
SELECT is(desk.clock_words(510), '08:30', 'and back');

-- Hooks --------------------------------------------------------------------
INSERT INTO desk.hook (name, kind, events, active) VALUES ('all', 'webhook', '{*}', true), ('pages', 'pagerduty', '{page.trigger,page.resolve}', true), ('off', 'webhook', '{*}', false);
SELECT desk.hook_send('page.trigger', open, '{"summary": "Down"}', 'desk-1-1', true) FROM t;
SELECT set_eq($$ SELECT hook FROM desk.outbox WHERE event = 'page.trigger' $$, ARRAY['all', 'pages'], 'those are told that want the event and are on');
SELECT is((SELECT payload - 'timestamp' FROM desk.outbox WHERE hook = 'all'), (SELECT jsonb_build_object('type', 'page.trigger', 'data', jsonb_build_object('ticket', open, 'summary', 'Down', 'dedup_key', 'desk-1-1')) FROM t), 'what a webhook is told');
SELECT is((SELECT payload ->> 'dedup_key' FROM desk.outbox WHERE hook = 'pages'), 'desk-1-1', 'an incident has its key');
SELECT is((SELECT jsonb_object_keys(payload) FROM desk.outbox WHERE hook = 'pages' AND payload ? 'routing_key'), NULL, 'the key of the account is not here');
SELECT desk.hook_send('page.trigger', NULL, jsonb_build_object('summary', repeat('x', 2000), 'severity', 'awful'), NULL, true);
SELECT is((SELECT length(payload #>> '{payload,summary}') || ' ' || (payload #>> '{payload,severity}') FROM desk.outbox WHERE hook = 'pages' ORDER BY id DESC LIMIT 1), '1024 critical', 'PagerDuty''s limits are kept');
SELECT isnt((SELECT dedup_key FROM desk.outbox WHERE hook = 'pages' ORDER BY id DESC LIMIT 1), NULL, 'and every event has a key');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE payload::text LIKE '%secret subject%' AND ticket = (SELECT closed FROM t)), 0, 'of a private ticket no subject goes out');
SELECT desk.hook_send('delivery.stuck', NULL, '{"way": "hook:all"}', NULL, true);
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE hook = 'all' AND event = 'delivery.stuck'), 0, 'a hook is not told that it cannot be told');
DELETE FROM desk.outbox;
DELETE FROM desk.hook;

-- To whom ------------------------------------------------------------------
CREATE FUNCTION pg_temp.take(wait int DEFAULT 0) RETURNS TABLE (id bigint, mail text, subject text) LANGUAGE sql AS $$
	SELECT id, mail, subject FROM api.outbox_claim(1, 'mail', 100, wait) $$;
SELECT desk.mail_staff('message', open, ann, 'One', 'w'), desk.mail_staff('message', open, ann, 'Two', 'w'), desk.mail_staff('message', closed, ann, 'Three', 'w'),
	desk.mail_staff('message', open, bob, 'Four', 'w') FROM t;
SELECT is_empty('SELECT * FROM pg_temp.take(60)', 'nothing is old enough yet');
SELECT set_eq('SELECT mail, subject FROM pg_temp.take()', $$ VALUES ('outbox-ann@desk.example', 'Ticket ' || (SELECT open FROM t) || ': 2 messages'), ('outbox-ann@desk.example', 'Three'), ('outbox-bob@desk.example', 'Four') $$,
	'one mail for each reader and ticket');
SELECT is_empty('SELECT * FROM pg_temp.take()', 'what is taken is taken');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE owner = 1 AND not_before > now() + interval '10 minutes'), 3, 'for a quarter of an hour');
SELECT is(api.outbox_report(2, id, 'later', 450, 'x', 1), 'late', 'another notify cannot put it off') FROM desk.outbox WHERE subject = 'Four';
SELECT is(api.outbox_report(1, id, 'sent', 250, 'x', 1), 'sent', 'its own reports it') FROM desk.outbox WHERE subject = 'One';
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE sent_at IS NOT NULL AND subject IN ('One', 'Two')), 2, 'with all that was in it');
SELECT is(api.outbox_report(2, id, 'sent', 250, 'x', 1), 'late', 'and once') FROM desk.outbox WHERE subject = 'One';
SELECT is(api.outbox_release(1), 2, 'the others can be given back');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE tries = 0 AND owner IS NULL AND sent_at IS NULL), 2, 'as they were');
UPDATE desk.outbox SET owner = 77, not_before = now() + interval '15 minutes' WHERE sent_at IS NULL;
SELECT is((SELECT count(*)::int FROM pg_temp.take()), 2, 'who holds no lock is dead: what it had is free at once');
DELETE FROM desk.outbox;

SELECT desk.mail_staff('breached', open, NULL, 'Late', 'w') FROM t;
SELECT is((SELECT count(*)::int FROM pg_temp.take()), (SELECT count(*)::int FROM desk.duty_readers()), 'mail to those on duty is one for each of them');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE staff IS NULL AND sent_at IS NOT NULL), 1, 'and its row is done');
DELETE FROM desk.outbox;
UPDATE desk.staff SET active = false WHERE login = 'outbox-bob';
SELECT desk.mail_staff('message', open, bob, 'Gone', 'w'), desk.mail_staff('breached', open, bob, 'Gone and late', 'w') FROM t;
SELECT is_empty($$ SELECT * FROM pg_temp.take() WHERE mail = 'outbox-bob@desk.example' $$, 'who has left gets no mail');
SELECT is((SELECT said FROM desk.outbox WHERE subject = 'Gone'), 'the reader has no address', 'which is noted');
SELECT isnt_empty($$ SELECT 1 FROM desk.outbox WHERE subject = 'Gone and late' AND staff = (SELECT ann FROM t) $$, 'a promise that is late is told to somebody else');
DELETE FROM desk.outbox;

-- a rotation, of which only the answer matters here
UPDATE desk.staff SET active = true WHERE login = 'outbox-bob';
CREATE TEMP TABLE duty (staff int, is_shadow boolean);
CREATE OR REPLACE FUNCTION desk.on_duty(wanted text, at timestamptz) RETURNS TABLE (staff int, seat smallint, is_shadow boolean) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN RETURN QUERY SELECT d.staff, 1::smallint, d.is_shadow FROM pg_temp.duty d; END $$;
INSERT INTO duty SELECT ann, false FROM t UNION ALL SELECT bob, true FROM t;
SELECT set_eq('SELECT desk.duty_readers()', 'SELECT ann FROM t UNION SELECT bob FROM t', 'who is on duty is told, and who rides shotgun gets a copy');
UPDATE desk.staff_contact SET mail = NULL WHERE staff = (SELECT ann FROM t);
UPDATE desk.rotation SET lead = (SELECT bob FROM t) WHERE name = 'engineering';
SELECT set_eq('SELECT desk.duty_readers()', 'SELECT bob FROM t', 'without an address the lead is');
UPDATE desk.rotation SET lead = NULL;
SELECT set_eq('SELECT desk.duty_readers()', $$ SELECT s.id FROM desk.staff s JOIN desk.staff_contact c ON c.staff = s.id WHERE s.active AND c.mail IS NOT NULL $$, 'without a lead everybody who has one');
UPDATE desk.staff_contact SET mail = 'outbox-ann@desk.example' WHERE staff = (SELECT ann FROM t);

-- Failing -----------------------------------------------------------------
SELECT desk.mail_staff('message', open, ann, 'Old', 'w') FROM t;
UPDATE desk.outbox SET made_at = now() - interval '6 days';
SELECT is(api.outbox_report(1, id, 'later', 450, 'greylisted', 1), 'refused', 'after five days it is given up') FROM pg_temp.take();
SELECT is((SELECT said FROM desk.outbox), 'given up after 5 days: greylisted', 'and says so');
SELECT is((SELECT status FROM api.outbox_status() LIMIT 1), 1, 'the status warns');
SELECT ok(api.outbox_replay(id), 'it can be replayed') FROM desk.outbox;
SELECT ok(NOT api.outbox_replay(id), 'not while it waits') FROM desk.outbox;
SELECT is(api.outbox_report(1, id, 'down', NULL, 'refused', 1), 'down', 'a server that is down') FROM pg_temp.take();
SELECT is_empty('SELECT * FROM pg_temp.take()', 'is left alone');
SELECT is((SELECT tries FROM desk.delivery_pause WHERE way = 'mail'), 1, 'for a while');
SELECT is((SELECT sent_at IS NULL AND failed_at IS NULL AND owner IS NULL FROM desk.outbox), true, 'the mail waits');

-- Forgetting --------------------------------------------------------------
DELETE FROM desk.outbox;
SELECT desk.mail_staff('message', open, ann, 'Mail ' || n, 'w') FROM t, generate_series(1, 4) n;
UPDATE desk.outbox SET sent_at = now() - interval '31 days' WHERE subject = 'Mail 1';
UPDATE desk.outbox SET sent_at = now() - interval '29 days' WHERE subject = 'Mail 2';
UPDATE desk.outbox SET failed_at = now() - interval '31 days' WHERE subject = 'Mail 3';
UPDATE desk.outbox SET made_at = now() - interval '31 days' WHERE subject = 'Mail 4';
SELECT is(api.outbox_clean(10), 1, 'after 30 days a mail is forgotten');
SELECT set_eq('SELECT subject FROM desk.outbox', ARRAY['Mail 2', 'Mail 4'], 'that was delivered or given up, and no other');

-- What a private ticket says goes into no mail, not to staff either ----------
DELETE FROM desk.outbox;
UPDATE desk.ticket SET assignee = (SELECT ann FROM t) WHERE number IN (SELECT open FROM t UNION SELECT closed FROM t);
INSERT INTO desk.message (ticket, author, body, posted_at) SELECT n, 'requester', 'canary words', now() + interval '1 second' FROM t, unnest(ARRAY[open, closed]) n;
INSERT INTO desk.message (ticket, author, staff, name, body, posted_at) SELECT n, 'staff', ann, 'Ann', 'canary answer', now() + interval '2 seconds' FROM t, unnest(ARRAY[open, closed]) n;
SELECT set_eq($$ SELECT ticket FROM desk.outbox WHERE subject || body || coalesce(payload::text, '') ~ 'canary|secret' $$, 'SELECT open FROM t', 'of a private ticket mail holds neither text nor subject');
SELECT is((SELECT count(*)::int FROM desk.outbox o, t WHERE o.ticket = closed), 1, 'but its engineer hears that there is something');

SELECT * FROM finish();
ROLLBACK;
