-- The staff's queue and forms, as the program staff and psql meet them.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

INSERT INTO desk.staff (login, name) VALUES ('staff-a', 'Ann'), ('staff-b', 'Bob');
INSERT INTO desk.session (token_sha256, staff, network, agent)
SELECT sha256(convert_to('token ' || login, 'UTF8')), id, '', '' FROM desk.staff WHERE login IN ('staff-a', 'staff-b');
INSERT INTO desk.product (name, label) VALUES ('staff-test', 'Test');
CREATE TEMP TABLE keys (n serial);
CREATE FUNCTION pg_temp.a() RETURNS int LANGUAGE sql RETURN (SELECT id FROM desk.staff WHERE login = 'staff-a');
CREATE FUNCTION pg_temp.b() RETURNS int LANGUAGE sql RETURN (SELECT id FROM desk.staff WHERE login = 'staff-b');
CREATE FUNCTION pg_temp.version(n int) RETURNS int LANGUAGE sql STABLE AS $$ SELECT version FROM desk.ticket WHERE number = n $$;
CREATE FUNCTION pg_temp.key() RETURNS text LANGUAGE sql AS $$ INSERT INTO keys DEFAULT VALUES RETURNING n::text $$;
CREATE FUNCTION pg_temp.file(title text, age interval DEFAULT '1 hour', level int DEFAULT 3, stuck text DEFAULT 'no', seen text DEFAULT 'public') RETURNS int LANGUAGE sql AS $$
	WITH t AS (INSERT INTO desk.ticket (subject, kind, product, severity, blocked, visibility, filed_at)
		VALUES (title, 'bug', 'staff-test', level, stuck, seen, now() - age) RETURNING number, filed_at)
	INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'The report ' || title, filed_at FROM t RETURNING ticket;
$$;
CREATE FUNCTION pg_temp.reply(n int, words text, follow text DEFAULT NULL, until text DEFAULT NULL, is_attempt boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, nullif(field, '')) FROM api.staff_reply('token staff-a', n, pg_temp.version(n), pg_temp.key(), words, NULL, 0, is_attempt, false, follow, until);
$$;
CREATE FUNCTION pg_temp.resolve(n int, how text, why text DEFAULT NULL, instead text DEFAULT NULL, other text DEFAULT NULL, release int DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, nullif(field, '')) FROM api.staff_resolve('token staff-a', n, pg_temp.version(n), pg_temp.key(), how, why, instead, other, release::text);
$$;
CREATE FUNCTION pg_temp.queue(view text DEFAULT NULL, q text DEFAULT NULL, after text DEFAULT NULL, most int DEFAULT 51) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(replace(subject, 'st-', '') ORDER BY ordinality) FROM api.staff_queue('token staff-a', view, NULL, NULL, 'staff-test', q, after, most) WITH ORDINALITY;
$$;

-- nobody without a session, whatever staff may call
SELECT throws_ok(format('SELECT * FROM api.%I(''x''%s)', p.proname,
		(SELECT string_agg(', NULL::' || format_type(t.oid, NULL), '' ORDER BY t.place)
			FROM unnest(p.proargtypes) WITH ORDINALITY t (oid, place) WHERE t.place > 1)),
	'PT401', NULL, p.proname || ' asks who it is')
FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace AND has_function_privilege('desk_staff', p.oid, 'EXECUTE') ORDER BY p.proname;

-- the queue (000c)
SELECT pg_temp.file('st-3 no'), pg_temp.file('st-3 blocked', '1 hour', 3, 'blocked'), pg_temp.file('st-3 workaround', '1 hour', 3, 'workaround'),
	pg_temp.file('st-2', '1 hour', 2), pg_temp.file('st-1', '10 minutes', 1), pg_temp.file('st-older', '2 hours', 4), pg_temp.file('st-late', '30 hours', 4);
