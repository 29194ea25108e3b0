-- Who is on duty, who is next, and how a week is planned.
--
-- A week of duty runs from Monday's hand-over to the next, at the local time
-- and in the zone of its rotation; desk.local_instant() makes instants of
-- these.  A seat's holder who has left, or is exempt, is not on duty: the
-- seat counts as free until somebody covers it.

CREATE OR REPLACE FUNCTION desk.duty_handover(wanted text, monday date) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
	SELECT desk.local_instant(r.zone, monday, (extract(hour FROM r.handover) * 60 + extract(minute FROM r.handover))::int)
	FROM desk.rotation r WHERE r.name = wanted);
END
$$;
COMMENT ON FUNCTION desk.duty_handover(text, date) IS 'The instant at which a rotation''s week begins, by the Monday that names it.';

CREATE OR REPLACE FUNCTION desk.duty_monday(wanted text, at timestamptz) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	monday date;
BEGIN
	SELECT w.monday INTO monday FROM desk.duty_week w
	WHERE w.rotation = wanted AND w.starts_at <= at AND w.ends_at > at;
	IF FOUND THEN
		RETURN monday;
	END IF;
	SELECT date_trunc('week', at AT TIME ZONE r.zone)::date INTO monday FROM desk.rotation r WHERE r.name = wanted;
	RETURN CASE WHEN desk.duty_handover(wanted, monday) > at THEN monday - 7 ELSE monday END;
END
$$;
COMMENT ON FUNCTION desk.duty_monday(text, timestamptz) IS 'The Monday of the week of duty that an instant falls into, published or not; before Monday''s hand-over it is still the week before.  NULL for an unknown rotation.';

CREATE OR REPLACE FUNCTION desk.duty_away(who int, from_day date, until_day date) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN NOT EXISTS (SELECT FROM desk.staff s WHERE s.id = who AND s.active)
		OR EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = who AND e.from_day <= duty_away.until_day AND e.until_day >= duty_away.from_day);
END
$$;
COMMENT ON FUNCTION desk.duty_away(int, date, date) IS 'Has this person left, or are they exempt on one of these days?';

CREATE OR REPLACE FUNCTION desk.on_duty(wanted text, at timestamptz)
RETURNS TABLE (staff int, seat smallint, is_shadow boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT d.staff, d.seat, d.is_shadow
	FROM desk.duty_seat d JOIN desk.rotation r ON r.name = d.rotation JOIN desk.staff s ON s.id = d.staff AND s.active
	WHERE (wanted IS NULL OR d.rotation = wanted) AND d.span @> at
	  AND NOT EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = d.staff AND (at AT TIME ZONE r.zone)::date BETWEEN e.from_day AND e.until_day)
	ORDER BY d.is_shadow, d.seat, d.rotation;
END
$$;
COMMENT ON FUNCTION desk.on_duty(text, timestamptz) IS 'Who is on duty at an instant, the first to be asked first, and then who rides shotgun.  NULL: in any rotation.  Nobody who has left or is exempt that day.';

