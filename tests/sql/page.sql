-- Paging: who is told, in which order, once; by programs and by psql alike.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

-- People: two on duty, a lead, a manager, and somebody else.
INSERT INTO desk.staff (login, name) VALUES ('pg-one', 'One'), ('pg-two', 'Two'), ('pg-lead', 'Lead'), ('pg-boss', 'Boss'), ('pg-else', 'Else');
CREATE FUNCTION pg_temp.id(who text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT id FROM desk.staff WHERE login = 'pg-' || who $$;
CREATE FUNCTION pg_temp.name(who int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT coalesce((SELECT lower(name) FROM desk.staff WHERE id = who), '-') $$;
INSERT INTO desk.session (token_sha256, staff, network, agent) SELECT sha256('page token'), pg_temp.id('else'), '', '';
INSERT INTO desk.product (name, label) VALUES ('pg-a', 'Shop'), ('pg-b', 'Till');
INSERT INTO desk.rotation (name, label, zone, lead, manager) VALUES ('pg-duty', 'Test duty', 'UTC', pg_temp.id('lead'), pg_temp.id('boss'));
INSERT INTO desk.page_rule (product, rotation) VALUES ('pg-a', 'pg-duty'), ('pg-b', 'pg-duty');
-- The rules of the rotation have a test of their own.
CREATE FUNCTION pg_temp.duty(VARIADIC people text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	DELETE FROM desk.duty_seat WHERE rotation = 'pg-duty';
	DELETE FROM desk.duty_ready WHERE rotation = 'pg-duty';
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason)
	SELECT 'pg-duty', pg_temp.id(p), 'experienced', current_date, 'x' FROM unnest(people) p;
	INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready)
	SELECT 'pg-duty', date_trunc('week', now())::date, n, pg_temp.id(p), tstzrange(now() - interval '1 day', now() + interval '1 day'), r.id
	FROM unnest(people) WITH ORDINALITY AS x (p, n) JOIN desk.duty_ready r ON r.rotation = 'pg-duty' AND r.staff = pg_temp.id(p);
	SET LOCAL session_replication_role = origin;
END
$$;
CREATE FUNCTION pg_temp.file(what text DEFAULT 'pg-a', level int DEFAULT 1, down boolean DEFAULT true, seen text DEFAULT 'public', age interval DEFAULT '0') RETURNS int LANGUAGE sql AS $$
	WITH t AS (INSERT INTO desk.ticket (subject, kind, product, severity, production_down, visibility, filed_at)
		VALUES ('pagesubject', 'outage', what, level, down, seen, now() - age) RETURNING number, filed_at)
	INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'pagebody', filed_at FROM t RETURNING ticket;
$$;
CREATE FUNCTION pg_temp.answer(n int, who text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body) VALUES (n, 'staff', pg_temp.id(who), who, 'We look.');
$$;
-- The page of a ticket, and what happened on it.
CREATE FUNCTION pg_temp.page(n int) RETURNS int LANGUAGE sql STABLE AS $$ SELECT max(page) FROM desk.page_report WHERE ticket = n $$;
CREATE FUNCTION pg_temp.log(n int) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(kind || CASE WHEN staff IS NOT NULL THEN ' ' || pg_temp.name(staff) ELSE '' END, ', ' ORDER BY id) FROM desk.page_event WHERE page = pg_temp.page(n);
$$;
CREATE FUNCTION pg_temp.told(n int) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(pg_temp.name(staff), ' ' ORDER BY id) FROM desk.outbox WHERE kind = 'page' AND via = 'mail' AND urgent AND ticket = n;
$$;
-- Time passes for a page.
CREATE FUNCTION pg_temp.later(n int, by interval) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	UPDATE desk.page SET next_at = next_at - by WHERE id = pg_temp.page(n);
	RETURN desk.page_advance();
END
$$;
CREATE FUNCTION pg_temp.link(n int, who text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT substring(body FROM '/page/([A-Za-z0-9_-]{22})') FROM desk.outbox
	WHERE kind = 'page' AND via = 'mail' AND ticket = n AND staff = pg_temp.id(who) ORDER BY id DESC LIMIT 1;
$$;
CREATE TEMP TABLE n (name text PRIMARY KEY, number int);
CREATE FUNCTION pg_temp.n(wanted text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT number FROM n WHERE name = wanted $$;

SELECT pg_temp.duty('one', 'two');

-- only with reason
INSERT INTO n SELECT 'not said', pg_temp.file(down => false);
INSERT INTO n SELECT 'not critical', pg_temp.file(level => 2);
INSERT INTO n SELECT 'long ago', pg_temp.file(age => '3 days');
SELECT is(pg_temp.page(number), NULL, 'nobody is woken for a report that is ' || name) FROM n ORDER BY name;

-- the ladder
INSERT INTO n SELECT 'a', pg_temp.file();
SELECT is(pg_temp.told(pg_temp.n('a')), 'one', 'the first person is told in the transaction of the report');
SELECT is(pg_temp.log(pg_temp.n('a')), 'opened, told one', 'and it is in the log');
SELECT is(desk.page_advance(), 0, 'nothing more is due');
SELECT is(pg_temp.later(pg_temp.n('a'), '4 minutes 59 seconds'), 0, 'nor just before five minutes');
SELECT is(pg_temp.later(pg_temp.n('a'), '1 second'), 1, 'after five minutes the next step is due');
SELECT is(pg_temp.told(pg_temp.n('a')), 'one two', 'it tells the second person on duty');
SELECT is(desk.page_advance(), 0, 'the same run again tells nobody');
SELECT is(pg_temp.later(pg_temp.n('a'), '5 minutes'), 1, 'then the lead');
SELECT is(pg_temp.later(pg_temp.n('a'), '5 minutes'), 1, 'then the manager');
SELECT is(pg_temp.told(pg_temp.n('a')), 'one two lead boss', 'in this order');
SELECT is(pg_temp.later(pg_temp.n('a'), '5 minutes'), 1, 'after the last it begins again');
SELECT is(pg_temp.told(pg_temp.n('a')), 'one two lead boss one', 'with the first');
SELECT throws_ok($$ INSERT INTO desk.page_event (page, kind, step, staff) SELECT pg_temp.page(pg_temp.n('a')), 'told', 1, pg_temp.id('one') $$, '23505', NULL, 'no step can be written twice');
SELECT throws_ok($$ UPDATE desk.page_event SET kind = 'told' $$, 'PT409', NULL, 'the log cannot be changed');
SELECT throws_ok($$ DELETE FROM desk.page_event $$, 'PT409', NULL, 'nor shortened');
SELECT throws_ok($$ DELETE FROM desk.page $$, 'PT409', NULL, 'and no page can be deleted');

-- an outage of the checker
SELECT is(pg_temp.later(pg_temp.n('a'), '16 minutes'), 1, 'of three steps that are due one is told');
SELECT matches(pg_temp.log(pg_temp.n('a')), 'told one, overtaken two, overtaken lead, told boss$', 'the highest; the others are noted as overtaken');
SELECT cmp_ok((SELECT next_at FROM desk.page WHERE id = pg_temp.page(pg_temp.n('a'))), '>', now() + interval '3 minutes', 'whoever was told late still has time');
SELECT is(pg_temp.later(pg_temp.n('a'), '1 day'), 1, 'a day later it is still one');
SELECT matches(pg_temp.log(pg_temp.n('a')), 'told boss, overtaken one, overtaken two, overtaken lead, told boss$', 'of the third round, the last person');
SELECT is(pg_temp.later(pg_temp.n('a'), '1 hour'), 0, 'three times is enough');
SELECT matches(pg_temp.log(pg_temp.n('a')), 'nobody left$', 'which is noted');
SELECT is((SELECT count(*) FROM desk.outbox WHERE kind = 'alarm' AND urgent AND ticket = pg_temp.n('a')), 1::bigint, 'and an alarm');
SELECT is((SELECT next_at FROM desk.page WHERE id = pg_temp.page(pg_temp.n('a'))), NULL, 'no step follows');

-- the same incident
INSERT INTO n SELECT 'a2', pg_temp.file();
SELECT is(pg_temp.page(pg_temp.n('a2')), pg_temp.page(pg_temp.n('a')), 'another report of what still rings belongs to it');
SELECT is(pg_temp.told(pg_temp.n('a2')), NULL, 'and wakes nobody');
INSERT INTO n SELECT 'b', pg_temp.file('pg-b');
SELECT isnt(pg_temp.page(pg_temp.n('b')), pg_temp.page(pg_temp.n('a')), 'another product is another page');

-- acknowledge by the link
SELECT is((SELECT count(*) FROM desk.page_link WHERE token_sha256 = sha256(convert_to(pg_temp.link(pg_temp.n('b'), 'one'), 'UTF8'))), 1::bigint, 'of a link the hash alone is stored');
SELECT results_eq(format($$ SELECT page, ticket, me, is_ringing, is_taken, is_over FROM api.page_link(%L) $$, pg_temp.link(pg_temp.n('b'), 'one')),
	format($$ VALUES (%s, %s, 'One', true, false, false) $$, pg_temp.page(pg_temp.n('b')), pg_temp.n('b')), 'the link shows the page to the one it was mailed to');
SELECT is((SELECT acknowledged_at FROM desk.page WHERE id = pg_temp.page(pg_temp.n('b'))), NULL, 'to look changes nothing');
SELECT is((SELECT outcome FROM api.page_take_link(pg_temp.link(pg_temp.n('b'), 'one'))), 'done', '"I am on it"');
SELECT is((SELECT pg_temp.name(acknowledged_by) FROM desk.page WHERE id = pg_temp.page(pg_temp.n('b'))), 'one', 'it is known who that is');
SELECT is(pg_temp.later(pg_temp.n('b'), '1 hour'), 0, 'nobody else is told');
SELECT is((SELECT outcome FROM api.page_take_link(pg_temp.link(pg_temp.n('b'), 'one'))), 'taken', 'a second press says so');
SELECT is((SELECT outcome FROM api.page_take('page token', pg_temp.page(pg_temp.n('b')))), 'taken', 'and so does another person''s');
SELECT is(pg_temp.log(pg_temp.n('b')), 'opened, told one, acknowledged one', 'once in the log');
SELECT is((SELECT state FROM desk.clock WHERE ticket = pg_temp.n('b') AND metric = 'first response'), 'running', 'the clock runs on');
INSERT INTO n SELECT 'b2', pg_temp.file('pg-b');
SELECT is(pg_temp.page(pg_temp.n('b2')), pg_temp.page(pg_temp.n('b')), 'a report soon after belongs to it as well');
SELECT results_eq(format($$ SELECT pg_temp.name(staff), urgent FROM desk.outbox WHERE kind = 'page' AND ticket = %s $$, pg_temp.n('b2')), $$ VALUES ('one', false) $$,
	'whoever is on it gets a plain mail');
SELECT throws_ok($$ SELECT * FROM api.page_link('nonsense') $$, 'PT404', NULL, 'an unknown link is none');
SELECT throws_ok($$ SELECT * FROM api.page_take_link(NULL) $$, 'PT404', NULL, 'nor is NULL');
UPDATE desk.page_link SET made_at = now() - interval '3 days' WHERE page = pg_temp.page(pg_temp.n('b'));
SELECT throws_ok(format($$ SELECT * FROM api.page_link(%L) $$, pg_temp.link(pg_temp.n('b'), 'one')), 'PT404', NULL, 'nor one of three days ago');
UPDATE desk.page_link SET made_at = now() WHERE page = pg_temp.page(pg_temp.n('b'));
UPDATE desk.staff SET active = false WHERE login = 'pg-one';
SELECT throws_ok(format($$ SELECT * FROM api.page_take_link(%L) $$, pg_temp.link(pg_temp.n('b'), 'one')), 'PT404', NULL, 'nor that of somebody who has left');
UPDATE desk.staff SET active = true WHERE login = 'pg-one';

-- the end
SELECT pg_temp.answer(pg_temp.n('b'), 'one');
SELECT is((SELECT resolved_at FROM desk.page WHERE id = pg_temp.page(pg_temp.n('b'))), NULL, 'an answer to one of two reports does not end it');
SELECT pg_temp.answer(pg_temp.n('b2'), 'one');
SELECT is((SELECT resolved_why FROM desk.page WHERE id = pg_temp.page(pg_temp.n('b'))), 'answered', 'an answer to both does');
SELECT is((SELECT outcome FROM api.page_take('page token', pg_temp.page(pg_temp.n('b')))), 'over', 'then there is nothing to take');
INSERT INTO n SELECT 'b3', pg_temp.file('pg-b');
SELECT is(pg_temp.page(pg_temp.n('b3')), pg_temp.page(pg_temp.n('b')), 'while it is unsolved a third report still belongs to it');
SET LOCAL session_replication_role = replica;
UPDATE desk.page SET opened_at = opened_at - interval '31 minutes' WHERE product = 'pg-b';
SET LOCAL session_replication_role = origin;
INSERT INTO n SELECT 'b4', pg_temp.file('pg-b');
SELECT isnt(pg_temp.page(pg_temp.n('b4')), pg_temp.page(pg_temp.n('b')), 'half an hour after it began it is an incident of its own');
SELECT pg_temp.answer(pg_temp.n('b4'), 'else');
SELECT is(pg_temp.log(pg_temp.n('b4')), 'opened, told one, acknowledged else, resolved', 'a first answer acknowledges and ends a page at once');
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number IN (pg_temp.n('b'), pg_temp.n('b2'), pg_temp.n('b4'));
UPDATE desk.ticket SET production_down = false WHERE number = pg_temp.n('b3');
INSERT INTO n SELECT 'b5', pg_temp.file('pg-b');
SELECT is(pg_temp.log(pg_temp.n('b5')), 'opened, told one', 'after all is solved a report is a new page, however soon');

-- what staff and psql change
UPDATE desk.ticket SET production_down = false, changed_by = 'staff:' || pg_temp.id('else') WHERE number = pg_temp.n('b5');
SELECT is((SELECT resolved_why FROM desk.page WHERE id = pg_temp.page(pg_temp.n('b5'))), 'not down', 'not down after all ends it');
SELECT is((SELECT old || ' ' || new || ' ' || actor FROM desk.change WHERE ticket = pg_temp.n('b5') AND field = 'production_down'), 'true false staff', 'and is in the ticket''s history');
UPDATE desk.ticket SET production_down = true WHERE number = pg_temp.n('b5');
SELECT is(pg_temp.log(pg_temp.n('b5')), 'opened, told one', 'down again is a new page');
SELECT pg_temp.answer(pg_temp.n('not said'), 'else');
UPDATE desk.ticket SET product = 'pg-b' WHERE number = pg_temp.n('not said');
UPDATE desk.page SET acknowledged_at = now() WHERE id = pg_temp.page(pg_temp.n('b5'));
SELECT matches(pg_temp.log(pg_temp.n('b5')), 'acknowledged$', 'psql acknowledges by an UPDATE');
UPDATE desk.page SET resolved_at = now(), resolved_why = 'power is back' WHERE id = pg_temp.page(pg_temp.n('b5'));
SELECT matches(pg_temp.log(pg_temp.n('b5')), 'acknowledged, resolved$', 'and ends it');
SELECT throws_ok(format($$ UPDATE desk.page SET acknowledged_at = NULL WHERE id = %s $$, pg_temp.page(pg_temp.n('b5'))), 'PT409', NULL, 'neither can be taken back');
SELECT throws_ok(format($$ UPDATE desk.page SET resolved_at = NULL, resolved_why = NULL WHERE id = %s $$, pg_temp.page(pg_temp.n('b5'))), 'PT409', NULL, 'by nobody');
SELECT throws_ok(format($$ UPDATE desk.page SET ticket = %s WHERE id = %s $$, pg_temp.n('a'), pg_temp.page(pg_temp.n('b5'))), 'PT409', NULL, 'nor can it be made one about something else');
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = pg_temp.n('not said');
UPDATE desk.ticket SET state = 'open', production_down = true WHERE number = pg_temp.n('not said');
SELECT is(pg_temp.told(pg_temp.n('not said')), NULL, 'still the same half hour: it is added to the last page');

-- answered before it was paged
SET LOCAL session_replication_role = replica;
UPDATE desk.page SET opened_at = opened_at - interval '31 minutes' WHERE product = 'pg-b';
SET LOCAL session_replication_role = origin;
INSERT INTO n SELECT 'late', pg_temp.file('pg-b', 2, false);
SELECT pg_temp.answer(pg_temp.n('late'), 'else');
UPDATE desk.ticket SET severity = 1, production_down = true WHERE number = pg_temp.n('late');
SELECT is(pg_temp.log(pg_temp.n('late')), 'opened, told one', 'staff page for a ticket by severity and confirmation');
SELECT pg_temp.answer(pg_temp.n('late'), 'else');
SELECT is(pg_temp.log(pg_temp.n('late')), 'opened, told one', '"we have woken somebody" does not send them back to sleep');
SELECT is((SELECT outcome FROM api.page_take('page token', pg_temp.page(pg_temp.n('late')))), 'done', 'acknowledged by page');
SELECT pg_temp.answer(pg_temp.n('late'), 'one');
SELECT is(pg_temp.log(pg_temp.n('late')), 'opened, told one, acknowledged else, resolved', 'an answer after that ends it');
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = pg_temp.n('late');
INSERT INTO desk.message (ticket, author, body) VALUES (pg_temp.n('late'), 'requester', 'Thank you.');
SELECT is(pg_temp.log(pg_temp.n('late')), 'opened, told one, acknowledged else, resolved', 'a thank-you that opens the ticket again wakes nobody');

-- nobody on duty
UPDATE desk.ticket SET production_down = false WHERE product = 'pg-b' AND production_down;
SELECT pg_temp.duty(VARIADIC '{}');
INSERT INTO n SELECT 'empty', pg_temp.file('pg-b');
SELECT is(pg_temp.log(pg_temp.n('empty')), 'opened, duty empty, told lead, told boss', 'with nobody on duty lead and manager are told at once');
SELECT ok(duty_empty, 'and the page says so') FROM desk.page WHERE id = pg_temp.page(pg_temp.n('empty'));
SELECT is((SELECT count(*) FROM desk.outbox WHERE ticket = pg_temp.n('empty') AND via = 'mail' AND body ~ 'ALARM: nobody is on duty'), 2::bigint, 'and both mails');
UPDATE desk.ticket SET production_down = false WHERE number = pg_temp.n('empty');
UPDATE desk.rotation SET lead = NULL, manager = NULL WHERE name = 'pg-duty';
INSERT INTO n SELECT 'nobody', pg_temp.file('pg-b');
SELECT is((SELECT count(*) FROM desk.outbox WHERE ticket = pg_temp.n('nobody') AND via = 'mail' AND kind = 'page'), (SELECT count(*) FROM desk.staff WHERE active), 'with nobody named at all everybody is told');
UPDATE desk.ticket SET production_down = false WHERE number = pg_temp.n('nobody');
UPDATE desk.rotation SET lead = pg_temp.id('lead'), manager = pg_temp.id('boss') WHERE name = 'pg-duty';
SELECT pg_temp.duty('one', 'two');

-- a person is told once a round although they hold two roles, and the chain is that of the moment
UPDATE desk.rotation SET lead = pg_temp.id('two') WHERE name = 'pg-duty';
INSERT INTO n SELECT 'moving', pg_temp.file('pg-b');
SELECT pg_temp.duty('else');
SELECT is(pg_temp.later(pg_temp.n('moving'), '5 minutes'), 1, 'whoever has taken over the duty');
SELECT is(pg_temp.told(pg_temp.n('moving')), 'one else', 'is told next');
UPDATE desk.ticket SET severity = 2 WHERE number = pg_temp.n('moving');
SELECT is((SELECT resolved_why FROM desk.page WHERE id = pg_temp.page(pg_temp.n('moving'))), 'not down', 'a lower severity ends it');
SELECT pg_temp.duty('one', 'two');
UPDATE desk.rotation SET lead = pg_temp.id('lead') WHERE name = 'pg-duty';

-- hooks
INSERT INTO desk.hook (name, kind, events) VALUES ('pg-hook', 'pagerduty', '{page.trigger,page.acknowledge,page.resolve}');
INSERT INTO n SELECT 'private', pg_temp.file('pg-b', seen => 'private');
SELECT is((SELECT count(*) FROM desk.outbox WHERE via = 'hook' AND hook = 'pg-hook'), 1::bigint, 'a step is told to the pager');
SELECT is(pg_temp.later(pg_temp.n('private'), '5 minutes'), 1, 'and the next');
SELECT lives_ok(format($$ SELECT * FROM api.page_take('page token', %s) $$, pg_temp.page(pg_temp.n('private'))), 'somebody takes it');
SELECT pg_temp.answer(pg_temp.n('private'), 'else');
SELECT is((SELECT string_agg(payload ->> 'event_action', ' ' ORDER BY id) FROM desk.outbox WHERE hook = 'pg-hook'), 'trigger trigger acknowledge resolve', 'the pager hears of all of it');
SELECT results_eq($$ SELECT DISTINCT dedup_key, payload ->> 'dedup_key', urgent FROM desk.outbox WHERE hook = 'pg-hook' $$,
	format($$ VALUES ('desk-%1$s', 'desk-%1$s', true) $$, pg_temp.page(pg_temp.n('private'))), 'as one incident');
SELECT is_empty(format($$ SELECT FROM desk.outbox WHERE (ticket = %s OR hook = 'pg-hook') AND (subject || body || coalesce(payload::text, '')) ~ 'pagesubject|pagebody' $$, pg_temp.n('private')),
	'nothing of a private ticket''s text is in a mail or a payload');
SELECT is_empty(format($$ SELECT FROM api.page_link(%L) x WHERE x::text ~ 'pagesubject|pagebody' $$, pg_temp.link(pg_temp.n('private'), 'one')), 'nor on the link''s page');
SELECT is_empty($$ SELECT FROM report.page x WHERE x::text ~ 'pagesubject|pagebody' $$, 'nor in a report');
UPDATE desk.hook SET active = false WHERE name = 'pg-hook';

-- escalation
CREATE FUNCTION pg_temp.escalated(n int, recipient text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	last bigint := (SELECT coalesce(max(id), 0) FROM desk.outbox);
BEGIN
	PERFORM desk.escalate(c, t, 2::smallint, recipient) FROM desk.ticket t JOIN desk.clock c ON c.ticket = t.number AND c.metric = 'resolution' WHERE t.number = n;
	RETURN (SELECT string_agg(concat_ws(' ', kind, pg_temp.name(staff)), ', ' ORDER BY id) FROM desk.outbox WHERE id > last AND via = 'mail');
END
$$;
UPDATE desk.ticket SET production_down = false WHERE number = pg_temp.n('private');
INSERT INTO n SELECT 'slow', pg_temp.file('pg-b', 2, false);
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'assignee'), 'escalated -', 'without an assignee those on duty are told');
UPDATE desk.ticket SET assignee = pg_temp.id('else') WHERE number = pg_temp.n('slow');
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'assignee'), 'escalated else', 'else the assignee');
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'on duty'), 'escalated -', 'on duty');
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'lead'), 'escalated lead', 'the lead');
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'pager'), 'escalated -', 'the pager wakes nobody for what is not down');
UPDATE desk.ticket SET severity = 1, production_down = true WHERE number = pg_temp.n('slow');
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'pager'), 'escalated -', 'nor again while it rings');
UPDATE desk.page SET acknowledged_at = now(), acknowledged_by = pg_temp.id('one') WHERE id = pg_temp.page(pg_temp.n('slow'));
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'pager'), 'escalated one', 'whoever is on it is told by mail');
SELECT pg_temp.answer(pg_temp.n('slow'), 'else');
SELECT is(pg_temp.escalated(pg_temp.n('slow'), 'pager'), 'page one', 'but it does when a page is over and the promise is not kept');

