-- The rotation: who may be on duty, how weeks are planned, what changes a
-- published one; all by raw SQL, as an owner with psql would.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

UPDATE desk.staff SET active = false;	-- whoever the desk came with
INSERT INTO desk.staff (login, name) SELECT 'duty-' || n, initcap(n) FROM unnest(ARRAY['ann', 'bob', 'cy', 'dee', 'eve', 'fay', 'boss', 'chief']) n;
INSERT INTO desk.staff_contact (staff, mail) SELECT id, login || '@desk.example' FROM desk.staff WHERE login IN ('duty-boss', 'duty-chief');
CREATE FUNCTION pg_temp.who(n text) RETURNS int LANGUAGE sql STABLE RETURN (SELECT id FROM desk.staff WHERE login = 'duty-' || n);
CREATE FUNCTION pg_temp.rotation(n text, zone text DEFAULT 'UTC', seats int DEFAULT 1, minimum int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.rotation (name, label, zone, seats, minimum, lead, manager) VALUES (n, initcap(n), zone, seats, minimum, pg_temp.who('boss'), pg_temp.who('chief'));
$$;
CREATE FUNCTION pg_temp.join(r text, people text[], since date DEFAULT '2020-01-01', experienced boolean DEFAULT true) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.roster (rotation, staff, joined_on) SELECT r, pg_temp.who(p), since FROM unnest(people) p;
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason) SELECT r, pg_temp.who(p), 'experienced', least(since, '2020-01-01'), 'Built it.' FROM unnest(people) p WHERE experienced;
$$;
CREATE FUNCTION pg_temp.plan(r text, shadows boolean DEFAULT false) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(w.names, ' ' ORDER BY w.monday) FROM (SELECT d.monday, string_agg(lower(s.name), '+' ORDER BY d.seat) AS names
		FROM desk.duty_seat d JOIN desk.staff s ON s.id = d.staff WHERE d.rotation = r AND d.is_shadow = shadows GROUP BY d.monday) w;
$$;
CREATE FUNCTION pg_temp.monday(n int DEFAULT 0) RETURNS date LANGUAGE sql STABLE RETURN date_trunc('week', now() AT TIME ZONE 'UTC')::date + 7 * n;
-- the hand-over of a test must not lie between its statements
UPDATE desk.rotation SET handover = '00:00';
ALTER TABLE desk.rotation ALTER handover SET DEFAULT '00:00';

-- Nobody --------------------------------------------------------------------------

SELECT is((SELECT count(*)::int FROM desk.on_duty('engineering', now())), 0, 'a new desk has nobody on duty');
SELECT is(desk.duty_line(), NULL, 'and says nothing of it');
SELECT results_eq('SELECT * FROM desk.duty_status()', $$ VALUES (false, false, 'no roster yet') $$, 'which is no alarm before there is a roster');
SELECT is(desk.duty_watch(), 0, 'the checker has nothing to tell');
SELECT pg_temp.rotation('alpha');
SELECT throws_ok($$ INSERT INTO desk.rotation (name, label, zone) VALUES ('x', 'X', 'Mars/Olympus') $$, 'PT409', 'there is no time zone "Mars/Olympus"', 'an unknown zone is refused');
SELECT throws_ok($$ INSERT INTO desk.rotation (name, label, zone) VALUES ('x', 'X', 'FOO5') $$, 'PT409', NULL, 'so is one that PostgreSQL would take for an offset');
SELECT throws_ok($$ INSERT INTO desk.rotation (name, label, zone, seats, minimum) VALUES ('x', 'X', 'UTC', 1, 2) $$, '23514', NULL, 'a minimum above the seats is refused');
SELECT throws_ok($$ SELECT desk.duty_fill('nothing', 6) $$, 'PT404', NULL, 'an unknown rotation cannot be planned');
SELECT is(desk.duty_fill('alpha', 6), 0, 'without a roster nothing is published');

-- Who may be on duty (003k) -------------------------------------------------------

SELECT pg_temp.join('alpha', ARRAY['ann']);
SELECT pg_temp.join('alpha', ARRAY['bob'], '2020-01-01', false);
SELECT is(desk.duty_fill('alpha', 2), 3, 'this week and two more are published');
SELECT is(pg_temp.plan('alpha'), 'ann ann ann', 'only who has completed a shadow week is on duty');
SELECT is(pg_temp.plan('alpha', true), 'bob', 'who has not rides shotgun first, once');
SELECT throws_ok($$ UPDATE desk.duty_seat SET staff = pg_temp.who('bob') WHERE rotation = 'alpha' AND NOT is_shadow AND monday = pg_temp.monday(1) $$, 'PT409', NULL, 'nobody becomes primary without it');
INSERT INTO desk.duty_week (rotation, monday) VALUES ('alpha', pg_temp.monday(5));
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span) VALUES ('alpha', pg_temp.monday(5), 1, pg_temp.who('bob'), 'empty') $$,
	'PT409', 'Bob cannot be on duty without a completed shadow week', 'by raw SQL neither');
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready) SELECT 'alpha', pg_temp.monday(5), 1, pg_temp.who('bob'), 'empty', min(id) FROM desk.duty_ready $$,
	'PT409', NULL, 'nor with the shadow week of somebody else');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span) VALUES ('alpha', pg_temp.monday(5), 1, pg_temp.who('bob'), 'empty') $$,
	'23514', NULL, 'nor by a superuser who has switched the triggers off');