CREATE OR REPLACE FUNCTION desk.duty_chain(wanted text, at timestamptz)
RETURNS TABLE (place int, staff int, role text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT (row_number() OVER (ORDER BY f.rank))::int, f.staff, f.role
	FROM (
		SELECT DISTINCT ON (x.staff) x.staff, x.role, x.rank
		FROM (
			SELECT d.staff, 'on duty' AS role, row_number() OVER () AS rank
			FROM desk.on_duty(wanted, at) d WHERE NOT d.is_shadow
			UNION ALL
			SELECT r.lead, 'lead', 1000 FROM desk.rotation r WHERE wanted IS NULL OR r.name = wanted
			UNION ALL
			SELECT r.manager, 'manager', 1001 FROM desk.rotation r WHERE wanted IS NULL OR r.name = wanted
		) x JOIN desk.staff s ON s.id = x.staff AND s.active
		ORDER BY x.staff, x.rank
	) f
	ORDER BY f.rank;
END
$$;
COMMENT ON FUNCTION desk.duty_chain(text, timestamptz) IS 'Whom to ask, one after the other: those on duty by their seats, the lead, the manager; nobody twice, and nobody who has left.';

-- Gaps ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.duty_gaps()
RETURNS TABLE (rotation text, label text, monday date, people int, minimum int, is_now boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- asked each minute and with each queue: one query that calls little
	RETURN QUERY
	WITH used AS MATERIALIZED (
		SELECT r.*, desk.duty_monday(r.name, now()) AS this, (now() AT TIME ZONE r.zone)::date AS today
		FROM desk.rotation r WHERE EXISTS (SELECT FROM desk.roster o WHERE o.rotation = r.name)
	)
	SELECT u.name, u.label, u.this + 7 * i, count(d.staff)::int, u.minimum::int, i = 0
	FROM used u CROSS JOIN generate_series(0, 6) i
	LEFT JOIN (desk.duty_seat d JOIN desk.staff s ON s.id = d.staff AND s.active)
		ON d.rotation = u.name AND d.monday = u.this + 7 * i AND NOT d.is_shadow
		AND NOT EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = d.staff
			AND e.from_day <= CASE i WHEN 0 THEN u.today ELSE d.monday + 6 END
			AND e.until_day >= CASE i WHEN 0 THEN u.today ELSE d.monday END)
	GROUP BY u.name, u.label, u.this, u.minimum, i
	HAVING count(d.staff) < u.minimum
	ORDER BY u.name, i;
END
$$;
COMMENT ON FUNCTION desk.duty_gaps() IS 'This week and the six that follow, where fewer people are on duty than the rotation''s minimum.  A rotation whose roster never had anybody is not in use and has no gaps.';

CREATE OR REPLACE FUNCTION desk.duty_gap_words(people int, minimum int, is_now boolean, monday date) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN people = 0 THEN 'nobody' WHEN people = 1 THEN 'one person' ELSE people || ' people' END
	|| CASE WHEN people = 0 AND minimum = 1 THEN '' ELSE ' instead of ' || minimum END
	|| ' on duty ' || CASE WHEN is_now THEN 'now' ELSE 'in the week of ' || to_char(monday, 'FMDD Mon YYYY') END;
COMMENT ON FUNCTION desk.duty_gap_words(int, int, boolean, date) IS 'A gap in words: "one person instead of 2 on duty now".';

CREATE OR REPLACE FUNCTION desk.duty_status() RETURNS TABLE (is_short boolean, is_empty boolean, words text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT count(*) > 0, coalesce(bool_or(g.is_now AND g.people = 0), false),
		CASE WHEN count(*) > 0 THEN string_agg(g.label || ': ' || desk.duty_gap_words(g.people, g.minimum, g.is_now, g.monday), '; ' ORDER BY g.rotation, g.monday)
		WHEN EXISTS (SELECT FROM desk.roster) THEN 'enough people on duty'
		ELSE 'no roster yet' END
	FROM desk.duty_gaps() g;
END
$$;
COMMENT ON FUNCTION desk.duty_status() IS 'One row: is this week, or one of the six that follow, short of its minimum; is nobody on duty now; and that in words.';

CREATE OR REPLACE FUNCTION desk.duty_names(wanted text, of_monday date, shadows boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
	SELECT string_agg(s.name, ', ' ORDER BY d.seat)
	FROM desk.duty_seat d JOIN desk.staff s ON s.id = d.staff AND s.active
	WHERE d.rotation = wanted AND d.monday = of_monday AND d.is_shadow = shadows
	  AND NOT EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = d.staff AND e.from_day <= d.monday + 6 AND e.until_day >= d.monday));
END
$$;
COMMENT ON FUNCTION desk.duty_names(text, date, boolean) IS 'The names in the seats of a week, or of those who ride shotgun; NULL for nobody.';

CREATE OR REPLACE FUNCTION desk.duty_now_names(wanted text, shadows boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
	SELECT string_agg(s.name, ', ' ORDER BY d.seat)
	FROM desk.on_duty(wanted, now()) d JOIN desk.staff s ON s.id = d.staff WHERE d.is_shadow = shadows);
END
$$;
COMMENT ON FUNCTION desk.duty_now_names(text, boolean) IS 'The names of those on duty now, or of those who ride shotgun; NULL for nobody.';

CREATE OR REPLACE FUNCTION desk.duty_next(wanted text) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.duty_monday(wanted, now()) + 7;
END
$$;
COMMENT ON FUNCTION desk.duty_next(text) IS 'The Monday of the week after this one.';

CREATE OR REPLACE FUNCTION desk.duty_line() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT string_agg(CASE WHEN x.several THEN x.label || ': on duty: ' ELSE 'On duty: ' END
		|| coalesce(desk.duty_now_names(x.name, false), 'nobody')
		|| ' / riding shotgun: ' || coalesce(desk.duty_now_names(x.name, true), 'nobody')
		|| ' / next: ' || coalesce(desk.duty_names(x.name, desk.duty_next(x.name), false), 'nobody'), '; ' ORDER BY x.name)
	FROM (SELECT r.name, r.label, count(*) OVER () > 1 AS several FROM desk.rotation r
		WHERE EXISTS (SELECT FROM desk.roster o WHERE o.rotation = r.name)) x);
END
$$;
COMMENT ON FUNCTION desk.duty_line() IS 'One line for the queue: who is on duty, who rides shotgun, who is next.  NULL while no rotation has a roster.';

-- Planning --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.duty_may(wanted text, who int, monday date) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
	SELECT r.id FROM desk.duty_ready r
	WHERE r.rotation = wanted AND r.staff = who AND r.is_ready
	  AND coalesce(r.monday, r.since - 7) < duty_may.monday
	ORDER BY r.id LIMIT 1);
END
$$;
COMMENT ON FUNCTION desk.duty_may(text, int, date) IS 'Why this person may be on duty in this week: the row of desk.duty_ready; NULL when they may not.';

