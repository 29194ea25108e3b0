-- Paging.  Who opens a page, acknowledges it or ends it is a row that
-- changed, by a program or in psql; what follows from it, the log, the mails
-- and the hooks, is done here and in the same transaction.
--
-- Locks are taken in one order: a ticket, then its page.  Whoever holds a
-- page writes nothing that locks a ticket which he does not hold.

CREATE OR REPLACE FUNCTION desk.page_rule_for(what text) RETURNS desk.page_rule
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r desk.page_rule;
BEGIN
	SELECT * INTO r FROM desk.page_rule x
	WHERE x.product = what OR x.product IS NULL
	ORDER BY x.product IS NULL LIMIT 1;
	IF NOT FOUND THEN
		-- a desk that has lost its rule still pages
		r.rotation := (SELECT x.name FROM desk.rotation x ORDER BY x.name <> 'engineering', x.name LIMIT 1);
		r.repeat_seconds := 1800;
		r.next_seconds := 300;
		r.rounds := 3;
	END IF;
	RETURN r;
END
$$;
COMMENT ON FUNCTION desk.page_rule_for(text) IS 'How a product is paged: its own row of desk.page_rule, else the one for all.';

CREATE OR REPLACE FUNCTION desk.page_thing(what text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT p.label FROM desk.product p WHERE p.name = what), 'it is not known yet what');
$$;
COMMENT ON FUNCTION desk.page_thing(text) IS 'What is down, in words.';

