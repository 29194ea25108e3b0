-- What the program login may do: judge a password's tag, make and end
-- sessions.  It never sees a stored tag, and the database never sees a
-- password: login gets a salt, computes argon2id, and sends SHA-256 of that.
--
-- The second step of a sign-in likewise: login opens the seed of an app with a
-- key that the database does not have, verifies a passkey's signature, and
-- says what was proven; what is proven is spent here.  Factors are set up and
-- removed in sql/api/factor.sql.
--
-- It also keeps how each of the staff wants mail: that is a setting of one's
-- own account, as the sessions are.
--
-- The functions api.staff_... are for the operator's command (login
-- --add-staff and so on).  No role is granted them: they need the owner's
-- rights.

CREATE FUNCTION api.login_params(login text, network text)
RETURNS TABLE (salt text, memory_kib int, passes int, wait_seconds int, wait_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	account text := desk.login_subject(login_params.login);
	wait int := greatest(desk.limit_wait('login-account', account), desk.limit_wait('login-network', login_params.network));
	fake text := encode(substr(sha256(convert_to('salt ' || account, 'UTF8')), 1, 16), 'hex');
BEGIN
	RETURN QUERY SELECT coalesce(encode(c.salt, 'hex'), fake), coalesce(c.memory_kib, 65536), coalesce(c.passes, 3),
		wait, desk.wait_words(wait)
	FROM (SELECT) AS one
	LEFT JOIN (desk.staff s JOIN desk.credential c ON c.staff = s.id AND s.active)
		ON s.login = lower(btrim(login_params.login));
END
$$;
COMMENT ON FUNCTION api.login_params(text, text) IS 'How to compute the tag of a password.  A login that is unknown or not active gets a salt of its own that is always the same, so that it costs the same work.  wait_seconds above 0: this account or network has tried too often; do not compute anything.';

CREATE FUNCTION api.login_finish(login text, tag_sha256 text, network text, address text, agent text, token text, old_token text)
RETURNS TABLE (outcome text, wait_seconds int, wait_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	account text := desk.login_subject(login_finish.login);
	account_free boolean := desk.limit_take('login-account', account);
	network_free boolean := desk.limit_take('login-network', login_finish.network);
	who int;
BEGIN
	IF NOT (account_free AND network_free) THEN
		RETURN QUERY SELECT * FROM desk.limited(greatest(desk.limit_wait('login-account', account), desk.limit_wait('login-network', login_finish.network)));
		RETURN;
	END IF;
	SELECT s.id INTO who FROM desk.staff s JOIN desk.credential c ON c.staff = s.id
	WHERE s.login = lower(btrim(login_finish.login)) AND s.active
	  AND c.tag_sha256 = decode(login_finish.tag_sha256, 'hex')
	FOR NO KEY UPDATE OF s, c;	-- waits for who changes how this account is opened, and then sees that
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'wrong', 0, '';
		RETURN;
	END IF;
	-- only failures count
	PERFORM desk.limit_give('login-account', account), desk.limit_give('login-network', login_finish.network);
	IF desk.has_factor(who) THEN
		DELETE FROM desk.half_session h WHERE h.token_sha256 IN (SELECT x.token_sha256 FROM desk.half_session x WHERE x.staff = who
			ORDER BY x.made_at DESC, x.token_sha256 OFFSET 4) OR h.made_at < now() - interval '5 minutes';
		INSERT INTO desk.half_session (token_sha256, staff) VALUES (sha256(convert_to(login_finish.token, 'UTF8')), who);
		RETURN QUERY SELECT 'more', 0, '';
		RETURN;
	END IF;
	PERFORM desk.session_make(who, login_finish.token, login_finish.old_token, login_finish.address, login_finish.agent, NULL);
	RETURN QUERY SELECT CASE WHEN desk.factor_missing(login_finish.token) THEN 'enrol' ELSE 'done' END, 0, '';
END
$$;
COMMENT ON FUNCTION api.login_finish(text, text, text, text, text, text, text) IS 'Judge a tag: "done" makes a session for this token, ends the one the browser had, and the oldest of more than five; "more" makes no session but a half one, for which api.login_code() asks for the second factor; "enrol" is "done" for somebody who must set one up first; "wrong" for an unknown login, a wrong password and one who is no longer active alike; "limited" after too many failures of this account or network, whatever the password.';

CREATE FUNCTION api.login_proof(half text, token text)
RETURNS TABLE (staff int, sealed text, last_step text, step text, has_app boolean, no_app boolean, has_passkey boolean, has_factor boolean,
	codes_left int, wait_seconds int, wait_words text, login text, salt text, memory_kib int, passes int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.half_or_session(login_proof.half, login_proof.token);
	wait int;
BEGIN
	IF who IS NULL THEN
		RAISE 'the password was too long ago' USING ERRCODE = 'PT401';
	END IF;
	wait := desk.code_wait(who);
	RETURN QUERY SELECT who, encode(a.sealed, 'hex'), coalesce(a.last_step, 0)::text, desk.factor_step()::text, a.staff IS NOT NULL, a.staff IS NULL,
		EXISTS (SELECT FROM desk.passkey k WHERE k.staff = who), desk.has_factor(who),
		(SELECT count(*)::int FROM desk.recovery_code r WHERE r.staff = who), wait, desk.wait_words(wait),
		CASE WHEN login_proof.half IS NULL THEN p.login END, CASE WHEN login_proof.half IS NULL THEN encode(c.salt, 'hex') END, c.memory_kib, c.passes
	FROM desk.staff p JOIN desk.credential c ON c.staff = p.id LEFT JOIN desk.factor_app a ON a.staff = p.id
	WHERE p.id = who;
	IF NOT FOUND THEN
		RAISE 'this account has no password' USING ERRCODE = 'PT401';
	END IF;
END
$$;
COMMENT ON FUNCTION api.login_proof(text, text) IS 'What it takes to go on with a half-done sign-in, or (half NULL) to prove again who holds a session: the sealed seed of the app and the half minute that is now, whether there are passkeys, and for a session how to compute the tag of the password.  PT401 when there is neither.';

CREATE FUNCTION api.login_passkeys(half text, token text)
RETURNS TABLE (credential text, device_id text, algorithm int, key text, sign_count text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.half_or_session(login_passkeys.half, login_passkeys.token);
BEGIN
	RETURN QUERY SELECT encode(k.credential, 'hex'), desk.base64url(k.credential), k.algorithm, encode(k.key, 'hex'), k.sign_count::text
	FROM desk.passkey k WHERE k.staff = who ORDER BY k.id;
END
$$;
COMMENT ON FUNCTION api.login_passkeys(text, text) IS 'The passkeys that would do, for a half-done sign-in or (half NULL) a session.';

CREATE FUNCTION api.login_passkey(wanted text)
RETURNS TABLE (credential text, algorithm int, key text, sign_count text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT encode(k.credential, 'hex'), k.algorithm, encode(k.key, 'hex'), k.sign_count::text
	FROM desk.passkey k JOIN desk.staff p ON p.id = k.staff AND p.active
	WHERE k.credential = decode(wanted, 'hex');
END
$$;
COMMENT ON FUNCTION api.login_passkey(text) IS 'A passkey by the name that its device gave it, for who signs in by it alone; no row when it is unknown.';

CREATE FUNCTION api.login_code(half text, step bigint, code_sha256 text, credential text, sign_count bigint, challenge_sha256 text,
	token text, old_token text, address text, agent text)
RETURNS TABLE (outcome text, wait_seconds int, wait_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.half_staff(login_code.half);
	proof text;
BEGIN
	PERFORM FROM desk.staff p WHERE p.id = who FOR NO KEY UPDATE;
	-- so that a half session is finished once
	PERFORM FROM desk.half_session h WHERE h.token_sha256 = sha256(convert_to(login_code.half, 'UTF8')) FOR UPDATE;
	IF NOT FOUND OR who IS NULL THEN
		RETURN QUERY SELECT 'over', 0, '';
		RETURN;
	END IF;
	-- a signature cannot be guessed, and who guesses codes must not lock a passkey out
	IF login_code.credential IS NULL AND NOT desk.code_take(who) THEN
		RETURN QUERY SELECT * FROM desk.limited(desk.code_wait(who));
		RETURN;
	END IF;
	proof := desk.factor_judge(who, login_code.step, login_code.code_sha256, login_code.credential, login_code.sign_count,
		login_code.challenge_sha256, login_code.address);
	IF proof IS NULL THEN
		RETURN QUERY SELECT 'wrong', 0, '';
		RETURN;
	END IF;
	DELETE FROM desk.half_session h WHERE h.token_sha256 = sha256(convert_to(login_code.half, 'UTF8'));
	PERFORM desk.session_make(who, login_code.token, login_code.old_token, login_code.address, login_code.agent, proof);
	RETURN QUERY SELECT 'done', 0, '';
END
$$;
COMMENT ON FUNCTION api.login_code(text, bigint, text, text, bigint, text, text, text, text, text) IS 'Judge the second step of a sign-in: "done" makes a session; "wrong", "limited" after five wrong codes of this account in a quarter of an hour or twenty in a day, of which its owner is told, "over" when the password is more than 5 minutes ago.  What is given are the half minute whose code was typed, SHA-256 of what was typed, or the passkey whose signature was verified.';

CREATE FUNCTION api.login_whole(credential text, sign_count bigint, challenge_sha256 text, network text, token text, old_token text, address text, agent text)
RETURNS TABLE (outcome text, wait_seconds int, wait_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int;
BEGIN
	IF NOT desk.limit_take('login-network', login_whole.network) THEN
		RETURN QUERY SELECT * FROM desk.limited(desk.limit_wait('login-network', login_whole.network));
		RETURN;
	END IF;
	SELECT p.id INTO who FROM desk.passkey k JOIN desk.staff p ON p.id = k.staff AND p.active
	WHERE k.credential = decode(login_whole.credential, 'hex') FOR NO KEY UPDATE OF p;
	IF NOT FOUND OR desk.factor_judge(who, NULL, NULL, login_whole.credential, login_whole.sign_count,
			login_whole.challenge_sha256, login_whole.address) IS NULL THEN
		RETURN QUERY SELECT 'wrong', 0, '';
		RETURN;
	END IF;
	PERFORM desk.limit_give('login-network', login_whole.network);
	PERFORM desk.session_make(who, login_whole.token, login_whole.old_token, login_whole.address, login_whole.agent, 'passkey');
	RETURN QUERY SELECT 'done', 0, '';
END
$$;
COMMENT ON FUNCTION api.login_whole(text, bigint, text, text, text, text, text, text) IS 'Sign in by a passkey alone, whose device has asked its owner for a PIN or a finger: "done", "wrong", or "limited" after too many failures of this network.';

CREATE FUNCTION api.login_again(token text, tag_sha256 text, network text, address text, step bigint, code_sha256 text, credential text,
	sign_count bigint, challenge_sha256 text)
RETURNS TABLE (outcome text, wait_seconds int, wait_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_own(login_again.token);
	account text := (SELECT desk.login_subject(p.login) FROM desk.staff p WHERE p.id = who);
	account_free boolean := desk.limit_take('login-account', account);
	network_free boolean := desk.limit_take('login-network', login_again.network);
	needed boolean := desk.has_factor(who);
	code_free boolean := NOT needed OR login_again.credential IS NOT NULL OR desk.code_take(who);
	proof text;
BEGIN
	IF NOT (account_free AND network_free AND code_free) THEN
		RETURN QUERY SELECT * FROM desk.limited(greatest(desk.limit_wait('login-account', account),
			desk.limit_wait('login-network', login_again.network), desk.code_wait(who)));
		RETURN;
	END IF;
	IF NOT EXISTS (SELECT FROM desk.credential c WHERE c.staff = who AND c.tag_sha256 = decode(login_again.tag_sha256, 'hex')) THEN
		RETURN QUERY SELECT 'wrong', 0, '';
		RETURN;
	END IF;
	IF needed THEN
		proof := desk.factor_judge(who, login_again.step, login_again.code_sha256, login_again.credential, login_again.sign_count,
			login_again.challenge_sha256, login_again.address);
		IF proof IS NULL THEN
			RETURN QUERY SELECT 'wrong', 0, '';
			RETURN;
		END IF;
	END IF;
	PERFORM desk.limit_give('login-account', account), desk.limit_give('login-network', login_again.network);
	UPDATE desk.session s SET fresh_until = now() + interval '10 minutes', factor = coalesce(proof, s.factor)
	WHERE s.token_sha256 = sha256(convert_to(login_again.token, 'UTF8'));
	RETURN QUERY SELECT 'done', 0, '';
END
$$;
COMMENT ON FUNCTION api.login_again(text, text, text, text, bigint, text, text, bigint, text) IS 'Prove again who holds a session, with the password and, where there is one, the second factor: "done" opens what is sensitive for ten minutes; "wrong" does not say which was, and spends no code when it was the password; "limited".  PT401 when the token is no session.';

CREATE FUNCTION api.login_needs(token text) RETURNS TABLE (is_missing boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT desk.factor_missing(login_needs.token)
		AND EXISTS (SELECT FROM desk.session s JOIN desk.staff p ON p.id = s.staff AND p.active
			WHERE s.token_sha256 = sha256(convert_to(login_needs.token, 'UTF8'))
			  AND desk.session_lives(s.seen_at, s.made_at));
END
$$;
COMMENT ON FUNCTION api.login_needs(text) IS 'Is this a session that must set up a second factor before anything else?';

CREATE FUNCTION api.login_end(token text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM desk.session WHERE token_sha256 = sha256(convert_to(token, 'UTF8'));
END
$$;
COMMENT ON FUNCTION api.login_end(text) IS 'Sign out.  No error when there is no such session any more.';

CREATE FUNCTION api.login_sessions(token text)
RETURNS TABLE (id int, made_at text, made_words text, seen_at text, seen_words text, network text, agent text,
	is_this boolean, is_other boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(login_sessions.token);
BEGIN
	RETURN QUERY SELECT s.id, desk.utc(s.made_at), desk.words(s.made_at), desk.utc(s.seen_at), desk.words(s.seen_at),
		s.network, CASE WHEN s.agent ~ '\S' THEN s.agent ELSE 'A browser that did not name itself' END,
		s.token_sha256 = sha256(convert_to(login_sessions.token, 'UTF8')),
		s.token_sha256 <> sha256(convert_to(login_sessions.token, 'UTF8'))
	FROM desk.session s
	WHERE s.staff = who AND desk.session_lives(s.seen_at, s.made_at)
	ORDER BY s.made_at DESC, s.id DESC;
END
$$;
COMMENT ON FUNCTION api.login_sessions(text) IS 'Where one is signed in, the latest first.  PT401 when the token is no session.';

CREATE FUNCTION api.login_session_end(token text, wanted int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_fresh(login_session_end.token);
	ended int;
BEGIN
	DELETE FROM desk.session s WHERE s.staff = who AND (s.id = wanted
		OR wanted IS NULL AND s.token_sha256 <> sha256(convert_to(login_session_end.token, 'UTF8')));
	GET DIAGNOSTICS ended = ROW_COUNT;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION api.login_session_end(text, int) IS 'End one of one''s own sessions, or with NULL all but this one; how many were ended.  Somebody else''s is not touched.  PT401 when the token is no session, PT403 when the last proof is too old.';

CREATE FUNCTION api.login_contact(token text)
RETURNS TABLE (mail text, has_mail boolean, asked_mail text, is_asked boolean, f_mail text, f_digest_is_at_once boolean, f_digest_is_hourly boolean,
	f_digest_is_daily boolean, f_digest_at text, f_quiet_from text, f_quiet_until text, f_zone text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(login_contact.token);
BEGIN
	RETURN QUERY SELECT c.mail, c.mail IS NOT NULL, c.asked_mail, c.asked_mail IS NOT NULL, coalesce(c.asked_mail, c.mail, ''),
		coalesce(c.digest, 'at once') = 'at once', coalesce(c.digest = 'hourly', false), coalesce(c.digest = 'daily', false),
		desk.clock_words(coalesce(c.digest_at, 480)), coalesce(desk.clock_words(c.quiet_from), ''), coalesce(desk.clock_words(c.quiet_until), ''),
		coalesce(c.zone, current_setting('TimeZone'))
	FROM (SELECT) AS one LEFT JOIN desk.staff_contact c ON c.staff = who;
END
$$;
COMMENT ON FUNCTION api.login_contact(text) IS 'How the holder of a session wants mail, as the form shows it.  PT401 when the token is no session.';

CREATE FUNCTION api.login_contact_set(token text, mail text, digest text, digest_at text, quiet_from text, quiet_until text, zone text, network text)
RETURNS TABLE (field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(login_contact_set.token);
	address text := nullif(btrim(login_contact_set.mail), '');
	code text := left(translate(lower(desk.random_token()), '-_01', 'xyzw'), 12);
	had text := (SELECT c.mail FROM desk.staff_contact c WHERE c.staff = who);
BEGIN
	RETURN QUERY SELECT v.field, v.complaint FROM (VALUES
		('mail', 'This is not an email address. It should look like name@example.com.',
			address IS NOT NULL AND (length(address) > 254 OR address !~ '^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$')),
		('digest', 'Choose one of the three.', coalesce(login_contact_set.digest, '') NOT IN ('at once', 'hourly', 'daily')),
		('digest_at', 'Type a time like 08:00.', desk.clock_minute(login_contact_set.digest_at) IS NULL),
		('quiet_from', 'Type a time like 22:00, or leave both empty.', desk.clock_minute(login_contact_set.quiet_from) IS NULL
			AND (login_contact_set.quiet_from ~ '\S' OR login_contact_set.quiet_until ~ '\S')),
		('quiet_until', 'Type a time like 07:00, or leave both empty.', desk.clock_minute(login_contact_set.quiet_until) IS NULL
			AND (login_contact_set.quiet_from ~ '\S' OR login_contact_set.quiet_until ~ '\S')),
		('zone', 'There is no such time zone. It should look like Europe/Berlin.',
			NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = btrim(login_contact_set.zone)))) AS v (field, complaint, is_wrong)
	WHERE v.is_wrong;
	IF FOUND THEN
		RETURN;
	END IF;
	IF address IS DISTINCT FROM (SELECT coalesce(c.asked_mail, c.mail) FROM desk.staff_contact c WHERE c.staff = who) THEN
		PERFORM desk.session_insist(login_contact_set.token);
	END IF;
	INSERT INTO desk.staff_contact AS c (staff, digest, digest_at, quiet_from, quiet_until, zone)
	VALUES (who, login_contact_set.digest, desk.clock_minute(login_contact_set.digest_at),
		desk.clock_minute(login_contact_set.quiet_from), desk.clock_minute(login_contact_set.quiet_until), btrim(login_contact_set.zone))
	ON CONFLICT (staff) DO UPDATE SET (digest, digest_at, quiet_from, quiet_until, zone) =
		(excluded.digest, excluded.digest_at, excluded.quiet_from, excluded.quiet_until, excluded.zone);
	IF address IS NULL THEN
		IF had IS NOT NULL THEN
			PERFORM desk.factor_tell(who, 'address changed', 'self', login_contact_set.network);
		END IF;
		UPDATE desk.staff_contact SET mail = NULL, asked_mail = NULL, asked_sha256 = NULL WHERE staff = who;
	ELSIF NOT EXISTS (SELECT FROM desk.staff_contact c WHERE c.staff = who AND coalesce(c.asked_mail, c.mail) = address) THEN
		UPDATE desk.staff_contact c SET asked_mail = nullif(address, c.mail),
			asked_sha256 = CASE WHEN address <> c.mail OR c.mail IS NULL THEN sha256(convert_to(code, 'UTF8')) END WHERE c.staff = who;
		IF EXISTS (SELECT FROM desk.staff_contact c WHERE c.staff = who AND c.asked_mail IS NOT NULL) THEN
			IF NOT desk.limit_take('mail-address', 's' || who) THEN
				RAISE 'cannot ask so many addresses in a day' USING ERRCODE = 'PT429', COLUMN = 'mail';
			END IF;
			INSERT INTO desk.outbox (kind, staff, address, subject, body)
			VALUES ('confirm', who, address, 'Is this your address?', format(
				E'One of the staff, probably you, wants to be told of tickets at this address.\n\n'
				'If that was you, type this code at {URL}/login/contact:\n\n\t%s\n\nIf not, do nothing: no more mail will come.\n', code));
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION api.login_contact_set(text, text, text, text, text, text, text, text) IS 'Say how one wants mail.  Returns a complaint for each field that will not do, and then changes nothing.  An address is used once it has been confirmed by the code that is mailed there; until then the old one stays.  The old one is told when it goes.  PT401 when the token is no session, PT403 when another address is typed and the last proof is too old, PT429 after three addresses in a day.';

CREATE FUNCTION api.login_contact_confirm(token text, code text, network text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_fresh(login_contact_confirm.token);
BEGIN
	IF NOT desk.limit_take('login-account', 'code s' || who) THEN
		RAISE 'cannot try so many codes' USING ERRCODE = 'PT429';
	END IF;
	PERFORM FROM desk.staff_contact c WHERE c.staff = who
		AND c.asked_sha256 = sha256(convert_to(lower(btrim(login_contact_confirm.code)), 'UTF8')) FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- first, so that it goes to the old one
	PERFORM desk.factor_tell(who, 'address changed', 'self', login_contact_confirm.network);
	UPDATE desk.staff_contact SET mail = asked_mail, asked_mail = NULL, asked_sha256 = NULL WHERE staff = who;
	RETURN true;
END
$$;
COMMENT ON FUNCTION api.login_contact_confirm(text, text, text) IS 'The code that was mailed to a new address: true when it is right, and then the address counts, and the old one is told.  PT401 when the token is no session, PT403 when its last proof is too old, PT429 after too many codes.';

CREATE FUNCTION api.staff_add(login text, name text, salt text, memory_kib int, passes int, tag_sha256 text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int;
BEGIN
	IF EXISTS (SELECT FROM desk.staff s WHERE s.login = staff_add.login) THEN
		RAISE 'there is a member of the staff with the login "%" already', staff_add.login USING ERRCODE = 'PT409';
	END IF;
	INSERT INTO desk.staff (login, name) VALUES (staff_add.login, staff_add.name) RETURNING id INTO who;
	INSERT INTO desk.credential (staff, salt, memory_kib, passes, tag_sha256)
	VALUES (who, decode(staff_add.salt, 'hex'), staff_add.memory_kib, staff_add.passes, decode(staff_add.tag_sha256, 'hex'));
	RETURN who;
END
$$;
COMMENT ON FUNCTION api.staff_add(text, text, text, int, int, text) IS 'Make a member of the staff.  Refuses (PT409) a login that is taken; the constraints of desk.staff and desk.credential hold.  For the owner only.';

CREATE FUNCTION api.staff_set_password(login text, salt text, memory_kib int, passes int, tag_sha256 text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.staff_locked(staff_set_password.login);
BEGIN
	INSERT INTO desk.credential AS c (staff, salt, memory_kib, passes, tag_sha256)
	VALUES (who, decode(staff_set_password.salt, 'hex'), staff_set_password.memory_kib, staff_set_password.passes,
		decode(staff_set_password.tag_sha256, 'hex'))
	ON CONFLICT (staff) DO UPDATE SET (salt, memory_kib, passes, tag_sha256, set_at) =
		(excluded.salt, excluded.memory_kib, excluded.passes, excluded.tag_sha256, now());
	PERFORM desk.sessions_end(who, NULL), desk.code_forget(who), desk.factor_tell(who, 'password changed', session_user::text, NULL);
	RETURN who;
END
$$;
COMMENT ON FUNCTION api.staff_set_password(text, text, int, int, text) IS 'Give a member of the staff another password and end all their sessions, those that are half done, too.  It is written down and they are told.  PT404 for an unknown login.  For the owner only.';

CREATE FUNCTION api.staff_end_sessions(login text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.staff_locked(staff_end_sessions.login);
	ended int := desk.sessions_end(who, NULL);
BEGIN
	PERFORM desk.factor_tell(who, 'sessions ended', session_user::text, NULL);
	RETURN ended;
END
$$;
COMMENT ON FUNCTION api.staff_end_sessions(text) IS 'End all sessions of somebody; how many there were.  It is written down and they are told.  PT404 for an unknown login.  For the owner only.';

CREATE FUNCTION api.staff_reset_factor(login text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.staff_locked(staff_reset_factor.login);
BEGIN
	DELETE FROM desk.factor_app a WHERE a.staff = who;
	DELETE FROM desk.passkey k WHERE k.staff = who;
	DELETE FROM desk.recovery_code c WHERE c.staff = who;
	PERFORM desk.sessions_end(who, NULL), desk.code_forget(who), desk.factor_tell(who, 'factors reset', session_user::text, NULL);
	RETURN who;
END
$$;
COMMENT ON FUNCTION api.staff_reset_factor(text) IS 'For somebody who has lost their second factor and their recovery codes: removes all of them and ends all sessions; the password stays.  It is written down and they are told.  PT404 for an unknown login.  For the owner only.';

GRANT USAGE ON SCHEMA api TO desk_login;
GRANT EXECUTE ON FUNCTION api.login_params(text, text), api.login_finish(text, text, text, text, text, text, text),
	api.login_end(text), api.login_sessions(text), api.login_session_end(text, int), api.login_contact(text),
	api.login_contact_set(text, text, text, text, text, text, text, text), api.login_contact_confirm(text, text, text),
	api.login_proof(text, text), api.login_passkeys(text, text), api.login_passkey(text), api.login_needs(text),
	api.login_code(text, bigint, text, text, bigint, text, text, text, text, text),
	api.login_whole(text, bigint, text, text, text, text, text, text),
	api.login_again(text, text, text, text, bigint, text, text, bigint, text) TO desk_login;
