-- Taking out what should not be here.
--
-- desk.text_places() lists where the desk keeps words about a ticket that
-- somebody typed, copies and mails included; tests/sql/redact.sql fails for a
-- text column that neither stands there nor is known to hold our own words.
-- Two ways lead through it: desk.redact() takes out exact words,
-- desk.withhold() everything, for a ticket that reports a security hole.
--
-- What it cannot reach, and how long that stays: mails that have gone out;
-- one that notify holds just now; backups, replicas that lag, archived
-- write-ahead log, as long as those are kept; on the disk of the server the
-- dead rows until vacuum comes by (a minute or so, see sql/schema/160) and
-- keys of the word indexes until "privacy --sweep"; and a copy of a public page:
-- half a minute in the web server, up to a day where a server may show an old
-- copy while the desk fails (stale-if-error, fastcgi_cache_use_stale).  Emptying
-- the web server's cache ends that at once.

-- The places ------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.text_places()
RETURNS TABLE (relation text, row_key text, belongs text, tickets text, fields text[], label text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ VALUES
	('ticket', 'number', 'x.number = $1', 'x.number', ARRAY['subject', 'tried', 'reason', 'alternative', 'requester_name'], 'Facts'),
	('answer', 'position', 'x.ticket = $1', 'x.ticket', ARRAY['question', 'answer'], 'Answer to a question of the form'),
	('message', 'id', 'x.ticket = $1', 'x.ticket', ARRAY['name', 'body', 'body_html'], 'Message'),
	('note', 'id', 'x.ticket = $1', 'x.ticket', ARRAY['body', 'body_html'], 'Internal note'),
	('change', 'id', 'x.ticket = $1 AND x.field IN (''subject'', ''tried'', ''reason'', ''alternative'', ''requester_name'')', 'x.ticket', ARRAY['old', 'new'], 'History'),
	('private_reason', 'ticket', 'x.ticket = $1', 'x.ticket', ARRAY['words'], 'Why it is private'),
	('attachment', 'id', 'x.ticket = $1', 'x.ticket', ARRAY['name'], 'Name of a file'),
	('breach_reason', 'clock', 'x.clock IN (SELECT c.id FROM desk.clock c WHERE c.ticket = $1)', 'SELECT c.ticket FROM desk.clock c WHERE c.id = x.clock', ARRAY['reason'], 'Why a promise was broken'),
	('page', 'id', 'x.id IN (SELECT q.page FROM desk.page_report q WHERE q.ticket = $1)', 'SELECT q.ticket FROM desk.page_report q WHERE q.page = x.id', ARRAY['verdict', 'resolved_why'], 'Verdict on a page'),
	('page_event', 'id', 'x.page IN (SELECT q.page FROM desk.page_report q WHERE q.ticket = $1)', 'SELECT q.ticket FROM desk.page_report q WHERE q.page = x.page', ARRAY['words'], 'Log of a page'),
	('action', 'id', 'x.ticket = $1', 'x.ticket', ARRAY['what', 'why', 'approval'], 'Production action'),
	('outbox', 'id', 'desk.outbox_about(x) = $1', 'desk.outbox_about(x)', ARRAY['subject', 'body', 'payload', 'said'], 'Mail or message to a hook'),
	('outbox', 'id', 'x.ticket IS NULL AND x.kind IN (''list'', ''report'') AND x.body ~ (''#'' || $1::text || ''\M'')',
		'SELECT m[1]::int FROM regexp_matches(x.body, ''#([0-9]{1,9})\M'', ''g'') m', ARRAY['body', 'payload'], 'List by mail'),
	('outbox', 'id', '$1 IS NULL AND desk.outbox_about(x) IS NULL', 'NULL::int', ARRAY['subject', 'body', 'payload', 'said'], 'Mail about no ticket'),
	('delivery', 'id', 'x.outbox IN (SELECT o.id FROM desk.outbox o WHERE desk.outbox_about(o) = $1)',
		'SELECT desk.outbox_about(o) FROM desk.outbox o WHERE o.id = x.outbox', ARRAY['said'], 'Log of deliveries'),
	-- the log outlives its mails
	('delivery', 'id', '$1 IS NULL AND NOT EXISTS (SELECT FROM desk.outbox o WHERE o.id = x.outbox AND desk.outbox_about(o) IS NOT NULL)', 'NULL::int',
		ARRAY['said'], 'Log of deliveries')
$$;
COMMENT ON FUNCTION desk.text_places() IS 'Where words about a ticket stand that somebody typed: table, key, the condition under which a row x is of ticket $1 (of no ticket when $1 is NULL), which tickets a row x is of, the columns, and what people call it.  The public copies and the word indexes are made anew from these.';

CREATE OR REPLACE FUNCTION desk.answers_html(wanted bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((SELECT '<dl>' || string_agg(format('<dt>%s</dt><dd>%s</dd>',
			desk.plain_text_html(a.question), desk.plain_html(a.answer)), '' ORDER BY a.position) || '</dl>'
		FROM desk.message m JOIN desk.answer a ON a.ticket = m.ticket
		WHERE m.id = wanted AND NOT EXISTS (SELECT FROM desk.message f WHERE f.ticket = m.ticket AND f.id < m.id)
		HAVING count(*) > 0), '');
END
$$;
COMMENT ON FUNCTION desk.answers_html(bigint) IS 'The answers to a form''s own questions, as they stand below the first message of a ticket; nothing for another message.';

CREATE OR REPLACE FUNCTION desk.author_words(m desk.message) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(desk.visible((m).name), CASE (m).author WHEN 'requester' THEN 'the requester' ELSE 'the desk' END);
COMMENT ON FUNCTION desk.author_words(desk.message) IS 'Who wrote a message, for staff.';

CREATE OR REPLACE FUNCTION desk.by_words(staff int, role text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((SELECT s.name FROM desk.staff s WHERE s.id = by_words.staff), role || ' in psql');
END
$$;
COMMENT ON FUNCTION desk.by_words(int, text) IS 'Who took something out or fetched it: one of the staff by name, or the role of somebody in psql.';

CREATE OR REPLACE FUNCTION desk.ticket_texts(wanted int) RETURNS TABLE (part text, who text, at timestamptz, body text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT x.part, x.who, x.at, desk.visible(x.body) FROM (
		SELECT 'Subject' AS part, '' AS who, t.filed_at AS at, t.subject AS body, 0 AS place, 0::bigint AS seq FROM desk.ticket t WHERE t.number = wanted
		UNION ALL SELECT 'Already tried', '', t.filed_at, t.tried, 1, 0 FROM desk.ticket t WHERE t.number = wanted
		UNION ALL SELECT 'Why it is private', '', NULL, r.words, 2, 0 FROM desk.private_reason r WHERE r.ticket = wanted
		UNION ALL SELECT desk.visible(a.question), '', NULL, a.answer, 3, a.position FROM desk.answer a WHERE a.ticket = wanted
		UNION ALL SELECT 'Message', desk.author_words(m), m.posted_at, m.body, 4, m.id FROM desk.message m WHERE m.ticket = wanted
		UNION ALL SELECT 'Internal note', s.name, n.posted_at, n.body, 5, n.id FROM desk.note n JOIN desk.staff s ON s.id = n.staff WHERE n.ticket = wanted
		UNION ALL SELECT 'Production action', s.name, a.done_at, concat_ws(E'\n\n', a.what, a.why, a.approval), 6, a.id
			FROM desk.action a JOIN desk.staff s ON s.id = a.staff WHERE a.ticket = wanted
		UNION ALL SELECT 'Why a promise was broken', '', NULL, b.reason, 7, b.clock FROM desk.breach_reason b JOIN desk.clock c ON c.id = b.clock WHERE c.ticket = wanted
		UNION ALL SELECT 'Verdict on a page', '', g.judged_at, g.verdict, 8, g.id
			FROM desk.page g JOIN desk.page_report q ON q.page = g.id WHERE q.ticket = wanted
		UNION ALL SELECT 'Why a page was over', '', g.resolved_at, g.resolved_why, 9, g.id
			FROM desk.page g JOIN desk.page_report q ON q.page = g.id WHERE q.ticket = wanted
		-- earlier verdicts; the last one is above
		UNION ALL SELECT 'Log of a page', coalesce(s.name, ''), e.at, e.words, 10, e.id
			FROM desk.page_event e JOIN desk.page g ON g.id = e.page JOIN desk.page_report q ON q.page = g.id LEFT JOIN desk.staff s ON s.id = e.staff
			WHERE q.ticket = wanted AND e.words IS DISTINCT FROM g.verdict AND e.words IS DISTINCT FROM g.resolved_why
		UNION ALL SELECT 'Reason', '', t.solved_at, t.reason, 11, 0 FROM desk.ticket t WHERE t.number = wanted
		UNION ALL SELECT 'Alternative', '', t.solved_at, t.alternative, 12, 0 FROM desk.ticket t WHERE t.number = wanted
		UNION ALL SELECT 'The requester''s name', '', NULL, t.requester_name, 13, 0 FROM desk.ticket t WHERE t.number = wanted
		UNION ALL SELECT format('%s, until then', desk.field_words(c.field)), desk.actor_words(c), c.changed_at, c.old, 14, c.id
			FROM desk.change c WHERE c.ticket = wanted AND c.field IN ('subject', 'tried', 'reason', 'alternative', 'requester_name')) x
	WHERE x.body ~ '\S' ORDER BY x.place, x.seq;
END
$$;
COMMENT ON FUNCTION desk.ticket_texts(int) IS 'The texts of a ticket that people typed, for staff: control characters as pictures and without marks that turn the direction of writing.  No row when there is no such ticket.';

CREATE OR REPLACE FUNCTION desk.ticket_copy(wanted int, who int DEFAULT NULL, most bigint DEFAULT NULL) RETURNS TABLE (path text, content text, file bigint, size bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	words text := (SELECT string_agg(format(E'---- %s\n\n%s\n\n', concat_ws(', ', x.part, nullif(x.who, ''), desk.words(x.at)), x.body), '' ORDER BY x.place)
		FROM desk.ticket_texts(wanted) WITH ORDINALITY x (part, who, at, body, place));
BEGIN
	IF words IS NULL THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	INSERT INTO desk.export (ticket, staff) VALUES (wanted, who);
	words := format(E'Ticket %s, as of %s.\n\n', wanted, desk.words(now())) || words || coalesce((SELECT string_agg(
			format(E'---- File %s: %s, %s, %s, %s\n', desk.archive_path(wanted, f.file, f.type), f.name, desk.size_words(f.size), f.sender, desk.words(f.sent_at)), '' ORDER BY f.file)
		FROM desk.ticket_files(wanted) f), '');
	RETURN QUERY SELECT format('tickets/%s/texts.txt', wanted), words, NULL::bigint, octet_length(words)::bigint;
	RETURN QUERY SELECT * FROM desk.archive_files(ARRAY(SELECT a.id FROM desk.attachment a WHERE a.ticket = wanted), most);
END
$$;
COMMENT ON FUNCTION desk.ticket_copy(int, int, bigint) IS 'All of a ticket as the files of an archive, to be taken along before it is withheld: its texts, of notes and production actions too, and the numbers of attachments whose content goes under that path, see desk.archive_files().  Noted in desk.export.  PT404 when there is no such ticket.';

-- Words -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.unmarked(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(t, E'[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]', '', 'g');
COMMENT ON FUNCTION desk.unmarked(text) IS 'A text without the characters that nobody sees: marks that turn the direction of writing, blanks of no width, soft hyphens.';

CREATE OR REPLACE FUNCTION desk.words_pattern(words text[], whole boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- may stand unseen between any two letters
	unseen constant text := E'[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*';
	found_words text := (SELECT string_agg(p.pattern, '|' ORDER BY length(p.word) DESC, p.word) FROM (
		SELECT w.word, string_agg(CASE WHEN l.letter ~ '[[:alnum:]_[:space:]]' THEN l.letter
			-- a control character is shown as its picture
			WHEN ascii(l.letter) BETWEEN 9217 AND 9247 THEN format('[%s%s]', l.letter, chr(ascii(l.letter) - 9216))
			WHEN l.letter = '␡' THEN E'[␡\x7f]'
			ELSE '\' || l.letter END, unseen ORDER BY l.place) AS pattern
		FROM (SELECT DISTINCT desk.unmarked(x) AS word FROM unnest(words) x) w, regexp_split_to_table(w.word, '') WITH ORDINALITY l (letter, place)
		WHERE w.word <> '' GROUP BY w.word) p);
BEGIN
	RETURN CASE WHEN NOT whole THEN found_words
		-- neither in the middle of another word; nor missed behind an escape as in "\nAnn", "=3DAnn"
		ELSE '(?:(?<![[:alnum:]_])|(?<=\\[nrt])|(?<=[%=][0-9A-Fa-f]{2}))(?:' || found_words || ')(?![[:alnum:]_])' END;
END
$$;
COMMENT ON FUNCTION desk.words_pattern(text[], boolean) IS 'A regular expression for exactly these words, the longer ones first, as somebody reads them: what nobody sees may stand between their letters, control characters may be given as their pictures.  whole: not as a part of other words.';

CREATE OR REPLACE FUNCTION desk.words_forms(words text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT DISTINCT f.form FROM unnest(words) w, LATERAL (VALUES (w), (desk.visible(w)), (desk.plain_text_html(w)),
		(replace(desk.plain_text_html(w), E'\n', '<br>')), (substring(to_jsonb(w)::text FROM '^"(.*)"$')), (substring(to_jsonb(desk.plain_text_html(w))::text FROM '^"(.*)"$'))) f (form) WHERE f.form <> '');
END
$$;
COMMENT ON FUNCTION desk.words_forms(text[]) IS 'Words as they stand in texts, inside HTML and inside JSON.';

CREATE OR REPLACE FUNCTION desk.black(t text, pattern text, blind boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(t, pattern, '[removed]', CASE WHEN blind THEN 'gi' ELSE 'g' END);
COMMENT ON FUNCTION desk.black(text, text, boolean) IS 'A text in which what fits the pattern has become "[removed]"; blind: in capitals or not.';

CREATE OR REPLACE FUNCTION desk.black_json(j jsonb, pattern text, blind boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE jsonb_typeof(j)
		WHEN 'string' THEN to_jsonb(desk.black(j #>> '{}', pattern, blind))
		WHEN 'array' THEN (SELECT coalesce(jsonb_agg(desk.black_json(e.value, pattern, blind) ORDER BY e.place), '[]')
			FROM jsonb_array_elements(j) WITH ORDINALITY AS e (value, place))
		WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(e.key, desk.black_json(e.value, pattern, blind)), '{}') FROM jsonb_each(j) e)
		ELSE j END;
END
$$;
COMMENT ON FUNCTION desk.black_json(jsonb, text, boolean) IS 'desk.black for every text of a JSON value.';

CREATE OR REPLACE FUNCTION desk.black_html(html text, body text, words text[], blind boolean, whole boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	pattern text := desk.words_pattern(desk.words_forms(words), whole);
	made text := desk.black(html, pattern, blind);
	shown text := replace(replace(replace(replace(regexp_replace(regexp_replace(made, '</?(?:a|em|strong|del|code)(?: [^>]*)?>', '', 'g'), '<[^>]*>', E'\n', 'g'),
		'&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&amp;', '&');
BEGIN
	-- Markup may stand between its letters, or its address be written in
	-- percents; then the formatting is given up
	IF NOT desk.is_safe_html(made) OR shown ~* pattern
		OR made = html AND body <> desk.black(body, pattern, blind)
		OR html ~ '<a href=' AND EXISTS (SELECT FROM unnest(words) w WHERE w ~ '[^A-Za-z0-9._~@-]') THEN
		RETURN NULL;
	END IF;
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.black_html(text, text, text[], boolean, boolean) IS 'Rendered HTML without the words; NULL where that is not certain, and the text has to be shown plainly.';

CREATE OR REPLACE FUNCTION desk.redaction_find(wanted int, words text[], blind boolean, whole boolean DEFAULT false)
RETURNS TABLE (relation text, row_key text, field text, label text, pieces int, sample text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
	f text;
	pattern text := desk.words_pattern(desk.words_forms(words), whole);
	flags text := CASE WHEN blind THEN 'gi' ELSE 'g' END;
BEGIN
	FOR p IN SELECT * FROM desk.text_places() LOOP
		FOREACH f IN ARRAY p.fields LOOP
			RETURN QUERY EXECUTE format(
				'SELECT %L, x.%I::text, %L, %L, (SELECT count(*)::int FROM regexp_matches(x.%I::text, $2, $3)),'
				' substring(x.%I::text FROM ''(?:.{0,40})(?:'' || $2 || '')(?:.{0,40})'')'
				' FROM desk.%I x WHERE (%s) AND x.%I::text ~* $2 AND ($3 = ''gi'' OR x.%I::text ~ $2) ORDER BY x.%I',
				p.relation, p.row_key, f, p.label, f, f, p.relation, p.belongs, f, f, p.row_key)
				USING wanted, pattern, flags;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.redaction_find(int, text[], boolean, boolean) IS 'Every place of a ticket where the words stand, and how often; blind: in capitals or not; whole: not as a part of other words.';

CREATE OR REPLACE FUNCTION desk.redaction_row(redaction int, p_relation text, row_key text, field text, was text, is_now text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	gone int := (SELECT count(*) FROM regexp_matches(is_now, '\[removed\]', 'g')) - (SELECT count(*) FROM regexp_matches(was, '\[removed\]', 'g'));
BEGIN
	INSERT INTO desk.redaction_place AS x (redaction, relation, row_key, field, pieces, characters)
	VALUES (redaction_row.redaction, p_relation, redaction_row.row_key, redaction_row.field, greatest(1, gone),
		greatest(1, coalesce(length(was) - length(is_now) + 9 * greatest(gone, 0), length(was))))
	ON CONFLICT ON CONSTRAINT redaction_place_pkey DO UPDATE SET pieces = x.pieces + excluded.pieces, characters = x.characters + excluded.characters;
END
$$;
COMMENT ON FUNCTION desk.redaction_row(int, text, text, text, text, text) IS 'Note where something was taken out and how much.';

CREATE OR REPLACE FUNCTION desk.redaction_tickets(address text) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
	f text;
	more int[];
	found_tickets int[] := '{}';
BEGIN
	FOR p IN SELECT * FROM desk.text_places() LOOP
		FOREACH f IN ARRAY p.fields LOOP
			CONTINUE WHEN f = 'body_html';	-- says what its text says
			EXECUTE format('SELECT array_agg(DISTINCT s.n) FROM desk.%I x, LATERAL (%s) s (n) WHERE strpos(x.%I::text, ''@'') > 0 AND x.%I::text ~* $1',
				p.relation, CASE WHEN p.tickets ~ '^SELECT' THEN p.tickets ELSE 'SELECT ' || p.tickets END, f, f)
				INTO more USING desk.words_pattern(desk.words_forms(ARRAY[address]), false);
			found_tickets := found_tickets || more;
		END LOOP;
	END LOOP;
	RETURN ARRAY(SELECT DISTINCT t.number FROM desk.ticket t WHERE t.number = ANY (found_tickets) ORDER BY t.number);
END
$$;
COMMENT ON FUNCTION desk.redaction_tickets(text) IS 'Every ticket in which an address may stand, whatever the place and however it is written.';

CREATE OR REPLACE FUNCTION desk.redact_texts(redaction int, wanted int, words text[], blind boolean, whole boolean) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	pattern text := desk.words_pattern(desk.words_forms(words), whole);
	-- to look for: in JSON an escape may stand before a word, and it is quicker
	wide text := desk.words_pattern(desk.words_forms(words), false);
	p record;
	x record;
	f text;
	is_now text;
	changed int := 0;
BEGIN
	PERFORM FROM desk.ticket t WHERE t.number = wanted FOR NO KEY UPDATE;
	FOR p IN SELECT * FROM desk.text_places() LOOP
		FOREACH f IN ARRAY p.fields LOOP
			CONTINUE WHEN f = 'body_html';	-- with its text, below
			FOR x IN EXECUTE format('SELECT x.%I::text AS row_key, x.%I::text AS was FROM desk.%I x WHERE (%s) AND x.%I::text ~* $2 ORDER BY x.%I FOR UPDATE',
				p.row_key, f, p.relation, p.belongs, f, p.row_key) USING wanted, wide
			LOOP
				is_now := CASE f WHEN 'payload' THEN desk.black_json(x.was::jsonb, pattern, blind)::text ELSE desk.black(x.was, pattern, blind) END;
				CONTINUE WHEN is_now = x.was;
				IF p.relation = 'ticket' THEN
					EXECUTE format('UPDATE desk.ticket SET %I = $2, changed_by = ''redaction'' WHERE number = $1', f) USING wanted, is_now;
				ELSIF p.relation = 'outbox' AND f = 'body' THEN
					-- the links at the end stay where they are
					UPDATE desk.outbox o SET body = is_now, foot_at = CASE WHEN o.foot_at IS NOT NULL
						THEN length(desk.black(left(o.body, o.foot_at), pattern, blind)) END WHERE o.id = x.row_key::bigint;
				ELSE
					EXECUTE format('UPDATE desk.%I SET %I = $1::%s WHERE %I = $2::bigint%s', p.relation, f,
						CASE f WHEN 'payload' THEN 'jsonb' ELSE 'text' END, p.row_key,
						CASE p.relation WHEN 'answer' THEN ' AND ticket = ' || wanted ELSE '' END) USING is_now, x.row_key;
				END IF;
				PERFORM desk.redaction_row(redaction, p.relation, CASE p.relation WHEN 'answer' THEN wanted || '/' ELSE '' END || x.row_key, f, x.was, is_now);
				changed := changed + 1;
			END LOOP;
		END LOOP;
	END LOOP;
	FOR x IN SELECT m.id, m.body, m.body_html FROM desk.message m WHERE m.ticket = wanted
		AND (m.body_html ~* pattern OR EXISTS (SELECT FROM desk.redaction_place r WHERE r.redaction = redact_texts.redaction
			AND r.relation = 'message' AND r.row_key = m.id::text AND r.field = 'body')) LOOP
		is_now := coalesce(desk.black_html(x.body_html, x.body, words, blind, whole), desk.plain_html(x.body) || desk.answers_html(x.id));
		CONTINUE WHEN is_now = x.body_html;
		UPDATE desk.message SET body_html = is_now WHERE id = x.id;
		PERFORM desk.redaction_row(redaction, 'message', x.id::text, 'body_html', x.body_html, is_now);
	END LOOP;
	FOR x IN SELECT n.id, n.body, n.body_html FROM desk.note n WHERE n.ticket = wanted
		AND (n.body_html ~* pattern OR EXISTS (SELECT FROM desk.redaction_place r WHERE r.redaction = redact_texts.redaction
			AND r.relation = 'note' AND r.row_key = n.id::text AND r.field = 'body')) LOOP
		is_now := coalesce(desk.black_html(x.body_html, x.body, words, blind, whole), desk.plain_html(x.body));
		CONTINUE WHEN is_now = x.body_html;
		UPDATE desk.note SET body_html = is_now WHERE id = x.id;
		PERFORM desk.redaction_row(redaction, 'note', x.id::text, 'body_html', x.body_html, is_now);
	END LOOP;
	IF changed > 0 AND wanted IS NOT NULL THEN
		PERFORM desk.redact_copies(wanted);
	END IF;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION desk.redact_texts(int, int, text[], boolean, boolean) IS 'Take words out of every place of a ticket, or of what is about no ticket (NULL), under a redaction of this transaction; blind: in capitals or not; whole: not as a part of other words.  How many texts changed.';

CREATE OR REPLACE FUNCTION desk.redact_copies(wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t desk.ticket;
	found_words tsvector;
	said record;
	listing desk.outbox;
BEGIN
	SELECT * INTO t FROM desk.ticket WHERE number = wanted;
	-- what somebody may have been sent again would tell whether a guess was right
	UPDATE desk.submission s SET text_sha256 = sha256(uuid_send(gen_random_uuid())) WHERE s.ticket = wanted;
	DELETE FROM desk.staff_sent s WHERE s.ticket = wanted;
	-- the first words of a report, or of a subject in a list, end anywhere, in
	-- the middle of a secret, too
	FOR listing IN SELECT * FROM desk.outbox y WHERE y.ticket IS NULL AND y.kind IN ('list', 'report') AND y.body ~ ('#' || wanted || '\M') ORDER BY y.id FOR UPDATE LOOP
		PERFORM desk.outbox_hush(listing, wanted);
	END LOOP;
	UPDATE desk.outbox o SET body = left(o.body, o.foot_at - length(part.words)) || substr(o.body, o.foot_at + 1),
		foot_at = o.foot_at - length(part.words)
	FROM desk.outbox x, LATERAL (SELECT substring(left(x.body, x.foot_at) FROM E'\n\nThe report:\n.*') AS words) part
	WHERE o.id = x.id AND x.kind = 'page' AND desk.outbox_about(x) = wanted AND part.words IS NOT NULL;
	IF t.visibility = 'private' THEN
		PERFORM desk.private_words(wanted);
		RETURN;
	END IF;
	UPDATE desk.public_entry e SET body_html = m.body_html,
		name = coalesce(desk.visible(m.name), CASE m.author WHEN 'staff' THEN 'Staff' ELSE 'Requester' END),
		initial = upper(left(coalesce(desk.visible(m.name), 'R'), 1))
	FROM desk.message m WHERE e.ticket = wanted AND NOT e.is_change AND m.id = e.seq AND m.ticket = wanted
	  AND (e.body_html, e.name) IS DISTINCT FROM (m.body_html, coalesce(desk.visible(m.name), CASE m.author WHEN 'staff' THEN 'Staff' ELSE 'Requester' END));
	UPDATE desk.public_entry e SET new = desk.shown_words(c.field, c.new)
	FROM desk.change c WHERE e.ticket = wanted AND e.is_change AND c.id = e.seq AND c.ticket = wanted AND c.field = 'subject';
	UPDATE desk.public_attachment p SET name = desk.visible(a.name) FROM desk.attachment a WHERE a.id = p.id AND a.ticket = wanted AND p.name <> desk.visible(a.name);
	found_words := setweight(desk.search_words(t.subject), 'A');
	FOR said IN SELECT x.body, x.solution FROM desk.message x WHERE x.ticket = wanted ORDER BY x.id LOOP
		found_words := desk.add_words(found_words, said.body, said.solution);
	END LOOP;
	UPDATE desk.public_search s SET words = found_words WHERE s.number = wanted;
END
$$;
COMMENT ON FUNCTION desk.redact_copies(int) IS 'Make the public copy and the words of a ticket anew after a redaction, and scramble the hash of what was sent.';

CREATE OR REPLACE FUNCTION desk.redaction_shown(redaction int, wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- the copies for pages and mails count for nobody
	INSERT INTO desk.change (ticket, field, new, actor, staff, program)
	SELECT wanted, CASE r.kind WHEN 'vulnerability' THEN 'withheld' ELSE 'redacted' END,
		CASE r.kind WHEN 'vulnerability' THEN 'all text, as it was about a security hole'
		ELSE (SELECT format('%s %s', coalesce(sum(p.characters), 0), CASE sum(p.characters) WHEN 1 THEN 'character' ELSE 'characters' END)
			FROM desk.redaction_place p WHERE p.redaction = r.id AND p.field NOT IN ('body_html')
			  AND p.relation IN ('ticket', 'answer', 'message', 'note', 'attachment', 'action', 'breach_reason', 'page')) END,
		CASE WHEN r.staff IS NULL THEN 'sql' ELSE 'staff' END, r.staff, r.role
	FROM desk.redaction r WHERE r.id = redaction_shown.redaction;
	UPDATE desk.ticket t SET version = t.version + 1 WHERE t.number = wanted;
END
$$;
COMMENT ON FUNCTION desk.redaction_shown(int, int) IS 'Tell in the history of a ticket that something was taken out: how much, by whom, when.';

CREATE OR REPLACE FUNCTION desk.redaction_alone() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	LOCK TABLE desk.redaction IN SHARE ROW EXCLUSIVE MODE;
END
$$;
COMMENT ON FUNCTION desk.redaction_alone() IS 'Waits until no other transaction takes something out: each goes over many rows, lists by mail among them, which two would lock in another order.';

CREATE OR REPLACE FUNCTION desk.redact(wanted int, words text, reason text, who int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made int;
BEGIN
	IF coalesce(length(btrim(desk.unmarked(words))), 0) < 3 OR length(words) > 2000 THEN
		RAISE 'cannot take out less than three characters or more than 2,000' USING ERRCODE = 'PT409', COLUMN = 'words';
	END IF;
	IF strpos('[removed]', desk.unmarked(words)) > 0 THEN
		RAISE 'cannot take out the mark of what was taken out' USING ERRCODE = 'PT409', COLUMN = 'words';
	END IF;
	IF reason ~* desk.words_pattern(desk.words_forms(ARRAY[words]), false) THEN
		RAISE 'cannot keep a reason that says it again' USING ERRCODE = 'PT409', COLUMN = 'reason';
	END IF;
	PERFORM desk.redaction_alone();
	PERFORM FROM desk.ticket t WHERE t.number = wanted FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	INSERT INTO desk.redaction (kind, ticket, staff, reason) VALUES ('words', wanted, who, redact.reason) RETURNING id INTO made;
	IF desk.redact_texts(made, wanted, ARRAY[words], false, false) = 0 THEN
		RAISE 'cannot find these words in ticket %', wanted USING ERRCODE = 'PT409', COLUMN = 'words';
	END IF;
	PERFORM desk.redaction_shown(made, wanted);
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.redact(int, text, text, int) IS 'Take exact words out of a ticket, everywhere and at once: each piece becomes "[removed]".  Who (NULL in psql), when, why, where and how much is kept in desk.redaction.  Refuses (PT409) words that are nowhere, and a reason that says them again.';

CREATE OR REPLACE FUNCTION desk.file_names(wanted int, file bigint) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT a.name FROM desk.attachment a WHERE a.ticket = wanted AND a.id = file AND length(desk.unmarked(a.name)) >= 3
		AND NOT EXISTS (SELECT FROM desk.attachment b WHERE b.ticket = wanted AND b.id <> a.id AND b.name = a.name));
END
$$;
COMMENT ON FUNCTION desk.file_names(int, bigint) IS 'The words that go out of the texts of a ticket together with a file: its name; none when that is too short to be looked for, or is the name of another file there.';

CREATE OR REPLACE FUNCTION desk.redact_file(wanted int, file bigint, reason text, who int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made int;
	names text[];
	a record;
BEGIN
	PERFORM desk.redaction_alone();
	PERFORM FROM desk.ticket t WHERE t.number = wanted FOR NO KEY UPDATE;
	SELECT x.id, x.size INTO a FROM desk.attachment x WHERE x.ticket = wanted AND x.id = file;
	IF NOT FOUND THEN
		RAISE 'no such file' USING ERRCODE = 'PT404';
	END IF;
	names := desk.file_names(wanted, file);
	INSERT INTO desk.redaction (kind, ticket, staff, reason) VALUES ('words', wanted, who, redact_file.reason) RETURNING id INTO made;
	PERFORM desk.attachment_drop(file);
	INSERT INTO desk.redaction_place (redaction, relation, row_key, field, pieces, characters) VALUES (made, 'attachment', file::text, 'content', 1, a.size);
	-- mails that have not gone out name it
	IF names <> '{}' THEN
		PERFORM desk.redact_texts(made, wanted, names, false, true);
	END IF;
	INSERT INTO desk.change (ticket, field, new, actor, staff, program)
	VALUES (wanted, 'redacted', format('a file of %s', desk.size_words(a.size)), CASE WHEN who IS NULL THEN 'sql' ELSE 'staff' END, who, session_user);
	UPDATE desk.ticket t SET version = t.version + 1 WHERE t.number = wanted;
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.redact_file(int, bigint, text, int) IS 'Take a whole file out of a ticket, and its name out of every text there, unless another file bears it, too.  PT404 when the ticket has no such file.';

-- Vulnerability reports ---------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.is_withheld(wanted int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.redaction r WHERE r.ticket = wanted AND r.kind = 'vulnerability');
END
$$;
COMMENT ON FUNCTION desk.is_withheld(int) IS 'Was this ticket a report of a security hole, and its text withheld?';

CREATE OR REPLACE FUNCTION desk.withhold_texts(redaction int, wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
	x record;
	f text;
	o desk.outbox;
	file bigint;
BEGIN
	-- what has not gone out yet, does not
	FOR o IN SELECT * FROM desk.outbox y WHERE y.sent_at IS NULL AND y.failed_at IS NULL AND desk.outbox_about(y) = wanted
		AND y.kind NOT IN ('receipt', 'confirm') ORDER BY y.folded_into IS NOT NULL, y.id FOR UPDATE LOOP
		PERFORM desk.outbox_drop(o, 'withheld');
	END LOOP;
	FOR p IN SELECT * FROM desk.text_places() WHERE label <> 'List by mail' LOOP
		FOREACH f IN ARRAY p.fields LOOP
			FOR x IN EXECUTE format('SELECT x.%I::text AS row_key, x.%I::text AS was FROM desk.%I x WHERE (%s) AND x.%I::text <> '''' AND x.%I::text <> ''[removed]''%s FOR UPDATE',
				p.row_key, f, p.relation, p.belongs, f, f,
				-- those hold nothing but a link
				CASE p.relation WHEN 'outbox' THEN ' AND x.kind NOT IN (''receipt'', ''confirm'')' ELSE '' END) USING wanted
			LOOP
				IF p.relation = 'ticket' THEN
					EXECUTE format('UPDATE desk.ticket SET %I = ''[removed]'', changed_by = ''redaction'' WHERE number = $1', f) USING wanted;
				ELSE
					EXECUTE format('UPDATE desk.%I SET %I = %s WHERE %I = $1::bigint%s', p.relation, f,
						CASE f WHEN 'payload' THEN '''{}''::jsonb' WHEN 'body_html' THEN '''<p>[removed]</p>''' ELSE '''[removed]''' END,
						p.row_key, CASE p.relation WHEN 'answer' THEN ' AND ticket = ' || wanted ELSE '' END) USING x.row_key;
				END IF;
				PERFORM desk.redaction_row(redaction, p.relation, CASE p.relation WHEN 'answer' THEN wanted || '/' ELSE '' END || x.row_key, f, x.was, '[removed]');
			END LOOP;
		END LOOP;
	END LOOP;
	FOR file IN SELECT a.id FROM desk.attachment a WHERE a.ticket = wanted LOOP
		INSERT INTO desk.redaction_place (redaction, relation, row_key, field, pieces, characters)
		SELECT withhold_texts.redaction, 'attachment', a.id::text, 'content', 1, a.size FROM desk.attachment a WHERE a.id = file;
		PERFORM desk.attachment_drop(file);
	END LOOP;
	PERFORM desk.redact_copies(wanted);
END
$$;
COMMENT ON FUNCTION desk.withhold_texts(int, int) IS 'Take out all words and files of a ticket, and keep back the mails about it.';

CREATE OR REPLACE FUNCTION desk.withheld_words(passed_on boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'We read this as the report of a security hole. This desk holds none: all text and files of this ticket were taken out, and nobody can read them here any more. '
	|| CASE WHEN passed_on THEN 'Before that we passed your report on to our [security contact](/.well-known/security.txt), so you need not send it again. '
		'If there is more to say, please write there.'
	ELSE 'We did not pass it on. Please send it once more, to our [security contact](/.well-known/security.txt), who can keep it safe.' END
	|| ' Thank you for telling us.';
COMMENT ON FUNCTION desk.withheld_words(boolean) IS 'What a requester is told whose ticket was withheld; passed_on: the security contact has the report.';

CREATE OR REPLACE FUNCTION desk.withheld_html(passed_on boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '<p>' || replace(desk.withheld_words(passed_on), '[security contact](/.well-known/security.txt)',
	'<a href="/.well-known/security.txt" rel="nofollow ugc noopener">security contact</a>') || '</p>';
COMMENT ON FUNCTION desk.withheld_html(boolean) IS 'The same as it is shown on their page.';

CREATE OR REPLACE FUNCTION desk.withheld_mail(t desk.ticket, passed_on boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	proven boolean := EXISTS (SELECT FROM desk.follower f JOIN desk.person p ON p.id = f.person AND p.proven_at IS NOT NULL
		WHERE f.ticket = t.number AND f.person = t.requester AND f.confirmed_at IS NOT NULL AND f.stopped_at IS NULL);
BEGIN
	-- in place of those that say "an answer" and "solved"
	DELETE FROM desk.outbox o WHERE o.ticket = t.number AND o.person IS NOT NULL AND o.made_at = now() AND o.sent_at IS NULL
		AND o.failed_at IS NULL AND o.kind IN ('message', 'change');
	IF NOT EXISTS (SELECT FROM desk.person p WHERE p.id = t.requester AND p.erased_at IS NULL)
		OR NOT proven AND NOT desk.limit_take('mail-address', t.requester::text) THEN
		RETURN;
	END IF;
	INSERT INTO desk.outbox (kind, ticket, person, subject, body)
	VALUES (CASE WHEN proven THEN 'message' ELSE 'receipt' END, t.number, t.requester,
		format(CASE WHEN passed_on THEN 'Ticket %s: your report is with our security contact' ELSE 'Ticket %s: please report this to our security contact' END, t.number),
		format(E'We read report %s as one about a security hole. This desk holds none: all its text and\n'
			'files were taken out, and nobody can read them here any more.\n\n'
			'%s\n{URL}/.well-known/security.txt\n\nThank you for telling us.\n', t.number,
			CASE WHEN passed_on THEN E'Before that we passed it on to our security contact, so you need not send it again.\nIf there is more to say, please write there:'
			ELSE E'We did not pass it on. Please send it once more, to our security contact:' END));
END
$$;
COMMENT ON FUNCTION desk.withheld_mail(desk.ticket, boolean) IS 'One mail tells the requester that their ticket was withheld, whether the report was passed on, and where to go.';

CREATE OR REPLACE FUNCTION desk.withhold(wanted int, why text, who int, passed_on boolean DEFAULT false) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t desk.ticket;
	made int;
BEGIN
	PERFORM desk.redaction_alone();
	SELECT * INTO t FROM desk.ticket WHERE number = wanted FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	IF desk.is_withheld(wanted) THEN
		RAISE 'cannot withhold ticket % again', wanted USING ERRCODE = 'PT409';
	END IF;
	IF coalesce(why, '') NOT IN ('ours', 'elsewhere', 'unsure') THEN
		RAISE 'choose what it is about' USING ERRCODE = 'PT409', COLUMN = 'kind';
	END IF;
	INSERT INTO desk.redaction (kind, ticket, staff, reason, passed_on) VALUES ('vulnerability', wanted, who, why, withhold.passed_on) RETURNING id INTO made;
	PERFORM desk.withhold_texts(made, wanted);
	UPDATE desk.ticket x SET visibility = 'private', consented_at = NULL, changed_by = 'staff:' || who WHERE x.number = wanted;
	INSERT INTO desk.message (ticket, author, staff, name, body, body_html)
	SELECT wanted, 'staff', s.id, s.name, desk.withheld_words(withhold.passed_on), desk.withheld_html(withhold.passed_on) FROM desk.staff s WHERE s.id = who;
	UPDATE desk.ticket x SET state = 'resolved', resolution = 'reported-elsewhere', reason = NULL, alternative = NULL, duplicate_of = NULL,
		changed_by = 'staff:' || who WHERE x.number = wanted;
	PERFORM desk.redaction_shown(made, wanted);
	PERFORM desk.withheld_mail(t, withhold.passed_on);
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.withhold(int, text, int, boolean) IS 'A ticket turned out to be the report of a security hole (ours, elsewhere, unsure): everything in it is taken out at once, it becomes private and is resolved as "reported-elsewhere", the requester is told whether the report was passed on to the security contact or they must send it there again, and who, when and which kind is kept.  It cannot be undone.';

CREATE OR REPLACE FUNCTION desk.withheld_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.resolution = 'reported-elsewhere' AND OLD.resolution IS DISTINCT FROM NEW.resolution AND NOT desk.is_withheld(NEW.number) THEN
		RAISE 'cannot resolve ticket % as "reported-elsewhere": its text has to be withheld first', NEW.number USING ERRCODE = 'PT409', COLUMN = 'resolution';
	END IF;
	IF OLD.resolution = 'reported-elsewhere' AND (NEW.resolution IS DISTINCT FROM OLD.resolution OR NEW.state <> OLD.state) THEN
		RAISE 'cannot open ticket % again: this desk holds no reports of security holes', NEW.number USING ERRCODE = 'PT409', COLUMN = 'state';
	END IF;
	IF OLD.resolution = 'reported-elsewhere' AND NEW.visibility <> 'private' THEN
		RAISE 'cannot make ticket % public: it was the report of a security hole', NEW.number USING ERRCODE = 'PT409', COLUMN = 'visibility';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.withheld_guard() IS 'Refuses (PT409) the resolution "reported-elsewhere" for a ticket that was not withheld, and to open or publish one that was.';
CREATE OR REPLACE TRIGGER a_withheld_guard BEFORE UPDATE OF resolution, state, visibility ON desk.ticket FOR EACH ROW
	WHEN (OLD.resolution = 'reported-elsewhere' OR NEW.resolution = 'reported-elsewhere') EXECUTE FUNCTION desk.withheld_guard();

CREATE OR REPLACE FUNCTION desk.withheld_message() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- after who withholds it just now
	PERFORM FROM desk.ticket t WHERE t.number = NEW.ticket FOR UPDATE;
	IF desk.is_withheld(NEW.ticket) THEN
		RAISE 'cannot take more words about ticket %: it was the report of a security hole', NEW.ticket
			USING ERRCODE = 'PT409', HINT = 'The security contact takes it: /.well-known/security.txt.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.withheld_message() IS 'Refuses (PT409) more text about what this desk does not hold: messages of the requester, notes, production actions.';
CREATE OR REPLACE TRIGGER withheld BEFORE INSERT ON desk.message FOR EACH ROW
	WHEN (NEW.author = 'requester') EXECUTE FUNCTION desk.withheld_message();
CREATE OR REPLACE TRIGGER withheld BEFORE INSERT ON desk.note FOR EACH ROW EXECUTE FUNCTION desk.withheld_message();
CREATE OR REPLACE TRIGGER withheld BEFORE INSERT ON desk.action FOR EACH ROW EXECUTE FUNCTION desk.withheld_message();

-- The door --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.redacted_ticket() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	texts constant text[] := ARRAY['subject', 'tried', 'reason', 'alternative', 'requester_name'];
	-- promise_at is made after this
	was jsonb := to_jsonb(OLD) - 'promise_at';
	is_now jsonb := to_jsonb(NEW) - 'promise_at';
	field text;
BEGIN
	IF NOT desk.redacting() OR NOT desk.redacts(OLD.number) OR was - texts - 'changed_by' IS DISTINCT FROM is_now - texts - 'changed_by' THEN
		RAISE 'cannot change ticket % as a redaction: there is none, or it is more than texts', OLD.number USING ERRCODE = 'PT409';
	END IF;
	FOREACH field IN ARRAY texts LOOP
		IF NOT desk.is_redacted(was ->> field, is_now ->> field) AND NOT (field = 'requester_name' AND is_now ->> field IS NULL) THEN
			RAISE 'cannot write anything new into ticket %: a redaction only takes out', OLD.number USING ERRCODE = 'PT409', COLUMN = field;
		END IF;
	END LOOP;
	NEW.changed_by := NULL;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.redacted_ticket() IS 'What an UPDATE of a ticket by a redaction may do: in its texts, pieces become "[removed]".  No clock turns and no history is written, which would keep what is taken out.';

CREATE OR REPLACE FUNCTION desk.redaction_place_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.redaction r WHERE r.id = OLD.redaction AND r.txid = pg_current_xact_id_if_assigned() AND r.at = now())
		OR (OLD.redaction, OLD.relation, OLD.row_key, OLD.field) <> (NEW.redaction, NEW.relation, NEW.row_key, NEW.field)
		OR NEW.pieces < OLD.pieces OR NEW.characters < OLD.characters THEN
		RAISE 'cannot change or delete rows of desk.redaction_place: they are append-only' USING ERRCODE = 'PT409',
			HINT = 'A redaction adds to what it has counted itself.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.redaction_place_row() IS 'Refuses (PT409) all but that a redaction of this transaction counts on.';

-- after ticket_guard, which a redaction passes by
CREATE OR REPLACE TRIGGER z_redacted BEFORE UPDATE ON desk.ticket FOR EACH ROW
	WHEN (NEW.changed_by = 'redaction') EXECUTE FUNCTION desk.redacted_ticket();
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.message FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{name,body,body_html}');
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.note FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{body,body_html}');
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.change FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{old,new}');
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.attachment FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{name}');
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.page_event FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{words}');
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.delivery FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{said}');
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.action FOR EACH ROW EXECUTE FUNCTION desk.redacted_row('{what,why,approval}');
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.redaction FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.redaction_place FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
CREATE OR REPLACE TRIGGER redacted BEFORE UPDATE ON desk.redaction_place FOR EACH ROW EXECUTE FUNCTION desk.redaction_place_row();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.export FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.sweep FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();

-- What is left on the disk ------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.sweep_due() RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT max(r.at) FROM desk.redaction r WHERE r.at >= coalesce((SELECT max(s.began_at) FROM desk.sweep s), '-infinity'));
END
$$;
COMMENT ON FUNCTION desk.sweep_due() IS 'The last redaction that no sweep has covered; NULL when there is none.';

CREATE OR REPLACE FUNCTION desk.sweep_done(since timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.sweep (began_at) VALUES (since);
	RETURN since;
END
$$;
COMMENT ON FUNCTION desk.sweep_done(timestamptz) IS 'Note that "privacy --sweep" has covered what was taken out before an instant.';
