-- The public copies.  One function per table says what everybody may see of
-- a row; the triggers of sql/desk/050-ticket.sql call them.

CREATE OR REPLACE FUNCTION desk.publish_ticket(t desk.ticket) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.public_ticket AS p (number, subject, kind, product, severity, blocked, state, solved,
		resolution, reason, alternative, duplicate_of, release, released, hold, channel,
		requester_name, assignee, filed_at, changed_at, answered_at, solved_at,
		answer_due_at, solve_due_at, next_update_by, late_at, answer_missed, answer_seconds, me_toos,
		kind_label, product_label, severity_name, state_label, resolution_label, channel_label)
	SELECT t.number, desk.visible(t.subject), t.kind, t.product, t.severity, t.blocked, t.state, t.state = 'resolved',
		t.resolution, desk.visible(t.reason), desk.visible(t.alternative),
		-- of a private ticket not even the number
		(SELECT d.number FROM desk.public_ticket d WHERE d.number = t.duplicate_of),
		(SELECT version FROM desk.release WHERE id = t.release),
		(SELECT coalesce(released_at <= now(), false) FROM desk.release WHERE id = t.release),
		t.hold, t.channel, desk.visible(t.requester_name), (SELECT name FROM desk.staff WHERE id = t.assignee),
		t.filed_at, t.changed_at, t.answered_at, t.solved_at,
		t.answer_due_at, t.solve_due_at, t.next_update_by, t.late_at,
		coalesce(c.breached_at IS NOT NULL, false),
		coalesce(c.target_seconds, extract(epoch FROM t.answer_due_at - t.filed_at)::int), t.me_toos,
		(SELECT label FROM desk.kind WHERE name = t.kind), (SELECT label FROM desk.product WHERE name = t.product),
		(SELECT name FROM desk.severity WHERE level = t.severity), (SELECT label FROM desk.state WHERE name = t.state),
		(SELECT label FROM desk.resolution WHERE name = t.resolution), (SELECT label FROM desk.channel WHERE name = t.channel)
	FROM (SELECT 1) one LEFT JOIN desk.clock c ON c.ticket = t.number AND c.metric = 'first response' AND c.cycle = 1
	ON CONFLICT (number) DO UPDATE SET
		(subject, kind, product, severity, blocked, state, solved, resolution, reason, alternative,
		duplicate_of, release, released, hold, channel, requester_name, assignee, changed_at, answered_at, solved_at,
		answer_due_at, solve_due_at, next_update_by, late_at, answer_missed, answer_seconds, me_toos,
		kind_label, product_label, severity_name, state_label, resolution_label, channel_label) =
		(excluded.subject, excluded.kind, excluded.product, excluded.severity, excluded.blocked, excluded.state,
		excluded.solved, excluded.resolution, excluded.reason, excluded.alternative,
		excluded.duplicate_of, excluded.release, excluded.released, excluded.hold, excluded.channel,
		excluded.requester_name, excluded.assignee, excluded.changed_at, excluded.answered_at, excluded.solved_at,
		excluded.answer_due_at, excluded.solve_due_at, excluded.next_update_by, excluded.late_at, excluded.answer_missed,
		excluded.answer_seconds, excluded.me_toos, excluded.kind_label, excluded.product_label, excluded.severity_name,
		excluded.state_label, excluded.resolution_label, excluded.channel_label);
END
$$;
COMMENT ON FUNCTION desk.publish_ticket(desk.ticket) IS 'Make or renew the public copy of a ticket; the caller knows that it is public.';

CREATE OR REPLACE FUNCTION desk.publish_message(m desk.message) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	is_first boolean := NOT EXISTS (SELECT FROM desk.public_search WHERE number = m.ticket);
BEGIN
	INSERT INTO desk.public_entry (ticket, at, seq, is_change, is_staff, is_solution, name, initial, body_html, posted_at, posted_words)
	VALUES (m.ticket, m.posted_at, m.id, false, m.author = 'staff', m.solution,
		coalesce(desk.visible(m.name), CASE m.author WHEN 'staff' THEN 'Staff' ELSE 'Requester' END),
		upper(left(coalesce(desk.visible(m.name), 'R'), 1)), m.body_html, desk.utc(m.posted_at), desk.words(m.posted_at));
	IF is_first THEN
		INSERT INTO desk.public_search (number, words)
		SELECT m.ticket, desk.add_words(setweight(desk.search_words(t.subject), 'A'), m.body, m.solution)
		FROM desk.ticket t WHERE t.number = m.ticket;
	ELSE
		UPDATE desk.public_ticket SET messages = messages + 1 WHERE number = m.ticket;
		UPDATE desk.public_search s SET words = desk.add_words(s.words, m.body, m.solution)
		WHERE s.number = m.ticket AND (length(s.words) < 20000 OR m.solution);
	END IF;
END
$$;
COMMENT ON FUNCTION desk.publish_message(desk.message) IS 'Add a message of a public ticket to its public thread and words.';

