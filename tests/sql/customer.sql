-- For whom a ticket is and who gets it: customers, plans, teams, routes.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

INSERT INTO desk.staff (login, name) VALUES ('cu-ann', 'Ann'), ('cu-bob', 'Bob'), ('cu-eve', 'Eve');
CREATE FUNCTION pg_temp.staff(l text) RETURNS int LANGUAGE sql STABLE RETURN (SELECT id FROM desk.staff WHERE login = 'cu-' || l);
INSERT INTO desk.session (token_sha256, staff, network, agent) VALUES (sha256('cu-token'), pg_temp.staff('eve'), '', '');
INSERT INTO desk.product (name, label) VALUES ('cu-till', 'Till'), ('cu-shop', 'Shop');
INSERT INTO desk.plan (name, label) VALUES ('cu-gold', 'Gold');
INSERT INTO desk.policy (severity, channel, plan, answer_seconds, solve_seconds)
SELECT 3, c, 'cu-gold', 1800, 86400 FROM unnest(ARRAY['web', 'premium-chat']) c;
INSERT INTO desk.customer (name, plan, account_engineer, deputy) VALUES ('Wren & Sons', 'cu-gold', pg_temp.staff('ann'), pg_temp.staff('bob'));
INSERT INTO desk.customer (name, is_internal) VALUES ('Our warehouse', true);
CREATE FUNCTION pg_temp.wren() RETURNS int LANGUAGE sql STABLE RETURN (SELECT id FROM desk.customer WHERE name = 'Wren & Sons');
INSERT INTO desk.customer_domain VALUES ('wren.example', pg_temp.wren());

CREATE FUNCTION pg_temp.proven(mail text, is_proven boolean DEFAULT true) RETURNS int LANGUAGE plpgsql AS $$
DECLARE who int := desk.person_of(mail);
BEGIN
	UPDATE desk.person SET proven_at = CASE WHEN is_proven THEN coalesce(proven_at, now()) END WHERE id = who;
	RETURN who;
END $$;
CREATE FUNCTION pg_temp.file(via text, who int DEFAULT NULL, about text DEFAULT NULL, what text DEFAULT 'bug', age interval DEFAULT '1 minute') RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
	INSERT INTO desk.ticket (subject, kind, product, severity, channel, requester, filed_at)
	VALUES ('A till that sticks', what, about, 3, via, who, now() - age) RETURNING number INTO n;
	INSERT INTO desk.message (ticket, author, body, posted_at) SELECT n, 'requester', 'It sticks.', filed_at FROM desk.ticket WHERE number = n;
	IF who IS NOT NULL THEN
		INSERT INTO desk.follower (ticket, person) VALUES (n, who);
	END IF;
	RETURN n;
END $$;
CREATE FUNCTION pg_temp.of(n int) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(c.name, '-') || ', ' || coalesce(s.name, '-') FROM desk.ticket t
	LEFT JOIN desk.customer c ON c.id = t.customer LEFT JOIN desk.staff s ON s.id = t.assignee WHERE t.number = n
$$;
CREATE FUNCTION pg_temp.route(n int, team text, customer text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, nullif(field, '')) FROM api.staff_route('cu-token', n, (SELECT version FROM desk.ticket WHERE number = n),
		md5(random()::text), team, customer)
$$;

-- what a customer can be
SELECT throws_ok($$ INSERT INTO desk.customer (name) VALUES ('WREN & sons') $$, '23505', NULL, 'a name is there once, however it is written');
SELECT throws_ok($$ INSERT INTO desk.customer (name, deputy) SELECT 'Other', pg_temp.staff('bob') $$, '23514', NULL, 'a deputy needs somebody to stand in for');
SELECT throws_ok($$ INSERT INTO desk.customer (name, account_engineer, deputy) SELECT 'Other', pg_temp.staff('bob'), pg_temp.staff('bob') $$, '23514', NULL, 'and is somebody else');
SELECT throws_ok($$ INSERT INTO desk.customer (name) VALUES (' Other') $$, '23514', NULL, 'a name begins with itself');
SELECT throws_ok($$ INSERT INTO desk.customer_domain SELECT 'Wren.Example', pg_temp.wren() $$, '23514', NULL, 'a domain is in small letters');
SELECT throws_ok($$ INSERT INTO desk.customer_domain SELECT 'a@wren.example', pg_temp.wren() $$, '23514', NULL, 'and no address');

