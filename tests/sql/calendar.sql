-- Calendars by example: zone by zone, rule by rule.  What holds for any
-- calendar is tried in calendar-properties.sql.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();
SET LOCAL timezone = 'UTC';

-- local time to instant ----------------------------------------------------------
CREATE FUNCTION pg_temp.r(zone text, day date, clock text) RETURNS text LANGUAGE sql
RETURN to_char(desk.local_instant(zone, day, (extract(epoch FROM clock::interval) / 60)::int), 'YYYY-MM-DD HH24:MI');
SELECT is(pg_temp.r(zone, day::date, clock), is_at, format('%s: %s', zone, why)) FROM (VALUES
	('UTC', '2026-11-22', '09:00', '2026-11-22 09:00', 'there is nothing to it'),
	('Asia/Kathmandu', '2026-11-22', '09:00', '2026-11-22 03:15', 'a quarter of an hour is an offset too'),
	('Asia/Kathmandu', '1986-01-01', '00:05', '1985-12-31 18:30', 'and was once the change'),
	('Europe/Berlin', '2026-03-29', '01:59', '2026-03-29 00:59', 'the minute before the gap'),
	('Europe/Berlin', '2026-03-29', '02:00', '2026-03-29 01:00', 'the gap begins with the change'),
	('Europe/Berlin', '2026-03-29', '02:30', '2026-03-29 01:00', 'a skipped time is the instant of the change'),
	('Europe/Berlin', '2026-03-29', '03:00', '2026-03-29 01:00', 'and so is the end of the gap'),
	('Europe/Berlin', '2026-03-29', '03:01', '2026-03-29 01:01', 'then it goes on'),
	('Europe/Berlin', '2026-10-25', '02:00', '2026-10-25 00:00', 'of a time that comes twice the first counts'),
	('Europe/Berlin', '2026-10-25', '02:30', '2026-10-25 00:30', 'in the middle too'),
	('Europe/Berlin', '2026-10-25', '03:00', '2026-10-25 02:00', 'the hour behind comes once'),
	('Europe/London', '2026-10-25', '01:30', '2026-10-25 00:30', 'first half past one'),
	('Europe/London', '2026-03-29', '01:30', '2026-03-29 01:00', 'no half past one'),
	('Europe/Dublin', '2026-10-25', '01:30', '2026-10-25 00:30', 'the same where winter is the exception'),
	('Europe/Dublin', '2026-03-29', '01:30', '2026-03-29 01:00', 'and in spring'),
	('America/New_York', '2026-03-08', '02:15', '2026-03-08 07:00', 'west of Greenwich'),
	('America/New_York', '2026-11-01', '01:15', '2026-11-01 05:15', 'and twice'),
	('Australia/Lord_Howe', '2026-10-04', '02:15', '2026-10-03 15:30', 'half an hour is skipped'),
	('Australia/Lord_Howe', '2026-10-04', '02:30', '2026-10-03 15:30', 'no more than that'),
	('Australia/Lord_Howe', '2026-10-04', '02:31', '2026-10-03 15:31', 'then it goes on'),
	('Australia/Lord_Howe', '2026-04-05', '01:45', '2026-04-04 14:45', 'half an hour comes twice'),
	('Australia/Lord_Howe', '2026-04-05', '02:00', '2026-04-04 15:30', 'and is over'),
	('Antarctica/Troll', '2026-03-29', '02:00', '2026-03-29 01:00', 'two hours are skipped'),
	('Antarctica/Troll', '2026-10-25', '02:30', '2026-10-25 00:30', 'two hours come twice'),
	('America/Sao_Paulo', '2018-11-04', '00:00', '2018-11-04 03:00', 'midnight itself is skipped'),
	('America/Sao_Paulo', '2018-11-04', '00:30', '2018-11-04 03:00', 'and the hour behind it'),
	('America/Sao_Paulo', '2018-02-17', '23:30', '2018-02-18 01:30', 'the last hour of a day comes twice'),
	('America/Sao_Paulo', '2018-02-17', '24:00', '2018-02-18 03:00', 'and the day ends after the second'),
	('America/Caracas', '2007-12-09', '02:45', '2007-12-09 06:45', 'clocks go back without summer time'),
	('America/Caracas', '2007-12-09', '03:00', '2007-12-09 07:30', 'by half an hour'),
	('America/Caracas', '2016-05-01', '02:45', '2016-05-01 07:00', 'and forward again'),
	('Asia/Pyongyang', '2015-08-14', '23:45', '2015-08-14 14:45', 'before midnight comes twice'),
	('Asia/Pyongyang', '2015-08-15', '00:00', '2015-08-14 15:30', 'and midnight once'),
	('Asia/Pyongyang', '2018-05-04', '23:45', '2018-05-04 15:00', 'and is skipped three years later'),
	('Africa/Casablanca', '2025-02-23', '02:30', '2025-02-23 01:30', 'clocks go back for Ramadan'),
	('Africa/Casablanca', '2025-04-06', '02:30', '2025-04-06 02:00', 'and forward after it'),
	('Pacific/Apia', '2011-12-29', '24:00', '2011-12-30 10:00', 'the day before the one that never was'),
	('Pacific/Apia', '2011-12-30', '12:00', '2011-12-30 10:00', 'noon of no day'),
	('Pacific/Apia', '2011-12-31', '00:00', '2011-12-30 10:00', 'and the day after it')
) AS v (zone, day, clock, is_at, why);

