-- Every place of the desk in which a text stands, as "table.column".
CREATE FUNCTION pg_temp.holds(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	found boolean;
BEGIN
	FOR c IN SELECT a.attrelid::regclass AS relation, a.attname AS name FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
		WHERE r.relnamespace = 'desk'::regnamespace AND r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s x WHERE %s)', c.relation, format(
			CASE WHEN (SELECT atttypid FROM pg_attribute WHERE attrelid = c.relation AND attname = c.name) = 'bytea'::regtype
			THEN 'position(convert_to($1, ''UTF8'') IN x.%I) > 0' ELSE 'x.%I::text ILIKE ''%%'' || $1 || ''%%''' END, c.name)) INTO found USING what;
		IF found THEN
			RETURN NEXT c.relation || '.' || c.name;
		END IF;
	END LOOP;
END
$$;
