-- The keys that confidential parts are encrypted with.

CREATE OR REPLACE FUNCTION desk.confidential_offered() RETURNS SETOF desk.confidential_key
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM desk.confidential_key k
	WHERE k.retired_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
	ORDER BY k.published_at, k.fingerprint;
$$;
COMMENT ON FUNCTION desk.confidential_offered() IS 'The keys that are offered to requesters: neither retired nor expired.';

CREATE OR REPLACE FUNCTION desk.confidential_keys() RETURNS TABLE (fingerprint text, fingerprint_words text, key_ids text, former_ids text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT k.fingerprint, desk.fingerprint_words(k.fingerprint), array_to_string(k.key_ids, ' '),
		(SELECT string_agg(array_to_string(f.key_ids, ' '), ' ') FROM desk.confidential_key f
		 WHERE f.fingerprint NOT IN (SELECT o.fingerprint FROM desk.confidential_offered() o))
	FROM desk.confidential_offered() k;
END
$$;
COMMENT ON FUNCTION desk.confidential_keys() IS 'The keys that are offered, as a form has them, the oldest first.  former_ids, the same in each row: what encrypted for us once and does no more, so that who used such a key can be told.';

CREATE OR REPLACE FUNCTION desk.fingerprint_words(fingerprint text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN btrim(regexp_replace(fingerprint, '(.{4})', '\1 ', 'g'));
COMMENT ON FUNCTION desk.fingerprint_words(text) IS 'A fingerprint in groups of four, to be compared by eye or read aloud.';

CREATE OR REPLACE FUNCTION desk.key_watch() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	k desk.confidential_key;
	days smallint;
	told int := 0;
BEGIN
	FOR k IN SELECT * FROM desk.confidential_key x
		WHERE x.retired_at IS NULL AND x.expires_at < now() + interval '30 days' AND coalesce(x.warned_days, 99) > 0
		ORDER BY x.fingerprint FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		days := CASE WHEN k.expires_at <= now() THEN 0 WHEN k.expires_at < now() + interval '7 days' THEN 7 ELSE 30 END;
		CONTINUE WHEN days >= coalesce(k.warned_days, 99);
		UPDATE desk.confidential_key SET warned_days = days WHERE fingerprint = k.fingerprint;
		PERFORM desk.mail_staff('alarm', NULL, NULL,
			CASE days WHEN 0 THEN 'A key for confidential parts has expired'
				ELSE format('A key for confidential parts expires in less than %s days', days) END,
			format(E'%s\n%s\n%s: %s.\n\n%s\n', k.name, desk.fingerprint_words(k.fingerprint),
				CASE days WHEN 0 THEN 'Expired' ELSE 'Expires' END, desk.words(k.expires_at),
				CASE WHEN days = 0 AND NOT EXISTS (SELECT FROM desk.confidential_offered())
				THEN 'It is not offered any more, and there is no other: the forms have no confidential part until you publish a key.'
				WHEN days = 0 THEN 'It is not offered any more. Publish it again with a later date, or retire it.'
				ELSE 'Make its date later with gpg and publish it again, or publish a new one. Once expired it is not offered any more.' END));
		told := told + 1;
	END LOOP;
	RETURN told;
END
$$;
COMMENT ON FUNCTION desk.key_watch() IS 'Tell the staff of published keys that expire within 30 days, within 7, or have expired: each once.  Returns how many mails.';

CREATE OR REPLACE FUNCTION desk.reason_words(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE reason WHEN 'secret' THEN 'Secrets, or sensitive for security' WHEN 'configuration' THEN 'A customer''s configuration' ELSE 'Another reason' END;
COMMENT ON FUNCTION desk.reason_words(text) IS 'A row of desk.private_reason in words.';

CREATE OR REPLACE FUNCTION desk.reason_complaints(t desk.intake_template, visibility text, why text, said text) RETURNS TABLE (field text, words text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(reason_complaints.visibility, t.visibility) <> 'private' OR why IS NULL AND (t.visibility = 'private' OR NOT t.public_allowed) THEN
		RETURN;
	END IF;
	IF why IS NULL THEN
		RETURN QUERY SELECT 'private_why', 'Tell us why only our staff shall read it';
	ELSIF why NOT IN ('secret', 'configuration', 'other') THEN
		RETURN QUERY SELECT 'private_why', 'Choose one of the reasons';
	ELSIF why = 'other' AND coalesce(said, '') !~ '\S' THEN
		RETURN QUERY SELECT 'private_words', 'Say in a few words what the other reason is';
	END IF;
END
$$;
COMMENT ON FUNCTION desk.reason_complaints(desk.intake_template, text, text, text) IS 'What is wrong with the reason for a private report, in words for people.  Who makes it private must give one; where it is private by itself they may.';

CREATE OR REPLACE FUNCTION desk.attach_sealed(wanted int, to_message bigint, packets bytea) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	piece constant int := 65536;
	hash constant bytea := sha256(packets);
	kept desk.blob;
	made bigint;
BEGIN
	IF coalesce(length(packets), 0) = 0 THEN
		RETURN NULL;
	END IF;
	-- held from here on, also if a sweep takes it away at this moment
	INSERT INTO desk.blob AS b (sha256, size) VALUES (hash, length(packets))
	ON CONFLICT (sha256) DO UPDATE SET size = b.size RETURNING * INTO kept;
	IF NOT kept.whole THEN
		DELETE FROM desk.blob_chunk c WHERE c.sha256 = hash;
		INSERT INTO desk.blob_chunk (sha256, seq, bytes)
		SELECT hash, n, substr(packets, n * piece + 1, piece) FROM generate_series(0, (length(packets) - 1) / piece) n;
		UPDATE desk.blob b SET size = length(packets), whole = true WHERE b.sha256 = hash;
	END IF;
	INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256, sealed, sealed_text)
	SELECT wanted, to_message, coalesce((SELECT max(a.place) FROM desk.attachment a WHERE a.message = to_message), 0) + 1,
		desk.sealed_name(wanted, 1), 'application/pgp-encrypted', length(packets), hash, true, true
	RETURNING id INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.attach_sealed(int, bigint, bytea) IS 'The encrypted text of a form becomes a sealed attachment of a message; NULL or empty is none.  Whether it is encrypted the program has checked: nothing here could tell.';
