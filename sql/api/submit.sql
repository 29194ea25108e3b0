-- What the program submit may do: read the forms, file a report, say "same
-- problem".  It cannot read a ticket, a person or a message.

CREATE VIEW api.submit_template WITH (security_barrier) AS
SELECT name AS template, label, hint, kind, severity, visibility = 'private' AS is_private,
	public_allowed, subject_hint, body_label, body_hint, position
FROM desk.intake_template WHERE retired_at IS NULL;
COMMENT ON VIEW api.submit_template IS 'The forms that are offered, to be ordered by position.';

CREATE VIEW api.submit_field WITH (security_barrier) AS
SELECT template, position, label, hint, required, choices IS NOT NULL AS has_choices, choices
FROM desk.intake_field;
COMMENT ON VIEW api.submit_field IS 'The own questions of each form, to be ordered by position.';

CREATE VIEW api.submit_choice WITH (security_barrier) AS
SELECT f.template, f.position, c.place, c.label
FROM desk.intake_field f, unnest(f.choices) WITH ORDINALITY AS c (label, place);
COMMENT ON VIEW api.submit_choice IS 'What can be chosen where a question has choices.';

CREATE VIEW api.submit_product WITH (security_barrier) AS
SELECT name AS product, label, position FROM desk.product WHERE retired_at IS NULL;
COMMENT ON VIEW api.submit_product IS 'The products that are offered, to be ordered by position, label.';

