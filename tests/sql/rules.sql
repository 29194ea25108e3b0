-- The rules of a ticket, as psql meets them: all of this runs as a superuser,
-- with plain INSERT and UPDATE.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

INSERT INTO desk.staff (login, name) VALUES ('rules-clerk', 'Clerk');
INSERT INTO desk.product (name, label) VALUES ('rules', 'Rules');
INSERT INTO desk.release (product, version) VALUES ('rules', '1');
INSERT INTO desk.release (product, version, released_at) VALUES ('rules', '0', now() - interval '1 day');

CREATE FUNCTION pg_temp.file(seen text DEFAULT 'public', what text DEFAULT 'bug', age interval DEFAULT '1 hour') RETURNS int LANGUAGE sql AS $$
	WITH t AS (INSERT INTO desk.ticket (subject, kind, product, severity, visibility, filed_at)
		VALUES ('A report', what, 'rules', 3, seen, now() - age) RETURNING number, filed_at)
	INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'It is so', filed_at FROM t RETURNING ticket;
$$;
CREATE FUNCTION pg_temp.answer(n int, is_attempt boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body, attempt)
	SELECT n, 'staff', id, name, 'We look', is_attempt FROM desk.staff WHERE login = 'rules-clerk';
$$;
CREATE FUNCTION pg_temp.release(v text) RETURNS int LANGUAGE sql RETURN (SELECT id FROM desk.release WHERE product = 'rules' AND version = v);
-- A ticket that stands in a state, led there by the allowed moves.
CREATE FUNCTION pg_temp.at(state text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int := pg_temp.file();
BEGIN
	IF state <> 'new' THEN
		PERFORM pg_temp.answer(n);
	END IF;
	IF state = 'resolved' THEN
		UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = n;
	ELSIF state IN ('pending', 'fixed') THEN
		UPDATE desk.ticket SET state = at.state WHERE number = n;
	END IF;
	RETURN n;
END
$$;
CREATE FUNCTION pg_temp.turn(n int, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE desk.ticket SET %s WHERE number = %s', what, n);
	RETURN 'done';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN SQLSTATE;
END
$$;

-- moves ------------------------------------------------------------------------
SELECT set_eq('SELECT from_state, to_state FROM desk.transition', $$ VALUES
	('new', 'open'), ('new', 'pending'), ('new', 'fixed'), ('new', 'resolved'),
	('open', 'pending'), ('open', 'fixed'), ('open', 'resolved'),
	('pending', 'open'), ('pending', 'fixed'), ('pending', 'resolved'),
	('fixed', 'open'), ('fixed', 'resolved'), ('resolved', 'open') $$, 'these moves exist and no others');
SELECT set_eq('SELECT name, is_open FROM desk.state', $$ VALUES ('new', true), ('open', true), ('pending', true), ('fixed', true), ('resolved', false) $$,
	'a ticket is open in every state but one');
SELECT is(pg_temp.turn(pg_temp.at(f.name), format('state = %L, resolution = %s', t.name, CASE t.name WHEN 'resolved' THEN '''answered''' ELSE 'NULL' END)),
	CASE WHEN EXISTS (SELECT FROM desk.transition WHERE from_state = f.name AND to_state = t.name) AND NOT (f.name = 'new' AND t.name = 'resolved')
		THEN 'done' ELSE 'PT409' END, format('from %s to %s', f.name, t.name))
FROM desk.state f, desk.state t WHERE f.name <> t.name;
SELECT throws_ok($$ INSERT INTO desk.ticket (subject, kind, severity, state) VALUES ('x', 'bug', 3, 'open') $$, 'PT409', NULL, 'a ticket begins as new');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'closed' $$), 'PT409', 'a state that is none is refused');

