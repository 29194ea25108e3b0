-- What the desk knows of a person, for the person: all of it as one archive,
-- and gone on request, with the figures as they were.

CREATE OR REPLACE FUNCTION desk.person_ticket_text(wanted int) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT format(E'Ticket %s: %s\nReported %s. %s, %s.\n', t.number, desk.visible(t.subject), desk.words(t.filed_at), s.label,
			CASE t.visibility WHEN 'public' THEN 'public' ELSE 'private' END)
			|| coalesce(E'\nAlready tried:\n' || desk.visible(t.tried) || E'\n', '')
			|| coalesce((SELECT string_agg(format(E'\n%s\n%s\n', desk.visible(a.question), desk.visible(a.answer)), '' ORDER BY a.position)
				FROM desk.answer a WHERE a.ticket = t.number), '')
			|| coalesce((SELECT string_agg(format(E'\n---- %s, %s%s\n\n%s\n', CASE m.author WHEN 'requester' THEN coalesce(desk.visible(m.name), 'You')
					ELSE coalesce(m.name, 'The desk') END, desk.words(m.posted_at), CASE WHEN m.solution THEN ' (the solution)' ELSE '' END, desk.visible(m.body))
				|| coalesce((SELECT string_agg(format(E'\nFile: %s (%s)\n', a.name, desk.size_words(a.size)), '' ORDER BY a.place) FROM desk.attachment a WHERE a.message = m.id), ''),
				'' ORDER BY m.posted_at, m.id) FROM desk.message m WHERE m.ticket = t.number), '')
			|| coalesce(E'\nHow it ended: ' || (SELECT r.label FROM desk.resolution r WHERE r.name = t.resolution) || E'\n', '')
			|| coalesce(desk.visible(t.reason) || E'\n', '') || coalesce(desk.visible(t.alternative) || E'\n', '')
		FROM desk.ticket t JOIN desk.state s ON s.name = t.state WHERE t.number = wanted);
END
$$;
COMMENT ON FUNCTION desk.person_ticket_text(int) IS 'A ticket as its requester reads it, as plain text.  Never a note.';

CREATE OR REPLACE FUNCTION desk.person_ticket_json(wanted int) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('number', t.number, 'subject', t.subject, 'kind', t.kind, 'product', t.product,
			'severity', t.severity, 'blocked', t.blocked, 'tried', t.tried, 'visibility', t.visibility, 'consented_at', desk.utc(t.consented_at),
			'channel', t.channel, 'form', t.template, 'name', t.requester_name, 'state', t.state, 'resolution', t.resolution, 'reason', t.reason,
			'alternative', t.alternative, 'filed_at', desk.utc(t.filed_at), 'answered_at', desk.utc(t.answered_at), 'solved_at', desk.utc(t.solved_at),
			'confirmed_at', desk.utc(t.confirmed_at),
			'answers', (SELECT jsonb_agg(jsonb_build_object('question', a.question, 'answer', a.answer) ORDER BY a.position) FROM desk.answer a WHERE a.ticket = t.number),
			'messages', (SELECT jsonb_agg(jsonb_build_object('at', desk.utc(m.posted_at), 'author', m.author, 'name', m.name, 'text', m.body) ORDER BY m.id)
				FROM desk.message m WHERE m.ticket = t.number),
			'files', (SELECT jsonb_agg(jsonb_build_object('file', desk.archive_path(a.ticket, a.id, a.type), 'name', a.name, 'type', a.type, 'size', a.size,
				'sha256', encode(a.sha256, 'hex'), 'encrypted', a.sealed) ORDER BY a.id) FROM desk.attachment a WHERE a.ticket = t.number AND a.message IS NOT NULL),
			'changes', (SELECT jsonb_agg(jsonb_build_object('at', desk.utc(c.changed_at), 'what', desk.field_words(c.field), 'to', desk.shown_words(c.field, c.new),
				'by', c.actor) ORDER BY c.id) FROM desk.change c WHERE c.ticket = t.number AND desk.is_shown(c))))
		FROM desk.ticket t WHERE t.number = wanted);