-- Half a year is January to June, or July to December, by the Mondays.
CREATE OR REPLACE FUNCTION desk.half_year(day date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN make_date(extract(year FROM day)::int, CASE WHEN extract(month FROM day) < 7 THEN 1 ELSE 7 END, 1);
COMMENT ON FUNCTION desk.half_year(date) IS 'The first day of the half-year of a day.';

CREATE OR REPLACE FUNCTION desk.duty_candidates(wanted text, of_monday date, over tstzrange)
RETURNS TABLE (staff int, ready bigint, served bigint, share numeric, last_monday date, shadowed bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT o.staff, desk.duty_may(wanted, o.staff, of_monday), n.served, n.served::numeric / greatest(a.weeks, 1), n.last_monday, n.shadowed
	FROM desk.roster o, LATERAL (
		-- their turns so far, this half-year
		SELECT count(*) FILTER (WHERE NOT d.is_shadow AND d.monday >= desk.half_year(of_monday)
				AND d.monday < desk.half_year(of_monday) + interval '6 months') AS served,
			max(d.monday) FILTER (WHERE NOT d.is_shadow AND d.monday <> of_monday) AS last_monday,
			count(*) FILTER (WHERE d.is_shadow) AS shadowed
		FROM desk.duty_seat d WHERE d.rotation = wanted AND d.staff = o.staff
	) n, LATERAL (
		-- the weeks of this half-year in which it could have been their turn
		SELECT count(*) + 1 AS weeks FROM desk.duty_week w
		WHERE w.rotation = wanted AND w.monday >= desk.half_year(of_monday) AND w.monday < of_monday
		  AND o.joined_on <= w.monday
		  AND NOT EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = o.staff AND e.from_day <= w.monday + 6 AND e.until_day >= w.monday)
	) a
	WHERE o.rotation = wanted
	  AND o.joined_on <= greatest(of_monday, least(current_date, of_monday + 6))
	  AND (o.left_on IS NULL OR o.left_on >= of_monday + 7)
	  AND NOT desk.duty_away(o.staff, of_monday, of_monday + 6)
	  AND NOT EXISTS (SELECT FROM desk.duty_seat d WHERE d.staff = o.staff AND d.span && over);
END
$$;
COMMENT ON FUNCTION desk.duty_candidates(text, date, tstzrange) IS 'Who of the roster could be on duty in a week: active, not exempt, without another duty; with the turns they had this half-year, as a share of the weeks in which they could have had one.  ready is NULL for who has yet to ride shotgun.';

CREATE OR REPLACE FUNCTION desk.duty_fill(wanted text, weeks int, since date DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r desk.rotation;
	first date;
	of_monday date;
	over tstzrange;
	chosen int[];
	done int := 0;
	s record;
BEGIN
	SELECT * INTO r FROM desk.rotation WHERE name = wanted;
	IF NOT FOUND THEN
		RAISE 'there is no rotation "%"', wanted USING ERRCODE = 'PT404';
	END IF;
	IF weeks IS NULL OR weeks NOT BETWEEN 0 AND 520 THEN
		RAISE 'cannot plan % weeks: it is 0 to 520', weeks USING ERRCODE = 'PT409';
	END IF;
	-- Planners wait for each other; a lock of a row would be a write.
	PERFORM pg_advisory_xact_lock(hashtextextended('desk.duty_fill', 0));
	first := date_trunc('week', coalesce(since, desk.duty_monday(wanted, now())))::date;
	FOR i IN 0..weeks LOOP
		of_monday := first + 7 * i;
		CONTINUE WHEN EXISTS (SELECT FROM desk.duty_week w WHERE w.rotation = wanted AND w.monday = of_monday);
		over := tstzrange(desk.duty_handover(wanted, of_monday), desk.duty_handover(wanted, of_monday + 7));
		-- the smallest share first; of equals who waits longest; the order
		-- is whole, so the same desk always gets the same plan
		SELECT array_agg(c.staff ORDER BY c.place) INTO chosen FROM (
			SELECT x.staff, row_number() OVER (ORDER BY x.share, x.last_monday NULLS FIRST, x.staff) AS place
			FROM desk.duty_candidates(wanted, of_monday, over) x WHERE x.ready IS NOT NULL
			ORDER BY place LIMIT r.seats) c;
		-- nobody: not published, so that it can be planned when there is
		CONTINUE WHEN chosen IS NULL;
		INSERT INTO desk.duty_week (rotation, monday, starts_at, ends_at)
		VALUES (wanted, of_monday, lower(over), upper(over));
		INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span)
		SELECT wanted, of_monday, c.place, c.staff, over FROM unnest(chosen) WITH ORDINALITY c (staff, place);
		-- who has never ridden shotgun does, with the most experienced
		-- first; one more time when the last one has to be repeated
		FOR s IN
			SELECT n.staff, p.seat FROM (
				SELECT x.staff, row_number() OVER (ORDER BY o.joined_on, x.staff) AS place
				FROM desk.duty_candidates(wanted, of_monday, over) x
				JOIN desk.roster o ON o.rotation = wanted AND o.staff = x.staff
				WHERE x.ready IS NULL AND desk.duty_may(wanted, x.staff, '9999-12-27') IS NULL
				  AND x.shadowed <= (SELECT count(*) FROM desk.duty_ready y WHERE y.rotation = wanted AND y.staff = x.staff AND y.kind = 'again')
			) n JOIN (
				SELECT d.seat, row_number() OVER (ORDER BY (SELECT count(*) FROM desk.duty_seat e
					WHERE e.staff = d.staff AND e.rotation = wanted AND NOT e.is_shadow AND e.monday < of_monday) DESC, d.seat) AS place
				FROM desk.duty_seat d WHERE d.rotation = wanted AND d.monday = of_monday AND NOT d.is_shadow
			) p USING (place)
		LOOP
			INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span)
			VALUES (wanted, of_monday, s.seat, true, s.staff, over);
		END LOOP;
		done := done + 1;
	END LOOP;
	RETURN done;
