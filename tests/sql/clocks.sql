-- Clocks of all metrics, by business hours, and what explains them.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();
SET LOCAL timezone = 'UTC';

INSERT INTO desk.staff (login, name) VALUES ('clocks-clerk', 'Clerk');
INSERT INTO desk.plan (name, label) VALUES ('gold', 'Gold'), ('plain', 'Plain');

-- Hours since Monday, 2 March 2026, 00:00 UTC.  The office of these tests is
-- open on weekdays from 9 to 17, but closed on Wednesday the 4th.
CREATE FUNCTION pg_temp.t(hours numeric) RETURNS timestamptz LANGUAGE sql
RETURN timestamptz '2026-03-02 00:00:00Z' + hours * interval '1 hour';
SELECT desk.calendar_set('clocks', 'UTC', 'Mon-Fri 09:00-17:00', '2020-01-01Z') AS office \gset
INSERT INTO desk.holiday (calendar, day, name) VALUES (:office, '2026-03-04', 'Day off');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO desk.policy (severity, channel, plan, answer_seconds, next_seconds, solve_seconds, answer_calendar, next_calendar, solve_calendar, warn_percents, hold_pauses, valid_from)
SELECT v.*, '2000-01-01Z'::timestamptz FROM (VALUES
	(3, 'api', NULL::text, 4 * 3600, 2 * 3600, 16 * 3600, :office, :office, :office, '{50,80}'::smallint[], '{next response}'::text[]),
	(2, 'api', NULL, 2 * 3600, 3600, 8 * 3600, :office, :office, :office, '{80}', '{next response,resolution}'),
	(3, 'api', 'gold', 3600, 1800, 8 * 3600, :office, :office, :office, '{80}', '{next response}')) v;

CREATE FUNCTION pg_temp.file(title text, at numeric, level int DEFAULT 3, via text DEFAULT 'api') RETURNS int LANGUAGE sql AS $$
	INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES (title, 'bug', level, via, pg_temp.t(at)) RETURNING number;
$$;
CREATE FUNCTION pg_temp.say(title text, at numeric, who text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body, posted_at)
	SELECT t.number, who, CASE who WHEN 'staff' THEN s.id END, 'x', 'x', pg_temp.t(at)
	FROM desk.ticket t, desk.staff s WHERE t.subject = title AND s.login = 'clocks-clerk';
$$;
-- state, hours used, hours at which it is due, is late from, and was broken
CREATE FUNCTION pg_temp.shows(title text, m text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', c.state, round(c.used_seconds / 3600, 2),
		'due ' || round(extract(epoch FROM c.due_at - pg_temp.t(0)) / 3600, 2),
		'late from ' || CASE WHEN c.breach_at <> c.due_at THEN round(extract(epoch FROM c.breach_at - pg_temp.t(0)) / 3600, 2) END,
		'broken ' || round(extract(epoch FROM c.breached_at - pg_temp.t(0)) / 3600, 2), 'cycle ' || nullif(c.cycle, 1))
	FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = title AND c.metric = m ORDER BY cycle DESC LIMIT 1;
$$;
CREATE FUNCTION pg_temp.number(title text) RETURNS int LANGUAGE sql RETURN (SELECT t.number FROM desk.ticket t WHERE t.subject = title);

