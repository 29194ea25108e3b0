-- What the program factor may do: set up and remove what somebody signs in
-- with.  It never reads the seed of an app, not even sealed, nor the tag of a
-- password; it writes them, for the holder of a session, who has just proven
-- who they are (desk.factor_writer).
--
-- A session that lacks a required factor may call these, and nothing else.

CREATE FUNCTION api.factor_me(token text)
RETURNS TABLE (staff int, login text, has_app boolean, no_app boolean, app_made_at text, app_made_words text, app_used_words text, has_passkey boolean,
	has_factor boolean, codes_left int, is_required boolean, is_missing boolean, is_fresh boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_own(factor_me.token);
BEGIN
	RETURN QUERY SELECT p.id, p.login, a.staff IS NOT NULL, a.staff IS NULL, desk.utc(a.made_at), desk.words(a.made_at),
		coalesce(desk.words(a.used_at), 'never since'), EXISTS (SELECT FROM desk.passkey k WHERE k.staff = who), desk.has_factor(who),
		(SELECT count(*)::int FROM desk.recovery_code c WHERE c.staff = who),
		EXISTS (SELECT FROM desk.staff_rule r WHERE r.factor = 'required'), desk.factor_missing(factor_me.token), s.fresh_until > now()
	FROM desk.session s JOIN desk.staff p ON p.id = s.staff LEFT JOIN desk.factor_app a ON a.staff = p.id
	WHERE s.token_sha256 = sha256(convert_to(factor_me.token, 'UTF8'));
END
$$;
COMMENT ON FUNCTION api.factor_me(text) IS 'What the holder of a session signs in with, and whether they may change it now.  PT401 when the token is no session.';

CREATE FUNCTION api.factor_passkeys(token text)
RETURNS TABLE (id int, name text, made_at text, made_words text, used_words text, device_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_own(factor_passkeys.token);
BEGIN
	RETURN QUERY SELECT k.id, k.name, desk.utc(k.made_at), desk.words(k.made_at), coalesce(desk.words(k.used_at), 'Never'),
		desk.base64url(k.credential)
	FROM desk.passkey k WHERE k.staff = who ORDER BY k.id;
END
$$;
COMMENT ON FUNCTION api.factor_passkeys(text) IS 'The passkeys of the holder of a session.  PT401 when the token is none.';

CREATE FUNCTION api.factor_events(token text)
RETURNS TABLE (at text, at_words text, what text, who text, network text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	whose int := desk.session_own(factor_events.token);
BEGIN
	RETURN QUERY SELECT desk.utc(e.at), desk.words(e.at), upper(left(e.what, 1)) || substr(e.what, 2),
		CASE e.by WHEN 'self' THEN 'You' WHEN 'unknown' THEN 'Somebody who knew your password' ELSE 'An operator (' || e.by || ')' END, coalesce(e.network, '')
	FROM desk.factor_event e WHERE e.staff = whose ORDER BY e.id DESC LIMIT 20;
END
$$;
COMMENT ON FUNCTION api.factor_events(text) IS 'What changed in how the holder of a session signs in, the last twenty things.  PT401 when the token is none.';

CREATE FUNCTION api.factor_app_add(token text, sealed text, step bigint, codes text[], network text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.factor_writer(factor_app_add.token);
BEGIN
	INSERT INTO desk.factor_app AS a (staff, sealed, last_step) VALUES (who, decode(factor_app_add.sealed, 'hex'), factor_app_add.step)
	ON CONFLICT (staff) DO UPDATE SET (sealed, last_step, made_at, used_at) = (excluded.sealed, excluded.last_step, now(), NULL)
		WHERE a.sealed <> excluded.sealed;
	RETURN desk.factor_added(factor_app_add.token, 'app added', 'app', factor_app_add.codes, factor_app_add.network);
END
$$;
COMMENT ON FUNCTION api.factor_app_add(text, text, bigint, text[], text) IS 'Set up an app, once its first code was right, or another one in its place.  True when the recovery codes given are now the codes: there were none before.  PT401 without a session, PT403 when its last proof is too old.';

CREATE FUNCTION api.factor_app_remove(token text, network text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.factor_writer(factor_app_remove.token);
BEGIN
	DELETE FROM desk.factor_app a WHERE a.staff = who;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM desk.factor_removed(factor_app_remove.token, 'app removed', factor_app_remove.network);
	RETURN true;
END
$$;
COMMENT ON FUNCTION api.factor_app_remove(text, text) IS 'Remove the app; false when there was none.  PT409 when it is the last factor and one is required; PT401 and PT403 as above.';

CREATE FUNCTION api.factor_codes(token text, codes text[], network text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.factor_writer(factor_codes.token);
BEGIN
	IF NOT desk.has_factor(who) THEN
		RAISE 'there is no second factor that a code could stand in for' USING ERRCODE = 'PT409';
	END IF;
	PERFORM desk.recovery_codes_set(who, factor_codes.codes);
	PERFORM desk.factor_changed(factor_codes.token, 'recovery codes made', factor_codes.network);
	RETURN true;
END
$$;
COMMENT ON FUNCTION api.factor_codes(text, text[], text) IS 'Ten new recovery codes; the old ones open nothing any more.  PT409 without a second factor; PT401 and PT403 as above.';

CREATE FUNCTION api.factor_passkey_add(token text, credential text, algorithm int, key text, sign_count bigint, challenge_sha256 text, name text, codes text[], network text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.factor_writer(factor_passkey_add.token);
BEGIN
	IF (SELECT count(*) FROM desk.passkey k WHERE k.staff = who) >= 10 THEN
		RAISE 'cannot keep more than ten passkeys: remove one first' USING ERRCODE = 'PT409';
	END IF;
	INSERT INTO desk.challenge_used (challenge_sha256) VALUES (decode(factor_passkey_add.challenge_sha256, 'hex')) ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RAISE 'this challenge was answered already' USING ERRCODE = 'PT409';
	END IF;
	IF EXISTS (SELECT FROM desk.passkey k WHERE k.credential = decode(factor_passkey_add.credential, 'hex')) THEN
		RAISE 'this passkey is known already' USING ERRCODE = 'PT409';
	END IF;
	INSERT INTO desk.passkey (staff, credential, algorithm, key, sign_count, name)
	VALUES (who, decode(factor_passkey_add.credential, 'hex'), factor_passkey_add.algorithm, decode(factor_passkey_add.key, 'hex'),
		factor_passkey_add.sign_count, coalesce(nullif(btrim(desk.visible(left(factor_passkey_add.name, 60))), ''), 'A passkey'));
	RETURN desk.factor_added(factor_passkey_add.token, 'passkey added', 'passkey', factor_passkey_add.codes, factor_passkey_add.network);
END
$$;
COMMENT ON FUNCTION api.factor_passkey_add(text, text, int, text, bigint, text, text, text[], text) IS 'Set up a passkey.  True when the recovery codes given are now the codes: there were none before.  PT409 for one that is known, for a challenge that was answered, and after ten; PT401 and PT403 as above.';

CREATE FUNCTION api.factor_passkey_remove(token text, wanted int, network text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.factor_writer(factor_passkey_remove.token);
BEGIN
	DELETE FROM desk.passkey k WHERE k.staff = who AND k.id = wanted;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM desk.factor_removed(factor_passkey_remove.token, 'passkey removed', factor_passkey_remove.network);
	RETURN true;
END
$$;
COMMENT ON FUNCTION api.factor_passkey_remove(text, int, text) IS 'Remove one of one''s own passkeys; false when there is no such one.  PT409 when it is the last factor and one is required; PT401 and PT403 as above.';

CREATE FUNCTION api.factor_password_params(token text)
RETURNS TABLE (login text, name text, salt text, memory_kib int, passes int, wait_seconds int, wait_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_own(factor_password_params.token);
	wait int;
BEGIN
	PERFORM desk.session_insist(factor_password_params.token);
	SELECT desk.limit_wait('login-account', desk.login_subject(p.login)) INTO wait FROM desk.staff p WHERE p.id = who;
	RETURN QUERY SELECT p.login, p.name, encode(c.salt, 'hex'), c.memory_kib, c.passes, wait, desk.wait_words(wait)
	FROM desk.staff p JOIN desk.credential c ON c.staff = p.id WHERE p.id = who;
END
$$;
COMMENT ON FUNCTION api.factor_password_params(text) IS 'How to compute the tag of the password that is to be changed.  PT401 and PT403 as above.';

CREATE FUNCTION api.factor_password(token text, old_tag_sha256 text, salt text, memory_kib int, passes int, tag_sha256 text, network text)
RETURNS TABLE (outcome text, wait_seconds int, wait_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_own(factor_password.token);
	account text := (SELECT desk.login_subject(p.login) FROM desk.staff p WHERE p.id = who);
BEGIN
	PERFORM desk.session_insist(factor_password.token);
	IF NOT desk.limit_take('login-account', account) THEN
		RETURN QUERY SELECT * FROM desk.limited(desk.limit_wait('login-account', account));
		RETURN;
	END IF;
	-- after the limit, as who signs in takes the two
	who := desk.factor_writer(factor_password.token);
	UPDATE desk.credential c SET (salt, memory_kib, passes, tag_sha256, set_at) =
		(decode(factor_password.salt, 'hex'), factor_password.memory_kib, factor_password.passes, decode(factor_password.tag_sha256, 'hex'), now())
	WHERE c.staff = who AND c.tag_sha256 = decode(factor_password.old_tag_sha256, 'hex');
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'wrong', 0, '';
		RETURN;
	END IF;
	PERFORM desk.limit_give('login-account', account), desk.code_forget(who);
	PERFORM desk.factor_changed(factor_password.token, 'password changed', factor_password.network);
	RETURN QUERY SELECT 'done', 0, '';
END
$$;
COMMENT ON FUNCTION api.factor_password(text, text, text, int, int, text, text) IS 'Another password, when the tag of the old one is right: "done" ends all other sessions; "wrong"; "limited" after too many wrong ones.  PT401 and PT403 as above.';

GRANT USAGE ON SCHEMA api TO desk_factor;
GRANT EXECUTE ON FUNCTION api.factor_me(text), api.factor_passkeys(text), api.factor_events(text),
	api.factor_app_add(text, text, bigint, text[], text), api.factor_app_remove(text, text), api.factor_codes(text, text[], text),
	api.factor_passkey_add(text, text, int, text, bigint, text, text, text[], text), api.factor_passkey_remove(text, int, text),
	api.factor_password_params(text), api.factor_password(text, text, text, int, int, text, text) TO desk_factor;