END
$$;
COMMENT ON FUNCTION desk.duty_fill(text, int, date) IS 'Plan and publish the weeks of a rotation from this one (or the one of "since") up to so many weeks after it, as far as they are not published yet; how many it published.  Fewest turns of the half-year first; who is exempt or has left is passed over; newcomers ride shotgun.  A published week is never touched.';

CREATE OR REPLACE FUNCTION desk.duty_tell(r desk.rotation, gaps text, is_empty boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	title text := CASE WHEN is_empty THEN 'Nobody is on duty: ' ELSE 'Too few people on duty: ' END || r.label;
	words text := r.label || E':\n' || gaps || E'\n\nSomebody can take a free seat here: {URL}/staff/duty';
	whom int;
	told boolean := false;
BEGIN
	FOR whom IN SELECT s.id FROM desk.staff s JOIN desk.staff_contact c ON c.staff = s.id AND c.mail IS NOT NULL
		WHERE s.active AND s.id IN (r.lead, r.manager) ORDER BY s.id LOOP
		PERFORM desk.mail_urgent('alarm', NULL, whom, title, words);
		told := true;
	END LOOP;
	IF NOT told THEN
		PERFORM desk.mail_urgent('alarm', NULL, NULL, title, words);
	END IF;
	IF is_empty THEN
		PERFORM desk.hook_send('duty.empty', NULL, jsonb_build_object('summary', title, 'rotation', r.name, 'words', gaps), format('duty-%s-%s', r.name, desk.utc(now())), true);
	END IF;
END
$$;
COMMENT ON FUNCTION desk.duty_tell(desk.rotation, text, boolean) IS 'Tell the lead and the manager of a rotation, or who else can be reached, that it has too few people.';

CREATE OR REPLACE FUNCTION desk.duty_watch() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r desk.rotation;
	told int := 0;
	fresh text;
	fresh_empty boolean;
BEGIN
	-- this week and six more
	FOR r IN SELECT * FROM desk.rotation x
		WHERE EXISTS (SELECT FROM desk.roster o WHERE o.rotation = x.name)
		  AND (SELECT count(*) FROM desk.duty_week w WHERE w.rotation = x.name
			AND w.ends_at > now() AND w.starts_at <= now() + interval '42 days') < 7
		ORDER BY x.name
	LOOP
		PERFORM desk.duty_fill(r.name, r.ahead);
	END LOOP;
	IF NOT EXISTS (SELECT FROM desk.duty_gaps()) AND NOT EXISTS (SELECT FROM desk.duty_alarm a WHERE a.over_at IS NULL) THEN
		RETURN 0;
	END IF;
	FOR r IN SELECT * FROM desk.rotation x
		WHERE EXISTS (SELECT FROM desk.roster o WHERE o.rotation = x.name) ORDER BY x.name
	LOOP
		UPDATE desk.duty_alarm a SET over_at = now()
		WHERE a.rotation = r.name AND a.over_at IS NULL
		  AND NOT EXISTS (SELECT FROM desk.duty_gaps() g WHERE g.rotation = a.rotation AND g.monday = a.monday
			AND (a.kind = 'short' OR g.is_now AND g.people = 0));
		-- Two checkers at once: what the other one has noted is not ours.
		WITH gap AS (
			SELECT g.monday, CASE WHEN g.is_now AND g.people = 0 THEN 'empty' ELSE 'short' END AS kind,
				desk.duty_gap_words(g.people, g.minimum, g.is_now, g.monday) AS words
			FROM desk.duty_gaps() g WHERE g.rotation = r.name
		), noted AS (
			INSERT INTO desk.duty_alarm (rotation, kind, monday)
			SELECT r.name, g.kind, g.monday FROM gap g
			WHERE NOT EXISTS (SELECT FROM desk.duty_alarm a WHERE a.rotation = r.name AND a.kind = g.kind
				AND a.monday = g.monday AND a.over_at IS NULL)
			ON CONFLICT (rotation, kind, monday) WHERE over_at IS NULL DO NOTHING
			RETURNING kind, monday
		)
		SELECT string_agg('- ' || g.words, E'\n' ORDER BY g.monday), bool_or(g.kind = 'empty') INTO fresh, fresh_empty
		FROM gap g JOIN noted n USING (kind, monday);
		IF fresh IS NOT NULL THEN
			PERFORM desk.duty_tell(r, fresh, fresh_empty);
			told := told + 1;
		END IF;
	END LOOP;
	RETURN told;
END
$$;
COMMENT ON FUNCTION desk.duty_watch() IS 'For slacheck: plan ahead where fewer than six weeks are published, and tell of weeks with too few people, each once; how many rotations it told of.  Writes nothing when there is nothing to plan or to tell.';

-- Rules -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.rotation_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = NEW.zone) THEN
		RAISE 'there is no time zone "%"', NEW.zone USING ERRCODE = 'PT409', COLUMN = 'zone';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.rotation_check() IS 'A rotation''s zone is one of the IANA zones that the server knows.';
CREATE OR REPLACE TRIGGER rotation_check BEFORE INSERT OR UPDATE OF zone ON desk.rotation
	FOR EACH ROW EXECUTE FUNCTION desk.rotation_check();