-- ends -------------------------------------------------------------------------
SELECT is(pg_temp.turn(pg_temp.at('new'), $$ state = 'resolved', resolution = 'answered' $$), 'PT409', 'what nobody answered cannot be resolved');
SELECT is(pg_temp.turn(pg_temp.at('new'), $$ state = 'resolved', resolution = 'withdrawn' $$), 'PT409', 'nor withdrawn by the desk');
SELECT is(pg_temp.turn(pg_temp.at('new'), $$ state = 'resolved', resolution = 'withdrawn', changed_by = 'requester' $$), 'done', 'only by its requester');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved' $$), '23514', 'resolved needs a resolution');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ resolution = 'answered' $$), '23514', 'and a resolution needs resolved');
SELECT is(pg_temp.turn(pg_temp.at('new'), 'answered_at = now()'), 'PT409', 'an answer cannot be feigned by its time');
SELECT is(pg_temp.turn(pg_temp.at('open'), 'answered_at = NULL'), 'PT409', 'nor taken back');
SELECT is(pg_temp.turn(pg_temp.at('open'), what), 'PT409', 'cannot be set by hand: ' || what)
FROM unnest(ARRAY['solved_at = now()', 'answer_due_at = now()', 'solve_due_at = NULL', 'filed_at = now()']) what;

SELECT is(pg_temp.turn(pg_temp.at('open'), format('state = ''resolved'', resolution = %L', name)),
	CASE WHEN needs_release OR needs_reason OR needs_alternative OR needs_attempt OR needs_duplicate THEN 'PT409' ELSE 'done' END,
	format('"%s" with nothing beside it', name)) FROM desk.resolution WHERE is_offered ORDER BY position;
SELECT set_eq('SELECT name FROM desk.resolution WHERE needs_release', ARRAY['fixed', 'implemented'], 'these need a release that is out');
SELECT set_eq('SELECT name FROM desk.resolution WHERE needs_reason', ARRAY['works-as-intended', 'not-reproduced', 'declined', 'no-further-action'], 'these need a reason');
SELECT set_eq('SELECT name FROM desk.resolution WHERE needs_alternative', ARRAY['declined'], 'this needs an alternative');
SELECT set_eq('SELECT name FROM desk.resolution WHERE needs_attempt', ARRAY['no-further-action'], 'this needs a real attempt');
SELECT set_eq('SELECT name FROM desk.resolution WHERE needs_duplicate', ARRAY['duplicate'], 'this needs the other ticket');

SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'declined', reason = 'Because' $$), 'PT409', 'declined with a reason alone is refused');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'declined', alternative = 'That' $$), 'PT409', 'or with an alternative alone');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'declined', reason = '  ', alternative = E'\n' $$), 'PT409', 'blanks are no reason');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'declined', reason = 'Because', alternative = 'That' $$), 'done', 'with both it is accepted');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'no-further-action', reason = 'Because' $$), 'PT409',
	'no further action before a real attempt is refused');
DO $$ BEGIN PERFORM pg_temp.answer(pg_temp.file(), true); END $$;
SELECT is(pg_temp.turn((SELECT max(ticket) FROM desk.message WHERE attempt), $$ state = 'resolved', resolution = 'no-further-action', reason = 'Because' $$), 'done', 'after one it is accepted');
SELECT is(pg_temp.turn(pg_temp.at('open'), format($$ state = 'resolved', resolution = 'duplicate', duplicate_of = %s $$, pg_temp.file())), 'done', 'a duplicate names the other');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'duplicate', duplicate_of = number $$), '23514', 'which is not itself');
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ state = 'resolved', resolution = 'duplicate', duplicate_of = 2000000000 $$), '23503', 'and exists');
SELECT is(pg_temp.turn(pg_temp.at('resolved'), $$ resolution = 'declined' $$), 'PT409', 'an end cannot be turned into one that needs more');
SELECT is(pg_temp.turn(n, $$ reason = NULL $$), 'PT409', 'nor lose what it needed')
FROM (SELECT max(number) AS n FROM desk.ticket WHERE resolution = 'declined') x;