SET LOCAL session_replication_role = origin;
SELECT throws_ok($$ INSERT INTO desk.duty_ready (rotation, staff, kind, monday) VALUES ('alpha', pg_temp.who('bob'), 'shadow', pg_temp.monday()) $$,
	'PT409', NULL, 'a shadow week is not completed before it is over');
SELECT throws_ok($$ INSERT INTO desk.duty_ready (rotation, staff, kind, monday) VALUES ('alpha', pg_temp.who('cy'), 'shadow', pg_temp.monday()) $$,
	'PT409', NULL, 'nor by somebody who did not have one');
SELECT throws_ok($$ INSERT INTO desk.duty_ready (rotation, staff, kind, since) VALUES ('alpha', pg_temp.who('cy'), 'experienced', '2020-01-01') $$,
	'23514', NULL, 'experience needs a reason');
SELECT throws_ok($$ INSERT INTO desk.duty_ready (rotation, staff, kind, reason) VALUES ('alpha', pg_temp.who('cy'), 'experienced', 'Knows it.') $$,
	'23514', NULL, 'and a date');
SELECT throws_ok($$ INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason, said_by) VALUES ('alpha', pg_temp.who('cy'), 'experienced', '2020-01-01', 'I do.', 'staff:' || pg_temp.who('cy')) $$,
	'23514', NULL, 'and another person who says so');
SELECT throws_ok($$ DELETE FROM desk.duty_ready $$, 'PT409', NULL, 'what was said of somebody stays');
-- a shadow week of the past, completed
INSERT INTO desk.duty_week (rotation, monday) VALUES ('alpha', pg_temp.monday(-4)), ('alpha', pg_temp.monday(-3));
INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span) SELECT 'alpha', pg_temp.monday(n), 1, pg_temp.who('ann'), 'empty' FROM unnest('{-4,-3}'::int[]) n;
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span) VALUES ('alpha', pg_temp.monday(-4), 1, true, pg_temp.who('cy'), 'empty') $$, 'PT409', NULL, 'nobody rides shotgun in a week that is over');
-- a week that was, as it was written then
SET LOCAL session_replication_role = replica;
INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span)
SELECT 'alpha', monday, 1, true, pg_temp.who('cy'), tstzrange(starts_at, ends_at) FROM desk.duty_week WHERE rotation = 'alpha' AND monday = pg_temp.monday(-4);
SET LOCAL session_replication_role = origin;
INSERT INTO desk.duty_ready (rotation, staff, kind, monday, said_by) VALUES ('alpha', pg_temp.who('cy'), 'shadow', pg_temp.monday(-4), 'staff:' || pg_temp.who('ann'));
SELECT is(desk.duty_may('alpha', pg_temp.who('cy'), pg_temp.monday(-4)), NULL, 'who rode shotgun in a week is not on duty in the same');
SELECT isnt(desk.duty_may('alpha', pg_temp.who('cy'), pg_temp.monday(-3)), NULL, 'but may be in the next');
SELECT pg_temp.rotation('other');
SELECT is(desk.duty_may('other', pg_temp.who('cy'), pg_temp.monday(3)), NULL, 'and not in another rotation');
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span) VALUES ('alpha', pg_temp.monday(1), 2, true, pg_temp.who('dee'), 'empty') $$,
	'PT409', 'there is nobody in seat 2 to ride with', 'a shadow rides with somebody');
-- a week that was, as it was written then
SET LOCAL session_replication_role = replica;
INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span)
SELECT 'alpha', monday, 1, true, pg_temp.who('dee'), tstzrange(starts_at, ends_at) FROM desk.duty_week WHERE rotation = 'alpha' AND monday = pg_temp.monday(-3);
SET LOCAL session_replication_role = origin;
INSERT INTO desk.duty_ready (rotation, staff, kind, monday, reason) VALUES ('alpha', pg_temp.who('dee'), 'again', pg_temp.monday(-3), 'Was ill from Tuesday on.');
SELECT is(desk.duty_may('alpha', pg_temp.who('dee'), pg_temp.monday(3)), NULL, 'a week that has to be repeated opens nothing');

-- Two duties at once --------------------------------------------------------------

SELECT pg_temp.join('other', ARRAY['ann', 'eve']);
INSERT INTO desk.duty_week (rotation, monday) VALUES ('other', pg_temp.monday(1));
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span) VALUES ('other', pg_temp.monday(1), 1, pg_temp.who('ann'), 'empty') $$,
	'PT409', 'Ann cannot be on two duties at once: there is "Alpha, ' || to_char(pg_temp.monday(1), 'FMDD Mon YYYY') || '"', 'nobody is on two duties at once, in whatever rotations');
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, is_shadow, staff, span) VALUES ('alpha', pg_temp.monday(1), 1, true, pg_temp.who('ann'), 'empty') $$,
	'PT409', NULL, 'nor rides shotgun with themselves');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$ INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready) SELECT 'other', pg_temp.monday(1), 1, pg_temp.who('ann'), d.span, d.ready FROM desk.duty_seat d WHERE d.rotation = 'alpha' AND d.monday = pg_temp.monday(1) AND NOT d.is_shadow $$,
	'23P01', NULL, 'the constraint holds without its words, too');
