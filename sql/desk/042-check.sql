-- What slacheck does about clocks.

CREATE OR REPLACE FUNCTION desk.metric_words(metric text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE metric WHEN 'first response' THEN 'the first answer' WHEN 'next response' THEN 'the next answer'
	WHEN 'resolution' THEN 'the solution' ELSE 'the next update' END;
COMMENT ON FUNCTION desk.metric_words(text) IS 'What a clock is about, in words for people.';

CREATE OR REPLACE FUNCTION desk.tell_of_clock(what text, c desk.clock, t desk.ticket) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- of severity 1 a broken promise waits for no quiet hours and no digest
	PERFORM desk.mail_to_staff(what, t.number,
		(SELECT id FROM desk.staff WHERE id = t.assignee AND active),
		format(CASE what WHEN 'warned' THEN 'Ticket %s: %s is due by %s' ELSE 'Ticket %s: %s is late, it was due by %s' END,
			t.number, desk.metric_words(c.metric), desk.words(c.due_at)),
		format(E'S%s %s, %s: %s\nIt came in on %s. Promised: %s %s.',
			t.severity, (SELECT name FROM desk.severity WHERE level = t.severity),
			(SELECT label FROM desk.channel WHERE name = t.channel),
			CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '(private)' END,
			desk.words(t.filed_at), desk.metric_words(c.metric), desk.promised_words(c)),
		t.severity = 1 AND what = 'breached');
	PERFORM desk.hook_send('sla.' || what, t.number, jsonb_build_object('ticket', t.number, 'metric', c.metric, 'severity', t.severity,
		'channel', t.channel, 'due_at', desk.utc(c.due_at), 'url', '{URL}/staff/tickets/' || t.number),
		format('desk-%s-%s', c.id, c.cycle), false);
END
$$;
COMMENT ON FUNCTION desk.tell_of_clock(text, desk.clock, desk.ticket) IS 'Tell the assignee, or those on duty, and the hooks of a promise that is near or broken.  The subject of a private ticket stays out of mail.';

CREATE OR REPLACE FUNCTION desk.promised_words(c desk.clock) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE
		WHEN c.metric = 'next update' THEN 'by ' || desk.words(c.started_at + make_interval(secs => c.target_seconds::float8))
		WHEN c.calendar IS NULL THEN 'within ' || desk.span_words(c.target_seconds)
		-- never days: they differ from calendar to calendar
		ELSE format('within %s h%s', trunc(c.target_seconds / 3600), CASE WHEN c.target_seconds % 3600 > 0
			THEN format(' %s min', trunc(c.target_seconds % 3600 / 60)) ELSE '' END) || desk.within_hours(c.calendar) END;
END
$$;
COMMENT ON FUNCTION desk.promised_words(desk.clock) IS 'What a clock promises: "within 24 h", "within 16 h (Office hours)", "by" a date.';

CREATE OR REPLACE FUNCTION desk.within_hours(calendar int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT ' (' || x.label || ')' FROM desk.calendar x WHERE x.id = within_hours.calendar), '');
$$;
COMMENT ON FUNCTION desk.within_hours(int) IS 'The hours that count, in parentheses after a time span; nothing for round the clock.';

CREATE OR REPLACE FUNCTION desk.tell_hooks_over(c desk.clock) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM desk.sla_event v WHERE v.clock = c.id AND v.told) THEN
		PERFORM desk.hook_send('sla.stopped', c.ticket, jsonb_build_object('ticket', c.ticket, 'metric', c.metric, 'state', c.state),
			format('desk-%s-%s', c.id, c.cycle), false);
	END IF;
END
$$;
COMMENT ON FUNCTION desk.tell_hooks_over(desk.clock) IS 'A clock that hooks were told of has stopped or fallen away: what they opened for it, under the same key, is over.';

CREATE OR REPLACE FUNCTION desk.sla_check(most int)
RETURNS TABLE (looked int, warned int, breached int, escalated int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due record;
	s record;
	c desk.clock;
	t desk.ticket;
	worst record;
BEGIN
	looked := 0;
	warned := 0;
	breached := 0;
	escalated := 0;
	-- The ticket is locked as well, as all who turn clocks do first; what
	-- somebody else holds is left to the next run: nobody waits for us.
	FOR due IN
		SELECT x AS clock, y AS ticket FROM desk.clock x JOIN desk.ticket y ON y.number = x.ticket
		WHERE x.next_at < now() ORDER BY x.next_at LIMIT most
		FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		c := due.clock;
		t := due.ticket;
		looked := looked + 1;
		BEGIN
			-- After an outage much is due at once.  Only the last warning,
			-- or the breach, and the last escalation are told; what they
			-- have overtaken is noted.
			SELECT max(x.step) FILTER (WHERE x.kind = 'escalated') AS escalation,
				max(x.step) FILTER (WHERE x.kind = 'warned') AS warning,
				coalesce(bool_or(x.kind = 'breached'), false) AS is_late
			INTO worst FROM desk.clock_steps(c) x WHERE x.at < now();
			FOR s IN SELECT x.*, CASE x.kind WHEN 'warned' THEN NOT worst.is_late AND x.step = worst.warning
					WHEN 'escalated' THEN x.step = worst.escalation ELSE true END AS is_told
				FROM desk.clock_steps(c) x WHERE x.at < now() ORDER BY x.at, x.kind <> 'warned', x.step
			LOOP
				INSERT INTO desk.sla_event (clock, cycle, kind, step, policy, due_at, told)
				VALUES (c.id, c.cycle, s.kind, s.step, c.policy, s.at, s.is_told) ON CONFLICT DO NOTHING;
				CONTINUE WHEN NOT FOUND;
				warned := warned + (s.kind = 'warned')::int;
				breached := breached + (s.kind = 'breached')::int;
				escalated := escalated + (s.kind = 'escalated')::int;
				IF s.kind = 'escalated' AND s.is_told THEN
					PERFORM desk.escalate(c, t, s.step, s.recipient);
				ELSIF s.is_told THEN
					PERFORM desk.tell_of_clock(s.kind, c, t);
				END IF;
			END LOOP;
			IF worst.is_late AND c.metric = 'first response' THEN
				PERFORM desk.publish_missed(c.ticket);
			END IF;
			UPDATE desk.clock x SET
				warned_at = coalesce(x.warned_at, CASE WHEN x.warn_at < now() THEN x.warn_at END),
				breached_at = coalesce(x.breached_at, CASE WHEN worst.is_late THEN x.breach_at END),
				next_at = desk.clock_next(c)
			WHERE x.id = c.id;
		EXCEPTION WHEN OTHERS THEN
			-- One that cannot be looked at (its calendar is not laid
			-- out so far) must not keep the others waiting; a
			-- transaction that lost to another is tried again whole.
			IF SQLSTATE LIKE '40%' THEN
				RAISE;
			END IF;
			RAISE WARNING 'clock % of ticket % could not be looked at: %', c.id, c.ticket, SQLERRM;
			UPDATE desk.clock x SET next_at = now() + interval '10 minutes' WHERE x.id = c.id;
		END;
	END LOOP;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION desk.sla_check(int) IS 'Note warnings, breaches and escalation steps of up to "most" clocks that are due, each once, and write what tells of them, in this transaction.  Call it until it has looked at none.';
