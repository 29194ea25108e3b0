-- Second factors: what proves one, and what happens when one changes.

CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.factor_event FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();

CREATE OR REPLACE FUNCTION desk.base64url(what bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN rtrim(translate(encode(what, 'base64'), E'+/\n', '-_'), '=');
COMMENT ON FUNCTION desk.base64url(bytea) IS 'As browsers write bytes: RFC 4648, section 5, without padding.';

CREATE OR REPLACE FUNCTION desk.has_factor(whose int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM desk.factor_app a WHERE a.staff = whose) OR EXISTS (SELECT FROM desk.passkey k WHERE k.staff = whose);
$$;
COMMENT ON FUNCTION desk.has_factor(int) IS 'Has this member of the staff a second factor?  Recovery codes alone are none.';

CREATE OR REPLACE FUNCTION desk.factor_tell(whose int, what text, by text, network text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.factor_event (staff, what, by, network) VALUES (whose, factor_tell.what, factor_tell.by, factor_tell.network);
	INSERT INTO desk.outbox (kind, staff, address, subject, body)
	SELECT 'account', whose, c.mail, 'Your account: ' || factor_tell.what, format(
		CASE factor_tell.what WHEN 'wrong codes' THEN E'Somebody typed wrong codes to sign in as you at {NAME}, until codes had to wait.\n\n'
			ELSE E'This changed in how you sign in at {NAME}: %1$s.\n\n' END || E'When: %2$s\nBy: %3$s\n\n'
		'If that was you, all is well. If not, end your sessions and change your password now, and tell a colleague with access to the server:\n{URL}/login/factor\n',
		factor_tell.what, desk.words(now()), CASE factor_tell.by WHEN 'self' THEN 'somebody signed in as you, from ' || factor_tell.network
			WHEN 'unknown' THEN 'somebody who knows your password, from ' || factor_tell.network
			ELSE 'an operator, on the server' END)
	FROM desk.staff_contact c WHERE c.staff = whose AND c.mail IS NOT NULL;
END
$$;
COMMENT ON FUNCTION desk.factor_tell(int, text, text, text) IS 'Write down what changed in how somebody signs in, and tell them by mail where they have an address: at the one they have now, whatever it will be when the mail goes out.  The mail is not put off by a digest or by quiet hours.';

CREATE OR REPLACE FUNCTION desk.factor_writer(token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int;
BEGIN
	-- before the session is looked at: what this waits for may end it
	PERFORM FROM desk.staff p JOIN desk.session s ON s.staff = p.id
	WHERE s.token_sha256 = sha256(convert_to(factor_writer.token, 'UTF8')) FOR NO KEY UPDATE OF p;
	who := desk.session_own(factor_writer.token);
	PERFORM desk.session_insist(factor_writer.token);
	RETURN who;
END
$$;
COMMENT ON FUNCTION desk.factor_writer(text) IS 'Who a session token stands for, to change how they sign in: nobody else can change that, or sign in as them, until the transaction ends.  PT401 and PT403 as desk.session_own and desk.session_insist.';

CREATE OR REPLACE FUNCTION desk.sessions_end(whose int, but_token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ended int;
BEGIN
	DELETE FROM desk.half_session h WHERE h.staff = whose;
	DELETE FROM desk.session s WHERE s.staff = whose AND s.token_sha256 IS DISTINCT FROM sha256(convert_to(but_token, 'UTF8'));
	GET DIAGNOSTICS ended = ROW_COUNT;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION desk.sessions_end(int, text) IS 'End all sessions of somebody but the one of a token, which may be NULL, and all sign-ins that are half done; how many sessions were ended.';

CREATE OR REPLACE FUNCTION desk.staff_locked(login text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int;
BEGIN
	SELECT s.id INTO who FROM desk.staff s WHERE s.login = staff_locked.login FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE 'there is no member of the staff with the login "%"', staff_locked.login USING ERRCODE = 'PT404';
	END IF;
	RETURN who;
END
$$;
COMMENT ON FUNCTION desk.staff_locked(text) IS 'The member of the staff with this login: nobody else can change how they sign in, or sign in as them, until the transaction ends.  PT404 when there is none.';

CREATE OR REPLACE FUNCTION desk.factor_changed(token text, what text, network text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_own(factor_changed.token);
BEGIN
	PERFORM desk.sessions_end(who, factor_changed.token), desk.factor_tell(who, factor_changed.what, 'self', factor_changed.network);
END
$$;
COMMENT ON FUNCTION desk.factor_changed(text, text, text) IS 'Somebody changed how they sign in: it is written down, they are told, and all their other sessions end.';

CREATE OR REPLACE FUNCTION desk.factor_judge(who int, step bigint, code_sha256 text, credential text, sign_count bigint, challenge_sha256 text, network text)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	proof text;
BEGIN
	IF factor_judge.credential IS NOT NULL THEN
		DELETE FROM desk.challenge_used u WHERE u.at < now() - interval '1 hour';
		INSERT INTO desk.challenge_used (challenge_sha256) VALUES (decode(factor_judge.challenge_sha256, 'hex')) ON CONFLICT DO NOTHING;
		IF NOT FOUND THEN
			RETURN NULL;
		END IF;
		UPDATE desk.passkey k SET sign_count = factor_judge.sign_count, used_at = now()
		WHERE k.staff = who AND k.credential = decode(factor_judge.credential, 'hex')
		  AND (factor_judge.sign_count > k.sign_count OR factor_judge.sign_count = 0 AND k.sign_count = 0);
		RETURN CASE WHEN FOUND THEN 'passkey' END;
	END IF;
	-- the program says which step the code is of; it is none that is far from now
	UPDATE desk.factor_app a SET last_step = factor_judge.step, used_at = now()
	WHERE a.staff = who AND a.last_step < factor_judge.step AND abs(factor_judge.step - desk.factor_step()) <= 2;
	IF FOUND THEN
		proof := 'app';
	ELSE
		DELETE FROM desk.recovery_code c WHERE c.staff = who AND c.code_sha256 = decode(factor_judge.code_sha256, 'hex');
		IF NOT FOUND THEN
			PERFORM desk.code_wrong(who, factor_judge.network);
			RETURN NULL;
		END IF;
		PERFORM desk.factor_tell(who, 'recovery code used', 'self', factor_judge.network);
		proof := 'recovery code';
	END IF;
	PERFORM desk.code_give(who);
	RETURN proof;
END
$$;
COMMENT ON FUNCTION desk.factor_judge(int, bigint, text, text, bigint, text, text) IS 'What was proven: "app", "recovery code" or "passkey", NULL for nothing.  Each proof is spent by it: a step of an app and all before it, a recovery code, a challenge.  Of two requests with the same proof one gets nothing, for the row is locked.  A code was counted by desk.code_take() before: a right one is given back, a wrong one told of where the next has to wait.';

CREATE OR REPLACE FUNCTION desk.factor_step() RETURNS bigint
LANGUAGE sql STABLE
RETURN floor(extract(epoch FROM now()) / 30)::bigint;
COMMENT ON FUNCTION desk.factor_step() IS 'The half minute since 1970 that codes of apps are made of (RFC 6238).';

CREATE OR REPLACE FUNCTION desk.code_take(whose int) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT desk.limit_take('login-code', 's' || whose) THEN
		RETURN false;
	END IF;
	RETURN desk.limit_take('login-code-day', 's' || whose);
END
$$;
COMMENT ON FUNCTION desk.code_take(int) IS 'May a code of theirs be judged?  Counts it as a wrong one until desk.code_give().';

CREATE OR REPLACE FUNCTION desk.code_give(whose int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.limit_give('login-code', 's' || whose), desk.limit_give('login-code-day', 's' || whose);
END
$$;
COMMENT ON FUNCTION desk.code_give(int) IS 'It was right, or was not judged.';

CREATE OR REPLACE FUNCTION desk.code_wait(whose int) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN greatest(desk.limit_wait('login-code', 's' || whose), desk.limit_wait('login-code-day', 's' || whose));
END
$$;
COMMENT ON FUNCTION desk.code_wait(int) IS 'Seconds until another code of theirs is judged, 0 when one is now.';

CREATE OR REPLACE FUNCTION desk.code_wrong(whose int, network text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF desk.code_wait(whose) > 0 THEN
		PERFORM desk.factor_tell(whose, 'wrong codes', 'unknown', code_wrong.network);
	END IF;
END
$$;
COMMENT ON FUNCTION desk.code_wrong(int, text) IS 'A code was wrong after a right password.  The one that makes the next ones wait is told to whose account it is: once, for those are not judged.';

CREATE OR REPLACE FUNCTION desk.code_forget(whose int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM desk.limit_count c WHERE c.limiter IN ('login-code', 'login-code-day') AND c.subject = 's' || whose;
$$;
COMMENT ON FUNCTION desk.code_forget(int) IS 'Codes that were guessed behind a password that is no longer hold nobody up.';

CREATE OR REPLACE FUNCTION desk.session_make(who int, token text, old_token text, network text, agent text, factor text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM desk.session s WHERE s.token_sha256 = sha256(convert_to(session_make.old_token, 'UTF8'));
	DELETE FROM desk.session WHERE id IN (SELECT x.id FROM desk.session x WHERE x.staff = who
		ORDER BY desk.session_lives(x.seen_at, x.made_at) DESC, x.made_at DESC, x.id DESC OFFSET 4);
	INSERT INTO desk.session (token_sha256, staff, network, agent, factor)
	VALUES (sha256(convert_to(session_make.token, 'UTF8')), who, session_make.network,
		left(desk.visible(session_make.agent), 300), session_make.factor);
END
$$;
COMMENT ON FUNCTION desk.session_make(int, text, text, text, text, text) IS 'A new session, which also is a fresh proof.  Ends the one that the browser had, and the oldest of more than five.';

CREATE OR REPLACE FUNCTION desk.half_staff(half text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT h.staff FROM desk.half_session h JOIN desk.staff p ON p.id = h.staff AND p.active
		WHERE h.token_sha256 = sha256(convert_to(half_staff.half, 'UTF8')) AND h.made_at > now() - interval '5 minutes');
END
$$;
COMMENT ON FUNCTION desk.half_staff(text) IS 'Whose password was right less than 5 minutes ago in this browser; NULL when nobody''s.';

CREATE OR REPLACE FUNCTION desk.half_or_session(half text, token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF half IS NULL THEN
		RETURN desk.session_own(half_or_session.token);
	END IF;
	RETURN desk.half_staff(half_or_session.half);
END
$$;
COMMENT ON FUNCTION desk.half_or_session(text, text) IS 'Who is to prove a second factor: whose sign-in is half done, NULL when it took too long, or (half NULL) who holds a session; PT401 when nobody.';

CREATE OR REPLACE FUNCTION desk.limited(wait int) RETURNS TABLE (outcome text, wait_seconds int, wait_words text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT 'limited', w.seconds, desk.wait_words(w.seconds) FROM greatest(1, limited.wait) AS w (seconds);
END
$$;
COMMENT ON FUNCTION desk.limited(int) IS 'What is answered to a password or code that is not judged, for there were too many wrong ones.';

CREATE OR REPLACE FUNCTION desk.recovery_codes_set(who int, hashes text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF cardinality(hashes) IS DISTINCT FROM 10 THEN
		RAISE 'there are ten recovery codes' USING ERRCODE = 'PT400';
	END IF;
	DELETE FROM desk.recovery_code c WHERE c.staff = who;
	INSERT INTO desk.recovery_code (code_sha256, staff) SELECT decode(h, 'hex'), who FROM unnest(hashes) h;
END
$$;
COMMENT ON FUNCTION desk.recovery_codes_set(int, text[]) IS 'New recovery codes in the place of all that were there.';

CREATE OR REPLACE FUNCTION desk.factor_added(token text, what text, proof text, hashes text[], network text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_own(factor_added.token);
	codes_needed boolean := NOT EXISTS (SELECT FROM desk.recovery_code c WHERE c.staff = who);
BEGIN
	IF codes_needed THEN
		PERFORM desk.recovery_codes_set(who, hashes);
	END IF;
	PERFORM desk.factor_changed(factor_added.token, factor_added.what, factor_added.network);
	UPDATE desk.session s SET factor = proof WHERE s.token_sha256 = sha256(convert_to(factor_added.token, 'UTF8'));
	RETURN codes_needed;
END
$$;
COMMENT ON FUNCTION desk.factor_added(text, text, text, text[], text) IS 'A factor was added in this session, which has thereby proven it.  The first one brings the recovery codes: true when these are now the codes.';

CREATE OR REPLACE FUNCTION desk.factor_removed(token text, what text, network text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_own(factor_removed.token);
BEGIN
	IF NOT desk.has_factor(who) THEN
		IF EXISTS (SELECT FROM desk.staff_rule r WHERE r.factor = 'required') THEN
			RAISE 'cannot remove the last second factor while one is required: add another one first' USING ERRCODE = 'PT409', COLUMN = 'factor';
		END IF;
		DELETE FROM desk.recovery_code c WHERE c.staff = who;
		UPDATE desk.session s SET factor = NULL WHERE s.staff = who;
	END IF;
	PERFORM desk.factor_changed(factor_removed.token, factor_removed.what, factor_removed.network);
END
$$;
COMMENT ON FUNCTION desk.factor_removed(text, text, text) IS 'A factor was removed in this session; recovery codes go with the last one.  PT409 when it was the last and one is required.';