SET LOCAL session_replication_role = origin;
SELECT is(desk.duty_fill('other', 2), 2, 'the planner leaves the published week alone');
SELECT is(pg_temp.plan('other'), 'eve eve', 'and takes nobody who has another duty');

-- Exemptions ----------------------------------------------------------------------

SELECT throws_ok($$ INSERT INTO desk.duty_exemption (staff, from_day, reason) VALUES (pg_temp.who('eve'), current_date, 'x') $$, '23502', NULL, 'an exemption has an end');
SELECT throws_ok($$ INSERT INTO desk.duty_exemption (staff, from_day, until_day) VALUES (pg_temp.who('eve'), current_date, current_date) $$, '23502', NULL, 'and a reason');
SELECT throws_ok($$ INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES (pg_temp.who('eve'), current_date, current_date, ' ') $$, '23514', NULL, 'that says something');
SELECT throws_ok($$ INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES (pg_temp.who('eve'), current_date, 'infinity', 'x') $$, '23514', NULL, 'no end is no end');
SELECT throws_ok($$ INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES (pg_temp.who('eve'), current_date, current_date + 400, 'x') $$, '23514', NULL, 'nor is one beyond a year');
SELECT throws_ok($$ DELETE FROM desk.roster WHERE staff = pg_temp.who('ann') $$, 'PT409', NULL, 'nobody is taken off the roster without a word');
SELECT throws_ok($$ UPDATE desk.roster SET left_on = current_date WHERE staff = pg_temp.who('ann') $$, '23514', NULL, 'who leaves it has a reason');

-- A published week stays ----------------------------------------------------------

SELECT throws_ok($$ DELETE FROM desk.duty_seat WHERE rotation = 'alpha' AND NOT is_shadow $$, 'PT409', NULL, 'nobody is taken out of a published week');
SELECT throws_ok($$ TRUNCATE desk.duty_seat CASCADE $$, 'PT409', NULL, 'not all at once either');
SELECT throws_ok($$ UPDATE desk.duty_week SET ends_at = ends_at + interval '1 day' WHERE rotation = 'alpha' $$, 'PT409', NULL, 'its times are those of the rotation');
SELECT is(desk.duty_fill('alpha', 2), 0, 'planning again changes nothing');
INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES (pg_temp.who('ann'), pg_temp.monday(2) + 1, pg_temp.monday(2) + 2, 'A wedding.');
SELECT is(desk.duty_fill('alpha', 2), 0, 'an exemption does not either');
SELECT is((SELECT count(*)::int FROM desk.on_duty('alpha', (pg_temp.monday(2) + 1)::timestamp AT TIME ZONE 'UTC')), 0, 'but on these days the one who is exempt is not on duty');
SELECT is((SELECT count(*)::int FROM desk.on_duty('alpha', (pg_temp.monday(2) + 4)::timestamp AT TIME ZONE 'UTC')), 1, 'afterwards they are');

-- Swaps ---------------------------------------------------------------------------

SELECT throws_ok($$ UPDATE desk.duty_seat SET staff = pg_temp.who('cy') WHERE rotation = 'alpha' AND NOT is_shadow AND monday = pg_temp.monday(1) $$,
	'PT409', NULL, 'a seat does not change hands because somebody says so');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), pg_temp.who('bob')) $$,
	'PT409', 'Bob cannot be on duty without a completed shadow week', 'nobody is asked who may not');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('eve'), pg_temp.who('cy')) $$,
	'PT409', NULL, 'nobody gives away what is not theirs');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(-3), 1, pg_temp.who('ann'), pg_temp.who('cy')) $$,
	'PT409', NULL, 'nor a week that is over');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), NULL) $$, '23502', NULL, 'a swap has both names');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker, answer, answered_by, answered_at) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), pg_temp.who('cy'), 'accepted', pg_temp.who('cy'), now()) $$,
	'PT409', NULL, 'is asked before it is answered');
INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), pg_temp.who('cy'));
SELECT is((SELECT subject FROM desk.outbox WHERE staff = pg_temp.who('cy')), 'Ann asks you to take the week of ' || to_char(pg_temp.monday(1), 'FMDD Mon YYYY'), 'who is asked gets mail');
SELECT is(pg_temp.plan('alpha'), 'ann ann ann ann ann', 'asking changes nothing');
SELECT throws_ok($$ UPDATE desk.duty_swap SET answer = 'accepted', answered_by = pg_temp.who('ann') $$, '23514', NULL, 'who asked cannot accept');
SELECT throws_ok($$ UPDATE desk.duty_swap SET taker = pg_temp.who('eve') $$, 'PT409', NULL, 'what was asked stays');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), pg_temp.who('cy')) $$,
	'PT409', NULL, 'one is asked at a time');
