-- What the checker and the reports have in common.

CREATE OR REPLACE FUNCTION desk.span_short(seconds numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN seconds IS NULL THEN '-'
	WHEN seconds < 60 THEN '<1m'
	WHEN seconds < 3600 THEN trunc(seconds / 60) || 'm'
	WHEN seconds < 48 * 3600 THEN trunc(seconds / 3600) || 'h' || to_char(trunc(seconds / 60)::bigint % 60, 'FM00')
	ELSE trunc(seconds / 86400) || 'd' || to_char(trunc(seconds / 3600)::bigint % 24, 'FM00') || 'h'
END;
COMMENT ON FUNCTION desk.span_short(numeric) IS 'Seconds for a narrow table: <1m, 45m, 4h05, 3d02h, and - for NULL.  Never rounded up.';

CREATE OR REPLACE FUNCTION desk.publish_missed(wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.public_ticket SET answer_missed = true WHERE number = wanted AND NOT answer_missed;
END
$$;
COMMENT ON FUNCTION desk.publish_missed(int) IS 'Say in public that the first answer came late, or has not come in time.';

CREATE OR REPLACE FUNCTION desk.tell_of_clock(what text, c desk.clock, t desk.ticket) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	thing text := CASE c.metric WHEN 'first response' THEN 'the first answer' ELSE 'the solution' END;
BEGIN
	PERFORM desk.mail_staff(what, t.number,
		(SELECT id FROM desk.staff WHERE id = t.assignee AND active),
		format(CASE what WHEN 'warned' THEN 'Ticket %s: %s is due by %s' ELSE 'Ticket %s: %s is late, it was due by %s' END,
			t.number, thing, desk.words(c.due_at)),
		format(E'S%s %s, %s: %s\nIt came in on %s. Promised: %s within %s.',
			t.severity, (SELECT name FROM desk.severity WHERE level = t.severity),
			(SELECT label FROM desk.channel WHERE name = t.channel),
			CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '(private)' END,
			desk.words(t.filed_at), thing, desk.span_words(c.target_seconds)));
END
$$;
COMMENT ON FUNCTION desk.tell_of_clock(text, desk.clock, desk.ticket) IS 'Tell the assignee, or those on duty, of a promise that is near or broken.  The subject of a private ticket stays out of mail.';

CREATE OR REPLACE FUNCTION desk.group_words(via text, level text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT left(CASE
		WHEN level = 'all' AND via = 'all' THEN 'All'
		WHEN level = 'all' THEN (SELECT c.label FROM desk.channel c WHERE c.name = via)
		ELSE '  S' || level || ' ' || (SELECT s.name FROM desk.severity s WHERE s.level::text = group_words.level) END, 24);
$$;
COMMENT ON FUNCTION desk.group_words(text, text) IS 'The name of a line of the report: All or a channel, or below it a severity.';

CREATE OR REPLACE FUNCTION desk.open_promises() RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	heading text;
	lines text[];
BEGIN
	FOREACH heading IN ARRAY ARRAY['Open, and nobody has answered yet', 'Updates that were promised and have not come',
		'Answered, and the solution is late or at risk'] LOOP
		SELECT array_agg(format('%8s  S%s  %-14s  %s', '#' || p.number, p.severity,
			CASE WHEN p.due_at < now() THEN 'late ' || desk.span_short(extract(epoch FROM now() - p.due_at))
			ELSE 'due in ' || desk.span_short(extract(epoch FROM p.due_at - now())) END, left(p.subject, 42))
			ORDER BY p.due_at, p.number) INTO lines
		FROM desk.promise_list(heading) p;
		RETURN QUERY SELECT '';
		RETURN QUERY SELECT format('%s: %s', heading, coalesce(cardinality(lines)::text, 'none'));
		RETURN QUERY SELECT * FROM unnest(lines);
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.open_promises() IS 'Every open ticket that has no answer, an update overdue, or a solution late or at risk: lines of at most 72 columns.';

CREATE OR REPLACE FUNCTION desk.promise_list(heading text) RETURNS TABLE (number int, severity smallint, due_at timestamptz, subject text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT t.number, t.severity, p.due_at, CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '(private)' END
	FROM (
		SELECT x.number, x.answer_due_at FROM desk.ticket x
		WHERE heading = 'Open, and nobody has answered yet' AND x.state <> 'resolved' AND x.answered_at IS NULL
		UNION ALL
		SELECT x.number, x.next_update_by FROM desk.ticket x
		WHERE heading = 'Updates that were promised and have not come' AND x.state <> 'resolved' AND x.next_update_by < now()
		UNION ALL
		SELECT c.ticket, c.due_at FROM desk.clock c JOIN desk.ticket x ON x.number = c.ticket
		WHERE heading = 'Answered, and the solution is late or at risk' AND c.state = 'running' AND c.metric = 'resolution'
		  AND (c.due_at < now() OR c.warn_at <= now()) AND x.answered_at IS NOT NULL
	) p (number, due_at) JOIN desk.ticket t ON t.number = p.number;
$$;
COMMENT ON FUNCTION desk.promise_list(text) IS 'The tickets that the report lists under a heading.  No subject of a private one.';
