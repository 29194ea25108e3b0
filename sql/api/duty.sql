-- What the program duty may do.
--
-- For everybody: who is on duty now, and the published weeks.  They give
-- names and weeks, no more.
--
--	duty_now()
--	duty_weeks()
--
-- For who holds the link of a feed: the weeks it was made for.
--
--	duty_feed_name(token)
--	duty_feed(token)
--
-- For staff, by the token of their session (PT401): their own weeks, swaps,
-- the roster, and what is done on that page.  What acts gives one row:
-- "done", or "refused" with the words of the rule.

CREATE FUNCTION api.duty_now()
RETURNS TABLE (rotation text, label text, names text, has_names boolean, has_nobody boolean, shadows text, has_shadows boolean,
	until_at text, until_words text, next_names text, has_next boolean, lacks_next boolean, chain text, has_chain boolean, is_used boolean, is_unused boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT x.name, x.label, x.names, x.names IS NOT NULL, x.is_used AND x.names IS NULL, x.shadows, x.shadows IS NOT NULL,
		desk.utc(x.until), desk.words(x.until), x.next, x.next IS NOT NULL, x.next IS NULL,
		x.chain, x.chain IS NOT NULL, x.is_used, NOT x.is_used
	FROM (
		SELECT r.name, r.label, desk.duty_now_names(r.name, false) AS names, desk.duty_now_names(r.name, true) AS shadows,
			desk.duty_handover(r.name, desk.duty_next(r.name)) AS until, desk.duty_names(r.name, desk.duty_next(r.name), false) AS next,
			(SELECT string_agg(s.name || ' (' || c.role || ')', ', ' ORDER BY c.place) FROM desk.duty_chain(r.name, now()) c
				JOIN desk.staff s ON s.id = c.staff WHERE c.role <> 'on duty') AS chain,
			EXISTS (SELECT FROM desk.roster o WHERE o.rotation = r.name) AS is_used
		FROM desk.rotation r) x
	ORDER BY x.name;
END
$$;
COMMENT ON FUNCTION api.duty_now() IS 'One row per rotation: who is on duty now and until when, who rides shotgun, who is next, and who is asked after them.';

CREATE FUNCTION api.duty_weeks()
RETURNS TABLE (rotation text, label text, monday date, week_words text, starts_at text, starts_words text, names text, has_nobody boolean,
	shadows text, has_shadows boolean, is_now boolean, is_short boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT x.rotation, x.label, x.monday, to_char(x.monday, 'FMDD Mon YYYY'),
		desk.utc(x.starts_at), desk.words(x.starts_at), coalesce(x.names, 'nobody yet'), x.names IS NULL,
		x.shadows, x.shadows IS NOT NULL, x.monday = x.this, g.monday IS NOT NULL
	FROM (
		SELECT r.name AS rotation, r.label, w.monday, r.this, desk.duty_handover(r.name, w.monday) AS starts_at,
			CASE WHEN w.monday = r.this THEN desk.duty_now_names(r.name, false) ELSE desk.duty_names(r.name, w.monday, false) END AS names,
			CASE WHEN w.monday = r.this THEN desk.duty_now_names(r.name, true) ELSE desk.duty_names(r.name, w.monday, true) END AS shadows
		FROM (SELECT y.name, y.label, desk.duty_monday(y.name, now()) AS this FROM desk.rotation y
			WHERE EXISTS (SELECT FROM desk.roster o WHERE o.rotation = y.name)) r,
		LATERAL (SELECT r.this + 7 * i AS monday FROM generate_series(0, 6) i
			UNION SELECT p.monday FROM desk.duty_week p WHERE p.rotation = r.name AND p.monday >= r.this) w) x
	LEFT JOIN desk.duty_gaps() g ON g.rotation = x.rotation AND g.monday = x.monday
	ORDER BY x.rotation, x.monday;
END
$$;
COMMENT ON FUNCTION api.duty_weeks() IS 'This week and all published ones after it, six at the least; one that nobody is planned for says so.';

-- Feeds -------------------------------------------------------------------------

CREATE FUNCTION api.duty_feed_name(token text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f desk.duty_feed := desk.duty_feed_open(token);
BEGIN
	RETURN CASE WHEN f.rotation IS NULL THEN 'On duty: ' || (SELECT s.name FROM desk.staff s WHERE s.id = f.staff)
		ELSE 'Duty: ' || (SELECT r.label FROM desk.rotation r WHERE r.name = f.rotation) END;
END
$$;
COMMENT ON FUNCTION api.duty_feed_name(text) IS 'What the calendar behind a link is called; PT404 when there is none, it was revoked, or its owner has left.';

CREATE FUNCTION api.duty_feed(token text)
RETURNS TABLE (uid text, sequence int, stamp text, starts text, ends text, summary text, description text, status text, transparency text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	f desk.duty_feed := desk.duty_feed_open(duty_feed.token);
	basic text := 'YYYYMMDD"T"HH24MISS"Z"';
BEGIN
	RETURN QUERY
	SELECT d.uid::text, d.sequence, to_char(d.changed_at AT TIME ZONE 'UTC', basic),
		to_char(lower(d.span) AT TIME ZONE 'UTC', basic), to_char(upper(d.span) AT TIME ZONE 'UTC', basic),
		CASE WHEN f.rotation IS NOT NULL THEN s.name || CASE WHEN d.is_shadow THEN ' rides shotgun' ELSE ' is on duty' END
			ELSE CASE WHEN d.is_shadow THEN 'Riding shotgun: ' ELSE 'On duty: ' END || r.label END,
		CASE WHEN d.is_shadow THEN 'With ' || coalesce((SELECT p.name FROM desk.duty_seat x JOIN desk.staff p ON p.id = x.staff
				WHERE x.rotation = d.rotation AND x.monday = d.monday AND x.seat = d.seat AND NOT x.is_shadow), 'nobody') || '.'
			ELSE r.label || ', seat ' || d.seat || '. Escalations come first: nothing else is planned for who is on duty.' END,
		'CONFIRMED', CASE WHEN f.rotation IS NULL THEN 'OPAQUE' ELSE 'TRANSPARENT' END
	FROM desk.duty_seat d JOIN desk.rotation r ON r.name = d.rotation JOIN desk.staff s ON s.id = d.staff
	WHERE upper(d.span) > now() - interval '13 weeks'
	  AND CASE WHEN f.rotation IS NULL THEN d.staff = f.staff ELSE d.rotation = f.rotation END
	UNION ALL
	-- a week that went to somebody else: calendars take it away
	SELECT c.uid::text, c.sequence, to_char(c.at AT TIME ZONE 'UTC', basic),
		to_char(lower(c.span) AT TIME ZONE 'UTC', basic), to_char(upper(c.span) AT TIME ZONE 'UTC', basic),
		CASE WHEN c.is_shadow THEN 'Riding shotgun: ' ELSE 'On duty: ' END || r.label,
		'It went to ' || coalesce((SELECT s.name FROM desk.staff s WHERE s.id = c.new_staff), 'nobody') || '.', 'CANCELLED', 'TRANSPARENT'
	FROM (SELECT DISTINCT ON (y.uid) y.* FROM desk.duty_change y
		WHERE CASE WHEN f.rotation IS NULL THEN y.old_staff = f.staff AND y.new_staff IS DISTINCT FROM f.staff
			ELSE y.rotation = f.rotation AND y.new_staff IS NULL END
		ORDER BY y.uid, y.id DESC) c
	JOIN desk.rotation r ON r.name = c.rotation
	WHERE upper(c.span) > now() - interval '13 weeks'
	  AND NOT EXISTS (SELECT FROM desk.duty_seat d WHERE d.uid = c.uid AND (f.rotation IS NOT NULL OR d.staff = f.staff))
	ORDER BY 4, 1;
END
$$;
COMMENT ON FUNCTION api.duty_feed(text) IS 'The events of a feed, from 13 weeks ago on: uid and sequence as RFC 5545 wants them, times in UTC.  PT404 as api.duty_feed_name().';

-- Staff: to read ------------------------------------------------------------------

CREATE FUNCTION api.duty_desk(token text)
RETURNS TABLE (me text, gap_words text, has_gaps boolean, is_unused boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_desk.token);
BEGIN
	RETURN QUERY SELECT s.name, d.words, d.is_short, NOT EXISTS (SELECT FROM desk.roster)
	FROM desk.staff s, desk.duty_status() d WHERE s.id = who;
END
$$;
COMMENT ON FUNCTION api.duty_desk(text) IS 'Who is signed in, and whether enough people are on duty.';

CREATE FUNCTION api.duty_mine(token text)
RETURNS TABLE (place text, label text, week_words text, starts_at text, starts_words text, seat_words text, with_names text, has_with boolean,
	is_now boolean, may_swap boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_mine.token);
BEGIN
	RETURN QUERY SELECT desk.duty_place(d.rotation, d.monday, d.seat), r.label, to_char(d.monday, 'FMDD Mon YYYY'), desk.utc(lower(d.span)), desk.words(lower(d.span)),
		CASE WHEN d.is_shadow THEN 'riding shotgun' ELSE 'on duty, seat ' || d.seat END,
		w.names, w.names IS NOT NULL, d.span @> now(), NOT d.is_shadow
	FROM desk.duty_seat d JOIN desk.rotation r ON r.name = d.rotation,
	LATERAL (SELECT string_agg(s.name, ', ' ORDER BY x.is_shadow, x.seat) AS names FROM desk.duty_seat x JOIN desk.staff s ON s.id = x.staff
		WHERE x.rotation = d.rotation AND x.monday = d.monday AND x.staff <> who) w
	WHERE d.staff = who AND upper(d.span) > now()
	ORDER BY d.monday;
END
$$;
COMMENT ON FUNCTION api.duty_mine(text) IS 'One''s own weeks, from this one on.';

CREATE FUNCTION api.duty_choices(token text) RETURNS TABLE (field text, value text, label text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_choices.token);
BEGIN
	RETURN QUERY
	SELECT c.field, c.value, c.label FROM (
		-- whom a week can be given to: with, or without one in return
		SELECT 'taker' AS field, o.staff::text AS value, s.name AS label, 1 AS rank, s.name AS a, NULL::date AS b
		FROM desk.roster o JOIN desk.staff s ON s.id = o.staff AND s.active
		WHERE o.staff <> who AND o.left_on IS NULL AND desk.duty_may(o.rotation, o.staff, current_date + 7) IS NOT NULL
		GROUP BY o.staff, s.name
		UNION ALL
		SELECT 'taker', d.staff || ' ' || desk.duty_place(d.rotation, d.monday, d.seat),
			format('%s, for their week of %s (%s)', s.name, to_char(d.monday, 'FMDD Mon YYYY'), r.label), 2, s.name, d.monday
		FROM desk.duty_seat d JOIN desk.staff s ON s.id = d.staff AND s.active JOIN desk.rotation r ON r.name = d.rotation
		WHERE d.staff <> who AND NOT d.is_shadow AND lower(d.span) > now()
		  AND EXISTS (SELECT FROM desk.roster o WHERE o.rotation = d.rotation AND o.staff = who)
		UNION ALL
		SELECT 'place', desk.duty_place(d.rotation, d.monday, d.seat), format('%s (%s)', to_char(d.monday, 'FMDD Mon YYYY'), r.label), 1, '', d.monday
		FROM desk.duty_seat d JOIN desk.rotation r ON r.name = d.rotation
		WHERE d.staff = who AND NOT d.is_shadow AND upper(d.span) > now()
		  AND NOT EXISTS (SELECT FROM desk.duty_swap x WHERE (x.rotation, x.monday, x.seat) = (d.rotation, d.monday, d.seat) AND x.answer IS NULL)
		UNION ALL
		-- seats that nobody has, or whose holder cannot be there
		SELECT 'free', desk.duty_place(w.rotation, w.monday, n.seat::smallint),
			format('%s, seat %s (%s)', to_char(w.monday, 'FMDD Mon YYYY'), n.seat, r.label)
				|| CASE WHEN d.staff IS NULL THEN ', free' ELSE ', ' || s.name || CASE WHEN s.active THEN ' is exempt' ELSE ' has left' END END,
			1, w.rotation, w.monday
		FROM desk.duty_week w JOIN desk.rotation r ON r.name = w.rotation
		CROSS JOIN LATERAL generate_series(1, r.seats) n (seat)
		LEFT JOIN desk.duty_seat d ON d.rotation = w.rotation AND d.monday = w.monday AND d.seat = n.seat AND NOT d.is_shadow
		LEFT JOIN desk.staff s ON s.id = d.staff
		WHERE w.ends_at > now() AND d.staff IS DISTINCT FROM who
		  AND (d.staff IS NULL OR desk.duty_away(d.staff, greatest(d.monday, least(current_date, d.monday + 6)), d.monday + 6))
		UNION ALL
		-- shadow weeks that are over and of which nobody has said how they went
		SELECT 'shadow', d.staff || ' ' || desk.duty_place(d.rotation, d.monday, d.seat),
			format('%s, week of %s (%s)', s.name, to_char(d.monday, 'FMDD Mon YYYY'), r.label), 1, s.name, d.monday
		FROM desk.duty_seat d JOIN desk.staff s ON s.id = d.staff AND s.active JOIN desk.rotation r ON r.name = d.rotation
		WHERE d.is_shadow AND upper(d.span) <= now() AND d.staff <> who
		  AND NOT EXISTS (SELECT FROM desk.duty_ready y WHERE y.rotation = d.rotation AND y.staff = d.staff AND y.monday = d.monday)
		UNION ALL
		-- weeks in which nobody rides shotgun yet with one of those on duty
		SELECT 'ride', desk.duty_place(d.rotation, d.monday, d.seat),
			format('%s, with %s (%s)', to_char(d.monday, 'FMDD Mon YYYY'), s.name, r.label), 1, d.rotation, d.monday
		FROM desk.duty_seat d JOIN desk.staff s ON s.id = d.staff AND s.active JOIN desk.rotation r ON r.name = d.rotation
		WHERE NOT d.is_shadow AND lower(d.span) > now()
		  AND NOT EXISTS (SELECT FROM desk.duty_seat x WHERE x.rotation = d.rotation AND x.monday = d.monday AND x.is_shadow AND x.seat = d.seat)
		  AND NOT EXISTS (SELECT FROM desk.duty_seat x WHERE x.staff = who AND x.span && d.span)
		UNION ALL
		SELECT f.field, s.id::text, s.name, 1, s.name, NULL FROM desk.staff s, unnest(ARRAY['exempt', 'join']) f (field) WHERE s.active
		UNION ALL
		SELECT f.field, r.name, CASE f.field WHEN 'feed' THEN 'All of ' || r.label ELSE r.label END, 1, r.name, NULL
		FROM desk.rotation r, unnest(ARRAY['rotation', 'feed']) f (field)
	) c ORDER BY c.field, c.rank, c.a, c.b;
END
$$;
COMMENT ON FUNCTION api.duty_choices(text) IS 'What the lists of the forms offer: place (one''s own weeks), taker, free, ride, shadow, exempt and join (staff), rotation, feed.';

CREATE FUNCTION api.duty_offers(token text)
RETURNS TABLE (id int, words text, reason text, has_reason boolean, is_for_me boolean, is_mine boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_offers.token);
BEGIN
	RETURN QUERY SELECT x.id,
		CASE WHEN x.taker = who THEN g.name || ' asks you to take' ELSE 'You asked ' || t.name || ' to take' END
			|| format(' the week of %s (%s)', to_char(x.monday, 'FMDD Mon YYYY'), r.label)
			|| coalesce(to_char(x.return_monday, CASE WHEN x.taker = who THEN '" and would take your week of" ' ELSE '" for their week of" ' END || 'FMDD Mon YYYY'), ''),
		x.reason, x.reason IS NOT NULL, x.taker = who, x.giver = who
	FROM desk.duty_swap x JOIN desk.staff g ON g.id = x.giver JOIN desk.staff t ON t.id = x.taker JOIN desk.rotation r ON r.name = x.rotation
	WHERE x.answer IS NULL AND who IN (x.giver, x.taker)
	ORDER BY x.id;
END
$$;
COMMENT ON FUNCTION api.duty_offers(text) IS 'Swaps that wait for an answer: of the one who asks, or of somebody else.';

CREATE FUNCTION api.duty_roster(token text)
RETURNS TABLE (rotation text, label text, name text, state_words text, is_on_duty boolean, half_words text, weeks bigint, last_weeks bigint, spread_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_roster.token);
	this date := desk.half_year(current_date);
BEGIN
	RETURN QUERY SELECT o.rotation, r.label, s.name,
		CASE WHEN NOT s.active THEN 'has left the desk'
			WHEN o.left_on <= current_date THEN 'off the roster: ' || o.left_reason
			WHEN e.until_day IS NOT NULL THEN 'exempt until ' || to_char(e.until_day, 'FMDD Mon YYYY')
			WHEN desk.duty_may(o.rotation, o.staff, '9999-12-27') IS NULL THEN 'has yet to ride shotgun'
			WHEN o.joined_on > current_date THEN 'from ' || to_char(o.joined_on, 'FMDD Mon YYYY')
			ELSE 'takes turns' END,
		EXISTS (SELECT FROM desk.on_duty(o.rotation, now()) d WHERE d.staff = o.staff AND NOT d.is_shadow),
		to_char(this, '"since" FMMon YYYY'), coalesce(n.now_weeks, 0), coalesce(n.last_weeks, 0),
		coalesce((SELECT f.spread::text FROM report.duty_fairness f WHERE f.rotation = o.rotation AND f.half_year = this LIMIT 1), '-')
	FROM desk.roster o JOIN desk.rotation r ON r.name = o.rotation JOIN desk.staff s ON s.id = o.staff
	LEFT JOIN LATERAL (SELECT max(x.until_day) AS until_day FROM desk.duty_exemption x
		WHERE x.staff = o.staff AND current_date BETWEEN x.from_day AND x.until_day) e ON true
	LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE d.monday >= this) AS now_weeks, count(*) FILTER (WHERE d.monday < this) AS last_weeks
		FROM desk.duty_seat d WHERE d.rotation = o.rotation AND d.staff = o.staff AND NOT d.is_shadow
		  AND d.monday >= desk.half_year(this - 1) AND d.monday < this + interval '6 months') n ON true
	ORDER BY o.rotation, s.active DESC, s.name;
END
$$;
COMMENT ON FUNCTION api.duty_roster(text) IS 'Who takes turns: how they stand, their weeks in this half-year (those still to come, too) and in the one before, and the difference between the most and the fewest.';

CREATE FUNCTION api.duty_absent(token text) RETURNS TABLE (names text, has_names boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_absent.token);
BEGIN
	RETURN QUERY SELECT string_agg(s.name, ', ' ORDER BY s.name), count(*) > 0 FROM desk.staff s
	WHERE s.active AND NOT EXISTS (SELECT FROM desk.roster o WHERE o.staff = s.id AND o.left_on IS NULL);
END
$$;
COMMENT ON FUNCTION api.duty_absent(text) IS 'Active staff who are on no roster: everybody takes part, so this shows who does not.';

CREATE FUNCTION api.duty_exemptions(token text) RETURNS TABLE (id int, name text, from_words text, until_words text, reason text, said_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_exemptions.token);
BEGIN
	RETURN QUERY SELECT e.id, s.name, to_char(e.from_day, 'FMDD Mon YYYY'), to_char(e.until_day, 'FMDD Mon YYYY'), e.reason,
		coalesce(b.name, e.said_by) || ', ' || to_char(e.said_at, 'FMDD Mon YYYY')
	FROM desk.duty_exemption e JOIN desk.staff s ON s.id = e.staff
	LEFT JOIN desk.staff b ON e.said_by = 'staff:' || b.id
	WHERE e.until_day >= current_date ORDER BY e.from_day, e.id;
END
$$;
COMMENT ON FUNCTION api.duty_exemptions(text) IS 'Exemptions that hold or are to come.';

CREATE FUNCTION api.duty_feeds(token text) RETURNS TABLE (id int, words text, made_at text, made_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_feeds.token);
BEGIN
	RETURN QUERY SELECT f.id, coalesce('All of ' || r.label, 'Your own weeks'), desk.utc(f.made_at), desk.words(f.made_at)
	FROM desk.duty_feed f LEFT JOIN desk.rotation r ON r.name = f.rotation
	WHERE f.staff = who AND f.revoked_at IS NULL ORDER BY f.id;
END
$$;
COMMENT ON FUNCTION api.duty_feeds(text) IS 'One''s own links for calendars that hold.';

CREATE FUNCTION api.duty_history(token text) RETURNS TABLE (at text, at_words text, words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_history.token);
BEGIN
	RETURN QUERY SELECT desk.utc(c.at), desk.words(c.at),
		format('%s, week of %s, seat %s: from %s to %s', r.label, to_char(c.monday, 'FMDD Mon YYYY'), c.seat, coalesce(o.name, 'nobody'), coalesce(n.name, 'nobody'))
			|| CASE x.kind WHEN 'cover' THEN ' (stepped in: ' || x.reason || ')' WHEN 'swap' THEN ' (both agreed)' ELSE '' END
	FROM desk.duty_change c JOIN desk.rotation r ON r.name = c.rotation
	LEFT JOIN desk.staff o ON o.id = c.old_staff LEFT JOIN desk.staff n ON n.id = c.new_staff LEFT JOIN desk.duty_swap x ON x.id = c.swap
	WHERE c.old_staff IS DISTINCT FROM c.new_staff AND (c.old_staff IS NOT NULL OR c.at > (SELECT w.published_at FROM desk.duty_week w WHERE w.rotation = c.rotation AND w.monday = c.monday))
	ORDER BY c.id DESC LIMIT 20;
END
$$;
COMMENT ON FUNCTION api.duty_history(text) IS 'The last 20 changes of published weeks.';

-- Staff: to act -------------------------------------------------------------------

CREATE FUNCTION api.duty_ask(token text, place text, taker text, reason text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_ask.token);
	mine record;
	theirs record;
BEGIN
	SELECT * INTO mine FROM desk.duty_place_of(duty_ask.place);
	SELECT * INTO theirs FROM desk.duty_place_of(substring(duty_ask.taker FROM ' (.*)$'));
	INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker, return_monday, return_seat, reason)
	VALUES (mine.rotation, mine.monday, mine.seat, who, substring(duty_ask.taker FROM '^[0-9]{1,9}')::int, theirs.monday, theirs.seat, duty_ask.reason);
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_ask(text, text, text, text) IS 'Ask somebody to take a week of one''s own; taker is a number of the staff, followed by a blank and the place of their week when it is for one in return.';

CREATE FUNCTION api.duty_answer(token text, wanted int, answer text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_answer.token);
BEGIN
	UPDATE desk.duty_swap s SET answer = duty_answer.answer, answered_by = who, answered_at = now()
	WHERE s.id = wanted AND who IN (s.giver, s.taker);
	IF NOT FOUND THEN
		RAISE 'there is no such swap' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_answer(text, int, text) IS 'Accept or decline what one was asked, or withdraw what one asked.  PT404 for a swap between others.';

CREATE FUNCTION api.duty_take(token text, place text, reason text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_take.token);
	p record;
	holder int;
BEGIN
	SELECT * INTO p FROM desk.duty_place_of(duty_take.place);
	SELECT d.staff INTO holder FROM desk.duty_seat d
	WHERE d.rotation = p.rotation AND d.monday = p.monday AND d.seat = p.seat AND NOT d.is_shadow;
	IF holder IS NULL THEN
		IF EXISTS (SELECT FROM desk.duty_week w WHERE w.rotation = p.rotation AND w.monday = p.monday AND w.ends_at <= now()) THEN
			RETURN QUERY SELECT 'refused', 'That week is over.';
			RETURN;
		END IF;
		INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span) VALUES (p.rotation, p.monday, p.seat, who, 'empty');
	ELSE
		INSERT INTO desk.duty_swap (kind, rotation, monday, seat, giver, taker, reason, answer, answered_by)
		VALUES ('cover', p.rotation, p.monday, p.seat, holder, who, duty_take.reason, 'accepted', who);
	END IF;
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_take(text, text, text) IS 'Take a free seat, or with a reason that of somebody who has left or is exempt.';