UPDATE desk.duty_swap SET answer = 'accepted', answered_by = pg_temp.who('cy');
SELECT is(pg_temp.plan('alpha'), 'ann ann ann cy ann', 'accepting gives the seat');
SELECT results_eq($$ SELECT sequence FROM desk.duty_seat WHERE rotation = 'alpha' AND NOT is_shadow ORDER BY monday $$, '{0,0,0,1,0}'::int[], 'its sequence rises, and no other');
SELECT throws_ok($$ UPDATE desk.duty_swap SET answer = 'declined', answered_by = pg_temp.who('cy') $$, 'PT409', NULL, 'it is answered once');
SELECT throws_ok($$ DELETE FROM desk.duty_swap $$, 'PT409', NULL, 'and stays');
SELECT results_eq($$ SELECT g.name, t.name FROM desk.duty_change c JOIN desk.staff g ON g.id = c.old_staff JOIN desk.staff t ON t.id = c.new_staff $$, $$ VALUES ('Ann', 'Cy') $$, 'the history has both names');
SELECT throws_ok($$ UPDATE desk.duty_change SET old_staff = NULL $$, 'PT409', NULL, 'and cannot be changed');
-- in return
INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker, return_monday, return_seat)
VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('cy'), pg_temp.who('ann'), pg_temp.monday(), 1);
UPDATE desk.duty_swap SET answer = 'accepted', answered_by = pg_temp.who('ann') WHERE answer IS NULL;
SELECT is(pg_temp.plan('alpha'), 'ann ann cy ann ann', 'two weeks change places in one step');
SELECT throws_ok($$ UPDATE desk.duty_seat SET staff = pg_temp.who('cy'), swap = (SELECT min(id) FROM desk.duty_swap) WHERE rotation = 'alpha' AND monday = pg_temp.monday(1) AND NOT is_shadow $$,
	'PT409', NULL, 'an old swap cannot be used again');
-- declined, and what stands in the way by the time it is accepted
INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), pg_temp.who('cy'));
SELECT throws_ok($$ UPDATE desk.duty_swap SET answer = 'withdrawn', answered_by = pg_temp.who('cy') WHERE answer IS NULL $$, 'PT409', NULL, 'only who asked withdraws');
UPDATE desk.duty_swap SET answer = 'declined', answered_by = pg_temp.who('cy') WHERE answer IS NULL;
SELECT is(pg_temp.plan('alpha'), 'ann ann cy ann ann', 'declining changes nothing');
INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker) VALUES ('alpha', pg_temp.monday(1), 1, pg_temp.who('ann'), pg_temp.who('cy'));
INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES (pg_temp.who('cy'), pg_temp.monday(1), pg_temp.monday(1), 'Away.');
SELECT throws_ok($$ UPDATE desk.duty_swap SET answer = 'accepted', answered_by = pg_temp.who('cy') WHERE answer IS NULL $$, 'PT409', NULL, 'nobody takes a week in which they are exempt');
UPDATE desk.duty_swap SET answer = 'withdrawn', answered_by = pg_temp.who('ann') WHERE answer IS NULL;
-- covering
SELECT throws_ok($$ INSERT INTO desk.duty_swap (kind, rotation, monday, seat, giver, taker, reason, answer, answered_by) VALUES ('cover', 'alpha', pg_temp.monday(), 1, pg_temp.who('cy'), pg_temp.who('ann'), 'x', 'accepted', pg_temp.who('ann')) $$,
	'PT409', NULL, 'who is there is not covered for');
UPDATE desk.staff SET active = false WHERE id = pg_temp.who('cy');
SELECT is((SELECT count(*)::int FROM desk.on_duty('alpha', now()) WHERE NOT is_shadow), 0, 'who has left is not on duty');
SELECT throws_ok($$ INSERT INTO desk.duty_swap (kind, rotation, monday, seat, giver, taker, answer, answered_by) VALUES ('cover', 'alpha', pg_temp.monday(), 1, pg_temp.who('cy'), pg_temp.who('ann'), 'accepted', pg_temp.who('ann')) $$,
	'23514', NULL, 'covering has a reason');
INSERT INTO desk.duty_swap (kind, rotation, monday, seat, giver, taker, reason, answer, answered_by) VALUES ('cover', 'alpha', pg_temp.monday(), 1, pg_temp.who('cy'), pg_temp.who('ann'), 'Cy has left.', 'accepted', pg_temp.who('ann'));
SELECT is(pg_temp.plan('alpha'), 'ann ann ann ann ann', 'somebody steps in');
SELECT results_eq($$ SELECT staff, seat::int FROM desk.on_duty('alpha', now()) WHERE NOT is_shadow $$, $$ SELECT pg_temp.who('ann'), 1 $$, 'and is on duty');

-- Whom to ask ---------------------------------------------------------------------

SELECT results_eq($$ SELECT place, s.name, role FROM desk.duty_chain('alpha', now()) c JOIN desk.staff s ON s.id = c.staff ORDER BY place $$,
	$$ VALUES (1, 'Ann', 'on duty'), (2, 'Boss', 'lead'), (3, 'Chief', 'manager') $$, 'first who is on duty, then the lead, then the manager');