SELECT is(pg_temp.queue(), '{late,1,older,2,"3 blocked","3 workaround","3 no"}'::text[], 'the next promise first, then the severity, then who is blocked');
UPDATE desk.ticket SET filed_at = filed_at WHERE false;
SELECT is(pg_temp.queue(NULL, NULL, (SELECT place FROM api.staff_queue('token staff-a', NULL, NULL, NULL, 'staff-test', NULL, NULL, 3) OFFSET 2), 3), '{2,"3 blocked","3 workaround"}'::text[], 'a page goes on where the last one ended');
SELECT is((SELECT due_words FROM api.staff_queue('token staff-a', NULL, NULL, NULL, 'staff-test', NULL, NULL, 1)), 'Late by 6 h', 'a late one says by how much');
SELECT is((SELECT due_words || ', ' || promise FROM api.staff_queue('token staff-a', NULL, NULL, NULL, 'staff-test', NULL, NULL, 2) OFFSET 1), 'in 50 min, first answer', 'one in time says when, and what');
SELECT is((SELECT percent FROM api.staff_queue('token staff-a', NULL, '1', NULL, 'staff-test', NULL, NULL, 2)), 16, 'and how much of the time is gone');
SELECT is(pg_temp.queue(NULL, NULL, 'Infinity_1_0_1'), NULL, 'after the last there is nothing');
SELECT is(pg_temp.queue(NULL, NULL, 'x'' OR true'), pg_temp.queue(), 'a place that is none is the beginning');
SELECT is((SELECT array_agg(x.subject) FROM api.staff_queue('token staff-a', NULL, '2', 'bug', 'staff-test', NULL, NULL, 9) x), ARRAY['st-2'], 'filters narrow it');

-- two promises in the same minute count as the same
SELECT pg_temp.file('st-m1', interval '3 hours' - interval '10 milliseconds' * extract(second FROM now())::int, 4), pg_temp.file('st-m2', interval '3 hours', 3);
SELECT is((SELECT array_agg(s) FROM unnest(pg_temp.queue()) s WHERE s IN ('m1', 'm2')),
	CASE WHEN date_trunc('minute', now()) = date_trunc('minute', now() + interval '10 milliseconds' * extract(second FROM now())::int)
		THEN '{m2,m1}'::text[] ELSE '{m2,m1}' END, 'seconds do not come before the severity');

-- search: public and private, each once, never a note
CREATE TEMP TABLE found AS SELECT pg_temp.file('st-private zebra', '1 hour', 3, 'no', 'private') AS private, pg_temp.file('st-public zebra') AS public;
INSERT INTO desk.note (ticket, staff, body) SELECT private, pg_temp.a(), 'giraffe' FROM found;
INSERT INTO desk.message (ticket, author, body) SELECT private, 'requester', 'and an okapi' FROM found;
SELECT is(pg_temp.queue(NULL, 'zebra'), '{"public zebra","private zebra"}'::text[], 'a search finds public and private ones, the newest first');
SELECT is(pg_temp.queue(NULL, 'okapi'), '{"private zebra"}'::text[], 'by the words of later messages, too');
SELECT is(pg_temp.queue(NULL, 'giraffe'), NULL, 'a note is not searched');
SELECT is(pg_temp.queue(NULL, '#' || (SELECT private FROM found)), '{"private zebra"}'::text[], 'a number is that ticket');
UPDATE desk.ticket SET visibility = 'private', changed_by = NULL WHERE number = (SELECT public FROM found);
SELECT is(pg_temp.queue(NULL, 'zebra'), '{"public zebra","private zebra"}'::text[], 'a ticket that turns private is found as before');
UPDATE desk.ticket SET visibility = 'public', consented_at = now() WHERE number IN (SELECT public FROM found UNION SELECT private FROM found);
SELECT is(pg_temp.queue(NULL, 'zebra'), '{"public zebra","private zebra"}'::text[], 'one that turns public, too');
SELECT is_empty($$ SELECT number FROM desk.private_search JOIN desk.ticket USING (number) WHERE visibility = 'public' $$, 'and leaves no words behind');
SELECT is_empty($$ SELECT number FROM desk.ticket WHERE visibility = 'private' AND number NOT IN (SELECT number FROM desk.private_search) $$, 'every private ticket has its words');
SELECT is_empty($$ SELECT r FROM unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_staff', 'desk_report']) r
	WHERE has_table_privilege(r, 'desk.private_search', 'SELECT') $$, 'which nobody reads but through a function');
SELECT is((SELECT count(*) FROM unnest(pg_temp.queue(NULL, '-')) x), 0::bigint, 'nothing to search for finds nothing');

-- a tsvector ends at 1 MB; a thread does not
DO $$
DECLARE
	n int[] := ARRAY(SELECT pg_temp.file('st-logs ' || v, '1 hour', 3, 'no', v) FROM unnest(ARRAY['public', 'private']) v);
BEGIN
	FOR i IN 1 .. 22 LOOP
		INSERT INTO desk.message (ticket, author, body, solution) SELECT unnest(n), 'requester', string_agg(substr(repeat(md5(i || ' ' || j), 3), 1, 76), ' '), false
		FROM generate_series(1, 780) j;
	END LOOP;
	INSERT INTO desk.message (ticket, author, staff, body, solution) SELECT unnest(n), 'staff', pg_temp.a(), 'the capybara did it', true;
