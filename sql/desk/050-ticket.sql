-- The rules of a ticket, as triggers: whoever changes one, by a page or in
-- psql, meets the same refusals and leaves the same history.

CREATE OR REPLACE FUNCTION desk.ticket_new() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.policy := desk.policy_of(NEW);
BEGIN
	IF NEW.state <> 'new' THEN
		RAISE 'cannot file a ticket in state "%": it begins as "new"', NEW.state USING ERRCODE = 'PT409';
	END IF;
	NEW.answer_due_at := CASE WHEN NEW.opened_by IS NULL THEN desk.clock_add(p.answer_calendar, NEW.filed_at,
		desk.policy_seconds(p, 'first response', NEW.filed_at)) END;
	NEW.solve_due_at := desk.clock_add(p.solve_calendar, NEW.filed_at, p.solve_seconds);
	NEW.late_at := CASE WHEN NEW.opened_by IS NULL THEN desk.clock_opening(p.answer_calendar, NEW.answer_due_at)
		ELSE coalesce(NEW.next_update_by, desk.clock_opening(p.solve_calendar, NEW.solve_due_at)) END;
	NEW.changed_at := NEW.filed_at;
	NEW.answered_at := NULL;
	NEW.solved_at := NULL;
	NEW.changed_by := NULL;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.ticket_new() IS 'Before a ticket is filed: its promises, from the policy that holds.';

CREATE OR REPLACE FUNCTION desk.ticket_filed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.clocks_start(NEW);
	IF NEW.visibility = 'public' THEN
		PERFORM desk.publish_ticket(NEW);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.ticket_filed() IS 'After a ticket was filed: its clocks run, its public copy stands.';

CREATE OR REPLACE FUNCTION desk.ticket_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r desk.resolution;
	named text;
	-- the instant of the change: as its writer says, else now; never in the
	-- future, never before the last one
	at timestamptz := greatest(OLD.changed_at,
		CASE WHEN NEW.changed_at = OLD.changed_at THEN now() ELSE least(NEW.changed_at, now()) END);