CREATE OR REPLACE FUNCTION desk.rotation_moved() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d record;
BEGIN
	UPDATE desk.duty_week w SET
		starts_at = CASE WHEN w.starts_at > now() THEN desk.duty_handover(w.rotation, w.monday) ELSE w.starts_at END,
		ends_at = desk.duty_handover(w.rotation, w.monday + 7)
	WHERE w.rotation = NEW.name AND w.ends_at > now();
	-- who has two weeks in a row must not have both for an hour: when
	-- hand-overs move to later the last week moves first
	FOR d IN
		SELECT x.uid FROM desk.duty_seat x JOIN desk.duty_week w USING (rotation, monday)
		WHERE x.rotation = NEW.name AND x.span <> tstzrange(w.starts_at, w.ends_at)
		ORDER BY extract(epoch FROM w.starts_at) * sign(extract(epoch FROM upper(x.span) - w.ends_at))
	LOOP
		UPDATE desk.duty_seat SET span = 'empty' WHERE uid = d.uid;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.rotation_moved() IS 'Another zone or hand-over moves the hand-overs that are still to come, in calendars too.  After an update of the zone files, "UPDATE desk.rotation SET zone = zone" does the same.';
CREATE OR REPLACE TRIGGER rotation_moved AFTER UPDATE OF zone, handover ON desk.rotation
	FOR EACH ROW EXECUTE FUNCTION desk.rotation_moved();

CREATE OR REPLACE FUNCTION desk.duty_week_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		NEW.starts_at := desk.duty_handover(NEW.rotation, NEW.monday);
		NEW.ends_at := desk.duty_handover(NEW.rotation, NEW.monday + 7);
		RETURN NEW;
	END IF;
	IF (NEW.rotation, NEW.monday, NEW.published_at) IS DISTINCT FROM (OLD.rotation, OLD.monday, OLD.published_at)
	OR NEW.starts_at NOT IN (OLD.starts_at, desk.duty_handover(NEW.rotation, NEW.monday))
	OR NEW.ends_at NOT IN (OLD.ends_at, desk.duty_handover(NEW.rotation, NEW.monday + 7)) THEN
		RAISE 'cannot change the published week of %: its times are those of its rotation', OLD.monday USING ERRCODE = 'PT409';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.duty_week_check() IS 'A week''s times are made from its rotation''s zone and hand-over.';
CREATE OR REPLACE TRIGGER duty_week_check BEFORE INSERT OR UPDATE ON desk.duty_week
	FOR EACH ROW EXECUTE FUNCTION desk.duty_week_check();

CREATE OR REPLACE FUNCTION desk.duty_seat_holder(d desk.duty_seat, w desk.duty_week) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := (SELECT s.name FROM desk.staff s WHERE s.id = d.staff);
	other text;
BEGIN
	IF NOT d.is_shadow AND d.ready IS NULL THEN
		RAISE '% cannot be on duty without a completed shadow week', coalesce(name, d.staff::text)
			USING ERRCODE = 'PT409', COLUMN = 'staff';
	END IF;
	SELECT coalesce(r.label, x.rotation) || ', ' || to_char(x.monday, 'FMDD Mon YYYY') INTO other
	FROM desk.duty_seat x JOIN desk.rotation r ON r.name = x.rotation
	WHERE x.staff = d.staff AND x.span && d.span AND x.uid <> d.uid;
	IF FOUND THEN
		RAISE '% cannot be on two duties at once: there is "%"', name, other USING ERRCODE = 'PT409', COLUMN = 'staff';
	END IF;
	IF w.ends_at > now() AND desk.duty_away(d.staff, greatest(d.monday, least(current_date, d.monday + 6)), d.monday + 6) THEN
		RAISE '% cannot be on duty in the week of %: they have left, or are exempt', name, d.monday
			USING ERRCODE = 'PT409', COLUMN = 'staff';
	END IF;
END
$$;
COMMENT ON FUNCTION desk.duty_seat_holder(desk.duty_seat, desk.duty_week) IS 'Refuses (PT409) a holder who has no completed shadow week, has another duty at that time, has left, or is exempt.';

