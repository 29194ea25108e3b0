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
GRANT SELECT ON duty TO desk_owner;
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

-- What became private before it went out ------------------------------------
DELETE FROM desk.outbox;
DELETE FROM desk.hook;
INSERT INTO desk.hook (name, kind, events) VALUES ('web', 'webhook', '{*}'), ('pager', 'pagerduty', '{page.trigger,sla.breached}');
CREATE TEMP TABLE h AS SELECT pg_temp.filed('public') AS n, desk.person_of('outbox-req@example.com') AS req, desk.person_of('outbox-fan@example.com') AS fan;
UPDATE desk.person SET proven_at = now() WHERE id IN (SELECT req FROM h UNION SELECT fan FROM h);
UPDATE desk.ticket SET requester = req FROM h WHERE number = n;
INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT n, req, now() FROM h UNION ALL SELECT n, fan, now() FROM h
ON CONFLICT (ticket, person) DO UPDATE SET confirmed_at = now();
SELECT desk.mail_followers('message', n, 'Ticket ' || n || ': an answer from Ann', 'canary answer'),
	desk.mail_staff('message', n, ann, 'Ticket ' || n || ': the requester wrote', E'canary\nwords'),
	desk.mail_staff('breached', n, NULL, 'Ticket ' || n || ' is late', 'S3: A secret subject'),
	desk.mail_staff('list', NULL, NULL, 'Today', format(E'Open: 2\n%8s  S3  late 4h       A secret subject\n%8s  S2  4h05          About another\n\n{URL}/staff', '#' || n, '#' || n || '1')) FROM h, t;
SELECT desk.hook_send('page.trigger', n, jsonb_build_object('summary', 'Production is down: shop, ticket ' || n || ': A secret subject', 'ticket', n, 'severity', 'critical', 'page', 7), 'desk-7', true),
	desk.hook_send('page.acknowledge', NULL, jsonb_build_object('summary', 'Production is down: shop, ticket ' || n || ': A secret subject', 'ticket', n), 'desk-7', true),
	desk.hook_send('sla.breached', n, jsonb_build_object('metric', 'resolution', 'subject', 'A secret subject', 'url', '{URL}/staff/tickets/' || n), 'desk-1-1', false) FROM h;