BEGIN
	IF NEW.number <> OLD.number OR NEW.filed_at <> OLD.filed_at OR NEW.opened_by IS DISTINCT FROM OLD.opened_by THEN
		RAISE 'cannot change the number of ticket %, when it was filed or who opened it', OLD.number USING ERRCODE = 'PT409';
	END IF;
	IF NEW.solved_at IS DISTINCT FROM OLD.solved_at
		OR (NEW.answer_due_at, NEW.solve_due_at, NEW.late_at) IS DISTINCT FROM (OLD.answer_due_at, OLD.solve_due_at, OLD.late_at)
		AND (NEW.answer_due_at, NEW.solve_due_at, NEW.late_at) IS DISTINCT FROM (SELECT (d.answer_due_at, d.solve_due_at, d.late_at) FROM desk.due_of(OLD.number) d) THEN
		RAISE 'cannot set when ticket % was solved or is due: that follows from its state and its clocks', OLD.number USING ERRCODE = 'PT409';
	END IF;
	IF NEW.answered_at IS DISTINCT FROM OLD.answered_at AND (NEW.answered_at > OLD.answered_at OR NOT EXISTS (
		SELECT FROM desk.message WHERE ticket = OLD.number AND author = 'staff' AND posted_at = NEW.answered_at)) THEN
		RAISE 'cannot set when ticket % was answered: the first message of the staff does', OLD.number USING ERRCODE = 'PT409';
	END IF;
	IF NEW.visibility = 'public' AND OLD.visibility = 'private' AND NEW.consented_at IS NULL THEN
		RAISE 'cannot make ticket % public: the requester has not agreed', OLD.number USING ERRCODE = 'PT409';
	END IF;
	IF NEW.state <> OLD.state AND NOT EXISTS (SELECT FROM desk.transition
		WHERE from_state = OLD.state AND to_state = NEW.state) THEN
		RAISE 'cannot go from "%" to "%"', OLD.state, NEW.state USING ERRCODE = 'PT409';
	END IF;
	IF NEW.state = 'resolved' AND (OLD.state <> 'resolved' OR NEW.resolution IS DISTINCT FROM OLD.resolution
		OR NEW.release IS DISTINCT FROM OLD.release OR NEW.reason IS DISTINCT FROM OLD.reason
		OR NEW.alternative IS DISTINCT FROM OLD.alternative OR NEW.duplicate_of IS DISTINCT FROM OLD.duplicate_of) THEN
		SELECT * INTO r FROM desk.resolution WHERE name = NEW.resolution;
		IF NEW.answered_at IS NULL AND NOT coalesce(NEW.resolution = 'withdrawn' AND NEW.changed_by = 'requester', false) THEN
			RAISE 'cannot resolve ticket %: nobody has answered it yet', OLD.number USING ERRCODE = 'PT409';
		END IF;
		IF r.needs_release AND NOT EXISTS (SELECT FROM desk.release
			WHERE id = NEW.release AND released_at <= now()) THEN
			RAISE 'cannot resolve ticket % as "%" before the release that carries the change is out', OLD.number, r.name
				USING ERRCODE = 'PT409', COLUMN = 'release', HINT = 'Set it to "fixed" with its release; it is resolved when that is out.';
		END IF;
		IF r.needs_reason AND NOT coalesce(NEW.reason ~ '\S', false) THEN
			RAISE 'cannot resolve ticket % as "%" without a reason', OLD.number, r.name
				USING ERRCODE = 'PT409', COLUMN = 'reason';
		END IF;
		IF r.needs_alternative AND NOT coalesce(NEW.alternative ~ '\S', false) THEN
			RAISE 'cannot resolve ticket % as "%" without an alternative', OLD.number, r.name
				USING ERRCODE = 'PT409', COLUMN = 'alternative';
		END IF;
		IF r.needs_duplicate AND NEW.duplicate_of IS NULL THEN
			RAISE 'cannot resolve ticket % as "%" without naming the other ticket', OLD.number, r.name
				USING ERRCODE = 'PT409', COLUMN = 'duplicate_of';
		END IF;
		IF r.needs_attempt AND NOT EXISTS (SELECT FROM desk.message
			WHERE ticket = OLD.number AND author = 'staff' AND attempt) THEN
			RAISE 'cannot resolve ticket % as "%" before a real attempt to help', OLD.number, r.name USING ERRCODE = 'PT409';
		END IF;
	END IF;

	-- what follows from the change
	IF NEW.state <> 'resolved' AND OLD.state = 'resolved' THEN
		NEW.resolution := NULL;
		NEW.reason := NULL;
		NEW.alternative := NULL;
		NEW.duplicate_of := NULL;
		NEW.solved_at := NULL;
		NEW.confirmed_at := NULL;
	ELSIF NEW.state = 'resolved' AND OLD.state <> 'resolved' THEN
		NEW.solved_at := at;
		NEW.hold := NULL;
		NEW.next_update_by := NULL;
	END IF;
	PERFORM desk.clocks_follow(OLD, NEW, at);
	IF NEW.next_update_by IS DISTINCT FROM OLD.next_update_by AND NEW.state <> 'resolved' THEN
		PERFORM desk.clock_promise(NEW, OLD.next_update_by, at);
	END IF;
	SELECT d.answer_due_at, d.solve_due_at, d.late_at INTO NEW.answer_due_at, NEW.solve_due_at, NEW.late_at FROM desk.due_of(OLD.number) d;

	-- the history: every field, who, and through which program
	SELECT s.name INTO named FROM desk.staff s WHERE 'staff:' || s.id = NEW.changed_by;
	INSERT INTO desk.change (ticket, field, old, new, actor, staff, program, changed_at)
	SELECT OLD.number, f.field, f.old, f.new,
		CASE WHEN NEW.changed_by LIKE 'staff:%' THEN 'staff' ELSE coalesce(NEW.changed_by, 'sql') END,
		CASE WHEN NEW.changed_by LIKE 'staff:%' THEN substr(NEW.changed_by, 7)::int END, session_user, at
	FROM (VALUES
		('subject', OLD.subject, NEW.subject),
		('kind', OLD.kind, NEW.kind),
		('product', OLD.product, NEW.product),
		('severity', OLD.severity::text, NEW.severity::text),
		('blocked', OLD.blocked, NEW.blocked),
		('production_down', OLD.production_down::text, NEW.production_down::text),
		('visibility', OLD.visibility, NEW.visibility),
		('consented_at', desk.utc(OLD.consented_at), desk.utc(NEW.consented_at)),
		('channel', OLD.channel, NEW.channel),
		('requester', OLD.requester::text, NEW.requester::text),
		('requester_name', OLD.requester_name, NEW.requester_name),
		('tried', OLD.tried, NEW.tried),
		('assignee', OLD.assignee::text, NEW.assignee::text),
		('customer', OLD.customer::text, NEW.customer::text),
		('team', OLD.team, NEW.team),
		('state', OLD.state, NEW.state),
		('resolution', OLD.resolution, NEW.resolution),
		('reason', OLD.reason, NEW.reason),
		('alternative', OLD.alternative, NEW.alternative),
		('duplicate_of', OLD.duplicate_of::text, NEW.duplicate_of::text),
		('release', OLD.release::text, NEW.release::text),
		('hold', OLD.hold, NEW.hold),
		('next_update_by', desk.utc(OLD.next_update_by), desk.utc(NEW.next_update_by)),
		('confirmed_at', desk.utc(OLD.confirmed_at), desk.utc(NEW.confirmed_at)),
		('answered_at', desk.utc(OLD.answered_at), desk.utc(NEW.answered_at))
	) AS f (field, old, new)
	WHERE f.old IS DISTINCT FROM f.new;
	IF FOUND OR NEW.changed_at <> OLD.changed_at THEN
		NEW.changed_at := at;
	END IF;
	IF FOUND AND NEW.version = OLD.version THEN
		NEW.version := OLD.version + 1;
	END IF;
	NEW.changed_by := NULL;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.ticket_guard() IS 'Refuses (PT409): a move that desk.transition lacks; resolved before a person answered; what desk.resolution asks for and is not there; private to public without the requester''s consent; a time set by hand that follows from something else.  Turns the clocks and writes the history.';