CREATE OR REPLACE FUNCTION desk.duty_seat_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w desk.duty_week;
BEGIN
	SELECT * INTO w FROM desk.duty_week x WHERE x.rotation = NEW.rotation AND x.monday = NEW.monday;
	IF NOT FOUND THEN
		RAISE 'there is no published week of % in the rotation "%"', NEW.monday, NEW.rotation USING ERRCODE = 'PT409', COLUMN = 'monday';
	END IF;
	NEW.span := tstzrange(w.starts_at, w.ends_at);
	IF NOT NEW.is_shadow AND (TG_OP = 'INSERT' OR NEW.staff <> OLD.staff) THEN
		NEW.ready := desk.duty_may(NEW.rotation, NEW.staff, NEW.monday);
	END IF;
	IF TG_OP = 'INSERT' THEN
		IF NOT NEW.is_shadow AND NEW.seat > (SELECT r.seats FROM desk.rotation r WHERE r.name = NEW.rotation) THEN
			RAISE 'there is no seat % in the rotation "%"', NEW.seat, NEW.rotation USING ERRCODE = 'PT409', COLUMN = 'seat';
		END IF;
		-- only imports know of duty that was; nobody learns in a week that is over
		IF NEW.is_shadow AND w.ends_at <= now() THEN
			RAISE 'cannot ride shotgun in the week of %: it is over', NEW.monday USING ERRCODE = 'PT409', COLUMN = 'monday';
		END IF;
		IF NEW.is_shadow AND NOT EXISTS (SELECT FROM desk.duty_seat x WHERE x.rotation = NEW.rotation
		    AND x.monday = NEW.monday AND x.seat = NEW.seat AND NOT x.is_shadow) THEN
			RAISE 'there is nobody in seat % to ride with', NEW.seat USING ERRCODE = 'PT409', COLUMN = 'seat';
		END IF;
		NEW.sequence := 0;
		NEW.swap := NULL;
		NEW.changed_at := now();
		PERFORM desk.duty_seat_holder(NEW, w);
		RETURN NEW;
	END IF;
	IF (NEW.rotation, NEW.monday, NEW.seat, NEW.is_shadow, NEW.uid) IS DISTINCT FROM
	    (OLD.rotation, OLD.monday, OLD.seat, OLD.is_shadow, OLD.uid) THEN
		RAISE 'cannot make one seat into another' USING ERRCODE = 'PT409';
	END IF;
	IF NEW.staff = OLD.staff THEN
		NEW.ready := OLD.ready;
		NEW.swap := OLD.swap;
	ELSE
		IF w.ends_at <= now() THEN
			RAISE 'cannot change the week of %: it is over', NEW.monday USING ERRCODE = 'PT409';
		END IF;
		-- each swap moves each seat once
		IF NOT EXISTS (SELECT FROM desk.duty_swap s WHERE s.id = NEW.swap AND s.answer = 'accepted' AND s.rotation = NEW.rotation AND NOT NEW.is_shadow
			AND ((s.monday, s.seat, s.giver, s.taker) = (NEW.monday, NEW.seat, OLD.staff, NEW.staff)
			  OR (s.return_monday, s.return_seat, s.taker, s.giver) = (NEW.monday, NEW.seat, OLD.staff, NEW.staff)))
		OR EXISTS (SELECT FROM desk.duty_change c WHERE c.swap = NEW.swap AND c.uid = NEW.uid) THEN
			RAISE 'cannot give the week of % to somebody else without a swap that both have agreed to', NEW.monday USING ERRCODE = 'PT409';
		END IF;
		PERFORM desk.duty_seat_holder(NEW, w);
	END IF;
	NEW.sequence := OLD.sequence + CASE WHEN NEW.staff <> OLD.staff OR NEW.span <> OLD.span THEN 1 ELSE 0 END;
	NEW.changed_at := CASE WHEN NEW.sequence > OLD.sequence THEN now() ELSE OLD.changed_at END;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.duty_seat_check() IS 'A seat belongs to a published week and changes hands only by a swap or a cover.  Who may hold one: desk.duty_seat_holder().';
CREATE OR REPLACE TRIGGER duty_seat_check BEFORE INSERT OR UPDATE ON desk.duty_seat
	FOR EACH ROW EXECUTE FUNCTION desk.duty_seat_check();

CREATE OR REPLACE FUNCTION desk.duty_seat_gone() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT OLD.is_shadow THEN
		RAISE 'cannot take somebody out of a published week: swap it, or have it covered' USING ERRCODE = 'PT409';
	END IF;
	IF upper(OLD.span) <= now() OR EXISTS (SELECT FROM desk.duty_ready r WHERE r.rotation = OLD.rotation AND r.staff = OLD.staff AND r.monday = OLD.monday) THEN
		RAISE 'cannot take away a shadow week that is over' USING ERRCODE = 'PT409';
	END IF;
	RETURN OLD;
END
$$;
COMMENT ON FUNCTION desk.duty_seat_gone() IS 'Only a shadow seat can be given back, and only before its week is over.';
CREATE OR REPLACE TRIGGER duty_seat_gone BEFORE DELETE ON desk.duty_seat
	FOR EACH ROW EXECUTE FUNCTION desk.duty_seat_gone();

CREATE OR REPLACE FUNCTION desk.duty_seat_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d desk.duty_seat := coalesce(NEW, OLD);
BEGIN
	INSERT INTO desk.duty_change (rotation, monday, seat, is_shadow, uid, sequence, span, old_staff, new_staff, swap)
	VALUES (d.rotation, d.monday, d.seat, d.is_shadow, d.uid, d.sequence + CASE TG_OP WHEN 'DELETE' THEN 1 ELSE 0 END, d.span,
		OLD.staff, NEW.staff, CASE WHEN NEW.swap IS DISTINCT FROM OLD.swap THEN NEW.swap END);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.duty_seat_changed() IS 'Writes the history of the seats.';
CREATE OR REPLACE TRIGGER duty_seat_changed AFTER INSERT OR UPDATE OR DELETE ON desk.duty_seat
	FOR EACH ROW EXECUTE FUNCTION desk.duty_seat_changed();

