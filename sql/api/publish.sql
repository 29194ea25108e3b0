-- What the command publish may do: set which public keys are offered for
-- confidential parts.  Whether a key is any good it finds out itself, with
-- gpg; the staff are told of each change.

CREATE FUNCTION api.publish_key(fingerprint text, key_ids text[], name text, address text, wkd text, algorithm text,
	expires_at timestamptz, packets bytea) RETURNS TABLE (outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old desk.confidential_key;
BEGIN
	IF expires_at <= now() THEN
		RAISE 'cannot publish a key that has expired' USING ERRCODE = 'PT409';
	END IF;
	SELECT * INTO old FROM desk.confidential_key k WHERE k.fingerprint = publish_key.fingerprint FOR UPDATE;
	outcome := CASE WHEN old.fingerprint IS NULL THEN 'published'
		WHEN old.retired_at IS NOT NULL THEN 'published again'
		WHEN old.packets = publish_key.packets THEN 'known already'
		ELSE 'renewed' END;
	IF outcome <> 'known already' THEN
		INSERT INTO desk.confidential_key AS k (fingerprint, key_ids, name, address, wkd, algorithm, expires_at, packets)
		VALUES (fingerprint, key_ids, name, address, wkd, algorithm, publish_key.expires_at, packets)
		ON CONFLICT ON CONSTRAINT confidential_key_pkey DO UPDATE SET key_ids = excluded.key_ids, name = excluded.name,
			address = excluded.address, wkd = excluded.wkd, algorithm = excluded.algorithm, expires_at = excluded.expires_at,
			packets = excluded.packets, retired_at = NULL,
			warned_days = CASE WHEN excluded.expires_at IS NOT DISTINCT FROM k.expires_at THEN k.warned_days END;
		PERFORM desk.mail_staff('alarm', NULL, NULL, format('A key for confidential parts was %s', outcome),
			format(E'%s\n%s\n\nIf none of you did that, somebody else wants to read what is confidential:\nretire it with "publish --retire".\n',
				name, desk.fingerprint_words(fingerprint)));
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.publish_key(text, text[], text, text, text, text, timestamptz, bytea) IS 'Offer a key from now on, or a newer form of one that is offered.  Says what it did: published, published again, renewed, or known already.  The staff are told.  Raises PT409 for one that has expired.';

CREATE FUNCTION api.publish_retire(wanted text) RETURNS TABLE (line text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	k desk.confidential_key;
BEGIN
	SELECT * INTO k FROM desk.confidential_key x
	WHERE x.fingerprint = upper(regexp_replace(wanted, '\s|^0x', '', 'gi')) FOR UPDATE;
	IF NOT FOUND THEN
		RAISE 'cannot find a key "%"', wanted USING ERRCODE = 'PT404';
	END IF;
	IF k.retired_at IS NULL THEN
		UPDATE desk.confidential_key SET retired_at = now() WHERE fingerprint = k.fingerprint;
		PERFORM desk.mail_staff('alarm', NULL, NULL, 'A key for confidential parts was retired',
			format(E'%s\n%s\n\nKeep its secret half: what was encrypted for it can be read with nothing else.\n', k.name, desk.fingerprint_words(k.fingerprint)));
	END IF;
	line := format('%s is not offered any more', desk.fingerprint_words(k.fingerprint));
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.publish_retire(text) IS 'Offer a key no more, by its fingerprint, with or without blanks.  The staff are told.  PT404 for an unknown one.';

CREATE FUNCTION api.publish_list() RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT format(E'%s\n    %s, %s\n    %s', desk.fingerprint_words(k.fingerprint), desk.visible(k.name), k.algorithm,
		CASE WHEN k.retired_at IS NOT NULL THEN 'retired on ' || desk.words(k.retired_at)
			WHEN k.expires_at <= now() THEN 'expired on ' || desk.words(k.expires_at) || ', not offered'
			WHEN k.expires_at IS NULL THEN 'offered, never expires'
			ELSE 'offered, expires on ' || desk.words(k.expires_at) END)
	FROM desk.confidential_key k ORDER BY k.retired_at IS NOT NULL, k.published_at, k.fingerprint;
END
$$;
COMMENT ON FUNCTION api.publish_list() IS 'All keys that were ever published, with what became of them.';

CREATE FUNCTION api.publish_check() RETURNS TABLE (line text, status int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT CASE WHEN k.expires_at IS NULL THEN format('%s never expires', desk.fingerprint_words(k.fingerprint))
			WHEN k.expires_at <= now() THEN format('%s has expired and is not offered', desk.fingerprint_words(k.fingerprint))
			ELSE format('%s expires in %s', desk.fingerprint_words(k.fingerprint), desk.span_words(extract(epoch FROM k.expires_at - now()))) END,
		CASE WHEN k.expires_at <= now() THEN 2 WHEN k.expires_at < now() + interval '30 days' THEN 1 ELSE 0 END
	FROM desk.confidential_key k WHERE k.retired_at IS NULL ORDER BY k.published_at, k.fingerprint;
	IF NOT FOUND THEN
		line := 'no key is published: the forms have no confidential part';
		status := 0;
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION api.publish_check() IS 'A line for each key that is not retired: 0 well, 1 expires within 30 days, 2 has expired.  No key at all is well.';

GRANT USAGE ON SCHEMA api TO desk_publish;
GRANT EXECUTE ON FUNCTION api.publish_key(text, text[], text, text, text, text, timestamptz, bytea),
	api.publish_retire(text), api.publish_list(), api.publish_check() TO desk_publish;
