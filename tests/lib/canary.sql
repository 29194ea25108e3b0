-- A word of its own in every column of schema desk that is not for everybody,
-- found by the comments of the columns.  Words are like canarypa017x0x3x: p for
-- private, s for staff, x for secret; a and b for whose ticket it is, o for
-- neither; the column; the row.  What holds no words of people (numbers,
-- times, references, words of the code) is told apart by trying; what comes
-- back is a line for each column: planted; key; listed, where a constraint says
-- which words there are; and fixed or empty, where nothing could be planted.
--
-- Wants the settings canary.a and canary.b, the numbers of the two private
-- tickets, and canary.code, the columns that hold words of the code.  Triggers sleep, so that no history is made of it.
-- A row for each table that has none, made of what its columns can hold.
CREATE FUNCTION pg_temp.fill() RETURNS SETOF text
LANGUAGE plpgsql AS $fill$
DECLARE
	t record;
	nullable boolean;
	made boolean;
	names text;
	vals text;
BEGIN
	SET LOCAL session_replication_role = replica;
	FOR t IN SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'public\_%'
		AND (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM desk.%I', c.relname), false, true, '')))[1]::text = '0' ORDER BY 2
	LOOP
		made := false;
		-- with all that can be there, or else with what must be
		FOREACH nullable IN ARRAY ARRAY[true, false] LOOP
			SELECT string_agg(quote_ident(f.attname), ', ' ORDER BY f.attnum),
				string_agg(coalesce((SELECT format('(SELECT %I FROM %s LIMIT 1)', r.attname, k.confrelid::regclass) FROM pg_constraint k
						JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[array_position(k.conkey, f.attnum)]
						WHERE k.conrelid = t.oid AND k.contype = 'f' AND f.attnum = ANY (k.conkey) LIMIT 1),
					CASE f.atttypid::regtype::text
						WHEN 'text' THEN quote_literal(coalesce((SELECT substring(pg_get_constraintdef(k.oid) FROM format('%s = ANY \(+ARRAY\[''([^'']+)''::text', f.attname))
							FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c' AND f.attnum = ANY (k.conkey) ORDER BY 1 NULLS LAST LIMIT 1), 'word'))
						WHEN 'text[]' THEN 'ARRAY[''*'']' WHEN 'jsonb' THEN '''{}''' WHEN 'boolean' THEN 'false' WHEN 'bytea' THEN 'sha256(''filled'')'
						WHEN 'timestamp with time zone' THEN 'now()' WHEN 'date' THEN 'date_trunc(''week'', now())::date' WHEN 'tsvector' THEN quote_literal('')
						WHEN 'uuid' THEN 'gen_random_uuid()' WHEN 'interval' THEN '''1 hour''' WHEN 'daterange' THEN '''empty'''
						WHEN 'time without time zone' THEN quote_literal(f.attnum || ':00') ELSE '1' END), ', ' ORDER BY f.attnum)
			INTO names, vals
			FROM pg_attribute f WHERE f.attrelid = t.oid AND f.attnum > 0 AND NOT f.attisdropped AND f.attgenerated = '' AND f.attidentity = ''
				AND (nullable OR f.attnotnull AND NOT f.atthasdef);
			BEGIN
				EXECUTE format('INSERT INTO desk.%I (%s) VALUES (%s)', t.relname, names, vals);
				made := true;
				EXIT;
			EXCEPTION WHEN OTHERS THEN
				made := false;
			END;
		END LOOP;
		IF NOT made THEN
			RETURN NEXT t.relname || ': ' || coalesce(vals, 'nothing');
		END IF;
	END LOOP;
	SET LOCAL session_replication_role = origin;
END
$fill$;

CREATE FUNCTION pg_temp.plant() RETURNS TABLE (place text, what text)
LANGUAGE plpgsql AS $plant$
DECLARE
	a int := current_setting('canary.a');
	b int := current_setting('canary.b');
	c record;
	nth int := 0;
	ticket text;
	whose text;
	word text;
	shape text;
	known boolean;
	rows bigint;
	wanted bigint;
BEGIN
	SET LOCAL session_replication_role = replica;
	FOR c IN
		SELECT t.relname::text AS tab, f.attname::text AS col, f.atttypid::regtype::text AS type, f.attnum, t.oid,
			substring(col_description(t.oid, f.attnum) FROM '^(\w+):') AS class,
			(SELECT k.attname::text FROM pg_attribute k WHERE k.attrelid = t.oid AND k.attname IN ('ticket', 'number') AND k.atttypid = 'int'::regtype
				AND NOT k.attisdropped ORDER BY k.attname DESC LIMIT 1) AS ticket_col,
			EXISTS (SELECT FROM pg_attribute k WHERE k.attrelid = t.oid AND k.attname = 'person' AND NOT k.attisdropped) AS has_person,
			EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND (k.conrelid = t.oid AND f.attnum = ANY (k.conkey) OR k.confrelid = t.oid AND f.attnum = ANY (k.confkey))) AS is_reference
		FROM pg_class t JOIN pg_attribute f ON f.attrelid = t.oid AND f.attnum > 0 AND NOT f.attisdropped
		WHERE t.relnamespace = 'desk'::regnamespace AND t.relkind IN ('r', 'p') AND t.relname NOT LIKE 'public\_%' AND f.attgenerated = ''
		  AND f.atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'name'::regtype, 'json'::regtype, 'varchar'::regtype)
		ORDER BY 1, 2
	LOOP
		nth := nth + 1;
		place := c.tab || '.' || c.col;
		IF c.tab = 'ticket' THEN
			c.ticket_col := 'number';
		ELSIF c.ticket_col = 'number' AND c.tab <> 'private_search' THEN
			c.ticket_col := NULL;
		END IF;
		CONTINUE WHEN place = ANY (string_to_array(current_setting('canary.code'), ' '));
		-- what everybody may read of a public ticket is private in a private one
		CONTINUE WHEN c.class = 'public' AND c.ticket_col IS NULL;
		IF c.type = 'bytea' THEN
			what := CASE WHEN c.class = 'secret' THEN 'secret' ELSE 'bytes ' || c.class END;
			RETURN NEXT;
			CONTINUE;
		END IF;
		IF c.is_reference THEN
			what := 'key';
			RETURN NEXT;
			CONTINUE;
		END IF;
		whose := CASE WHEN c.ticket_col IS NOT NULL THEN format('CASE %I WHEN %s THEN %L WHEN %s THEN %L ELSE %L END', c.ticket_col, a, 'a', b, 'b', 'o')
			WHEN c.tab = 'person' THEN format('coalesce((SELECT min(CASE t.number WHEN %s THEN %L WHEN %s THEN %L END) FROM desk.ticket t WHERE t.requester = %I.id AND t.visibility = %L), %L)', a, 'a', b, 'b', c.tab, 'private', 'o')
			ELSE '''o''' END;
		word := format('%L || %s || %L || translate(ctid::text, %L, %L)', 'canary' || CASE c.class WHEN 'public' THEN 'p' WHEN 'secret' THEN 'x' ELSE left(c.class, 1) END,
			whose, lpad(nth::text, 3, '0'), '(,)', 'xxx');
		EXECUTE format('SELECT count(*) FROM desk.%I', c.tab) INTO wanted;
		what := CASE WHEN wanted = 0 THEN 'empty' ELSE 'fixed' END;
		-- as it is, then as an address, a login, a list, an object; of private tickets alone where public ones have it too
		FOR shape, known IN SELECT x, y FROM unnest(ARRAY[false, true]) y, unnest(CASE WHEN c.type = 'jsonb' THEN ARRAY['jsonb_build_object(''said'', %s)', 'jsonb_build_array(%s)'] WHEN c.type = 'text[]' THEN ARRAY['ARRAY[%s]']
			ELSE ARRAY['%s', '(%s) || ''@example.org''', '(%s) || ''.example''', '''text/'' || (%s)', '''<p>'' || (%s) || ''</p>'''] END) x LOOP
			BEGIN
				EXECUTE format('UPDATE desk.%I SET %I = %s WHERE true%s', c.tab, c.col,
					format(shape, word),
					CASE WHEN known THEN format(' AND %I IS NOT NULL', c.col) ELSE '' END || CASE WHEN c.class IN ('public', 'private') AND c.ticket_col IS NOT NULL THEN format(' AND %I IN (SELECT number FROM desk.ticket WHERE visibility = ''private'')', c.ticket_col)
					ELSE '' END);
				GET DIAGNOSTICS rows = ROW_COUNT;
				IF rows > 0 OR wanted > 0 THEN
					what := CASE WHEN rows > 0 THEN 'planted' ELSE 'empty' END;
					EXIT;
				END IF;
			EXCEPTION WHEN OTHERS THEN
				what := CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
					AND pg_get_constraintdef(k.oid) ~ (c.col || '( = ANY| <@)')) THEN 'listed' ELSE 'fixed' END;
			END;
		END LOOP;
		IF what = 'empty' AND EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND pg_get_constraintdef(k.oid) ~ (c.col || '( = ANY| <@)')) THEN
			what := 'listed';
		END IF;
		RETURN NEXT;
	END LOOP;
	SET LOCAL session_replication_role = origin;
END
$plant$;