CREATE FUNCTION api.duty_ride(token text, place text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_ride.token);
	p record;
BEGIN
	SELECT * INTO p FROM desk.duty_place_of(duty_ride.place);
	INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span) VALUES (p.rotation, p.monday, p.seat, true, who, 'empty');
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_ride(text, text) IS 'Ride shotgun with the one in this seat; open to all of the staff, on the roster or not.';

CREATE FUNCTION api.duty_verdict(token text, shadow text, verdict text, reason text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_verdict.token);
	p record;
BEGIN
	SELECT * INTO p FROM desk.duty_place_of(substring(duty_verdict.shadow FROM ' (.*)$'));
	INSERT INTO desk.duty_ready (rotation, staff, kind, monday, reason, said_by)
	VALUES (p.rotation, substring(duty_verdict.shadow FROM '^[0-9]{1,9}')::int, CASE WHEN verdict = 'completed' THEN 'shadow' ELSE 'again' END, p.monday, duty_verdict.reason, 'staff:' || who);
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_verdict(text, text, text, text) IS 'Say that somebody else''s shadow week (their number, a blank, its place) is completed, or with a reason that it has to be repeated.';

CREATE FUNCTION api.duty_exempt(token text, whom int, from_day text, until_day text, reason text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_exempt.token);
BEGIN
	INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason, said_by)
	VALUES (whom, desk.day_typed(duty_exempt.from_day), desk.day_typed(duty_exempt.until_day), duty_exempt.reason, 'staff:' || who);
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', CASE SQLSTATE
		WHEN 'PT409' THEN desk.sentence(SQLERRM, '')
		WHEN '23502' THEN 'Choose who, from when and until when, and say why.'
		ELSE 'An exemption ends after it begins, within a year, and has a reason of at most 500 characters.' END;