CREATE OR REPLACE FUNCTION desk.ticket_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.visibility = 'private' AND OLD.visibility = 'public' THEN
		DELETE FROM desk.public_ticket WHERE number = NEW.number;
		UPDATE desk.public_ticket SET duplicate_of = NULL WHERE duplicate_of = NEW.number;
		UPDATE desk.public_entry e SET new = 'a private ticket' WHERE e.field = 'duplicate_of' AND e.new = NEW.number::text;
	ELSIF NEW.visibility = 'public' THEN
		PERFORM desk.publish_ticket(NEW);
		IF OLD.visibility = 'private' THEN
			PERFORM desk.publish_thread(NEW.number);
		ELSIF NEW.subject <> OLD.subject THEN
			PERFORM desk.publish_words(NEW.number);
		END IF;
	END IF;
	IF NEW.state <> OLD.state AND NEW.state IN ('fixed', 'resolved') THEN
		PERFORM desk.mail_followers('change', NEW.number,
			format('Ticket %s: %s', NEW.number, (SELECT lower(label) FROM desk.state WHERE name = NEW.state)),
			concat_ws(E'\n\n', (SELECT label FROM desk.resolution WHERE name = NEW.resolution), NEW.reason, NEW.alternative));
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.ticket_changed() IS 'Keeps the public copy, and tells followers of a solution.';

CREATE OR REPLACE FUNCTION desk.message_new() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.posted_at > now() + interval '1 minute' THEN
		RAISE 'cannot write in the future' USING ERRCODE = 'PT409', COLUMN = 'posted_at';
	END IF;
	IF NEW.posted_at < (SELECT t.filed_at FROM desk.ticket t WHERE t.number = NEW.ticket) THEN
		RAISE 'cannot write about ticket % before it was filed', NEW.ticket USING ERRCODE = 'PT409', COLUMN = 'posted_at';
	END IF;
	NEW.body_html := coalesce(NEW.body_html, desk.plain_html(NEW.body));
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.message_new() IS 'A message or note whose writer gave no HTML is shown as plain text.  Refuses (PT409) one from the future, or from before its ticket.';

CREATE OR REPLACE FUNCTION desk.message_added() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t desk.ticket;
	kept boolean;	-- it is the update that we promised
BEGIN
	SELECT * INTO t FROM desk.ticket WHERE number = NEW.ticket FOR UPDATE;
	IF t.visibility = 'public' THEN
		PERFORM desk.publish_message(NEW);
	END IF;
	IF NEW.author = 'requester' AND NEW.posted_at = t.filed_at THEN
		RETURN NULL;	-- the report itself
	END IF;
	IF NEW.author = 'requester' AND t.state IN ('pending', 'resolved') THEN
		t.state := 'open';	-- as it will be below
	END IF;
	kept := NEW.author = 'staff' AND EXISTS (SELECT FROM desk.clock c WHERE c.ticket = NEW.ticket
		AND c.metric = 'next update' AND c.state = 'running' AND c.started_at <= NEW.posted_at);
	IF NEW.author <> 'automatic' THEN
		PERFORM desk.clocks_heard(t, NEW);
	END IF;
	IF kept AND t.hold IS NOT NULL AND t.next_update_by > NEW.posted_at THEN
		PERFORM desk.clock_promise(t, NULL, NEW.posted_at);	-- still on hold, and the date stands
	END IF;
	UPDATE desk.ticket SET
		-- the same instant again would read as "no time given"
		version = version + 1, changed_at = CASE WHEN NEW.posted_at = changed_at THEN desk.just_after(changed_at) ELSE NEW.posted_at END,
		next_update_by = CASE WHEN kept AND hold IS NULL THEN NULL ELSE next_update_by END,
		answered_at = CASE WHEN NEW.author = 'staff' THEN least(answered_at, NEW.posted_at) ELSE answered_at END,
		state = CASE
			WHEN NEW.author = 'staff' AND state = 'new' THEN 'open'
			WHEN NEW.author = 'requester' AND state IN ('pending', 'resolved') THEN 'open'
			ELSE state END,
		resolution = CASE WHEN NEW.author = 'requester' AND state = 'resolved' THEN NULL ELSE resolution END,
		changed_by = CASE NEW.author WHEN 'staff' THEN 'staff:' || NEW.staff WHEN 'requester' THEN 'requester' END
	WHERE number = NEW.ticket;
	IF NEW.author = 'staff' THEN
		PERFORM desk.mail_followers('message', NEW.ticket, format('Ticket %s: an answer from %s', NEW.ticket, NEW.name), NEW.body);
	ELSIF NEW.author = 'requester' AND t.assignee IS NOT NULL THEN
		PERFORM desk.mail_staff('message', NEW.ticket, t.assignee, format('Ticket %s: the requester wrote', NEW.ticket),
			CASE t.visibility WHEN 'public' THEN NEW.body ELSE 'It is private: read it there.' END);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.message_added() IS 'A person''s answer stops the first or next response, keeps the promise of an update and opens a new ticket; a requester''s message reopens a pending or resolved one.  Automatic messages stop nothing.';