-- the verdict
SELECT is((SELECT outcome FROM api.page_judge('page token', pg_temp.page(pg_temp.n('b')), NULL, 'x')), 'choose', 'a verdict is yes or no');
SELECT is((SELECT outcome FROM api.page_judge('page token', pg_temp.page(pg_temp.n('b')), 'no', 'A test machine.')), 'done', 'was it right?');
SELECT is((SELECT outcome FROM api.page_judge('page token', pg_temp.page(pg_temp.n('b')), 'yes', NULL)), 'done', 'one may think again');
SELECT results_eq(format($$ SELECT justified, verdict, pg_temp.name(judged_by) FROM desk.page WHERE id = %s $$, pg_temp.page(pg_temp.n('b'))), $$ VALUES (true, NULL::text, 'else') $$, 'the last one holds, with a name');
SELECT results_eq(format($$ SELECT words FROM desk.page_event WHERE page = %s AND kind = 'judged' ORDER BY id $$, pg_temp.page(pg_temp.n('b'))), $$ VALUES ('no: A test machine.'), ('yes') $$, 'and the log has both');
SELECT throws_ok($$ SELECT * FROM api.page_judge('page token', 0, 'yes', NULL) $$, 'PT404', NULL, 'of a page that is');
SELECT throws_ok(format('SELECT * FROM %s', call), 'PT401', NULL, call || ' asks who it is') FROM unnest(ARRAY[
	$$api.page_list('x', NULL, 10)$$, $$api.page_steps('x', NULL, 10)$$, $$api.page_figures('x')$$, $$api.page_take('x', 1)$$, $$api.page_judge('x', 1, 'yes', NULL)$$]) AS call;
