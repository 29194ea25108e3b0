-- Limits, links, addresses.

CREATE OR REPLACE FUNCTION desk.limit_take(wanted text, about text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.limiter;
	now_taken int;
BEGIN
	SELECT * INTO STRICT l FROM desk.limiter WHERE name = wanted;
	INSERT INTO desk.limit_count AS c (limiter, subject, window_at, taken)
	VALUES (wanted, about, now(), 1)
	ON CONFLICT (limiter, subject) DO UPDATE SET
		taken = CASE WHEN c.window_at < now() - l.seconds * interval '1 second'
			THEN 1 ELSE least(c.taken, l.most) + 1 END,
		window_at = CASE WHEN c.window_at < now() - l.seconds * interval '1 second'
			THEN now() ELSE c.window_at END
	RETURNING c.taken INTO now_taken;
	RETURN now_taken <= l.most;
END
$$;
COMMENT ON FUNCTION desk.limit_take(text, text) IS 'Count one more of a limited thing; false when it is too often.  The count is part of the caller''s transaction.';

CREATE OR REPLACE FUNCTION desk.random_token() RETURNS text
LANGUAGE sql VOLATILE
RETURN rtrim(translate(encode(substr(sha256(
	uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16), 'base64'), '+/', '-_'), '=');
COMMENT ON FUNCTION desk.random_token() IS '128 bits from 244 random ones, as 22 characters of base64url.';

CREATE OR REPLACE FUNCTION desk.link_make(wanted int, whose int, what text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	token text := desk.random_token();
BEGIN
	INSERT INTO desk.link (token_sha256, ticket, person, purpose)
	VALUES (sha256(convert_to(token, 'UTF8')), wanted, whose, what);
	RETURN token;
END
$$;
COMMENT ON FUNCTION desk.link_make(int, int, text) IS 'A new secret link for a mail; only its hash stays.';

CREATE OR REPLACE FUNCTION desk.link_open(token text, wanted int, what text) RETURNS desk.link
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link;
BEGIN
	SELECT * INTO l FROM desk.link x
	WHERE x.token_sha256 = sha256(convert_to(token, 'UTF8'))
	  AND x.purpose = what AND x.revoked_at IS NULL
	  AND (wanted IS NULL OR x.ticket = wanted);
	IF NOT FOUND THEN
		RAISE 'no such link' USING ERRCODE = 'PT404';
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION desk.link_open(text, int, text) IS 'The link behind a token, PT404 when there is none, it was revoked, or it is for another ticket or purpose.';

CREATE OR REPLACE FUNCTION desk.person_of(address text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_id int;
BEGIN
	SELECT id INTO found_id FROM desk.person WHERE lower(mail) = lower(address);
	IF NOT FOUND THEN
		INSERT INTO desk.person (mail) VALUES (address)
		ON CONFLICT (lower(mail)) DO UPDATE SET mail = desk.person.mail
		RETURNING id INTO found_id;
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION desk.person_of(text) IS 'The person of an address, made when new.';
