-- What the program notify may do: take what is due out of the outbox, say
-- what became of it, and no more.  It sees the texts it delivers, but no
-- ticket, message or note.

CREATE FUNCTION api.outbox_open() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	me int;
BEGIN
	LOOP
		me := nextval('desk.outbox_owner');
		EXIT WHEN pg_try_advisory_lock(1853323876, me);
	END LOOP;
	LISTEN desk_outbox;
	RETURN me;
END
$$;
COMMENT ON FUNCTION api.outbox_open() IS 'A number for this notify, held by a lock until its session ends, and word of what is urgent as soon as it is written.';

CREATE FUNCTION api.outbox_claim(me int, way text, most int, wait_seconds int)
RETURNS TABLE (id bigint, via text, kind text, urgent boolean, mail text, name text, subject text, body text, ticket text, who text,
	key text, thread text, unfollow text, hook text, hook_kind text, payload text, tries int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o desk.outbox;
	wanted bigint;
	only_urgent boolean;
	taken int := 0;
	paused text[];
BEGIN
	PERFORM desk.outbox_free(outbox_claim.me);
	-- mail to those on duty becomes rows of its own, which the second round finds
	FOREACH only_urgent IN ARRAY ARRAY[true, true, false, false] LOOP
		paused := ARRAY(SELECT p.way FROM desk.delivery_pause p
			WHERE CASE WHEN only_urgent THEN p.tried_at > now() - interval '30 seconds' ELSE p.until > now() END);
		FOR wanted IN SELECT * FROM unnest(ARRAY(
			SELECT y.id FROM (
				SELECT '' AS hook WHERE outbox_claim.way = 'mail' AND 'mail' <> ALL (paused)
				UNION ALL
				SELECT h.name FROM desk.hook h WHERE outbox_claim.way = 'hook' AND 'hook:' || h.name <> ALL (paused)) w
			CROSS JOIN LATERAL unnest(desk.outbox_next(w.hook, only_urgent, wait_seconds, most - taken)) WITH ORDINALITY AS y (id, place)
			-- each hook in turn: one with much to tell holds up no other
			ORDER BY y.place, y.id LIMIT greatest(most - taken, 0))) LOOP
			-- one before it may have taken it along
			SELECT * INTO o FROM desk.outbox x
			WHERE x.id = wanted AND x.sent_at IS NULL AND x.failed_at IS NULL AND x.folded_into IS NULL;
			CONTINUE WHEN NOT FOUND OR NOT desk.outbox_take(o, outbox_claim.me);
			taken := taken + 1;
			RETURN QUERY SELECT c.id, c.via, c.kind, c.urgent, coalesce(c.address, p.mail, s.mail), f.name, t.subject, t.body,
				CASE WHEN NOT m.several THEN c.ticket::text END,
				coalesce('p' || c.person, 's' || c.staff), CASE c.via WHEN 'hook' THEN replace(desk.mail_key('o' || c.id), '.', '-') ELSE desk.mail_key('o' || c.id) END,
				CASE WHEN c.ticket IS NOT NULL AND NOT m.several THEN desk.mail_key('t' || c.ticket) END,
				CASE WHEN NOT m.several THEN c.unfollow END, c.hook, h.kind, c.payload::text, c.tries
			FROM desk.outbox c
			CROSS JOIN LATERAL desk.outbox_text(c) t
			CROSS JOIN LATERAL desk.outbox_several(c) AS m (several)
			LEFT JOIN desk.person p ON p.id = c.person
			LEFT JOIN desk.staff_contact s ON s.staff = c.staff
			LEFT JOIN desk.staff f ON f.id = c.staff
			LEFT JOIN desk.hook h ON h.name = c.hook
			WHERE c.id = o.id;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION api.outbox_claim(int, text, int, int) IS 'Take at most so many mails or hook calls that are due, what is urgent first, then what was tried least, each hook in turn; they are this notify''s until it reports them, dies, or 15 minutes have passed.  Mail that may be folded into one with others waits so many seconds for them.  Commit before the hand-over.';

CREATE FUNCTION api.outbox_report(me int, wanted bigint, outcome text, code int, said text, took_ms int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o desk.outbox;
	route text;
	label text;
	what text := outbox_report.outcome;
	told text := left(outbox_report.said, 500);
BEGIN
	SELECT * INTO o FROM desk.outbox x WHERE x.id = wanted FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 'gone';
	END IF;
	route := coalesce('hook:' || o.hook, 'mail');
	label := CASE WHEN o.via = 'hook' THEN 'The hook ' || o.hook ELSE 'The mail server' END;
	IF what = 'later' AND o.made_at < now() - interval '5 days' THEN
		what := 'refused';
		told := left('given up after 5 days: ' || told, 500);
	END IF;
	-- the answer may name the address, or say the words again, that were
	-- taken out while it was on its way
	IF o.body = '[removed]' OR EXISTS (SELECT FROM desk.person p WHERE p.id = o.person AND p.erased_at IS NOT NULL) THEN
		told := '';
	END IF;
	INSERT INTO desk.delivery (outbox, way, attempt, outcome, code, said, took_ms)
	VALUES (o.id, route, o.tries, what, outbox_report.code, coalesce(told, ''), outbox_report.took_ms);
	IF what = 'down' THEN
		INSERT INTO desk.delivery_pause AS p (way, since, tries, tried_at, until, said)
		VALUES (route, now(), 1, now(), now() + desk.back_off(1, 5, 300), coalesce(told, ''))
		ON CONFLICT (way) DO UPDATE SET tries = p.tries + 1, tried_at = now(), until = now() + desk.back_off(p.tries + 1, 5, 300), said = excluded.said;
		PERFORM desk.delivery_alarm(label, route);
	ELSE
		DELETE FROM desk.delivery_pause p WHERE p.way = route;
	END IF;
	-- its lease ran out and another one has it, or has delivered it
	IF o.sent_at IS NOT NULL OR o.failed_at IS NOT NULL OR o.owner IS DISTINCT FROM outbox_report.me AND what <> 'sent' THEN
		RETURN 'late';
	END IF;
	IF what = 'sent' THEN
		UPDATE desk.outbox x SET sent_at = now(), owner = NULL, said = NULL
		WHERE (x.id = o.id OR x.folded_into = o.id) AND x.failed_at IS NULL;
	ELSIF what = 'refused' THEN
		UPDATE desk.outbox x SET failed_at = now(), owner = NULL, said = told
		WHERE (x.id = o.id OR x.folded_into = o.id) AND x.sent_at IS NULL;
		IF o.via = 'hook' THEN
			PERFORM desk.mail_urgent('alarm', o.ticket, NULL, format('%s refused "%s"', label, o.event),
				format(E'It said: %s\nDelivery %s was given up. "notify --replay %s" tries again.', told, o.id, o.id));
		END IF;
	ELSIF what = 'later' THEN
		UPDATE desk.outbox x SET owner = NULL, said = told, not_before = now() + CASE WHEN x.urgent
			THEN desk.back_off(x.tries, 10, 300) ELSE desk.back_off(x.tries, 30, 4 * 3600) END WHERE x.id = o.id;
	ELSE
		-- nothing was handed over: the pause decides when, and it was no attempt
		UPDATE desk.outbox x SET owner = NULL, said = told, not_before = now(), tries = x.tries - 1 WHERE x.id = o.id;
	END IF;
	RETURN what;
END
$$;
COMMENT ON FUNCTION api.outbox_report(int, bigint, text, int, text, int) IS 'What became of a delivery: sent; refused (for good); later (this one failed, or its server took it and gave no answer: again after a time that doubles up to 4 hours, or 5 minutes when it is urgent, for 5 days); down (the server was not there: nothing more on its way for a time that doubles up to 5 minutes, half a minute for what is urgent).  Each is logged in desk.delivery; of what was taken out meanwhile without the server''s words.';

CREATE FUNCTION api.outbox_release(me int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	released int;
BEGIN
	UPDATE desk.outbox SET owner = NULL, not_before = now(), tries = tries - 1 WHERE owner = outbox_release.me;
	GET DIAGNOSTICS released = ROW_COUNT;
	RETURN released;
END
$$;
COMMENT ON FUNCTION api.outbox_release(int) IS 'Give back what was taken and not tried; how many.';

CREATE FUNCTION api.outbox_due(most int) RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT format('%s  %s  %s  %s  %s', x.id, desk.utc(x.not_before), coalesce('hook:' || x.hook, 'mail to ' ||
			coalesce(x.address, (SELECT p.mail FROM desk.person p WHERE p.id = x.person),
			(SELECT coalesce(c.mail, s.login || ', who has no address') FROM desk.staff s LEFT JOIN desk.staff_contact c ON c.staff = s.id WHERE s.id = x.staff),
			'those on duty')), x.kind, x.subject)
		|| CASE WHEN x.tries > 0 THEN format('  (tried %s times: %s)', x.tries, x.said) ELSE '' END
		|| coalesce('  (will not go out: ' || desk.outbox_unwanted(x) || ')', '')
	FROM desk.outbox x
	WHERE x.sent_at IS NULL AND x.failed_at IS NULL AND x.folded_into IS NULL
	ORDER BY x.urgent DESC, x.tries, x.not_before, x.id LIMIT most;
END
$$;
COMMENT ON FUNCTION api.outbox_due(int) IS 'What waits, in the order in which it will be tried.  Nothing is taken.';

CREATE FUNCTION api.outbox_status() RETURNS TABLE (status int, line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	waiting bigint;
	oldest numeric;
	failed bigint;
	down text;
	down_long boolean;
BEGIN
	SELECT count(*), coalesce(extract(epoch FROM now() - min(x.made_at) FILTER (WHERE x.not_before <= now() OR x.tries > 0)), 0)
	INTO waiting, oldest
	FROM desk.outbox x WHERE x.sent_at IS NULL AND x.failed_at IS NULL AND x.folded_into IS NULL;
	SELECT count(*) INTO failed FROM desk.delivery d WHERE d.outcome = 'refused' AND d.at > now() - interval '1 day';
	SELECT string_agg(format('%s down for %s (%s)', p.way, desk.span_words(extract(epoch FROM now() - p.since)), p.said), ', ' ORDER BY p.since),
		bool_or(p.since < now() - interval '1 hour') INTO down, down_long
	FROM desk.delivery_pause p;
	status := CASE WHEN oldest > 3600 OR coalesce(down_long, false) THEN 2 WHEN failed > 0 OR down IS NOT NULL THEN 1 ELSE 0 END;
	line := format('DELIVERY %s: %s waiting, %s refused in a day%s | waiting=%s refused=%s oldest=%ss', (ARRAY['OK', 'WARNING', 'CRITICAL'])[status + 1],
		waiting, failed, coalesce(', ' || down, ''), waiting, failed, trunc(oldest));
	RETURN NEXT;
	FOR line IN SELECT format('%s  %s  %s  %s: %s', d.outbox, desk.utc(d.at), d.way, coalesce(d.code::text, '-'), d.said)
		FROM desk.delivery d WHERE d.outcome = 'refused' AND d.at > now() - interval '1 day' ORDER BY d.id DESC LIMIT 20 LOOP
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION api.outbox_status() IS 'How delivery stands.  The first line is for a monitoring system: 2 when something that is due waits for more than an hour or a server is down for so long, 1 when something was refused in a day or a server is down, else 0.  Then what was refused, the latest first.';

CREATE FUNCTION api.outbox_replay(wanted bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	o desk.outbox;
BEGIN
	UPDATE desk.outbox SET sent_at = NULL, failed_at = NULL, owner = NULL, not_before = now(), tries = greatest(tries, 1), made_at = greatest(made_at, now() - interval '4 days')
	WHERE id = wanted AND (sent_at IS NOT NULL OR failed_at IS NOT NULL) AND folded_into IS NULL AND (via = 'hook' OR person IS NOT NULL OR staff IS NOT NULL)
	  AND NOT EXISTS (SELECT FROM desk.person p WHERE p.id = person AND p.erased_at IS NOT NULL);
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE desk.outbox SET sent_at = NULL, failed_at = NULL WHERE folded_into = wanted;
	FOR o IN SELECT x.* FROM desk.outbox x JOIN desk.ticket t ON t.number = desk.outbox_about(x) AND t.visibility = 'private'
		WHERE x.id = wanted OR x.folded_into = wanted LOOP
		PERFORM desk.outbox_hush(o, desk.outbox_about(o));
	END LOOP;
	RETURN true;
END
$$;
COMMENT ON FUNCTION api.outbox_replay(bigint) IS 'Deliver something once more, with the same Message-ID or id; of a private ticket without what it said while that was public.  False when there is no such row, or it waits anyway, or went out as part of another, or its reader was forgotten.';

CREATE FUNCTION api.outbox_clean(most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	deleted int;
BEGIN
	DELETE FROM desk.outbox WHERE id IN (
		SELECT x.id FROM desk.outbox x WHERE x.sent_at < now() - interval '30 days' LIMIT most FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS deleted = ROW_COUNT;
	DELETE FROM desk.outbox WHERE id IN (
		SELECT x.id FROM desk.outbox x WHERE x.failed_at < now() - interval '30 days' LIMIT most FOR UPDATE SKIP LOCKED);
	RETURN deleted;
END
$$;
COMMENT ON FUNCTION api.outbox_clean(int) IS 'Forget what was delivered or given up 30 days ago, at most so much of each: the texts hold secret links.  The log of attempts stays.  How many delivered ones went.';

CREATE FUNCTION api.outbox_hook(name text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT h.kind FROM desk.hook h WHERE h.name = outbox_hook.name);
END
$$;
COMMENT ON FUNCTION api.outbox_hook(text) IS 'What kind of hook that is; NULL when there is none.';

CREATE FUNCTION api.outbox_tested(way text, outcome text, code int, said text, took_ms int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.delivery (way, attempt, outcome, code, said, took_ms)
	VALUES (outbox_tested.way, 1, outbox_tested.outcome, outbox_tested.code, left(outbox_tested.said, 500), outbox_tested.took_ms);
END
$$;
COMMENT ON FUNCTION api.outbox_tested(text, text, int, text, int) IS 'Log a test.';

GRANT USAGE ON SCHEMA api TO desk_notify;
GRANT EXECUTE ON FUNCTION api.outbox_open(), api.outbox_claim(int, text, int, int),
	api.outbox_report(int, bigint, text, int, text, int), api.outbox_release(int), api.outbox_due(int), api.outbox_status(),
	api.outbox_replay(bigint), api.outbox_clean(int), api.outbox_hook(text), api.outbox_tested(text, text, int, text, int) TO desk_notify;