UPDATE desk.rotation SET lead = pg_temp.who('ann') WHERE name = 'alpha';
SELECT results_eq($$ SELECT place, s.name FROM desk.duty_chain('alpha', now()) c JOIN desk.staff s ON s.id = c.staff ORDER BY place $$,
	$$ VALUES (1, 'Ann'), (2, 'Chief') $$, 'nobody twice');
UPDATE desk.rotation SET lead = pg_temp.who('boss') WHERE name = 'alpha';
SELECT matches(desk.duty_line(), 'Alpha: on duty: Ann / riding shotgun: Bob / next: Ann; Other: on duty: Eve / riding shotgun: nobody / next: nobody', 'the line for the queue');

-- Planning (003b, 003i) -------------------------------------------------------------

SELECT pg_temp.rotation('fair', 'Europe/Berlin', 2);
SELECT pg_temp.rotation('again', 'Europe/Berlin', 2);
UPDATE desk.staff SET active = true WHERE login IN ('duty-cy');
CREATE FUNCTION pg_temp.year(r text) RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.join(r, ARRAY['ann', 'bob', 'cy', 'dee', 'eve'], '2030-01-01');
	SELECT desk.duty_fill(r, 103, '2030-01-07');
$$;
SELECT pg_temp.year('fair');
SELECT is((SELECT count(*)::int FROM desk.duty_week WHERE rotation = 'fair'), 104, 'N weeks');
SELECT is((SELECT count(*)::int FROM desk.duty_seat WHERE rotation = 'fair'), 208, 'by k seats');
SELECT is_empty($$ SELECT half, max(n) - min(n) FROM (SELECT desk.half_year(monday) AS half, staff, count(*) AS n FROM desk.duty_seat WHERE rotation = 'fair' GROUP BY 1, 2) x
	GROUP BY half HAVING max(n) - min(n) > 1 OR count(*) < 5 $$, 'each half-year nobody has more than one week more than another');
SELECT is_empty($$ SELECT * FROM desk.duty_seat a JOIN desk.duty_seat b ON b.rotation = a.rotation AND b.staff = a.staff AND b.monday = a.monday + 7 WHERE a.rotation = 'fair' $$, 'and nobody has two weeks in a row');
CREATE TEMP TABLE first_plan AS SELECT monday, seat, staff FROM desk.duty_seat WHERE rotation = 'fair';
DO $$ BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		DELETE FROM desk.duty_seat WHERE rotation = 'fair';
		DELETE FROM desk.duty_week WHERE rotation = 'fair';
		SET LOCAL session_replication_role = origin;
		PERFORM desk.duty_fill('fair', 103, '2030-01-07');
	END;
END $$;
SELECT set_eq($$ SELECT monday, seat, staff FROM desk.duty_seat WHERE rotation = 'fair' $$, 'SELECT * FROM first_plan', 'the same desk gets the same plan');
-- people come, are away, and go
SELECT pg_temp.rotation('life', 'UTC', 2);
SELECT pg_temp.join('life', ARRAY['ann', 'bob', 'cy', 'dee', 'eve'], '2035-01-01');
SELECT pg_temp.join('life', ARRAY['fay'], '2035-03-01', false);
INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES (pg_temp.who('dee'), '2035-02-05', '2035-04-29', 'Parental leave.');
UPDATE desk.roster SET left_on = '2035-05-07', left_reason = 'Moved to sales.' WHERE rotation = 'life' AND staff = pg_temp.who('eve');
SELECT is(desk.duty_fill('life', 25, '2035-01-01'), 26, 'half a year with comings and goings');
SELECT is_empty($$ SELECT FROM desk.duty_seat WHERE rotation = 'life' AND staff = pg_temp.who('dee') AND monday BETWEEN '2035-02-05' AND '2035-04-29' $$, 'who is exempt is left out');
SELECT is_empty($$ SELECT FROM desk.duty_seat WHERE rotation = 'life' AND staff = pg_temp.who('eve') AND monday + 7 > '2035-05-07' $$, 'and who leaves');
SELECT results_eq($$ SELECT monday, seat::int FROM desk.duty_seat WHERE rotation = 'life' AND is_shadow AND staff = pg_temp.who('fay') $$, $$ VALUES ('2035-03-05'::date, 1) $$, 'who comes rides shotgun in the first week');
SELECT cmp_ok((SELECT max(n) - min(n) FROM (SELECT count(*) AS n FROM desk.duty_seat WHERE rotation = 'life' AND staff IN (pg_temp.who('ann'), pg_temp.who('bob'), pg_temp.who('cy')) GROUP BY staff) x), '<=', 1::bigint,
	'those who were there all along have the same, give or take one');