-- whose an address is
SELECT is((SELECT customer FROM desk.person WHERE id = pg_temp.proven('typed@wren.example', false)), NULL, 'an address that somebody typed is nobody''s');
SELECT pg_temp.proven('One@WREN.example'), pg_temp.proven('one@wren.example.org'), pg_temp.proven('one@mail.wren.example');
SELECT is((SELECT customer FROM desk.person WHERE mail = 'One@WREN.example'), pg_temp.wren(), 'a proven one is of its domain''s customer');
SELECT is((SELECT customer FROM desk.person WHERE mail = 'one@wren.example.org'), NULL, 'another domain is another');
SELECT is((SELECT customer FROM desk.person WHERE mail = 'one@mail.wren.example'), NULL, 'so is one below it');
SELECT pg_temp.proven('late@heron.example');
INSERT INTO desk.customer (name) VALUES ('Heron');
INSERT INTO desk.customer_domain SELECT 'heron.example', id FROM desk.customer WHERE name = 'Heron';
SELECT is((SELECT c.name FROM desk.person p JOIN desk.customer c ON c.id = p.customer WHERE p.mail = 'late@heron.example'), 'Heron', 'a domain that becomes known finds those who were there');

-- whose a ticket is
CREATE TEMP TABLE t AS SELECT pg_temp.file('premium-chat', pg_temp.proven('one@wren.example')) AS chat, pg_temp.file('web', pg_temp.proven('one@wren.example')) AS web,
	pg_temp.file('premium-chat', desk.person_of('typed@wren.example')) AS typed, pg_temp.file('web', desk.person_of('fresh@wren.example')) AS fresh, pg_temp.file('web') AS nobody;
SELECT is(pg_temp.of(chat), 'Wren & Sons, Ann', 'a proven address brings its customer and their engineer at once (004e)') FROM t;
SELECT is(pg_temp.of(web), '-, -', 'on the web it is only what somebody typed, though it was proven once') FROM t;
SELECT is(pg_temp.of(typed), '-, -', 'an address that is not proven brings nobody') FROM t;
SELECT is(pg_temp.of(nobody), '-, -', 'nor does none') FROM t;
SELECT is((SELECT extract(epoch FROM answer_due_at - filed_at)::int FROM desk.ticket WHERE number = chat), 1800, 'the customer''s plan promises') FROM t;
SELECT is((SELECT extract(epoch FROM answer_due_at - filed_at)::int FROM desk.ticket WHERE number = web), 86400, 'a stranger learns nothing from the clock') FROM t;
SELECT is((SELECT count(*) FROM desk.outbox WHERE ticket = chat AND staff = pg_temp.staff('ann') AND subject LIKE '%is yours now'), 1::bigint, 'the engineer is told, once') FROM t;
UPDATE desk.follower SET confirmed_at = now() FROM t WHERE ticket = web;
SELECT is(pg_temp.of(web), 'Wren & Sons, Ann', 'the link that was mailed for this ticket proves it') FROM t;
SELECT cmp_ok((SELECT extract(epoch FROM answer_due_at - filed_at)::int FROM desk.ticket WHERE number = web), '<=', 1800, 'and brings the plan''s promise, from the start') FROM t;
SELECT is((SELECT string_agg(field || ' ' || actor, ', ' ORDER BY field) FROM desk.change WHERE ticket = web AND field IN ('customer', 'assignee')),
	'assignee requester, customer requester', 'the history says whose deed it was') FROM t;
