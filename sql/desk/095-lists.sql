-- Nobody forgotten: what is unanswered, overdue, without a team or not
-- triaged, and the lists of it that are mailed by day and week.

-- Those without SET search_path become part of the query that asks.
CREATE OR REPLACE FUNCTION desk.is_untriaged(state text, assignee int) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state = 'new' AND assignee IS NULL;
COMMENT ON FUNCTION desk.is_untriaged(text, int) IS 'Has nobody looked at the ticket yet?  So until a person answers, takes it, gives it to somebody or moves it on.  A team that a rule has chosen is no look.';

CREATE OR REPLACE FUNCTION desk.lacks_team(state text, channel text, team text, filed_at timestamptz, at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state <> 'resolved' AND channel = 'mail' AND team IS NULL AND filed_at <= at - interval '15 minutes';
COMMENT ON FUNCTION desk.lacks_team(text, text, text, timestamptz, timestamptz) IS 'Is it mail that no team looks after, a quarter of an hour after it came (004d)?';

CREATE OR REPLACE FUNCTION desk.unanswered_count() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT count(*) FROM desk.ticket WHERE state <> 'resolved' AND answered_at IS NULL;
$$;
COMMENT ON FUNCTION desk.unanswered_count() IS 'How many open tickets no person has answered, private ones included: a number that may be shown to everybody (000d).';

CREATE OR REPLACE FUNCTION desk.list_entries(what text, as_of timestamptz)
RETURNS TABLE (section int, number int, since timestamptz, is_flagged boolean)
LANGUAGE sql STABLE
AS $$
	SELECT 1, t.number, t.filed_at, coalesce(t.answer_due_at < now(), false) FROM desk.ticket t
	WHERE what = 'daily' AND t.state <> 'resolved' AND t.answered_at IS NULL AND t.filed_at <= as_of
	UNION ALL
	SELECT 2, t.number, t.next_update_by, true FROM desk.ticket t
	WHERE what = 'daily' AND t.state <> 'resolved' AND t.next_update_by <= as_of
	UNION ALL
	SELECT 3, t.number, t.filed_at, false FROM desk.ticket t
	WHERE what = 'daily' AND t.state <> 'resolved' AND t.channel = 'mail' AND t.team IS NULL
	  AND t.filed_at <= as_of - interval '15 minutes'
	UNION ALL
	SELECT 4, t.number, t.filed_at, t.filed_at < now() - interval '7 days' FROM desk.ticket t
	WHERE what = 'triage' AND t.state = 'new' AND t.assignee IS NULL AND t.filed_at <= as_of;
$$;
COMMENT ON FUNCTION desk.list_entries(text, timestamptz) IS 'What a list holds: 1 open and unanswered, 2 updates that were promised and have not come, 3 mail without a team; 4 not triaged.  No state, owner, hold or filter hides one.  as_of leaves out what came later.';

CREATE OR REPLACE FUNCTION desk.list_line(n int, since timestamptz, section int, is_flagged boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'%8s  S%s  %-12s  %s%s\n', '#' || t.number, t.severity,
		CASE section WHEN 2 THEN 'late ' ELSE '' END || desk.span_short(extract(epoch FROM now() - since)),
		CASE WHEN NOT is_flagged OR section = 2 THEN '' WHEN section = 4 THEN 'OLD ' ELSE 'LATE ' END,
		CASE t.visibility WHEN 'public' THEN left(desk.visible(t.subject), 38) ELSE '(private)' END)
	FROM desk.ticket t WHERE t.number = n;
$$;
COMMENT ON FUNCTION desk.list_line(int, timestamptz, int, boolean) IS 'One entry of a list, in 72 columns; no subject of a private ticket.';

CREATE OR REPLACE FUNCTION desk.list_text(what text, OUT tickets int, OUT words text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- beyond it a mail says how many more there are and where
	most CONSTANT int := 1000;
	h record;
	n int;
	old int := 0;
BEGIN
	tickets := 0;
	words := '';
	FOR h IN SELECT * FROM (VALUES ('daily', 1, 'Open, and nobody has answered yet'),
		('daily', 2, 'Updates that were promised and have not come'),
		('daily', 3, 'Mail that no team looks after'),
		('triage', 4, 'Nobody has looked at them yet')) AS x (kind, section, heading) WHERE x.kind = what
	LOOP
		SELECT count(*) INTO n FROM desk.list_entries(what, now()) e WHERE e.section = h.section;
		IF h.section = 4 THEN
			SELECT count(*) INTO old FROM desk.list_entries(what, now()) e WHERE e.section = 4 AND e.is_flagged;
		END IF;
		tickets := tickets + n;
		words := words || format(E'%s: %s%s\n', h.heading, CASE n WHEN 0 THEN 'none' ELSE n::text END,
			CASE WHEN old > 0 THEN format(', %s of them OLD (more than 7 days)', old) ELSE '' END);
		words := words || coalesce((SELECT string_agg(desk.list_line(e.number, e.since, h.section, e.is_flagged), '' ORDER BY e.since, e.number)
			FROM (SELECT * FROM desk.list_entries(what, now()) x WHERE x.section = h.section ORDER BY x.since, x.number LIMIT most) e), '');
		words := words || CASE WHEN n > most THEN format(E'and %s more\n', n - most) ELSE '' END || E'\n';
	END LOOP;
	words := words || CASE what WHEN 'triage' THEN '{URL}/staff?view=untriaged' ELSE '{URL}/staff' END;
END
$$;
COMMENT ON FUNCTION desk.list_text(text) IS 'A list as the text of a mail, the longest waiting first, and how many entries it has.';

CREATE OR REPLACE FUNCTION desk.daily() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	today date := (now() AT TIME ZONE desk.zone())::date;
	l desk.list_rule;
	of_day date;
	slot timestamptz;
	list record;
	made int := 0;
BEGIN
	FOR l IN SELECT * FROM desk.list_rule ORDER BY kind LOOP
		-- the last such day; a list that an outage kept back is late, not lost
		of_day := today - CASE WHEN l.weekday IS NULL THEN 0
			ELSE (extract(isodow FROM today)::int - l.weekday + 7) % 7 END;
		slot := desk.local_instant(desk.zone(), of_day, l.from_minute);
		CONTINUE WHEN slot > now() OR EXISTS (SELECT FROM desk.list_sent x WHERE x.kind = l.kind AND x.day = of_day);
		-- What came after the slot is no reason for a list, so that a day
		-- without one writes nothing, however often we look.
		CONTINUE WHEN NOT EXISTS (SELECT FROM desk.list_entries(l.kind, slot));
		SELECT * INTO list FROM desk.list_text(l.kind);
		INSERT INTO desk.list_sent (kind, day, tickets) VALUES (l.kind, of_day, list.tickets) ON CONFLICT DO NOTHING;
		IF FOUND THEN
			PERFORM desk.mail_staff('list', NULL, NULL,
				CASE l.kind WHEN 'triage' THEN format('To be triaged this week: %s', list.tickets)
				ELSE format('Not to be forgotten today: %s', list.tickets) END, list.words);
			made := made + 1;
		END IF;
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION desk.daily() IS 'Mail the lists of desk.list_rule that are due to those on duty, each once a day or week; how many.  Called by every run of slacheck; writes nothing when there is nothing to tell.';

CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.list_sent FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();