-- What goes out ------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.page_hook(p desk.page, action text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	title text := '';
BEGIN
	-- only who begins a page holds its ticket; later it may become private
	-- at this very moment
	IF action = 'trigger' THEN
		SELECT CASE t.visibility WHEN 'public' THEN ': ' || desk.visible(t.subject) ELSE '' END INTO title
		FROM desk.ticket t WHERE t.number = p.ticket;
	END IF;
	-- the hook's row names the ticket only when it begins, see the order of
	-- locks above
	PERFORM desk.hook_send('page.' || action, CASE action WHEN 'trigger' THEN p.ticket END,
		jsonb_strip_nulls(jsonb_build_object(
			'summary', format('Production is down: %s, ticket %s', desk.page_thing(p.product), p.ticket) || title,
			'severity', 'critical', 'timestamp', desk.utc(p.opened_at), 'component', p.product, 'group', p.rotation,
			'class', 'production down', 'page', p.id, 'ticket', p.ticket, 'step', p.step,
			'acknowledged_by', (SELECT s.name FROM desk.staff s WHERE s.id = p.acknowledged_by),
			'resolved_why', p.resolved_why)),
		'desk-' || p.id, true);
END
$$;
COMMENT ON FUNCTION desk.page_hook(desk.page, text) IS 'Tell the hooks of a page: trigger, acknowledge or resolve, all as one incident "desk-<page>".  The subject goes along when a public ticket begins one.';

CREATE OR REPLACE FUNCTION desk.page_tell(p desk.page, whom int, part text, follows interval) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	token text := desk.random_token();
	title text;
	report text;
BEGIN
	SELECT CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '(private)' END,
		-- at the end: above it stand our words and our link alone
		CASE t.visibility WHEN 'public' THEN coalesce(E'\n\nThe report:\n' || (SELECT left(desk.visible(m.body), 600)
			FROM desk.message m WHERE m.ticket = t.number AND m.body ~ '\S' ORDER BY m.id LIMIT 1), '') ELSE '' END INTO title, report
	FROM desk.ticket t WHERE t.number = p.ticket;
	INSERT INTO desk.page_link (token_sha256, page, staff)
	VALUES (sha256(convert_to(token, 'UTF8')), p.id, whom);
	PERFORM desk.mail_urgent('page', p.ticket, whom,
		format('PAGE %s: production is down, %s', p.id, desk.page_thing(p.product)),
		format(E'Production is down: %s.\nTicket %s: %s\nReported %s.\n%s\n'
			'If you can take it, open this and press "I am on it":\n{URL}/page/%s\n\n'
			'You are told %s. If nobody presses it within %s, the next person is told.',
			desk.page_thing(p.product), p.ticket, title, desk.words(p.opened_at),
			CASE WHEN p.duty_empty THEN E'ALARM: nobody is on duty.\n' ELSE '' END,
			token,
			CASE part WHEN 'lead' THEN 'as the lead of those on duty' WHEN 'manager' THEN 'as the manager of those on duty'
				WHEN 'anybody' THEN 'because nobody is on duty and no lead and no manager is named'
				ELSE 'because you are on duty' END,
			desk.span_words(extract(epoch FROM follows))) || report);
END
$$;
COMMENT ON FUNCTION desk.page_tell(desk.page, int, text, interval) IS 'Mail one of the staff that they are paged, with a link of their own by which they acknowledge.';

-- Steps --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.page_told(p desk.page) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(array_agg(e.staff), '{}') FROM desk.page_event e
	WHERE e.page = p.id AND e.round = p.round AND e.step IS NOT NULL AND e.staff IS NOT NULL;
$$;
COMMENT ON FUNCTION desk.page_told(desk.page) IS 'Whom this round of a page has reached or passed over.';

CREATE OR REPLACE FUNCTION desk.page_chain(p desk.page)
RETURNS TABLE (place bigint, staff int, role text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF p.rotation IS NOT NULL THEN
		RETURN QUERY SELECT row_number() OVER (ORDER BY c.place), c.staff, c.role
			FROM desk.duty_chain(p.rotation, now()) c
			JOIN desk.staff s ON s.id = c.staff AND s.active ORDER BY c.place;
	END IF;
	IF p.rotation IS NULL OR NOT FOUND THEN
		RETURN QUERY SELECT row_number() OVER (ORDER BY s.id), s.id, 'anybody' FROM desk.staff s
			WHERE s.active ORDER BY s.id;
	END IF;
END
$$;
COMMENT ON FUNCTION desk.page_chain(desk.page) IS 'Whom a page goes to, in this order: who is on duty now, the lead, the manager; everybody when there are none of these.';

CREATE OR REPLACE FUNCTION desk.page_step(p desk.page) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r desk.page_rule := desk.page_rule_for(p.product);
	follows interval := r.next_seconds * interval '1 second';
	-- steps that are due by now; more than one after an outage
	due int := 1 + greatest(0, floor(extract(epoch FROM now() - p.next_at) / r.next_seconds))::int;
	due_at timestamptz := p.next_at;
	everybody int[];
	their_roles text[];
	at_once boolean;	-- nobody is on duty: all who are left are told
	people int[];
	roles text[];
	told int := 0;
BEGIN
	SELECT array_agg(c.staff ORDER BY c.place), array_agg(c.role ORDER BY c.place), coalesce(bool_and(c.role <> 'on duty'), true)
	INTO everybody, their_roles, at_once FROM desk.page_chain(p) c;
	IF at_once AND NOT p.duty_empty THEN
		p.duty_empty := true;
		INSERT INTO desk.page_event (page, kind, ticket) VALUES (p.id, 'duty empty', p.ticket);
	END IF;
	SELECT array_agg(c.staff ORDER BY c.place), array_agg(c.role ORDER BY c.place) INTO people, roles
	FROM unnest(everybody, their_roles) WITH ORDINALITY AS c (staff, role, place)
	WHERE c.staff <> ALL (SELECT unnest(desk.page_told(p)));
	IF people IS NULL AND p.round < r.rounds THEN
		p.round := p.round + 1;
		people := everybody;
		roles := their_roles;
	END IF;
	IF people IS NULL THEN
		INSERT INTO desk.page_event (page, kind, ticket) VALUES (p.id, 'nobody left', p.ticket);
		PERFORM desk.mail_urgent('alarm', p.ticket, NULL, format('ALARM: nobody has acknowledged page %s', p.id),
			format('Everybody was told, %s times. Production is still reported as down: %s, ticket %s.',
				r.rounds, desk.page_thing(p.product), p.ticket));
		UPDATE desk.page SET next_at = NULL, duty_empty = p.duty_empty WHERE id = p.id;
		RETURN 0;
	END IF;
	due := least(due, cardinality(people));
	FOR i IN 1 .. CASE WHEN at_once THEN cardinality(people) ELSE due END LOOP
		p.step := p.step + 1;
		IF i > 1 AND NOT at_once THEN
			due_at := due_at + follows;
		END IF;
		INSERT INTO desk.page_event (page, kind, step, round, staff, role, ticket, due_at)
		VALUES (p.id, CASE WHEN at_once OR i = due THEN 'told' ELSE 'overtaken' END,
			p.step, p.round, people[i], roles[i], p.ticket, due_at)
		ON CONFLICT (page, step) WHERE step IS NOT NULL DO NOTHING;
		-- only whoever wrote the row tells of it
		IF FOUND AND (at_once OR i = due) THEN
			PERFORM desk.page_tell(p, people[i], roles[i], follows);
			told := told + 1;
		END IF;
	END LOOP;
	IF told > 0 THEN
		PERFORM desk.page_hook(p, 'trigger');
	END IF;
	-- in step with the first one, but never less time than was promised
	UPDATE desk.page SET step = p.step, round = p.round, duty_empty = p.duty_empty,
		next_at = CASE WHEN now() - due_at < interval '1 minute' THEN due_at ELSE now() END + follows
	WHERE id = p.id;
	RETURN told;
END
$$;
COMMENT ON FUNCTION desk.page_step(desk.page) IS 'Make the step of a page that is due: tell the next person, or all who are left when nobody is on duty.  Of several steps that are due only the last is told, the others are noted as overtaken.  After the last person it begins again with the first, as often as desk.page_rule says.  The caller holds the page and its ticket.  Returns how many were told.';

CREATE OR REPLACE FUNCTION desk.page_advance() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due record;
	told int := 0;
BEGIN
	FOR due IN
		SELECT p AS page FROM desk.page p JOIN desk.ticket t ON t.number = p.ticket
		WHERE p.next_at <= now() ORDER BY p.next_at LIMIT 1000
		FOR NO KEY UPDATE OF p SKIP LOCKED FOR KEY SHARE OF t SKIP LOCKED
	LOOP
		told := told + desk.page_step(due.page);
	END LOOP;
	RETURN told;
END
$$;
COMMENT ON FUNCTION desk.page_advance() IS 'Tell the next person of every page that nobody has acknowledged in time; returns how many were told.  Any number may run at once.  Writes nothing when nothing is due.';

-- Opening ------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.page_find(what text, besides int, wakes boolean) RETURNS desk.page
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r desk.page_rule := desk.page_rule_for(what);
	p desk.page;
BEGIN
	-- it still rings, or it began a moment ago and another report of it is
	-- not solved yet
	SELECT * INTO p FROM desk.page x
	WHERE x.product IS NOT DISTINCT FROM what AND (
		x.acknowledged_at IS NULL AND x.resolved_at IS NULL
		OR NOT wakes AND x.opened_at > now() - r.repeat_seconds * interval '1 second' AND EXISTS (
			SELECT FROM desk.page_report q JOIN desk.ticket o ON o.number = q.ticket
			WHERE q.page = x.id AND o.number IS DISTINCT FROM besides AND o.state <> 'resolved'
			  AND o.severity = 1 AND o.production_down))
	ORDER BY x.opened_at DESC, x.id DESC LIMIT 1 FOR NO KEY UPDATE;
	RETURN p;
END
$$;
COMMENT ON FUNCTION desk.page_find(text, int, boolean) IS 'The page that a new report about a product belongs to, and holds it; NULL when it wakes somebody.  besides: the report itself; wakes: only a page that still rings will do.';

CREATE OR REPLACE FUNCTION desk.page_open(t desk.ticket, wakes boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r desk.page_rule := desk.page_rule_for(t.product);
	p desk.page;
BEGIN
	LOOP
		p := desk.page_find(t.product, t.number, wakes);
		IF p.id IS NOT NULL THEN
			PERFORM desk.page_add(p, t);
			RETURN;
		END IF;
		INSERT INTO desk.page (ticket, product, rotation) VALUES (t.number, t.product, r.rotation)
		ON CONFLICT DO NOTHING;
		EXIT WHEN FOUND;
		-- somebody else opened it while we looked: go and find it
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.page_open(desk.ticket, boolean) IS 'Page the people on duty for a ticket, or add it to the page of the same incident, which wakes nobody again.  wakes: only to one that still rings.';

CREATE OR REPLACE FUNCTION desk.page_add(p desk.page, t desk.ticket) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.page_report (page, ticket) VALUES (p.id, t.number)
	ON CONFLICT (page, ticket) DO UPDATE SET over_at = NULL, over_why = NULL;
	INSERT INTO desk.page_event (page, kind, ticket) VALUES (p.id, 'added', t.number);
	IF p.acknowledged_by IS NOT NULL THEN
		PERFORM desk.mail_staff('page', t.number, p.acknowledged_by,
			format('Page %s: one more report, ticket %s', p.id, t.number),
			format('Ticket %s is about the same: %s. Nobody was woken again.', t.number, desk.page_thing(p.product)));
	END IF;
END
$$;
COMMENT ON FUNCTION desk.page_add(desk.page, desk.ticket) IS 'One more report of an incident: noted, and told by plain mail to whoever is on it.';

CREATE OR REPLACE FUNCTION desk.page_over(wanted int, why text, who int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.page;
	-- an answer to a ticket that was answered before it was paged is no
	-- sign that the paged have heard it
	is_first boolean := why <> 'answered' OR (SELECT count(*) FROM (SELECT FROM desk.message m
		WHERE m.ticket = wanted AND m.author = 'staff' LIMIT 2) x) < 2;
BEGIN
	FOR p IN
		SELECT x.* FROM desk.page x JOIN desk.page_report q ON q.page = x.id
		WHERE q.ticket = wanted AND q.over_at IS NULL ORDER BY x.id FOR NO KEY UPDATE OF x
	LOOP
		CONTINUE WHEN NOT is_first AND p.acknowledged_at IS NULL AND p.resolved_at IS NULL;
		UPDATE desk.page_report SET over_at = now(), over_why = why WHERE page = p.id AND ticket = wanted;
		CONTINUE WHEN p.resolved_at IS NOT NULL;
		IF why = 'answered' AND p.acknowledged_at IS NULL THEN
			UPDATE desk.page SET acknowledged_at = now(), acknowledged_by = who WHERE id = p.id;
		END IF;
		IF NOT EXISTS (SELECT FROM desk.page_report q WHERE q.page = p.id AND q.over_at IS NULL) THEN
			UPDATE desk.page SET resolved_at = now(), resolved_why = why WHERE id = p.id;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.page_over(int, text, int) IS 'A ticket was answered (by whom), solved, or is not down after all: its page is over when that holds for all its tickets.  The first answer acknowledges the page as well; where the ticket had an answer before, only an answer after the acknowledgement counts.';

-- Triggers -----------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.page_new() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT coalesce(NEW.product, t.product) INTO NEW.product FROM desk.ticket t WHERE t.number = NEW.ticket;
	NEW.rotation := coalesce(NEW.rotation, (desk.page_rule_for(NEW.product)).rotation);
	NEW.opened_at := now();
	NEW.next_at := now();
	NEW.step := 0;
	NEW.round := 1;
	NEW.duty_empty := false;
	IF (NEW.acknowledged_at, NEW.acknowledged_by, NEW.resolved_at, NEW.justified) IS DISTINCT FROM
		(NULL::timestamptz, NULL::int, NULL::timestamptz, NULL::boolean) THEN
		RAISE 'cannot open a page that is acknowledged, over or judged already' USING ERRCODE = 'PT409';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.page_new() IS 'Before a page is opened: it begins now, and with the first step.';

CREATE OR REPLACE FUNCTION desk.page_opened() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.page_report (page, ticket) VALUES (NEW.id, NEW.ticket);
	INSERT INTO desk.page_event (page, kind, ticket) VALUES (NEW.id, 'opened', NEW.ticket);
	PERFORM desk.page_step(NEW);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.page_opened() IS 'A new page tells the first person at once, in the transaction of the report.';

CREATE OR REPLACE FUNCTION desk.page_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (NEW.id, NEW.ticket, NEW.product, NEW.opened_at) IS DISTINCT FROM (OLD.id, OLD.ticket, OLD.product, OLD.opened_at) THEN
		RAISE 'cannot change what page % is about', OLD.id USING ERRCODE = 'PT409';
	END IF;
	IF OLD.acknowledged_at IS NOT NULL AND (NEW.acknowledged_at, NEW.acknowledged_by)
		IS DISTINCT FROM (OLD.acknowledged_at, OLD.acknowledged_by) THEN
		RAISE 'cannot change who acknowledged page % and when', OLD.id USING ERRCODE = 'PT409';
	END IF;
	IF OLD.resolved_at IS NOT NULL AND (NEW.resolved_at, NEW.resolved_why) IS DISTINCT FROM (OLD.resolved_at, OLD.resolved_why) AND NOT desk.redacting() THEN
		RAISE 'cannot change how page % ended', OLD.id USING ERRCODE = 'PT409';
	END IF;
	IF OLD.resolved_at IS NOT NULL AND NEW.acknowledged_at IS DISTINCT FROM OLD.acknowledged_at THEN
		RAISE 'cannot acknowledge page %: it is over', OLD.id USING ERRCODE = 'PT409';
	END IF;
	IF NEW.acknowledged_at IS NOT NULL AND OLD.acknowledged_at IS NULL THEN
		NEW.acknowledged_at := greatest(OLD.opened_at, least(NEW.acknowledged_at, now()));
		NEW.next_at := NULL;
	END IF;
	IF NEW.resolved_at IS NOT NULL AND OLD.resolved_at IS NULL THEN
		NEW.resolved_at := greatest(OLD.opened_at, least(NEW.resolved_at, now()));
		NEW.resolved_why := coalesce(NEW.resolved_why, 'ended in psql');
		NEW.next_at := NULL;
	END IF;
	IF (NEW.justified, NEW.verdict) IS DISTINCT FROM (OLD.justified, OLD.verdict) AND NOT desk.redacting() THEN
		NEW.verdict := CASE WHEN NEW.verdict ~ '\S' THEN btrim(NEW.verdict, E' \t\n') END;
		NEW.judged_at := CASE WHEN NEW.justified IS NOT NULL THEN now() END;
		NEW.judged_by := CASE WHEN NEW.justified IS NOT NULL THEN NEW.judged_by END;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.page_guard() IS 'Refuses (PT409) to take back what was acknowledged or ended, and to make a page one about something else.';

CREATE OR REPLACE FUNCTION desk.page_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.acknowledged_at IS NOT NULL AND OLD.acknowledged_at IS NULL THEN
		INSERT INTO desk.page_event (page, kind, staff) VALUES (NEW.id, 'acknowledged', NEW.acknowledged_by);
		PERFORM desk.page_hook(NEW, 'acknowledge');
	END IF;
	IF NEW.resolved_at IS NOT NULL AND OLD.resolved_at IS NULL THEN
		INSERT INTO desk.page_event (page, kind, words) VALUES (NEW.id, 'resolved', NEW.resolved_why);
		PERFORM desk.page_hook(NEW, 'resolve');
	END IF;
	IF (NEW.justified, NEW.verdict) IS DISTINCT FROM (OLD.justified, OLD.verdict) AND NOT desk.redacting() THEN
		INSERT INTO desk.page_event (page, kind, staff, words) VALUES (NEW.id, 'judged', NEW.judged_by,
			concat_ws(': ', CASE NEW.justified WHEN true THEN 'yes' WHEN false THEN 'no' ELSE 'taken back' END, NEW.verdict));
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.page_changed() IS 'Logs an acknowledgement, an end and a verdict, and tells the hooks of the first two.';

CREATE OR REPLACE FUNCTION desk.ticket_paged() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	is_down boolean := NEW.severity = 1 AND NEW.production_down;
	was_down boolean := false;
BEGIN
	IF TG_OP = 'UPDATE' THEN
		was_down := OLD.severity = 1 AND OLD.production_down;
	END IF;
	IF is_down AND NOT was_down AND NEW.state <> 'resolved' THEN
		-- one that is imported from long ago wakes nobody
		IF TG_OP = 'UPDATE' OR NEW.filed_at > now() - interval '1 day' THEN
			PERFORM desk.page_open(NEW, false);
		END IF;
	ELSIF was_down AND NOT is_down THEN
		PERFORM desk.page_over(NEW.number, 'not down', NULL);
	ELSIF TG_OP = 'UPDATE' AND NEW.state = 'resolved' AND OLD.state <> 'resolved' THEN
		PERFORM desk.page_over(NEW.number, 'solved', NULL);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.ticket_paged() IS 'Severity 1 and production down, and only that, pages the people on duty.  Opening a solved ticket again does not: somebody has to say that it is down.';

CREATE OR REPLACE FUNCTION desk.message_paged() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM desk.page_report q WHERE q.ticket = NEW.ticket AND q.over_at IS NULL) THEN
		PERFORM desk.page_over(NEW.ticket, 'answered', NEW.staff);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.message_paged() IS 'An answer of the staff is about to end the page of its ticket (desk.page_over).';

CREATE OR REPLACE TRIGGER page_new BEFORE INSERT ON desk.page FOR EACH ROW EXECUTE FUNCTION desk.page_new();
CREATE OR REPLACE TRIGGER page_opened AFTER INSERT ON desk.page FOR EACH ROW EXECUTE FUNCTION desk.page_opened();
CREATE OR REPLACE TRIGGER page_guard BEFORE UPDATE ON desk.page FOR EACH ROW EXECUTE FUNCTION desk.page_guard();
CREATE OR REPLACE TRIGGER page_changed AFTER UPDATE ON desk.page FOR EACH ROW EXECUTE FUNCTION desk.page_changed();
CREATE OR REPLACE TRIGGER ticket_paged AFTER INSERT ON desk.ticket FOR EACH ROW
	WHEN (NEW.production_down) EXECUTE FUNCTION desk.ticket_paged();
CREATE OR REPLACE TRIGGER ticket_paged_again AFTER UPDATE ON desk.ticket FOR EACH ROW
	WHEN (NEW.production_down OR OLD.production_down) EXECUTE FUNCTION desk.ticket_paged();
CREATE OR REPLACE TRIGGER message_paged AFTER INSERT ON desk.message FOR EACH ROW
	WHEN (NEW.author = 'staff') EXECUTE FUNCTION desk.message_paged();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.page_event FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
CREATE OR REPLACE TRIGGER no_more BEFORE DELETE OR TRUNCATE ON desk.page FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();

-- For programs -------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.page_link_open(token text) RETURNS desk.page_link
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.page_link;
BEGIN
	SELECT x.* INTO l FROM desk.page_link x JOIN desk.staff s ON s.id = x.staff AND s.active
	WHERE x.token_sha256 = sha256(convert_to(token, 'UTF8')) AND x.made_at > now() - interval '2 days';
	IF NOT FOUND THEN
		RAISE 'no such link' USING ERRCODE = 'PT404';
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION desk.page_link_open(text) IS 'The link behind a token; PT404 when there is none, it is older than two days, or its owner has left.';

CREATE OR REPLACE FUNCTION desk.page_take(wanted int, who int) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.page;
BEGIN
	SELECT * INTO p FROM desk.page WHERE id = wanted FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE 'no such page' USING ERRCODE = 'PT404';
	END IF;
	IF p.resolved_at IS NOT NULL THEN
		RETURN 'over';
	END IF;
	IF p.acknowledged_at IS NOT NULL THEN
		RETURN 'taken';
	END IF;
	UPDATE desk.page SET acknowledged_at = now(), acknowledged_by = who WHERE id = wanted;
	RETURN 'done';
END
$$;
COMMENT ON FUNCTION desk.page_take(int, int) IS 'Somebody is on it: no further step.  "done", "taken" by whoever was first, or "over".  PT404 when there is no such page.';

CREATE OR REPLACE FUNCTION desk.page_event_words(e desk.page_event) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE e.kind
		WHEN 'opened' THEN format('Ticket %s was reported as production down', e.ticket)
		WHEN 'told' THEN format('%s was told (%s)', n.name, CASE e.role WHEN 'anybody' THEN 'as everybody' ELSE e.role END)
		WHEN 'overtaken' THEN format('%s was passed over: a later step was due as well', n.name)
		WHEN 'duty empty' THEN 'Nobody was on duty: all who are named for that are told at once'
		WHEN 'nobody left' THEN 'Everybody was told, and nobody has acknowledged'
		WHEN 'added' THEN format('Ticket %s is about the same; nobody was woken again', e.ticket)
		WHEN 'acknowledged' THEN format('%s is on it', n.name)
		WHEN 'resolved' THEN format('Over: %s', e.words)
		ELSE format('%s judged: %s', n.name, desk.visible(e.words)) END
	FROM (SELECT coalesce((SELECT s.name FROM desk.staff s WHERE s.id = e.staff), 'Somebody in psql') AS name) n;
$$;
COMMENT ON FUNCTION desk.page_event_words(desk.page_event) IS 'A line of a page''s log, in words.';

-- Escalation ---------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.escalate(c desk.clock, t desk.ticket, step int, recipient text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	thing text := desk.metric_words(c.metric);
	duty text := (desk.page_rule_for(t.product)).rotation;
	people int[];
	whom int;
BEGIN
	IF recipient = 'pager' AND t.severity = 1 AND t.production_down AND t.state <> 'resolved' AND NOT EXISTS (
		SELECT FROM desk.page p JOIN desk.page_report q ON q.page = p.id
		WHERE q.ticket = t.number AND q.over_at IS NULL AND p.resolved_at IS NULL) THEN
		PERFORM desk.page_open(t, true);
		RETURN;
	END IF;
	-- the pager is for production that is down (001a): else it is mail
	people := CASE recipient
		WHEN 'assignee' THEN ARRAY(SELECT s.id FROM desk.staff s WHERE s.id = t.assignee AND s.active)
		WHEN 'lead' THEN ARRAY(SELECT d.staff FROM desk.duty_chain(duty, now()) d WHERE d.role = 'lead')
		WHEN 'pager' THEN ARRAY(SELECT p.acknowledged_by FROM desk.page p JOIN desk.page_report q ON q.page = p.id
			WHERE q.ticket = t.number AND q.over_at IS NULL AND p.resolved_at IS NULL AND p.acknowledged_by IS NOT NULL)
		WHEN 'engineering' THEN ARRAY(SELECT d.staff FROM desk.on_duty('engineering', now()) d ORDER BY d.is_shadow, d.seat)
		END;
	IF coalesce(cardinality(people), 0) = 0 THEN
		people := ARRAY[NULL::int];
	END IF;
	FOREACH whom IN ARRAY people LOOP
		PERFORM desk.mail_to_staff('escalated', t.number, whom,
			format('Ticket %s: %s is still missing, escalation %s', t.number, thing, step),
			format(E'S%s %s, %s: %s\nIt came in on %s. Promised: %s %s. It was due by %s.',
				t.severity, (SELECT name FROM desk.severity WHERE level = t.severity),
				(SELECT label FROM desk.channel WHERE name = t.channel),
				CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '(private)' END,
				desk.words(t.filed_at), thing, desk.promised_words(c),
				desk.words(coalesce(c.breached_at, c.due_at))),
			t.severity = 1);
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.escalate(desk.clock, desk.ticket, int, text) IS 'Tell assignee, on duty, lead, engineering or pager that a promise is still broken; those on duty where there is no such person.  pager opens a page when severity 1 and production down are confirmed, and is mail to those on duty else.  The caller calls it once for each step, and holds the ticket.';