SELECT cmp_ok(count(*), '>', 5::bigint, 'staff see the pages') FROM api.page_list('page token', NULL, 100);
SELECT cmp_ok(count(*), '>', 20::bigint, 'and every step') FROM api.page_steps('page token', NULL, 100);
SELECT is(count(*), 2::bigint, 'page by page') FROM (SELECT DISTINCT page FROM api.page_steps('page token', (SELECT max(id) FROM desk.page), 2)) x;
SELECT results_eq($$ SELECT sum(pages)::bigint, sum(judged)::bigint, sum(justified)::bigint FROM report.page_month $$,
	$$ SELECT count(*), count(justified), count(*) FILTER (WHERE justified) FROM desk.page $$, 'and the months add up');
SELECT is((SELECT justified_percent FROM report.page_month WHERE judged > 0 LIMIT 1), 100, 'with the part of those that were right');

-- staff, on the ticket's page
CREATE FUNCTION pg_temp.down(n int, what text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, nullif(field, '')) FROM api.staff_down('page token', n, (SELECT version FROM desk.ticket WHERE number = n), gen_random_uuid()::text, what);
$$;
UPDATE desk.ticket SET production_down = false WHERE product = 'pg-b' AND production_down;
INSERT INTO n SELECT 'staff', pg_temp.file('pg-b', 2, false);
SELECT is(pg_temp.down(pg_temp.n('staff'), 'yes'), 'refused down', 'staff wake nobody for what is not critical');
SELECT is(pg_temp.down(pg_temp.n('staff'), 'maybe'), 'refused down', 'nor for a guess');
UPDATE desk.ticket SET severity = 1 WHERE number = pg_temp.n('staff');
SELECT results_eq(format($$ SELECT may_page, prod_is_down, has_page FROM api.staff_paging('page token', %s) $$, pg_temp.n('staff')), $$ VALUES (true, false, false) $$, 'they may for what is');
SELECT is(pg_temp.down(pg_temp.n('staff'), 'yes'), 'done', 'and do');
SELECT is(pg_temp.told(pg_temp.n('staff')), 'one', 'the person on duty is told');
SELECT results_eq(format($$ SELECT prod_is_down, has_page, paging_state = 'Nobody is on it yet' AND paging_words ~ '^The next person is told' FROM api.staff_paging('page token', %s) $$, pg_temp.n('staff')), $$ VALUES (true, true, true) $$, 'the ticket''s page shows it');
SELECT is((SELECT ringing_product FROM api.staff_ringing('page token') WHERE page = pg_temp.page(pg_temp.n('staff'))), 'Till', 'and so does the queue');
SELECT is(pg_temp.down(pg_temp.n('staff'), 'no'), 'done', 'it can be taken back');
SELECT matches(pg_temp.log(pg_temp.n('staff')), 'resolved$', 'which ends the page');
SELECT throws_ok($$ SELECT * FROM api.staff_down('x', 1, 1, 'k', 'yes') $$, 'PT401', NULL, 'by somebody who is signed in');