-- releases ---------------------------------------------------------------------
SELECT is(pg_temp.turn(pg_temp.at('open'), format($$ state = 'resolved', resolution = 'fixed', release = %s $$, pg_temp.release('1'))), 'PT409', 'fixed is refused before its release is out');
SELECT is(pg_temp.turn(pg_temp.at('open'), format($$ state = 'resolved', resolution = 'implemented', release = %s $$, pg_temp.release('1'))), 'PT409', 'so is implemented');
SELECT is(pg_temp.turn(pg_temp.at('open'), format($$ state = 'resolved', resolution = 'fixed', release = %s $$, pg_temp.release('0'))), 'done', 'after it is out, it is accepted');
SELECT throws_ok($$ UPDATE desk.release SET released_at = now() + interval '1 second' WHERE version = '1' AND product = 'rules' $$, 'PT409', NULL, 'a release cannot come out tomorrow');
SELECT throws_ok($$ INSERT INTO desk.release (product, version, released_at) VALUES ('rules', '9', 'infinity') $$, 'PT409', NULL, 'or be new with such a date');
CREATE TEMP TABLE waiting AS SELECT pg_temp.file('public', kind) AS n, kind FROM unnest(ARRAY['bug', 'feature']) kind;
DO $$ BEGIN PERFORM pg_temp.answer(n) FROM waiting; END $$;
UPDATE desk.ticket SET state = 'fixed', release = pg_temp.release('1') WHERE number IN (SELECT n FROM waiting);
SELECT results_eq('SELECT p.released FROM desk.public_ticket p JOIN waiting ON n = number', ARRAY[false, false], 'fixed tickets wait for their release');
CREATE TEMP TABLE other AS SELECT pg_temp.at('open') AS n;
UPDATE desk.ticket SET release = pg_temp.release('1') WHERE number = (SELECT n FROM other);
UPDATE desk.release SET released_at = now() WHERE product = 'rules' AND version = '1';
SELECT results_eq('SELECT w.kind, state, resolution FROM desk.ticket JOIN waiting w ON n = number ORDER BY 1', $$ VALUES ('bug', 'resolved', 'fixed'), ('feature', 'resolved', 'implemented') $$,
	'a release that comes out resolves them');
SELECT results_eq($$ SELECT DISTINCT actor, staff FROM desk.change JOIN waiting ON n = ticket WHERE new = 'resolved' $$, $$ VALUES ('release', NULL::int) $$, 'the history says that the release did it');
SELECT is((SELECT state FROM desk.ticket, other WHERE number = n), 'open', 'what was not fixed is not resolved by it');
SELECT is((SELECT released FROM desk.public_ticket, other WHERE number = n), true, 'but shows that it is out');
SELECT throws_ok($$ UPDATE desk.release SET released_at = NULL WHERE product = 'rules' AND version = '1' $$, 'PT409', NULL, 'a release that resolved tickets cannot be taken back');

-- never for being old ------------------------------------------------------------
CREATE TEMP TABLE old AS SELECT pg_temp.file('public', 'bug', '10 years') AS n;
SELECT isnt_empty('SELECT FROM api.sla_check(10000) WHERE looked > 0', 'slacheck comes by');
SELECT is((SELECT state FROM desk.ticket, old WHERE number = n), 'new', 'and a ticket of ten years is as new as before');
SELECT is_empty($$ SELECT name FROM desk.resolution WHERE name ~ '(stale|old|age|expire|inactiv|dormant|timeout)' $$, 'no resolution is about age');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	WHERE n.nspname IN ('desk', 'api') AND p.prosrc ~* 'interval' AND p.prosrc ~* '''resolved''' AND p.prosrc ~* 'update +desk\.ticket\M' $$,
	'no function that resolves a ticket counts days');

-- privacy, dates, shapes -----------------------------------------------------------
CREATE TEMP TABLE secret AS SELECT pg_temp.file('private') AS n;
SELECT is(pg_temp.turn(n, $$ visibility = 'public' $$), 'PT409', 'private to public needs consent') FROM secret;
SELECT is(pg_temp.turn(n, $$ visibility = 'public', consented_at = now() $$), 'done', 'which is recorded') FROM secret;
SELECT is(pg_temp.turn(n, $$ visibility = 'private', consented_at = NULL $$), 'done', 'public to private needs none') FROM secret;
SELECT is(pg_temp.turn(n, $$ visibility = 'public' $$), 'PT409', 'consent that was taken back is none') FROM secret;
SELECT is(pg_temp.turn(pg_temp.at('open'), what), '23514', 'is refused: ' || what)
FROM unnest(ARRAY[$$ hold = 'cannot-yet' $$, $$ hold = 'later', next_update_by = now() + interval '1 hour' $$, $$ blocked = 'yes' $$, $$ visibility = 'secret' $$,
	$$ subject = '  ' $$, $$ subject = E'two\nlines' $$, $$ subject = repeat('x', 201) $$, $$ reason = repeat('x', 20001) $$]) what;
