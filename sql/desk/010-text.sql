-- Texts and times as pages show them.

CREATE OR REPLACE FUNCTION desk.utc(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
COMMENT ON FUNCTION desk.utc(timestamptz) IS 'An instant as RFC 3339 in UTC, for machines: 2026-11-22T09:12:00Z.';

CREATE OR REPLACE FUNCTION desk.words(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(t, 'FMDD Mon YYYY, HH24:MI TZ');
COMMENT ON FUNCTION desk.words(timestamptz) IS 'An instant for people, with its zone: 22 Nov 2026, 09:12 UTC.  The zone is the session''s (PGTZ).';

CREATE OR REPLACE FUNCTION desk.just_after(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN at + interval '1 microsecond';
COMMENT ON FUNCTION desk.just_after(timestamptz) IS 'The next instant that can be told from this one.';

CREATE OR REPLACE FUNCTION desk.span_words(seconds numeric) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
	WHEN seconds < 60 THEN 'less than a minute'
	WHEN seconds < 5400 THEN trunc(seconds / 60) || ' min'
	WHEN seconds < 48 * 3600 THEN trunc(seconds / 3600) || ' h'
		|| CASE WHEN trunc(seconds / 60)::bigint % 60 > 0 THEN ' ' || trunc(seconds / 60)::bigint % 60 || ' min' ELSE '' END
	ELSE trunc(seconds / 86400) || ' days'
		|| CASE WHEN trunc(seconds / 3600)::bigint % 24 > 0 THEN ' ' || trunc(seconds / 3600)::bigint % 24 || ' h' ELSE '' END
END;
COMMENT ON FUNCTION desk.span_words(numeric) IS 'Seconds for people: 45 min, 4 h, 3 days 2 h.  Never rounded up.';

CREATE OR REPLACE FUNCTION desk.visible(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(t,
	E'\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u202c\u2069',
	'␁␂␃␄␅␆␇␈␋␌␍␎␏␐␑␒␓␔␕␖␗␘␙␚␛␜␝␞␟␡');
COMMENT ON FUNCTION desk.visible(text) IS 'A text with control characters as their Unicode pictures and without marks that turn the direction of writing (they could make one thing look like another).  The text as typed stays in its own column.';

CREATE OR REPLACE FUNCTION desk.plain_html(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN t ~ '\S' THEN '<p>' || regexp_replace(regexp_replace(
	replace(replace(replace(replace(btrim(desk.visible(replace(t, E'\r\n', E'\n')), E' \n\t'), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'),
	E'\n{2,}', '</p><p>', 'g'), E'\n', '<br>', 'g') || '</p>' ELSE '' END;
COMMENT ON FUNCTION desk.plain_html(text) IS 'Plain text as safe HTML: paragraphs and line ends, nothing else.  What a writer in psql gets who gives no HTML.';

CREATE OR REPLACE FUNCTION desk.is_safe_html(html text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(html,
	'<(/?(p|em|strong|del|code|pre|blockquote|ul|ol|li|h[3-6]|table|thead|tbody|tr|th|td|dl|dt|dd)|/a|br|hr'
	'|ol start="[0-9]{1,9}"|(th|td) class="(left|center|right)"'
	'|pre tabindex="0" role="region" aria-label="[A-Za-z0-9 ]*"'
	'|(table|div) tabindex="0" role="region" aria-label="[A-Za-z0-9 ]*"'
	'|a href="(https?://|mailto:|/(?![/\\]))[^"<>[:cntrl:]]*" rel="nofollow ugc noopener")>', '', 'g') !~ '[<>]';
COMMENT ON FUNCTION desk.is_safe_html(text) IS 'Is there nothing in it but the elements, attributes and link schemes of lib/markup.h?  A second fence: a program that was taken over cannot store a script.';

DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = 'safe_html' AND conrelid = 'desk.message'::regclass) THEN
		ALTER TABLE desk.message ADD CONSTRAINT safe_html CHECK (desk.is_safe_html(body_html));
		ALTER TABLE desk.note ADD CONSTRAINT safe_html CHECK (desk.is_safe_html(body_html));
	END IF;
END
$$;

-- Search -------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.split_words(t text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
	-- not an SQL function: with a subquery it would be planned at each call
	RETURN regexp_replace(t, '[^[:alnum:]]+', ' ', 'g')
		|| coalesce((SELECT ' ' || string_agg(regexp_replace(regexp_replace(w[1],
			'([[:lower:]0-9])([[:upper:]])', '\1 \2', 'g'),
			'([[:upper:]])([[:upper:]][[:lower:]])', '\1 \2', 'g'), ' ')
		FROM regexp_matches(t, '[[:alnum:]]*(?:[[:lower:]0-9][[:upper:]]|[[:upper:]][[:upper:]][[:lower:]])[[:alnum:]]*', 'g') w), '');
END
$$;
COMMENT ON FUNCTION desk.split_words(text) IS 'Paths, versions and identifiers taken apart: FSDownload.java -> FSDownload java FS Download, x.readLine -> x readLine read Line.';

CREATE OR REPLACE FUNCTION desk.search_words(t text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('pg_catalog.english', left(t, 200000))
	|| to_tsvector('pg_catalog.english', desk.split_words(left(t, 200000)));
COMMENT ON FUNCTION desk.search_words(text) IS 'The lexemes a text is found by: as it stands, and with identifiers taken apart.';

CREATE OR REPLACE FUNCTION desk.add_words(words tsvector, body text, is_solution boolean) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	more tsvector;
BEGIN
	IF length(words) >= 20000 AND NOT is_solution THEN
		RETURN words;
	END IF;
	more := setweight(desk.search_words(body), CASE WHEN is_solution THEN 'B' ELSE 'D' END::"char");
	RETURN words || more;
EXCEPTION WHEN program_limit_exceeded THEN
	-- a tsvector ends at 1 MB: a thread full of logs is found by what it has
	-- already, and by its solution, but it never refuses a message
	BEGIN
		RETURN CASE WHEN is_solution THEN ts_filter(words, '{a,b}') || more ELSE words END;
	EXCEPTION WHEN program_limit_exceeded THEN
		RETURN words;
	END;
END
$$;
COMMENT ON FUNCTION desk.add_words(tsvector, text, boolean) IS 'The words of a thread with those of one more message, as far as a tsvector can hold them.  Never fails.';

CREATE OR REPLACE FUNCTION desk.search_query(q text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
	part text[];
	term tsquery;
	sought tsquery;
BEGIN
	-- "a phrase", -without, or a word, each of which may go on (prefix)
	FOR part IN SELECT regexp_matches(left(q, 300), '(-?)("([^"]*)"|[^\s"]+)', 'g') LIMIT 16 LOOP
		IF part[3] IS NOT NULL THEN
			term := phraseto_tsquery('pg_catalog.english', part[3]);
		ELSE
			term := to_tsquery('pg_catalog.english',
				'''' || replace(replace(part[2], '\', ' '), '''', ' ') || ''':*');
			-- the parser takes nginx.conf for one word and /etc/nginx.conf
			-- for another: look for the parts in a row as well
			IF part[2] ~ '[[:alnum:]][./:@][[:alnum:]]' THEN
				term := term || to_tsquery('pg_catalog.english',
					replace(btrim(regexp_replace(part[2], '[^[:alnum:]]+', ' ', 'g')), ' ', ' <-> ') || ':*');
			END IF;
		END IF;
		CONTINUE WHEN numnode(term) = 0;
		IF part[1] = '-' THEN
			term := !! term;
		END IF;
		sought := CASE WHEN sought IS NULL THEN term ELSE sought && term END;
	END LOOP;
	RETURN sought;
END
$$;
COMMENT ON FUNCTION desk.search_query(text) IS 'What a visitor typed as a tsquery: all words, each may go on ("Printe" finds Printer), "a phrase", -without.  NULL when nothing is left to search for.';
