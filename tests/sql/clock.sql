-- Clocks: start, stop, pause, resume, reopen, change of promise; to the second.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();
SET LOCAL timezone = 'UTC';

INSERT INTO desk.staff (login, name) VALUES ('clock-clerk', 'Clerk');

-- A day long ago: nothing depends on when the test runs.
CREATE FUNCTION pg_temp.t(offset_hours numeric) RETURNS timestamptz LANGUAGE sql
RETURN timestamptz '2026-03-02 08:00:00Z' + offset_hours * interval '1 hour';
CREATE FUNCTION pg_temp.file(title text, level int DEFAULT 3, via text DEFAULT 'web', at numeric DEFAULT 0) RETURNS int LANGUAGE sql AS $$
	INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES (title, 'bug', level, via, pg_temp.t(at)) RETURNING number;
$$;
CREATE FUNCTION pg_temp.say(title text, at numeric, is_staff boolean) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body, posted_at)
	SELECT t.number, CASE WHEN is_staff THEN 'staff' ELSE 'requester' END, CASE WHEN is_staff THEN s.id END, 'x', 'x', pg_temp.t(at)
	FROM desk.ticket t, desk.staff s WHERE t.subject = title AND s.login = 'clock-clerk';
$$;
CREATE FUNCTION pg_temp.turn(title text, at numeric, what jsonb) RETURNS void LANGUAGE sql AS $$
	UPDATE desk.ticket SET state = coalesce(what->>'state', state), resolution = CASE WHEN what ? 'resolution' THEN what->>'resolution' END,
		severity = coalesce((what->>'severity')::smallint, severity), changed_at = pg_temp.t(at) WHERE subject = title;
$$;
CREATE FUNCTION pg_temp.clock(title text, m text) RETURNS desk.clock LANGUAGE sql AS $$
	SELECT c FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = title AND c.metric = m ORDER BY cycle DESC LIMIT 1;
$$;
-- state, seconds used, hours from the start to the end of its time
CREATE FUNCTION pg_temp.shows(title text, m text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', c.state, trunc(c.used_seconds), CASE WHEN c.due_at IS NOT NULL THEN 'due ' || round(extract(epoch FROM c.due_at - pg_temp.t(0)) / 3600, 2) END,
		CASE WHEN c.breached_at IS NOT NULL THEN 'broken ' || round(extract(epoch FROM c.breached_at - pg_temp.t(0)) / 3600, 2) END)
	FROM pg_temp.clock(title, m) c;
$$;

-- start ------------------------------------------------------------------------
SELECT pg_temp.file('a');
SELECT is(pg_temp.shows('a', 'first response'), 'running 0 due 24.00', 'a web report of severity 3 is to be answered within a day');
SELECT is(pg_temp.shows('a', 'resolution'), 'running 0 due 336.00', 'and solved within two weeks');
SELECT is((pg_temp.clock('a', 'first response')).warn_at, pg_temp.t(19.2), 'at 80 % it is time to warn');
SELECT is((pg_temp.clock('a', 'first response')).next_at, pg_temp.t(19.2), 'then slacheck has to look');
SELECT is((SELECT answer_due_at FROM desk.ticket WHERE subject = 'a'), pg_temp.t(24), 'the ticket says by when');
SELECT is((SELECT answer_due_at FROM desk.public_ticket WHERE subject = 'a'), pg_temp.t(24), 'in public too');

-- stop -------------------------------------------------------------------------
SELECT pg_temp.say('a', 3, true);
SELECT is(pg_temp.shows('a', 'first response'), 'stopped 10800', 'a person''s answer stops the first response');
SELECT is((pg_temp.clock('a', 'first response')).next_at, NULL, 'nothing can come of it any more');
SELECT is(pg_temp.shows('a', 'resolution'), 'running 0 due 336.00', 'the resolution runs on');
SELECT is((SELECT answer_due_at FROM desk.ticket WHERE subject = 'a'), NULL, 'no answer is due now');
SELECT pg_temp.say('a', 5, true);
SELECT is(pg_temp.shows('a', 'first response'), 'stopped 10800', 'a second answer changes nothing');

-- pause and resume -------------------------------------------------------------
SELECT pg_temp.turn('a', 10, '{"state": "pending"}');
SELECT is(pg_temp.shows('a', 'resolution'), 'paused 36000', 'it holds while the requester has the word');
SELECT is((SELECT solve_due_at FROM desk.ticket WHERE subject = 'a'), NULL, 'nothing is due then');
SELECT pg_temp.say('a', 34, false);
SELECT is(pg_temp.shows('a', 'resolution'), 'running 36000 due 360.00', 'a pause of 24 hours moves the end by 24 hours, exactly');
SELECT is((SELECT promise_at FROM desk.ticket WHERE subject = 'a'), pg_temp.t(58), 'what the requester wrote is to be answered within a day: the queue follows');

