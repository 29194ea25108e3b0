-- What the program list may do: read the public copies, and nothing else.
-- Its functions run with the caller's rights: there is nothing private in
-- reach.  The statements are put together here, every value quoted by
-- format(), so that each combination of filters gets the plan it deserves.
-- They change nothing; VOLATILE is what EXPLAIN asks of its caller.

CREATE VIEW api.public_list AS
SELECT number, subject, kind, product, severity, state, solved FROM desk.public_ticket;
COMMENT ON VIEW api.public_list IS 'What the list of public tickets is narrowed by.';

CREATE VIEW api.public_search AS
SELECT number, words FROM desk.public_search;
COMMENT ON VIEW api.public_search IS 'The words of public tickets.';

CREATE VIEW api.list_choice AS
SELECT 'kind' AS what, name, label, position FROM desk.kind
UNION ALL SELECT 'product', name, label, position FROM desk.product
UNION ALL SELECT 'severity', level::text, format('S%s %s', level, name), level FROM desk.severity;
COMMENT ON VIEW api.list_choice IS 'What the list can be narrowed to.';

CREATE VIEW api.public_row AS
SELECT p.number, p.subject, p.kind, p.kind_label, p.product, p.product_label, p.severity,
	p.severity_name, p.state, p.state_label, p.solved, p.resolution, p.resolution_label,
	p.release, p.requester_name, p.assignee, p.messages, p.me_toos + 1 AS affected,
	desk.utc(p.filed_at) AS filed_at, desk.words(p.filed_at) AS filed_words,
	desk.utc(p.changed_at) AS changed_at, desk.utc(p.answered_at) AS answered_at, desk.utc(p.solved_at) AS solved_at,
	desk.utc(n.promise_at) AS promise_at, desk.words(n.promise_at) AS promise_words, n.promise_at IS NOT NULL AS has_promise,
	CASE WHEN p.solved THEN '' WHEN p.answer_due_at IS NOT NULL THEN 'Answer due' WHEN p.next_update_by IS NOT NULL THEN 'Next update'
		WHEN p.state = 'pending' THEN 'Clock paused' ELSE 'Solution aimed at' END AS promise,
	desk.tone(p.state, p.late_at < now()) AS tone,
	CASE WHEN NOT p.solved AND p.late_at < now() THEN 'Overdue' ELSE p.state_label END AS state_words,
	p.product IS NOT NULL AS has_product, p.me_toos > 0 AS is_shared, p.messages > 0 AS has_messages,
	CASE p.messages WHEN 1 THEN '1 reply' ELSE p.messages || ' replies' END AS messages_words
FROM desk.public_ticket p,
LATERAL (SELECT CASE WHEN NOT p.solved THEN coalesce(p.answer_due_at, p.next_update_by, p.solve_due_at) END AS promise_at) n;
COMMENT ON VIEW api.public_row IS 'A public ticket as a line of the list, a feed or a spreadsheet.  Times in UTC; *_words are for people.';