-- business hours ------------------------------------------------------------------
SELECT pg_temp.file('a', 14), pg_temp.file('noon', 13), pg_temp.file('night', 20), pg_temp.file('tue', 24 + 16);
SELECT is(pg_temp.shows('a', 'first response'), 'running 0.00 due 34.00', 'four hours from Monday 14:00: three today, one on Tuesday');
SELECT is(pg_temp.shows('noon', 'first response'), 'running 0.00 due 17.00 late from 33.00', 'four hours from 13:00 end at closing time; late is what comes after the next opening');
SELECT is(pg_temp.shows('night', 'first response'), 'running 0.00 due 37.00', 'what comes in at night counts from the opening');
SELECT is(pg_temp.shows('tue', 'first response'), 'running 0.00 due 84.00', 'the day off does not count');
SELECT is((SELECT answer_due_at FROM desk.ticket WHERE subject = 'noon'), pg_temp.t(17), 'the page says the honest last moment');
SELECT is((SELECT solve_due_at FROM desk.ticket WHERE subject = 'a'), pg_temp.t(24 * 3 + 14), 'sixteen hours: three, eight, none, five');
SELECT is((SELECT array_agg(round(extract(epoch FROM s.at - pg_temp.t(0)) / 3600, 2) ORDER BY s.at) FROM desk.clock c, desk.clock_steps(c) s
	WHERE c.ticket = pg_temp.number('a') AND c.metric = 'first response' AND s.kind <> 'escalated'), '{16.00,33.20,34.00}', 'warnings at 50 and at 80 %, then the breach');
SELECT pg_temp.say('noon', 18, 'staff');
SELECT is(pg_temp.shows('noon', 'first response'), 'stopped 4.00', 'an answer after closing time is in time: no time of ours has gone by');

-- next response --------------------------------------------------------------------
SELECT pg_temp.say('a', 15, 'requester');
SELECT is(pg_temp.shows('a', 'next response'), NULL, 'before the first answer it is the first answer that they wait for');
SELECT pg_temp.say('a', 16, 'staff');
SELECT is(pg_temp.shows('a', 'next response'), NULL, 'nobody waits after the first answer');
SELECT pg_temp.say('a', 16.5, 'requester');
SELECT is(pg_temp.shows('a', 'next response'), 'running 0.00 due 34.50', 'the next question is to be answered within two hours');
SELECT is((SELECT answer_due_at FROM desk.ticket WHERE subject = 'a'), pg_temp.t(34.5), 'the ticket says by when');
SELECT is((SELECT answer_due_at FROM desk.public_ticket WHERE subject = 'a'), pg_temp.t(34.5), 'in public too');
SELECT pg_temp.say('a', 16.75, 'requester'), pg_temp.say('a', 16.8, 'automatic');
SELECT is(pg_temp.shows('a', 'next response'), 'running 0.00 due 34.50', 'asking again does not start it anew, and a machine''s message stops nothing');
SELECT pg_temp.say('a', 33, 'staff');
SELECT is(pg_temp.shows('a', 'next response'), 'stopped 0.50', 'an answer stops it');
SELECT pg_temp.say('a', 34, 'requester'), pg_temp.say('a', 40.5, 'staff');
SELECT is(pg_temp.shows('a', 'next response'), 'stopped 6.50 broken 36.00 cycle 2', 'each question has its own; this answer was late');
-- late mail
SELECT pg_temp.say('a', 35, 'staff');
SELECT is(pg_temp.shows('a', 'next response'), 'stopped 6.50 broken 36.00 cycle 2', 'an answer whose clock has stopped changes nothing');
SELECT pg_temp.say('a', 40, 'requester');
SELECT is((SELECT count(*)::int FROM desk.clock WHERE ticket = pg_temp.number('a') AND metric = 'next response'), 2, 'a question that was answered before it became known is none');