CREATE OR REPLACE FUNCTION desk.change_words(field text, value text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT CASE field
		WHEN 'severity' THEN (SELECT format('S%s %s', level, name) FROM desk.severity WHERE level = value::smallint)
		WHEN 'kind' THEN (SELECT label FROM desk.kind WHERE name = value)
		WHEN 'product' THEN (SELECT label FROM desk.product WHERE name = value)
		WHEN 'state' THEN (SELECT label FROM desk.state WHERE name = value)
		WHEN 'resolution' THEN (SELECT label FROM desk.resolution WHERE name = value)
		WHEN 'assignee' THEN (SELECT name FROM desk.staff WHERE id = value::int)
		WHEN 'release' THEN (SELECT version FROM desk.release WHERE id = value::int)
		WHEN 'customer' THEN (SELECT name FROM desk.customer WHERE id = value::int)
		WHEN 'team' THEN (SELECT label FROM desk.team WHERE name = value)
		WHEN 'production_down' THEN CASE value WHEN 'true' THEN 'yes' ELSE 'no' END
		WHEN 'next_update_by' THEN desk.words(value::timestamptz)
		WHEN 'hold' THEN CASE value WHEN 'cannot-yet' THEN 'we cannot do it yet' WHEN 'third-party' THEN 'waiting for a third party' END
		ELSE desk.visible(value) END);
END
$$;
COMMENT ON FUNCTION desk.change_words(text, text) IS 'The new value of a field in words for people.';

CREATE OR REPLACE FUNCTION desk.shown_words(field text, value text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF field = 'duplicate_of' AND value IS NOT NULL AND NOT EXISTS (SELECT FROM desk.public_ticket WHERE number = value::int) THEN
		RETURN 'a private ticket';
	END IF;
	RETURN desk.change_words(field, value);
END
$$;
COMMENT ON FUNCTION desk.shown_words(text, text) IS 'desk.change_words for everybody: of a private ticket not even the number.';

CREATE OR REPLACE FUNCTION desk.publish_change(c desk.change) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT desk.is_shown(c) THEN
		RETURN;
	END IF;
	INSERT INTO desk.public_entry (ticket, at, seq, is_change, is_staff, is_solution, name, initial, field, what, new, posted_at, posted_words)
	SELECT c.ticket, c.changed_at, c.id, true, c.actor = 'staff', false, desk.actor_words(c), '',
		c.field, desk.field_words(c.field), desk.shown_words(c.field, c.new), desk.utc(c.changed_at), desk.words(c.changed_at)
	FROM desk.public_ticket p WHERE p.number = c.ticket;
END
$$;
COMMENT ON FUNCTION desk.publish_change(desk.change) IS 'Add a change to the public thread, if its field is one for everybody and its ticket is public.';

CREATE OR REPLACE FUNCTION desk.publish_thread(wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM desk.public_entry WHERE ticket = wanted;
	DELETE FROM desk.public_search WHERE number = wanted;
	UPDATE desk.public_ticket SET messages = 0 WHERE number = wanted;
	PERFORM desk.publish_message(m) FROM (SELECT * FROM desk.message WHERE ticket = wanted ORDER BY id) m;
	PERFORM desk.publish_change(c) FROM (SELECT * FROM desk.change WHERE ticket = wanted ORDER BY id) c;
	DELETE FROM desk.public_attachment WHERE ticket = wanted;
	PERFORM desk.publish_attachment(a) FROM (SELECT * FROM desk.attachment WHERE ticket = wanted ORDER BY id) a;
END
$$;
COMMENT ON FUNCTION desk.publish_thread(int) IS 'Make the public thread of a ticket anew from its messages and history.';

CREATE OR REPLACE FUNCTION desk.publish_words(wanted int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE desk.public_search s SET words = setweight(desk.search_words(t.subject), 'A') || ts_filter(s.words, '{b,d}')
	FROM desk.ticket t WHERE t.number = wanted AND s.number = wanted;
$$;
COMMENT ON FUNCTION desk.publish_words(int) IS 'A new subject: find it by the new words.';

CREATE OR REPLACE FUNCTION desk.relabel() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.publish_ticket(t) FROM desk.ticket t
	WHERE t.visibility = 'public' AND CASE TG_TABLE_NAME
		WHEN 'kind' THEN t.kind = to_jsonb(NEW) ->> 'name' WHEN 'product' THEN t.product = to_jsonb(NEW) ->> 'name'
		WHEN 'severity' THEN t.severity = (to_jsonb(NEW) ->> 'level')::smallint WHEN 'state' THEN t.state = to_jsonb(NEW) ->> 'name'
		WHEN 'resolution' THEN t.resolution = to_jsonb(NEW) ->> 'name'
		WHEN 'staff' THEN t.assignee = (to_jsonb(NEW) ->> 'id')::int ELSE t.channel = to_jsonb(NEW) ->> 'name' END;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.relabel() IS 'New words for a kind, product, severity, state, resolution or channel, or a new name of an assignee, reach every public copy.  The history keeps the names of its time.';
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF label ON desk.kind FOR EACH ROW WHEN (NEW.label <> OLD.label) EXECUTE FUNCTION desk.relabel();
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF label ON desk.product FOR EACH ROW WHEN (NEW.label <> OLD.label) EXECUTE FUNCTION desk.relabel();
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF name ON desk.severity FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION desk.relabel();
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF label ON desk.state FOR EACH ROW WHEN (NEW.label <> OLD.label) EXECUTE FUNCTION desk.relabel();
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF label ON desk.resolution FOR EACH ROW WHEN (NEW.label <> OLD.label) EXECUTE FUNCTION desk.relabel();
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF label ON desk.channel FOR EACH ROW WHEN (NEW.label <> OLD.label) EXECUTE FUNCTION desk.relabel();
CREATE OR REPLACE TRIGGER relabel AFTER UPDATE OF name ON desk.staff FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION desk.relabel();