CREATE FUNCTION api.search_query(q text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN desk.search_query(q); END $$;
COMMENT ON FUNCTION api.search_query(text) IS 'What a visitor typed as a tsquery: all words, each may go on, "a phrase", -without.  NULL when nothing is left to search for.';

CREATE FUNCTION api.search_estimate(query tsquery) RETURNS float8
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT 1 FROM api.public_search WHERE words @@ %L::tsquery', query) INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END
$$;
COMMENT ON FUNCTION api.search_estimate(tsquery) IS 'How many public tickets the planner expects to hold these words: decides which way to walk.';

CREATE FUNCTION api.list_where(wanted_state text, wanted_severity text, wanted_kind text, wanted_product text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE wanted_state
			WHEN 'open' THEN ' AND NOT p.solved' WHEN 'solved' THEN ' AND p.solved'
			WHEN 'new' THEN ' AND p.state = ''new''' WHEN 'pending' THEN ' AND p.state = ''pending'''
			WHEN 'fixed' THEN ' AND p.state = ''fixed''' ELSE '' END
		|| CASE WHEN wanted_severity ~ '^[1-4]$' THEN ' AND p.severity = ' || wanted_severity ELSE '' END
		|| CASE WHEN wanted_kind IS NOT NULL THEN format(' AND p.kind = %L', wanted_kind) ELSE '' END
		|| CASE WHEN wanted_product IS NOT NULL THEN format(' AND p.product = %L', wanted_product) ELSE '' END;
END
$$;
COMMENT ON FUNCTION api.list_where(text, text, text, text) IS 'The filters as SQL, every value quoted.  A filter that is NULL or unknown narrows nothing.';

CREATE FUNCTION api.list_numbers(query tsquery, filters text, page text, most int) RETURNS int[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	numbers int[];
BEGIN
	IF query IS NULL THEN
		EXECUTE format('SELECT array_agg(x.number) FROM (SELECT p.number FROM api.public_list p WHERE true%s%s LIMIT %s) x',
			filters, page, most) INTO numbers;
		RETURN numbers;
	END IF;
	IF api.search_estimate(query) > 3000 THEN
		-- a common word: walk the list itself, but not for ever
		EXECUTE format('SELECT array_agg(x.number) FROM (SELECT w.number FROM ('
			'SELECT p.number, s.words FROM api.public_list p JOIN api.public_search s USING (number) WHERE true%s%s LIMIT 10000) w '
			'WHERE w.words @@ $1 LIMIT %s) x', filters, page, most) INTO numbers USING query;
		IF cardinality(numbers) >= most THEN
			RETURN numbers;
		END IF;
	END IF;
	-- a rare one: all its tickets through the index, then sort
	EXECUTE format('WITH hits AS MATERIALIZED (SELECT s.number FROM api.public_search s WHERE s.words @@ $1) '
		'SELECT array_agg(x.number) FROM (SELECT p.number FROM hits JOIN api.public_list p USING (number) WHERE true%s%s LIMIT %s) x',
		filters, page, most) INTO numbers USING query;
	RETURN numbers;
END
$$;
COMMENT ON FUNCTION api.list_numbers(tsquery, text, text, int) IS 'The numbers of one page, in its order.';

CREATE FUNCTION api.list(q text, wanted_state text, wanted_severity text, wanted_kind text, wanted_product text,
	best boolean, older text, newer text, most int)
RETURNS TABLE (place text, number int, subject text, kind text, kind_label text, product text, product_label text,
	severity smallint, severity_name text, state text, state_label text, solved boolean, resolution text, resolution_label text,
	release text, requester_name text, assignee text, messages int, affected int,
	filed_at text, filed_words text, changed_at text, answered_at text, solved_at text,
	promise_at text, promise_words text, has_promise boolean, promise text, tone text, state_words text,
	has_product boolean, is_shared boolean, has_messages boolean, messages_words text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	query tsquery := CASE WHEN q ~ '\S' THEN api.search_query(q) END;
	filters text := api.list_where(wanted_state, wanted_severity, wanted_kind, wanted_product);
	newest int[];
BEGIN
	IF q ~ '\S' AND query IS NULL THEN
		RETURN;		-- only words that every text holds, such as "the"
	END IF;
	IF best AND query IS NOT NULL THEN
		-- the newest thousand hits, ranked: a common word cannot make it slow
		newest := api.list_numbers(query, filters, ' ORDER BY p.number DESC', 1000);
		RETURN QUERY
			SELECT k.rank::text || '_' || r.number, r.* FROM (
				SELECT x.number, x.rank FROM (
					SELECT s.number, ts_rank(s.words, query, 1) AS rank
					FROM api.public_search s WHERE s.number = ANY (newest)) x
				WHERE older IS NULL OR older !~ '^[0-9.e-]{1,20}_[0-9]{1,9}$'
					OR (x.rank, x.number) < (split_part(older, '_', 1)::real, split_part(older, '_', 2)::int)
				ORDER BY x.rank DESC, x.number DESC LIMIT most) k
			JOIN api.public_row r USING (number) ORDER BY k.rank DESC, r.number DESC;
		RETURN;
	END IF;
	newest := api.list_numbers(query, filters, CASE
		WHEN newer ~ '^[0-9]{1,9}$' THEN format(' AND p.number > %s ORDER BY p.number', newer)
		WHEN older ~ '^[0-9]{1,9}$' THEN format(' AND p.number < %s ORDER BY p.number DESC', older)
		ELSE ' ORDER BY p.number DESC' END, most);
	RETURN QUERY SELECT r.number::text, r.* FROM api.public_row r WHERE r.number = ANY (newest) ORDER BY r.number DESC;
END
$$;
COMMENT ON FUNCTION api.list(text, text, text, text, text, boolean, text, text, int) IS 'A page of public tickets: newest first, or best match first.  q: words to search for; state: open, solved, new, pending, fixed; older, newer: the "place" of the row to go on from; NULL narrows nothing.';

CREATE FUNCTION api.list_count(q text, wanted_state text, wanted_severity text, wanted_kind text, wanted_product text)
RETURNS TABLE (tickets int, is_more boolean, count_words text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	query tsquery := CASE WHEN q ~ '\S' THEN api.search_query(q) END;
	filters text := api.list_where(wanted_state, wanted_severity, wanted_kind, wanted_product);
	n int := 0;
BEGIN
	IF query IS NOT NULL THEN
		IF filters = '' AND api.search_estimate(query) > 5000 THEN
			n := 1001;
		ELSE
			n := coalesce(cardinality(api.list_numbers(query, filters, ' ORDER BY p.number DESC', 1001)), 0);
		END IF;
	ELSIF q IS NULL OR q !~ '\S' THEN
		EXECUTE format('SELECT count(*) FROM (SELECT FROM api.public_list p WHERE true%s LIMIT 1001) x', filters) INTO n;
	END IF;
	RETURN QUERY SELECT least(n, 1000), n > 1000,
		CASE n WHEN 1 THEN '1 ticket' WHEN 1001 THEN 'more than 1,000 tickets' ELSE n || ' tickets' END;
END
$$;
COMMENT ON FUNCTION api.list_count(text, text, text, text, text) IS 'How many public tickets fit: exact to 1,000, then is_more.';

CREATE FUNCTION api.list_json(q text, wanted_state text, wanted_severity text, wanted_kind text, wanted_product text,
	best boolean, older text, newer text, most int) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT json_build_object('tickets', coalesce(json_agg(json_build_object(
		'number', l.number, 'subject', l.subject, 'kind', l.kind, 'product', l.product, 'severity', l.severity,
		'state', l.state, 'resolution', l.resolution, 'release', l.release, 'assignee', l.assignee,
		'messages', l.messages, 'affected', l.affected, 'filed_at', l.filed_at, 'changed_at', l.changed_at,
		'answered_at', l.answered_at, 'solved_at', l.solved_at, 'promise', nullif(l.promise, ''), 'promise_at', l.promise_at)), '[]'),
		'older', CASE WHEN count(*) >= most THEN (array_agg(l.place))[count(*)] END)::text
	FROM api.list(q, wanted_state, wanted_severity, wanted_kind, wanted_product, best, older, newer, most) l);
END
$$;
COMMENT ON FUNCTION api.list_json(text, text, text, text, text, boolean, text, text, int) IS 'The same page as JSON; "older" is the place to go on from, null on the last page.';

CREATE FUNCTION api.list_summary()
RETURNS TABLE (open_words text, solved_words text, unanswered_words text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT split_part(o.count_words, ' ticket', 1), split_part(s.count_words, ' ticket', 1), split_part(n.count_words, ' ticket', 1)
	FROM api.list_count(NULL, 'open', NULL, NULL, NULL) o, api.list_count(NULL, 'solved', NULL, NULL, NULL) s,
		api.list_count(NULL, 'new', NULL, NULL, NULL) n;
END
$$;
COMMENT ON FUNCTION api.list_summary() IS 'What the home page counts, in words: open, solved, and not yet answered.';

GRANT USAGE ON SCHEMA api TO desk_list;
GRANT SELECT ON api.public_list, api.public_search, api.public_row, api.list_choice TO desk_list;
GRANT EXECUTE ON FUNCTION api.search_query(text), api.search_estimate(tsquery), api.list_where(text, text, text, text),
	api.list_numbers(tsquery, text, text, int), api.list(text, text, text, text, text, boolean, text, text, int),
	api.list_count(text, text, text, text, text), api.list_json(text, text, text, text, text, boolean, text, text, int),
	api.list_summary() TO desk_list;
GRANT EXECUTE ON FUNCTION desk.utc(timestamptz), desk.words(timestamptz), desk.tone(text, boolean) TO desk_list;
