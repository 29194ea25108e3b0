-- What is to be delivered, as rows.  The desk's own URL stands as {URL} in a
-- text and its name as {NAME}; whoever delivers puts them in, so that they
-- are configured in one place.

-- Mail -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.mail_unproven(what text, wanted int, whose int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM desk.person p WHERE p.id = whose AND p.erased_at IS NOT NULL) OR NOT desk.limit_take('mail-address', whose::text) THEN
		RETURN;
	END IF;
	INSERT INTO desk.outbox (kind, ticket, person, subject, body)
	VALUES (what, wanted, whose,
	CASE what WHEN 'receipt' THEN format('Your report is number %s', wanted)
	ELSE format('Do you want mail about ticket %s?', wanted) END,
	CASE what WHEN 'receipt' THEN format(
		E'Thank you. Your report is number %s. We have it.\n\n'
		'This link is yours: it shows everything, and you can answer there.\n'
		'{URL}/r/%s\n\n'
		'Open it and press "Yes, send me mail" to get our answers by mail.\n'
		'If you did not report anything to us, do nothing: no more mail will come.\n',
		wanted, desk.link_make(wanted, whose, 'requester'))
	ELSE format(
		E'Somebody, probably you, asked us to tell this address when ticket %s changes.\n\n'
		'If that was you, press the button on this page:\n{URL}/follow/%s\n\n'
		'If not, do nothing: no more mail will come.\n',
		wanted, desk.link_make(wanted, whose, 'follow')) END);
END
$$;
COMMENT ON FUNCTION desk.mail_unproven(text, int, int) IS 'The one mail an unproven address can get: a link, and no word of what somebody typed into a form.  Limited per address and day; none for who was forgotten.';

