-- Sign-in, as the program login meets it in the database.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.tag(word text) RETURNS text LANGUAGE sql RETURN encode(sha256(convert_to(word, 'UTF8')), 'hex');
CREATE FUNCTION pg_temp.sign_in(who text, word text, token text, old text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.login_finish(who, pg_temp.tag(word), 'net', '192.0.2.1', 'A browser', token, old);
$$;
DELETE FROM desk.limit_count;
SELECT ok(api.staff_add('login-a', 'A', repeat('ab', 16), 65536, 3, pg_temp.tag('right')) > 0, 'a member of the staff is made');
SELECT ok(api.staff_add('login-b', 'B', repeat('cd', 16), 65536, 3, pg_temp.tag('other')) > 0, 'and another');
UPDATE desk.limiter SET most = 10, seconds = 900 WHERE name = 'login-account';
UPDATE desk.limiter SET most = 50, seconds = 900 WHERE name = 'login-network';

-- what is made
SELECT throws_ok($$ SELECT api.staff_add('login-a', 'A', repeat('ab', 16), 65536, 3, pg_temp.tag('x')) $$, 'PT409', NULL, 'a login is made once');
SELECT throws_ok($$ SELECT api.staff_add('Login A', 'A', repeat('ab', 16), 65536, 3, pg_temp.tag('x')) $$, '23514', NULL, 'a login has small letters');
SELECT throws_ok($$ SELECT api.staff_add('login-c', 'C', repeat('ab', 15), 65536, 3, pg_temp.tag('x')) $$, '23514', NULL, 'a salt of less than 16 bytes is refused');
SELECT throws_ok($$ SELECT api.staff_add('login-c', 'C', repeat('ab', 16), 1024, 3, pg_temp.tag('x')) $$, '23514', NULL, 'as is less memory than OWASP asks for');
SELECT throws_ok($$ SELECT api.staff_add('login-c', 'C', repeat('ab', 16), 65536, 1, pg_temp.tag('x')) $$, '23514', NULL, 'or one pass');
SELECT throws_ok($$ SELECT api.staff_add('login-c', 'C', repeat('ab', 16), 65536, 3, 'abcd') $$, '23514', NULL, 'or what is no SHA-256');
SELECT is((SELECT count(*) FROM desk.staff WHERE login = 'login-c'), 0::bigint, 'and nobody is made halfway');

-- how to compute
SELECT is((SELECT p.salt || p.memory_kib || p.passes FROM api.login_params('login-a', 'net') p), repeat('ab', 16) || '655363', 'a known login gets its own salt');
SELECT is((SELECT salt FROM api.login_params(' LOGIN-A ', 'net')), repeat('ab', 16), 'however it is typed');
SELECT matches((SELECT p.salt || ' ' || p.memory_kib || ' ' || p.passes FROM api.login_params('ghost', 'net') p), '^[0-9a-f]{32} 65536 3$', 'an unknown one gets one that looks the same');
SELECT is((SELECT salt FROM api.login_params('ghost', 'net')), (SELECT salt FROM api.login_params('Ghost', 'other')), 'always the same one');
SELECT isnt((SELECT salt FROM api.login_params('ghost', 'net')), (SELECT salt FROM api.login_params('ghost2', 'net')), 'but not that of another');
SELECT isnt((SELECT salt FROM api.login_params('ghost', 'net')), left(encode(sha256('ghost'), 'hex'), 32), 'nor one that can be computed elsewhere');
UPDATE desk.staff SET active = false WHERE login = 'login-b';
SELECT isnt((SELECT salt FROM api.login_params('login-b', 'net')), repeat('cd', 16), 'one who has left is unknown');

-- judging
SELECT is(pg_temp.sign_in('login-a', 'right', 'token-1'), 'done', 'the right tag signs in');
SELECT is(pg_temp.sign_in('login-a', 'wrong', 'token-2'), 'wrong', 'a wrong one does not');
SELECT is(pg_temp.sign_in('ghost', 'right', 'token-2'), 'wrong', 'nor an unknown login');
SELECT is(pg_temp.sign_in('login-b', 'other', 'token-2'), 'wrong', 'nor one who has left');
SELECT is(pg_temp.sign_in('', '', 'token-2'), 'wrong', 'nor nobody');
SELECT throws_ok($$ SELECT desk.session_staff('token-2') $$, 'PT401', NULL, 'and makes no session');
SELECT is(desk.session_staff('token-1'), (SELECT id FROM desk.staff WHERE login = 'login-a'), 'the session is theirs');
SELECT throws_ok($$ SELECT desk.session_staff(encode(sha256('token-1'), 'hex')) $$, 'PT401', NULL, 'what is stored is no token');
SELECT throws_ok($$ SELECT desk.session_staff(NULL) $$, 'PT401', NULL, 'no token is no session');
SELECT throws_ok($$ SELECT pg_temp.sign_in('login-a', 'right', 'token-1') $$, '23505', NULL, 'a token is used once');
SELECT is(pg_temp.sign_in('login-a', 'right', 'token-3', 'token-1'), 'done', 'signing in again in the same browser');
SELECT throws_ok($$ SELECT desk.session_staff('token-1') $$, 'PT401', NULL, 'ends the session before');
SELECT is((SELECT agent FROM desk.session WHERE token_sha256 = sha256('token-3')), 'A browser', 'a session knows its browser');

-- sessions
DO $$ BEGIN FOR i IN 1 .. 6 LOOP PERFORM pg_temp.sign_in('login-a', 'right', 'many-' || i); END LOOP; END $$;
SELECT is((SELECT count(*) FROM desk.session s JOIN desk.staff p ON p.id = s.staff WHERE p.login = 'login-a'), 5::bigint, 'nobody has more than five');
SELECT throws_ok($$ SELECT desk.session_staff('token-3') $$, 'PT401', NULL, 'the oldest ended');
UPDATE desk.session SET seen_at = now() - interval '31 minutes' WHERE token_sha256 = sha256('many-6');
SELECT is(pg_temp.sign_in('login-a', 'right', 'many-7'), 'done', 'a new one');
SELECT lives_ok($$ SELECT desk.session_staff('many-2') $$, 'takes the place of one that is over before one that is not');
SELECT is((SELECT count(*) FROM api.login_sessions('many-7')), 5::bigint, 'the list shows them');
SELECT is((SELECT count(*) FROM api.login_sessions('many-7') WHERE is_this), 1::bigint, 'and which one this is');
UPDATE desk.session SET seen_at = now() - interval '31 minutes' WHERE token_sha256 = sha256('many-5');
SELECT is((SELECT count(*) FROM api.login_sessions('many-7')), 4::bigint, 'not one that is over');
SELECT throws_ok($$ SELECT * FROM api.login_sessions('many-5') $$, 'PT401', NULL, 'nor to it');
INSERT INTO desk.session (token_sha256, staff, network, agent) SELECT sha256('of-b'), id, '', '' FROM desk.staff WHERE login = 'login-b';
SELECT is(api.login_session_end('many-7', (SELECT id FROM desk.session WHERE token_sha256 = sha256('of-b'))), 0, 'nobody ends a session of another');
SELECT is(api.login_session_end('many-7', (SELECT id FROM desk.session WHERE token_sha256 = sha256('many-4'))), 1, 'one''s own can be ended');
SELECT ok(api.login_session_end('many-7', NULL) > 0, 'or all others');
SELECT is((SELECT count(*) FROM api.login_sessions('many-7')), 1::bigint, 'but not this one');
SELECT lives_ok($$ SELECT api.login_end('many-7') $$, 'signing out');
SELECT throws_ok($$ SELECT desk.session_staff('many-7') $$, 'PT401', NULL, 'ends it');
SELECT lives_ok($$ SELECT api.login_end('many-7') $$, 'twice is no error');
SELECT pg_temp.sign_in('login-a', 'right', 'again');
SELECT ok(api.staff_set_password('login-a', repeat('ef', 16), 65536, 3, pg_temp.tag('newer')) > 0, 'another password');
SELECT throws_ok($$ SELECT desk.session_staff('again') $$, 'PT401', NULL, 'ends all sessions');
SELECT is(pg_temp.sign_in('login-a', 'right', 'again2'), 'wrong', 'the old one is over');
SELECT is(pg_temp.sign_in('login-a', 'newer', 'again2'), 'done', 'the new one counts');
SELECT throws_ok($$ SELECT api.staff_set_password('ghost', repeat('ef', 16), 65536, 3, pg_temp.tag('newer')) $$, 'PT404', NULL, 'an unknown login has none');

-- limits
DELETE FROM desk.limit_count;
SELECT is((SELECT string_agg(pg_temp.sign_in('login-a', 'guess ' || i, 'g' || i), ' ') FROM generate_series(1, 11) i),
	repeat('wrong ', 10) || 'limited', 'ten guesses are judged, then no more');
SELECT is(pg_temp.sign_in('login-a', 'newer', 'late'), 'limited', 'not even the right one');
SELECT cmp_ok((SELECT wait_seconds FROM api.login_params('login-a', 'other net')), '>', 0, 'and the program is told before it computes');
SELECT is((SELECT wait_words FROM api.login_params('login-a', 'other net')), '15 minutes', 'in words');
SELECT is((SELECT wait_seconds FROM api.login_params('login-b', 'other net')), 0, 'others are free');
SELECT is((SELECT max(taken) FROM desk.limit_count WHERE limiter = 'login-account'), 11, 'asking counts nothing, and nothing counts without end');
UPDATE desk.limit_count SET window_at = now() - interval '899 seconds';
SELECT is((SELECT wait_seconds FROM api.login_params('login-a', 'net')), 1, 'a window ends');
UPDATE desk.limit_count SET window_at = now() - interval '901 seconds';
SELECT is(pg_temp.sign_in('login-a', 'newer', 'late2'), 'done', 'and one can sign in');
DELETE FROM desk.limit_count;
SELECT is((SELECT string_agg(DISTINCT pg_temp.sign_in('login-a', 'newer', 'often' || i), ' ') FROM generate_series(1, 60) i), 'done', 'being right is never too often');
SELECT is((SELECT string_agg(DISTINCT pg_temp.sign_in('spray' || i, 'x', 's' || i), ' ') FROM generate_series(1, 50) i), 'wrong', 'fifty failures of a network are judged');
SELECT is(pg_temp.sign_in('login-a', 'newer', 'sprayed'), 'limited', 'then the network waits');
SELECT is_empty($$ SELECT subject FROM desk.limit_count WHERE subject ~ 'login-a|spray' $$, 'no login is written down in clear');

-- who may
SELECT is_empty($$ SELECT p.oid::regprocedure, r FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
	unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_login', 'desk_staff', 'desk_slacheck', 'desk_report', 'public']) r
	WHERE n.nspname = 'api' AND p.proname IN ('staff_add', 'staff_set_password') AND has_function_privilege(r, p.oid, 'EXECUTE') $$,
	'no program may make staff or set a password');
SELECT is_empty($$ SELECT p.oid::regprocedure, r FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
	unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_staff', 'desk_slacheck', 'desk_report', 'public']) r
	WHERE n.nspname = 'api' AND p.proname LIKE 'login\_%' AND has_function_privilege(r, p.oid, 'EXECUTE') $$,
	'only login may judge');
SELECT is_empty($$ SELECT t, r FROM unnest(ARRAY['desk.credential', 'desk.session', 'desk.secret', 'desk.staff', 'desk.limit_count']) t,
	unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_login', 'desk_staff', 'desk_slacheck', 'desk_report']) r
	WHERE has_table_privilege(r, t, 'SELECT, INSERT, UPDATE, DELETE') $$,
	'nobody reads credentials, sessions or secrets but through functions');

SELECT * FROM finish();
ROLLBACK;
