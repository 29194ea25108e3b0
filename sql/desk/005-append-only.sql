-- For tables whose rows are history: a trigger that refuses, and the one
-- door in it: what must not be here can be taken out, and leaves a trace.

CREATE OR REPLACE FUNCTION desk.no_more() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE 'cannot change or delete rows of %.%: they are append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
		USING ERRCODE = 'PT409';
END
$$;
COMMENT ON FUNCTION desk.no_more() IS 'Refuses (PT409) UPDATE, DELETE and TRUNCATE on what is append-only, whoever asks.';

CREATE OR REPLACE FUNCTION desk.redacting() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.redaction r WHERE r.txid = pg_current_xact_id_if_assigned() AND r.at = now());
END
$$;
COMMENT ON FUNCTION desk.redacting() IS 'Does this transaction take something out?  Then it has written down who, when and why.';

CREATE OR REPLACE FUNCTION desk.redacts(wanted int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.redaction r WHERE r.txid = pg_current_xact_id_if_assigned() AND r.at = now()
		AND (r.kind = 'person' OR r.ticket = wanted));
END
$$;
COMMENT ON FUNCTION desk.redacts(int) IS 'Does this transaction take something out of this ticket?  What is about a person may be in any, and in what is about none.';

CREATE OR REPLACE FUNCTION desk.no_more_but_redaction() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND desk.redacting() THEN
		RETURN NULL;	-- desk.redacted_row() looks at each row
	END IF;
	RAISE 'cannot change or delete rows of %.%: they are append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
		USING ERRCODE = 'PT409';
END
$$;
COMMENT ON FUNCTION desk.no_more_but_redaction() IS 'As desk.no_more, but for an UPDATE in a transaction that has a row in desk.redaction; then desk.redacted_row() decides row by row.';

CREATE OR REPLACE FUNCTION desk.is_redacted(before text, after text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	pieces text[] := string_to_array(after, '[removed]');
	n int := cardinality(pieces);
	rest text := before;
	at int;
BEGIN
	IF after IS NULL OR before IS NULL OR before = after THEN
		RETURN before IS NOT DISTINCT FROM after;
	END IF;
	IF n = 1 OR left(before, length(pieces[1])) <> pieces[1] THEN
		RETURN false;
	END IF;
	rest := substr(rest, length(pieces[1]) + 1);
	FOR i IN 2 .. n - 1 LOOP
		at := strpos(rest, pieces[i]);
		IF at = 0 THEN
			RETURN false;
		END IF;
		rest := substr(rest, at + length(pieces[i]));
	END LOOP;
	RETURN length(rest) >= length(pieces[n]) AND right(rest, length(pieces[n])) = pieces[n];
END
$$;
COMMENT ON FUNCTION desk.is_redacted(text, text) IS 'Is the second text the first one in which pieces have become "[removed]", and nothing else?';

CREATE OR REPLACE FUNCTION desk.redacted_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- is_image follows from the others, after this
	was jsonb := to_jsonb(OLD) - 'is_image';
	is_now jsonb := to_jsonb(NEW) - 'is_image';
	allowed text[] := TG_ARGV[0]::text[];
	field text;
	is_of_it boolean;
BEGIN
	CASE TG_TABLE_NAME
	WHEN 'page_event' THEN
		is_of_it := desk.redacts(NULL) OR EXISTS (SELECT FROM desk.page_report q WHERE q.page = (was ->> 'page')::int AND desk.redacts(q.ticket));
	WHEN 'delivery' THEN
		is_of_it := desk.redacts((SELECT desk.outbox_about(o) FROM desk.outbox o WHERE o.id = (was ->> 'outbox')::bigint));
	ELSE
		is_of_it := desk.redacts((was ->> 'ticket')::int);
	END CASE;
	IF NOT is_of_it OR was - allowed IS DISTINCT FROM is_now - allowed THEN
		RAISE 'cannot change or delete rows of %.%: they are append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
			USING ERRCODE = 'PT409', HINT = 'A redaction changes texts alone, of its own ticket.';
	END IF;
	FOREACH field IN ARRAY allowed LOOP
		CONTINUE WHEN desk.is_redacted(was ->> field, is_now ->> field);
		CONTINUE WHEN field = 'name' AND TG_TABLE_NAME = 'message' AND is_now ->> field IS NULL;
		-- HTML that cannot be cut safely is made anew from the text
		CONTINUE WHEN field = 'body_html' AND is_now ->> field = '<p>[removed]</p>';
		CONTINUE WHEN field = 'body_html' AND is_now ->> field = desk.plain_html(is_now ->> 'body')
			|| CASE TG_TABLE_NAME WHEN 'message' THEN desk.answers_html((is_now ->> 'id')::bigint) ELSE '' END;
		RAISE 'cannot write anything new into %.%: a redaction only takes out', TG_TABLE_SCHEMA, TG_TABLE_NAME
			USING ERRCODE = 'PT409', COLUMN = field;
	END LOOP;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.redacted_row() IS 'What an UPDATE of an append-only row may do: in the columns named by the trigger, pieces become "[removed]", and who wrote a message may have no name any more.  Refuses (PT409) all else, and rows of another ticket.';