SELECT cmp_ok((SELECT count(*) FROM desk.duty_seat WHERE rotation = 'life' AND staff = pg_temp.who('dee') AND monday > '2035-04-29'), '<=', 6::bigint, 'who comes back does not have to make up for it');
-- the most experienced first
SELECT is((SELECT count(*)::int FROM desk.duty_seat s JOIN desk.duty_seat p USING (rotation, monday, seat) WHERE s.is_shadow AND NOT p.is_shadow AND s.rotation = 'life'
	AND (SELECT count(*) FROM desk.duty_seat e WHERE e.rotation = 'life' AND e.staff = p.staff AND e.monday < s.monday) <
	(SELECT max(n) FROM (SELECT count(e.*) AS n FROM desk.duty_seat o LEFT JOIN desk.duty_seat e ON e.rotation = o.rotation AND e.staff = o.staff AND e.monday < o.monday
		WHERE o.rotation = 'life' AND o.monday = s.monday AND NOT o.is_shadow GROUP BY o.staff) x)), 0, 'with the one who has been on duty most');

-- Any roster: people come, go and are away at random.  Another set of cases by
-- PGOPTIONS='-c duty.seed=7' (0 to 99999); what is found names its seed.
INSERT INTO desk.staff (login, name) SELECT 'random-' || n, 'Random ' || n FROM generate_series(1, 9) n;
CREATE TEMP TABLE found (seed numeric, what text);
DO $$
DECLARE
	seed numeric := coalesce(nullif(current_setting('duty.seed', true), ''), '42')::numeric;
	members int[] := ARRAY(SELECT id FROM desk.staff WHERE login LIKE 'random-%' ORDER BY id);
	first date;
	n text;
	zones text[] := '{UTC,Europe/London,America/New_York,Australia/Lord_Howe,Asia/Kathmandu,Africa/Casablanca,Pacific/Apia,America/Sao_Paulo}';
BEGIN
	PERFORM setseed(seed / 100000);
	FOR i IN 1..10 LOOP
		n := 'random-' || i;
		first := date '2050-01-03' + i * 364;
		INSERT INTO desk.rotation (name, label, zone, seats, handover)
		VALUES (n, n, zones[1 + floor(random() * 8)::int], 1 + floor(random() * 3)::int, make_time(floor(random() * 24)::int, 30, 0));
		INSERT INTO desk.roster (rotation, staff, joined_on, left_on, left_reason)
		SELECT n, m, CASE WHEN random() < 0.7 THEN first - 100 ELSE first + floor(random() * 180)::int END, l.on, CASE WHEN l.on IS NOT NULL THEN 'x' END
		FROM unnest(members[1:3 + floor(random() * 7)::int]) m, LATERAL (SELECT CASE WHEN random() < 0.2 + 0 * m THEN first + 181 + floor(random() * 60)::int END AS on) l;
		INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason)
		SELECT n, o.staff, 'experienced', '2020-01-01', 'x' FROM desk.roster o WHERE o.rotation = n AND random() < 0.9;
		INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason)
		SELECT m, d.day, d.day + floor(random() * 60)::int, 'x' FROM unnest(members) m, LATERAL (SELECT first + floor(random() * 360)::int + 0 * m AS day) d WHERE random() < 0.3;
		PERFORM desk.duty_fill(n, 30, first);
		INSERT INTO found SELECT seed, format('%s: %s is on duty while exempt', n, d.staff) FROM desk.duty_seat d JOIN desk.duty_exemption e USING (staff)
			WHERE d.rotation = n AND e.from_day <= d.monday + 6 AND e.until_day >= d.monday;
		INSERT INTO found SELECT seed, format('%s: %s is not on the roster on %s', n, d.staff, d.monday) FROM desk.duty_seat d JOIN desk.roster o USING (rotation, staff)
			WHERE d.rotation = n AND (o.joined_on > d.monday OR o.left_on < d.monday + 7);
		INSERT INTO found SELECT seed, format('%s: %s is not fair', n, f.half_year) FROM report.duty_fairness f WHERE f.rotation = n AND f.spread > 1;
		INSERT INTO found SELECT seed, format('%s: free seats on %s though somebody could', n, w.monday) FROM desk.duty_week w JOIN desk.rotation r ON r.name = w.rotation
			WHERE w.rotation = n AND (SELECT count(*) FROM desk.duty_seat d WHERE d.rotation = n AND d.monday = w.monday AND NOT d.is_shadow) < r.seats
			  AND EXISTS (SELECT FROM desk.duty_candidates(n, w.monday, tstzrange(w.starts_at, w.ends_at)) c WHERE c.ready IS NOT NULL);
		INSERT INTO found SELECT seed, format('%s: a gap after %s', n, a.monday) FROM desk.duty_week a JOIN desk.duty_week b ON b.rotation = a.rotation AND b.monday = a.monday + 7
			WHERE a.rotation = n AND a.ends_at <> b.starts_at;
		INSERT INTO found SELECT seed, format('%s: %s rides shotgun twice', n, d.staff) FROM desk.duty_seat d WHERE d.rotation = n AND d.is_shadow GROUP BY d.staff HAVING count(*) > 1;
	END LOOP;
END
$$;
SELECT is_empty('SELECT * FROM found', 'whatever the roster, nobody is on duty who cannot be, no seat is free that need not, and it is fair');

-- Reports ---------------------------------------------------------------------------

