-- What the program privacy may do: take words out of a ticket, withhold one
-- that reports a security hole, hand somebody their data or forget them.
-- Every function takes the session's token first and asks for a fresh proof
-- of who that is (desk.session_fresh): PT401, or PT403 with column "fresh".
--
-- For a DBA the same are desk.redact(), desk.redact_file(), desk.withhold(),
-- desk.person_export() and desk.person_erase().

-- One ticket --------------------------------------------------------------------

CREATE FUNCTION api.privacy_ticket(token text, wanted int)
RETURNS TABLE (number int, subject text, is_private boolean, is_withheld boolean, is_held boolean, requester_told boolean, requester_untold boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT t.number, desk.visible(t.subject), t.visibility = 'private', desk.is_withheld(t.number), NOT desk.is_withheld(t.number),
		t.requester IS NOT NULL, t.requester IS NULL
	FROM desk.ticket t WHERE t.number = wanted;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
END
$$;
COMMENT ON FUNCTION api.privacy_ticket(text, int) IS 'What stands above the forms.  PT404 when there is no such ticket.';

CREATE FUNCTION api.privacy_places(token text, wanted int, words text)
RETURNS TABLE (place text, place_words text, pieces int, sample text, has_sample boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	IF length(btrim(words)) < 3 THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT f.label, CASE f.relation
			WHEN 'message' THEN (SELECT format('%s, %s', coalesce(m.name, CASE m.author WHEN 'requester' THEN 'the requester' ELSE 'the desk' END), desk.words(m.posted_at))
				FROM desk.message m WHERE m.id = f.row_key::bigint)
			WHEN 'note' THEN (SELECT format('%s, %s', s.name, desk.words(n.posted_at)) FROM desk.note n JOIN desk.staff s ON s.id = n.staff WHERE n.id = f.row_key::bigint)
			WHEN 'ticket' THEN desk.field_words(f.field)
			WHEN 'outbox' THEN (SELECT CASE WHEN o.sent_at IS NOT NULL THEN 'has gone out, the copy here' WHEN o.failed_at IS NOT NULL THEN 'was given up'
				WHEN o.owner IS NOT NULL THEN 'is going out just now' ELSE 'waits to go out' END FROM desk.outbox o WHERE o.id = f.row_key::bigint)
			ELSE f.field END,
		f.pieces, CASE WHEN f.relation NOT IN ('outbox', 'delivery') THEN desk.visible(f.sample) END, f.relation NOT IN ('outbox', 'delivery')
	FROM desk.redaction_find(wanted, ARRAY[privacy_places.words], false) f WHERE f.field <> 'body_html';
END
$$;
COMMENT ON FUNCTION api.privacy_places(text, int, text) IS 'Where words stand in a ticket and how often, before they are taken out; of mails only that they do.';

CREATE FUNCTION api.privacy_texts(token text, wanted int)
RETURNS TABLE (part text, who text, at_words text, body text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT x.part, x.who, desk.words(x.at), desk.visible(x.body) FROM (
		SELECT 'Subject' AS part, '' AS who, t.filed_at AS at, t.subject AS body, 0 AS place, 0::bigint AS seq FROM desk.ticket t WHERE t.number = wanted
		UNION ALL SELECT 'Already tried', '', t.filed_at, t.tried, 1, 0 FROM desk.ticket t WHERE t.number = wanted AND t.tried ~ '\S'
		UNION ALL SELECT desk.visible(a.question), '', NULL, a.answer, 2, a.position FROM desk.answer a WHERE a.ticket = wanted
		UNION ALL SELECT 'Message', coalesce(desk.visible(m.name), 'the requester'), m.posted_at, m.body, 3, m.id FROM desk.message m WHERE m.ticket = wanted
		UNION ALL SELECT 'Internal note', s.name, n.posted_at, n.body, 4, n.id FROM desk.note n JOIN desk.staff s ON s.id = n.staff WHERE n.ticket = wanted
		UNION ALL SELECT 'Reason', '', t.solved_at, t.reason, 5, 0 FROM desk.ticket t WHERE t.number = wanted AND t.reason ~ '\S'
		UNION ALL SELECT 'Alternative', '', t.solved_at, t.alternative, 6, 0 FROM desk.ticket t WHERE t.number = wanted AND t.alternative ~ '\S') x
	ORDER BY x.place, x.seq;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
END
$$;
COMMENT ON FUNCTION api.privacy_texts(text, int) IS 'The texts of a ticket, control characters as pictures and without marks that turn the direction of writing, to mark what has to go: desk.words_pattern() finds it as it was typed.  PT404 when there is none.';

CREATE FUNCTION api.privacy_files(token text, wanted int) RETURNS TABLE (file bigint, name text, size_words text, where_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT a.id, desk.visible(a.name), desk.size_words(a.size), CASE WHEN a.note IS NOT NULL THEN 'internal note' WHEN a.sealed THEN 'encrypted' ELSE 'message' END
	FROM desk.attachment a WHERE a.ticket = wanted ORDER BY a.id;
END
$$;
COMMENT ON FUNCTION api.privacy_files(text, int) IS 'The files of a ticket, each of which can be taken out whole.';

CREATE FUNCTION api.privacy_log(token text, wanted int) RETURNS TABLE (log_words text, log_why text, log_by text, log_at text, log_at_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT CASE r.kind WHEN 'vulnerability' THEN 'All text and files'
			ELSE (SELECT format('%s places, %s characters or bytes', count(*), sum(p.characters)) FROM desk.redaction_place p WHERE p.redaction = r.id AND p.field <> 'body_html') END,
		CASE r.kind WHEN 'vulnerability' THEN 'a security hole: ' || r.reason ELSE r.reason END,
		coalesce(s.name, r.role || ' in psql'), desk.utc(r.at), desk.words(r.at)
	FROM desk.redaction r LEFT JOIN desk.staff s ON s.id = r.staff WHERE r.ticket = wanted ORDER BY r.id DESC;
END
$$;
COMMENT ON FUNCTION api.privacy_log(text, int) IS 'What was taken out of a ticket: how much, why, by whom, when.';

CREATE FUNCTION api.privacy_redact(token text, wanted int, words text, why text, file text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
	said text;
BEGIN
	IF NOT coalesce(why ~ '\S', false) THEN
		RETURN QUERY SELECT 'refused', 'why', 'Say why it has to go, without saying it again.';
		RETURN;
	END IF;
	IF file ~ '^[0-9]{1,18}$' THEN
		PERFORM desk.redact_file(wanted, file::bigint, btrim(why), who);
	ELSIF coalesce(privacy_redact.words, '') = '' THEN
		RETURN QUERY SELECT 'refused', 'words', 'Paste the words that have to go.';
		RETURN;
	ELSE
		PERFORM desk.redact(wanted, privacy_redact.words, btrim(why), who);
	END IF;
	RETURN QUERY SELECT 'done', NULL, NULL;
EXCEPTION WHEN SQLSTATE 'PT409' THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, field = COLUMN_NAME;
	outcome := 'refused';
	field := CASE field WHEN 'reason' THEN 'why' ELSE 'words' END;
	complaint := desk.sentence(said, '');
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.privacy_redact(text, int, text, text, text) IS 'Take words, or a whole file by its number, out of a ticket: desk.redact(), desk.redact_file().  "done", or "refused" with the field and the words of the rule.';

CREATE FUNCTION api.privacy_withhold(token text, wanted int, kind text, sure text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
BEGIN
	IF coalesce(privacy_withhold.kind, '') NOT IN ('ours', 'elsewhere', 'unsure') THEN
		RETURN QUERY SELECT 'refused', 'kind', 'Choose what it is about.';
	ELSIF sure IS DISTINCT FROM 'yes' THEN
		RETURN QUERY SELECT 'refused', 'sure', 'Say that the security contact has it, or does not need it. It cannot be undone.';
	ELSIF desk.is_withheld(wanted) THEN
		RETURN QUERY SELECT 'sent', NULL, NULL;
	ELSE
		PERFORM desk.withhold(wanted, privacy_withhold.kind, who);
		RETURN QUERY SELECT 'done', NULL, NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION api.privacy_withhold(text, int, text, text) IS 'desk.withhold() for one of the staff, who has chosen a kind and ticked that they are sure.';

-- People ----------------------------------------------------------------------

CREATE FUNCTION api.privacy_person(token text, address text, whose int)
RETURNS TABLE (person int, mail text, is_proven boolean, is_unproven boolean, reports bigint, follows bigint, links bigint, mails bigint, files bigint, files_words text,
	has_log boolean, log_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT p.id, p.mail, p.proven_at IS NOT NULL, p.proven_at IS NULL,
		(SELECT count(*) FROM desk.ticket t WHERE t.requester = p.id),
		(SELECT count(*) FROM desk.follower f WHERE f.person = p.id AND f.stopped_at IS NULL),
		(SELECT count(*) FROM desk.link l WHERE l.person = p.id AND l.revoked_at IS NULL),
		(SELECT count(*) FROM desk.outbox o WHERE o.person = p.id),
		f.files, desk.size_words(f.bytes), e.words IS NOT NULL, e.words
	FROM desk.person p,
		LATERAL (SELECT count(*) AS files, coalesce(sum(a.size), 0)::bigint AS bytes FROM desk.attachment a JOIN desk.ticket t ON t.number = a.ticket
			WHERE t.requester = p.id AND a.message IS NOT NULL) f,
		LATERAL (SELECT string_agg(format('%s by %s', desk.words(x.at), coalesce(s.name, x.role)), '; ' ORDER BY x.id) AS words
			FROM desk.export x LEFT JOIN desk.staff s ON s.id = x.staff WHERE x.person = p.id) e
	WHERE p.erased_at IS NULL AND CASE WHEN whose IS NULL THEN lower(p.mail) = lower(btrim(address)) ELSE p.id = whose END;
END
$$;
COMMENT ON FUNCTION api.privacy_person(text, text, int) IS 'What there is about an exact address, or about a person by number; no row when nothing is.';

CREATE FUNCTION api.privacy_export(token text, whose int, most bigint) RETURNS TABLE (path text, content text, file text, size bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
BEGIN
	RETURN QUERY WITH part AS MATERIALIZED (SELECT x.*, sum(x.size) FILTER (WHERE x.file IS NOT NULL) OVER (ORDER BY x.file NULLS FIRST) AS sum
			FROM desk.person_export(whose, who) x)
		SELECT p.path, p.content, p.file::text, p.size FROM part p WHERE p.file IS NULL OR p.sum <= most
		UNION ALL SELECT 'left-out.txt', l.words, NULL, octet_length(l.words)::bigint FROM (
			SELECT E'These files did not fit into one archive. Ask for them one by one.\n\n' || string_agg(p.path, E'\n' ORDER BY p.file) || E'\n' AS words
			FROM part p WHERE p.file IS NOT NULL AND p.sum > most HAVING count(*) > 0) l;
END
$$;
COMMENT ON FUNCTION api.privacy_export(text, int, bigint) IS 'desk.person_export() for one of the staff, with files of at most so many bytes together; left-out.txt names the others.';

CREATE FUNCTION api.privacy_piece(token text, whose int, wanted bigint, piece int) RETURNS TABLE (bytes bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT c.bytes
	FROM desk.attachment a JOIN desk.ticket t ON t.number = a.ticket AND t.requester = whose
	JOIN desk.blob_chunk c ON c.sha256 = a.sha256 AND c.seq = piece
	WHERE a.id = wanted AND a.message IS NOT NULL;
END
$$;
COMMENT ON FUNCTION api.privacy_piece(text, int, bigint, int) IS 'One piece of a file of a person''s own reports, from 0; no row when there is none.';

CREATE FUNCTION api.privacy_erase(token text, whose int, why text, sure text, with_files text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
	said text;
BEGIN
	IF NOT coalesce(why ~ '\S', false) THEN
		RETURN QUERY SELECT 'refused', 'why', 'Say who asked for it and how, without the address.';
	ELSIF sure IS DISTINCT FROM 'yes' THEN
		RETURN QUERY SELECT 'refused', 'sure', 'Say that you are sure. It cannot be undone.';
	ELSE
		PERFORM desk.person_erase(whose, btrim(why), who, coalesce(with_files = 'yes', false));
		RETURN QUERY SELECT 'done', NULL, NULL;
	END IF;
EXCEPTION WHEN SQLSTATE 'PT409' THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
	RETURN QUERY SELECT 'refused', 'why', desk.sentence(said, '');
END
$$;
COMMENT ON FUNCTION api.privacy_erase(text, int, text, text, text) IS 'desk.person_erase() for one of the staff, who has given a reason and ticked that they are sure.';

GRANT USAGE ON SCHEMA api TO desk_privacy;
GRANT EXECUTE ON FUNCTION api.privacy_ticket(text, int), api.privacy_places(text, int, text), api.privacy_texts(text, int), api.privacy_files(text, int),
	api.privacy_log(text, int), api.privacy_redact(text, int, text, text, text), api.privacy_withhold(text, int, text, text),
	api.privacy_person(text, text, int), api.privacy_export(text, int, bigint), api.privacy_piece(text, int, bigint, int),
	api.privacy_erase(text, int, text, text, text) TO desk_privacy;
