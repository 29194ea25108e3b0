-- Sessions: who is signed in, how recently that was proven, and with what.

CREATE OR REPLACE FUNCTION desk.session_lives(seen_at timestamptz, made_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN session_lives.seen_at > now() - interval '30 minutes' AND session_lives.made_at > now() - interval '12 hours';
COMMENT ON FUNCTION desk.session_lives(timestamptz, timestamptz) IS 'Is a session that was seen and made then still one?  Not after 30 minutes without a request, nor after 12 hours.';

CREATE OR REPLACE FUNCTION desk.session_own(token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s record;
BEGIN
	SELECT x.staff, x.seen_at, x.token_sha256 INTO s
	FROM desk.session x JOIN desk.staff p ON p.id = x.staff AND p.active
	WHERE x.token_sha256 = sha256(convert_to(token, 'UTF8'))
	  AND desk.session_lives(x.seen_at, x.made_at);
	IF NOT FOUND THEN
		RAISE 'not signed in' USING ERRCODE = 'PT401';
	END IF;
	IF s.seen_at < now() - interval '1 minute' THEN
		UPDATE desk.session SET seen_at = now() WHERE token_sha256 = s.token_sha256;
	END IF;
	RETURN s.staff;
END
$$;
COMMENT ON FUNCTION desk.session_own(text) IS 'Who a session token stands for, a required second factor or not: for one''s own factors alone.  PT401 when nobody (unknown, 30 minutes idle, 12 hours old, or no longer active).';

CREATE OR REPLACE FUNCTION desk.factor_missing(token text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.session s WHERE s.token_sha256 = sha256(convert_to(token, 'UTF8')) AND s.factor IS NULL)
		AND EXISTS (SELECT FROM desk.staff_rule r WHERE r.factor = 'required');
END
$$;
COMMENT ON FUNCTION desk.factor_missing(text) IS 'Is a second factor required that this session has not proven?';

CREATE OR REPLACE FUNCTION desk.session_staff(token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_own(session_staff.token);
BEGIN
	IF desk.factor_missing(session_staff.token) THEN
		RAISE 'a second factor is required and there is none yet' USING ERRCODE = 'PT401', COLUMN = 'factor';
	END IF;
	RETURN who;
END
$$;
COMMENT ON FUNCTION desk.session_staff(text) IS 'Who a session token stands for; PT401 when nobody (unknown, 30 minutes idle, 12 hours old, or no longer active), and while a second factor is required (desk.staff_rule) that this session has not proven.';

CREATE OR REPLACE FUNCTION desk.session_insist(token text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.session s WHERE s.token_sha256 = sha256(convert_to(token, 'UTF8')) AND s.fresh_until > now()) THEN
		RAISE 'this needs a proof of who you are that is not older than ten minutes' USING ERRCODE = 'PT403', COLUMN = 'fresh';
	END IF;
END
$$;
COMMENT ON FUNCTION desk.session_insist(text) IS 'Refuses (PT403, column "fresh") a session whose last proof, at sign-in or at /login/again, is older than ten minutes.';

CREATE OR REPLACE FUNCTION desk.session_fresh(token text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(session_fresh.token);
BEGIN
	PERFORM desk.session_insist(session_fresh.token);
	RETURN who;
END
$$;
COMMENT ON FUNCTION desk.session_fresh(text) IS 'The same for what is sensitive: PT401 as desk.session_staff, and PT403 with column "fresh" when the last proof of password and second factor is older than ten minutes; /login/again renews it.';