SELECT results_eq($$ SELECT name, weeks, shadow_weeks, all_along FROM report.duty_fairness WHERE rotation = 'life' AND half_year = '2035-01-01' AND name IN ('Dee', 'Eve', 'Fay') ORDER BY name $$,
	$$ SELECT s.name, count(*) FILTER (WHERE NOT d.is_shadow), count(*) FILTER (WHERE d.is_shadow), false FROM desk.duty_seat d JOIN desk.staff s ON s.id = d.staff
		WHERE d.rotation = 'life' AND s.name IN ('Dee', 'Eve', 'Fay') GROUP BY s.name ORDER BY s.name $$, 'the report has everybody''s weeks');
SELECT is((SELECT max(spread) FROM report.duty_fairness WHERE rotation IN ('fair', 'life')), 1::bigint, 'and how fair they are among those who were there all along');
SELECT is((SELECT count(*)::int FROM report.duty_fairness WHERE rotation = 'fair'), 20, 'a row for each person and half-year');
-- the load: tickets of three weeks, in an order of their own
SELECT pg_temp.rotation('load', 'UTC', 2, 2);
INSERT INTO desk.duty_week (rotation, monday) SELECT 'load', d::date FROM generate_series(timestamp '2021-01-04', '2021-01-18', '7 days') d;
SELECT pg_temp.join('load', ARRAY['ann', 'bob']);
INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span) VALUES ('load', '2021-01-04', 1, pg_temp.who('ann'), 'empty'), ('load', '2021-01-04', 2, pg_temp.who('bob'), 'empty'), ('load', '2021-01-11', 1, pg_temp.who('ann'), 'empty');
SET LOCAL session_replication_role = replica;
INSERT INTO desk.ticket (subject, kind, severity, state, filed_at, solved_at, resolution) OVERRIDING SYSTEM VALUE
SELECT 'load', 'bug', 3, CASE WHEN s IS NULL THEN 'open' ELSE 'resolved' END, f, s, CASE WHEN s IS NOT NULL THEN 'answered' END
FROM (VALUES ('2021-01-01'::timestamptz, NULL::timestamptz), ('2021-01-04 00:00+00', '2021-01-10 23:59:59+00'), ('2021-01-10', '2021-01-12'), ('2021-01-11 00:00+00', NULL)) v (f, s);
SET LOCAL session_replication_role = origin;
SELECT results_eq($$ SELECT monday, people::int, minimum::int, is_short, new::int, solved::int FROM report.duty_week WHERE rotation = 'load' AND monday < '2021-01-18' ORDER BY monday $$,
	$$ VALUES ('2021-01-04'::date, 2, 2, false, 2, 1), ('2021-01-11', 1, 2, true, 1, 1) $$, 'people, new and solved tickets of each week, from hand-over to hand-over');
SELECT results_eq($$ SELECT backlog::int FROM report.duty_week WHERE rotation = 'load' AND monday < '2021-01-18' ORDER BY monday $$,
	$$ SELECT count(*)::int FROM desk.ticket t, (VALUES ('2021-01-11'::timestamptz), ('2021-01-18')) e (at) WHERE t.filed_at < e.at AND coalesce(t.solved_at >= e.at, true) GROUP BY e.at ORDER BY e.at $$, 'and what was left open at its end');

-- Time zones (DST) ------------------------------------------------------------------

UPDATE desk.rotation SET handover = '09:00' WHERE name = 'fair';
SELECT is_empty($$ SELECT monday FROM desk.duty_week WHERE rotation = 'fair' AND (starts_at AT TIME ZONE 'Europe/Berlin' <> monday + time '09:00' OR ends_at AT TIME ZONE 'Europe/Berlin' <> monday + 7 + time '09:00') $$,
	'the hand-over is at nine on Monday, summer and winter');
SELECT results_eq($$ SELECT monday, extract(epoch FROM ends_at - starts_at)::int / 3600 FROM desk.duty_week WHERE rotation = 'fair' AND ends_at - starts_at <> interval '168 hours' ORDER BY 1 $$,
	$$ VALUES ('2030-03-25'::date, 167), ('2030-10-21', 169), ('2031-03-24', 167), ('2031-10-20', 169) $$, 'the weeks in which the clocks change are an hour shorter or longer');