-- submit
CREATE FUNCTION pg_temp.submit(key text, level text, down boolean) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.submit(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 'l' || key, 'visitor', 'outage', 'pagesubject xyzzy', 'pagebody', NULL, 0,
		level, 'pg-b', NULL, NULL, '{}', 'public', NULL, NULL, false, false, true, down) LIMIT 1;
$$;
SELECT is(pg_temp.submit('k1', NULL, NULL), 'production', 'whoever reports a critical outage is asked whether to wake somebody');
SELECT is(pg_temp.submit('k1', '3', NULL), 'filed', 'for what is not critical nobody is asked');
SELECT is(pg_temp.submit('k2', '1', false), 'filed', '"no" is an answer');
SELECT is((SELECT production_down FROM desk.ticket t JOIN desk.submission s ON s.ticket = t.number WHERE key_sha256 = sha256('k2')), false, 'and is kept');
SELECT is(pg_temp.submit('k2', '1', true), 'filed', 'going back and pressing "yes" is not lost');
SELECT isnt((SELECT pg_temp.page(ticket) FROM desk.submission WHERE key_sha256 = sha256('k2')), NULL, 'it pages');
SELECT is(pg_temp.submit('k3', '1', true), 'filed', '"yes" files and pages at once');
SELECT isnt((SELECT pg_temp.page(ticket) FROM desk.submission WHERE key_sha256 = sha256('k3')), NULL, 'in one go');
SELECT is(pg_temp.submit('k4', '2', true), 'filed', 'a crafted "yes" to a lower severity');
SELECT is((SELECT production_down FROM desk.ticket t JOIN desk.submission s ON s.ticket = t.number WHERE key_sha256 = sha256('k4')), false, 'says nothing');

