-- What the staff's pages are made of: the words of private tickets, the
-- promises of a ticket, and the one way in which a form changes one.

CREATE OR REPLACE FUNCTION desk.private_words(wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_words tsvector;
	m record;
BEGIN
	SELECT setweight(desk.search_words(subject), 'A') INTO found_words FROM desk.ticket WHERE number = wanted;
	FOR m IN SELECT body, solution FROM desk.message WHERE ticket = wanted ORDER BY id LOOP
		found_words := desk.add_words(found_words, m.body, m.solution);
	END LOOP;
	INSERT INTO desk.private_search AS s (number, words) VALUES (wanted, found_words)
	ON CONFLICT (number) DO UPDATE SET words = excluded.words;
END
$$;
COMMENT ON FUNCTION desk.private_words(int) IS 'Make the words of a private ticket anew from its subject and messages.';

CREATE OR REPLACE FUNCTION desk.private_message() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (SELECT visibility FROM desk.ticket WHERE number = NEW.ticket) = 'private' THEN
		UPDATE desk.private_search s SET words = desk.add_words(s.words, NEW.body, NEW.solution)
		WHERE s.number = NEW.ticket;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.private_message() IS 'Adds a message of a private ticket to its words.';
CREATE OR REPLACE TRIGGER private_message AFTER INSERT ON desk.message
	FOR EACH ROW EXECUTE FUNCTION desk.private_message();

CREATE OR REPLACE FUNCTION desk.private_ticket() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.visibility = 'private' THEN
		PERFORM desk.private_words(NEW.number);
	ELSE
		DELETE FROM desk.private_search WHERE number = NEW.number;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.private_ticket() IS 'Makes or drops the words of a ticket that is filed as private, changes sides, or gets another subject.';
CREATE OR REPLACE TRIGGER private_filed AFTER INSERT ON desk.ticket
	FOR EACH ROW WHEN (NEW.visibility = 'private') EXECUTE FUNCTION desk.private_ticket();
CREATE OR REPLACE TRIGGER private_changed AFTER UPDATE ON desk.ticket
	FOR EACH ROW WHEN (NEW.visibility <> OLD.visibility OR NEW.visibility = 'private' AND NEW.subject <> OLD.subject)
	EXECUTE FUNCTION desk.private_ticket();

-- Sign-in ------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.login_subject(login text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT encode(sha256(value || convert_to(lower(btrim(login)), 'UTF8')), 'hex') FROM desk.secret WHERE name = 'login';
$$;
COMMENT ON FUNCTION desk.login_subject(text) IS 'What a login is counted by: a keyed hash, known or unknown alike.  People type passwords into the wrong field.';

CREATE OR REPLACE FUNCTION desk.limit_wait(wanted text, about text) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT greatest(1, ceil(extract(epoch FROM c.window_at - now()) + l.seconds))::int
		FROM desk.limiter l JOIN desk.limit_count c ON c.limiter = l.name
		WHERE l.name = wanted AND c.subject = about AND c.taken >= l.most
		  AND c.window_at >= now() - l.seconds * interval '1 second'), 0);
$$;
COMMENT ON FUNCTION desk.limit_wait(text, text) IS 'Seconds until desk.limit_take() will say yes again, 0 when it would now.  Counts nothing.';