SELECT is_empty($$ SELECT a.monday FROM desk.duty_week a JOIN desk.duty_week b ON b.rotation = a.rotation AND b.monday = a.monday + 7 WHERE a.rotation = 'fair' AND a.ends_at <> b.starts_at $$, 'and there is no gap between them');
SELECT is_empty($$ SELECT * FROM desk.duty_seat d JOIN desk.duty_week w USING (rotation, monday) WHERE d.span <> tstzrange(w.starts_at, w.ends_at) $$, 'seats are as long as their weeks');
SELECT is((SELECT min(sequence) FROM desk.duty_seat WHERE rotation = 'fair'), 1, 'another hand-over is news for calendars');
UPDATE desk.rotation SET handover = '18:00' WHERE name = 'alpha';
UPDATE desk.rotation SET handover = '00:00' WHERE name = 'alpha';
SELECT is(pg_temp.plan('alpha'), 'ann ann ann ann ann', 'to later and to earlier, also for who has two weeks in a row');
SELECT is(desk.duty_monday('fair', '2030-03-25 07:59:59+00'), '2030-03-18', 'before the hand-over it is the week before');
SELECT is(desk.duty_monday('fair', '2030-03-25 08:00:00+00'), '2030-03-25', 'from the hand-over on it is the new one');
SELECT is(desk.duty_monday('fair', '2040-07-02 06:59:59+00'), '2040-06-25', 'in weeks that are not published, too');
SELECT is(desk.duty_monday('fair', '2040-07-02 07:00:00+00'), '2040-07-02', 'to the second');
-- a hand-over that the clocks jump over: the instant of the change
SELECT pg_temp.rotation('tehran', 'Asia/Tehran');
SELECT pg_temp.rotation('apia', 'Pacific/Apia');
UPDATE desk.rotation SET handover = '00:30' WHERE name = 'tehran';
SELECT is(desk.duty_handover('tehran', '2021-03-22'), '2021-03-21 20:30+00', 'a hand-over that is skipped is when the clocks change');
SELECT is(desk.duty_handover('tehran', '2021-03-29'), '2021-03-28 20:00+00', 'and one week later it is on time');
SELECT is(extract(epoch FROM desk.duty_handover('apia', '2012-01-02') - desk.duty_handover('apia', '2011-12-26'))::int / 3600, 144, 'the week in which Samoa had no Friday has six days');

-- What the checker does --------------------------------------------------------------

UPDATE desk.rotation SET seats = 3, minimum = 2 WHERE name = 'alpha';
SELECT cmp_ok(desk.duty_watch(), '>', 0, 'too few people are told of');
SELECT cmp_ok((SELECT count(*) FROM desk.duty_week WHERE rotation = 'alpha' AND monday >= pg_temp.monday()), '>=', 7::bigint, 'this week and at least six more are published');
SELECT set_eq($$ SELECT DISTINCT staff FROM desk.outbox WHERE kind = 'alarm' AND subject LIKE '%Alpha' $$, ARRAY[pg_temp.who('boss'), pg_temp.who('chief')], 'the lead and the manager get the mail');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE kind = 'alarm' AND subject LIKE '%Alpha'), 2, 'one for all weeks');
SELECT is((SELECT is_short FROM desk.duty_status()), true, 'the status says so');
SELECT cmp_ok((SELECT count(*)::int FROM desk.duty_gaps() WHERE rotation = 'alpha'), '>', 0, 'and which weeks they are');
CREATE TEMP TABLE before AS SELECT pg_current_wal_insert_lsn() AS lsn, (SELECT count(*) FROM desk.outbox) AS mails;
SELECT is(desk.duty_watch(), 0, 'a second run tells nothing');
SELECT is((SELECT count(*) FROM desk.outbox), (SELECT mails FROM before), 'writes no mail');
SELECT is((SELECT count(*)::int FROM desk.duty_alarm WHERE over_at IS NOT NULL), 0, 'and ends no alarm');
UPDATE desk.rotation SET minimum = 1 WHERE name = 'alpha';
SELECT desk.duty_watch();
SELECT is((SELECT count(*)::int FROM desk.duty_alarm WHERE rotation = 'alpha' AND kind = 'short' AND over_at IS NULL AND monday = pg_temp.monday()), 0, 'when there are enough the alarm is over');
UPDATE desk.staff SET active = false WHERE login IN ('duty-ann', 'duty-bob', 'duty-cy', 'duty-dee', 'duty-eve', 'duty-fay');
SELECT cmp_ok(desk.duty_watch(), '>', 0, 'nobody on duty is an alarm');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE kind = 'alarm' AND subject = 'Nobody is on duty: Alpha' AND urgent), 2, 'that does not wait');
SELECT is((SELECT is_empty FROM desk.duty_status()), true, 'the status knows it');
SELECT matches((SELECT words FROM desk.duty_status()), 'Alpha: nobody on duty now', 'in words');
SELECT is(desk.duty_watch(), 0, 'it is told once');
SELECT results_eq($$ SELECT s.name FROM desk.duty_chain('alpha', now()) c JOIN desk.staff s ON s.id = c.staff ORDER BY place $$, ARRAY['Boss', 'Chief'], 'the lead and the manager are left to ask');
UPDATE desk.staff SET active = true WHERE login = 'duty-ann';
SELECT desk.duty_watch();
UPDATE desk.staff SET active = false WHERE login = 'duty-ann';
SELECT cmp_ok(desk.duty_watch(), '>', 0, 'and again when it happens again');
DELETE FROM desk.staff_contact;
UPDATE desk.staff SET active = true WHERE login = 'duty-ann';
SELECT desk.duty_watch();
UPDATE desk.staff SET active = false WHERE login = 'duty-ann';
SELECT desk.duty_watch();
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE kind = 'alarm' AND subject = 'Nobody is on duty: Alpha' AND staff IS NULL), 1, 'where neither has an address it goes to whoever can be reached');

SELECT * FROM finish();
ROLLBACK;