END
$$;
COMMENT ON FUNCTION desk.person_ticket_json(int) IS 'A ticket as its requester reads it, as JSON.  Never a note.';

CREATE OR REPLACE FUNCTION desk.archive_path(wanted int, file bigint, type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format('tickets/%s/files/%s%s', wanted, file, CASE type WHEN 'image/png' THEN '.png' WHEN 'image/jpeg' THEN '.jpg' WHEN 'image/gif' THEN '.gif'
	WHEN 'image/webp' THEN '.webp' WHEN 'application/pdf' THEN '.pdf' WHEN 'application/pgp-encrypted' THEN '.gpg' WHEN 'text/plain' THEN '.txt' ELSE '.bin' END);
COMMENT ON FUNCTION desk.archive_path(int, bigint, text) IS 'What a file is called in an archive: its number; the name that it was sent with stands in a text beside it.';

CREATE OR REPLACE FUNCTION desk.archive_files(files bigint[], most bigint) RETURNS TABLE (path text, content text, file bigint, size bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY WITH part AS (
		SELECT a.id, desk.archive_path(a.ticket, a.id, a.type) AS path, a.size::bigint AS size, (sum(a.size) OVER (ORDER BY a.id) <= most) IS NOT FALSE AS fits
		FROM desk.attachment a WHERE a.id = ANY (files)),
	left_out AS (
		SELECT E'These files did not fit into one archive. They have to be fetched one by one.\n\n' || string_agg(p.path, E'\n' ORDER BY p.id) || E'\n' AS words
		FROM part p WHERE NOT p.fits HAVING count(*) > 0)
	SELECT p.path, NULL::text, p.id, p.size FROM part p WHERE p.fits
	UNION ALL SELECT 'left-out.txt', w.words, NULL, octet_length(w.words)::bigint FROM left_out w;
END
$$;
COMMENT ON FUNCTION desk.archive_files(bigint[], bigint) IS 'These files as parts of an archive, in their order, until the next would be too much for so many bytes together (NULL for any); left-out.txt names the others.';

CREATE OR REPLACE FUNCTION desk.person_export(whose int, who int DEFAULT NULL, most bigint DEFAULT NULL) RETURNS TABLE (path text, content text, file bigint, size bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.person p WHERE p.id = whose AND p.erased_at IS NULL) THEN
		RAISE 'no such person' USING ERRCODE = 'PT404';
	END IF;
	INSERT INTO desk.export (person, staff) VALUES (whose, who);
	RETURN QUERY SELECT x.path, x.content, NULL::bigint, octet_length(x.content)::bigint FROM (SELECT 'README.txt' AS path, format(E'What this desk stores about %s, as of %s.\n\n'
			'person.json            the address, what it follows, which mails went to it, what was done about its data\n'
			'tickets/N/thread.txt   a report with all its messages, to read\n'
			'tickets/N/ticket.json  the same for programs\n'
			'tickets/N/files/       its files by their numbers; ticket.json has their names\n\n'
			'Not in here: notes that staff wrote for each other, and the secret links of mails, of which we store\n'
			'hashes alone. Times in .json are UTC.\n', p.mail, desk.words(now())) AS content
		FROM desk.person p WHERE p.id = whose) x;
	RETURN QUERY SELECT x.path, x.content, NULL::bigint, octet_length(x.content)::bigint FROM (SELECT 'person.json' AS path, jsonb_pretty(jsonb_strip_nulls(jsonb_build_object('address', p.mail, 'proven_at', desk.utc(p.proven_at),
			'names', (SELECT jsonb_agg(DISTINCT t.requester_name) FROM desk.ticket t WHERE t.requester = p.id AND t.requester_name IS NOT NULL),
			'reports', (SELECT jsonb_agg(t.number ORDER BY t.number) FROM desk.ticket t WHERE t.requester = p.id),
			'follows', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('ticket', f.ticket, 'asked_at', desk.utc(f.asked_at),
				'confirmed_at', desk.utc(f.confirmed_at), 'stopped_at', desk.utc(f.stopped_at))) ORDER BY f.ticket) FROM desk.follower f WHERE f.person = p.id),
			'links', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('ticket', l.ticket, 'for', l.purpose, 'made_at', desk.utc(l.made_at),
				'revoked_at', desk.utc(l.revoked_at))) ORDER BY l.made_at) FROM desk.link l WHERE l.person = p.id),
			'mails', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('ticket', o.ticket, 'kind', o.kind, 'written_at', desk.utc(o.made_at),
				'sent_at', desk.utc(o.sent_at), 'given_up_at', desk.utc(o.failed_at))) ORDER BY o.id) FROM desk.outbox o WHERE o.person = p.id),
			'fetched', (SELECT jsonb_agg(desk.utc(e.at) ORDER BY e.id) FROM desk.export e WHERE e.person = p.id)))) AS content
		FROM desk.person p WHERE p.id = whose) x;
	RETURN QUERY SELECT format('tickets/%s/%s', t.number, f.name), f.content, NULL::bigint, octet_length(f.content)::bigint
		FROM desk.ticket t, LATERAL (VALUES ('thread.txt', desk.person_ticket_text(t.number)),
			('ticket.json', jsonb_pretty(desk.person_ticket_json(t.number)))) AS f (name, content)
		WHERE t.requester = whose ORDER BY t.number, f.name;
	RETURN QUERY SELECT * FROM desk.archive_files(ARRAY(SELECT a.id FROM desk.attachment a JOIN desk.ticket t ON t.number = a.ticket
		WHERE t.requester = whose AND a.message IS NOT NULL), most);