-- hold -----------------------------------------------------------------------------
SELECT pg_temp.file('held', 9), pg_temp.say('held', 10, 'staff'), pg_temp.say('held', 11, 'requester');
UPDATE desk.ticket SET hold = 'third-party', next_update_by = pg_temp.t(30), changed_at = pg_temp.t(12) WHERE subject = 'held';
SELECT is(pg_temp.shows('held', 'next response'), 'paused 1.00', 'waiting for a third party pauses the next response');
SELECT is(pg_temp.shows('held', 'resolution'), 'running 0.00 due 41.00 late from 81.00', 'not the resolution, unless the promise says so');
SELECT is(pg_temp.shows('held', 'next update'), 'running 0.00 due 30.00', 'the date of the next update is a clock of its own');
UPDATE desk.ticket SET hold = NULL, changed_at = pg_temp.t(14) WHERE subject = 'held';
SELECT is(pg_temp.shows('held', 'next response'), 'running 1.00 due 15.00', 'it goes on');
SELECT pg_temp.file('held 2', 9, 2), pg_temp.say('held 2', 10, 'staff');
UPDATE desk.ticket SET hold = 'third-party', next_update_by = pg_temp.t(30), changed_at = pg_temp.t(12) WHERE subject = 'held 2';
SELECT is(pg_temp.shows('held 2', 'resolution'), 'paused 3.00', 'where the promise says so the resolution pauses as well');
UPDATE desk.ticket SET state = 'pending', changed_at = pg_temp.t(13) WHERE subject = 'held 2';
UPDATE desk.ticket SET hold = NULL, changed_at = pg_temp.t(14) WHERE subject = 'held 2';
SELECT is(pg_temp.shows('held 2', 'resolution'), 'paused 3.00', 'two reasons to wait: it pauses until neither holds');
SELECT pg_temp.say('held 2', 15, 'requester');
SELECT is(pg_temp.shows('held 2', 'resolution'), 'running 3.00 due 36.00', 'and then goes on');

-- next update ------------------------------------------------------------------------
SELECT pg_temp.say('held', 15, 'staff');
SELECT is(pg_temp.shows('held', 'next update'), 'stopped 3.00', 'a word to the requester keeps the promise of an update');
SELECT is((SELECT next_update_by FROM desk.ticket WHERE subject = 'held'), NULL, 'and no date stands any more');
UPDATE desk.ticket SET next_update_by = pg_temp.t(50), changed_at = pg_temp.t(16) WHERE subject = 'held';
SELECT is(pg_temp.shows('held', 'next update'), 'running 0.00 due 50.00 cycle 2', 'the next date is the next promise');
UPDATE desk.ticket SET next_update_by = pg_temp.t(60), changed_at = pg_temp.t(17) WHERE subject = 'held';
SELECT is(pg_temp.shows('held', 'next update'), 'running 1.00 due 60.00 cycle 2', 'another date without a word is the same promise');
UPDATE desk.ticket SET next_update_by = pg_temp.t(90), changed_at = pg_temp.t(61) WHERE subject = 'held';
SELECT pg_temp.say('held', 62, 'staff');
SELECT is(pg_temp.shows('held', 'next update'), 'stopped 46.00 broken 60.00 cycle 2', 'to put it off when it is late hides nothing');
UPDATE desk.ticket SET next_update_by = pg_temp.t(90), changed_at = pg_temp.t(63) WHERE subject = 'held';
UPDATE desk.ticket SET next_update_by = NULL, changed_at = pg_temp.t(64) WHERE subject = 'held';
SELECT is(pg_temp.shows('held', 'next update'), 'cancelled 1.00 cycle 3', 'a promise can be taken back');
SELECT throws_ok($$ UPDATE desk.ticket SET next_update_by = pg_temp.t(64), changed_at = pg_temp.t(65) WHERE subject = 'held' $$, 'PT409', NULL, 'but none is given for the past');
SELECT throws_ok($$ UPDATE desk.ticket SET hold = 'cannot-yet' WHERE subject = 'held' $$, '23514', NULL, '"we cannot yet" needs a date');
UPDATE desk.ticket SET hold = 'cannot-yet', next_update_by = pg_temp.t(99), changed_at = pg_temp.t(66) WHERE subject = 'held';
SELECT pg_temp.say('held', 70, 'staff');
SELECT is(pg_temp.shows('held', 'next update'), 'running 0.00 due 99.00 cycle 5', 'on hold still: kept once, and the date stands');