SELECT is(pg_temp.turn(pg_temp.at('open'), what), '23503', 'is refused: ' || what)
FROM unnest(ARRAY[$$ severity = 5 $$, $$ kind = 'nonsense' $$, $$ product = 'nonsense' $$, $$ assignee = 2000000000 $$]) what;
SELECT is(pg_temp.turn(pg_temp.at('open'), $$ hold = 'cannot-yet', next_update_by = now() + interval '1 day' $$), 'done', '"we cannot yet" with a date is accepted');
SELECT throws_ok($$ INSERT INTO desk.intake_template (name, label, hint, kind) VALUES ('security', 'x', 'x', 'bug') $$, '23514', NULL, 'there is no form for security holes');
SELECT throws_ok($$ INSERT INTO desk.intake_template (name, label, hint, kind, public_allowed) VALUES ('x', 'x', 'x', 'bug', false) $$, '23514', NULL, 'a form that is never public is private');
SELECT throws_ok($$ INSERT INTO desk.person (mail) VALUES ('nobody') $$, '23514', NULL, 'an address looks like one');

-- history ------------------------------------------------------------------------
CREATE TEMP TABLE told AS SELECT pg_temp.at('open') AS n;
UPDATE desk.ticket SET severity = 1, assignee = (SELECT id FROM desk.staff WHERE login = 'rules-clerk'),
	changed_by = (SELECT 'staff:' || id FROM desk.staff WHERE login = 'rules-clerk') WHERE number = (SELECT n FROM told);
SELECT results_eq($$ SELECT field, old, new, actor, program = session_user FROM desk.change JOIN told ON n = ticket WHERE field = 'severity' $$,
	$$ VALUES ('severity', '3', '1', 'staff', true) $$, 'the history tells what, from, to, who, and through what');
SELECT is((SELECT changed_by FROM desk.ticket, told WHERE number = n), NULL, 'who did it stands in the history alone');
UPDATE desk.ticket SET blocked = 'blocked' WHERE number = (SELECT n FROM told);
SELECT results_eq($$ SELECT actor FROM desk.change JOIN told ON n = ticket WHERE field = 'blocked' $$, ARRAY['sql'], 'a change from psql is one by "sql"');
SELECT is_empty($$ SELECT a.attname FROM pg_attribute a WHERE a.attrelid = 'desk.ticket'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN
	('number', 'version', 'filed_at', 'changed_at', 'solved_at', 'answer_due_at', 'solve_due_at', 'promise_at', 'late_at', 'opened_by', 'me_toos', 'changed_by', 'template')
	AND position('(''' || attname || ''', ' IN (SELECT prosrc FROM pg_proc WHERE oid = 'desk.ticket_guard()'::regprocedure)) = 0 $$,
	'every field that people change is in the history');
SELECT throws_ok(format('UPDATE %s SET %s', t, what), 'PT409', NULL, 'cannot be changed: ' || t)
FROM (VALUES ('desk.change', 'new = ''x'''), ('desk.message', 'body = ''x'''), ('desk.note', 'body = ''x'''), ('desk.sla_event', 'step = 1')) AS v (t, what);
SELECT throws_ok('DELETE FROM ' || t, 'PT409', NULL, 'cannot be deleted: ' || t)
FROM unnest(ARRAY['desk.change', 'desk.message', 'desk.note', 'desk.sla_event', 'desk.ticket']) t;
SELECT throws_ok('TRUNCATE ' || t || ' CASCADE', 'PT409', NULL, 'cannot be emptied: ' || t)
FROM unnest(ARRAY['desk.change', 'desk.message', 'desk.note', 'desk.sla_event', 'desk.ticket']) t;
SELECT throws_ok('SET LOCAL ROLE desk_owner; DELETE FROM desk.change', 'PT409', NULL, 'the owner meets the same');

