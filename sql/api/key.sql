-- What the program key may do: read the keys that are offered.  They are
-- public, and it sees nothing else.

CREATE FUNCTION api.key_offered(url text)
RETURNS TABLE (fingerprint text, fingerprint_words text, owner text, address text, has_address boolean, algorithm text,
	ends boolean, ends_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT k.fingerprint, desk.fingerprint_words(k.fingerprint), desk.visible(k.name), k.address,
		coalesce(lower(url) = 'https://' || lower(split_part(k.address, '@', 2)), false),
		k.algorithm, k.expires_at IS NOT NULL, desk.words(k.expires_at)
	FROM desk.confidential_offered() k;
END
$$;
COMMENT ON FUNCTION api.key_offered(text) IS 'The keys for confidential parts that are neither retired nor expired, the oldest first.  has_address: gpg finds it by its address, since that is at the desk''s own URL, which is given, and a web key directory is asked there by https only.';

CREATE FUNCTION api.key_packets(hash text, domain text) RETURNS TABLE (packets bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT string_agg(k.packets, ''::bytea ORDER BY k.published_at, k.fingerprint) FROM desk.confidential_offered() k
	WHERE (hash IS NULL OR k.wkd = hash) AND (key_packets.domain IS NULL OR lower(split_part(k.address, '@', 2)) = lower(key_packets.domain))
	HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION api.key_packets(text, text) IS 'The keys that are offered, binary, one behind the other; those whose address has this hash and this domain in a web key directory, NULL for any.  No row when there is none.';

GRANT USAGE ON SCHEMA api TO desk_key;
GRANT EXECUTE ON FUNCTION api.key_offered(text), api.key_packets(text, text) TO desk_key;
