-- Hostile text in every column of words in schema desk, the public copies too;
-- triggers sleep.  Wants the setting hostile.texts (lines) and canary.code, the
-- columns that hold words of the code.  Rendered HTML is left alone: that is
-- made by lib/markup.c, and a test sends it hostile text in another way.
CREATE FUNCTION pg_temp.plant_hostile() RETURNS SETOF text
LANGUAGE plpgsql AS $plant$
DECLARE
	texts text[] := string_to_array(current_setting('hostile.texts'), E'\n');
	c record;
	nth int := 0;
BEGIN
	SET LOCAL session_replication_role = replica;
	FOR c IN
		SELECT t.relname, f.attname FROM pg_class t JOIN pg_attribute f ON f.attrelid = t.oid AND f.attnum > 0 AND NOT f.attisdropped
		WHERE t.relnamespace = 'desk'::regnamespace AND t.relkind IN ('r', 'p') AND f.attgenerated = '' AND f.atttypid = 'text'::regtype
		  AND f.attname !~ '(^|_)html$' AND t.relname || '.' || f.attname <> ALL (string_to_array(current_setting('canary.code'), ' '))
		  AND t.relname NOT IN ('outbox', 'limiter', 'security_phrase', 'calendar_version')
		  AND NOT (t.relname LIKE 'public\_%' AND EXISTS (SELECT FROM pg_attribute x WHERE x.attrelid = 'desk.ticket'::regclass AND x.attname = f.attname
			AND f.attname NOT IN ('subject', 'reason', 'alternative', 'requester_name', 'assignee')) AND t.relname = 'public_ticket')
		  AND t.relname || '.' || f.attname NOT IN ('public_entry.field')
		  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND (k.conrelid = t.oid AND f.attnum = ANY (k.conkey) OR k.confrelid = t.oid AND f.attnum = ANY (k.confkey)))
		ORDER BY 1, 2
	LOOP
		nth := nth + 7;
		BEGIN
			EXECUTE format('UPDATE desk.%I SET %I = ($1)[1 + (%s + (ctid::text::point)[1]::int) %% cardinality($1)] WHERE %2$I IS NOT NULL', c.relname, c.attname, nth) USING texts;
			RETURN NEXT c.relname || '.' || c.attname;
		EXCEPTION WHEN OTHERS THEN
			NULL; -- a word of the code, or a number
		END;
	END LOOP;
	SET LOCAL session_replication_role = origin;
END
$plant$;