END $$;
SELECT is(pg_temp.queue(NULL, 'capybara'), '{"logs private","logs public"}'::text[], 'a thread full of logs takes more messages, and is found by its solution');

-- replies
CREATE TEMP TABLE t AS SELECT pg_temp.file('st-reply') AS n, pg_temp.file('st-other') AS other, pg_temp.file('st-hold') AS held,
	pg_temp.file('st-secret', '1 hour', 3, 'no', 'private') AS secret, pg_temp.file('st-take') AS free;
SELECT is(pg_temp.reply(n, 'Hello', 'pending'), 'done', 'a reply is sent') FROM t;
SELECT is((SELECT state || ' ' || (answered_at IS NOT NULL) FROM desk.ticket WHERE number = n), 'pending true', 'answers, and waits') FROM t;
SELECT is((SELECT due_words FROM api.staff_promises('token staff-a', n)), 'paused', 'the clock holds meanwhile') FROM t;
SELECT is(pg_temp.reply(n, 'Hello again', 'open', to_char(now() + interval '1 day', 'YYYY-MM-DD"T"HH24:MI')), 'done', 'a reply can promise an update') FROM t;
SELECT is((SELECT count(*) FROM api.staff_promises('token staff-a', n) WHERE promise = 'Next update'), 1::bigint, 'which is a promise like the others') FROM t;
SELECT is(pg_temp.reply(n, 'The update'), 'done', 'the next reply') FROM t;
SELECT is((SELECT next_update_by FROM desk.ticket WHERE number = n), NULL, 'keeps it') FROM t;
SELECT is(pg_temp.reply(n, 'x', NULL, '2020-01-01T00:00'), 'refused until', 'an update in the past is refused') FROM t;
SELECT is(pg_temp.reply(n, 'x', NULL, 'tomorrow'), 'refused until', 'and a date that is none') FROM t;
SELECT is(pg_temp.reply(n, 'x', 'declined'), 'refused reason', 'a reply solves only as the rules say') FROM t;
SELECT is(pg_temp.reply(n, 'x', 'nonsense'), 'refused', 'and with what there is') FROM t;
SELECT is((SELECT count(*) FROM desk.message WHERE ticket = n AND author = 'staff'), 3::bigint, 'a refused reply is not sent') FROM t;
SELECT is(pg_temp.reply(n, 'Solved', 'answered'), 'done', 'a reply can solve') FROM t;
SELECT is((SELECT string_agg(DISTINCT c.actor || ' ' || s.name || ' ' || c.program, ', ') FROM desk.change c LEFT JOIN desk.staff s ON s.id = c.staff WHERE c.ticket = n),
	'staff Ann ' || session_user, 'the history says who and through which program') FROM t;
SELECT is((SELECT outcome FROM api.staff_reply('token staff-a', n, 1, pg_temp.key(), 'x', NULL, 0, false, false, NULL, NULL)), 'moved', 'an old form is not carried out') FROM t;
SELECT is((SELECT outcome FROM api.staff_reply('token staff-a', n, NULL, pg_temp.key(), 'x', NULL, 0, false, false, NULL, NULL)), 'moved', 'nor one without a version') FROM t;
SELECT throws_ok($$ SELECT * FROM api.staff_reply('token staff-a', 99999999, 1, 'k', 'x', NULL, 0, false, false, NULL, NULL) $$, 'PT404', NULL, 'a ticket must be there');
SELECT throws_ok($$ SELECT * FROM api.staff_ticket('token staff-a', 99999999) $$, 'PT404', NULL, 'to be looked at, too');
SELECT throws_ok(format($$ SELECT * FROM api.staff_note('token staff-a', %s, %s, 'k', 'x', '<script>alert(1)</script>', 1) $$, n, pg_temp.version(n)), '23514', NULL, 'no program stores a script') FROM t;
SELECT is((SELECT outcome || ' ' || coalesce(complaint, '') FROM api.staff_reply('token staff-a', n, pg_temp.version(n), pg_temp.key(), 'x', '<img src=x>', 1, false, false, NULL, NULL)),
	'refused The desk refused this ("safe_html").', 'nor any other markup') FROM t;

-- the same form twice
CREATE TEMP TABLE twice AS SELECT pg_temp.version(other) AS v FROM t;
SELECT is((SELECT string_agg(r.outcome, ' ') FROM t, twice, generate_series(1, 1),
	LATERAL api.staff_reply('token staff-a', other, v, 'same', 'once', NULL, 0, false, false, NULL, NULL) r), 'done', 'a form');