INSERT INTO desk.outbox (kind, ticket, staff, subject, body, foot_at, urgent) SELECT 'page', n, ann, 'PAGE 7', format(E'Production is down: shop.\nTicket %s: A secret subject\n\n{URL}/page/t0ken\n\n{URL}/staff/tickets/%s\n', n, n), NULL, true FROM h, t;
SELECT desk.mail_to_staff('report', NULL, ann, 'The week', format(E'%8s  S3  late 4h         A secret subject', '#' || n), false) FROM h, t;
UPDATE desk.outbox SET payload = jsonb_build_object('html', '<tr><td>#' || n || '</td><td>S3</td><td>late 4h</td><td>A secret subject</td></tr>', 'csv', 'a') FROM h WHERE kind = 'report';
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE via = 'hook' AND body || payload::text ~ 'secret'), 6, 'what was written of a public ticket holds its words');
UPDATE desk.ticket SET visibility = 'private' FROM h WHERE number = n;
SELECT is_empty($$ SELECT kind, event, body, payload FROM desk.outbox WHERE subject || body || coalesce(payload::text, '') ~ 'canary|secret' $$, 'and nothing of them goes out once it is private');
SELECT is((SELECT body FROM desk.outbox, t WHERE kind = 'message' AND staff = ann), (SELECT format(E'It is private now: read it there.\n\n{URL}/staff/tickets/%s\n', n) FROM h), 'staff are told where to read it');
SELECT ok((SELECT body ~ '^Read and answer: \{URL\}/r/' AND foot_at = 0 FROM desk.outbox, h WHERE person = req), 'so is the requester');
SELECT is((SELECT body FROM desk.outbox WHERE kind = 'page' AND via = 'mail'), (SELECT format(E'Production is down: shop.\nTicket %s: (private)\n\n{URL}/page/t0ken\n\n{URL}/staff/tickets/%s\n', n, n) FROM h), 'who is paged keeps the link');
SELECT is((SELECT body FROM desk.outbox WHERE kind = 'list'), (SELECT format(E'Open: 2\n%8s  S3  (private)\n%8s  S2  4h05          About another\n\n{URL}/staff\n', '#' || n, '#' || n || '1') FROM h), 'in a list it is a line without a subject');
SELECT is((SELECT foot_at FROM desk.outbox WHERE kind = 'list'), (SELECT length(body) FROM desk.outbox WHERE kind = 'list'), 'which still has its end');
SELECT is((SELECT payload ->> 'html' FROM desk.outbox WHERE kind = 'report'), (SELECT '<tr><td>#' || n || '</td><td>S3</td><td>late 4h</td><td>(private)</td></tr>' FROM h), 'also in a table');
SELECT is((SELECT payload #> '{data}' FROM desk.outbox WHERE hook = 'web' AND event = 'sla.breached'), (SELECT jsonb_build_object('ticket', n, 'metric', 'resolution', 'url', '{URL}/staff/tickets/' || n, 'dedup_key', 'desk-1-1') FROM h), 'a hook is told what may be told');
SELECT is((SELECT array_agg(DISTINCT coalesce(payload #>> '{data,summary}', payload #>> '{payload,summary}')) FROM desk.outbox WHERE event IN ('page.trigger', 'page.acknowledge')), (SELECT ARRAY['Production is down, ticket ' || n] FROM h), 'whoever is woken is told which ticket it is');
SELECT is((SELECT payload ->> 'dedup_key' FROM desk.outbox WHERE hook = 'pager' AND event = 'page.trigger'), 'desk-7', 'of the same incident');
DELETE FROM desk.outbox;
DELETE FROM desk.hook;

-- Who does not want what was folded in any more ---------------------------
CREATE FUNCTION pg_temp.once() RETURNS TABLE (id bigint, subject text, body text, ticket text, thread text, unfollow text) LANGUAGE sql AS $$
	SELECT id, subject, body, ticket, thread, unfollow FROM api.outbox_claim(1, 'mail', 100, 0) $$;
DELETE FROM desk.delivery_pause;
CREATE TEMP TABLE f AS SELECT pg_temp.filed('public') AS a, pg_temp.filed('public') AS b, desk.person_of('outbox-two@example.com') AS who;
UPDATE desk.person SET proven_at = now() WHERE id = (SELECT who FROM f);
INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT x, who, now() FROM f, unnest(ARRAY[a, b]) x;
DELETE FROM desk.outbox;
SELECT desk.mail_followers('message', a, 'First of a', 'w'), desk.mail_followers('message', b, 'First of b', 'w'), desk.mail_followers('message', a, 'Second of a', 'w') FROM f;
UPDATE desk.outbox SET digest = true;
CREATE TEMP TABLE got AS SELECT * FROM pg_temp.once();
SELECT is((SELECT subject FROM got), '3 messages about 2 tickets', 'a digest holds what is about two tickets');
SELECT is((SELECT (ticket, thread, unfollow)::text FROM got), '(,,)', 'it is of neither''s thread, and no button leaves one of them');
SELECT is(api.outbox_report(1, id, 'later', 450, 'x', 1), 'later', 'it has to be tried again') FROM got;
UPDATE desk.follower SET stopped_at = now() FROM f WHERE ticket = b AND person = who;
UPDATE desk.outbox SET not_before = now();
SELECT is((SELECT subject || ' ' || (body ~ 'First of b') || ' ' || (ticket = a::text) || ' ' || (thread IS NOT NULL AND unfollow IS NOT NULL) FROM pg_temp.once(), f), (SELECT format('Ticket %s: 2 messages false true true', a) FROM f), 'what is not wanted any more is left out of the next attempt');
SELECT is((SELECT said FROM desk.outbox WHERE subject = 'First of b'), 'not wanted any more', 'which is noted');
SELECT is((SELECT count(*)::int FROM desk.delivery d JOIN desk.outbox o ON o.id = d.outbox WHERE o.subject = 'First of b' AND d.outcome = 'dropped'), 1, 'and logged');
SELECT is(api.outbox_report(1, id, 'sent', 250, 'x', 1), 'sent', 'the rest is delivered') FROM got;
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE sent_at IS NOT NULL AND failed_at IS NULL), 2, 'and no more is said to be');
DELETE FROM desk.outbox;
UPDATE desk.follower SET stopped_at = NULL FROM f WHERE ticket = b AND person = who;
SELECT desk.mail_followers('message', b, 'Of b', 'w'), desk.mail_followers('message', a, 'Of a', 'w') FROM f;
UPDATE desk.outbox SET digest = true;
UPDATE desk.outbox SET digest = true, not_before = now() - interval '1 minute' WHERE subject = 'Of b';
SELECT is(api.outbox_report(1, id, 'later', 450, 'x', 1), 'later', 'the other way round') FROM pg_temp.once();
UPDATE desk.follower SET stopped_at = now() FROM f WHERE ticket = b AND person = who;
UPDATE desk.outbox SET not_before = now();
SELECT is_empty($$ SELECT FROM pg_temp.once() WHERE subject <> 'Of a' $$, 'what is dropped');
SELECT is((SELECT array_agg(subject || ' ' || (folded_into IS NULL AND owner IS NOT NULL) || ' ' || (failed_at IS NOT NULL) ORDER BY id) FROM desk.outbox), ARRAY['Of b false true', 'Of a true false'], '... takes nothing else with it');
DELETE FROM desk.outbox;
SELECT desk.mail_staff('warned', open, ann, 'Warned', 'w'), desk.mail_staff('message', open, ann, 'Message', 'w') FROM t;
UPDATE desk.outbox SET not_before = now() - interval '1 minute' WHERE subject = 'Warned';
SELECT is(api.outbox_report(1, id, 'later', 450, 'x', 1), 'later', 'a warning with a message in it') FROM pg_temp.once();
UPDATE desk.staff_contact SET mail = NULL WHERE staff = (SELECT ann FROM t);
UPDATE desk.outbox SET not_before = now();
SELECT isnt_empty('SELECT 1 FROM pg_temp.once()', 'goes to somebody else when its reader has no address any more');
SELECT is((SELECT said FROM desk.outbox WHERE subject = 'Message'), 'the reader has no address', 'and the message is not lost without a word');
UPDATE desk.staff_contact SET mail = 'outbox-ann@desk.example' WHERE staff = (SELECT ann FROM t);
DELETE FROM desk.outbox;

-- Whose turn it is --------------------------------------------------------
INSERT INTO desk.hook (name, kind, events) VALUES ('busy', 'webhook', '{sla.warned}'), ('calm', 'webhook', '{sla.breached}');
SELECT desk.hook_send('sla.warned', NULL, jsonb_build_object('n', n), NULL, false) FROM generate_series(1, 20) n;
SELECT desk.hook_send('sla.breached', NULL, '{}', NULL, false);
UPDATE desk.outbox SET not_before = now() - interval '1 hour', tries = CASE WHEN payload #>> '{data,n}' = '1' THEN 3 ELSE 0 END WHERE hook = 'busy';
UPDATE desk.outbox SET not_before = now() - interval '2 hours' WHERE tries = 3;
CREATE TEMP TABLE turn AS SELECT * FROM api.outbox_claim(1, 'hook', 5, 0);
SELECT is((SELECT count(*)::int FROM turn WHERE hook = 'calm'), 1, 'a hook with much to tell holds up no other');
SELECT is((SELECT count(*)::int FROM turn WHERE tries > 1), 0, 'nor does an event that fails again and again hold up the next');
SELECT api.outbox_release(1);
SELECT is((SELECT count(*)::int FROM api.outbox_claim(1, 'hook', 100, 0) WHERE tries = 4), 1, '... though its turn comes');
DELETE FROM desk.outbox;
DELETE FROM desk.hook;

-- PagerDuty is told of incidents ------------------------------------------
SELECT throws_ok(format($$ INSERT INTO desk.hook (name, kind, events) VALUES ('pd', 'pagerduty', '{page.trigger,%s}') $$, e), '23514', NULL, format('PagerDuty is not told of "%s"', e)) FROM unnest(ARRAY['*', 'ticket.filed', 'ticket.answered', 'ticket.resolved']) e;
INSERT INTO desk.hook (name, kind, events) VALUES ('pd', 'pagerduty', '{sla.breached,sla.stopped}'), ('web', 'webhook', '{sla.stopped}');
SELECT desk.hook_send('sla.breached', open, '{}', 'desk-4-2', false), desk.hook_send('sla.stopped', open, '{}', 'desk-4-2', false) FROM t;
SELECT is((SELECT array_agg(payload ->> 'event_action' || ' ' || (payload ->> 'dedup_key') ORDER BY id) FROM desk.outbox WHERE hook = 'pd'), ARRAY['trigger desk-4-2', 'resolve desk-4-2'], 'a late promise that was kept ends its incident');
SELECT is((SELECT payload ->> 'type' FROM desk.outbox WHERE hook = 'web'), 'sla.stopped', 'a webhook learns of it by its name');
DELETE FROM desk.outbox;
DELETE FROM desk.hook;

-- A page for somebody who cannot be reached -------------------------------
CREATE TEMP TABLE mute AS WITH s AS (INSERT INTO desk.staff (login, name) VALUES ('outbox-mute', 'Mute') RETURNING id) SELECT id FROM s;
INSERT INTO desk.page (ticket) SELECT open FROM t;
DELETE FROM desk.outbox;
CREATE TEMP TABLE p AS SELECT max(id) AS id FROM desk.page;
UPDATE desk.page SET next_at = now() + interval '5 minutes' WHERE id = (SELECT id FROM p);
SELECT desk.page_tell(x, m.id, 'on duty', interval '5 minutes') FROM desk.page x JOIN p USING (id), mute m;
UPDATE desk.outbox SET made_at = now() + interval '1 second';
SELECT is_empty('SELECT 1 FROM pg_temp.once()', 'a page goes to nobody but who was paged');
SELECT is((SELECT said FROM desk.outbox), 'the reader has no address', 'it is given up');
SELECT is((SELECT next_at FROM desk.page JOIN p USING (id)), now(), 'and the next person is told now');
DELETE FROM desk.outbox;
UPDATE desk.page SET next_at = now() + interval '5 minutes' WHERE id = (SELECT id FROM p);
SELECT desk.page_tell(x, m.id, 'on duty', interval '5 minutes') FROM desk.page x JOIN p USING (id), mute m;
UPDATE desk.outbox SET made_at = now() - interval '1 second';
INSERT INTO desk.page_event (page, kind, step, round, staff, role, ticket) SELECT p.id, 'told', 99, 1, ann, 'lead', open FROM p, t;
SELECT is_empty('SELECT 1 FROM pg_temp.once()', 'when somebody else was told since');
SELECT is((SELECT next_at FROM desk.page JOIN p USING (id)), now() + interval '5 minutes', '... they have their time');

-- a page's mail holds the report's words until the ticket is private
DELETE FROM desk.outbox;
INSERT INTO desk.product (name, label) VALUES ('outbox-oven', 'Oven');
INSERT INTO desk.ticket (subject, kind, severity, product) VALUES ('canary outage', 'outage', 1, 'outbox-oven');
INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', E'canary words\n\nReported canary' FROM desk.ticket WHERE subject = 'canary outage';
UPDATE desk.ticket SET production_down = true WHERE subject = 'canary outage';
SELECT cmp_ok(count(*)::int, '>', 0, 'who is woken reads the report') FROM desk.outbox WHERE kind = 'page' AND via = 'mail' AND body ~ 'canary words';
UPDATE desk.ticket SET visibility = 'private' WHERE subject = 'canary outage';
SELECT is_empty($$ SELECT body FROM desk.outbox WHERE kind = 'page' AND via = 'mail' AND (body ~ 'canary' OR body !~ '/page/') $$, 'and of a private one its link alone');

SELECT * FROM finish();
ROLLBACK;