CREATE OR REPLACE FUNCTION desk.duty_ready_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	over_at timestamptz;
BEGIN
	IF NEW.kind = 'experienced' THEN
		IF NEW.since > current_date THEN
			RAISE 'cannot be experienced from a day that is still to come' USING ERRCODE = 'PT409', COLUMN = 'since';
		END IF;
		RETURN NEW;
	END IF;
	SELECT upper(d.span) INTO over_at FROM desk.duty_seat d
	WHERE d.rotation = NEW.rotation AND d.monday = NEW.monday AND d.staff = NEW.staff AND d.is_shadow;
	IF NOT FOUND THEN
		RAISE 'they did not ride shotgun in the week of %', NEW.monday USING ERRCODE = 'PT409', COLUMN = 'monday';
	END IF;
	IF over_at > now() THEN
		RAISE 'cannot complete the shadow week of %: it is not over', NEW.monday USING ERRCODE = 'PT409', COLUMN = 'monday';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.duty_ready_check() IS 'A shadow week is completed by somebody who had one, when it is over.';
CREATE OR REPLACE TRIGGER duty_ready_check BEFORE INSERT ON desk.duty_ready
	FOR EACH ROW EXECUTE FUNCTION desk.duty_ready_check();

CREATE OR REPLACE FUNCTION desk.duty_swap_seat(wanted text, of_monday date, of_seat smallint, holder int) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.duty_seat d WHERE d.rotation = wanted AND d.monday = of_monday AND d.seat = of_seat
	    AND d.staff = holder AND NOT d.is_shadow) THEN
		RAISE 'the week of % is not theirs to give', of_monday USING ERRCODE = 'PT409';
	END IF;
	IF (SELECT w.ends_at FROM desk.duty_week w WHERE w.rotation = wanted AND w.monday = of_monday) <= now() THEN
		RAISE 'cannot swap the week of %: it is over', of_monday USING ERRCODE = 'PT409';
	END IF;
END
$$;
COMMENT ON FUNCTION desk.duty_swap_seat(text, date, smallint, int) IS 'Refuses (PT409) to give a seat that one does not have, or whose week is over.';

CREATE OR REPLACE FUNCTION desk.duty_swap_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'UPDATE' THEN
		IF OLD.answer IS NOT NULL THEN
			RAISE 'this swap was answered already' USING ERRCODE = 'PT409';
		END IF;
		IF to_jsonb(NEW) - '{answer,answered_by,answered_at}'::text[] <> to_jsonb(OLD) - '{answer,answered_by,answered_at}'::text[] THEN
			RAISE 'cannot change what was asked' USING ERRCODE = 'PT409';
		END IF;
	ELSE
		IF NEW.kind = 'swap' AND NEW.answer IS NOT NULL THEN
			RAISE 'a swap is asked first, then answered' USING ERRCODE = 'PT409';
		END IF;
		IF EXISTS (SELECT FROM desk.duty_swap s WHERE (s.rotation, s.monday, s.seat) = (NEW.rotation, NEW.monday, NEW.seat) AND s.answer IS NULL)
		AND NEW.answer IS NULL THEN
			RAISE 'the week of % is offered to somebody already', NEW.monday USING ERRCODE = 'PT409';
		END IF;
		PERFORM desk.duty_swap_seat(NEW.rotation, NEW.monday, NEW.seat, NEW.giver);
		IF NEW.return_monday IS NOT NULL THEN
			PERFORM desk.duty_swap_seat(NEW.rotation, NEW.return_monday, NEW.return_seat, NEW.taker);
		END IF;
		IF NEW.return_monday = NEW.monday THEN
			RAISE 'cannot swap two seats of one week' USING ERRCODE = 'PT409';
		END IF;
		IF NEW.taker IS NOT NULL AND desk.duty_may(NEW.rotation, NEW.taker, NEW.monday) IS NULL THEN
			RAISE '% cannot be on duty without a completed shadow week', (SELECT s.name FROM desk.staff s WHERE s.id = NEW.taker)
				USING ERRCODE = 'PT409', COLUMN = 'taker';
		END IF;
		IF NEW.kind = 'cover' AND NOT desk.duty_away(NEW.giver, greatest(NEW.monday, least(current_date, NEW.monday + 6)), NEW.monday + 6) THEN
			RAISE 'cannot cover for somebody who is there: it takes a swap' USING ERRCODE = 'PT409';
		END IF;
	END IF;
	IF NEW.answer = 'withdrawn' AND NEW.answered_by <> NEW.giver OR NEW.answer = 'declined' AND NEW.answered_by <> NEW.taker THEN
		RAISE 'only who asked can withdraw, only who was asked can answer' USING ERRCODE = 'PT409';
	END IF;
	IF NEW.answer IS NOT NULL THEN
		NEW.answered_at := coalesce(NEW.answered_at, now());
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.duty_swap_check() IS 'What can be asked (one''s own seat, in a week that is not over, of somebody who may take it), and that it is answered once, by the right one.';
CREATE OR REPLACE TRIGGER duty_swap_check BEFORE INSERT OR UPDATE ON desk.duty_swap
	FOR EACH ROW EXECUTE FUNCTION desk.duty_swap_check();

CREATE OR REPLACE FUNCTION desk.duty_swap_done() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	gives text := (SELECT s.name FROM desk.staff s WHERE s.id = NEW.giver);
	takes text := (SELECT s.name FROM desk.staff s WHERE s.id = NEW.taker);
	week text := to_char(NEW.monday, '"the week of" FMDD Mon YYYY');
	page text := E'\n\n{URL}/staff/duty';
