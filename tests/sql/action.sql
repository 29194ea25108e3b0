-- Production actions: who did what in production and why, and four eyes on it.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(29);

INSERT INTO desk.staff (login, name) VALUES ('ann', 'Ann Clerk'), ('bob', 'Bob Clerk');
INSERT INTO desk.session (token_sha256, staff, network, agent) SELECT sha256(convert_to(login || '-token', 'UTF8')), id, 'x', 'x' FROM desk.staff WHERE login IN ('ann', 'bob');
CREATE TEMP TABLE t AS WITH n AS (INSERT INTO desk.ticket (subject, kind, severity) VALUES ('Slow', 'bug', 3) RETURNING number) SELECT number AS n FROM n;

SELECT is((SELECT outcome FROM t, api.action_write('ann-token', t.n, repeat('ab', 32), 'restart', 'it hung', NULL, NULL)), 'done', 'an action is written down');
SELECT is((SELECT outcome FROM t, api.action_write('ann-token', t.n, repeat('ab', 32), 'restart', 'it hung', NULL, NULL)), 'sent', 'the same form writes it once');
SELECT results_eq($$ SELECT field FROM t, api.action_write('ann-token', t.n, repeat('cd', 32), NULL, ' ', '2099-01-01T00:00', NULL) ORDER BY field $$,
	$$ VALUES ('done_at'), ('what'), ('why') $$, 'each field that will not do is named');
SELECT is((SELECT count(*) FROM desk.action, t WHERE ticket = t.n), 1::bigint, 'and then nothing is stored');
SELECT throws_ok($$ SELECT * FROM t, api.action_write('nonsense', t.n, repeat('cd', 32), 'x', 'x', NULL, NULL) $$, 'PT401', NULL, 'nobody writes without a session');
SELECT throws_ok($$ SELECT * FROM api.action_write('ann-token', 99999999, repeat('cd', 32), 'x', 'x', NULL, NULL) $$, 'PT404', NULL, 'nor on a ticket that is not there');

SELECT throws_ok($$ SELECT * FROM desk.action a, t, api.action_approve('ann-token', a.id) WHERE a.ticket = t.n $$, 'PT409', NULL, 'nobody approves an action of their own');
SELECT throws_ok($$ INSERT INTO desk.action_approval (action, staff) SELECT a.id, a.staff FROM desk.action a, t WHERE a.ticket = t.n $$, 'PT409', NULL, 'nor in psql');
SELECT results_eq($$ SELECT may_approve FROM t, api.action_list('ann-token', t.n, NULL, NULL, NULL, NULL, 10) $$, ARRAY[false], 'they are not offered it');
SELECT results_eq($$ SELECT may_approve FROM t, api.action_list('bob-token', t.n, NULL, NULL, NULL, NULL, 10) $$, ARRAY[true], 'but others are');
SELECT is((SELECT x.number FROM desk.action a, t, api.action_approve('bob-token', a.id) x WHERE a.ticket = t.n), (SELECT n FROM t), 'somebody else approves it');
SELECT lives_ok($$ SELECT * FROM desk.action a, t, api.action_approve('bob-token', a.id) WHERE a.ticket = t.n $$, 'twice is no harm');
SELECT is((SELECT count(*) FROM desk.action_approval), 1::bigint, 'it is one approval');
SELECT results_eq($$ SELECT approved_by FROM t, api.action_csv('ann-token', NULL, NULL, NULL) WHERE ticket = t.n $$, ARRAY['Bob Clerk'], 'with a name');

SELECT throws_ok($$ UPDATE desk.action SET what = 'nothing' $$, 'PT409', NULL, 'an action is not edited');
SELECT throws_ok($$ DELETE FROM desk.action $$, 'PT409', NULL, 'nor deleted');
SELECT throws_ok($$ UPDATE desk.action_approval SET staff = staff $$, 'PT409', NULL, 'an approval neither');
SELECT throws_ok($$ TRUNCATE desk.action_approval $$, 'PT409', NULL, 'by no means');
SELECT throws_ok($$ INSERT INTO desk.action (ticket, staff, what, why) SELECT t.n, s.id, ' ', 'x' FROM t, desk.staff s WHERE s.login = 'ann' $$, '23514', NULL, 'an empty one is refused');
SELECT throws_ok($$ INSERT INTO desk.action (ticket, staff, what, why, done_at) SELECT t.n, s.id, 'x', 'x', now() + interval '1 hour' FROM t, desk.staff s WHERE s.login = 'ann' $$, 'PT409', NULL, 'so is one that is yet to be done');
INSERT INTO desk.action (ticket, staff, what, why, approval, done_at, written_at) SELECT t.n, s.id, 'old', 'x', 'by phone', now() - interval '2 days', now() - interval '2 days' FROM t, desk.staff s WHERE s.login = 'bob';
SELECT is((SELECT written_at FROM desk.action WHERE what = 'old'), now(), 'when it was written down cannot be made up');

SELECT results_eq($$ SELECT approved, delay_seconds FROM report.production_actions p, t WHERE p.ticket = t.n ORDER BY done_at $$,
	$$ VALUES ('elsewhere', 172800::bigint), ('here', 0) $$, 'analysts see when, and whether it was approved');
SELECT hasnt_column('report', 'production_actions', 'what', 'but not what, which may hold a secret');
SELECT is_empty($$ SELECT FROM desk.public_entry e, t WHERE e.ticket = t.n AND e::text ~ 'restart' $$, 'no public copy has it');
SELECT results_eq($$ SELECT what, new FROM t, api.staff_thread('ann-token', t.n, NULL) WHERE what = 'Production action' ORDER BY said_at $$,
	$$ VALUES ('Production action', 'old'), ('Production action', 'restart') $$, 'the thread of staff does');
SELECT is((SELECT count(*) FROM t, api.action_list('ann-token', NULL, '2026-02-31x', NULL, 'x', 'y', 10) a WHERE a.number = t.n), 2::bigint, 'a filter that is none narrows nothing');
SELECT is((SELECT count(*) FROM t, api.action_list('ann-token', NULL, '2024-99-99', '2026-02-31', NULL, NULL, 10) a WHERE a.number = t.n), 2::bigint, 'nor does a day that is none');
SELECT is((SELECT count(*) FROM t, api.action_csv('ann-token', '2024-99-99', '0000-00-00', NULL) a WHERE a.ticket = t.n), 2::bigint, 'of a table neither');
UPDATE desk.session SET fresh_until = now();
SELECT throws_ok($$ SELECT api.action_csv('ann-token', NULL, NULL, NULL) $$, 'PT403', NULL, 'a table needs a fresh proof');

SELECT * FROM finish();
ROLLBACK;