END
$$;
COMMENT ON FUNCTION desk.person_export(int, int, bigint) IS 'Everything about a person, as the files of an archive: texts, and the numbers of attachments whose content goes under that path, see desk.archive_files().  What staff wrote for each other stays out.  Noted in desk.export.  PT404 when there is nobody.';

CREATE OR REPLACE FUNCTION desk.person_erase(whose int, reason text, who int DEFAULT NULL, with_files boolean DEFAULT true) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.person;
	made int;
	n int;
	o desk.outbox;
	file bigint;
	names text[];
	tickets int[];
	address_pattern text;
BEGIN
	-- first tickets in order of their numbers, then all else, as others do
	PERFORM desk.redaction_alone();
	SELECT * INTO p FROM desk.person x WHERE x.id = whose AND x.erased_at IS NULL;
	IF NOT FOUND THEN
		RAISE 'no such person' USING ERRCODE = 'PT404';
	END IF;
	tickets := ARRAY(SELECT x.n FROM (SELECT t.number FROM desk.ticket t WHERE t.requester = whose UNION SELECT f.ticket FROM desk.follower f WHERE f.person = whose
		UNION SELECT unnest(desk.redaction_tickets(p.mail))) x (n) ORDER BY x.n);
	PERFORM FROM desk.ticket t WHERE t.number = ANY (tickets) ORDER BY t.number FOR NO KEY UPDATE;
	PERFORM FROM desk.person x WHERE x.id = whose FOR NO KEY UPDATE;
	address_pattern := desk.words_pattern(desk.words_forms(ARRAY[p.mail]), true);
	IF reason ~* address_pattern THEN
		RAISE 'cannot keep a reason that names the address' USING ERRCODE = 'PT409', COLUMN = 'reason';
	END IF;
	INSERT INTO desk.redaction (kind, person, staff, reason) VALUES ('person', whose, who, person_erase.reason) RETURNING id INTO made;
	-- no more mail, and what was written to them is not kept
	FOR o IN SELECT * FROM desk.outbox x WHERE x.person = whose ORDER BY x.folded_into IS NOT NULL, x.id FOR UPDATE LOOP
		IF o.sent_at IS NULL AND o.failed_at IS NULL THEN
			PERFORM desk.outbox_drop(o, 'the person was forgotten');
		END IF;
		UPDATE desk.outbox x SET subject = '[removed]', body = '[removed]', payload = NULL, unfollow = NULL, foot_at = NULL, address = NULL,
			said = CASE WHEN x.said IS NOT NULL THEN '[removed]' END WHERE x.id = o.id;
		UPDATE desk.delivery d SET said = '[removed]' WHERE d.outbox = o.id AND d.said <> '';
	END LOOP;
	-- a link without a person is that of the receipt
	UPDATE desk.link l SET revoked_at = now() WHERE l.revoked_at IS NULL
		AND (l.person = whose OR l.person IS NULL AND l.ticket IN (SELECT t.number FROM desk.ticket t WHERE t.requester = whose));
	UPDATE desk.follower f SET stopped_at = now() WHERE f.person = whose AND f.stopped_at IS NULL;
	DELETE FROM desk.limit_count c WHERE c.limiter IN ('mail-address', 'mail-day') AND c.subject = whose::text;
	-- the address wherever somebody wrote it
	FOREACH n IN ARRAY array_append(tickets, NULL) LOOP
		PERFORM desk.redact_texts(made, n, ARRAY[p.mail], true, true);
	END LOOP;
	UPDATE desk.delivery_pause d SET said = desk.black(d.said, address_pattern, true) WHERE d.said ~* address_pattern;
	-- the name in their own reports
	FOR n IN SELECT t.number FROM desk.ticket t WHERE t.requester = whose ORDER BY t.number LOOP
		SELECT array_agg(DISTINCT x.name) INTO names FROM (
			SELECT btrim(t.requester_name) AS name FROM desk.ticket t WHERE t.number = n
			UNION SELECT btrim(m.name) FROM desk.message m WHERE m.ticket = n AND m.author = 'requester'
			UNION SELECT btrim(v.name) FROM desk.change c, LATERAL (VALUES (c.old), (c.new)) v (name) WHERE c.ticket = n AND c.field = 'requester_name') x
		WHERE length(desk.unmarked(x.name)) >= 3 AND strpos('[removed]', lower(desk.unmarked(x.name))) = 0;
		IF names IS NOT NULL THEN
			PERFORM desk.redact_texts(made, n, names, true, true);
		END IF;
		UPDATE desk.ticket t SET requester_name = NULL, changed_by = 'redaction' WHERE t.number = n AND t.requester_name IS NOT NULL;
		UPDATE desk.message m SET name = NULL WHERE m.ticket = n AND m.author = 'requester' AND m.name IS NOT NULL;
		UPDATE desk.change c SET old = CASE WHEN c.old IS NOT NULL THEN '[removed]' END, new = CASE WHEN c.new IS NOT NULL THEN '[removed]' END
		WHERE c.ticket = n AND c.field = 'requester_name';
		IF with_files THEN
			FOR file IN SELECT a.id FROM desk.attachment a JOIN desk.message m ON m.id = a.message WHERE a.ticket = n AND m.author = 'requester' LOOP
				INSERT INTO desk.redaction_place (redaction, relation, row_key, field, pieces, characters)
				SELECT made, 'attachment', a.id::text, 'content', 1, a.size FROM desk.attachment a WHERE a.id = file;
				PERFORM desk.attachment_drop(file);
			END LOOP;
		END IF;
		PERFORM desk.redact_copies(n);
		INSERT INTO desk.change (ticket, field, new, actor, staff, program)
		VALUES (n, 'redacted', 'the requester''s name and address', CASE WHEN who IS NULL THEN 'sql' ELSE 'staff' END, who, session_user);
		UPDATE desk.ticket t SET version = t.version + 1 WHERE t.number = n;
	END LOOP;
	UPDATE desk.person x SET mail = format('nobody-%s@removed.invalid', whose), proven_at = NULL, erased_at = now() WHERE x.id = whose;
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.person_erase(int, text, int, boolean) IS 'Forget a person: the address, wherever it was written, and in their own reports the name, become "[removed]", with_files their files go as well; links are revoked, mail ends.  The reports, their clocks and all figures stay as they were.  Who, when and why is kept in desk.redaction.  PT404 when there is nobody, PT409 for a reason that names the address.  It cannot be undone.';