END
$$;
COMMENT ON FUNCTION api.duty_exempt(text, int, text, text, text) IS 'Enter an exemption; days as browsers send them.  Published weeks stay: they have to be swapped, or are covered.';

CREATE FUNCTION api.duty_exempt_end(token text, wanted int) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_exempt_end.token);
BEGIN
	DELETE FROM desk.duty_exemption e WHERE e.id = wanted AND e.from_day >= current_date;
	UPDATE desk.duty_exemption e SET until_day = current_date - 1, ended_by = 'staff:' || who, ended_at = now()
	WHERE e.id = wanted AND e.until_day >= current_date;
	RETURN QUERY SELECT 'done', '';
END
$$;
COMMENT ON FUNCTION api.duty_exempt_end(text, int) IS 'End an exemption before its time: they are back from today on.  One that has not begun is taken away.';

CREATE FUNCTION api.duty_join(token text, wanted text, whom int, from_day text, experienced boolean, reason text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_join.token);
	first date := coalesce(desk.day_typed(duty_join.from_day), current_date);
BEGIN
	INSERT INTO desk.roster AS o (rotation, staff, joined_on) VALUES (wanted, whom, first)
	ON CONFLICT (rotation, staff) DO UPDATE SET joined_on = excluded.joined_on, left_on = NULL, left_reason = NULL
		WHERE o.left_on IS NOT NULL;
	IF experienced THEN
		INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason, said_by)
		VALUES (wanted, whom, 'experienced', least(first, current_date), duty_join.reason, 'staff:' || who);
	END IF;
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_join(text, text, int, text, boolean, text) IS 'Put somebody on a roster; "experienced", with a reason, by another person than themselves, spares them the shadow week.';