CREATE OR REPLACE FUNCTION desk.mail_followers(what text, wanted int, title text, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f record;
	told text;
	stop text;
BEGIN
	FOR f IN SELECT w.person, t.requester = w.person AS is_requester, t.visibility
		FROM desk.follower w JOIN desk.ticket t ON t.number = w.ticket
		WHERE w.ticket = wanted AND w.confirmed_at IS NOT NULL AND w.stopped_at IS NULL
		  AND (t.visibility = 'public' OR t.requester = w.person)
	LOOP
		told := CASE WHEN f.visibility = 'public' THEN words || E'\n\n' ELSE '' END;
		stop := '/unfollow/' || desk.link_make(wanted, f.person, 'follow');
		INSERT INTO desk.outbox (kind, ticket, person, subject, body, foot_at, unfollow)
		VALUES (what, wanted, f.person, title, told
			|| CASE WHEN f.is_requester THEN 'Read and answer: {URL}/r/' || desk.link_make(wanted, f.person, 'requester')
			ELSE 'Read it: {URL}/tickets/' || wanted END
			|| E'\nNo more mail about this ticket: {URL}' || stop || E'\n', length(told), stop);
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.mail_followers(text, int, text, text) IS 'Tell everybody who confirmed.  The words go along for public tickets only; of a private one the mail holds a link.';

CREATE OR REPLACE FUNCTION desk.mail_to_staff(what text, wanted int, whom int, title text, words text, is_urgent boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made bigint;
BEGIN
	INSERT INTO desk.outbox (kind, ticket, staff, subject, body, foot_at, urgent)
	VALUES (what, wanted, whom, title,
		words || E'\n' || coalesce(E'\n{URL}/staff/tickets/' || wanted || E'\n', ''), length(words) + 1, is_urgent)
	RETURNING id INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.mail_to_staff(text, int, int, text, text, boolean) IS 'What desk.mail_staff and desk.mail_urgent have in common.';

CREATE OR REPLACE FUNCTION desk.mail_staff(what text, wanted int, whom int, title text, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.mail_to_staff(what, wanted, whom, title, words, false);
END
$$;
COMMENT ON FUNCTION desk.mail_staff(text, int, int, text, text) IS 'Tell one of the staff, or those on duty when whom is NULL (desk.outbox_spread).  Without a ticket there is no link to one.';

CREATE OR REPLACE FUNCTION desk.mail_urgent(what text, wanted int, whom int, title text, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.mail_to_staff(what, wanted, whom, title, words, true);
END
$$;
COMMENT ON FUNCTION desk.mail_urgent(text, int, int, text, text) IS 'As desk.mail_staff, at once: no quiet hours, no digest, no waiting for more, no daily cap.';

-- Hooks ----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.hook_body(hook_kind text, what text, wanted int, payload jsonb, dedup text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	action text := CASE WHEN what = 'page.acknowledge' THEN 'acknowledge' WHEN what IN ('page.resolve', 'sla.stopped') THEN 'resolve' ELSE 'trigger' END;
	page text := '{URL}/staff' || coalesce('/tickets/' || wanted, '');
BEGIN
	IF hook_kind = 'webhook' THEN
		RETURN jsonb_build_object('type', what, 'timestamp', desk.utc(now()),
			'data', CASE WHEN wanted IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('ticket', wanted) END || coalesce(payload, '{}')
				|| CASE WHEN dedup IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('dedup_key', dedup) END);
	END IF;
	RETURN jsonb_build_object('event_action', action, 'dedup_key', dedup)
	|| CASE WHEN action <> 'trigger' THEN '{}'::jsonb ELSE jsonb_build_object(
		'client', '{NAME}', 'client_url', page,
		'payload', jsonb_strip_nulls(jsonb_build_object(
			'summary', left(coalesce(payload ->> 'summary', what || coalesce(', ticket ' || wanted, '')), 1024),
			'source', coalesce(payload ->> 'source', '{URL}'),
			'severity', CASE WHEN payload ->> 'severity' IN ('critical', 'error', 'warning', 'info') THEN payload ->> 'severity'
				WHEN what LIKE 'page.%' THEN 'critical' WHEN what LIKE '%.warned' OR what LIKE 'ticket.%' THEN 'warning' ELSE 'error' END,
			'timestamp', coalesce(payload ->> 'timestamp', desk.utc(now())),
			'component', payload ->> 'component', 'group', payload ->> 'group', 'class', coalesce(payload ->> 'class', what),
			'custom_details', coalesce(payload, '{}') - ARRAY['summary', 'source', 'timestamp', 'component', 'group', 'class']
				|| CASE WHEN wanted IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('ticket', wanted) END)),
		'links', jsonb_build_array(jsonb_build_object('href', page, 'text', coalesce('Ticket ' || wanted, 'The queue'))))
	END;
END
$$;
COMMENT ON FUNCTION desk.hook_body(text, text, int, jsonb, text) IS 'What a hook is sent: {type, timestamp, data} for a webhook; for PagerDuty an event of its API v2, all but the routing key.';

CREATE OR REPLACE FUNCTION desk.hook_send(event text, wanted int, payload jsonb, dedup text, urgent boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key text := coalesce(dedup, 'desk-' || hook_send.event || '-' || coalesce(wanted::text, gen_random_uuid()::text));
BEGIN
	INSERT INTO desk.outbox (kind, ticket, via, hook, event, subject, body, payload, dedup_key, urgent)
	SELECT CASE WHEN hook_send.event LIKE 'page.%' THEN 'page' ELSE 'event' END, wanted, 'hook', h.name, hook_send.event, hook_send.event, '',
		desk.hook_body(h.kind, hook_send.event, wanted, hook_send.payload, CASE h.kind WHEN 'pagerduty' THEN key ELSE dedup END),
		CASE h.kind WHEN 'pagerduty' THEN key ELSE dedup END, coalesce(hook_send.urgent, false)
	FROM desk.hook h
	WHERE h.active AND h.events && ARRAY[hook_send.event, '*']
	-- a stuck way cannot tell of itself
	  AND NOT (hook_send.event = 'delivery.stuck' AND hook_send.payload ->> 'way' = 'hook:' || h.name);
END
$$;
COMMENT ON FUNCTION desk.hook_send(text, int, jsonb, text, boolean) IS 'Tell every active hook that wants the event.  Of a private ticket the payload must say no more than a stranger may know.  dedup names the incident: PagerDuty folds repeats into it, and what bears the same one goes out in this order.';

CREATE OR REPLACE FUNCTION desk.hook_ticket() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	what text := CASE WHEN TG_OP = 'INSERT' THEN 'ticket.filed'
		WHEN NEW.state = 'resolved' THEN 'ticket.resolved' ELSE 'ticket.answered' END;
BEGIN
	IF NOT EXISTS (SELECT FROM desk.hook h WHERE h.active AND h.events && ARRAY[what, '*']) THEN
		RETURN NULL;
	END IF;
	PERFORM desk.hook_send(what, NEW.number, jsonb_build_object('number', NEW.number, 'visibility', NEW.visibility,
		'severity', NEW.severity, 'channel', NEW.channel, 'state', NEW.state, 'filed_at', desk.utc(NEW.filed_at))
		|| CASE WHEN NEW.visibility = 'private' THEN '{}'::jsonb ELSE jsonb_strip_nulls(jsonb_build_object(
			'subject', NEW.subject, 'kind', NEW.kind, 'product', NEW.product, 'resolution', NEW.resolution,
			'url', '{URL}/tickets/' || NEW.number)) END, NULL, false);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.hook_ticket() IS 'Tell hooks of a ticket that came in, was answered for the first time, or was resolved.  Of a private one they learn its number and how urgent it is.';
CREATE OR REPLACE TRIGGER hook_filed AFTER INSERT ON desk.ticket FOR EACH ROW EXECUTE FUNCTION desk.hook_ticket();
CREATE OR REPLACE TRIGGER hook_answered AFTER UPDATE ON desk.ticket FOR EACH ROW
	WHEN (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL AND NEW.state <> 'resolved') EXECUTE FUNCTION desk.hook_ticket();
CREATE OR REPLACE TRIGGER hook_resolved AFTER UPDATE ON desk.ticket FOR EACH ROW
	WHEN (OLD.state <> 'resolved' AND NEW.state = 'resolved') EXECUTE FUNCTION desk.hook_ticket();

-- What has become private --------------------------------------------------

CREATE OR REPLACE FUNCTION desk.hush_details(details jsonb, title text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(d.key, CASE d.key WHEN 'visibility' THEN '"private"' WHEN 'summary' THEN to_jsonb(title) ELSE d.value END), '{}')
	FROM jsonb_each(details) d
	WHERE d.key IN ('number', 'ticket', 'visibility', 'summary', 'severity', 'channel', 'state', 'filed_at', 'metric', 'due_at', 'dedup_key',
		'source', 'timestamp', 'component', 'group', 'class', 'page', 'step', 'acknowledged_by', 'resolved_why')
	   OR d.key = 'url' AND d.value #>> '{}' LIKE '{URL}/staff/%';
$$;
COMMENT ON FUNCTION desk.hush_details(jsonb, text) IS 'Of what an event says, what may be said of a private ticket, too: only what is known to be harmless stays.';

CREATE OR REPLACE FUNCTION desk.hook_hush(payload jsonb, event text, wanted int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	title text := format('%s, ticket %s', CASE WHEN event LIKE 'page.%' THEN 'Production is down' ELSE event END, wanted);
BEGIN
	IF payload ? 'data' THEN
		RETURN payload || jsonb_build_object('data', desk.hush_details(payload -> 'data', title));
	ELSIF payload ? 'payload' THEN
		RETURN payload || jsonb_build_object('payload', (payload -> 'payload') || jsonb_build_object('summary', title,
			'custom_details', desk.hush_details(payload #> '{payload,custom_details}', title)));
	END IF;
	RETURN payload;
END
$$;
COMMENT ON FUNCTION desk.hook_hush(jsonb, text, int) IS 'What desk.hook_body made, without what only a public ticket may say.';

CREATE OR REPLACE FUNCTION desk.outbox_about(o desk.outbox) RETURNS int
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(o.ticket, substring(coalesce(o.payload #>> '{data,ticket}', o.payload #>> '{payload,custom_details,ticket}') FROM '^[0-9]{1,9}$')::int);
$$;
COMMENT ON FUNCTION desk.outbox_about(desk.outbox) IS 'The ticket that a row is about; that of a page is named in its payload alone.';

CREATE OR REPLACE FUNCTION desk.outbox_hush(o desk.outbox, wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	words text := left(o.body, coalesce(o.foot_at, length(o.body)));
	foot text := substr(o.body, coalesce(o.foot_at, length(o.body)) + 1);
	line text := format('^( *#%s  S[0-9]  ).*$', wanted);
	cells text := format('(<td>#%s</td><td>S[0-9]</td><td>[^<]*</td><td>)[^<]*', wanted);
BEGIN
	IF o.via = 'hook' THEN
		UPDATE desk.outbox SET payload = desk.hook_hush(o.payload, o.event, wanted) WHERE id = o.id;
		RETURN;
	ELSIF o.kind IN ('receipt', 'confirm') THEN
		RETURN;	-- they never held a word of it
	ELSIF o.ticket IS NULL THEN
		-- one line of a list
		words := regexp_replace(words, line, '\1(private)', 'gn');
		o.payload := CASE WHEN o.payload ? 'html'
			THEN o.payload || jsonb_build_object('html', regexp_replace(o.payload ->> 'html', cells, '\1(private)', 'g')) ELSE o.payload END;
	ELSIF o.kind = 'page' THEN
		-- its link is the only one there is
		IF strpos(words, E'\n\nThe report:\n') > 0 THEN
			words := split_part(words, E'\n\nThe report:\n', 1) || E'\n';
		END IF;
		words := regexp_replace(words, format('^(Ticket %s: ).*$', wanted), '\1(private)', 'gn');
	ELSIF o.person IS NULL OR foot = '' THEN
		words := E'It is private now: read it there.\n';
	ELSE
		words := '';
	END IF;
	UPDATE desk.outbox SET body = words || foot, payload = o.payload,
		foot_at = CASE WHEN o.foot_at IS NOT NULL THEN length(words) END WHERE id = o.id;
END
$$;
COMMENT ON FUNCTION desk.outbox_hush(desk.outbox, int) IS 'Takes out of a row what only a public ticket may say.  Its links stay.';

CREATE OR REPLACE FUNCTION desk.ticket_hushed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	o desk.outbox;
BEGIN
	-- what was folded into another one comes after it, as notify locks them
	FOR o IN SELECT * FROM desk.outbox x
		WHERE x.sent_at IS NULL AND x.failed_at IS NULL
		  AND (x.ticket = NEW.number OR x.ticket IS NULL AND (x.kind IN ('list', 'report') OR x.via = 'hook' AND desk.outbox_about(x) = NEW.number))
		ORDER BY x.folded_into IS NOT NULL, x.id FOR UPDATE
	LOOP
		PERFORM desk.outbox_hush(o, NEW.number);
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.ticket_hushed() IS 'What was written while a ticket was public and has not gone out yet says no more of it once it is private.';
CREATE OR REPLACE TRIGGER outbox_hush AFTER UPDATE ON desk.ticket FOR EACH ROW
	WHEN (OLD.visibility = 'public' AND NEW.visibility = 'private') EXECUTE FUNCTION desk.ticket_hushed();

-- Staff: when and where ------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.clock_minute(words text) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parts text[] := regexp_match(btrim(words), '^([01]?[0-9]|2[0-3]):([0-5][0-9])$');
BEGIN
	RETURN parts[1]::int * 60 + parts[2]::int;
END
$$;
COMMENT ON FUNCTION desk.clock_minute(text) IS '"08:30" as minutes after midnight; NULL for what is no time.';

CREATE OR REPLACE FUNCTION desk.clock_words(minute int) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN to_char(make_time(minute / 60, minute % 60, 0), 'HH24:MI');
COMMENT ON FUNCTION desk.clock_words(int) IS 'Minutes after midnight as "08:30".';

CREATE OR REPLACE FUNCTION desk.contact_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = NEW.zone) THEN
		RAISE 'cannot find a time zone "%"', NEW.zone USING ERRCODE = 'PT409', COLUMN = 'zone';
	END IF;
	NEW.changed_at := now();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.contact_guard() IS 'Refuses (PT409) a zone that does not exist.';
CREATE OR REPLACE TRIGGER contact_guard BEFORE INSERT OR UPDATE ON desk.staff_contact FOR EACH ROW EXECUTE FUNCTION desk.contact_guard();

CREATE OR REPLACE FUNCTION desk.quiet_end(c desk.staff_contact, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	local timestamp := at AT TIME ZONE c.zone;
	minute int := extract(hour FROM local) * 60 + extract(minute FROM local);
	over_midnight boolean := c.quiet_from > c.quiet_until;
BEGIN
	IF c.quiet_from IS NULL OR c.quiet_from = c.quiet_until OR NOT (CASE WHEN over_midnight
		THEN minute >= c.quiet_from OR minute < c.quiet_until
		ELSE minute >= c.quiet_from AND minute < c.quiet_until END) THEN
		RETURN NULL;
	END IF;
	RETURN (local::date + CASE WHEN over_midnight AND minute >= c.quiet_from THEN 1 ELSE 0 END
		+ make_interval(mins => c.quiet_until)) AT TIME ZONE c.zone;
END
$$;
COMMENT ON FUNCTION desk.quiet_end(desk.staff_contact, timestamptz) IS 'When the quiet hours end that an instant falls into; NULL outside of them.';

CREATE OR REPLACE FUNCTION desk.digest_slot(c desk.staff_contact, made timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	local timestamp := made AT TIME ZONE c.zone;
	slot timestamptz;
BEGIN
	IF c.digest = 'hourly' THEN
		RETURN date_trunc('hour', made) + interval '1 hour';
	ELSIF c.digest = 'daily' THEN
		slot := (local::date + make_interval(mins => c.digest_at)) AT TIME ZONE c.zone;
		RETURN CASE WHEN slot > made THEN slot
			ELSE (local::date + 1 + make_interval(mins => c.digest_at)) AT TIME ZONE c.zone END;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.digest_slot(desk.staff_contact, timestamptz) IS 'When mail that was written at an instant goes out as part of a digest; NULL for who wants each at once.';

CREATE OR REPLACE FUNCTION desk.duty_readers() RETURNS SETOF int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY WITH there AS (
			SELECT d.staff, bool_and(d.is_shadow) AS is_shadow FROM desk.rotation r, desk.on_duty(r.name, now()) d
			JOIN desk.staff s ON s.id = d.staff AND s.active
			JOIN desk.staff_contact c ON c.staff = d.staff AND c.mail IS NOT NULL
			GROUP BY d.staff)
		SELECT t.staff FROM there t WHERE EXISTS (SELECT FROM there p WHERE NOT p.is_shadow);
	IF FOUND THEN RETURN; END IF;
	RETURN QUERY SELECT DISTINCT l.staff FROM desk.rotation r, unnest(ARRAY[r.lead, r.manager]) l (staff)
		JOIN desk.staff s ON s.id = l.staff AND s.active
		JOIN desk.staff_contact c ON c.staff = l.staff AND c.mail IS NOT NULL;
	IF FOUND THEN RETURN; END IF;
	RETURN QUERY SELECT s.id FROM desk.staff s JOIN desk.staff_contact c ON c.staff = s.id AND c.mail IS NOT NULL WHERE s.active;
END
$$;
COMMENT ON FUNCTION desk.duty_readers() IS 'Who gets mail to the people on duty: they, in all rotations, and who rides shotgun gets a copy; if none of the former has an address the leads and managers; else everybody of the staff who has one.';
