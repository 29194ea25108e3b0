-- The queue that notify works on: what may go out, when, and as one with what.

CREATE OR REPLACE FUNCTION desk.outbox_wake() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_notify('desk_outbox', '');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.outbox_wake() IS 'Wakes every notify.  Only what is urgent does: a transaction that notifies has to commit alone, and the rest can wait some seconds.';
CREATE OR REPLACE TRIGGER outbox_wake AFTER INSERT ON desk.outbox FOR EACH ROW WHEN (NEW.urgent) EXECUTE FUNCTION desk.outbox_wake();

CREATE OR REPLACE FUNCTION desk.mail_key(what text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN what || '.' || left(encode(sha256((SELECT value FROM desk.secret WHERE name = 'mail') || convert_to(what, 'UTF8')), 'hex'), 20);
END
$$;
COMMENT ON FUNCTION desk.mail_key(text) IS 'A name for ever, of this desk alone: the left side of a Message-ID ("o17" a row of the outbox, "t9" the thread of ticket 9), and the id of a delivery to a hook.';

CREATE OR REPLACE FUNCTION desk.back_off(tries int, first_seconds numeric, most_seconds numeric) RETURNS interval
LANGUAGE sql VOLATILE
RETURN make_interval(secs => (least(most_seconds, first_seconds * 2 ^ least(tries - 1, 30)) * (0.8 + 0.2 * random()))::float8);
COMMENT ON FUNCTION desk.back_off(int, numeric, numeric) IS 'How long to wait after so many failures: twice as long each time up to a limit, and up to a fifth less by chance, so that those that failed together do not come back together.';

CREATE OR REPLACE FUNCTION desk.outbox_unwanted(o desk.outbox) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF o.via = 'hook' THEN
		RETURN CASE WHEN NOT EXISTS (SELECT FROM desk.hook h WHERE h.name = o.hook AND h.active) THEN 'the hook was switched off' END;
	ELSIF o.kind = 'account' THEN
		RETURN NULL;
	ELSIF o.address IS NOT NULL THEN
		RETURN CASE WHEN NOT EXISTS (SELECT FROM desk.staff_contact c JOIN desk.staff s ON s.id = c.staff AND s.active
			WHERE c.staff = o.staff AND c.asked_mail = o.address) THEN 'another address was typed since' END;
	ELSIF EXISTS (SELECT FROM desk.person p WHERE p.id = o.person AND p.erased_at IS NOT NULL) THEN
		RETURN 'the person was forgotten';
	ELSIF o.person IS NULL OR o.kind IN ('receipt', 'confirm') THEN
		RETURN NULL;
	ELSIF NOT EXISTS (SELECT FROM desk.person p WHERE p.id = o.person AND p.proven_at IS NOT NULL) THEN
		RETURN 'nobody has proven the address';
	ELSIF o.ticket IS NOT NULL AND NOT EXISTS (SELECT FROM desk.follower f WHERE f.ticket = o.ticket AND f.person = o.person
		AND f.confirmed_at IS NOT NULL AND f.stopped_at IS NULL) THEN
		RETURN 'not wanted any more';
	ELSIF EXISTS (SELECT FROM desk.ticket t WHERE t.number = o.ticket AND t.visibility = 'private' AND t.requester IS DISTINCT FROM o.person) THEN
		RETURN 'the ticket is private now';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.outbox_unwanted(desk.outbox) IS 'Why something must not go out any more, though it was written; NULL when it may.  Asked at the last moment.';

CREATE OR REPLACE FUNCTION desk.outbox_folds(o desk.outbox) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN o.via = 'mail' AND NOT o.urgent AND o.tries = 0 AND o.kind NOT IN ('receipt', 'confirm', 'account', 'report') AND (o.person IS NOT NULL OR o.staff IS NOT NULL);
COMMENT ON FUNCTION desk.outbox_folds(desk.outbox) IS 'May it become one mail with others?  Not once it was tried: a copy that did arrive bears the same Message-ID and would hide what was added.';

CREATE OR REPLACE FUNCTION desk.outbox_unfold(o desk.outbox) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.outbox SET folded_into = NULL WHERE folded_into = o.id AND sent_at IS NULL AND failed_at IS NULL;
END
$$;
COMMENT ON FUNCTION desk.outbox_unfold(desk.outbox) IS 'What was to go out as part of a mail that will not goes out by itself.';

CREATE OR REPLACE FUNCTION desk.outbox_drop(o desk.outbox, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.outbox_unfold(o);
	UPDATE desk.outbox SET failed_at = now(), said = why, owner = NULL, folded_into = NULL WHERE id = o.id;
	INSERT INTO desk.delivery (outbox, way, attempt, outcome, said)
	VALUES (o.id, coalesce('hook:' || o.hook, 'mail'), 0, 'dropped', why);
END
$$;
COMMENT ON FUNCTION desk.outbox_drop(desk.outbox, text) IS 'Give up what must not go out, and log why.';

CREATE OR REPLACE FUNCTION desk.outbox_spread(o desk.outbox) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	readers int[] := ARRAY(SELECT r FROM desk.duty_readers() r);
BEGIN
	IF cardinality(readers) = 0 THEN
		UPDATE desk.outbox SET not_before = now() + interval '5 minutes', said = 'none of the staff has an address' WHERE id = o.id;
		RETURN false;
	END IF;
	PERFORM desk.outbox_unfold(o);
	INSERT INTO desk.outbox (kind, ticket, staff, subject, body, foot_at, payload, urgent, made_at)
	SELECT o.kind, o.ticket, r, o.subject, o.body, o.foot_at, o.payload, o.urgent, o.made_at FROM unnest(readers) r;
	UPDATE desk.outbox SET sent_at = now(), owner = NULL, said = 'passed on to ' || cardinality(readers) WHERE id = o.id;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.outbox_spread(desk.outbox) IS 'Mail to the people on duty becomes one mail to each of them.  False when none of the staff has an address: then it waits, and slacheck and notify --status see it.';

CREATE OR REPLACE FUNCTION desk.outbox_hold(o desk.outbox) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.staff_contact;
	until timestamptz;
	all_in_one boolean := o.digest;
BEGIN
	IF o.urgent OR o.kind IN ('receipt', 'confirm', 'account') THEN
		RETURN false;
	END IF;
	IF o.staff IS NOT NULL THEN
		SELECT * INTO c FROM desk.staff_contact x WHERE x.staff = o.staff;
		IF o.tries = 0 THEN
			until := desk.digest_slot(c, o.made_at);
			all_in_one := all_in_one OR until IS NOT NULL;
		END IF;
		until := greatest(until, desk.quiet_end(c, greatest(until, now())));
	END IF;
	IF coalesce(until, '-infinity') <= now() AND NOT o.counted
		AND NOT desk.limit_take('mail-day', coalesce('p' || o.person, 's' || o.staff)) THEN
		SELECT greatest(n.window_at + l.seconds * interval '1 second', now()) + interval '1 second' INTO until
		FROM desk.limit_count n JOIN desk.limiter l ON l.name = n.limiter
		WHERE n.limiter = 'mail-day' AND n.subject = coalesce('p' || o.person, 's' || o.staff);
		all_in_one := true;
	ELSIF coalesce(until, '-infinity') <= now() THEN
		UPDATE desk.outbox SET counted = true, digest = all_in_one WHERE id = o.id;
		RETURN false;
	END IF;
	UPDATE desk.outbox SET not_before = until, digest = all_in_one WHERE id = o.id;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.outbox_hold(desk.outbox) IS 'True when mail has to wait: its reader has quiet hours, wants a digest, or had so many today that the rest comes as one tomorrow (limit mail-day).  Says until when in its row.';

CREATE OR REPLACE FUNCTION desk.outbox_fold(o desk.outbox) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.outbox SET folded_into = o.id WHERE id IN (
		SELECT x.id FROM desk.outbox x
		WHERE x.sent_at IS NULL AND x.failed_at IS NULL AND x.folded_into IS NULL AND x.owner IS NULL AND x.id <> o.id
		  AND (x.person = o.person OR x.staff = o.staff) AND desk.outbox_folds(x)
		  AND (o.digest OR x.ticket = o.ticket) AND desk.outbox_unwanted(x) IS NULL
		ORDER BY x.id LIMIT 200 FOR UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION desk.outbox_fold(desk.outbox) IS 'Take along what else waits for the same reader: about the same ticket, or all of it in a digest.';

CREATE OR REPLACE FUNCTION desk.outbox_weed(o desk.outbox) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	x desk.outbox;
	why text;
BEGIN
	FOR x IN SELECT * FROM desk.outbox y WHERE y.folded_into = o.id AND y.sent_at IS NULL AND y.failed_at IS NULL ORDER BY y.id FOR UPDATE LOOP
		why := desk.outbox_unwanted(x);
		IF why IS NOT NULL THEN
			PERFORM desk.outbox_drop(x, why);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.outbox_weed(desk.outbox) IS 'What an earlier attempt took along is asked again, each by itself, and goes no more if it is not wanted.';

CREATE OR REPLACE FUNCTION desk.outbox_page_on(o desk.outbox) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	token text := substring(o.body FROM '\{URL\}/page/([A-Za-z0-9_-]+)');
	wanted int := (SELECT l.page FROM desk.page_link l WHERE l.token_sha256 = sha256(convert_to(token, 'UTF8')));
BEGIN
	IF wanted IS NULL THEN
		RETURN true;
	END IF;
	-- who changes the page may wait for us: never wait for them
	PERFORM FROM desk.page p WHERE p.id = wanted FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE desk.page p SET next_at = now() WHERE p.id = wanted AND p.next_at > now()
	AND NOT EXISTS (SELECT FROM desk.page_event e JOIN desk.staff s ON s.id = e.staff AND s.active
		JOIN desk.staff_contact c ON c.staff = e.staff AND c.mail IS NOT NULL
		WHERE e.page = p.id AND e.kind = 'told' AND e.staff <> o.staff AND e.at >= o.made_at);
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.outbox_page_on(desk.outbox) IS 'Whoever a page was mailed to cannot be reached: the next person is told at once, unless somebody who can be reached was told since.  False when somebody is changing the page just now.';

CREATE OR REPLACE FUNCTION desk.outbox_take(o desk.outbox, me int) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	why text := desk.outbox_unwanted(o);
BEGIN
	IF why IS NULL AND o.via = 'mail' AND o.address IS NULL THEN
		IF o.staff IS NOT NULL AND NOT EXISTS (SELECT FROM desk.staff s JOIN desk.staff_contact c ON c.staff = s.id
			WHERE s.id = o.staff AND s.active AND c.mail IS NOT NULL) THEN
			IF o.kind = 'page' THEN
				-- the link in it is one person's own
				IF NOT desk.outbox_page_on(o) THEN
					UPDATE desk.outbox SET not_before = now() + interval '2 seconds' WHERE id = o.id;
					RETURN false;
				END IF;
				why := 'the reader has no address';
			ELSIF o.urgent OR o.kind IN ('warned', 'breached', 'escalated', 'alarm') THEN
				o.staff := NULL;
			ELSE
				why := 'the reader has no address';
			END IF;
		END IF;
		IF why IS NULL AND o.staff IS NULL AND o.person IS NULL THEN
			PERFORM desk.outbox_spread(o);
			RETURN false;
		END IF;
	END IF;
	IF why IS NOT NULL THEN
		PERFORM desk.outbox_drop(o, why);
		RETURN false;
	END IF;
	IF o.via = 'mail' AND desk.outbox_hold(o) THEN
		RETURN false;
	END IF;
	-- outbox_hold may have made it a digest
	SELECT * INTO o FROM desk.outbox WHERE id = o.id;
	PERFORM desk.outbox_weed(o);
	IF desk.outbox_folds(o) THEN
		PERFORM desk.outbox_fold(o);
	END IF;
	UPDATE desk.outbox SET owner = me, tries = tries + 1, not_before = now() + interval '15 minutes' WHERE id = o.id;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.outbox_take(desk.outbox, int) IS 'Take a row in hand for an owner.  False when it is not for now: it was dropped, has to wait, or became one row for each person on duty.';

CREATE OR REPLACE FUNCTION desk.outbox_next(wanted_hook text, only_urgent boolean, wait_seconds int, most int) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(
		SELECT x.id FROM desk.outbox x
		WHERE x.sent_at IS NULL AND x.failed_at IS NULL AND x.folded_into IS NULL
		  AND coalesce(x.hook, '') = wanted_hook AND (NOT only_urgent OR x.urgent)
		  AND x.not_before <= now()
		  AND x.not_before <= now() - CASE WHEN x.ticket IS NOT NULL AND desk.outbox_folds(x) THEN wait_seconds ELSE 0 END * interval '1 second'
		  AND (x.dedup_key IS NULL OR NOT EXISTS (SELECT FROM desk.outbox e WHERE e.hook = x.hook AND e.dedup_key = x.dedup_key
			AND e.id < x.id AND e.sent_at IS NULL AND e.failed_at IS NULL))
		ORDER BY x.tries, x.not_before, x.id LIMIT greatest(most, 0) FOR UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION desk.outbox_next(text, boolean, int, int) IS 'Which rows of one hook, or of mail (""), are next, and holds them: what was tried least goes first, so that one that fails again and again holds up no other.  Of one incident only the first.';

CREATE OR REPLACE FUNCTION desk.outbox_free(me int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	gone int;
BEGIN
	FOR gone IN SELECT DISTINCT o.owner FROM desk.outbox o WHERE o.owner <> me LOOP
		-- who is alive holds the lock for the length of its session
		IF pg_try_advisory_xact_lock(1853323876, gone) THEN
			UPDATE desk.outbox SET owner = NULL, not_before = least(not_before, now())
			WHERE id IN (SELECT x.id FROM desk.outbox x WHERE x.owner = gone FOR UPDATE SKIP LOCKED);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.outbox_free(int) IS 'What a notify held that has died can be taken at once.  One that hangs loses it after 15 minutes.';

CREATE OR REPLACE FUNCTION desk.outbox_several(o desk.outbox) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM desk.outbox p WHERE p.folded_into = o.id AND p.failed_at IS NULL AND p.ticket IS DISTINCT FROM o.ticket);
$$;
COMMENT ON FUNCTION desk.outbox_several(desk.outbox) IS 'Does a mail hold what is not about the same ticket?  Then it belongs to no thread and no answer to it can be told whose it is.';

CREATE OR REPLACE FUNCTION desk.outbox_text(o desk.outbox, OUT subject text, OUT body text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parts text[];
	tickets int;
	several boolean := desk.outbox_several(o);
	foot text;
BEGIN
	SELECT array_agg(p.subject || E'\n' || repeat('-', least(length(p.subject), 72)) || E'\n\n'
			|| CASE WHEN o.digest THEN p.body ELSE left(p.body, coalesce(p.foot_at, length(p.body))) END ORDER BY p.id),
		count(DISTINCT p.ticket), (array_agg(substr(p.body, coalesce(p.foot_at, length(p.body)) + 1) ORDER BY p.id DESC))[1]
	INTO parts, tickets, foot
	FROM desk.outbox p WHERE (p.id = o.id OR p.folded_into = o.id) AND p.failed_at IS NULL;
	IF cardinality(parts) = 1 THEN
		subject := o.subject;
		body := o.body;
	ELSIF several OR o.ticket IS NULL THEN
		subject := cardinality(parts) || ' messages' || CASE WHEN tickets > 1 THEN format(' about %s tickets', tickets) ELSE '' END;
		body := array_to_string(parts, E'\n\n');
	ELSE
		-- the worst of them gives its name to all
		SELECT p.subject || CASE WHEN p.kind IN ('escalated', 'breached', 'warned') THEN format(', and %s more', cardinality(parts) - 1) ELSE '' END INTO subject
		FROM desk.outbox p WHERE (p.id = o.id OR p.folded_into = o.id) AND p.failed_at IS NULL
		ORDER BY array_position('{breached,escalated,warned}'::text[], p.kind) NULLS LAST, p.id LIMIT 1;
		IF NOT EXISTS (SELECT FROM desk.outbox p WHERE (p.id = o.id OR p.folded_into = o.id) AND p.failed_at IS NULL AND p.kind IN ('escalated', 'breached', 'warned')) THEN
			subject := format('Ticket %s: %s messages', o.ticket, cardinality(parts));
		END IF;
		body := array_to_string(parts, E'\n') || CASE WHEN o.digest THEN '' ELSE foot END;
	END IF;
	body := body || E'\n-- \nThis mail was sent automatically by {NAME}, {URL}\n';
END
$$;
COMMENT ON FUNCTION desk.outbox_text(desk.outbox) IS 'Subject and body of a mail, with what was folded into it: each part under its own subject, the oldest first, the links of the last one at the end.';

CREATE OR REPLACE FUNCTION desk.delivery_alarm(what text, wanted text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.delivery_pause;
BEGIN
	UPDATE desk.delivery_pause SET told_at = now() WHERE way = wanted AND told_at IS NULL AND since < now() - interval '1 hour' RETURNING * INTO p;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF wanted = 'mail' THEN
		PERFORM desk.hook_send('delivery.stuck', NULL, jsonb_build_object('way', wanted, 'since', desk.utc(p.since),
			'summary', format('%s has been down since %s', what, desk.words(p.since))), 'desk-delivery-' || wanted, true);
	ELSE
		PERFORM desk.hook_send('delivery.stuck', NULL, jsonb_build_object('way', wanted, 'since', desk.utc(p.since),
			'summary', format('%s has been down since %s', what, desk.words(p.since))), 'desk-delivery-' || wanted, true),
		desk.mail_urgent('alarm', NULL, NULL, format('%s has been down since %s', what, desk.words(p.since)),
			format(E'Nothing could be delivered to %s since %s. It is kept and tried again.\n"notify --status" says more.', what, desk.words(p.since)));
	END IF;
END
$$;
COMMENT ON FUNCTION desk.delivery_alarm(text, text) IS 'A server has been down for an hour: say so on every other way there is, once for each outage.';

CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.delivery FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