-- resolve and reopen ------------------------------------------------------------
SELECT pg_temp.turn('a', 40, '{"state": "resolved", "resolution": "done"}');
SELECT is(pg_temp.shows('a', 'resolution'), 'stopped 57600', 'solved is stopped');
SELECT pg_temp.say('a', 100, false);
SELECT is(pg_temp.shows('a', 'resolution'), 'running 57600 due 420.00', 'opened again it goes on; the time solved does not count');
SELECT is((pg_temp.clock('a', 'resolution')).cycle, 1, 'as the same clock');
SELECT pg_temp.turn('a', 101, '{"state": "pending"}');
SELECT pg_temp.turn('a', 110, '{"state": "resolved", "resolution": "done"}');
SELECT is(pg_temp.shows('a', 'resolution'), 'stopped 61200', 'solved out of a pause, the pause does not count');
SELECT is((SELECT count(*)::int FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = 'a' AND c.state = 'running'), 0,
	'no clock runs on a closed ticket');

-- exactly at the end -------------------------------------------------------------
SELECT pg_temp.file('edge'), pg_temp.file('over'), pg_temp.file('beside');
SELECT pg_temp.say('edge', 24, true), pg_temp.say('over', 24.001, true);
SELECT is(pg_temp.shows('edge', 'first response'), 'stopped 86400', 'an answer at the last moment is in time');
SELECT is(pg_temp.shows('over', 'first response'), 'stopped 86403 broken 24.00', 'seconds later it is late, though slacheck never came by');
SELECT is((SELECT answer_missed FROM desk.public_ticket WHERE subject = 'over'), true, 'and the public sees it');
SELECT is((SELECT answer_missed FROM desk.public_ticket WHERE subject = 'edge'), false, 'what was in time is not blamed');

-- a pause that begins late keeps the breach
SELECT pg_temp.say('beside', 1, true);
SELECT pg_temp.turn('beside', 400, '{"state": "pending"}');
SELECT is(pg_temp.shows('beside', 'resolution'), 'paused 1440000 broken 336.00', 'a pause does not undo a broken promise');
SELECT pg_temp.turn('beside', 500, '{"state": "open"}');
SELECT is((pg_temp.clock('beside', 'resolution')).due_at, pg_temp.t(500), 'with no time left it is due when it goes on, not before');
SELECT is((pg_temp.clock('beside', 'resolution')).next_at, pg_temp.t(500), 'and slacheck, which never came by, has yet to tell of it');

-- withdrawn before an answer ------------------------------------------------------
SELECT pg_temp.file('gone');
UPDATE desk.ticket SET state = 'resolved', resolution = 'withdrawn', changed_by = 'requester', changed_at = pg_temp.t(2) WHERE subject = 'gone';
SELECT is(pg_temp.shows('gone', 'first response'), 'cancelled 7200', 'an answer that nobody wants is no promise');
SELECT pg_temp.say('gone', 12, false);
SELECT is(pg_temp.shows('gone', 'first response'), 'running 7200 due 34.00', 'it is one again when the requester comes back');
SELECT is((SELECT answer_due_at FROM desk.ticket WHERE subject = 'gone'), pg_temp.t(34), 'and the ticket says by when');

-- change of severity ----------------------------------------------------------------
SELECT pg_temp.file('b', 4);
SELECT pg_temp.say('b', 1, true);
SELECT is(pg_temp.shows('b', 'resolution'), 'running 0 due 720.00', 'severity 4: 30 days');
SELECT pg_temp.turn('b', 10, '{"state": "pending"}');
SELECT pg_temp.turn('b', 20, '{"state": "open"}');
SELECT pg_temp.turn('b', 30, '{"severity": 2}');
SELECT is(pg_temp.shows('b', 'resolution'), 'running 72000 due 82.00', 'severity 2: 3 days from the start, the pause of 10 hours kept');
SELECT pg_temp.turn('b', 31, '{"severity": 4}');
SELECT is(pg_temp.shows('b', 'resolution'), 'running 75600 due 730.00', 'and back: as if nothing had been');
SELECT is(pg_temp.shows('b', 'first response'), 'stopped 3600', 'what is stopped is not touched');
SELECT pg_temp.turn('b', 40, '{"state": "pending"}');
SELECT pg_temp.turn('b', 41, '{"severity": 1}');
SELECT is(pg_temp.shows('b', 'resolution'), 'paused 108000', 'a paused clock stays paused');
SELECT is((pg_temp.clock('b', 'resolution')).target_seconds, 86400::numeric, 'with the new target');
SELECT pg_temp.turn('b', 50, '{"state": "open"}');
SELECT is((pg_temp.clock('b', 'resolution')).due_at, pg_temp.t(50), 'overdue by the change it is due at once, not before');
SELECT is((SELECT solve_due_at FROM desk.ticket WHERE subject = 'b'), pg_temp.t(50), 'the ticket agrees');