-- one visitor cannot keep everybody awake
CREATE FUNCTION pg_temp.wake(n int, down boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.submit(encode(sha256(convert_to(format('w%s %s %s', n, down, clock_timestamp()), 'UTF8')), 'hex'), gen_random_uuid()::text, 'insomniac', 'outage', 'zzz', 'x', NULL, 0,
		'1', 'pg-w' || n, NULL, NULL, '{}', 'public', NULL, NULL, false, false, true, down) LIMIT 1;
$$;
INSERT INTO desk.product (name, label) SELECT 'pg-w' || n, 'W' FROM generate_series(1, 6) n;
SELECT is(array_agg(pg_temp.wake(n)), '{filed,filed,filed,filed,filed}', 'a visitor may wake people five times a day') FROM generate_series(1, 5) n;
SELECT is(pg_temp.wake(6), 'woken', 'not six times');
SELECT is(pg_temp.wake(1), 'filed', 'what wakes nobody again is not counted');
SELECT is(pg_temp.wake(6, false), 'filed', 'nor is a report that can wait');

-- a page of a public ticket
UPDATE desk.hook SET active = true WHERE name = 'pg-hook';
INSERT INTO desk.product (name, label) VALUES ('pg-c', 'Shelf');
INSERT INTO desk.page_rule (product, rotation) VALUES ('pg-c', 'pg-duty');
INSERT INTO n SELECT 'shown', pg_temp.file('pg-c');
SELECT pg_temp.answer(pg_temp.n('shown'), 'else');
SELECT results_eq(format($$ SELECT payload ->> 'event_action', payload::text LIKE '%%pagesubject%%' FROM desk.outbox WHERE hook = 'pg-hook' AND dedup_key = 'desk-%s' ORDER BY id $$,
	pg_temp.page(pg_temp.n('shown'))), $$ VALUES ('trigger', true), ('acknowledge', false), ('resolve', false) $$,
	'the subject goes along when a page begins and never later, when its ticket may be turning private');

SELECT * FROM finish();
ROLLBACK;