SELECT is((SELECT r.outcome FROM t, twice, LATERAL api.staff_reply('token staff-a', other, v, 'same', 'once', NULL, 0, false, false, NULL, NULL) r), 'sent', 'sent again is one');
SELECT is((SELECT r.outcome FROM t, twice, LATERAL api.staff_reply('token staff-a', other, v, 'same', 'another text', NULL, 0, false, false, NULL, NULL) r), 'moved', 'with another text it is another');
SELECT is((SELECT count(*) FROM desk.message WHERE ticket = other AND author = 'staff'), 1::bigint, 'one reply') FROM t;
UPDATE twice SET v = pg_temp.version(other) FROM t;
SELECT is((SELECT outcome FROM api.staff_assign('token staff-a', other, v, 'give', pg_temp.b())), 'done', 'given to Bob') FROM t, twice;
SELECT is((SELECT outcome FROM api.staff_assign('token staff-a', other, v, 'give', pg_temp.b())), 'sent', 'again: he has it') FROM t, twice;
SELECT is((SELECT count(*) FROM desk.outbox WHERE ticket = other AND staff = pg_temp.b()), 1::bigint, 'one mail') FROM t;
UPDATE desk.ticket SET assignee = pg_temp.a() FROM t WHERE number = other;
SELECT is((SELECT outcome FROM api.staff_assign('token staff-a', other, v, 'give', pg_temp.b())), 'moved', 'once somebody else changed it, the old form does not pretend') FROM t, twice;
SELECT is((SELECT count(*) FROM desk.staff_sent WHERE key_sha256 IN (sha256('same'), sha256('give'))), 0::bigint, 'the key itself is not kept');

-- taking
SELECT is((SELECT outcome FROM api.staff_take('token staff-a', free, 0, pg_temp.key())), 'done', 'what is nobody''s can be taken from any form') FROM t;
SELECT is((SELECT outcome FROM api.staff_take('token staff-b', free, 1, pg_temp.key())), 'moved', 'what is somebody''s only from what the form showed') FROM t;
SELECT is((SELECT outcome FROM api.staff_take('token staff-b', free, pg_temp.version(free), pg_temp.key())), 'done', 'that it showed') FROM t;
SELECT is((SELECT array_agg(x.view || ' ' || x.tickets ORDER BY x.view) FROM api.staff_views('token staff-b', 'mine') x WHERE x.is_current), ARRAY['mine 1'], 'it is counted as one''s own');

-- notes
SELECT is((SELECT outcome FROM api.staff_note('token staff-b', n, pg_temp.version(n), pg_temp.key(), 'canary-note', NULL, 0)), 'done', 'a note') FROM t;
SELECT is((SELECT count(*) FROM desk.public_entry WHERE ticket = n AND body_html LIKE '%canary%'), 0::bigint, 'is in no public copy') FROM t;
SELECT is((SELECT array_agg(x.who) FROM t, LATERAL api.staff_thread('token staff-a', n, NULL) x WHERE x.entry_is_note), ARRAY['Bob'], 'staff read it in the thread');
SELECT is((SELECT count(*) FROM t, LATERAL api.staff_thread('token staff-a', n, to_char(now() + interval '1 second', 'YYYY-MM-DD HH24:MI:SS TZ')) x), 0::bigint, 'what came since a moment can be asked for');

-- hold, visibility, change
SELECT is((SELECT outcome || ' ' || field FROM api.staff_hold('token staff-a', held, pg_temp.version(held), pg_temp.key(), 'cannot-yet', NULL)), 'refused hold_until', '"not yet" needs a date') FROM t;
SELECT is((SELECT outcome FROM api.staff_hold('token staff-a', held, pg_temp.version(held), pg_temp.key(), 'cannot-yet', '2099-01-01T00:00')), 'done', 'with one it holds') FROM t;
SELECT is(pg_temp.reply(held, 'still waiting'), 'done', 'a reply in between') FROM t;
SELECT is((SELECT hold || ' ' || (next_update_by IS NOT NULL) FROM desk.ticket WHERE number = held), 'cannot-yet true', 'leaves the hold and its date') FROM t;
SELECT throws_ok(format('UPDATE desk.ticket SET hold = %L, next_update_by = NULL WHERE number = %s', 'third-party', n), '23514', NULL, 'raw SQL meets the same rule') FROM t;
SELECT is((SELECT outcome || ' ' || complaint FROM api.staff_visibility('token staff-a', secret, pg_temp.version(secret), pg_temp.key(), 'public')),
	format('refused Cannot make ticket %s public: the requester has not agreed.', secret), 'without consent nothing becomes public') FROM t;