-- policies ---------------------------------------------------------------------------
SELECT pg_temp.file('p1', 1, 'chat'), pg_temp.file('p2', 3, 'premium-chat'), pg_temp.file('p3', 3, 'mail'), pg_temp.file('p4', 3, 'code-host'), pg_temp.file('p5', 1, 'mail');
SELECT is(pg_temp.shows(title, 'first response'), 'running 0 due ' || hours, what) FROM (VALUES
	('p1', '1.00', 'critical is an hour, whatever the channel'), ('p5', '1.00', 'by mail too'), ('p2', '4.00', 'premium chat is four hours'),
	('p3', '24.00', 'mail is a day'), ('p4', '24.00', 'the code host is a day')) AS v (title, hours, what);
-- same day: to midnight of the desk's zone, two hours at least
SELECT pg_temp.file('chat', 3, 'chat');
SELECT is(pg_temp.shows('chat', 'first response'), 'running 0 due 16.00', 'chat at 08:00 is to be answered by midnight');
SELECT pg_temp.file('chat late', 3, 'chat', 15.5);
SELECT is(pg_temp.shows('chat late', 'first response'), 'running 0 due 17.50', 'at 23:30 there are two hours still');
UPDATE desk.calendar_version SET zone = 'Europe/Berlin' WHERE calendar = (SELECT id FROM desk.calendar WHERE name = 'always');
SELECT pg_temp.file('chat there', 3, 'chat');
SELECT is(pg_temp.shows('chat there', 'first response'), 'running 0 due 15.00', 'midnight is that of the desk''s zone');
INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES ('chat spring', 'bug', 3, 'chat', '2026-03-29 00:30:00+01');
SELECT is((pg_temp.clock('chat spring', 'first response')).target_seconds, 81000::numeric, 'the day on which the clocks go forward has 23 hours');
-- the most specific, the latest valid one
INSERT INTO desk.policy (severity, channel, answer_seconds, solve_seconds, valid_from) VALUES
	(3, 'mail', 7200, 86400, pg_temp.t(0)), (3, 'mail', 3600, 86400, pg_temp.t(1)), (3, NULL, 60, 60, pg_temp.t(0)), (NULL, 'mail', 60, 60, pg_temp.t(0));
SELECT is((desk.policy_for(pg_temp.t(h), 3::smallint, 'mail', NULL)).answer_seconds, n, what) FROM (VALUES
	(-1, 86400, 'before its time a policy does not hold'), (0, 7200, 'from its time on it does'), (0.99, 7200, 'until the next'), (1, 3600, 'and then that one')) AS v (h, n, what);
SELECT is((desk.policy_for(pg_temp.t(2), 3::smallint, 'api', NULL)).answer_seconds, 86400, 'severity and channel come before severity alone');
DELETE FROM desk.policy WHERE severity = 3 AND channel = 'api';
SELECT is((desk.policy_for(pg_temp.t(2), 3::smallint, 'api', NULL)).answer_seconds, 60, 'severity comes before channel');
SELECT is((pg_temp.clock('p3', 'first response')).target_seconds, 86400::numeric, 'a new policy does not touch what was promised');
SELECT throws_ok('UPDATE desk.policy SET answer_seconds = 60', 'PT409', NULL, 'a promise is not edited: a new one is a new row');
DELETE FROM desk.policy WHERE severity IS NULL AND channel IS NULL;
DELETE FROM desk.policy WHERE severity = 4 AND channel = 'api';
SELECT throws_ok($$ SELECT desk.policy_for(now(), 4::smallint, 'api', NULL) $$, 'PT409', NULL, 'a hole in the promises is an error, not a silence');
SELECT throws_ok($$ INSERT INTO desk.policy (severity, answer_seconds, solve_seconds) VALUES (1, 60, 60) $$, '23505', NULL, 'two promises cannot hold at once');
SELECT throws_ok($$ INSERT INTO desk.policy (severity, answer_seconds, solve_seconds, valid_from) VALUES (1, 61, 60, 'infinity') $$, '23514', NULL, 'a target is whole minutes');

