-- Similar tickets: the rarest words of the subject pick candidates through
-- the index, all its words rank them.

CREATE OR REPLACE FUNCTION desk.rare_words(lexemes text[], most int) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(lexeme) FROM (
		SELECT w.lexeme
		FROM unnest(lexemes) AS w (lexeme)
		LEFT JOIN (SELECT e.lexeme, e.share
			FROM pg_catalog.pg_stats s,
			unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs::float8[]) AS e (lexeme, share)
			WHERE s.schemaname = 'desk' AND s.tablename = 'public_search' AND s.attname = 'subject_words'
		) common USING (lexeme)
		-- on a small desk a word that a few tickets hold is in a large share of them
		WHERE coalesce(common.share, 0) < 0.2 OR common.share * (SELECT c.reltuples FROM pg_catalog.pg_class c
			WHERE c.oid = 'desk.public_search'::regclass) < 500
		ORDER BY common.share NULLS FIRST, length(w.lexeme) DESC
		LIMIT most) rare;
$$;
COMMENT ON FUNCTION desk.rare_words(text[], int) IS 'Of these lexemes the ones that few tickets hold, by the statistics that ANALYZE keeps anyway.';

CREATE OR REPLACE FUNCTION desk.similar(subject text, most int)
RETURNS TABLE (number int, shared int, rank real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lexemes text[] := tsvector_to_array(desk.search_words(left(subject, 1000)));
	rare text[] := desk.rare_words(lexemes, 10);
	candidates tsquery;
	ranking tsquery;
BEGIN
	IF rare IS NULL THEN
		RETURN;
	END IF;
	SELECT string_agg(quote_literal(x), ' | ')::tsquery INTO candidates FROM unnest(rare) x;
	SELECT string_agg(quote_literal(x), ' | ')::tsquery INTO ranking FROM unnest(lexemes) x;
	RETURN QUERY
		SELECT f.number, f.shared, f.rank FROM (
			SELECT s.number, ts_rank(s.subject_words, ranking, 1) AS rank,
				length(s.subject_words) - length(ts_delete(s.subject_words, lexemes)) AS shared
			FROM (SELECT x.number, x.subject_words FROM desk.public_search x
				WHERE x.subject_words @@ candidates LIMIT 500) s
		) f
		WHERE f.shared >= least(cardinality(lexemes), greatest(2, ceil(cardinality(lexemes) * 0.5)))
		ORDER BY f.rank DESC, f.number DESC LIMIT most;
END
$$;
COMMENT ON FUNCTION desk.similar(text, int) IS 'Public tickets that may be the same: they hold a rare word of the subject and share a fair part of all its words with their own; best first.';