CREATE FUNCTION api.submit_keys() RETURNS TABLE (fingerprint text, fingerprint_words text, key_ids text, former_ids text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM desk.confidential_keys();
END
$$;
COMMENT ON FUNCTION api.submit_keys() IS 'The keys that the confidential part of a form may be encrypted for, see desk.confidential_keys(); none, and there is no such part.';

CREATE FUNCTION api.submit_severities() RETURNS TABLE (severity smallint, severity_name text, impact text, answer_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT s.level, s.name, s.impact, desk.span_words((desk.policy_for(now(), s.level, 'web', NULL)).answer_seconds)
	FROM desk.severity s ORDER BY s.level;
END
$$;
COMMENT ON FUNCTION api.submit_severities() IS 'The severities in words of impact, each with the first response we promise by the web form.';

CREATE FUNCTION api.submit(
	key_sha256 text, link text, visitor text, template text,
	subject text, body text, body_html text, renderer int,
	severity text, product text, blocked text, tried text, answers text[],
	visibility text, name text, mail text,
	check_only boolean, not_security boolean, not_similar boolean, production_down boolean,
	private_why text DEFAULT NULL, private_words text DEFAULT NULL, sealed bytea DEFAULT NULL)
RETURNS TABLE (outcome text, field text, words text, number int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t desk.intake_template;
	sent desk.submission;
	digest bytea := sha256(convert_to(jsonb_build_array(template, subject, body, severity, product, blocked,
		tried, answers, visibility, name, mail, private_why, private_words, sha256(nullif(sealed, '')))::text, 'UTF8'));
	who int;
	filed int;
	said bigint;
BEGIN
	-- the same form again?
	SELECT * INTO sent FROM desk.submission s WHERE s.key_sha256 = decode(submit.key_sha256, 'hex');
	IF FOUND THEN
		-- "it is down after all": who went back and pressed the other button
		-- (once: what staff have judged since is not undone by a reload)
		IF production_down AND sent.text_sha256 = digest AND EXISTS (SELECT FROM desk.ticket k
			WHERE k.number = sent.ticket AND k.severity = 1 AND k.state <> 'resolved' AND NOT k.production_down)
			AND NOT EXISTS (SELECT FROM desk.page_report q WHERE q.ticket = sent.ticket) AND desk.limit_take('page', visitor) THEN
			UPDATE desk.ticket k SET production_down = true, changed_by = 'requester' WHERE k.number = sent.ticket;
		END IF;
		RETURN QUERY SELECT desk.submitted_before(sent, digest), NULL, NULL, sent.ticket;
		RETURN;
	END IF;

	SELECT * INTO t FROM desk.intake_template i WHERE i.name = submit.template AND i.retired_at IS NULL;
	IF NOT FOUND THEN
		RAISE 'no such form' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT 'complaint', c.field, c.words, NULL::int
		FROM desk.submit_complaints(t, subject, severity, product, blocked, answers, visibility, mail) c
		UNION ALL SELECT 'complaint', c.field, c.words, NULL::int FROM desk.reason_complaints(t, visibility, private_why, private_words) c;
	IF FOUND OR check_only THEN
		RETURN;
	END IF;
	IF NOT not_security AND desk.reads_like_a_hole(subject, body) THEN
		RETURN QUERY SELECT 'security', u.field, desk.visible(u.name), NULL::int
		FROM (SELECT) x LEFT JOIN desk.upload u ON u.key_sha256 = decode(submit.key_sha256, 'hex') AND u.whole ORDER BY u.place;
		PERFORM desk.upload_drop(submit.key_sha256, NULL);
		RETURN;
	END IF;
	IF production_down IS NULL AND coalesce(submit.severity::smallint, t.severity) = 1 THEN
		RETURN QUERY SELECT 'production', NULL, NULL, NULL::int;
		RETURN;
	END IF;
	-- whose production is down is not sent to read first
	IF NOT not_similar AND NOT coalesce(production_down, false) THEN
		RETURN QUERY SELECT 'similar', CASE WHEN p.solved THEN 'solved' END, p.subject, p.number
			FROM desk.similar(submit.subject, 5) x JOIN desk.public_ticket p USING (number)
			ORDER BY x.rank DESC, x.number DESC;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	IF NOT desk.limit_take('submit', visitor) THEN
		RETURN QUERY SELECT 'limited', NULL, NULL, NULL::int;
		RETURN;
	END IF;
	IF production_down AND coalesce(submit.severity::smallint, t.severity) = 1
		AND (desk.page_find(product, NULL, false)).id IS NULL AND NOT desk.limit_take('page', visitor) THEN
		RETURN QUERY SELECT 'woken', NULL, NULL, NULL::int;
		RETURN;
	END IF;

	-- from here on one transaction, and one winner for each key
	INSERT INTO desk.submission (key_sha256, text_sha256) VALUES (decode(submit.key_sha256, 'hex'), digest)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		SELECT * INTO STRICT sent FROM desk.submission s WHERE s.key_sha256 = decode(submit.key_sha256, 'hex');
		RETURN QUERY SELECT desk.submitted_before(sent, digest), NULL, NULL, sent.ticket;
		RETURN;
	END IF;
	IF mail IS NOT NULL THEN
		who := desk.person_of(btrim(mail));
	END IF;
	INSERT INTO desk.ticket (subject, kind, product, severity, blocked, tried, visibility, channel, template, requester, requester_name)
	VALUES (subject, t.kind, product, coalesce(submit.severity::smallint, t.severity),
		coalesce(submit.blocked, 'no'),
		tried, CASE WHEN t.public_allowed THEN coalesce(submit.visibility, t.visibility) ELSE 'private' END,
		'web', t.name, who, nullif(btrim(submit.name), ''))
	RETURNING ticket.number INTO filed;
	UPDATE desk.submission s SET ticket = filed WHERE s.key_sha256 = decode(submit.key_sha256, 'hex');
	INSERT INTO desk.link (token_sha256, ticket, purpose)
	VALUES (sha256(convert_to(link, 'UTF8')), filed, 'requester');
	INSERT INTO desk.answer (ticket, position, question, answer)
	SELECT filed, f.position, f.label, a.given
	FROM unnest(answers) WITH ORDINALITY AS a (given, place)
	JOIN desk.intake_field f ON f.template = t.name AND f.position = a.place
	WHERE a.given ~ '\S';
	INSERT INTO desk.message (ticket, author, name, body, body_html, renderer)
	VALUES (filed, 'requester', nullif(btrim(submit.name), ''), body, coalesce(submit.body_html, desk.plain_html(body)) || coalesce((
		SELECT '<dl>' || string_agg(format('<dt>%s</dt><dd>%s</dd>',
			desk.plain_text_html(question), desk.plain_html(answer)), '' ORDER BY position) || '</dl>'
		FROM desk.answer a WHERE a.ticket = filed), ''), renderer)
	RETURNING message.id INTO said;
	PERFORM desk.attach(submit.key_sha256, filed, said, NULL);
	PERFORM desk.attach_sealed(filed, said, sealed);
	INSERT INTO desk.private_reason (ticket, reason, words)
	SELECT k.number, private_why, CASE private_why WHEN 'other' THEN left(btrim(private_words), 200) END
	FROM desk.ticket k WHERE k.number = filed AND k.visibility = 'private' AND private_why IS NOT NULL;
	-- last, so that who is woken reads what was reported
	IF production_down THEN
		UPDATE desk.ticket k SET production_down = true, changed_by = 'requester' WHERE k.number = filed AND k.severity = 1;
	END IF;
	IF who IS NOT NULL THEN
		INSERT INTO desk.follower (ticket, person) VALUES (filed, who);
		PERFORM desk.mail_unproven('receipt', filed, who);
	END IF;
	RETURN QUERY SELECT 'filed', NULL, NULL, filed;
END
$$;
COMMENT ON FUNCTION api.submit(text, text, text, text, text, text, text, int, text, text, text, text, text[], text, text, text, boolean, boolean, boolean, boolean, text, text, bytea)
IS 'File a report.  key_sha256: hex, names this form, so that sending it again changes nothing.  Answers one kind of rows: "filed" with the number (also for a resend); "other" with the number that the same form became with another text or another file; "complaint" about fields, in words for people; "security" when it reads like a security hole and not_security is false, with the fields and names of files that were kept and now are not, one a row; "production" when it is of severity 1 and production_down is NULL: ask whether somebody shall be woken; "similar" tickets when not_similar is false; "woken" when this visitor has had people woken too often today; "limited" when too many came from this visitor.  Files that were kept under the key become those of the ticket.  private_why: why it is private (desk.private_reason), asked of who makes it so; private_words: the other reason.  sealed: the packets of the confidential part, NULL or empty for none.  Nothing is stored but for "filed".  check_only asks for complaints alone.  Raises PT404 for an unknown form.';

CREATE FUNCTION api.submit_file_check(key_sha256 text, visitor text, fields text[], names text[], hashes text[], sizes bigint[], most int, most_bytes bigint,
	subject text, body text, not_security boolean) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT not_security AND desk.reads_like_a_hole(subject, body) THEN
		RETURN NEXT 'ask';
	ELSE
		RETURN QUERY SELECT * FROM desk.upload_check(key_sha256, fields, names, hashes, sizes, most, most_bytes, visitor);
	END IF;
END
$$;
COMMENT ON FUNCTION api.submit_file_check(text, text, text[], text[], text[], bigint[], int, bigint, text, text, boolean) IS 'Before files are kept for a form: a word for each, see desk.upload_check(), or "ask" alone while it is open whether this is a security hole: then nothing is stored.';

CREATE FUNCTION api.submit_upload(key_sha256 text, field text, name text, type text, size int, sha256 text, most_bytes bigint, seq int, bytes bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.upload_piece(key_sha256, field, name, type, size, sha256, most_bytes, seq, bytes);
END
$$;
COMMENT ON FUNCTION api.submit_upload(text, text, text, text, int, text, bigint, int, bytea) IS 'Keep one piece of a file for a form, see desk.upload_piece().  All of them in one transaction.';

CREATE FUNCTION api.submit_files(key_sha256 text) RETURNS TABLE (file_place smallint, file_name text, size_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM desk.uploads(key_sha256);
END
$$;
COMMENT ON FUNCTION api.submit_files(text) IS 'The files that are kept for a form.';

CREATE FUNCTION api.submit_file_drop(key_sha256 text, place int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.upload_drop(key_sha256, coalesce(place, 0));
END
$$;
COMMENT ON FUNCTION api.submit_file_drop(text, int) IS 'Forget one file that is kept for a form.';

CREATE FUNCTION api.submit_same(wanted int, visitor text, mail text)
RETURNS TABLE (outcome text, number int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.public_ticket p WHERE p.number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	IF NOT desk.me_too(wanted, visitor) OR (mail IS NOT NULL AND NOT desk.follow(wanted, visitor, mail)) THEN
		RETURN QUERY SELECT 'limited', wanted;
		RETURN;
	END IF;
	RETURN QUERY SELECT 'counted', wanted;
END
$$;
COMMENT ON FUNCTION api.submit_same(int, text, text) IS '"Same problem": count this visitor''s voice once and, when an address is given, ask it to confirm that it wants mail.  Raises PT404 unless the ticket is public.';

GRANT USAGE ON SCHEMA api TO desk_submit;
GRANT SELECT ON api.submit_template, api.submit_field, api.submit_choice, api.submit_product TO desk_submit;
GRANT EXECUTE ON FUNCTION api.submit(text, text, text, text, text, text, text, int, text, text, text, text, text[], text, text, text, boolean, boolean, boolean, boolean, text, text, bytea),
	api.submit_same(int, text, text), api.submit_severities(), api.submit_keys(),
	api.submit_file_check(text, text, text[], text[], text[], bigint[], int, bigint, text, text, boolean),
	api.submit_upload(text, text, text, text, int, text, bigint, int, bytea), api.submit_files(text), api.submit_file_drop(text, int) TO desk_submit;