-- the row is what the events make it ---------------------------------------------------
-- 200 random lives of tickets, replayed by the definition: used is the
-- time during which the ticket was open and did not wait for the requester.
CREATE TEMP TABLE life (ticket int, at numeric, state text);
DO $$
DECLARE
	n int;
	at numeric;
	now_state text;
	next_state text;
BEGIN
	PERFORM setseed(0.42);
	FOR i IN 1 .. 200 LOOP
		n := pg_temp.file('life ' || i, 1 + (random() * 3)::int);
		at := random() * 30;
		PERFORM pg_temp.say('life ' || i, at, true);
		now_state := 'open';
		FOR k IN 1 .. (random() * 8)::int LOOP
			at := at + random() * 200;
			SELECT to_state INTO next_state FROM desk.transition WHERE from_state = now_state ORDER BY random() LIMIT 1;
			UPDATE desk.ticket SET state = next_state, changed_at = pg_temp.t(at),
				resolution = CASE next_state WHEN 'resolved' THEN 'done' END WHERE number = n;
			IF random() < 0.3 THEN
				UPDATE desk.ticket SET severity = 1 + (random() * 3)::int, changed_at = pg_temp.t(at + 0.5) WHERE number = n;
				at := at + 0.5;
			END IF;
			INSERT INTO life VALUES (n, CASE WHEN at >= 0 THEN at END, next_state);
			now_state := next_state;
		END LOOP;
	END LOOP;
END
$$;
CREATE TEMP VIEW replay AS
WITH event AS (
	SELECT t.number, t.filed_at AS at, 'new' AS state FROM desk.ticket t WHERE t.subject LIKE 'life %'
	UNION ALL SELECT h.ticket, h.changed_at, h.new FROM desk.change h JOIN desk.ticket t ON t.number = h.ticket
	WHERE h.field = 'state' AND t.subject LIKE 'life %'
), span AS (
	SELECT number, at, state, lead(at) OVER (PARTITION BY number ORDER BY at) AS until FROM event
), used AS (
	SELECT number, sum(extract(epoch FROM until - at)) FILTER (WHERE state NOT IN ('pending', 'resolved')) AS done,
		max(at) FILTER (WHERE until IS NULL) AS last_at, max(state) FILTER (WHERE until IS NULL) AS last_state
	FROM span GROUP BY number
)
SELECT t.number, u.last_state AS state, coalesce(u.done, 0) AS used,
	(desk.policy_for(t.filed_at, t.severity, t.channel, NULL)).solve_seconds AS target, u.last_at
FROM used u JOIN desk.ticket t ON t.number = u.number;
SELECT is_empty($$ SELECT r.*, c.state, c.used_seconds FROM replay r JOIN desk.clock c ON c.ticket = r.number AND c.metric = 'resolution'
	WHERE c.state <> CASE r.state WHEN 'resolved' THEN 'stopped' WHEN 'pending' THEN 'paused' ELSE 'running' END $$,
	'200 random lives: each clock is in the state that its history makes');
-- a change of severity folds the time so far into used_seconds
SELECT is_empty($$ SELECT r.*, c.used_seconds, c.since FROM replay r JOIN desk.clock c ON c.ticket = r.number AND c.metric = 'resolution'
	WHERE abs(c.used_seconds - CASE c.state WHEN 'running' THEN extract(epoch FROM c.since - r.last_at) ELSE 0 END - r.used) > 0.001 $$, 'has used the time that its history used');
SELECT is_empty($$ SELECT r.*, c.due_at FROM replay r JOIN desk.clock c ON c.ticket = r.number AND c.metric = 'resolution'
	WHERE c.state IN ('running', 'paused') AND c.target_seconds <> r.target $$, 'follows the policy of its severity');
SELECT is_empty($$ SELECT r.*, c.due_at, r.last_at + (r.target - r.used) * interval '1 second' FROM replay r JOIN desk.clock c ON c.ticket = r.number AND c.metric = 'resolution'
	WHERE c.state = 'running' AND r.used < r.target AND c.since < r.last_at + (r.target - r.used) * interval '1 second'
	AND abs(extract(epoch FROM c.due_at - (r.last_at + (r.target - r.used) * interval '1 second'))) > 0.001 $$, 'and is due when they say');
SELECT is_empty($$ SELECT t.number FROM desk.ticket t JOIN desk.clock c ON c.ticket = t.number AND c.metric = 'resolution'
	WHERE t.subject LIKE 'life %' AND t.solve_due_at IS DISTINCT FROM c.due_at $$, 'the ticket says the same as its clock');
SELECT cmp_ok(count(DISTINCT c.state)::int, '=', 3, 'all states came up') FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject LIKE 'life %' AND metric = 'resolution';

SELECT * FROM finish();
ROLLBACK;