CREATE OR REPLACE FUNCTION desk.wait_words(seconds int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN seconds <= 60 THEN 'a minute' WHEN seconds <= 7200 THEN ceil(seconds / 60.0) || ' minutes' ELSE ceil(seconds / 3600.0) || ' hours' END;
COMMENT ON FUNCTION desk.wait_words(int) IS 'How long to wait, in words, never less than it is.';

CREATE OR REPLACE FUNCTION desk.limit_give(wanted text, about text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE desk.limit_count SET taken = greatest(0, taken - 1) WHERE limiter = wanted AND subject = about;
$$;
COMMENT ON FUNCTION desk.limit_give(text, text) IS 'Take back one count: it was no failure after all.';

-- The promises of a ticket --------------------------------------------------

-- Without SET search_path, so that it becomes part of the query that asks.
CREATE OR REPLACE FUNCTION desk.promises(wanted int)
RETURNS TABLE (promise text, due_at timestamptz, percent int, is_late boolean, is_soon boolean, is_paused boolean)
LANGUAGE sql STABLE
AS $$
	SELECT p.promise, p.due_at, least(100, greatest(0, floor(p.part * 100)))::int,
		coalesce(p.breach_at <= now(), false), coalesce(p.breach_at > now() AND p.warn_at <= now(), false), p.due_at IS NULL
	FROM (
		SELECT CASE c.metric WHEN 'first response' THEN 'first answer' WHEN 'next response' THEN 'next answer'
				WHEN 'resolution' THEN 'solution' ELSE c.metric END AS promise, c.due_at, c.breach_at, c.warn_at,
			(c.used_seconds + CASE WHEN c.state <> 'running' THEN 0
				WHEN c.calendar IS NULL THEN greatest(0, extract(epoch FROM now() - c.since))
				ELSE greatest(0, desk.business_between(c.calendar, c.since, now())) END) / c.target_seconds AS part
		FROM desk.clock c WHERE c.ticket = wanted AND c.state IN ('running', 'paused')
	) p;
$$;
COMMENT ON FUNCTION desk.promises(int) IS 'The promises of a ticket that are still to be kept: first or next answer, solution, next update; how much of the time is gone, in percent.  A paused one has no due_at.';

CREATE OR REPLACE FUNCTION desk.due_words(due_at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN due_at IS NULL THEN 'paused'
	WHEN due_at <= now() THEN 'Late by ' || desk.span_words(extract(epoch FROM now() - due_at))
	ELSE 'in ' || desk.span_words(extract(epoch FROM due_at - now())) END;
COMMENT ON FUNCTION desk.due_words(timestamptz) IS 'How long until a promise, in words: "in 14 min", "Late by 6 min", "paused".';

CREATE OR REPLACE FUNCTION desk.reach_words(t desk.ticket) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN t.visibility = 'public' THEN 'Everybody can read it.' WHEN f.gone THEN 'Only staff can read it.'
			ELSE 'Only the requester and staff can read it.' END
		|| CASE WHEN f.gone THEN ' The requester was forgotten, as they wished.' ELSE '' END
		|| CASE f.readers WHEN 0 THEN CASE WHEN f.gone THEN ' Nobody gets it by mail.' ELSE ' Nobody gets it by mail: no address is confirmed yet.' END
			WHEN 1 THEN ' One person gets it by mail.' ELSE format(' %s people get it by mail.', f.readers) END
	FROM (SELECT count(*) AS readers, EXISTS (SELECT FROM desk.person p WHERE p.id = t.requester AND p.erased_at IS NOT NULL) AS gone
		FROM desk.follower f
		WHERE f.ticket = t.number AND f.confirmed_at IS NOT NULL AND f.stopped_at IS NULL
		  AND (t.visibility = 'public' OR f.person = t.requester)) f;
$$;
COMMENT ON FUNCTION desk.reach_words(desk.ticket) IS 'Who reads a message on this ticket and who is told of it (desk.mail_followers), in words.';

-- The queue ----------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.queue_where(who int, view text, severity text, kind text, product text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE view
		WHEN 'mine' THEN format(' AND t.state <> ''resolved'' AND t.assignee = %s', who)
		WHEN 'unassigned' THEN ' AND t.state <> ''resolved'' AND t.assignee IS NULL'
		WHEN 'untriaged' THEN ' AND t.state = ''new'' AND t.assignee IS NULL'
		WHEN 'waiting' THEN ' AND (t.state = ''pending'' OR t.hold IS NOT NULL)'
		WHEN 'fixed' THEN ' AND t.state = ''fixed'''
		WHEN 'all' THEN ''
		ELSE ' AND t.state <> ''resolved''' END
	|| CASE WHEN severity ~ '^[1-4]$' THEN ' AND t.severity = ' || severity ELSE '' END
	|| CASE WHEN kind IS NOT NULL THEN format(' AND t.kind = %L', kind) ELSE '' END
	|| CASE WHEN product IS NOT NULL THEN format(' AND t.product = %L', product) ELSE '' END;
END
$$;
COMMENT ON FUNCTION desk.queue_where(int, text, text, text, text) IS 'A view of the queue and its filters as SQL over desk.ticket t, every value quoted.  NULL narrows nothing.';

CREATE OR REPLACE FUNCTION desk.queue_numbers(filters text, after text, most int)
RETURNS TABLE (number int, place text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- the expressions of the index desk.ticket_queue, in its order
	RETURN QUERY EXECUTE format(
		'SELECT x.number, format(''%%s_%%s_%%s_%%s'', extract(epoch FROM x.minute), x.severity, x.blocked, x.number) FROM ('
		'SELECT t.number, t.severity, o.minute, o.blocked FROM desk.ticket t, LATERAL (SELECT '
			'coalesce(date_trunc(''minute'', t.promise_at AT TIME ZONE ''UTC''), ''infinity'') AS minute, '
			'CASE t.blocked WHEN ''blocked'' THEN 0 WHEN ''workaround'' THEN 1 ELSE 2 END AS blocked) o '
		'WHERE true%s%s ORDER BY o.minute, t.severity, o.blocked, t.number LIMIT %s) x',
		filters,
		CASE WHEN after ~ '^(Infinity|[0-9]{1,12}(\.0+)?)_[1-4]_[0-2]_[0-9]{1,9}$' THEN format(
			' AND (o.minute, t.severity, o.blocked, t.number) > (%L::timestamp, %s::smallint, %s, %s)',
			CASE WHEN after LIKE 'Infinity%' THEN 'infinity'
				ELSE (to_timestamp(split_part(after, '_', 1)::float8) AT TIME ZONE 'UTC')::text END,
			split_part(after, '_', 2), split_part(after, '_', 3), split_part(after, '_', 4)) ELSE '' END,
		most);
END
$$;
COMMENT ON FUNCTION desk.queue_numbers(text, text, int) IS 'The numbers of one page of the queue: the next promise first (to the minute), then the severity, then who is blocked, then the oldest.  after: the place of the row to go on from.';

CREATE OR REPLACE FUNCTION desk.queue_found(q text, filters text, after text, most int)
RETURNS TABLE (number int, place text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found int;
	query tsquery := desk.search_query(q);
	page text := CASE WHEN after ~ '^[0-9]{1,9}$' THEN format(' AND t.number < %s', after) ELSE '' END;
BEGIN
	-- a number is that ticket; the rest are words, in public and in private
	-- ones, which together are all
	IF q ~ '^\s*#?[0-9]{1,9}\s*$' THEN
		RETURN QUERY EXECUTE format('SELECT t.number, t.number::text FROM desk.ticket t WHERE t.number = %s%s',
			btrim(q, E' #\t'), page);
		RETURN;
	END IF;
	IF query IS NULL THEN
		RETURN;
	END IF;
	-- a common word: it is in some of the newest
	RETURN QUERY EXECUTE format('SELECT w.number, w.number::text FROM ('
		'SELECT t.number FROM desk.ticket t WHERE true%s%s ORDER BY t.number DESC LIMIT 2000) w '
		'WHERE coalesce((SELECT s.words FROM desk.public_search s WHERE s.number = w.number), '
			'(SELECT s.words FROM desk.private_search s WHERE s.number = w.number)) @@ %L::tsquery '
		'ORDER BY w.number DESC LIMIT %s', filters, page, query, most);
	GET DIAGNOSTICS found = ROW_COUNT;
	IF found >= most THEN
		RETURN;
	END IF;
	-- a rare one: all its tickets through the indexes, less those above
	RETURN QUERY EXECUTE format('WITH hits AS MATERIALIZED ('
			'SELECT s.number FROM desk.public_search s WHERE s.words @@ %1$L::tsquery '
			'UNION ALL SELECT s.number FROM desk.private_search s WHERE s.words @@ %1$L::tsquery) '
		'SELECT t.number, t.number::text FROM hits JOIN desk.ticket t USING (number) WHERE true%2$s%3$s '
		'ORDER BY t.number DESC OFFSET %4$s LIMIT %5$s', query, filters, page, found, most - found);
END
$$;
COMMENT ON FUNCTION desk.queue_found(text, text, text, int) IS 'The numbers of one page of tickets that hold some words, public and private, the newest first.';

-- One way in for every form -------------------------------------------------

CREATE OR REPLACE FUNCTION desk.staff_begin(wanted int, seen int, key_sha256 text, typed text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_version int;
	sent bytea := sha256(convert_to(key_sha256 || E'\n' || typed, 'UTF8'));
BEGIN
	SELECT version INTO found_version FROM desk.ticket WHERE number = wanted FOR UPDATE;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	IF EXISTS (SELECT FROM desk.staff_sent s WHERE s.key_sha256 = sent) THEN
		RETURN 'sent';
	END IF;
	IF found_version IS DISTINCT FROM seen THEN
		RETURN 'moved';
	END IF;
	INSERT INTO desk.staff_sent (key_sha256, ticket) VALUES (sent, wanted);
	-- a form lives for a day (lib/auth.h)
	DELETE FROM desk.staff_sent WHERE at < now() - interval '2 days';
	RETURN 'new';
END
$$;
COMMENT ON FUNCTION desk.staff_begin(int, int, text, text) IS 'Hold a ticket for a form that was made from version "seen": "new", "sent" when this very form was carried out already, "moved" when the ticket has moved on.  PT404 when there is none.';

CREATE OR REPLACE FUNCTION desk.sentence(words text, hint text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN upper(left(words, 1)) || substr(words, 2) || '.'
	|| CASE WHEN hint ~ '\S' THEN ' ' || hint ELSE '' END;
COMMENT ON FUNCTION desk.sentence(text, text) IS 'A refusal of the database, and its hint, as sentences for people.';

CREATE OR REPLACE FUNCTION desk.rule_words(rule text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE rule
	WHEN 'ticket_duplicate_of_fkey' THEN 'There is no ticket with this number.'
	WHEN 'not_of_itself' THEN 'A ticket cannot go on in itself.'
	WHEN 'not_yet_needs_a_date' THEN 'Say when the next update comes: whoever waits needs a date.'
	WHEN 'subject_is_one_line' THEN 'The subject is one line of at most 200 characters.'
	ELSE 'The desk refused this ("' || rule || '").' END;
COMMENT ON FUNCTION desk.rule_words(text) IS 'A constraint that refused, in words for people.';

CREATE OR REPLACE FUNCTION desk.rule_field(rule text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE rule WHEN 'ticket_duplicate_of_fkey' THEN 'duplicate_of' WHEN 'not_of_itself' THEN 'duplicate_of'
	WHEN 'not_yet_needs_a_date' THEN 'hold_until' WHEN 'subject_is_one_line' THEN 'subject' ELSE '' END;
COMMENT ON FUNCTION desk.rule_field(text) IS 'The field of a form that a constraint is about, "" for none.';

CREATE OR REPLACE FUNCTION desk.staff_update(who int, wanted int, seen int, key_sha256 text, what jsonb)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	t desk.ticket;
	words text;
	hint text;
	rule text;
BEGIN
	outcome := desk.staff_begin(wanted, seen, key_sha256, what::text);
	SELECT * INTO t FROM desk.ticket WHERE number = wanted;
	IF outcome = 'sent' AND jsonb_populate_record(t, what) IS DISTINCT FROM t THEN
		outcome := 'moved';	-- done once, and undone by somebody since
	END IF;
	IF outcome <> 'new' THEN
		RETURN NEXT;
		RETURN;
	END IF;
	outcome := 'done';
	t := jsonb_populate_record(t, what);
	UPDATE desk.ticket SET assignee = t.assignee, state = t.state, severity = t.severity, kind = t.kind,
		product = t.product, visibility = t.visibility, hold = t.hold, next_update_by = t.next_update_by,
		production_down = t.production_down, team = t.team, customer = t.customer, resolution = t.resolution, reason = t.reason, alternative = t.alternative,
		duplicate_of = t.duplicate_of, release = t.release, changed_by = 'staff:' || who
	WHERE number = wanted;
	RETURN NEXT;
EXCEPTION
	WHEN SQLSTATE 'PT409' THEN
		GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, field = COLUMN_NAME;
		outcome := 'refused';
		complaint := desk.sentence(words, hint);
		RETURN NEXT;
	WHEN integrity_constraint_violation THEN
		GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
		outcome := 'refused';
		field := desk.rule_field(rule);
		complaint := desk.rule_words(rule);
		RETURN NEXT;
END
$$;
COMMENT ON FUNCTION desk.staff_update(int, int, int, text, jsonb) IS 'Change some fields of a ticket for one of the staff: "done"; "sent" when this very form was carried out already; "moved", and nothing stored, when the ticket is not what the form was made from; "refused" with the words of the rule and its field.  PT404 when there is none.';

CREATE OR REPLACE FUNCTION desk.when_typed(t text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF t ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}$' THEN
		RETURN t::timestamptz;
	END IF;
	RETURN NULL;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;	-- the 31st of February
END
$$;
COMMENT ON FUNCTION desk.when_typed(text) IS 'A date and time as browsers send it (2026-11-24T17:00), in the session''s zone; NULL when it is none.';
