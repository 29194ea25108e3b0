-- What the program page may do, as role desk_page: show a page to whoever
-- holds its link or is signed in, take "I am on it", and take a verdict.
--
--	page_link(link)				what the link's page shows
--	page_take_link(link)			"I am on it", by the link
--	page_list(token, before, most)		the pages, the latest first
--	page_steps(token, before, most)		what happened on each of them
--	page_take(token, page)			"I am on it", signed in
--	page_judge(token, page, justified, words)	was it right?
--
-- A link is good for one page and one person, who is known by it.  It shows
-- what the mail with it has shown: no subject of a private ticket.

CREATE FUNCTION api.page_link(link text)
RETURNS TABLE (page int, ticket int, subject text, is_public boolean, is_private boolean, product text, reports bigint, with_repeats boolean,
	opened_at text, opened_words text, waiting_words text, duty_empty boolean, me text, is_ringing boolean, is_taken boolean, is_over boolean,
	is_mine boolean, is_others boolean, is_unknown boolean, taken_by text, taken_at text, taken_words text, over_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	l desk.page_link := desk.page_link_open(page_link.link);
BEGIN
	RETURN QUERY SELECT p.id, p.ticket, CASE t.visibility WHEN 'public' THEN desk.visible(t.subject) ELSE '' END,
		t.visibility = 'public', t.visibility = 'private', desk.page_thing(p.product), r.n, r.n > 1,
		desk.utc(p.opened_at), desk.words(p.opened_at), desk.span_words(extract(epoch FROM now() - p.opened_at)), p.duty_empty, m.name,
		p.acknowledged_at IS NULL AND p.resolved_at IS NULL, p.acknowledged_at IS NOT NULL AND p.resolved_at IS NULL, p.resolved_at IS NOT NULL,
		coalesce(p.acknowledged_by = l.staff, false), coalesce(p.acknowledged_by <> l.staff, false),
		p.acknowledged_at IS NOT NULL AND p.acknowledged_by IS NULL,
		a.name, desk.utc(p.acknowledged_at), desk.words(p.acknowledged_at), coalesce(desk.words(p.resolved_at), '')
	FROM desk.page p
	JOIN desk.ticket t ON t.number = p.ticket
	JOIN desk.staff m ON m.id = l.staff
	LEFT JOIN desk.staff a ON a.id = p.acknowledged_by
	CROSS JOIN LATERAL (SELECT count(*) AS n FROM desk.page_report q WHERE q.page = p.id) r
	WHERE p.id = l.page;
END
$$;
COMMENT ON FUNCTION api.page_link(text) IS 'The page that a mailed link is for.  Changes nothing: programs that read mail follow links too.  PT404 for a link that is none, is older than two days, or belongs to somebody who has left.';

CREATE FUNCTION api.page_take_link(link text) RETURNS TABLE (outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.page_link := desk.page_link_open(page_take_link.link);
BEGIN
	RETURN QUERY SELECT desk.page_take(l.page, l.staff);
END
$$;
COMMENT ON FUNCTION api.page_take_link(text) IS 'Acknowledge the page of a mailed link, as the one it was mailed to.  "done"; "taken" when somebody did before; "over".  PT404 as api.page_link.';

CREATE FUNCTION api.page_take(token text, wanted int) RETURNS TABLE (outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(token);
BEGIN
	RETURN QUERY SELECT desk.page_take(wanted, who);
END
$$;
COMMENT ON FUNCTION api.page_take(text, int) IS 'Acknowledge a page.  "done"; "taken" when somebody did before; "over".  PT401 for nobody, PT404 when there is no such page.';

CREATE FUNCTION api.page_judge(token text, wanted int, justified text, words text) RETURNS TABLE (outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	who int := desk.session_staff(token);
BEGIN
	IF justified IS NULL OR justified NOT IN ('yes', 'no') THEN
		RETURN QUERY SELECT 'choose';
		RETURN;
	END IF;
	UPDATE desk.page p SET justified = page_judge.justified = 'yes', verdict = nullif(btrim(words), ''), judged_by = who
	WHERE p.id = wanted;
	IF NOT FOUND THEN
		RAISE 'no such page' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT 'done';
END
$$;
COMMENT ON FUNCTION api.page_judge(text, int, text, text) IS 'Was it right to wake somebody for this: yes or no, and why.  It can be said again in another way; the log keeps all of them.  "choose" for neither.  PT401 for nobody, PT404 when there is no such page.';

CREATE FUNCTION api.page_list(token text, before int, most int)
RETURNS TABLE (page int, ticket int, subject text, is_private boolean, product text, reports bigint, with_repeats boolean, opened_at text, opened_words text,
	tone text, state_words text, is_ringing boolean, next_words text, duty_empty boolean, is_acknowledged boolean, taken_by text, taken_after text,
	is_resolved boolean, over_words text, is_judged boolean, is_unjudged boolean, is_justified boolean, is_unjustified boolean, verdict text, has_verdict boolean,
	judged_by text, judged_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT p.id, p.ticket, desk.visible(t.subject), t.visibility = 'private', desk.page_thing(p.product), r.n, r.n > 1,
		desk.utc(p.opened_at), desk.words(p.opened_at),
		CASE WHEN p.resolved_at IS NOT NULL THEN 'st-resolved is-ok' WHEN p.acknowledged_at IS NOT NULL THEN 'st-open is-ok' ELSE 'st-late is-bad' END,
		CASE WHEN p.resolved_at IS NOT NULL THEN 'Over' WHEN p.acknowledged_at IS NOT NULL THEN 'Somebody is on it'
			WHEN p.next_at IS NULL THEN 'All told, nobody is on it' ELSE 'Nobody is on it yet' END,
		p.acknowledged_at IS NULL AND p.resolved_at IS NULL, coalesce(desk.words(p.next_at), ''), p.duty_empty,
		p.acknowledged_at IS NOT NULL, coalesce(a.name, 'somebody in psql'),
		desk.span_words(extract(epoch FROM p.acknowledged_at - p.opened_at)), p.resolved_at IS NOT NULL, coalesce(desk.words(p.resolved_at), ''),
		p.justified IS NOT NULL, p.justified IS NULL, coalesce(p.justified, false), coalesce(NOT p.justified, false),
		coalesce(p.verdict, ''), p.verdict IS NOT NULL, coalesce(j.name, 'somebody in psql'), coalesce(desk.words(p.judged_at), '')
	FROM desk.page p
	JOIN desk.ticket t ON t.number = p.ticket
	LEFT JOIN desk.staff a ON a.id = p.acknowledged_by
	LEFT JOIN desk.staff j ON j.id = p.judged_by
	CROSS JOIN LATERAL (SELECT count(*) AS n FROM desk.page_report q WHERE q.page = p.id) r
	WHERE before IS NULL OR p.id < before
	ORDER BY p.id DESC LIMIT most;
END
$$;
COMMENT ON FUNCTION api.page_list(text, int, int) IS 'Pages, the latest first; before: the number of the one to go on after.  PT401 for nobody.';

CREATE FUNCTION api.page_steps(token text, before int, most int)
RETURNS TABLE (page int, at text, at_words text, words text, is_alarm boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT e.page, desk.utc(e.at), desk.words(e.at), desk.page_event_words(e), e.kind IN ('duty empty', 'nobody left')
	FROM desk.page_event e
	WHERE e.page IN (SELECT p.id FROM desk.page p WHERE before IS NULL OR p.id < before ORDER BY p.id DESC LIMIT most)
	ORDER BY e.id;
END
$$;
COMMENT ON FUNCTION api.page_steps(text, int, int) IS 'What happened on the pages that api.page_list shows, in order.  PT401 for nobody.';

CREATE FUNCTION api.page_figures(token text)
RETURNS TABLE (month text, pages bigint, acknowledged bigint, median_words text, judged bigint, justified_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT to_char(m.month, 'FMMonth YYYY'), m.pages, m.acknowledged, coalesce(desk.span_words(m.median_seconds), '-'), m.judged,
		CASE WHEN m.judged = 0 THEN '-' ELSE m.justified || ' of ' || m.judged END
	FROM report.page_month m ORDER BY m.month DESC LIMIT 12;
END
$$;
COMMENT ON FUNCTION api.page_figures(text) IS 'Pages of the last months in which there were any.  PT401 for nobody.';

GRANT USAGE ON SCHEMA api TO desk_page;
GRANT EXECUTE ON FUNCTION api.page_link(text), api.page_take_link(text), api.page_list(text, int, int), api.page_steps(text, int, int),
	api.page_figures(text), api.page_take(text, int), api.page_judge(text, int, text, text) TO desk_page;