-- messages lead on -----------------------------------------------------------------
CREATE TEMP TABLE talk AS SELECT pg_temp.file() AS n;
INSERT INTO desk.message (ticket, author, body) SELECT n, 'automatic', 'We have it' FROM talk;
SELECT results_eq('SELECT state, answered_at IS NULL FROM desk.ticket, talk WHERE number = n', $$ VALUES ('new', true) $$, 'an automatic message is no answer');
INSERT INTO desk.message (ticket, author, body) SELECT n, 'requester', 'And this' FROM talk;
SELECT results_eq('SELECT state, answered_at IS NULL FROM desk.ticket, talk WHERE number = n', $$ VALUES ('new', true) $$, 'nor is one of the requester');
INSERT INTO desk.note (ticket, staff, body) SELECT n, id, 'Hm' FROM talk, desk.staff WHERE login = 'rules-clerk';
SELECT results_eq('SELECT state, answered_at IS NULL FROM desk.ticket, talk WHERE number = n', $$ VALUES ('new', true) $$, 'nor is a note');
DO $$ BEGIN PERFORM pg_temp.answer(n) FROM talk; END $$;
SELECT results_eq('SELECT state, answered_at IS NULL FROM desk.ticket, talk WHERE number = n', $$ VALUES ('open', false) $$, 'a person''s message is, and opens the ticket');
UPDATE desk.ticket SET state = 'pending' WHERE number = (SELECT n FROM talk);
INSERT INTO desk.message (ticket, author, body) SELECT n, 'requester', 'Here' FROM talk;
SELECT is((SELECT state FROM desk.ticket, talk WHERE number = n), 'open', 'the requester''s answer ends the waiting');
UPDATE desk.ticket SET state = 'resolved', resolution = 'declined', reason = 'R', alternative = 'A', confirmed_at = now() WHERE number = (SELECT n FROM talk);
INSERT INTO desk.message (ticket, author, body) SELECT n, 'requester', 'No' FROM talk;
SELECT results_eq('SELECT state, resolution, reason, alternative, solved_at, confirmed_at FROM desk.ticket, talk WHERE number = n',
	$$ VALUES ('open', NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::timestamptz) $$, 'and opens a resolved one again, with nothing left of its end');
SELECT throws_ok($$ INSERT INTO desk.message (ticket, author, body) SELECT n, 'staff', 'x' FROM talk $$, '23514', NULL, 'an answer has a person');

-- times that are given -----------------------------------------------------------
CREATE TEMP TABLE past AS SELECT pg_temp.file('public', 'bug', '10 days') AS n;
INSERT INTO desk.message (ticket, author, staff, name, body, posted_at)
SELECT n, 'staff', id, name, 'x', now() - interval '9 days' FROM past, desk.staff WHERE login = 'rules-clerk';
UPDATE desk.ticket SET state = 'resolved', resolution = 'done', changed_at = now() - interval '8 days' WHERE number = (SELECT n FROM past);
SELECT results_eq('SELECT now() - answered_at, now() - solved_at, now() - changed_at FROM desk.ticket, past WHERE number = n',
	$$ VALUES (interval '9 days', interval '8 days', interval '8 days') $$, 'a writer may say when it was');
SELECT results_eq($$ SELECT DISTINCT now() - changed_at FROM desk.change JOIN past ON n = ticket WHERE field = 'resolution' $$, ARRAY[interval '8 days'], 'the history follows');
UPDATE desk.ticket SET state = 'open', resolution = NULL, changed_at = now() - interval '20 days' WHERE number = (SELECT n FROM past);
SELECT results_eq('SELECT now() - changed_at FROM desk.ticket, past WHERE number = n', ARRAY[interval '8 days'], 'but never before the last change');
UPDATE desk.ticket SET blocked = 'no', severity = 2, changed_at = now() + interval '1 day' WHERE number = (SELECT n FROM past);
SELECT results_eq('SELECT now() - changed_at FROM desk.ticket, past WHERE number = n', ARRAY[interval '0'], 'and never in the future');

-- when something was said
SELECT throws_ok($$ INSERT INTO desk.message (ticket, author, body, posted_at) SELECT max(number), 'requester', 'x', now() + interval '1 day' FROM desk.ticket $$, 'PT409', NULL, 'nobody writes in the future');
SELECT throws_ok($$ INSERT INTO desk.message (ticket, author, body, posted_at) SELECT max(number), 'requester', 'x', '2001-01-01' FROM desk.ticket $$, 'PT409', NULL, 'nor before there was a ticket');

SELECT * FROM finish();
ROLLBACK;
