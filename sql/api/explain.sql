-- What people may ask in psql about a ticket's clocks, as desk_report.

CREATE FUNCTION api.sla_explain(ticket int)
RETURNS TABLE (metric text, cycle int, line int, at timestamptz, event text, because text, calendar text,
	counted_seconds numeric, used_seconds numeric, target_seconds numeric, state text, due_at timestamptz,
	breach_at timestamptz, breached_at timestamptz, is_stored boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM desk.ticket t WHERE t.number = sla_explain.ticket) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT l.metric, l.cycle, l.line, l.at, l.kind, l.because,
		coalesce((SELECT k.name FROM desk.calendar k WHERE k.id = (l.face).calendar), 'round the clock'),
		l.counted_seconds, (l.face).used_seconds, (l.face).target_seconds, (l.face).state, (l.face).due_at,
		(l.face).breach_at, (l.face).breached_at,
		((l.face).state, (l.face).due_at, (l.face).breach_at) IS NOT DISTINCT FROM (c.state, c.due_at, c.breach_at)
			AND (l.kind = 'now' OR (l.face).used_seconds = c.used_seconds)
	FROM desk.clock_lines(sla_explain.ticket) l JOIN desk.clock c ON c.id = l.clock;
END
$$;
COMMENT ON FUNCTION api.sla_explain(int) IS 'Why is this due then?  Each clock of a ticket, replayed line by line from its events: what each line counted, in seconds of the calendar, and what the clock then was.  used_seconds is the sum of counted_seconds (after a change of calendar, counted anew); due_at is what is left, added to the last line in time of the calendar.  is_stored: the last line of a clock is what its row shows, and pages with it.  PT404 when there is no such ticket.';

GRANT USAGE ON SCHEMA api TO desk_report;
GRANT EXECUTE ON FUNCTION api.sla_explain(int) TO desk_report;