BEGIN
	IF NEW.answer = 'accepted' THEN
		UPDATE desk.duty_seat d SET staff = NEW.taker, swap = NEW.id
		WHERE d.rotation = NEW.rotation AND d.monday = NEW.monday AND d.seat = NEW.seat AND NOT d.is_shadow;
		UPDATE desk.duty_seat d SET staff = NEW.giver, swap = NEW.id
		WHERE d.rotation = NEW.rotation AND d.monday = NEW.return_monday AND d.seat = NEW.return_seat AND NOT d.is_shadow;
	END IF;
	IF NEW.kind = 'cover' THEN
		RETURN NULL;
	END IF;
	IF NEW.answer IS NULL THEN
		PERFORM desk.mail_urgent('change', NULL, NEW.taker, gives || ' asks you to take ' || week,
			gives || ' asks you to be on duty in ' || week
			|| coalesce(to_char(NEW.return_monday, '", and would take your week of" FMDD Mon YYYY "in return"'), '') || '.'
			|| coalesce(E'\n\n' || NEW.reason, '') || page);
	ELSE
		PERFORM desk.mail_urgent('change', NULL, CASE NEW.answer WHEN 'withdrawn' THEN NEW.taker ELSE NEW.giver END,
			format('Swap of %s: %s', week, NEW.answer),
			format('%s has %s it.', CASE NEW.answer WHEN 'withdrawn' THEN gives ELSE takes END, NEW.answer) || page);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.duty_swap_done() IS 'Moves the seats of a swap that was accepted, and tells the other one by mail.';
CREATE OR REPLACE TRIGGER duty_swap_done AFTER INSERT OR UPDATE ON desk.duty_swap
	FOR EACH ROW EXECUTE FUNCTION desk.duty_swap_done();

CREATE OR REPLACE FUNCTION desk.roster_stays() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND (NEW.rotation, NEW.staff) = (OLD.rotation, OLD.staff) THEN
		RETURN NEW;
	END IF;
	RAISE 'cannot take somebody off the roster: an exemption has a reason and an end, left_on and left_reason say why they left'
		USING ERRCODE = 'PT409';
END
$$;
COMMENT ON FUNCTION desk.roster_stays() IS 'Everybody takes part: a row of the roster cannot be deleted.';
CREATE OR REPLACE TRIGGER roster_stays BEFORE UPDATE OR DELETE ON desk.roster
	FOR EACH ROW EXECUTE FUNCTION desk.roster_stays();

-- For the pages -----------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.duty_place(rotation text, monday date, seat smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN rotation || '/' || to_char(monday, 'YYYY-MM-DD') || '/' || seat;
COMMENT ON FUNCTION desk.duty_place(text, date, smallint) IS 'A seat of a week as forms carry it: engineering/2026-11-23/1.';

CREATE OR REPLACE FUNCTION desk.day_typed(t text) RETURNS date
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN t ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN t::date END;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;	-- the 31st of February
END
$$;
COMMENT ON FUNCTION desk.day_typed(text) IS 'A date as browsers send it (2026-11-24); NULL when it is none.';

CREATE OR REPLACE FUNCTION desk.duty_place_of(place text) RETURNS TABLE (rotation text, monday date, seat smallint)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part text[] := regexp_match(place, '^([a-z][a-z0-9-]{0,39})/([0-9-]{10})/([0-9]{1,2})$');
BEGIN
	rotation := part[1];
	monday := desk.day_typed(part[2]);
	seat := part[3];
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION desk.duty_place_of(text) IS 'What desk.duty_place() made of a seat; NULLs for anything else.';

CREATE OR REPLACE FUNCTION desk.duty_complaint(state text, words text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE
		WHEN state = 'PT409' THEN desk.sentence(words, '')
		WHEN words LIKE '%nobody_vouches_for_themselves%' THEN 'Somebody else has to say so.'
		WHEN words LIKE '%the_other_one_agrees%' THEN 'Only who was asked can accept.'
		WHEN words LIKE '%a_cover_has_a_reason%' THEN 'Say why you step in.'
		WHEN words LIKE '%nobody_on_two_duties%' THEN 'Nobody can be on two duties at once.'
		WHEN words LIKE '%reason%' OR words LIKE '%duty_ready_check%' THEN 'Say why, in at most 500 characters.'
		WHEN state = '23505' THEN 'Somebody was faster: look again.'
		ELSE 'Choose from the list.' END;
END
$$;
COMMENT ON FUNCTION desk.duty_complaint(text, text) IS 'A refusal of the duty''s rules and constraints in words for people.';

CREATE OR REPLACE FUNCTION desk.duty_feed_open(token text) RETURNS desk.duty_feed
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f desk.duty_feed;
BEGIN
	SELECT x.* INTO f FROM desk.duty_feed x JOIN desk.staff s ON s.id = x.staff AND s.active
	WHERE x.token_sha256 = sha256(convert_to(token, 'UTF8')) AND x.revoked_at IS NULL;
	IF NOT FOUND THEN
		RAISE 'no such feed' USING ERRCODE = 'PT404';
	END IF;
	RETURN f;
END
$$;
COMMENT ON FUNCTION desk.duty_feed_open(text) IS 'The feed behind a token; PT404 when there is none, it was revoked, or its owner has left.';