-- opened by staff ----------------------------------------------------------------------
INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at, opened_by)
SELECT 'ours', 'bug', 3, 'api', pg_temp.t(9), id FROM desk.staff WHERE login = 'clocks-clerk';
SELECT is(pg_temp.shows('ours', 'first response'), NULL, 'nobody waits for a first response to what staff opened');
SELECT is(pg_temp.shows('ours', 'resolution'), 'running 0.00 due 41.00 late from 81.00', 'its resolution runs');
SELECT pg_temp.say('ours', 10, 'requester');
SELECT is(pg_temp.shows('ours', 'next response'), 'running 0.00 due 12.00', 'when the customer writes the next response runs');

-- other promises ------------------------------------------------------------------------
SELECT pg_temp.file('sev', 9);
UPDATE desk.ticket SET severity = 2, changed_at = pg_temp.t(10) WHERE subject = 'sev';
SELECT is(pg_temp.shows('sev', 'first response'), 'running 1.00 due 11.00', 'another severity counts from the start');
UPDATE desk.ticket SET severity = 3, changed_at = pg_temp.t(10.5) WHERE subject = 'sev';
SELECT is(pg_temp.shows('sev', 'first response'), 'running 1.50 due 13.00', 'there and back: due as before');
INSERT INTO desk.customer (name, plan) VALUES ('Clocks and sons', 'gold');
UPDATE desk.ticket SET customer = (SELECT id FROM desk.customer WHERE name = 'Clocks and sons'), changed_at = pg_temp.t(12) WHERE subject = 'sev';
SELECT is(pg_temp.shows('sev', 'first response'), 'running 3.00 due 12.00', 'the customer''s plan promises an hour: late from the moment it is known, not before');
SELECT pg_temp.say('sev', 12.5, 'staff');
SELECT is(pg_temp.shows('sev', 'first response'), 'stopped 3.50 broken 12.00', 'and broken is broken');
INSERT INTO desk.ticket (subject, kind, severity, channel, customer) SELECT 'replan', 'bug', 3, 'api', id FROM desk.customer WHERE name = 'Clocks and sons';
UPDATE desk.customer SET plan = 'plain' WHERE name = 'Clocks and sons';
SELECT is((SELECT target_seconds FROM desk.clock WHERE ticket = pg_temp.number('replan') AND metric = 'first response'), 4 * 3600::numeric, 'a customer''s new plan holds for its open tickets');
SELECT is(t.answer_due_at, c.due_at, 'and the ticket says so') FROM desk.ticket t JOIN desk.clock c ON c.ticket = t.number AND c.metric = 'first response' WHERE t.subject = 'replan';
SELECT pg_temp.file('round', 9, 4, 'mail');
UPDATE desk.ticket SET channel = 'api', severity = 3, changed_at = pg_temp.t(21) WHERE subject = 'round';
SELECT is(pg_temp.shows('round', 'first response'), 'running 8.00 due 21.00', 'round the clock to office hours: the time so far is counted anew');
SELECT pg_temp.file('later', 20, 4, 'mail');
UPDATE desk.ticket SET channel = 'api', severity = 3, changed_at = pg_temp.t(22) WHERE subject = 'later';
SELECT is(pg_temp.shows('later', 'first response'), 'running 0.00 due 37.00', 'the hours of the night have not been ours');

