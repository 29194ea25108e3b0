-- For tables whose rows are history: a trigger that refuses.

CREATE OR REPLACE FUNCTION desk.no_more() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE 'cannot change or delete rows of %.%: they are append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
		USING ERRCODE = 'PT409';
END
$$;
COMMENT ON FUNCTION desk.no_more() IS 'Refuses (PT409) UPDATE, DELETE and TRUNCATE on what is append-only, whoever asks.';