SELECT throws_ok(format('UPDATE desk.ticket SET visibility = %L WHERE number = %s', 'public', secret), 'PT409', NULL, 'by raw SQL neither') FROM t;
SELECT is((SELECT outcome FROM api.staff_change('token staff-a', held, pg_temp.version(held), pg_temp.key(), 'new', '3', 'bug', NULL)), 'refused', 'a ticket does not become new again') FROM t;
SELECT is((SELECT outcome FROM api.staff_change('token staff-a', held, pg_temp.version(held), pg_temp.key(), 'open', '1', 'outage', NULL)), 'done', 'severity, kind and product change together') FROM t;

-- solving; each refusal by the form and by raw SQL
CREATE TEMP TABLE s AS SELECT pg_temp.file('st-solve') AS n;
CREATE FUNCTION pg_temp.raw(what text) RETURNS text LANGUAGE sql AS $$
	SELECT format('UPDATE desk.ticket SET state = ''resolved'', %s WHERE number = %s', what, n) FROM s;
$$;
SELECT is(pg_temp.resolve(n, 'answered'), 'refused', 'not before somebody answered') FROM s;
SELECT throws_ok(pg_temp.raw($$resolution = 'answered'$$), 'PT409', NULL, 'nor by raw SQL');
SELECT pg_temp.reply(n, 'We look') FROM s;
SELECT is(pg_temp.resolve(n, 'declined', 'no'), 'refused alternative', 'a no needs an alternative') FROM s;
SELECT throws_ok(pg_temp.raw($$resolution = 'declined', reason = 'no'$$), 'PT409', NULL, 'by raw SQL, too');
SELECT is(pg_temp.resolve(n, 'declined', ' ', 'that'), 'refused reason', 'and a reason') FROM s;
SELECT is(pg_temp.resolve(n, 'duplicate'), 'refused duplicate_of', 'a duplicate needs the other') FROM s;
SELECT is(pg_temp.resolve(n, 'duplicate', NULL, NULL, '99999999'), 'refused duplicate_of', 'that is there') FROM s;
SELECT is(pg_temp.resolve(n, 'duplicate', NULL, NULL, n::text), 'refused duplicate_of', 'and another') FROM s;
SELECT is(pg_temp.resolve(n, 'duplicate', NULL, NULL, 'DROP'), 'refused duplicate_of', 'by its number') FROM s;
SELECT is(pg_temp.resolve(n, 'no-further-action', 'so'), 'refused', 'no further action needs an attempt') FROM s;
SELECT is(pg_temp.resolve(n, 'fixed'), 'refused release', 'a fix needs its release') FROM s;
INSERT INTO desk.release (product, version) VALUES ('staff-test', '1');
SELECT is(pg_temp.resolve(n, 'fixed', NULL, NULL, NULL, (SELECT id FROM desk.release WHERE product = 'staff-test')), 'refused release', 'that is out') FROM s;
SELECT is((SELECT state FROM desk.ticket JOIN s ON s.n = number), 'open', 'nothing of it changed anything');
SELECT is(pg_temp.resolve(n, 'when-released', NULL, NULL, NULL, (SELECT id FROM desk.release WHERE product = 'staff-test')), 'done', 'a fix can wait for its release') FROM s;
UPDATE desk.release SET released_at = now() WHERE product = 'staff-test';
SELECT is((SELECT state || ' ' || resolution FROM desk.ticket JOIN s ON s.n = number), 'resolved fixed', 'which solves it');
SELECT is((SELECT outcome FROM s, LATERAL api.staff_change('token staff-a', n, pg_temp.version(n), pg_temp.key(), 'open', '3', 'bug', NULL)), 'done', 'it can be opened again');
SELECT is(pg_temp.resolve(n, 'when-released', NULL, NULL, NULL, (SELECT id FROM desk.release WHERE product = 'staff-test')), 'refused release', 'what is out is not waited for') FROM s;
SELECT pg_temp.reply(n, 'Really tried', NULL, NULL, true) FROM s;
SELECT is(pg_temp.resolve(n, 'no-further-action', 'so'), 'done', 'after an attempt and with a reason, no further action') FROM s;
SELECT is((SELECT count(*) FROM desk.transition x JOIN desk.resolution r ON r.name ~ 'stale|age|old'), 0::bigint, 'nothing ends by age');

SELECT * FROM finish();
ROLLBACK;