-- merge ----------------------------------------------------------------------------------
SELECT pg_temp.file('main', 9), pg_temp.say('main', 10, 'staff'), pg_temp.file('same', 11), pg_temp.say('same', 11.5, 'staff'), pg_temp.say('same', 12, 'requester');
SELECT pg_temp.say('main', 13, 'requester');
UPDATE desk.ticket SET state = 'resolved', resolution = 'duplicate', duplicate_of = pg_temp.number('main'), changed_at = pg_temp.t(13.5) WHERE subject = 'same';
SELECT is(pg_temp.shows('same', 'resolution') || ', ' || pg_temp.shows('same', 'next response'), 'cancelled 2.50, cancelled 1.50', 'what goes on elsewhere has no clocks of its own');
SELECT is(pg_temp.shows('main', 'next response'), 'running 0.00 due 14.00', 'where it goes on, the oldest question counts');
SELECT is((SELECT answer_due_at FROM desk.ticket WHERE subject = 'main'), pg_temp.t(14), 'and the ticket says so');
UPDATE desk.ticket SET state = 'open', resolution = NULL, changed_at = pg_temp.t(14) WHERE subject = 'same';
SELECT is(pg_temp.shows('same', 'resolution') || ', ' || pg_temp.shows('same', 'next response'), 'running 2.50 due 83.50, running 1.50 due 14.50', 'opened again they go on');

-- reopen -----------------------------------------------------------------------------------
SELECT pg_temp.file('done', 9), pg_temp.say('done', 10, 'staff');
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered', changed_at = pg_temp.t(11) WHERE subject = 'done';
SELECT pg_temp.say('done', 11 + 24 * 31, 'requester');
SELECT is(pg_temp.shows('done', 'resolution'), 'running 0.00 due ' || (11 + 24 * 31 + 96)::numeric || '.00 cycle 2', 'opened again after more than 30 days it is a new promise');
SELECT is((SELECT count(*)::int FROM desk.clock c WHERE c.ticket = pg_temp.number('done') AND c.metric = 'resolution' AND c.state = 'stopped'), 1, 'and the old one stays as it was');

-- a clock event from the past -----------------------------------------------------------------
SELECT pg_temp.file('mail', 9), pg_temp.say('mail', 14, 'staff');
SELECT is(pg_temp.shows('mail', 'first response'), 'stopped 5.00 broken 13.00', 'the answer was late, as far as we know');
SELECT pg_temp.say('mail', 12, 'staff');
SELECT is(pg_temp.shows('mail', 'first response'), 'stopped 3.00', 'until an earlier one arrives');
SELECT is((SELECT answer_missed FROM desk.public_ticket WHERE subject = 'mail'), false, 'in public too');

-- other hours ------------------------------------------------------------------------------
SELECT desk.calendar_set('clocks-2', 'UTC', 'Mon-Fri 09:00-17:00', '2020-01-01Z') AS office2 \gset
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO desk.policy (severity, channel, answer_seconds, solve_seconds, answer_calendar, valid_from) VALUES (4, 'api', 8 * 3600 * 20, 3600, :office2, '2000-01-01Z');
INSERT INTO desk.ticket (subject, kind, severity, channel) VALUES ('now', 'bug', 4, 'api');
SELECT due_at AS before FROM desk.clock WHERE ticket = pg_temp.number('now') AND metric = 'first response' \gset
INSERT INTO desk.holiday (calendar, day, name)
SELECT :office2, d, 'Day off' FROM (SELECT (now() + n * interval '1 day')::date AS d FROM generate_series(3, 13) n) x WHERE extract(isodow FROM d) = 3;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT cmp_ok(due_at, '>', :'before'::timestamptz, 'a new holiday moves what is due after it') FROM desk.clock WHERE ticket = pg_temp.number('now') AND metric = 'first response';
SELECT is(t.answer_due_at, c.due_at, 'the ticket agrees') FROM desk.ticket t JOIN desk.clock c ON c.ticket = t.number AND c.metric = 'first response' WHERE t.subject = 'now';

-- the checker -------------------------------------------------------------------------------
-- all of these are long due: one look at each
CREATE TEMP TABLE looked AS SELECT * FROM desk.sla_check(10000);
SELECT cmp_ok(looked, '>', 10, 'slacheck looks at what is due') FROM looked;
SELECT is(looked, 0, 'and then at nothing') FROM desk.sla_check(10000);
SELECT is_empty($$ SELECT c.id FROM desk.clock c WHERE c.state = 'running' AND c.breach_at < now()
	AND NOT EXISTS (SELECT FROM desk.sla_event e WHERE e.clock = c.id AND e.kind = 'breached') $$, 'every breach is noted');