-- the first proof of an address, by the link, as the program ticket does it
SELECT api.ticket_mine_follow(desk.link_make(fresh, desk.person_of('fresh@wren.example'), 'requester'), fresh, true) FROM t;
SELECT is(pg_temp.of(fresh), 'Wren & Sons, Ann', 'an address proven for the first time brings its customer, too') FROM t;
SELECT is((SELECT count(*) FROM desk.outbox WHERE ticket = fresh AND staff = pg_temp.staff('ann')), 1::bigint, 'and the engineer is told then') FROM t;
SELECT pg_temp.proven('typed@wren.example');
SELECT is(pg_temp.of(typed), 'Wren & Sons, Ann', 'by a channel that knows its senders the proof may come later') FROM t;
-- another's link does not count
CREATE TEMP TABLE follow AS SELECT pg_temp.file('web', pg_temp.proven('one@wren.example')) AS n;
INSERT INTO desk.follower (ticket, person) SELECT n, pg_temp.proven('two@wren.example') FROM follow;
UPDATE desk.follower SET confirmed_at = now() FROM follow WHERE ticket = n AND person = desk.person_of('two@wren.example');
SELECT is(pg_temp.of(n), '-, -', 'somebody who follows proves nothing about who filed') FROM follow;

-- who is there
CREATE FUNCTION pg_temp.next_for() RETURNS text LANGUAGE sql STABLE AS $$ SELECT (SELECT name FROM desk.staff WHERE id = desk.account_engineer(pg_temp.wren(), now())) $$;
-- its week begins at midnight, so that this one is that of now on any day
INSERT INTO desk.rotation (name, label, zone, handover) VALUES ('cu-rota', 'Rota', 'UTC', '00:00');
INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason, said_by) SELECT 'cu-rota', id, 'experienced', '2020-01-01', 'long here', 'x' FROM desk.staff WHERE login IN ('cu-ann', 'cu-bob');
INSERT INTO desk.duty_week (rotation, monday, starts_at, ends_at) VALUES ('cu-rota', date_trunc('week', now())::date, now() - interval '1 hour', now() + interval '5 days');
INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready)
SELECT 'cu-rota', date_trunc('week', now())::date, 1, pg_temp.staff('ann'), tstzrange(now() - interval '1 hour', now() + interval '5 days'), id FROM desk.duty_ready
WHERE rotation = 'cu-rota' AND staff = pg_temp.staff('ann');
SELECT is(pg_temp.next_for(), 'Bob', 'an engineer on duty does nothing else: the deputy does it');
CREATE TEMP TABLE absent AS SELECT pg_temp.file('premium-chat', pg_temp.proven('one@wren.example')) AS n;
SELECT is(pg_temp.of(n), 'Wren & Sons, Bob', 'so it is at filing') FROM absent;
SELECT is((SELECT count(*) FROM desk.outbox WHERE staff = pg_temp.staff('bob') AND body LIKE '%while the account engineer cannot%'), 1::bigint, 'who is told why');
INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) SELECT pg_temp.staff('bob'), current_date - 1, current_date + 1, 'holiday';
SELECT is(pg_temp.next_for(), NULL, 'nobody, when both are away');
UPDATE absent SET n = pg_temp.file('premium-chat', pg_temp.proven('one@wren.example'));
SELECT is(pg_temp.of(n), 'Wren & Sons, -', 'the queue has it then') FROM absent;
SET LOCAL session_replication_role = replica;	-- whatever rules a seat and an exemption have
DELETE FROM desk.duty_seat WHERE rotation = 'cu-rota';
SET LOCAL session_replication_role = origin;
SELECT is(pg_temp.next_for(), 'Ann', 'the week over, the engineer again');
UPDATE desk.staff SET active = false WHERE login = 'cu-ann';
SELECT is(pg_temp.next_for(), NULL, 'one who has left gets nothing');
UPDATE desk.staff SET active = true WHERE login = 'cu-ann';
UPDATE absent SET n = pg_temp.file('web');
SELECT is(pg_temp.of(n), '-, -', 'a ticket of no customer is the queue''s') FROM absent;