-- hours as people write them -----------------------------------------------------------
CREATE FUNCTION pg_temp.cal(called text) RETURNS int LANGUAGE sql RETURN (SELECT id FROM desk.calendar WHERE name = called);
CREATE FUNCTION pg_temp.hours(called text) RETURNS text LANGUAGE sql RETURN (SELECT desk.hours_words(v.id) FROM desk.calendar_version v
	WHERE v.calendar = pg_temp.cal(called) ORDER BY v.valid_from DESC LIMIT 1);
SELECT desk.calendar_set('h' || place, 'UTC', hours) FROM (VALUES (1, 'Mon-Fri 09:00-12:00 13:00-17:30; Sat 10:00-14:00'), (2, '24x7'), (3, 'monday, WED 09:00-20:00, Fri-Mon 22:00-02:00'),
	(4, 'Sat-Mon 08:00-09:00;'), (5, 'Sun 23:00-00:00')) AS v (place, hours);
SELECT is(pg_temp.hours('h' || place), words, words) FROM (VALUES (1, 'Mon-Fri 09:00-12:00 13:00-17:30; Sat 10:00-14:00'), (2, '24x7'),
	(3, 'Mon 09:00-20:00 22:00-02:00; Wed 09:00-20:00; Fri-Sun 22:00-02:00'), (4, 'Mon 08:00-09:00; Sat-Sun 08:00-09:00'), (5, 'Sun 23:00-00:00')) AS v (place, words);
SELECT throws_ok(format('SELECT desk.calendar_set(%L, %L, %L)', 'bad', 'UTC', hours), 'PT400', NULL, format('"%s" is not understood', hours))
FROM unnest(ARRAY['Mon-Fri', '09:00-17:00', 'Mon 9-17', 'Mon 09:00-25:00', 'Mon 09:60-10:00', 'Funday 09:00-10:00', 'Mon 09:00-17:00 Tue']) hours;
SELECT is((SELECT count(*) FROM desk.calendar WHERE name = 'bad'), 0::bigint, 'and nothing is left of it');


-- what is refused ----------------------------------------------------------------------
SELECT throws_ok(format('SELECT desk.calendar_set(%L, %L, %L)', 'bad', zone, hours), 'PT409', words, words)
FROM (VALUES ('Europe/Atlantis', '24x7', 'there is no zone "Europe/Atlantis"'), ('CET', '24x7', 'there is no zone "CET"'), ('XYZ3', '24x7', 'there is no zone "XYZ3"'),
	('europe/berlin', '24x7', 'there is no zone "europe/berlin"'), ('', '24x7', 'there is no zone ""'), ('+02:00', '24x7', 'there is no zone "+02:00"'),
	('UTC', 'Mon 09:00-12:00 11:59-13:00', 'calendar "bad" has hours that overlap: Monday 09:00-12:00 and Monday 11:59-13:00'),
	('UTC', 'Mon 09:00-12:00 09:00-13:00', 'calendar "bad" has hours that overlap: two ranges begin at the same time'),
	('UTC', 'Mon 22:00-02:00; Tue 01:00-03:00', 'calendar "bad" has hours that overlap: Monday 22:00-02:00 and Tuesday 01:00-03:00'),
	('UTC', 'Sun 22:00-02:00; Mon 01:59-03:00', 'calendar "bad" has hours that overlap: Sunday 22:00-02:00 and Monday 01:59-03:00'),
	('UTC', 'Mon 09:00-08:30; Tue 08:00-10:00', 'calendar "bad" has hours that overlap: Monday 09:00-08:30 and Tuesday 08:00-10:00'),
	('UTC', '', 'calendar "bad" has no hours from 2000-01-01T00:00:00Z on')) AS v (zone, hours, words);