SELECT is_empty($$ SELECT clock FROM desk.sla_event WHERE kind = 'warned' AND told $$, 'a warning that a breach has overtaken is noted and not sent');
SELECT is_empty($$ SELECT clock FROM desk.sla_event WHERE kind = 'escalated' AND told GROUP BY clock HAVING count(*) > 1 $$, 'of the escalation steps the last alone is sent');
SELECT is((SELECT count(*)::int FROM desk.outbox o JOIN desk.ticket t ON t.number = o.ticket WHERE t.subject = 'round' AND o.kind = 'breached' AND o.via = 'mail'),
	(SELECT count(*)::int FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = 'round' AND c.state = 'running'), 'one mail for each breach');
UPDATE desk.ticket SET severity = 4, channel = 'mail' WHERE subject = 'round';
SELECT is((SELECT count(*)::int FROM desk.sla_check(10000) WHERE breached > 0), 0, 'a change of the promise tells nothing a second time');
SELECT is_empty($$ SELECT c.id FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.state = 'resolved' AND c.state IN ('running', 'paused') $$,
	'no clock runs on a closed ticket');

-- one that cannot be looked at
INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES ('odd', 'bug', 4, 'mail', now() - interval '23 hours'), ('even', 'bug', 4, 'mail', now() - interval '23 hours');
UPDATE desk.clock SET calendar = :office, breach_at = NULL, since = '1999-01-01Z' WHERE ticket = pg_temp.number('odd') AND metric = 'first response';
SET LOCAL client_min_messages = error;
SELECT is(warned, 1, 'a clock that breaks the arithmetic does not keep the others from being looked at') FROM desk.sla_check(10000);
SELECT cmp_ok(next_at, '>', now(), 'it is tried again later') FROM desk.clock WHERE ticket = pg_temp.number('odd') AND metric = 'first response';
SET LOCAL client_min_messages = warning;
SELECT desk.clock_show(id) FROM desk.clock WHERE ticket = pg_temp.number('odd') AND metric = 'first response';

-- a hook hears once that a promise is broken, and once that it is over
INSERT INTO desk.hook (name, kind, events) VALUES ('clocks-pager', 'pagerduty', '{sla.breached,sla.stopped}');
INSERT INTO desk.ticket (subject, kind, severity, channel, filed_at) VALUES ('hooked', 'bug', 4, 'mail', now() - interval '25 hours');
SELECT desk.sla_check(10000), desk.sla_check(10000);
INSERT INTO desk.message (ticket, author, staff, body, posted_at) SELECT pg_temp.number('hooked'), 'staff', id, 'x', now() FROM desk.staff WHERE login = 'clocks-clerk';
SELECT results_eq($$ SELECT o.payload ->> 'event_action', o.dedup_key = format('desk-%s-1', c.id) FROM desk.outbox o, desk.clock c
	WHERE o.hook = 'clocks-pager' AND o.ticket = pg_temp.number('hooked') AND c.ticket = o.ticket AND c.metric = 'first response' ORDER BY o.id $$,
	$$ VALUES ('trigger', true), ('resolve', true) $$, 'a pager''s incident ends when the clock stops');

-- what was broken stays broken
SELECT breached_at AS noted FROM desk.clock WHERE ticket = pg_temp.number('tue') AND metric = 'first response' \gset
INSERT INTO desk.holiday (calendar, day, name) VALUES (:office, (now() + interval '40 days')::date, 'Day off') ON CONFLICT DO NOTHING;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT desk.clock_renew(:office);
SELECT is(breached_at, :'noted'::timestamptz, 'a holiday to come does not forget what slacheck has noted') FROM desk.clock WHERE ticket = pg_temp.number('tue') AND metric = 'first response';
SELECT pg_temp.say('tue', 24 * 40, 'staff');
UPDATE desk.ticket SET state = 'resolved', resolution = 'duplicate', duplicate_of = pg_temp.number('night') WHERE subject = 'tue';
SELECT is((SELECT state || ' ' || (breached_at IS NOT NULL) FROM desk.clock WHERE ticket = pg_temp.number('tue') AND metric = 'resolution'), 'cancelled true',
	'nor does calling it a duplicate undo that it was late');
