-- What the program action may do: write down what was done in production,
-- read it, stand for it.  Every function takes the session's token first.

CREATE FUNCTION api.action_list(token text, wanted int, since text, until text, by_whom text, after text, most int)
RETURNS TABLE (id int, number int, subject text, done_by text, what text, why text, done_at text, done_words text, written_words text, is_late_entry boolean,
	approval text, has_approval boolean, approved_by text, approved_words text, is_approved boolean, is_open boolean, may_approve boolean, is_withheld boolean, is_readable boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(token);
BEGIN
	IF wanted IS NOT NULL AND NOT EXISTS (SELECT FROM desk.ticket t WHERE t.number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT a.id, a.ticket, a.subject, a.done_by, a.what, a.why, desk.utc(a.done_at), desk.words(a.done_at), desk.words(a.written_at),
		a.written_at > a.done_at + interval '1 hour',
		a.approval, a.approval IS NOT NULL, a.approved_by, desk.words(a.approved_at), a.approved_by IS NOT NULL,
		a.approved_by IS NULL AND a.approval IS NULL, a.may_approve, a.is_withheld, NOT a.is_withheld
	FROM desk.action_rows(wanted, who, desk.when_typed(since || ' 00:00')::date,
		desk.when_typed(until || ' 00:00')::date,
		CASE WHEN by_whom ~ '^[0-9]{1,9}$' THEN by_whom::int END, CASE WHEN after ~ '^[0-9]{1,9}$' THEN after::int END, most) a;
END
$$;
COMMENT ON FUNCTION api.action_list(text, int, text, text, text, text, int) IS 'Production actions of a ticket (PT404 when there is none) or of all, the latest first, for the page.  since, until: days; by_whom: number of one of the staff; a filter that is none narrows nothing.';

CREATE FUNCTION api.action_csv(token text, since text, until text, by_whom text)
RETURNS TABLE (action int, ticket int, done_at text, written_at text, done_by text, what text, why text, approved_by text, approved_at text, approved_in text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_fresh(token);
BEGIN
	RETURN QUERY SELECT a.id, a.ticket, desk.utc(a.done_at), desk.utc(a.written_at), a.done_by, a.what, a.why, a.approved_by, desk.utc(a.approved_at), a.approval
	FROM desk.action_rows(NULL, who, desk.when_typed(since || ' 00:00')::date,
		desk.when_typed(until || ' 00:00')::date,
		CASE WHEN by_whom ~ '^[0-9]{1,9}$' THEN by_whom::int END, NULL, 20000) a;
END
$$;
COMMENT ON FUNCTION api.action_csv(text, text, text, text) IS 'The same for a spreadsheet, at most 20,000.  PT403 when the last proof is too old: a table leaves the desk.';

CREATE FUNCTION api.action_people(token text, chosen text) RETURNS TABLE (value text, label text, is_chosen boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT s.id::text, s.name, coalesce(s.id::text = chosen, false) FROM desk.staff s ORDER BY lower(s.name), s.id;
END
$$;
COMMENT ON FUNCTION api.action_people(text, text) IS 'Whom the list can be narrowed to.';

CREATE FUNCTION api.action_ticket(token text, wanted int) RETURNS TABLE (number int, subject text, zone text, is_withheld boolean, takes_more boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT t.number, desk.visible(t.subject), to_char(now(), 'TZ'), desk.is_withheld(t.number), NOT desk.is_withheld(t.number) FROM desk.ticket t WHERE t.number = wanted;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
END
$$;
COMMENT ON FUNCTION api.action_ticket(text, int) IS 'What stands above the form.  PT404 when there is no such ticket.';

CREATE FUNCTION api.action_write(token text, wanted int, key_sha256 text, what text, why text, done text, approval text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(token);
	at timestamptz := CASE WHEN done IS NULL THEN now() ELSE desk.when_typed(done) END;
BEGIN
	IF NOT EXISTS (SELECT FROM desk.ticket t WHERE t.number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT 'refused', v.field, v.words FROM (VALUES
		('what', 'This ticket was the report of a security hole: the desk takes no more words about it.', NOT desk.is_withheld(wanted)),
		('what', 'Write the command, or what was changed.', coalesce(action_write.what ~ '\S', false)),
		('why', 'Write why it was needed.', coalesce(action_write.why ~ '\S', false)),
		('done_at', 'Choose a date and time that is over.', at <= now() + interval '1 minute')) v (field, words, is_good)
		WHERE NOT coalesce(v.is_good, false);
	IF FOUND THEN
		RETURN;
	END IF;
	INSERT INTO desk.action (ticket, staff, what, why, done_at, approval, key_sha256)
	VALUES (wanted, who, action_write.what, action_write.why, at, nullif(btrim(action_write.approval), ''), decode(action_write.key_sha256, 'hex'))
	ON CONFLICT ON CONSTRAINT action_key_sha256_key DO NOTHING;
	RETURN QUERY SELECT CASE WHEN FOUND THEN 'done' ELSE 'sent' END, NULL, NULL;
END
$$;
COMMENT ON FUNCTION api.action_write(text, int, text, text, text, text, text) IS 'Write down a production action: "done", "sent" when this form was already, or "refused" with each field and its words.  done: a date and time as browsers send it, NULL for now; approval: who approved it elsewhere, in words, or NULL: then somebody else approves it here.  PT404 when there is no such ticket.';

CREATE FUNCTION api.action_approve(token text, wanted int) RETURNS TABLE (number int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(token);
	found_ticket int := (SELECT a.ticket FROM desk.action a WHERE a.id = wanted);
BEGIN
	IF found_ticket IS NULL THEN
		RAISE 'no such action' USING ERRCODE = 'PT404';
	END IF;
	INSERT INTO desk.action_approval (action, staff) VALUES (wanted, who) ON CONFLICT DO NOTHING;
	RETURN QUERY SELECT found_ticket;
END
$$;
COMMENT ON FUNCTION api.action_approve(text, int) IS 'Stand for somebody else''s action; the first who does is kept.  Answers the ticket''s number.  PT409 for an action of one''s own, PT404 when there is none.';

GRANT USAGE ON SCHEMA api TO desk_action;
GRANT EXECUTE ON FUNCTION api.action_list(text, int, text, text, text, text, int), api.action_csv(text, text, text, text),
	api.action_people(text, text), api.action_ticket(text, int), api.action_write(text, int, text, text, text, text, text),
	api.action_approve(text, int) TO desk_action;
