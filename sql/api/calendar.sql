-- Business time for psql and reports, for desk_calendar and desk_report:
--
--	business_add(calendar, at, seconds)	when so much open time has passed
--	business_between(calendar, a, b)	open time between, in seconds
--	next_open(calendar, at)			now, or the next opening
--
-- And what the command calendar may call besides, as role desk_calendar:
--
--	calendar_check()			a line and a status each
--	calendar_show(calendar, day)		its hours and next openings
--	calendar_holidays(calendar, days, names)  note holidays
--	calendar_renew()			lay all of them out anew
--
-- Nothing in a calendar is private.  The grants stand at the end.

CREATE FUNCTION api.business_add(calendar text, at timestamptz, seconds numeric) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.business_add(desk.calendar_named(calendar), at, seconds);
END
$$;
COMMENT ON FUNCTION api.business_add(text, timestamptz, numeric) IS 'The earliest instant with so many seconds of open time since "at"; with 0 the next opening.  A due time at closing is that of closing.  PT404 without such a calendar, PT409 where it is not laid out.';

CREATE FUNCTION api.business_between(calendar text, a timestamptz, b timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.business_between(desk.calendar_named(calendar), a, b);
END
$$;
COMMENT ON FUNCTION api.business_between(text, timestamptz, timestamptz) IS 'Seconds of open time from a to b; negative when b is before a.  PT404 without such a calendar, PT409 where it is not laid out.';

CREATE FUNCTION api.next_open(calendar text, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.next_open(desk.calendar_named(calendar), at);
END
$$;
COMMENT ON FUNCTION api.next_open(text, timestamptz) IS 'The instant itself if the calendar is open then, else its next opening.  PT404 without such a calendar, PT409 where it is not laid out.';

CREATE FUNCTION api.calendar_check()
RETURNS TABLE (status int, line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.calendar;
	v desk.calendar_version;
	fault text;
	off_at timestamptz;
	last_holiday date;
BEGIN
	FOR c IN SELECT * FROM desk.calendar x ORDER BY x.name LOOP
		SELECT * INTO v FROM desk.calendar_version x WHERE x.calendar = c.id AND x.valid_from <= now() ORDER BY x.valid_from DESC LIMIT 1;
		SELECT max(h.day) INTO last_holiday FROM desk.holiday h WHERE h.calendar = c.id;
		BEGIN
			fault := desk.calendar_fault(c.id);
			off_at := desk.calendar_differs(c.id);
		EXCEPTION WHEN OTHERS THEN
			fault := SQLERRM; -- a zone that the system knows no more
		END;
		status := 2;
		IF fault IS NOT NULL THEN
			line := format('calendar "%s" %s', c.name, fault);
		ELSIF off_at IS NOT NULL THEN
			line := format('calendar "%s" is not what its hours and the clocks of its zone make it from %s on: '
				'calendar --renew lays it out anew', c.name, desk.utc(off_at));
		ELSIF c.laid_until < now() + interval '365 days' THEN
			line := format('calendar "%s" is laid out until %s only: does slacheck run?', c.name, desk.utc(c.laid_until));
		ELSIF last_holiday < current_date + 60 THEN
			status := 1;
			line := format('calendar "%s" knows no holiday after %s', c.name, last_holiday);
		ELSE
			status := 0;
			line := format('calendar "%s": %s, %s; laid out until %s', c.name, coalesce(v.zone, 'not in force yet'),
				coalesce(desk.hours_words(v.id), 'no hours'), desk.utc(c.laid_until));
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION api.calendar_check() IS 'A line for each calendar and how it is: 0 well, 1 its holidays come to an end, 2 it is wrong or was not renewed.';

CREATE FUNCTION api.calendar_show(calendar text, since date)
RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cal int := desk.calendar_named(calendar);
	v desk.calendar_version;
	first timestamptz;
BEGIN
	SELECT * INTO v FROM desk.calendar_version x WHERE x.calendar = cal AND x.valid_from <= coalesce(since::timestamptz, now())
	ORDER BY x.valid_from DESC LIMIT 1;
	IF NOT FOUND THEN
		SELECT * INTO v FROM desk.calendar_version x WHERE x.calendar = cal ORDER BY x.valid_from LIMIT 1;
	END IF;
	first := coalesce(desk.local_instant(v.zone, since, 0), now());
	RETURN QUERY SELECT format('%s, in %s: %s', c.label, v.zone, desk.hours_words(v.id)) FROM desk.calendar c WHERE c.id = cal
	UNION ALL SELECT '';
	RETURN QUERY SELECT format('%s to %s  %s', to_char(x.here, 'Dy YYYY-MM-DD HH24:MI'),
			to_char(x.there, CASE WHEN x.there::date = x.here::date THEN 'HH24:MI' ELSE 'Dy YYYY-MM-DD HH24:MI' END),
			desk.span_words(extract(epoch FROM x.closes - x.opens)))
	FROM (SELECT s.opens, s.closes, s.opens AT TIME ZONE z.zone AS here, s.closes AT TIME ZONE z.zone AS there
		FROM desk.calendar_span s, LATERAL (SELECT y.zone FROM desk.calendar_version y
			WHERE y.calendar = cal AND y.valid_from <= s.opens ORDER BY y.valid_from DESC LIMIT 1) z
		WHERE s.calendar = cal AND s.closes > first AND s.opens < s.closes
		ORDER BY s.opens LIMIT 14) x
	ORDER BY x.opens;
	RETURN QUERY SELECT ''::text WHERE EXISTS (SELECT FROM desk.holiday h WHERE h.calendar = cal)
		OR EXISTS (SELECT FROM desk.calendar_override o WHERE o.calendar = cal);
	RETURN QUERY SELECT x.line FROM (
		SELECT h.day, format('%s  closed: %s', to_char(h.day, 'Dy YYYY-MM-DD'), h.name) AS line FROM desk.holiday h WHERE h.calendar = cal
		UNION ALL
		SELECT o.day, format('%s  %s: %s', to_char(o.day, 'Dy YYYY-MM-DD'),
			coalesce((SELECT string_agg(left(r.opens::text, 5) || '-' || left(r.closes::text, 5), ' ' ORDER BY r.opens)
				FROM desk.calendar_override_range r WHERE r.calendar = cal AND r.day = o.day), 'closed'), o.name)
		FROM desk.calendar_override o WHERE o.calendar = cal
			AND NOT EXISTS (SELECT FROM desk.holiday h WHERE h.calendar = cal AND h.day = o.day)) x
	WHERE x.day >= (first AT TIME ZONE v.zone)::date ORDER BY x.day LIMIT 20;
END
$$;
COMMENT ON FUNCTION api.calendar_show(text, date) IS 'A calendar to be read: its hours, its next 14 openings from a date or from now in local time, its next holidays and other hours.  PT404 without such a calendar.';

CREATE FUNCTION api.calendar_holidays(calendar text, days date[], names text[])
RETURNS TABLE (added int, known int, past int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cal int := desk.calendar_named(calendar);
	is_used boolean := desk.calendar_used(cal);
	today date;
BEGIN
	PERFORM FROM desk.calendar c WHERE c.id = cal FOR NO KEY UPDATE;
	SELECT (now() AT TIME ZONE v.zone)::date INTO today FROM desk.calendar_version v
	WHERE v.calendar = cal AND v.valid_from <= now() ORDER BY v.valid_from DESC LIMIT 1;
	past := 0;
	IF is_used THEN
		SELECT count(DISTINCT d)::int INTO past FROM unnest(days) d
		WHERE d < today AND NOT EXISTS (SELECT FROM desk.holiday h WHERE h.calendar = cal AND h.day = d);
	END IF;
	WITH new AS (
		INSERT INTO desk.holiday (calendar, day, name)
		SELECT DISTINCT ON (u.day) cal, u.day, coalesce(nullif(btrim(left(regexp_replace(desk.visible(u.name), '\s+', ' ', 'g'), 200)), ''), 'Holiday')
		FROM unnest(days, names) WITH ORDINALITY AS u (day, name, place)
		WHERE (NOT is_used OR u.day >= today)
			AND NOT EXISTS (SELECT FROM desk.holiday h WHERE h.calendar = cal AND h.day = u.day)
		ORDER BY u.day, u.place
		RETURNING 1)
	SELECT count(*)::int INTO added FROM new;
	known := (SELECT count(DISTINCT d)::int FROM unnest(days) d) - added - past;
	-- Now, with our rights: at the end of the transaction the caller's hold.
	IF added > 0 THEN
		SET CONSTRAINTS desk.calendar_settle IMMEDIATE;
		SET CONSTRAINTS desk.calendar_settle DEFERRED;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.calendar_holidays(text, date[], text[]) IS 'Notes holidays and lays the calendar out anew.  Dates that are known already keep their name; dates that are over are left out once promises were measured with the calendar.  How many there were of each.  PT404 without such a calendar, PT409 if it would never open.';

CREATE FUNCTION api.calendar_renew()
RETURNS TABLE (line text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.calendar;
BEGIN
	FOR c IN SELECT * FROM desk.calendar x ORDER BY x.id LOOP
		IF desk.calendar_lay(c.id, false) THEN
			line := format('calendar "%s" has changed', c.name);
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION api.calendar_renew() IS 'Lays all calendars out anew from now on, after the system has learnt of new clock changes; open promises follow.  A line for each that has changed.';

GRANT USAGE ON SCHEMA api TO desk_calendar, desk_report;
GRANT EXECUTE ON FUNCTION
	api.business_add(text, timestamptz, numeric),
	api.business_between(text, timestamptz, timestamptz),
	api.next_open(text, timestamptz)
TO desk_calendar, desk_report;
GRANT EXECUTE ON FUNCTION
	api.calendar_check(),
	api.calendar_show(text, date),
	api.calendar_holidays(text, date[], text[]),
	api.calendar_renew()
TO desk_calendar;