-- teams (004d)
INSERT INTO desk.team (name, label) VALUES ('cu-a', 'A'), ('cu-b', 'B'), ('cu-c', 'C'), ('cu-d', 'D');
DELETE FROM desk.route;
INSERT INTO desk.route (channel, product, kind, team) VALUES ('mail', NULL, NULL, 'cu-a'), (NULL, NULL, 'question', 'cu-b'), (NULL, 'cu-till', NULL, 'cu-c'), ('mail', NULL, 'question', 'cu-d');
SELECT is(desk.route_team('mail', 'cu-shop', 'bug'), 'cu-a', 'a rule for the channel');
SELECT is(desk.route_team('web', 'cu-shop', 'question'), 'cu-b', 'one for the kind');
SELECT is(desk.route_team('web', 'cu-till', 'question'), 'cu-c', 'the product comes before the kind');
SELECT is(desk.route_team('mail', 'cu-till', 'bug'), 'cu-c', 'and before the channel');
SELECT is(desk.route_team('mail', 'cu-till', 'question'), 'cu-d', 'one that names two before one that names one');
SELECT is(desk.route_team('web', NULL, 'bug'), NULL, 'without a rule there is no team');
SELECT throws_ok($$ INSERT INTO desk.route (channel, team) VALUES ('mail', 'cu-b') $$, '23505', NULL, 'two rules cannot say the same of two teams');
UPDATE desk.team SET retired_at = now() WHERE name = 'cu-d';
SELECT is(desk.route_team('mail', 'cu-till', 'question'), 'cu-c', 'nothing goes to a team that is no more');
UPDATE absent SET n = pg_temp.file('mail', NULL, 'cu-shop');
SELECT is((SELECT team FROM desk.ticket t, absent WHERE t.number = n), 'cu-a', 'a ticket has its team as it is filed');
INSERT INTO desk.ticket (subject, kind, severity, channel, team) VALUES ('cu-named', 'bug', 3, 'mail', 'cu-b');
SELECT is((SELECT team FROM desk.ticket WHERE subject = 'cu-named'), 'cu-b', 'who names one is heard');
SELECT set_eq($$ SELECT desk.lacks_team('new', 'mail', NULL, now() - age, now()) || ' ' || age FROM unnest(ARRAY['14 minutes', '15 minutes']::interval[]) age $$,
	ARRAY['false 00:14:00', 'true 00:15:00'], 'mail without a team is flagged after a quarter of an hour');
DELETE FROM desk.route;
CREATE TEMP TABLE lost AS SELECT pg_temp.file('mail', NULL, NULL, 'bug', '16 minutes') AS n, pg_temp.file('mail', NULL, NULL, 'bug', '14 minutes') AS young, pg_temp.file('web', NULL, NULL, 'bug', '16 minutes') AS web;
SELECT set_eq($$ SELECT number FROM report.unrouted WHERE number >= (SELECT least(n, young, web) FROM lost) $$, 'SELECT n FROM lost', 'the view lists it, and only it');
SELECT is((SELECT q.lacks_team FROM lost, LATERAL api.staff_queue('cu-token', NULL, NULL, NULL, NULL, '#' || n, NULL, 1) q), true, 'the queue marks it');