CREATE FUNCTION api.duty_feed_make(token text, feed_token text, wanted text) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_feed_make.token);
BEGIN
	IF (SELECT count(*) FROM desk.duty_feed f WHERE f.staff = who AND f.revoked_at IS NULL) >= 5 THEN
		RAISE 'cannot make a sixth link: revoke one first' USING ERRCODE = 'PT409';
	END IF;
	INSERT INTO desk.duty_feed (token_sha256, staff, rotation) VALUES (sha256(convert_to(feed_token, 'UTF8')), who, wanted);
	RETURN QUERY SELECT 'done', '';
EXCEPTION WHEN SQLSTATE 'PT409' OR integrity_constraint_violation THEN
	RETURN QUERY SELECT 'refused', desk.duty_complaint(SQLSTATE, SQLERRM);
END
$$;
COMMENT ON FUNCTION api.duty_feed_make(text, text, text) IS 'A new link for a calendar: of one''s own weeks (NULL), or of a rotation.  Only its hash stays.';

CREATE FUNCTION api.duty_feed_end(token text, wanted int) RETURNS TABLE (outcome text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(duty_feed_end.token);
BEGIN
	UPDATE desk.duty_feed f SET revoked_at = now() WHERE f.id = wanted AND f.staff = who AND f.revoked_at IS NULL;
	RETURN QUERY SELECT 'done', '';
END
$$;
COMMENT ON FUNCTION api.duty_feed_end(text, int) IS 'Revoke one of one''s own links; somebody else''s is not touched.';

GRANT USAGE ON SCHEMA api TO desk_duty;
GRANT EXECUTE ON FUNCTION api.duty_now(), api.duty_weeks(), api.duty_feed_name(text), api.duty_feed(text),
	api.duty_desk(text), api.duty_mine(text), api.duty_choices(text), api.duty_offers(text),
	api.duty_roster(text), api.duty_absent(text), api.duty_exemptions(text), api.duty_feeds(text),
	api.duty_history(text), api.duty_ask(text, text, text, text), api.duty_answer(text, int, text), api.duty_take(text, text, text),
	api.duty_ride(text, text), api.duty_verdict(text, text, text, text), api.duty_exempt(text, int, text, text, text),
	api.duty_exempt_end(text, int),
	api.duty_join(text, text, int, text, boolean, text), api.duty_feed_make(text, text, text), api.duty_feed_end(text, int) TO desk_duty;
