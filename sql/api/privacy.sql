-- What the program privacy may do: take words out of a ticket, withhold one
-- that reports a security hole, hand somebody their data or forget them.
-- Every function takes the session's token first and asks for a fresh proof
-- of who that is (desk.session_fresh): PT401, or PT403 with column "fresh".
--
-- For a DBA the same are desk.redact(), desk.redact_file(), desk.withhold(),
-- desk.person_export() and desk.person_erase().

-- One ticket --------------------------------------------------------------------

CREATE FUNCTION api.privacy_ticket(token text, wanted int, most bigint)
RETURNS TABLE (number int, version int, is_withheld boolean, is_held boolean, requester_told boolean, requester_untold boolean,
	messages bigint, notes bigint, actions bigint, files bigint, files_words text, has_files boolean,
	is_large boolean, most_words text, was_copied boolean, copied_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT t.number, t.version, desk.is_withheld(t.number), NOT desk.is_withheld(t.number),
		coalesce(p.erased_at IS NULL AND p.id IS NOT NULL, false), p.id IS NULL OR p.erased_at IS NOT NULL,
		(SELECT count(*) FROM desk.message m WHERE m.ticket = wanted), (SELECT count(*) FROM desk.note n WHERE n.ticket = wanted),
		(SELECT count(*) FROM desk.action a WHERE a.ticket = wanted), f.files, desk.size_words(f.bytes), f.files > 0,
		f.bytes > most, desk.size_words(most), e.words IS NOT NULL, e.words
	FROM desk.ticket t LEFT JOIN desk.person p ON p.id = t.requester,
		LATERAL (SELECT count(*) AS files, coalesce(sum(a.size), 0)::bigint AS bytes FROM desk.attachment a WHERE a.ticket = t.number) f,
		LATERAL (SELECT string_agg(format('%s on %s', desk.by_words(x.staff, x.role), desk.words(x.at)), '; ' ORDER BY x.id) AS words
			FROM desk.export x WHERE x.ticket = t.number) e
	WHERE t.number = wanted;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
END
$$;
COMMENT ON FUNCTION api.privacy_ticket(text, int, bigint) IS 'What stands above the forms, how much there is to be withheld, whether its files are more than "most" bytes, which an archive can hold, and who has taken one along.  PT404 when there is no such ticket.';

CREATE FUNCTION api.privacy_places(token text, wanted int, words text, file text)
RETURNS TABLE (place text, place_words text, pieces int, sample text, has_sample boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	chosen bigint;
	wanted_words text[];
BEGIN
	PERFORM desk.session_fresh(token);
	IF file IS NOT NULL THEN
		chosen := CASE WHEN file ~ '^[0-9]{1,18}$' THEN file::bigint END;
		wanted_words := desk.file_names(wanted, chosen);
	ELSIF length(btrim(words)) >= 3 THEN
		wanted_words := ARRAY[words];
	END IF;
	IF coalesce(wanted_words, '{}') = '{}' THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT f.label, CASE f.relation
			WHEN 'message' THEN (SELECT format('%s, %s', desk.author_words(m), desk.words(m.posted_at)) FROM desk.message m WHERE m.id = f.row_key::bigint)
			WHEN 'note' THEN (SELECT format('%s, %s', s.name, desk.words(n.posted_at)) FROM desk.note n JOIN desk.staff s ON s.id = n.staff WHERE n.id = f.row_key::bigint)
			WHEN 'ticket' THEN desk.field_words(f.field)
			WHEN 'outbox' THEN (SELECT CASE WHEN o.sent_at IS NOT NULL THEN 'has gone out, the copy here' WHEN o.failed_at IS NOT NULL THEN 'was given up'
				WHEN o.owner IS NOT NULL THEN 'is going out just now' ELSE 'waits to go out' END FROM desk.outbox o WHERE o.id = f.row_key::bigint)
			ELSE f.field END,
		f.pieces, CASE WHEN f.relation NOT IN ('outbox', 'delivery') THEN desk.visible(f.sample) END, f.relation NOT IN ('outbox', 'delivery')
	FROM desk.redaction_find(wanted, wanted_words, false, file IS NOT NULL) f
	WHERE f.field <> 'body_html' AND (f.relation, f.row_key) IS DISTINCT FROM ('attachment', chosen::text);
END
$$;
COMMENT ON FUNCTION api.privacy_places(text, int, text, text) IS 'Where words stand in a ticket and how often, before they are taken out; of a file, by its number, where else its name does; of mails only that they do.';

CREATE FUNCTION api.privacy_texts(token text, wanted int)
RETURNS TABLE (part text, who text, at_words text, body text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT x.part, x.who, desk.words(x.at), x.body FROM desk.ticket_texts(wanted) x;
END
$$;
COMMENT ON FUNCTION api.privacy_texts(text, int) IS 'The texts of a ticket as they are seen, to mark what has to go: desk.words_pattern() finds it as it was typed.';

CREATE FUNCTION api.privacy_files(token text, wanted int, chosen text)
RETURNS TABLE (file bigint, file_name text, file_size text, file_type text, file_from text, file_entry text, sender text, sent_at text, sent_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT f.file, f.name, desk.size_words(f.size), CASE WHEN f.sealed THEN 'encrypted' ELSE f.type END,
		CASE WHEN f.message IS NULL THEN 'internal note' ELSE 'message ' || f.message END, f.entry, f.sender, desk.utc(f.sent_at), desk.words(f.sent_at)
	FROM desk.ticket_files(wanted) f WHERE chosen IS NULL OR f.file::text = chosen;
END
$$;
COMMENT ON FUNCTION api.privacy_files(text, int, text) IS 'The files of a ticket, or the one with this number, each of which can be taken out whole.';

CREATE FUNCTION api.privacy_log(token text, wanted int) RETURNS TABLE (log_words text, log_why text, log_by text, log_at text, log_at_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT CASE r.kind WHEN 'vulnerability' THEN 'All text and files'
			ELSE (SELECT format('%s places, %s characters or bytes', count(*), sum(p.characters)) FROM desk.redaction_place p WHERE p.redaction = r.id AND p.field <> 'body_html') END,
		CASE WHEN r.kind <> 'vulnerability' THEN r.reason ELSE format('security report about %s, %s',
			CASE r.reason WHEN 'ours' THEN 'something of ours' WHEN 'elsewhere' THEN 'something that others make' ELSE 'something not known' END,
			CASE WHEN r.passed_on THEN 'passed on to the security contact' ELSE 'not passed on: the requester was asked to send it again' END) END,
		desk.by_words(r.staff, r.role), desk.utc(r.at), desk.words(r.at)
	FROM desk.redaction r WHERE r.ticket = wanted ORDER BY r.id DESC;
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
	IF file IS NOT NULL THEN
		PERFORM desk.redact_file(wanted, CASE WHEN file ~ '^[0-9]{1,18}$' THEN file::bigint END, btrim(why), who);
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
COMMENT ON FUNCTION api.privacy_redact(text, int, text, text, text) IS 'Take words, or a whole file by its number, out of a ticket: desk.redact(), desk.redact_file().  "done", or "refused" with the field and the words of the rule.  PT404 when "file" is no file of the ticket.';

CREATE FUNCTION api.privacy_withhold(token text, wanted int, seen int, kind text, passed_on text, sure text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
	found_version int;
BEGIN
	-- in the order of desk.withhold(): nothing comes between this look and that
	PERFORM desk.redaction_alone();
	SELECT t.version INTO found_version FROM desk.ticket t WHERE t.number = wanted FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	IF desk.is_withheld(wanted) THEN
		RETURN QUERY SELECT 'sent', NULL, NULL;
		RETURN;
	END IF;
	RETURN QUERY SELECT 'refused', v.field, v.words FROM (VALUES
		('kind', 'Choose what it is about.', kind IN ('ours', 'elsewhere', 'unsure')),
		('passed_on', 'Say whether you have passed it on: the requester is told so.', passed_on IN ('yes', 'no')),
		('sure', 'Something came meanwhile: look at it and take it along.', found_version = seen),
		('sure', 'Say that whatever is needed was taken along. It cannot be undone.', found_version IS DISTINCT FROM seen OR sure = 'yes')) v (field, words, is_good)
	WHERE NOT coalesce(v.is_good, false);
	IF NOT FOUND THEN
		PERFORM desk.withhold(wanted, privacy_withhold.kind, who, passed_on = 'yes');
		RETURN QUERY SELECT 'done', NULL, NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION api.privacy_withhold(text, int, int, text, text, text) IS 'desk.withhold() for one of the staff, who has chosen a kind, said "yes" or "no" to whether the report was passed on, and ticked that they are sure, on a page that showed version "seen": "done", "sent" when it is withheld already, or "refused" with each field and its words; on "sure" when the ticket has moved on, as what came since would go unseen.  PT404 when there is no such ticket.';

CREATE FUNCTION api.privacy_copy(token text, wanted int, most bigint) RETURNS TABLE (path text, content text, file text, size bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
BEGIN
	RETURN QUERY SELECT x.path, x.content, x.file::text, x.size FROM desk.ticket_copy(wanted, who, most) x;
END
$$;
COMMENT ON FUNCTION api.privacy_copy(text, int, bigint) IS 'desk.ticket_copy() for one of the staff, to be taken along before the ticket is withheld.';

CREATE FUNCTION api.privacy_piece(token text, wanted bigint, piece int) RETURNS TABLE (bytes bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT c.bytes FROM desk.attachment a JOIN desk.blob_chunk c ON c.sha256 = a.sha256 AND c.seq = piece WHERE a.id = wanted;
END
$$;
COMMENT ON FUNCTION api.privacy_piece(text, bigint, int) IS 'One piece of a file that api.privacy_copy() or api.privacy_export() names, from 0; no row behind the last.';

-- People ----------------------------------------------------------------------

CREATE FUNCTION api.privacy_person(token text, address text, whose int)
RETURNS TABLE (person int, mail text, is_proven boolean, is_unproven boolean, reports bigint, follows bigint, links bigint, mails bigint, files bigint, files_words text,
	has_log boolean, log_words text, no_log boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_fresh(token);
	RETURN QUERY SELECT p.id, p.mail, p.proven_at IS NOT NULL, p.proven_at IS NULL,
		(SELECT count(*) FROM desk.ticket t WHERE t.requester = p.id),
		(SELECT count(*) FROM desk.follower f WHERE f.person = p.id AND f.stopped_at IS NULL),
		(SELECT count(*) FROM desk.link l WHERE l.person = p.id AND l.revoked_at IS NULL),
		(SELECT count(*) FROM desk.outbox o WHERE o.person = p.id),
		f.files, desk.size_words(f.bytes), e.words IS NOT NULL, e.words, e.words IS NULL
	FROM desk.person p,
		LATERAL (SELECT count(*) AS files, coalesce(sum(a.size), 0)::bigint AS bytes FROM desk.attachment a JOIN desk.ticket t ON t.number = a.ticket
			WHERE t.requester = p.id AND a.message IS NOT NULL) f,
		LATERAL (SELECT string_agg(format('%s by %s', desk.words(x.at), desk.by_words(x.staff, x.role)), '; ' ORDER BY x.id) AS words
			FROM desk.export x WHERE x.person = p.id) e
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
	RETURN QUERY SELECT x.path, x.content, x.file::text, x.size FROM desk.person_export(whose, who, most) x;
END
$$;
COMMENT ON FUNCTION api.privacy_export(text, int, bigint) IS 'desk.person_export() for one of the staff.';

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
GRANT EXECUTE ON FUNCTION api.privacy_ticket(text, int, bigint), api.privacy_places(text, int, text, text), api.privacy_texts(text, int), api.privacy_files(text, int, text),
	api.privacy_log(text, int), api.privacy_redact(text, int, text, text, text), api.privacy_withhold(text, int, int, text, text, text),
	api.privacy_copy(text, int, bigint), api.privacy_piece(text, bigint, int),
	api.privacy_person(text, text, int), api.privacy_export(text, int, bigint), api.privacy_erase(text, int, text, text, text) TO desk_privacy;
