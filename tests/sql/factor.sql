-- The second factor, as the programs login and factor meet it in the
-- database, and as nobody else does.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.tag(word text) RETURNS text LANGUAGE sql RETURN encode(sha256(convert_to(word, 'UTF8')), 'hex');
CREATE FUNCTION pg_temp.first_step(who text, token text) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.login_finish(who, pg_temp.tag('right'), 'net', '192.0.2.1', 'A browser', token, NULL);
$$;
CREATE FUNCTION pg_temp.code(half text, token text, step bigint DEFAULT NULL, code text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.login_code(half, step, pg_temp.tag(code), NULL, NULL, NULL, token, NULL, '192.0.2.1', 'A browser');
$$;
CREATE FUNCTION pg_temp.passkey(half text, token text, counter bigint, challenge text, credential text DEFAULT 'aabb') RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.login_code(half, NULL, NULL, credential, counter, pg_temp.tag(challenge), token, NULL, '192.0.2.1', 'A browser');
$$;
CREATE FUNCTION pg_temp.codes(prefix text) RETURNS text[] LANGUAGE sql RETURN (SELECT array_agg(pg_temp.tag(prefix || n)) FROM generate_series(1, 10) n);
-- by whom and to which address the last thing of a kind was told
CREATE FUNCTION pg_temp.told(what text) RETURNS text LANGUAGE sql RETURN (SELECT e.by || ' ' || o.address FROM desk.factor_event e
	JOIN desk.outbox o ON o.staff = e.staff AND o.kind = 'account' AND o.subject = 'Your account: ' || e.what
	WHERE e.what = told.what ORDER BY e.id DESC, o.id DESC LIMIT 1);
CREATE FUNCTION pg_temp.address(token text, mail text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(complaint, ' '), '') FROM api.login_contact_set(token, mail, 'at once', '08:00', '', '', 'UTC', '192.0.2.1');
$$;
CREATE FUNCTION pg_temp.asked_code() RETURNS text LANGUAGE sql RETURN (SELECT substring(body FROM '\t(\S{12})\n') FROM desk.outbox
	WHERE subject = 'Is this your address?' ORDER BY id DESC LIMIT 1);
DELETE FROM desk.limit_count;
SELECT api.staff_add(l, l, repeat('ab', 16), 65536, 3, pg_temp.tag('right')) FROM unnest(ARRAY['factor-a', 'factor-b']) l;
INSERT INTO desk.staff_contact (staff, mail) SELECT id, 'a@desk.example' FROM desk.staff WHERE login = 'factor-a';
UPDATE desk.limiter SET most = 5, seconds = 900 WHERE name = 'login-code';
UPDATE desk.staff_rule SET factor = 'optional';

-- setting up
SELECT is(pg_temp.first_step('factor-a', 'a-1'), 'done', 'without a factor the password is enough');
SELECT is(pg_temp.first_step('factor-a', 'a-2'), 'done', 'in another browser, too');
SELECT is(desk.session_fresh('a-1'), (SELECT id FROM desk.staff WHERE login = 'factor-a'), 'a sign-in is a fresh proof');
UPDATE desk.session SET fresh_until = now() WHERE token_sha256 = sha256('a-1');
SELECT throws_ok($$ SELECT desk.session_fresh('a-1') $$, 'PT403', NULL, 'for ten minutes');
SELECT lives_ok($$ SELECT desk.session_staff('a-1') $$, 'the session goes on');
SELECT throws_ok($$ SELECT desk.session_fresh('none') $$, 'PT401', NULL, 'no session is not even stale');
SELECT throws_ok(q, 'PT403', NULL, 'needs a fresh proof: ' || q) FROM unnest(ARRAY[
	$$ SELECT api.factor_app_add('a-1', repeat('ab', 49), 1, pg_temp.codes('a'), 'n') $$, $$ SELECT api.factor_app_remove('a-1', 'n') $$,
	$$ SELECT api.factor_codes('a-1', pg_temp.codes('a'), 'n') $$, $$ SELECT api.factor_passkey_add('a-1', 'aabb', -7, repeat('ab', 64), 1, repeat('ab', 32), 'x', pg_temp.codes('a'), 'n') $$,
	$$ SELECT api.factor_passkey_remove('a-1', 1, 'n') $$, $$ SELECT api.factor_password_params('a-1') $$,
	$$ SELECT api.factor_password('a-1', pg_temp.tag('right'), repeat('ab', 16), 65536, 3, pg_temp.tag('x'), 'n') $$, $$ SELECT api.login_session_end('a-1', NULL) $$]) q;
SELECT throws_ok(replace(q, 'a-1', 'none'), 'PT401', NULL, 'needs a session: ' || q) FROM unnest(ARRAY[
	$$ SELECT api.factor_me('a-1') $$, $$ SELECT api.factor_passkeys('a-1') $$, $$ SELECT api.factor_events('a-1') $$, $$ SELECT api.factor_app_remove('a-1', 'n') $$,
	$$ SELECT api.factor_codes('a-1', pg_temp.codes('a'), 'n') $$, $$ SELECT api.factor_password_params('a-1') $$, $$ SELECT api.login_proof(NULL, 'a-1') $$,
	$$ SELECT api.login_proof('a-1', NULL) $$]) q;
UPDATE desk.session SET fresh_until = now() + interval '1 minute' WHERE token_sha256 = sha256('a-1');
SELECT throws_ok($$ SELECT api.factor_app_add('a-1', repeat('ab', 20), 1, pg_temp.codes('a'), 'n') $$, '23514', NULL, 'a seed that is not sealed is not kept');
SELECT throws_ok($$ SELECT api.factor_codes('a-1', pg_temp.codes('a'), 'n') $$, 'PT409', NULL, 'codes need a factor that they stand in for');
SELECT is(api.factor_app_add('a-1', repeat('ab', 49), desk.factor_step() - 5, pg_temp.codes('a'), 'n'), true, 'an app brings the recovery codes');
SELECT throws_ok($$ SELECT desk.session_staff('a-2') $$, 'PT401', NULL, 'and ends all other sessions');
SELECT is((SELECT factor FROM desk.session WHERE token_sha256 = sha256('a-1')), 'app', 'this one has proven it');
SELECT is((SELECT what || by || network FROM desk.factor_event e JOIN desk.staff s ON s.id = e.staff WHERE s.login = 'factor-a'), 'app addedselfn', 'it is written down');
SELECT is((SELECT count(*) FROM desk.outbox o JOIN desk.staff s ON s.id = o.staff WHERE s.login = 'factor-a' AND o.subject ~ 'app added'), 1::bigint, 'and told by mail');
SELECT throws_ok(q, 'PT409', NULL, 'what is written down stays: ' || q) FROM unnest(ARRAY['UPDATE desk.factor_event SET what = what', 'DELETE FROM desk.factor_event', 'TRUNCATE desk.factor_event']) q;

-- two steps
SELECT is(pg_temp.first_step('factor-a', 'half-1'), 'more', 'then the password is not enough');
SELECT throws_ok(format('SELECT %s', q), 'PT401', NULL, 'a half-done sign-in is no session: ' || q) FROM unnest(ARRAY[
	$$desk.session_own('half-1')$$, $$desk.session_staff('half-1')$$, $$api.factor_me('half-1')$$, $$api.login_sessions('half-1')$$, $$api.login_proof(NULL, 'half-1')$$]) q;
SELECT is((SELECT sealed || ' ' || has_app || coalesce(salt, ' no salt') FROM api.login_proof('half-1', NULL)), repeat('ab', 49) || ' true no salt', 'login gets the sealed seed, and no salt again');
SELECT is(pg_temp.code('half-1', 'in-1'), 'wrong', 'nothing proves nothing');
SELECT is(pg_temp.code('half-1', 'in-1', desk.factor_step() - 5), 'wrong', 'the step of the first code is used up');
SELECT is(pg_temp.code('half-1', 'in-1', desk.factor_step() + 10), 'wrong', 'a step that is far from now is none');
SELECT is(pg_temp.code('half-2', 'in-1', desk.factor_step()), 'over', 'a sign-in that did not begin does not end');
SELECT is(pg_temp.code('half-1', 'in-1', desk.factor_step()), 'done', 'a step that is now signs in');
SELECT is((SELECT factor FROM desk.session WHERE token_sha256 = sha256('in-1')), 'app', 'by the app');
SELECT is(pg_temp.code('half-1', 'in-2', desk.factor_step() + 1), 'over', 'one half-done sign-in makes one session');
SELECT pg_temp.first_step('factor-a', 'half-3');
SELECT is(pg_temp.code('half-3', 'in-3', desk.factor_step()), 'wrong', 'no step is taken twice');
UPDATE desk.half_session SET made_at = now() - interval '301 seconds';
SELECT is(pg_temp.code('half-3', 'in-3', desk.factor_step() + 1), 'over', 'after five minutes it is over');
SELECT throws_ok($$ SELECT api.login_proof('half-3', NULL) $$, 'PT401', NULL, 'and gives out nothing');
SELECT pg_temp.first_step('factor-a', 'half-4');
UPDATE desk.staff SET active = false WHERE login = 'factor-a';
SELECT is(pg_temp.code('half-4', 'in-4', desk.factor_step() + 1), 'over', 'as it is for who has left meanwhile');
UPDATE desk.staff SET active = true WHERE login = 'factor-a';
DO $$ BEGIN FOR i IN 1 .. 9 LOOP PERFORM pg_temp.first_step('factor-a', 'many-' || i); END LOOP; END $$;
SELECT is((SELECT count(*) FROM desk.half_session), 5::bigint, 'nobody has more than five of them');

-- recovery codes
DELETE FROM desk.limit_count;
SELECT pg_temp.first_step('factor-a', 'half-11');
SELECT is(pg_temp.code('half-11', 'in-5', NULL, 'a1'), 'done', 'a recovery code signs in');
SELECT pg_temp.first_step('factor-a', 'half-10');
SELECT is(pg_temp.code('half-10', 'in-6', NULL, 'a1'), 'wrong', 'once');
SELECT is((SELECT codes_left FROM api.factor_me('in-5')), 9, 'how many are left is known');
SELECT is(api.factor_codes('in-5', pg_temp.codes('b'), 'n'), true, 'new ones can be made');
SELECT is((SELECT count(*) FROM desk.half_session), 0::bigint, 'which ends half-done sign-ins as well');
SELECT pg_temp.first_step('factor-a', 'half-5');
SELECT is(pg_temp.code('half-5', 'in-6', NULL, 'a2'), 'wrong', 'and then the old ones open nothing');
SELECT throws_ok($$ SELECT api.factor_codes('in-5', (pg_temp.codes('c'))[1:9], 'n') $$, 'PT400', NULL, 'there are ten of them');

-- guessing
DELETE FROM desk.limit_count;
SELECT is((SELECT array_agg(DISTINCT pg_temp.code('half-5', 'x', NULL, 'guess' || n)) FROM generate_series(1, 5) n), ARRAY['wrong'], 'five wrong codes are wrong');
SELECT is(pg_temp.code('half-5', 'x', NULL, 'b1'), 'limited', 'the sixth has to wait though it is right');
SELECT is((SELECT count(*) FROM desk.recovery_code WHERE code_sha256 = decode(pg_temp.tag('b1'), 'hex')), 1::bigint, 'and is not spent');
SELECT is(pg_temp.told('wrong codes'), 'unknown a@desk.example', 'it is told to whose account it is');
SELECT is((SELECT count(*) FROM desk.outbox WHERE subject ~ 'wrong codes' AND body ~ 'knows your password, from 192.0.2.1'), 1::bigint, 'once, and from where');
UPDATE desk.limit_count SET window_at = now() - interval '901 seconds' WHERE limiter = 'login-code';
SELECT is(pg_temp.code('half-5', 'x', NULL, 'guess'), 'wrong', 'a quarter of an hour later codes are judged again');
UPDATE desk.limit_count SET taken = 20 WHERE limiter = 'login-code-day';
SELECT is(pg_temp.code('half-5', 'x', NULL, 'b1'), 'limited', 'but no more than twenty wrong ones in a day');
SELECT cmp_ok((SELECT wait_seconds FROM api.login_proof('half-5', NULL)), '>', 80000, 'then it is for the rest of the day');
SELECT is(desk.wait_words(86000), '24 hours', 'in words');
SELECT is((SELECT who FROM api.factor_events('in-5') LIMIT 1), 'Somebody who knew your password', 'the page of the account says so');
SELECT lives_ok($$ SELECT api.staff_set_password('factor-a', repeat('ab', 16), 65536, 3, pg_temp.tag('right')) $$, 'another password helps');
SELECT is(pg_temp.code('half-5', 'x', NULL, 'b1'), 'over', 'it ends what is half done');
SELECT is(pg_temp.told('password changed'), session_user || ' a@desk.example', 'and is told');
SELECT pg_temp.first_step('factor-a', 'half-12');
SELECT is(pg_temp.code('half-12', 'in-5', NULL, 'b1'), 'done', 'with it codes are judged at once');

-- where one is told
SELECT is(pg_temp.address('in-5', 'b@desk.example'), '', 'another address can be asked');
UPDATE desk.session SET fresh_until = now() WHERE token_sha256 = sha256('in-5');
SELECT throws_ok($$ SELECT pg_temp.address('in-5', '') $$, 'PT403', NULL, 'a proof that is too old does not switch notices off');
SELECT throws_ok($$ SELECT pg_temp.address('in-5', 'c@desk.example') $$, 'PT403', NULL, 'nor leads them elsewhere');
SELECT throws_ok(format('SELECT api.login_contact_confirm(%L, %L, %L)', 'in-5', pg_temp.asked_code(), 'n'), 'PT403', NULL, 'not with the code either');
SELECT is(pg_temp.address('in-5', 'b@desk.example'), '', 'the hours of mail may be set all the same');
UPDATE desk.session SET fresh_until = now() + interval '1 minute' WHERE token_sha256 = sha256('in-5');
SELECT is(api.login_contact_confirm('in-5', pg_temp.asked_code(), 'n'), true, 'a fresh one leads them there');
SELECT is(pg_temp.told('address changed'), 'self a@desk.example', 'and the old address is told');
SELECT is(pg_temp.address('in-5', ''), '', 'or switches mail off');
SELECT is(pg_temp.told('address changed'), 'self b@desk.example', 'which the last one is told');
SELECT is_empty($$ SELECT subject FROM desk.outbox o WHERE kind = 'account' AND (desk.outbox_unwanted(o) IS NOT NULL OR desk.outbox_folds(o)) $$, 'nothing that comes later holds such mail up');
UPDATE desk.staff_contact SET mail = 'a@desk.example' WHERE staff = (SELECT id FROM desk.staff WHERE login = 'factor-a');

-- passkeys
SELECT is(api.factor_passkey_add('in-5', 'aabb', -7, repeat('ab', 64), 1, repeat('01', 32), E' My \u202e key ', pg_temp.codes('d'), 'n'), false, 'a passkey as a second factor brings no new codes');
SELECT throws_ok($$ SELECT api.factor_passkey_add('in-5', 'aacc', -7, repeat('ab', 64), 1, repeat('01', 32), 'x', pg_temp.codes('d'), 'n') $$, 'PT409', NULL, 'a challenge makes one passkey');
SELECT throws_ok($$ SELECT api.factor_passkey_add('in-5', 'aabb', -7, repeat('ab', 64), 1, repeat('02', 32), 'x', pg_temp.codes('d'), 'n') $$, 'PT409', NULL, 'and a passkey is one person''s');
SELECT throws_ok($$ SELECT api.factor_passkey_add('in-5', 'aadd', -6, repeat('ab', 64), 1, repeat('03', 32), 'x', pg_temp.codes('d'), 'n') $$, '23514', NULL, 'of a kind that is known');
SELECT pg_temp.first_step('factor-a', 'half-6');
SELECT is(pg_temp.passkey('half-6', 'in-7', 2, 'one'), 'done', 'a passkey signs in though codes have to wait');
SELECT pg_temp.first_step('factor-a', 'half-' || n) FROM generate_series(7, 9) n;
SELECT is(pg_temp.passkey('half-7', 'in-8', 3, 'one'), 'wrong', 'a challenge is answered once');
SELECT is(pg_temp.passkey('half-7', 'in-8', 2, 'two'), 'wrong', 'the counter goes up');
SELECT is(pg_temp.passkey('half-7', 'in-8', 0, 'three'), 'wrong', 'and does not stop');
SELECT is(pg_temp.passkey('half-7', 'in-8', 3, 'four', 'ffff'), 'wrong', 'an unknown one does not do');
SELECT pg_temp.first_step('factor-b', 'b-1');
SELECT is(api.factor_passkey_add('b-1', 'bbbb', -8, repeat('ab', 32), 0, repeat('04', 32), '', pg_temp.codes('e'), 'n'), true, 'the first factor of somebody else brings codes');
SELECT is((SELECT name FROM desk.passkey WHERE credential = '\xbbbb'), 'A passkey', 'a passkey has a name');
SELECT is(pg_temp.passkey('half-7', 'in-8', 1, 'five', 'bbbb'), 'wrong', 'that of somebody else does not do');
UPDATE desk.passkey SET sign_count = 0 WHERE credential = '\xaabb';
SELECT is(pg_temp.passkey('half-7', 'in-8', 0, 'six'), 'done', 'a device that does not count is taken');
SELECT is(pg_temp.passkey('half-8', 'in-9', 1, 'seven'), 'done', 'and one that begins to');
SELECT is((SELECT outcome FROM api.login_whole('bbbb', 1, pg_temp.tag('eight'), 'net', 'whole', NULL, '192.0.2.1', 'x')), 'done', 'a passkey alone signs in');
SELECT is((SELECT outcome FROM api.login_whole('bbbb', 2, pg_temp.tag('eight'), 'net', 'whole-2', NULL, '192.0.2.1', 'x')), 'wrong', 'by one challenge once');
SELECT is((SELECT outcome FROM api.login_whole(NULL, NULL, NULL, 'net', 'whole-2', NULL, '192.0.2.1', 'x')), 'wrong', 'nothing does not');
UPDATE desk.staff SET active = false WHERE login = 'factor-b';
SELECT is((SELECT outcome FROM api.login_whole('bbbb', 3, pg_temp.tag('nine'), 'net', 'whole-2', NULL, '192.0.2.1', 'x')), 'wrong', 'nor that of who has left');
SELECT is((SELECT count(*) FROM api.login_passkey('bbbb')), 0::bigint, 'whose key is not even told');
UPDATE desk.staff SET active = true WHERE login = 'factor-b';
SELECT is(api.factor_passkey_remove('whole', (SELECT id FROM desk.passkey WHERE credential = '\xaabb'), 'n'), false, 'nobody removes another''s passkey');

-- once more
UPDATE desk.session SET fresh_until = now();
DELETE FROM desk.limit_count;
SELECT is((SELECT outcome FROM api.login_again('whole', pg_temp.tag('right'), 'net', 'n', NULL, NULL, NULL, NULL, NULL)), 'wrong', 'the password alone is not enough for who has a factor');
SELECT is((SELECT outcome FROM api.login_again('whole', pg_temp.tag('wrong'), 'net', 'n', NULL, pg_temp.tag('e1'), NULL, NULL, NULL)), 'wrong', 'nor a code alone');
SELECT throws_ok($$ SELECT desk.session_fresh('whole') $$, 'PT403', NULL, 'nothing is fresh by that');
SELECT is((SELECT outcome FROM api.login_again('whole', pg_temp.tag('right'), 'net', 'n', NULL, pg_temp.tag('e1'), NULL, NULL, NULL)), 'done', 'both are; the wrong password had spent no code');
SELECT lives_ok($$ SELECT desk.session_fresh('whole') $$, 'then it is fresh');
SELECT throws_ok($$ SELECT desk.session_fresh('in-9') $$, 'PT403', NULL, 'in this session alone');

-- required
UPDATE desk.staff_rule SET factor = 'required';
SELECT api.staff_add('factor-c', 'C', repeat('ab', 16), 65536, 3, pg_temp.tag('right'));
SELECT is(pg_temp.first_step('factor-c', 'c-1'), 'enrol', 'while one is required, who has none must set one up');
SELECT throws_ok($$ SELECT desk.session_staff('c-1') $$, 'PT401', NULL, 'the session opens nothing');
SELECT throws_ok($$ SELECT api.staff_me('c-1') $$, 'PT401', NULL, 'whatever is asked');
SELECT throws_ok($$ SELECT desk.session_fresh('c-1') $$, 'PT401', NULL, 'however fresh');
SELECT is((SELECT is_missing FROM api.login_needs('c-1')), true, 'login knows why');
SELECT is((SELECT is_missing FROM api.factor_me('c-1')), true, 'and the page that sets one up opens');
SELECT lives_ok($$ SELECT desk.session_staff('whole') $$, 'who has one is not disturbed');
SELECT is(api.factor_passkey_add('c-1', 'cccc', -7, repeat('ab', 64), 0, repeat('05', 32), 'x', pg_temp.codes('f'), 'n'), true, 'it can be set up');
SELECT lives_ok($$ SELECT desk.session_staff('c-1') $$, 'and then all opens');
SELECT throws_ok($$ SELECT api.factor_passkey_remove('c-1', (SELECT id FROM desk.passkey WHERE credential = '\xcccc'), 'n') $$, 'PT409', NULL, 'the last one stays');
SELECT throws_ok($$ UPDATE desk.staff_rule SET factor = 'perhaps' $$, '23514', NULL, 'the rule has two words');
SELECT throws_ok($$ INSERT INTO desk.staff_rule (one) VALUES (false) $$, '23514', NULL, 'and one row');

-- lost
SELECT lives_ok($$ SELECT api.staff_reset_factor('factor-c') $$, 'an operator removes what was lost');
SELECT throws_ok($$ SELECT desk.session_own('c-1') $$, 'PT401', NULL, 'and all sessions with it');
SELECT is((SELECT count(*) FROM desk.recovery_code c JOIN desk.staff s ON s.id = c.staff WHERE s.login = 'factor-c'), 0::bigint, 'and the recovery codes');
SELECT is((SELECT what || ' ' || by FROM desk.factor_event ORDER BY id DESC LIMIT 1), 'factors reset ' || session_user, 'it is written down who it was');
SELECT throws_ok($$ SELECT api.staff_reset_factor('nobody') $$, 'PT404', NULL, 'an unknown login is told so');
SELECT throws_ok($$ SELECT api.staff_end_sessions('nobody') $$, 'PT404', NULL, 'here too');

-- who may read what
SELECT is_empty($$ SELECT r.rolname, c.oid::regclass FROM pg_roles r, pg_class c WHERE r.rolname LIKE 'desk\_%' AND r.rolname <> 'desk_owner'
	AND c.oid = ANY (ARRAY['desk.factor_app', 'desk.passkey', 'desk.recovery_code', 'desk.half_session', 'desk.factor_event']::regclass[])
	AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE') OR has_any_column_privilege(r.oid, c.oid, 'SELECT')) $$, 'no program reads or writes a factor but by a function');
SELECT set_eq($$ SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace AND p.prosrc ~ '\mdesk\.factor_app\M' AND p.prosrc ~ '\msealed\M' $$,
	ARRAY['login_proof', 'factor_app_add'], 'the seed is touched by two functions');
SELECT set_eq($$ SELECT r.rolname FROM pg_roles r WHERE r.rolname LIKE 'desk\_%' AND r.rolname <> 'desk_owner' AND has_function_privilege(r.oid, 'api.login_proof(text, text)', 'EXECUTE') $$,
	ARRAY['desk_login'::name], 'and given out to login alone');
SELECT doesnt_match(pg_get_function_result('api.factor_app_add(text, text, bigint, text[], text)'::regprocedure), 'bytea|text', 'the other gives none back');

SELECT * FROM finish();
ROLLBACK;