CREATE OR REPLACE FUNCTION desk.change_added() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.publish_change(NEW);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.change_added() IS 'Shows a change in the public thread, if it is one for everybody.';

CREATE OR REPLACE FUNCTION desk.release_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.released_at > now() THEN
		RAISE 'cannot publish release % in the future: leave released_at NULL until it is out', NEW.version
			USING ERRCODE = 'PT409';
	END IF;
	IF TG_OP = 'UPDATE' AND OLD.released_at IS NOT NULL AND NEW.released_at IS NULL AND EXISTS (
		SELECT FROM desk.ticket WHERE release = NEW.id AND state = 'resolved') THEN
		RAISE 'cannot take back release %: tickets were resolved by it', NEW.version USING ERRCODE = 'PT409';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.release_guard() IS 'Refuses (PT409) a release dated in the future, and taking one back that has resolved tickets.';

CREATE OR REPLACE FUNCTION desk.release_out() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.ticket t SET state = 'resolved', changed_by = 'release',
		changed_at = greatest(t.changed_at, NEW.released_at),
		resolution = CASE WHEN t.kind = 'feature' THEN 'implemented' ELSE 'fixed' END
	WHERE t.release = NEW.id AND t.state = 'fixed';
	-- the ticket first, then its copy: the order in which all others lock
	UPDATE desk.public_ticket p SET released = true
	FROM (SELECT number FROM desk.ticket WHERE release = NEW.id FOR UPDATE) t WHERE t.number = p.number;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.release_out() IS 'A release that comes out resolves what waited for it.';

CREATE OR REPLACE TRIGGER ticket_new BEFORE INSERT ON desk.ticket FOR EACH ROW EXECUTE FUNCTION desk.ticket_new();
CREATE OR REPLACE TRIGGER ticket_filed AFTER INSERT ON desk.ticket FOR EACH ROW EXECUTE FUNCTION desk.ticket_filed();
CREATE OR REPLACE TRIGGER ticket_guard BEFORE UPDATE ON desk.ticket FOR EACH ROW WHEN (NEW.changed_by IS DISTINCT FROM 'redaction')
	EXECUTE FUNCTION desk.ticket_guard();
CREATE OR REPLACE TRIGGER ticket_changed AFTER UPDATE ON desk.ticket FOR EACH ROW EXECUTE FUNCTION desk.ticket_changed();
CREATE OR REPLACE TRIGGER message_new BEFORE INSERT ON desk.message FOR EACH ROW EXECUTE FUNCTION desk.message_new();
CREATE OR REPLACE TRIGGER message_added AFTER INSERT ON desk.message FOR EACH ROW EXECUTE FUNCTION desk.message_added();
CREATE OR REPLACE TRIGGER note_new BEFORE INSERT ON desk.note FOR EACH ROW EXECUTE FUNCTION desk.message_new();
CREATE OR REPLACE TRIGGER change_added AFTER INSERT ON desk.change FOR EACH ROW EXECUTE FUNCTION desk.change_added();
CREATE OR REPLACE TRIGGER release_guard BEFORE INSERT OR UPDATE OF released_at ON desk.release
	FOR EACH ROW EXECUTE FUNCTION desk.release_guard();
CREATE OR REPLACE TRIGGER release_out AFTER INSERT OR UPDATE OF released_at ON desk.release
	FOR EACH ROW WHEN (NEW.released_at <= now()) EXECUTE FUNCTION desk.release_out();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.change FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.message FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.note FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.sla_event FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.clock_event FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR TRUNCATE ON desk.policy FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE DELETE OR TRUNCATE ON desk.ticket FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.duty_ready FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.duty_change FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE DELETE OR TRUNCATE ON desk.duty_swap FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
CREATE OR REPLACE TRIGGER no_more BEFORE TRUNCATE ON desk.duty_seat FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