SELECT throws_ok($$ SELECT desk.calendar_set('bad', 'UTC', 'Mon-Fri 09:00-09:00') $$, 'PT400', NULL, 'a slip of the pen is not round the clock');
SELECT lives_ok($$ SELECT desk.calendar_set('good', zone, hours) FROM (VALUES ('UTC', 'Mon 22:00-02:00; Tue 02:00-03:00'), ('Etc/UTC', 'Sun 22:00-02:00; Mon 02:00-03:00'), ('Europe/Berlin', 'Mon 10:00-09:00; Tue 09:00-10:00')) AS v (zone, hours) $$,
	'ranges may touch');
DELETE FROM desk.calendar WHERE name = 'good';

-- By raw SQL too, when the transaction ends.
CREATE FUNCTION pg_temp.at_commit(statements text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statements;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
SELECT desk.calendar_set('raw', 'Europe/Berlin', 'Mon-Fri 09:00-17:00');
SELECT is(pg_temp.at_commit(statements), words, why) FROM (VALUES
	($$ INSERT INTO desk.calendar (name, label) VALUES ('x', 'X') $$, 'calendar "x" has no hours', 'a calendar without hours'),
	($$ DELETE FROM desk.calendar_version WHERE calendar = pg_temp.cal('raw') $$, 'calendar "raw" has no hours', 'a calendar that loses its hours'),
	($$ DELETE FROM desk.calendar_range r USING desk.calendar_version v WHERE v.id = r.version AND v.calendar = pg_temp.cal('raw') $$,
		'calendar "raw" has no hours from 2000-01-01T00:00:00Z on', 'one by one too'),
	($$ INSERT INTO desk.calendar_range SELECT id, 3, '08:00', '09:01' FROM desk.calendar_version WHERE calendar = pg_temp.cal('raw') $$,
		'calendar "raw" has hours that overlap: Wednesday 08:00-09:01 and Wednesday 09:00-17:00', 'a range that overlaps'),
	($$ INSERT INTO desk.calendar_version (calendar, zone) VALUES (pg_temp.cal('raw'), 'Mars/Olympus') $$, 'there is no zone "Mars/Olympus"', 'a zone of nowhere'),
	($$ UPDATE desk.calendar_version SET zone = 'CET' WHERE calendar = pg_temp.cal('raw') $$, 'there is no zone "CET"', 'a zone that PostgreSQL takes for another'),
	($$ INSERT INTO desk.calendar_override (calendar, day) VALUES (pg_temp.cal('raw'), '2027-03-01');
		INSERT INTO desk.calendar_override_range VALUES (pg_temp.cal('raw'), '2027-03-01', '08:00', '12:00'), (pg_temp.cal('raw'), '2027-03-01', '11:00', '13:00') $$,
		'calendar "raw" has hours that overlap: on 2027-03-01 08:00-12:00 and 11:00-13:00', 'a date with ranges that overlap'),
	($$ INSERT INTO desk.calendar_override (calendar, day) VALUES (pg_temp.cal('raw'), '2027-03-01');
		INSERT INTO desk.calendar_override_range VALUES (pg_temp.cal('raw'), '2027-03-01', '22:00', '02:00') $$,
		'new row for relation "calendar_override_range" violates check constraint "not_over_midnight"', 'a date that runs over midnight'),
	($$ INSERT INTO desk.holiday (calendar, day) SELECT pg_temp.cal('raw'), day::date FROM generate_series(now(), now() + interval '4 years', '1 day') day $$,
		format('calendar "raw" never opens after %s', desk.utc((SELECT max(closes) FROM desk.calendar_span WHERE calendar = pg_temp.cal('raw') AND closes < now()
			AND (closes AT TIME ZONE 'Europe/Berlin')::date < current_date))), 'holidays for ever'),
	($$ TRUNCATE desk.holiday $$, 'cannot truncate holiday: delete the rows', 'all holidays at once')
) AS v (statements, words, why);
SELECT is(pg_temp.at_commit($$ INSERT INTO desk.holiday (calendar, day) VALUES (pg_temp.cal('raw'), '2027-06-01') $$), 'done', 'a holiday by raw SQL');
SELECT ok(NOT desk.is_open(pg_temp.cal('raw'), '2027-06-01 10:00Z'), 'counts once the transaction ends');
SELECT is(pg_temp.at_commit($$ DELETE FROM desk.holiday WHERE day = '2027-06-01' $$), 'done', 'it goes');
SELECT ok(desk.is_open(pg_temp.cal('raw'), '2027-06-01 10:00Z'), 'and is open again');

-- reading --------------------------------------------------------------------------------
SELECT desk.calendar_set('shop', 'Europe/Berlin', 'Mon-Fri 09:00-12:00 13:00-17:00; Sat 22:00-02:00');
CREATE FUNCTION pg_temp.add(at text, hours numeric) RETURNS text LANGUAGE sql
RETURN to_char(api.business_add('shop', at::timestamp AT TIME ZONE 'Europe/Berlin', hours * 3600) AT TIME ZONE 'Europe/Berlin', 'Dy DD Mon HH24:MI:SS');
-- 20 November 2026 is a Friday.
SELECT is(pg_temp.add(at, hours), due, why) FROM (VALUES
	('2026-11-20 10:00', 1, 'Fri 20 Nov 11:00:00', 'an hour is an hour'),
	('2026-11-20 11:00', 2, 'Fri 20 Nov 14:00:00', 'lunch does not count'),
	('2026-11-20 11:00', 1, 'Fri 20 Nov 12:00:00', 'due as lunch begins is due then'),
	('2026-11-20 12:30', 1, 'Fri 20 Nov 14:00:00', 'what comes in at lunch begins after it'),
	('2026-11-20 16:00', 1, 'Fri 20 Nov 17:00:00', 'the last moment on Friday is Friday'),
	('2026-11-20 16:00', 1.0003, 'Sat 21 Nov 22:00:01', 'a second more is the next opening'),
	('2026-11-20 16:00', 4, 'Sun 22 Nov 01:00:00', 'over midnight'),
	('2026-11-20 18:00', 0, 'Sat 21 Nov 22:00:00', 'nothing is the next opening'),
	('2026-11-20 10:00', 0, 'Fri 20 Nov 10:00:00', 'or now, while open'),
	('2026-11-21 23:00', 3.5, 'Mon 23 Nov 09:30:00', 'from the night into Monday')) AS v (at, hours, due, why);
SELECT is(api.business_between('shop', '2026-11-20 08:00Z', '2026-11-20 16:00Z'), 7 * 3600::numeric, 'a day of seven hours');
SELECT is(api.business_between('shop', '2026-11-20 16:00Z', '2026-11-20 08:00Z'), -7 * 3600::numeric, 'and backwards');
SELECT is(api.business_between('shop', '2026-11-20 10:00:00.000001Z', '2026-11-20 10:00:01Z'), 0.999999, 'to the microsecond');
SELECT is(api.business_add('shop', '2026-11-20 10:00:00.000001Z', 0.999999), timestamptz '2026-11-20 10:00:01Z', 'both ways');
SELECT is(api.next_open('shop', '2026-11-20 16:00Z'), timestamptz '2026-11-21 21:00Z', 'the moment of closing is closed');
SELECT is(api.next_open('shop', '2026-11-20 15:59:59.999999Z'), timestamptz '2026-11-20 15:59:59.999999Z', 'the one before is not');
SELECT is(desk.business_add(NULL, now(), 1), NULL, 'no calendar, no answer');
-- 17:00 in winter is 16:00Z, in summer 15:00Z
SELECT is(api.business_add('shop', '2026-10-23 14:00Z', 4.5 * 3600), timestamptz '2026-10-24 23:30Z', 'into a night with a change of clocks');
SELECT is(api.business_between('shop', '2026-10-24 20:00Z', '2026-10-25 02:00Z'), 4 * 3600::numeric, 'it ends at the first two o''clock');

-- holidays and other hours -------------------------------------------------------------------
INSERT INTO desk.holiday VALUES (pg_temp.cal('shop'), '2026-11-22', 'A Sunday');
INSERT INTO desk.calendar_override VALUES (pg_temp.cal('shop'), '2026-11-23', 'A short day'), (pg_temp.cal('shop'), '2026-11-24', 'Stocktaking'), (pg_temp.cal('shop'), '2026-11-25', 'Not at all');
INSERT INTO desk.calendar_override_range VALUES (pg_temp.cal('shop'), '2026-11-23', '10:00', '11:00'), (pg_temp.cal('shop'), '2026-11-23', '23:00', '24:00'), (pg_temp.cal('shop'), '2026-11-25', '10:00', '20:00');
INSERT INTO desk.holiday VALUES (pg_temp.cal('shop'), '2026-11-25', 'Beats it');
SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED;
SELECT is((SELECT string_agg(to_char(opens AT TIME ZONE 'Europe/Berlin', 'DD HH24:MI-') || to_char(closes AT TIME ZONE 'Europe/Berlin', 'HH24:MI'), ', ' ORDER BY opens) FROM desk.calendar_span
	WHERE calendar = pg_temp.cal('shop') AND opens BETWEEN '2026-11-21' AND '2026-11-26 10:00'), '21 22:00-00:00, 23 10:00-11:00, 23 23:00-00:00, 26 09:00-12:00',
	'a holiday ends the night before; other hours replace; none is closed; a holiday beats them');

-- round the clock ---------------------------------------------------------------------------
SELECT is((SELECT count(*)::int FROM desk.calendar_span WHERE calendar = pg_temp.cal('always') AND closes IS NOT NULL), 1, 'round the clock is one span');
SELECT is(api.business_add('always', '2026-03-28 12:00Z', 86400), timestamptz '2026-03-29 12:00Z', 'a day is a day');
SELECT is(desk.zone(), (SELECT zone FROM desk.calendar_version WHERE calendar = pg_temp.cal('always')), 'its zone is the desk''s');

-- where there is no answer --------------------------------------------------------------------
SELECT throws_ok($$ SELECT api.business_add('nowhere', now(), 1) $$, 'PT404', 'there is no calendar "nowhere"', 'no such calendar');
SELECT throws_ok($$ SELECT desk.business_add(-1, now(), 1) $$, 'PT404', 'there is no calendar -1', 'nor by number');
SELECT throws_ok($$ SELECT api.business_add('shop', now(), -1) $$, 'PT400', 'cannot add less than no time', 'less than no time');
SELECT throws_ok($$ SELECT api.business_add('shop', '1999-12-31Z', 1) $$, 'PT409', 'calendar "shop" begins at 2000-01-01T00:00:00Z, there is no time in it before that', 'before the calendar');
SELECT throws_like($$ SELECT api.next_open('shop', now() + interval '4 years') $$, 'calendar "shop" is laid out until % only', 'behind its layout');
SELECT throws_like($$ SELECT api.business_between('shop', now(), 'infinity') $$, 'calendar "shop" is laid out until % only', 'behind all');
SELECT throws_like($$ SELECT api.business_add('shop', now(), 1e8) $$, 'calendar "shop" is laid out until % only', 'more than there is');
-- holidays that were noted in time, and reached by the layout when it is too late to refuse
INSERT INTO desk.holiday SELECT pg_temp.cal('raw'), day::date FROM generate_series('2026-12-01'::timestamp, '2029-12-31', '1 day') day;
SELECT is(desk.calendar_lay(pg_temp.cal('raw'), false), true, 'a layout that is renewed takes it');
SELECT throws_ok($$ SELECT api.business_add('raw', '2026-12-01Z', 1) $$, 'PT409', 'calendar "raw" never opens after 2026-11-30T16:00:00Z', 'closed for 800 days is closed');
DELETE FROM desk.holiday WHERE calendar = pg_temp.cal('raw');
SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED;

-- versions, and the past ---------------------------------------------------------------------
SELECT desk.calendar_set('move', 'Europe/Berlin', 'Mon-Fri 09:00-17:00');
SELECT desk.calendar_set('move', 'Europe/Berlin', 'Mon-Fri 09:00-17:00');
SELECT is((SELECT count(*)::int FROM desk.calendar_version WHERE calendar = pg_temp.cal('move')), 1, 'the same hours are no new version');
SELECT desk.calendar_set('move', 'America/New_York', 'Mon-Fri 08:00-18:00', '2027-02-03 10:00Z');
SELECT is((SELECT string_agg(to_char(opens, 'DD HH24:MI-') || to_char(closes, 'HH24:MI'), ', ' ORDER BY opens) FROM desk.calendar_span
	WHERE calendar = pg_temp.cal('move') AND opens BETWEEN '2027-02-02' AND '2027-02-05'), '02 08:00-16:00, 03 08:00-10:00, 03 13:00-23:00, 04 13:00-23:00', 'a version holds from its instant on');

CREATE TEMP TABLE before AS SELECT * FROM desk.calendar_span WHERE calendar = pg_temp.cal('move');
INSERT INTO desk.policy (severity, channel, answer_seconds, solve_seconds, answer_calendar, valid_from) VALUES (3, 'api', 36000, 86400, pg_temp.cal('move'), '2020-01-01Z');
SELECT is(pg_temp.at_commit(format('INSERT INTO desk.holiday VALUES (%s, %L)', pg_temp.cal('move'), '2026-03-02')), 'done', 'before anything was measured, the past may change');
DELETE FROM desk.holiday WHERE calendar = pg_temp.cal('move');
SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED;
INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES ('Measured', 'bug', 3, 'api', now() - interval '1 minute');
CREATE FUNCTION pg_temp.due() RETURNS timestamptz LANGUAGE sql
RETURN (SELECT c.due_at FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = 'Measured' AND c.metric = 'first response');
SELECT is(pg_temp.due(), api.business_add('move', now() - interval '1 minute', 36000), 'a promise is measured by the calendar');
SELECT is(pg_temp.at_commit(statements), 'cannot change ' || what || ' of calendar "move": promises were measured with it', why) FROM (VALUES
	($$ SELECT desk.calendar_set('move', 'UTC', 'Mon 09:00-17:00', now() - interval '1 second') $$, 'the past', 'a version in the past'),
	($$ DELETE FROM desk.calendar_version WHERE calendar = pg_temp.cal('move') AND valid_from < now() $$, 'the past', 'to take the past away'),
	($$ UPDATE desk.calendar_version SET zone = 'UTC' WHERE calendar = pg_temp.cal('move') AND valid_from < now() $$, 'the past', 'to have been elsewhere'),
	($$ UPDATE desk.calendar_range SET closes = '16:00' WHERE version = (SELECT min(id) FROM desk.calendar_version WHERE calendar = pg_temp.cal('move')) $$, 'the hours', 'hours in force'),
	($$ INSERT INTO desk.holiday VALUES (pg_temp.cal('move'), '2026-03-03') $$, '2026-03-03', 'a holiday that was none'),
	($$ INSERT INTO desk.calendar_override VALUES (pg_temp.cal('move'), '2026-03-03') $$, '2026-03-03', 'other hours that were not')) AS v (statements, what, why);
SELECT is(pg_temp.at_commit(format('INSERT INTO desk.holiday SELECT %s, (now() AT TIME ZONE %L)::date', pg_temp.cal('move'), 'Europe/Berlin')), 'done', 'today may be closed, from now on');
SELECT is(pg_temp.at_commit(format('SELECT desk.calendar_set(%L, %L, %L)', 'move', 'Asia/Tokyo', 'Mon-Sun 10:00-11:00')), 'done', 'new hours from now on');
SELECT is(pg_temp.due(), api.business_add('move', now() - interval '1 minute', 36000), 'the promise follows');
SELECT is_empty($$ SELECT opens, least(closes, now()), open_before_us FROM before WHERE opens < now() AND least(closes, now()) > opens
	EXCEPT SELECT opens, least(closes, now()), open_before_us FROM desk.calendar_span WHERE calendar = pg_temp.cal('move') $$, 'what is past stays as it was');
SELECT is(api.next_open('move', '2026-12-24 12:00Z'), timestamptz '2026-12-25 01:00Z', 'what comes is new');
SELECT is_empty($$ SELECT FROM (SELECT opens, open_before_us, lag(open_before_us + (extract(epoch FROM closes - opens) * 1000000)::bigint) OVER (ORDER BY opens) AS should
	FROM desk.calendar_span WHERE calendar = pg_temp.cal('move')) x WHERE open_before_us <> should $$, 'and the sum goes on');

-- A ticket that was being filed during the edit has the old promise.
SELECT cmp_ok((SELECT again_at FROM desk.calendar WHERE name = 'move'), '>', now(), 'it will be looked at once more');
SET LOCAL session_replication_role = replica;
UPDATE desk.clock SET due_at = due_at - interval '1 hour' WHERE calendar = pg_temp.cal('move');
SET LOCAL session_replication_role = origin;
SELECT is(desk.calendar_renew(), 0, 'not at once');
SELECT isnt(pg_temp.due(), api.business_add('move', now() - interval '1 minute', 36000), 'so it is wrong for some minutes');
UPDATE desk.calendar SET again_at = now() - interval '1 second' WHERE again_at IS NOT NULL;
SELECT is(desk.calendar_renew(), 0, 'then');
SELECT is(pg_temp.due(), api.business_add('move', now() - interval '1 minute', 36000), 'it is right');
SELECT is((SELECT count(*)::int FROM desk.calendar WHERE again_at IS NOT NULL), 0, 'and that is that');

-- renewing -----------------------------------------------------------------------------------
SELECT is(desk.calendar_renew(), 0, 'nothing to renew');
CREATE TEMP TABLE laid AS SELECT * FROM desk.calendar_span;
UPDATE desk.calendar SET laid_until = now() + interval '1000 days' WHERE name IN ('shop', 'always', 'move');
UPDATE desk.calendar_span s SET opens = now() + interval '1000 days' FROM desk.calendar c WHERE c.id = s.calendar AND c.name = 'always' AND s.closes IS NULL;
UPDATE desk.calendar_span s SET closes = now() + interval '1000 days' FROM desk.calendar c WHERE c.id = s.calendar AND c.name = 'always' AND s.closes > now() + interval '1000 days';
DELETE FROM desk.calendar_span s USING desk.calendar c WHERE c.id = s.calendar AND c.name IN ('shop', 'move') AND s.opens > now() + interval '1000 days';
SELECT throws_like($$ SELECT api.next_open('always', now() + interval '1001 days') $$, '%is laid out until%', 'a layout that comes to its end');
SELECT is(desk.calendar_renew(), 3, 'is renewed in time');
SELECT is_empty('(TABLE laid EXCEPT TABLE desk.calendar_span) UNION ALL (TABLE desk.calendar_span EXCEPT TABLE laid)', 'as if it had been so at first');
SELECT is(desk.calendar_renew(), 0, 'and that is all');

-- the world changes its clocks, and we hear of it later
UPDATE desk.calendar_span SET opens = opens + interval '1 hour', closes = closes + interval '1 hour' WHERE calendar = pg_temp.cal('shop') AND opens > now() + interval '300 days' AND closes IS NOT NULL;
SELECT cmp_ok(desk.calendar_differs(pg_temp.cal('shop')), '>', now() + interval '300 days', 'spans that are not what they should be are found');
SELECT is((SELECT status FROM api.calendar_check() WHERE line LIKE 'calendar "shop"%'), 2, 'and told');
SELECT is(desk.calendar_lay(pg_temp.cal('shop')), true, 'to lay them out anew is a change');
SELECT is_empty('(TABLE laid EXCEPT TABLE desk.calendar_span) UNION ALL (TABLE desk.calendar_span EXCEPT TABLE laid)', 'and mends it');
SELECT is(desk.calendar_differs(pg_temp.cal('shop')), NULL, 'all is well');
SELECT is(desk.calendar_lay(pg_temp.cal('shop')), false, 'once more is no change');

-- who may ask ----------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.asked(who text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', who);
	EXECUTE what INTO answer;
	RESET SESSION AUTHORIZATION;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RESET SESSION AUTHORIZATION;
	RETURN SQLSTATE;
END
$$;
SELECT is(pg_temp.asked('desk_report', $$ SELECT desk_utc FROM to_char(api.business_add('shop', '2026-11-20 15:00Z', 3600), 'HH24:MI') desk_utc $$), '16:00', 'an analyst may');
SELECT is(pg_temp.asked('desk_report', $$ SELECT * FROM api.calendar_renew() $$), '42501', 'but not write');
SELECT is(pg_temp.asked('desk_list', $$ SELECT api.next_open('shop', now()) $$), '42501', 'the public list has no use for it');

SELECT * FROM finish();
ROLLBACK;