SELECT is((SELECT outcome FROM report.clock WHERE ticket = pg_temp.number('tue') AND metric = 'resolution'), 'breached', 'and the reports say so');

-- of a private ticket not even the number is public
SELECT is((SELECT duplicate_of FROM desk.public_ticket WHERE number = pg_temp.number('tue')), pg_temp.number('night'), 'a duplicate names a public ticket');
UPDATE desk.ticket SET visibility = 'private' WHERE subject = 'night';
SELECT is((SELECT duplicate_of FROM desk.public_ticket WHERE number = pg_temp.number('tue')), NULL, 'until that is private');
SELECT is((SELECT new FROM desk.public_entry WHERE ticket = pg_temp.number('tue') AND field = 'duplicate_of'), 'a private ticket', 'in the thread as well');
UPDATE desk.ticket SET subject = 'tue again' WHERE subject = 'tue';
SELECT is((SELECT duplicate_of FROM desk.public_ticket WHERE subject = 'tue again'), NULL, 'and stays so');
SELECT is_empty($$ SELECT w.because FROM api.ticket_why((SELECT number FROM desk.ticket WHERE subject = 'tue again')) w WHERE w.because ~ '[0-9]' $$, 'the ledger names no ticket');

-- the explanation ---------------------------------------------------------------------------------
SELECT is_empty($$ SELECT e.* FROM desk.ticket t, api.sla_explain(t.number) e WHERE NOT e.is_stored AND e.event = 'now' AND NOT (e.breach_at < now()) $$,
	'what runs shows what its ledger says');
SELECT is_empty($$ SELECT x.number, x.metric, x.cycle FROM (
		SELECT t.number, e.metric, e.cycle, sum(e.counted_seconds) AS counted, (array_agg(e.used_seconds ORDER BY e.line DESC))[1] AS used,
			bool_or(e.because LIKE '%another%') AS changed
		FROM desk.ticket t, api.sla_explain(t.number) e GROUP BY 1, 2, 3) x
	WHERE x.counted <> x.used AND NOT x.changed $$, 'the sums of the ledger match');
SELECT results_eq($$ SELECT line, event, because, counted_seconds, state FROM api.sla_explain(pg_temp.number('held 2')) WHERE metric = 'resolution' AND event <> 'now' $$,
	$$ VALUES (1, 'start', 'the report came in', 0::numeric, 'running'), (2, 'pause', 'we wait for a third party', 10800, 'paused'), (3, 'resume', 'it goes on', 0, 'running') $$,
	'a ledger tells what happened, line by line');
SELECT is((SELECT desk.business_add(:office, e.at, e.target_seconds - e.used_seconds) FROM api.sla_explain(pg_temp.number('held 2')) e
		WHERE e.metric = 'resolution' AND e.line = 3), (SELECT due_at FROM desk.clock WHERE ticket = pg_temp.number('held 2') AND metric = 'resolution'),
	'and a DBA comes to the same due time with the last line and business_add');
SELECT throws_ok('SELECT * FROM api.sla_explain(2000000000)', 'PT404', NULL, 'no such ticket');
SELECT throws_ok('UPDATE desk.clock_event SET at = now()', 'PT409', NULL, 'what happened is not edited');
SELECT is(desk.hms(93792), '26:03:12', 'time as hours, minutes and seconds');

SELECT * FROM finish();
ROLLBACK;