-- staff set both
SELECT is(pg_temp.route(n, 'cu-b', ' wren & SONS '), 'done', 'staff name team and customer') FROM lost;
SELECT is(pg_temp.of(n), 'Wren & Sons, Ann', 'which brings the engineer to what is nobody''s yet') FROM lost;
SELECT is((SELECT string_agg(field || ' ' || desk.change_words(field, new) || ' ' || actor, ', ' ORDER BY field) FROM desk.change WHERE ticket = n), 'assignee Ann staff, customer Wren & Sons staff, team B staff', 'and stands in the history by name') FROM lost;
SELECT is(pg_temp.route(n, 'nonsense', NULL), 'refused team', 'a team must be there') FROM lost;
SELECT is(pg_temp.route(n, NULL, 'Nobody & Co'), 'refused customer', 'so must a customer') FROM lost;
SELECT is(pg_temp.route(n, NULL, NULL), 'done', 'both can be taken away') FROM lost;
SELECT is(pg_temp.of(n), '-, Ann', 'who has taken it keeps it') FROM lost;
SELECT is((SELECT outcome FROM lost, LATERAL api.staff_route('cu-token', n, 0, 'k', 'cu-a', NULL)), 'moved', 'an old form is not carried out');
SELECT throws_ok($$ SELECT * FROM api.staff_route('x', 1, 1, 'k', NULL, NULL) $$, 'PT401', NULL, 'nobody without a session');
SELECT is(pg_temp.route(web, 'cu-a', 'Wren & Sons'), 'done', 'on the web, too') FROM lost;
SELECT is((SELECT customer || ' ' || plan_label || ' ' || team_label FROM lost, LATERAL api.staff_ticket('cu-token', web)), 'Wren & Sons Gold A', 'the page of a ticket shows them');
SELECT set_eq($$ SELECT q.number FROM api.staff_queue('cu-token', NULL, NULL, NULL, NULL, NULL, NULL, 100, 'cu-a') q $$, $$ SELECT number FROM desk.ticket WHERE team = 'cu-a' AND state <> 'resolved' $$, 'the queue can be narrowed to a team');
SELECT is_empty($$ SELECT FROM api.staff_queue('cu-token', NULL, NULL, NULL, NULL, NULL, NULL, 100, 'x'' OR true --') $$, 'a team that is none has nothing');

-- nothing of it in public
SELECT is_empty($$ SELECT ticket FROM desk.public_entry WHERE field IN ('customer', 'team') $$, 'no public thread has a customer or a team');
SELECT is_empty($$ SELECT number FROM desk.public_ticket p WHERE to_jsonb(p)::text ~* 'wren|cu-a' $$, 'no public copy');
SELECT is_empty($$ SELECT ticket FROM desk.public_entry p WHERE to_jsonb(p)::text ~* 'wren' $$, 'nor any entry of one');
SELECT is_empty($$ SELECT r || ' ' || c FROM unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_login', 'desk_staff', 'desk_slacheck', 'desk_report']) r,
	unnest(ARRAY['desk.customer', 'desk.customer_domain', 'desk.team', 'desk.route', 'desk.plan', 'desk.list_sent', 'desk.list_rule', 'desk.target']) c WHERE has_table_privilege(r, c, 'SELECT') $$, 'no program reads the tables');

-- a team of our own is served as anybody (001aa)
CREATE TEMP TABLE own AS SELECT pg_temp.file('web', pg_temp.proven('a@own.example')) AS ours, pg_temp.file('web', pg_temp.proven('b@other.example')) AS theirs;
UPDATE desk.ticket SET customer = (SELECT id FROM desk.customer WHERE is_internal) FROM own WHERE number = ours;
SELECT is((SELECT array_agg(row(c.metric, c.state, c.target_seconds, c.due_at - c.started_at)::text ORDER BY c.metric) FROM desk.clock c, own WHERE c.ticket = ours),
	(SELECT array_agg(row(c.metric, c.state, c.target_seconds, c.due_at - c.started_at)::text ORDER BY c.metric) FROM desk.clock c, own WHERE c.ticket = theirs), 'our own teams have the same clocks as anybody');
SELECT is((SELECT p - 'number' - 'filed_at' - 'changed_at' - 'answer_due_at' - 'solve_due_at' FROM own, (SELECT number, to_jsonb(x) AS p FROM desk.public_ticket x) y WHERE number = ours),
	(SELECT p - 'number' - 'filed_at' - 'changed_at' - 'answer_due_at' - 'solve_due_at' FROM own, (SELECT number, to_jsonb(x) AS p FROM desk.public_ticket x) y WHERE number = theirs), 'and the same page');

SELECT * FROM finish();
ROLLBACK;
