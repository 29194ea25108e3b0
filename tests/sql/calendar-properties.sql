-- Calendars by chance: what must hold for any of them, at any instant.  The
-- numbers are those of SLA clocks' invariants 1 to 10; the model at the end
-- shares nothing with the code.  CASES=n for more or fewer, SEED=n for others.
\getenv cases CASES
\getenv seed SEED
\if :{?cases}
\else
\set cases 100000
\endif
\if :{?seed}
\else
\set seed 20261122
\endif
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();
SET LOCAL timezone = 'UTC';
SET LOCAL jit = off;
SELECT setseed((:seed % 1000003) / 1000003.0) \g /dev/null

-- With what is wrong, the numbers that make it so.
CREATE TEMP TABLE wrong (invariant text, calendar int, at timestamptz, words text);
CREATE TEMP TABLE tried (invariant text PRIMARY KEY, cases bigint NOT NULL);
CREATE TEMP TABLE made (calendar int, zone text, begins timestamptz, weekly_seconds numeric, always boolean, versions int);

CREATE FUNCTION pg_temp.dice(sides int) RETURNS int LANGUAGE sql RETURN floor(random() * sides)::int;

-- A week of ranges that do not overlap, some of them over midnight; the
-- early hours are where clocks change.
CREATE FUNCTION pg_temp.random_week(wanted int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	grid int := (ARRAY[1, 5, 15, 30, 60])[1 + pg_temp.dice(5)];
	shift int := pg_temp.dice(10080 / grid) * grid;
	points int[] := ARRAY(SELECT DISTINCT CASE WHEN pg_temp.dice(2) = 0 THEN pg_temp.dice(7) * 1440 + pg_temp.dice(240) ELSE pg_temp.dice(10080) END / grid * grid
		FROM generate_series(1, 6 + pg_temp.dice(30)) ORDER BY 1);
	a int;
	b int;
BEGIN
	FOR i IN 1 .. cardinality(points) - 1 BY 2 LOOP
		CONTINUE WHEN points[i + 1] - points[i] > 1440;
		a := (points[i] + shift) % 10080;
		b := (points[i + 1] + shift) % 1440;
		INSERT INTO desk.calendar_range VALUES (wanted, a / 1440 + 1, time '00:00' + a % 1440 * interval '1 minute',
			CASE WHEN b = 0 THEN '24:00' ELSE time '00:00' + b * interval '1 minute' END);
	END LOOP;
	INSERT INTO desk.calendar_range SELECT wanted, 1, '09:00', '17:00'
	WHERE NOT EXISTS (SELECT FROM desk.calendar_range WHERE version = wanted);
END
$$;

CREATE FUNCTION pg_temp.random_calendar(number int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	-- and from when on their clocks did something
	zones text[] := '{America/New_York 2024,Europe/London 2023,Europe/Berlin 2024,Australia/Lord_Howe 2024,Asia/Kathmandu 2025,Pacific/Apia 2011,
		America/Sao_Paulo 2017,America/Caracas 2007,Asia/Pyongyang 2015,Africa/Casablanca 2022,Europe/Dublin 2023,Antarctica/Troll 2024,UTC 2025,
		America/Havana 2024,Asia/Gaza 2023,Asia/Beirut 2024,Africa/Cairo 2023,America/St_Johns 2024}';
	pick text := zones[1 + number % cardinality(zones)];
	place text := btrim(split_part(btrim(pick, E'\n\t '), ' ', 1));
	since timestamptz := make_timestamptz(split_part(btrim(pick, E'\n\t '), ' ', 2)::int, 1 + pg_temp.dice(3), 1 + pg_temp.dice(28), pg_temp.dice(24), 0, 0, 'UTC');
	cal int;
	v int;
	is_always boolean := pg_temp.dice(10) = 0;
	versions int := 1;
	days date[];
BEGIN
	INSERT INTO desk.calendar (name, label) VALUES ('chance-' || number, 'By chance') RETURNING id INTO cal;
	INSERT INTO desk.calendar_version (calendar, valid_from, zone) VALUES (cal, since, place) RETURNING id INTO v;
	IF is_always THEN
		INSERT INTO desk.calendar_range SELECT v, d, '00:00', '24:00' FROM generate_series(1, 7) d;
	ELSE
		PERFORM pg_temp.random_week(v);
		IF pg_temp.dice(4) = 0 THEN
			versions := 2;
			INSERT INTO desk.calendar_version (calendar, valid_from, zone)
			VALUES (cal, since + pg_temp.dice(700) * interval '1 day' + pg_temp.dice(1440) * interval '1 minute', btrim(split_part(btrim(zones[1 + pg_temp.dice(cardinality(zones))], E'\n\t '), ' ', 1)))
			RETURNING id INTO v;
			PERFORM pg_temp.random_week(v);
		END IF;
		-- Where the clocks change, and elsewhere: ranges that end in the
		-- early hours often end within what is skipped or comes twice.
		SELECT array_agg(x::date) INTO days FROM generate_series(since::timestamp, since::timestamp + interval '5 years', '1 day') x
		WHERE x AT TIME ZONE 'UTC' AT TIME ZONE place - x <> (x + interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE place - (x + interval '1 day') OR pg_temp.dice(150) = 0;
		INSERT INTO desk.holiday (calendar, day) SELECT cal, d + pg_temp.dice(2) FROM unnest(days) d WHERE pg_temp.dice(8) = 0 ON CONFLICT DO NOTHING;
		INSERT INTO desk.calendar_override (calendar, day) SELECT cal, d + pg_temp.dice(2) FROM unnest(days) d WHERE pg_temp.dice(2) = 0 ON CONFLICT DO NOTHING;
		INSERT INTO desk.calendar_override_range SELECT cal, x.day, time '00:00' + x.opens * interval '1 minute', time '00:00' + (x.opens + 1 + pg_temp.dice(299 - x.opens)) * interval '1 minute'
		FROM (SELECT o.day, pg_temp.dice(200) AS opens FROM desk.calendar_override o WHERE o.calendar = cal AND pg_temp.dice(4) > 0 OFFSET 0) x;
		INSERT INTO desk.calendar_override_range SELECT cal, o.day, time '05:00' + pg_temp.dice(200) * interval '1 minute', CASE pg_temp.dice(3) WHEN 0 THEN '24:00' ELSE time '20:00' + pg_temp.dice(240) * interval '1 minute' END
		FROM desk.calendar_override o WHERE o.calendar = cal AND pg_temp.dice(3) > 0;
	END IF;
	PERFORM desk.calendar_lay(cal);
	INSERT INTO made SELECT cal, place, since, min(x.seconds), is_always, versions FROM (
		SELECT sum((extract(epoch FROM r.closes - r.opens)::int + 86399) % 86400 + 1) AS seconds
		FROM desk.calendar_range r JOIN desk.calendar_version w ON w.id = r.version WHERE w.calendar = cal GROUP BY w.id) x;
	RETURN cal;
END
$$;

CREATE FUNCTION pg_temp.count_cases(what text, number bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO tried VALUES (what, number) ON CONFLICT (invariant) DO UPDATE SET cases = tried.cases + excluded.cases;
$$;

CREATE FUNCTION pg_temp.some_seconds(most numeric) RETURNS numeric LANGUAGE sql
RETURN least(most, greatest(0.000001, CASE pg_temp.dice(4) WHEN 0 THEN pg_temp.dice(86400) WHEN 1 THEN 60 * pg_temp.dice(2000) WHEN 2 THEN round((random() * most)::numeric, 6)
	ELSE round((random() * most)::numeric) END));

-- 1 to 7
CREATE FUNCTION pg_temp.try_instants(m made, number int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	cal int := m.calendar;
	most numeric := least(4 * m.weekly_seconds, 30 * 86400);
	a timestamptz;
	b timestamptz;
	c timestamptz;
	d numeric;
	e numeric;
	due timestamptz;
	later timestamptz;
	ab numeric;
	fault text;
BEGIN
	FOR i IN 1 .. number LOOP
		a := m.begins + interval '1 second' * floor(random() * 86400 * 365 * 2);
		IF i % 3 = 0 THEN
			a := date_trunc('minute', a) + interval '1 microsecond' * pg_temp.dice(3);
		ELSIF i % 3 = 1 THEN
			-- the edge of a span
			a := (SELECT CASE WHEN i % 2 = 0 OR m.always THEN s.opens ELSE s.closes END FROM desk.calendar_span s WHERE s.calendar = cal AND s.opens <= a ORDER BY s.opens DESC LIMIT 1);
		END IF;
		b := a + pg_temp.some_seconds(86400 * 20) * interval '1 second';
		c := b + pg_temp.some_seconds(86400 * 20) * interval '1 second';
		d := pg_temp.some_seconds(most);
		e := pg_temp.some_seconds(most);
		due := desk.business_add(cal, a, d);
		later := desk.business_add(cal, a, d + e);
		ab := desk.business_between(cal, a, b);
		fault := CASE
			WHEN desk.business_between(cal, a, due) <> d THEN '1: not d seconds'
			WHEN desk.business_add(cal, due, e) <> later THEN '2: add is not additive'
			WHEN ab + desk.business_between(cal, b, c) <> desk.business_between(cal, a, c) THEN '3: between is not additive'
			WHEN ab < 0 OR ab > extract(epoch FROM b - a) THEN '3: out of bounds'
			WHEN i % 4 = 0 AND desk.business_between(cal, a, a) <> 0 THEN '3: something between nothing'
			WHEN i % 4 = 0 AND desk.business_between(cal, b, a) <> -ab THEN '3: backwards is not the negative'
			WHEN due > desk.business_add(cal, b, d) THEN '4: later is earlier'
			WHEN due >= later THEN '4: more is not later'
			WHEN NOT desk.is_open(cal, due - interval '1 microsecond') THEN '5: closed just before'
			WHEN d = trunc(d) AND a = date_trunc('second', a) AND NOT desk.is_open(cal, due - interval '1 second') AND m.versions = 1 THEN '5: closed a second before'
			WHEN NOT desk.is_open(cal, desk.next_open(cal, due)) THEN '5: the next opening is not open'
			WHEN desk.next_open(cal, a) < a OR desk.business_between(cal, a, desk.next_open(cal, a)) <> 0 THEN '5: an opening was passed over'
			WHEN desk.business_add(cal, desk.next_open(cal, a), d) <> due THEN '6: waiting for the opening changes it'
			WHEN i % 4 = 0 AND desk.business_add(cal, a, 0) <> desk.next_open(cal, a) THEN '6: nothing added is not the next opening'
			WHEN m.always AND (due <> a + d * interval '1 second' OR ab <> extract(epoch FROM b - a)) THEN '7: round the clock is not the clock'
		END;
		IF fault IS NOT NULL THEN
			INSERT INTO wrong VALUES (fault, cal, a, format('b=%s c=%s d=%s e=%s due=%s later=%s', b, c, d, e, due, later));
		END IF;
	END LOOP;
	PERFORM pg_temp.count_cases('1-7', number);
END
$$;

-- A copy with less open time, or under another name of its zone
CREATE FUNCTION pg_temp.copy_calendar(m made, called text, place text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	cal int;
BEGIN
	INSERT INTO desk.calendar (name, label) VALUES (called, 'A copy') RETURNING id INTO cal;
	INSERT INTO desk.calendar_version (calendar, valid_from, zone) SELECT cal, valid_from, coalesce(place, zone) FROM desk.calendar_version WHERE calendar = m.calendar;
	INSERT INTO desk.calendar_range SELECT n.id, r.weekday, r.opens, r.closes FROM desk.calendar_version o JOIN desk.calendar_version n USING (valid_from)
		JOIN desk.calendar_range r ON r.version = o.id WHERE o.calendar = m.calendar AND n.calendar = cal;
	INSERT INTO desk.holiday SELECT cal, day, name FROM desk.holiday WHERE calendar = m.calendar;
	INSERT INTO desk.calendar_override SELECT cal, day, name FROM desk.calendar_override WHERE calendar = m.calendar;
	INSERT INTO desk.calendar_override_range SELECT cal, day, opens, closes FROM desk.calendar_override_range WHERE calendar = m.calendar;
	RETURN cal;
END
$$;

-- 8
CREATE FUNCTION pg_temp.try_less(m made, number int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	cal int := pg_temp.copy_calendar(m, 'less-' || m.calendar, NULL);
	a timestamptz;
	d numeric;
BEGIN
	INSERT INTO desk.holiday (calendar, day) SELECT cal, (m.begins + pg_temp.dice(800) * interval '1 day')::date FROM generate_series(1, 20) ON CONFLICT DO NOTHING;
	IF pg_temp.dice(2) = 0 THEN
		UPDATE desk.calendar_range r SET closes = r.closes - interval '1 minute' FROM desk.calendar_version v
		WHERE v.id = r.version AND v.calendar = cal AND r.closes > r.opens + interval '1 minute' AND pg_temp.dice(2) = 0;
	END IF;
	PERFORM desk.calendar_lay(cal);
	FOR i IN 1 .. number LOOP
		a := m.begins + interval '1 second' * floor(random() * 86400 * 365 * 2);
		d := pg_temp.some_seconds(least(4 * m.weekly_seconds, 30 * 86400));
		IF desk.business_add(cal, a, d) < desk.business_add(m.calendar, a, d) OR desk.next_open(cal, a) < desk.next_open(m.calendar, a) THEN
			INSERT INTO wrong VALUES ('8: less open time, earlier due', cal, a, format('beside calendar %s, d=%s', m.calendar, d));
		END IF;
	END LOOP;
	PERFORM pg_temp.count_cases('8', number);
END
$$;

-- 8, the other half
CREATE FUNCTION pg_temp.try_alias(m made, place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	cal int := pg_temp.copy_calendar(m, 'alias-' || m.calendar, place);
BEGIN
	PERFORM desk.calendar_lay(cal);
	INSERT INTO wrong SELECT '8: an alias is another zone', m.calendar, s.opens, place FROM (
		SELECT opens, closes, open_before_us FROM desk.calendar_span WHERE calendar = m.calendar
		EXCEPT SELECT opens, closes, open_before_us FROM desk.calendar_span WHERE calendar = cal) s LIMIT 1;
	PERFORM pg_temp.count_cases('8 alias', 1);
END
$$;

-- 9
CREATE FUNCTION pg_temp.try_week(m made, number int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	a timestamptz;
	d numeric;
	due timestamptz;
	n bigint := 0;
BEGIN
	FOR i IN 1 .. number LOOP
		a := m.begins + interval '1 week' + interval '1 second' * floor(random() * 86400 * 365 * 2);
		d := pg_temp.some_seconds(m.weekly_seconds);
		due := desk.business_add(m.calendar, a, d);
		CONTINUE WHEN EXISTS (SELECT FROM generate_series(a - interval '3 days', due + interval '10 days', '1 day') x
			WHERE x AT TIME ZONE m.zone - x AT TIME ZONE 'UTC' <> a AT TIME ZONE m.zone - a AT TIME ZONE 'UTC')
			OR EXISTS (SELECT FROM desk.holiday WHERE calendar = m.calendar AND day BETWEEN a::date - 2 AND due::date + 9)
			OR EXISTS (SELECT FROM desk.calendar_override WHERE calendar = m.calendar AND day BETWEEN a::date - 2 AND due::date + 9);
		n := n + 1;
		IF desk.business_add(m.calendar, a + interval '168 hours', d) <> due + interval '168 hours' THEN
			INSERT INTO wrong VALUES ('9: a week later is not a week later', m.calendar, a, format('d=%s', d));
		END IF;
	END LOOP;
	PERFORM pg_temp.count_cases('9', n);
END
$$;

-- 10
CREATE FUNCTION pg_temp.try_holidays(m made) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wrong SELECT '10: a holiday is open', m.calendar, NULL, h.day::text FROM desk.holiday h
	WHERE h.calendar = m.calendar AND h.day > m.begins::date + 1
	AND desk.business_between(m.calendar, desk.local_instant(m.zone, h.day, 0), desk.local_instant(m.zone, h.day + 1, 0)) <> 0;
	PERFORM pg_temp.count_cases('10', (SELECT count(*) FROM desk.holiday h WHERE h.calendar = m.calendar));
END
$$;

-- The model: minute by minute, from UTC to local time, which is never in
-- doubt.  R(date, time) is the first minute that reads so much or more, so a
-- minute belongs to the ranges that hold the latest reading so far.
CREATE FUNCTION pg_temp.try_model(m made, since timestamptz, number int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	minutes constant int := 2 * 1440;
	opened boolean[];
	before int[] := '{0}';
	total int := 0;
	i int;
	k int;
	n int;
	a timestamptz;
	b timestamptz;
	fault text;
BEGIN
	since := date_trunc('minute', since);
	WITH walked AS (
		SELECT u AS at, v.id AS version, max(u AT TIME ZONE v.zone) OVER (PARTITION BY v.id ORDER BY u) AS here
		FROM generate_series(since - interval '1 day', since + minutes * interval '1 minute', '1 minute') u
		JOIN desk.calendar_version v ON v.calendar = m.calendar
	), here AS (
		SELECT w.at, w.version, w.here::date AS day, w.here::time AS clock FROM walked w
		WHERE w.at >= since AND w.version = (SELECT v.id FROM desk.calendar_version v WHERE v.calendar = m.calendar AND v.valid_from <= w.at ORDER BY v.valid_from DESC LIMIT 1)
	)
	SELECT array_agg(CASE
		WHEN EXISTS (SELECT FROM desk.holiday x WHERE x.calendar = m.calendar AND x.day = h.day) THEN false
		WHEN EXISTS (SELECT FROM desk.calendar_override x WHERE x.calendar = m.calendar AND x.day = h.day) THEN
			EXISTS (SELECT FROM desk.calendar_override_range x WHERE x.calendar = m.calendar AND x.day = h.day AND x.opens <= h.clock AND h.clock < x.closes)
		ELSE EXISTS (SELECT FROM desk.calendar_range x WHERE x.version = h.version AND (
			x.weekday = extract(isodow FROM h.day) AND x.opens <= h.clock AND (h.clock < x.closes OR x.closes <= x.opens)
			OR x.weekday = extract(isodow FROM h.day - 1) AND x.closes <= x.opens AND h.clock < x.closes))
		END ORDER BY h.at) INTO opened FROM here h;
	FOR i IN 1 .. minutes LOOP
		total := total + opened[i]::int;
		before[i + 1] := total;
	END LOOP;
	FOR j IN 1 .. number LOOP
		i := pg_temp.dice(minutes);
		k := pg_temp.dice(minutes);
		a := since + i * interval '1 minute';
		b := since + k * interval '1 minute';
		n := before[k + 1] - before[i + 1];
		fault := CASE
			WHEN desk.is_open(m.calendar, a) <> opened[i + 1] THEN 'model: open or not'
			WHEN desk.business_between(m.calendar, a, b) <> 60 * n THEN 'model: between'
			-- the earliest minute with so many before it
			WHEN n > 0 AND desk.business_add(m.calendar, a, 60 * n) <> since + (array_position(before, before[k + 1]) - 1) * interval '1 minute' THEN 'model: add'
			WHEN opened[i + 1] AND desk.next_open(m.calendar, a) <> a THEN 'model: next opening'
			WHEN NOT opened[i + 1] AND array_position(opened, true, i + 1) IS NOT NULL
				AND desk.next_open(m.calendar, a) <> since + (array_position(opened, true, i + 1) - 1) * interval '1 minute' THEN 'model: next opening'
		END;
		IF fault IS NOT NULL THEN
			INSERT INTO wrong VALUES (fault, m.calendar, a, format('to %s: %s minutes by the model', b, n));
		END IF;
	END LOOP;
	PERFORM pg_temp.count_cases('model', number);
END
$$;

SELECT pg_temp.random_calendar(n) FROM generate_series(1, greatest(18, least(1000, :cases / 2500))) n \g /dev/null
SELECT pg_temp.try_instants(m, ceil(:cases * 0.7 / (SELECT count(*) FROM made))::int) FROM made m \g /dev/null
SELECT pg_temp.try_less(m, 200) FROM made m WHERE m.calendar % 4 = 0 AND NOT m.always \g /dev/null
SELECT pg_temp.try_alias(x.m, x.alias) FROM (SELECT DISTINCT ON (m.zone) m, a.alias FROM made m JOIN (VALUES
	('America/New_York', 'US/Eastern'), ('Europe/London', 'GB'), ('Australia/Lord_Howe', 'Australia/LHI'), ('Asia/Kathmandu', 'Asia/Katmandu'), ('America/Sao_Paulo', 'Brazil/East'),
	('Europe/Dublin', 'Eire'), ('UTC', 'Etc/UTC'), ('Africa/Cairo', 'Egypt'), ('America/Havana', 'Cuba')) AS a (zone, alias) ON a.zone = m.zone WHERE m.versions = 1 ORDER BY m.zone, m.calendar) x \g /dev/null
SELECT pg_temp.try_week(m, 100) FROM made m WHERE m.versions = 1 \g /dev/null
SELECT pg_temp.try_holidays(m) FROM made m WHERE m.versions = 1 \g /dev/null
-- around a change of the clocks, and of the version, and anywhere
SELECT pg_temp.try_model(m, x.at - pg_temp.dice(1440) * interval '1 minute', ceil(:cases * 0.3 / (SELECT count(*) FROM made) / 4)::int)
FROM made m, LATERAL (
	(SELECT x AS at FROM generate_series(m.begins + interval '2 days', m.begins + interval '5 years', '1 day') x
		WHERE x AT TIME ZONE m.zone - x AT TIME ZONE 'UTC' <> (x + interval '1 day') AT TIME ZONE m.zone - (x + interval '1 day') AT TIME ZONE 'UTC'
		ORDER BY random() LIMIT 2)
	UNION ALL (SELECT greatest(m.begins + interval '2 days', v.valid_from) FROM desk.calendar_version v WHERE v.calendar = m.calendar ORDER BY valid_from DESC LIMIT 1)
	UNION ALL SELECT m.begins + interval '3 days' + random() * interval '900 days') x \g /dev/null

SELECT is((SELECT count(*)::int FROM wrong WHERE invariant LIKE number || ':%'), 0, number || ': ' || words || format(' (seed %s)', :seed))
FROM (VALUES ('1', 'what is added lies between'), ('2', 'adding twice is adding the sum'), ('3', 'open time between instants adds up and has a sign'),
	('4', 'later stays later, more is later'), ('5', 'it ends in open time, or as it closes'), ('6', 'waiting for the opening costs nothing'),
	('7', 'round the clock is the clock'), ('8', 'less open time is never due earlier; an alias changes nothing'), ('9', 'a week later is a week later'),
	('10', 'a holiday has no open time'), ('model', 'minute by minute it is the same')) AS v (number, words);
SELECT diag(format('SEED=%s, calendar %s in %s at %s: %s, %s', :seed, w.calendar, (SELECT string_agg(zone, ', ') FROM desk.calendar_version v WHERE v.calendar = w.calendar),
	desk.utc(w.at), w.invariant, w.words)) FROM wrong w LIMIT 10;
SELECT cmp_ok((SELECT sum(cases) FROM tried), '>=', :cases::numeric, 'so many cases were tried: ' || (SELECT string_agg(invariant || ' ' || cases, ', ' ORDER BY invariant) FROM tried)
	|| ', of ' || (SELECT count(*) FROM made) || ' calendars');
SELECT * FROM finish();
ROLLBACK;
