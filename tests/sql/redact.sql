-- Taking out what must not be here: words, files, whole reports.  Afterwards
-- every column of the desk is read, whatever it is called.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

\ir ../lib/holds.sql

-- The desk knows where its words are -------------------------------------------

-- A column of text, words or JSON is a place where somebody's words about a
-- ticket can stand (desk.text_places), a copy made from those, or holds words
-- of ours, of a DBA, or about staff, not tickets.  Say which.
CREATE TEMP TABLE ours AS SELECT unnest(ARRAY[
	'calendar', 'calendar_override', 'calendar_version', 'channel', 'customer', 'customer_domain', 'delivery_pause', 'duty_alarm', 'duty_change',
	'duty_exemption', 'duty_ready', 'duty_seat', 'duty_swap', 'duty_week', 'holiday', 'hook', 'intake_field', 'intake_template', 'kind', 'last_run',
	'limiter', 'list_rule', 'list_sent', 'migration', 'missed_run', 'page_rule', 'plan', 'policy', 'policy_step', 'product', 'record_week', 'release',
	'resolution', 'roster', 'rotation', 'route', 'secret', 'security_phrase', 'session', 'severity', 'sla_event', 'staff', 'staff_contact', 'state', 'target',
	'team', 'transition', 'link', 'page_report', 'duty_feed', 'redaction', 'redaction_place', 'export', 'confidential_key', 'staff_rule', 'factor_event', 'passkey']) AS name;
CREATE TEMP TABLE words_of_ours AS SELECT unnest(ARRAY[
	'change.actor', 'change.field', 'change.program', 'clock.metric', 'clock.state', 'clock_event.because', 'clock_event.kind', 'delivery.outcome',
	'delivery.way', 'limit_count.limiter', 'limit_count.subject', 'message.author', 'outbox.via', 'outbox.hook', 'outbox.event', 'outbox.kind', 'outbox.dedup_key',
	'outbox.unfollow', 'page.product', 'page.rotation', 'page_event.kind', 'page_event.role', 'page_event.program',
	'public_entry.field', 'public_entry.what', 'public_entry.posted_at', 'public_entry.posted_words',
	'public_ticket.blocked', 'public_ticket.channel', 'public_ticket.channel_label', 'public_ticket.hold', 'public_ticket.kind', 'public_ticket.kind_label',
	'public_ticket.product', 'public_ticket.product_label', 'public_ticket.release', 'public_ticket.resolution', 'public_ticket.resolution_label',
	'public_ticket.severity_name', 'public_ticket.state', 'public_ticket.state_label', 'public_ticket.assignee',
	'ticket.blocked', 'ticket.changed_by', 'ticket.channel', 'ticket.hold', 'ticket.kind', 'ticket.product', 'ticket.resolution', 'ticket.state', 'ticket.team',
	'ticket.template', 'ticket.visibility', 'private_reason.reason', 'attachment.type', 'public_attachment.type',
	-- of forms that are not finished: no ticket has them yet, and they go after a day
	'upload.field', 'upload.name', 'upload.type']) AS name;
CREATE TEMP TABLE copies AS SELECT unnest(ARRAY['public_ticket.subject', 'public_ticket.reason', 'public_ticket.alternative', 'public_ticket.requester_name',
	'public_entry.body_html', 'public_entry.name', 'public_entry.initial', 'public_entry.new', 'public_search.words', 'public_search.subject_words',
	'private_search.words', 'public_attachment.name',
	-- those of a person (desk.person_erase)
	'person.mail', 'outbox.address']) AS name;
SELECT is_empty($$ SELECT r.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
	WHERE r.relnamespace = 'desk'::regnamespace AND r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
	  AND a.atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype, 'json'::regtype, 'tsvector'::regtype, 'varchar'::regtype, 'xml'::regtype)
	  AND r.relname NOT IN (SELECT name FROM ours)
	  AND r.relname || '.' || a.attname NOT IN (SELECT name FROM words_of_ours UNION SELECT name FROM copies
		UNION SELECT p.relation || '.' || f FROM desk.text_places() p, unnest(p.fields) f) ORDER BY 1 $$,
	'every column that can hold words about a ticket is one that a redaction looks at');
SELECT is_empty($$ SELECT p.relation || '.' || f FROM desk.text_places() p, unnest(p.fields || p.row_key) f
	WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = ('desk.' || p.relation)::regclass AND a.attname = f) $$, 'and all of those are there');

-- A ticket with a secret everywhere ---------------------------------------------

INSERT INTO desk.staff (login, name) VALUES ('ann', 'Ann Clerk'), ('bob', 'Bob Clerk');
CREATE TEMP TABLE clerk AS SELECT (SELECT id FROM desk.staff WHERE login = 'ann') AS ann, (SELECT id FROM desk.staff WHERE login = 'bob') AS bob;
INSERT INTO desk.staff_contact (staff, mail) SELECT ann, 'ann@desk.example' FROM clerk;
INSERT INTO desk.hook (name, kind, events) VALUES ('listener', 'webhook', ARRAY['*']);

-- visibility; the secret; returns the number
CREATE FUNCTION pg_temp.fill(v text, s text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int;
	h text := desk.plain_text_html(s);
	who int := desk.person_of(format('%s@home.example', gen_random_uuid()));
BEGIN
	INSERT INTO desk.ticket (subject, kind, severity, visibility, tried, requester, requester_name, filed_at)
	VALUES ('It fails with ' || s, 'bug', 1, v, 'I tried ' || s, who, 'Jo ' || s, now() - interval '3 hours') RETURNING number INTO n;
	INSERT INTO desk.submission (key_sha256, text_sha256, ticket) VALUES (sha256(convert_to(gen_random_uuid()::text, 'UTF8')), sha256(convert_to(s, 'UTF8')), n);
	INSERT INTO desk.answer VALUES (n, 1, 'Which?', 'The one of ' || s);
	INSERT INTO desk.message (ticket, author, name, body, body_html, posted_at) SELECT n, 'requester', 'Jo ' || s, 'My key is **' || s || '**, again ' || s,
		'<p>My key is <strong>' || h || '</strong>, again ' || h || '</p><dl><dt>Which?</dt><dd><p>The one of ' || h || '</p></dd></dl>', filed_at FROM desk.ticket WHERE number = n;
	UPDATE desk.person SET proven_at = now() WHERE id = who;
	INSERT INTO desk.follower (ticket, person, confirmed_at) VALUES (n, who, now());
	UPDATE desk.ticket SET production_down = true WHERE number = n;
	PERFORM desk.sla_check(1000);
	INSERT INTO desk.breach_reason (clock, reason) SELECT min(id), 'Because of ' || s FROM desk.clock WHERE ticket = n;
	UPDATE desk.ticket SET subject = 'It still fails with ' || s, assignee = (SELECT ann FROM clerk) WHERE number = n;
	INSERT INTO desk.message (ticket, author, staff, name, body, solution) SELECT n, 'staff', ann, 'Ann Clerk', 'Is ' || s || ' yours?', true FROM clerk;
	INSERT INTO desk.message (ticket, author, name, body) VALUES (n, 'requester', 'Jo ' || s, 'Yes, ' || s);
	INSERT INTO desk.note (ticket, staff, body) SELECT n, bob, 'They gave us ' || s FROM clerk;
	UPDATE desk.page SET justified = true, verdict = 'It was about ' || s WHERE id IN (SELECT page FROM desk.page_report WHERE ticket = n);
	INSERT INTO desk.action (ticket, staff, what, why, approval) SELECT n, ann, 'login ' || s, 'for ' || s, 'Eve said ' || s FROM clerk;
	INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256(convert_to(s, 'UTF8')), length(s), true) ON CONFLICT DO NOTHING;
	INSERT INTO desk.blob_chunk VALUES (sha256(convert_to(s, 'UTF8')), 0, convert_to(s, 'UTF8')) ON CONFLICT DO NOTHING;
	INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT n, min(id), 1, s || '.txt', 'text/plain', length(s), sha256(convert_to(s, 'UTF8')) FROM desk.message WHERE ticket = n;
	UPDATE desk.ticket SET state = 'resolved', resolution = 'declined', reason = 'No, as ' || s, alternative = 'Not ' || s WHERE number = n;
	INSERT INTO desk.private_reason (ticket, reason, words) VALUES (n, 'other', 'It is about ' || s) ON CONFLICT (ticket) DO UPDATE SET words = excluded.words;
	-- a list that went out yesterday, one that waits, and a mail that failed
	INSERT INTO desk.outbox (kind, staff, subject, body, payload, sent_at) SELECT 'list', ann, 'Unanswered', format(E'  #%s  S1  new  It fails with %s\n', n, s),
		jsonb_build_object('html', format('<tr><td>#%s</td><td>S1</td><td>new</td><td>It fails with %s</td></tr>', n, s)), x.at FROM clerk, (VALUES (now()), (NULL)) x (at);
	INSERT INTO desk.delivery (outbox, way, attempt, outcome, said) SELECT max(id), 'mail', 1, 'refused', '550 no ' || s FROM desk.outbox WHERE ticket = n;
	RETURN n;
END
$$;

-- Words -------------------------------------------------------------------------

CREATE TEMP TABLE t AS SELECT pg_temp.fill('public', 'Kanarie7!x') AS open, pg_temp.fill('private', 'Zeisig&3<y') AS closed;
SELECT cmp_ok((SELECT count(*)::int FROM pg_temp.holds('kanarie7!x')), '>=', 30, 'a secret gets into many places');
SELECT isnt_empty($$ SELECT FROM desk.public_search s, t WHERE s.number = t.open AND s.words::text ~ 'kanarie7' $$, 'it can be searched for');
CREATE TEMP TABLE before AS SELECT (SELECT md5(string_agg(c::text, ',' ORDER BY c.id)) FROM desk.clock c) AS clocks,
	(SELECT md5(string_agg(c::text, ',' ORDER BY c.id)) FROM desk.clock_event c) AS events,
	(SELECT string_agg(x.state || x.changed_at || x.severity, ',' ORDER BY x.number) FROM desk.ticket x) AS tickets, (SELECT count(*) FROM desk.outbox) AS mails;
SELECT isnt((SELECT sum(pieces) FROM t, desk.redaction_find(t.open, ARRAY['Kanarie7!x'], false)), NULL, 'all of it is found and counted before');
SELECT is((SELECT count(*)::int FROM t, desk.redaction_find(t.open, ARRAY['kanarie7!x'], false)), 0, 'exactly as it was written');
CREATE TEMP TABLE fields AS SELECT c.field, count(*) FROM desk.change c, t WHERE c.ticket = t.open GROUP BY c.field;
SELECT lives_ok($$ SELECT desk.redact(open, 'Kanarie7!x', 'a key of the shop', (SELECT ann FROM clerk)) FROM t $$, 'it is taken out of a public ticket');
SELECT results_eq($$ SELECT c.field, count(*) FROM desk.change c, t WHERE c.ticket = t.open AND c.field <> 'redacted' GROUP BY c.field ORDER BY 1 $$,
	$$ SELECT field, count FROM fields ORDER BY 1 $$, 'the history gets one row for it, and none that says what a field was before');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('kanarie7') h WHERE h NOT IN ('desk.blob_chunk.bytes') $$, 'and is nowhere: not in a column, a copy, a word index, a mail or a log');
SELECT lives_ok($$ SELECT desk.redact_file(a.ticket, a.id, 'a file with the key') FROM desk.attachment a, t WHERE a.ticket = t.open $$, 'a file goes whole');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('kanarie7') $$, 'and then it is nowhere at all');
SELECT is((SELECT m.body FROM desk.message m, t WHERE m.ticket = t.open ORDER BY m.id LIMIT 1), 'My key is **[removed]**, again [removed]', 'the words around it stay');
SELECT is((SELECT m.body_html FROM desk.message m, t WHERE m.ticket = t.open ORDER BY m.id LIMIT 1),
	'<p>My key is <strong>[removed]</strong>, again [removed]</p><dl><dt>Which?</dt><dd><p>The one of [removed]</p></dd></dl>', 'with their form');
SELECT is((SELECT e.body_html FROM desk.public_entry e, t WHERE e.ticket = t.open AND NOT e.is_change ORDER BY e.seq LIMIT 1),
	(SELECT m.body_html FROM desk.message m, t WHERE m.ticket = t.open ORDER BY m.id LIMIT 1), 'the public reads the same');
SELECT is((SELECT p.subject FROM desk.public_ticket p, t WHERE p.number = t.open), 'It still fails with [removed]', 'the subject, too');
SELECT isnt_empty($$ SELECT FROM desk.public_search s, t WHERE s.number = t.open AND s.words @@ desk.search_query('again fails') $$, 'what stays is still found');
SELECT is((SELECT md5(string_agg(c::text, ',' ORDER BY c.id)) FROM desk.clock c), (SELECT clocks FROM before), 'no clock has turned');
SELECT is((SELECT md5(string_agg(c::text, ',' ORDER BY c.id)) FROM desk.clock_event c), (SELECT events FROM before), 'and none was written to');
SELECT is((SELECT string_agg(x.state || x.changed_at || x.severity, ',' ORDER BY x.number) FROM desk.ticket x), (SELECT tickets FROM before), 'no ticket has moved');
SELECT is((SELECT count(*) FROM desk.outbox), (SELECT mails FROM before), 'nobody got a mail of it');
SELECT results_eq($$ SELECT kind, staff, reason FROM desk.redaction, t WHERE ticket = t.open ORDER BY id LIMIT 1 $$,
	$$ SELECT 'words', ann, 'a key of the shop' FROM clerk $$, 'who, when and why is kept');
SELECT is((SELECT sum(characters) FROM desk.redaction_place p JOIN desk.redaction r ON r.id = p.redaction, t WHERE r.ticket = t.open AND p.relation = 'note' AND p.field = 'body'),
	10::bigint, 'where, and how many characters');
SELECT matches((SELECT e.what || ' ' || e.new || ' ' || e.name FROM desk.public_entry e, t WHERE e.ticket = t.open AND e.field = 'redacted' ORDER BY e.seq LIMIT 1),
	'^Taken out [0-9]+ characters Ann Clerk$', 'the thread says how much, and who took it out');
SELECT is((SELECT c.new FROM desk.change c, t WHERE c.ticket = t.open AND c.field = 'redacted' ORDER BY c.id DESC LIMIT 1), 'a file of 10 bytes', 'and that a file is gone');

-- two files of one name
INSERT INTO desk.message (ticket, author, name, body) SELECT open, 'requester', 'Jo', 'See screen.png' FROM t;
INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256(''), 0, true) ON CONFLICT DO NOTHING;
INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT open, (SELECT max(id) FROM desk.message WHERE ticket = open), n, 'screen.png', 'text/plain', 0, sha256('')
	FROM t, generate_series(1, 2) n;
CREATE FUNCTION pg_temp.screens() RETURNS text LANGUAGE sql AS $$ SELECT (SELECT m.body FROM desk.message m WHERE m.ticket = t.open ORDER BY m.id DESC LIMIT 1)
	|| coalesce(': ' || (SELECT string_agg(a.name, ', ') FROM desk.attachment a WHERE a.ticket = t.open), '') FROM t $$;
SELECT desk.redact_file(t.open, (SELECT min(a.id) FROM desk.attachment a WHERE a.ticket = t.open), 'a password on it') FROM t;
SELECT is(pg_temp.screens(), 'See screen.png: screen.png', 'of two files of one name the other stays, with its name');
SELECT desk.redact_file(t.open, (SELECT min(a.id) FROM desk.attachment a WHERE a.ticket = t.open), 'a password on it') FROM t;
SELECT is(pg_temp.screens(), 'See [removed]', 'the name goes with the last one');

SELECT lives_ok($$ SELECT desk.redact(closed, 'Zeisig&3<y', 'a password') FROM t $$, 'in psql it goes from a private one, with signs that HTML writes in another way');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('zeisig') h WHERE h <> 'desk.blob_chunk.bytes' $$, 'and is nowhere');
SELECT is((SELECT string_agg(DISTINCT r.role || coalesce(r.staff, 0), ',') FROM desk.redaction r, t WHERE r.ticket = t.closed), session_user || '0', 'the role that did it is kept');
-- markup between its letters
INSERT INTO desk.message (ticket, author, name, body, body_html) SELECT open, 'requester', 'Jo', 'x tok*en*17 https://e.example/?k=tok*en*17',
	'<p>x tok<em>en</em>17 <a href="https://e.example/?k=tok%2Aen%2A17" rel="nofollow ugc noopener">e</a></p>' FROM t;
SELECT lives_ok($$ SELECT desk.redact(open, 'tok*en*17', 'a token') FROM t $$, 'words with markup between their letters can be taken out');
SELECT is((SELECT m.body_html FROM desk.message m, t WHERE m.ticket = t.open ORDER BY m.id DESC LIMIT 1), '<p>x [removed] https://e.example/?k=[removed]</p>', 'then the formatting goes');

SELECT isnt_empty($$ SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'desk.redaction'::regclass AND mode = 'ShareRowExclusiveLock' $$,
	'one redaction at a time: two would lock the same rows in another order');

-- as it is seen, not as it was typed
SELECT is(desk.visible(E'secr\u2066et\u2069\x07x'), 'secret␇x', 'some characters are not seen');
INSERT INTO desk.message (ticket, author, name, body) SELECT open, 'requester', 'Jo', E'it is secr\u2066et\u2069\x07x, or se\u200bcret\x07x' FROM t;
SELECT lives_ok($$ SELECT desk.redact(open, E'secr\u200bet␇x', 'a token') FROM t $$, 'words can be taken out as they are seen');
SELECT results_eq($$ SELECT m.body, m.body_html FROM desk.message m, t WHERE m.ticket = t.open ORDER BY m.id DESC LIMIT 1 $$,
	$$ VALUES ('it is [removed], or [removed]', '<p>it is [removed], or [removed]</p>') $$, 'wherever a mark stands in them');
SELECT throws_ok($$ SELECT desk.redact(open, E'a\u200b\u200b\u200bb', 'x') FROM t $$, 'PT409', NULL, 'marks do not make two letters long enough');
SELECT lives_ok(format($$ SELECT desk.words_pattern(desk.words_forms(ARRAY[%L]), true) ~ 'x', 'a' ~* desk.words_pattern(ARRAY[%L], false) $$, s, s), 'the longest words make a pattern that can be used')
	FROM (SELECT rpad('', 2000, 'k"9<ü*␇ ') AS s) v;
-- in a list the end of a subject is cut off
CREATE TEMP TABLE cut AS SELECT pg_temp.fill('public', 'Amsel') AS n, 0::bigint AS list;
UPDATE desk.ticket SET subject = 'Cannot sign in any more with hunter2SECRETword' FROM cut WHERE number = n;
WITH o AS (INSERT INTO desk.outbox (kind, staff, subject, body, payload) SELECT 'list', ann, 'List', format(E'  #%s  S1  new           Cannot sign in any more with hunter2SECRE\n  #%s0  S1  new           other\n', n, n),
	jsonb_build_object('html', format('<tr><td>#%s</td><td>S1</td><td>new</td><td>Cannot sign in any more with hunter2SECRE</td></tr>', n)) FROM cut, clerk RETURNING id)
UPDATE cut SET list = o.id FROM o;
SELECT isnt(desk.redact(n, 'hunter2SECRETword', 'a password'), NULL, 'a secret at the end of a subject is taken out') FROM cut;
SELECT is_empty($$ SELECT * FROM pg_temp.holds('hunter2') $$, 'its front does not stay in lists by mail either');
SELECT matches((SELECT o.body FROM desk.outbox o, cut WHERE o.id = cut.list), 'S1  new           other', 'where other tickets keep their lines');
-- the mark is longer than the words
UPDATE desk.ticket SET subject = rpad('abc ', 200, 'y'), tried = rpad('abc ', 20000, 'y') FROM cut WHERE number = n;
SELECT lives_ok($$ SELECT desk.redact(n, 'abc', 'x') FROM cut $$, 'a text that is as long as can be grows by the mark');
SELECT is_empty($$ SELECT c.conname, f FROM desk.text_places() p, unnest(p.fields) f, pg_constraint c
	WHERE c.contype = 'c' AND c.conrelid = ('desk.' || p.relation)::regclass AND pg_get_constraintdef(c.oid) ~ format('length\(\(?%s\M', f) $$, 'no limit of length can stand against it');
-- the name of a file
INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT n, min(m.id), 2, 'log', 'text/plain', 5, (SELECT sha256 FROM desk.blob LIMIT 1)
	FROM cut, desk.message m WHERE m.ticket = n GROUP BY n;
INSERT INTO desk.note (ticket, staff, body) SELECT n, bob, 'The login catalog logs, log is attached' FROM cut, clerk;
SELECT lives_ok($$ SELECT desk.redact_file(a.ticket, a.id, 'x') FROM desk.attachment a, cut WHERE a.ticket = n AND a.name = 'log' $$, 'a file with a short name goes');
SELECT is((SELECT x.body FROM desk.note x, cut WHERE x.ticket = n ORDER BY x.id DESC LIMIT 1), 'The login catalog logs, [removed] is attached', 'other words that hold its name stay whole');
SELECT isnt_empty($$ SELECT FROM desk.redaction_place, cut WHERE relation = 'answer' AND row_key = n || '/1' UNION ALL
	SELECT FROM desk.redaction_place, t WHERE relation = 'answer' AND row_key = open || '/1' $$, 'an answer is noted with its ticket');

SELECT throws_ok($$ SELECT desk.redact(open, 'nowhere to be found', 'x') FROM t $$, 'PT409', NULL, 'words that are nowhere are refused');
SELECT throws_ok($$ SELECT desk.redact(open, 'ab', 'x') FROM t $$, 'PT409', NULL, 'so are one or two letters');
SELECT throws_ok($$ SELECT desk.redact(open, 'still fails', 'it said still fails') FROM t $$, 'PT409', NULL, 'and a reason that says it again');
SELECT throws_ok($$ SELECT desk.redact(open, 'still fails', ' ') FROM t $$, '23514', NULL, 'and none at all');
SELECT throws_ok($$ SELECT desk.redact(99999999, 'still fails', 'x') $$, 'PT404', NULL, 'and a ticket that is not there');

-- The door ------------------------------------------------------------------------

CREATE TEMP TABLE door AS SELECT unnest(ARRAY[
	$$ UPDATE desk.message SET body = 'x' $$, $$ UPDATE desk.message SET body = '[removed]' $$, $$ UPDATE desk.note SET body = '[removed]' $$,
	$$ UPDATE desk.change SET old = '[removed]' $$, $$ UPDATE desk.page_event SET words = '[removed]' $$, $$ UPDATE desk.delivery SET said = '' $$,
	$$ UPDATE desk.action SET what = '[removed]' $$, $$ UPDATE desk.attachment SET name = 'x' $$, $$ UPDATE desk.redaction SET reason = 'x' $$,
	$$ UPDATE desk.redaction_place SET pieces = 1 $$, $$ DELETE FROM desk.redaction $$, $$ DELETE FROM desk.redaction_place $$, $$ DELETE FROM desk.message $$,
	$$ TRUNCATE desk.redaction CASCADE $$, $$ UPDATE desk.ticket SET subject = '[removed]', changed_by = 'redaction' $$]) AS q;
-- here the transaction has redactions: as if they were of another one
CREATE FUNCTION pg_temp.shut(q text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CREATE OR REPLACE FUNCTION desk.redacting() RETURNS boolean LANGUAGE sql AS 'SELECT false';
	EXECUTE q;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT is(pg_temp.shut(q), 'PT409', 'without a redaction, even the owner cannot:' || q) FROM door;
SELECT is((SELECT desk.redacting()), true, 'this transaction has one');
SELECT throws_ok(q, 'PT409', NULL, 'with one, nobody can:' || q) FROM (VALUES
	($$ UPDATE desk.message SET body = 'something else' $$), ($$ UPDATE desk.message SET body = body || ' and more' $$),
	($$ UPDATE desk.message SET body = '[removed] and more' $$), ($$ UPDATE desk.message SET body_html = '<p>other</p>' $$),
	($$ UPDATE desk.message SET posted_at = now() - interval '1 minute' $$), ($$ UPDATE desk.message SET staff = NULL, author = 'automatic' $$),
	($$ UPDATE desk.change SET new = 'resolved' $$), ($$ UPDATE desk.change SET field = 'state' $$), ($$ UPDATE desk.delivery SET outcome = 'sent' $$),
	($$ UPDATE desk.action SET done_at = now() - interval '1 hour' $$), ($$ DELETE FROM desk.message $$), ($$ TRUNCATE desk.note CASCADE $$),
	($$ UPDATE desk.redaction SET reason = 'x' $$), ($$ DELETE FROM desk.redaction_place $$),
	($$ UPDATE desk.ticket SET subject = 'other', changed_by = 'redaction' $$), ($$ UPDATE desk.ticket SET severity = 2, changed_by = 'redaction' $$),
	($$ UPDATE desk.ticket SET state = 'open', changed_by = 'redaction' WHERE state = 'resolved' $$),
	($$ UPDATE desk.change SET old = NULL WHERE old IS NOT NULL $$), ($$ UPDATE desk.ticket SET tried = NULL, changed_by = 'redaction' WHERE tried IS NOT NULL $$),
	($$ UPDATE desk.redaction_place SET characters = 0 $$), ($$ UPDATE desk.redaction_place SET relation = 'nothing' $$)) AS v (q);
-- a ticket that nothing was taken out of
CREATE TEMP TABLE calm AS SELECT pg_temp.fill('public', 'Meise') AS n;
SELECT throws_ok(q, 'PT409', NULL, 'nor in another ticket: ' || q) FROM (VALUES
	($$ UPDATE desk.message SET body = '[removed]' WHERE ticket = (SELECT n FROM calm) $$), ($$ UPDATE desk.message SET name = NULL WHERE ticket = (SELECT n FROM calm) $$),
	($$ UPDATE desk.ticket SET subject = '[removed]', changed_by = 'redaction' WHERE number = (SELECT n FROM calm) $$),
	($$ UPDATE desk.delivery SET said = '[removed]' WHERE outbox IN (SELECT id FROM desk.outbox WHERE ticket = (SELECT n FROM calm)) $$)) AS v (q);
SELECT is(desk.is_redacted(a, b), c, format('"%s" may become "%s": %s', a, b, c)) FROM (VALUES ('one two three', 'one [removed] three', true),
	('one two three', '[removed]', true), ('one two three', '[removed] two [removed]', true), ('one two', 'one two', true), ('one', NULL, false), (NULL, NULL, true), (NULL, 'one', false),
	('one two three', 'one [removed] four', false), ('one two three', 'one four three', false), ('aa', 'a[removed]aa', false), ('one', 'one two', false),
	('two one', 'one [removed] two', false)) AS v (a, b, c);

-- Vulnerability reports ---------------------------------------------------------------

CREATE TEMP TABLE v AS SELECT pg_temp.fill('public', 'Exploit42') AS open, pg_temp.fill('private', 'Exploit43') AS closed;
SELECT is_empty($$ SELECT part FROM v, unnest(ARRAY['Subject', 'Already tried', 'Why it is private', 'Which?', 'Message', 'Internal note', 'Production action', 'Why a promise was broken',
	'Verdict on a page', 'Reason', 'Alternative', 'The subject, until then']) part EXCEPT SELECT x.part FROM v, desk.ticket_texts(v.open) x WHERE x.body ~ 'Exploit4[23]' $$,
	'all its texts can be taken along');
SELECT results_eq($$ SELECT c.path, c.content ~ 'Exploit42' AND c.content ~ ('File tickets/' || v.open || '/files/[0-9]+[.]txt: Exploit42[.]txt, 9 bytes, Jo Exploit42'), c.size > 9 FROM v, desk.ticket_copy(v.open) c $$,
	$$ SELECT format('tickets/%s/texts.txt', v.open), true, true FROM v UNION ALL SELECT format('tickets/%s/files/%s.txt', v.open, a.id), NULL, false FROM v JOIN desk.attachment a ON a.ticket = v.open $$,
	'with the files, and a list of what those were called');
SELECT results_eq($$ SELECT c.path, c.content ~ a.id::text FROM v JOIN desk.attachment a ON a.ticket = v.open, desk.ticket_copy(v.open, NULL, 8) c $$,
	$$ SELECT format('tickets/%s/texts.txt', v.open), true FROM v UNION ALL VALUES ('left-out.txt', true) $$, 'what does not fit is named');
SELECT throws_ok('SELECT * FROM desk.ticket_copy(99999999)', 'PT404', NULL, 'of a ticket that is not there is no copy');
SELECT lives_ok($$ SELECT desk.ticket_copy(v.closed, ann) FROM v, clerk $$, 'one can be taken along');
SELECT results_eq($$ SELECT e.staff, e.person, e.role = session_user FROM desk.export e, v WHERE e.ticket = v.closed $$, $$ SELECT ann, NULL::int, true FROM clerk $$, 'and by whom is noted');
SELECT throws_ok(q, 'PT409', NULL, 'for good:' || q) FROM (VALUES ($$ UPDATE desk.export SET staff = NULL $$), ($$ DELETE FROM desk.export $$), ($$ TRUNCATE desk.export $$)) AS x (q);
-- Every place gets words of its own, by a hand that no trigger stops; what the
-- copy lacks of them, and then it never was.  Where a rendered text, a mail or a
-- log of mails says it again it is not looked for; nor what a field became: that
-- is what it is now, or what it was before the next change.
CREATE FUNCTION pg_temp.not_in_copy(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	p record;
	planted text[] := '{}';
	lacks text;
BEGIN
	PERFORM set_config('session_replication_role', 'replica', true);
	FOR p IN SELECT x.relation, x.belongs, f AS field, format('Canary of %s.%s.', x.relation, f) AS words FROM desk.text_places() x, unnest(x.fields) f
		WHERE x.relation NOT IN ('outbox', 'delivery') AND f <> 'body_html' AND (x.relation, f) <> ('change', 'new') LOOP
		EXECUTE format('UPDATE desk.%I x SET %I = %L WHERE %s', p.relation, p.field, p.words, p.belongs) USING n;
		planted := planted || p.words;
	END LOOP;
	SELECT string_agg(w, ' ') INTO lacks FROM unnest(planted) w WHERE NOT EXISTS (SELECT FROM desk.ticket_copy(n) c WHERE strpos(c.content, w) > 0);
	RAISE EXCEPTION USING ERRCODE = 'ND001', MESSAGE = cardinality(planted) || ' places; not in the copy: ' || coalesce(lacks, 'none');
EXCEPTION WHEN SQLSTATE 'ND001' THEN
	RETURN SQLERRM;
END
$$;
SELECT matches(pg_temp.not_in_copy(v.open), '^[2-9][0-9] places; not in the copy: none$', 'whatever a redaction would take out of a ticket is in its copy') FROM v;
CREATE TEMP TABLE seen AS SELECT t.version FROM desk.ticket t, calm WHERE t.number = calm.n;
INSERT INTO desk.action (ticket, staff, what, why) SELECT n, bob, 'ls', 'to see' FROM calm, clerk;
SELECT cmp_ok((SELECT t.version FROM desk.ticket t, calm WHERE t.number = calm.n), '>', (SELECT version FROM seen), 'a production action makes forms of its ticket out of date, as a message does');
UPDATE desk.outbox SET sent_at = now() WHERE id IN (SELECT min(id) FROM desk.outbox, v WHERE ticket = v.open);
SELECT throws_ok($$ UPDATE desk.ticket SET resolution = 'reported-elsewhere' FROM v WHERE number = v.open $$, 'PT409', NULL, 'no other way leads to this end');
SELECT throws_ok($$ SELECT desk.withhold(open, 'because', (SELECT bob FROM clerk)) FROM v $$, 'PT409', NULL, 'a kind has to be chosen');
CREATE TEMP TABLE kept AS SELECT md5(string_agg(c::text, ',' ORDER BY c.id)) AS events FROM desk.clock_event c;
SELECT lives_ok($$ SELECT desk.withhold(open, 'ours', (SELECT bob FROM clerk), true), desk.withhold(closed, 'unsure', (SELECT bob FROM clerk)) FROM v $$,
	'reports of a security hole are withheld');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('exploit4') $$, 'then the desk holds no word and no byte of them');
SELECT is_empty($$ SELECT number FROM desk.public_ticket, v WHERE number IN (v.open, v.closed) $$, 'the public sees nothing of them');
SELECT results_eq($$ SELECT state, resolution, visibility, subject, consented_at::text FROM desk.ticket, v WHERE number = v.open $$,
	$$ VALUES ('resolved', 'reported-elsewhere', 'private', '[removed]', NULL::text) $$, 'they are private, and have come to an end of their own');
SELECT matches((SELECT m.body_html FROM desk.message m, v WHERE m.ticket = v.open ORDER BY m.id DESC LIMIT 1), 'href="/.well-known/security.txt"', 'their page says where to go');
SELECT results_eq($$ SELECT count(*)::int, bool_and(o.body ~ '\{URL\}/.well-known/security.txt'), bool_and(o.subject ~ 'security contact')
	FROM desk.outbox o, v WHERE o.ticket = v.open AND o.person IS NOT NULL AND o.sent_at IS NULL AND o.failed_at IS NULL $$, $$ VALUES (1, true, true) $$,
	'one mail tells the requester, and no other goes out');
SELECT results_eq($$ SELECT m.body ~ 'passed your report on', m.body ~ 'send it once more', o.subject || o.body ~ 'is with our.*you need not send it again', o.body ~ 'send it once more'
	FROM v, unnest(ARRAY[v.open, v.closed]) n (number), LATERAL (SELECT x.body FROM desk.message x WHERE x.ticket = n.number ORDER BY x.id DESC LIMIT 1) m,
	LATERAL (SELECT x.subject, x.body FROM desk.outbox x WHERE x.ticket = n.number AND x.person IS NOT NULL AND x.sent_at IS NULL AND x.failed_at IS NULL) o $$,
	$$ VALUES (true, false, true, false), (false, true, false, true) $$, 'page and mail say whether the security contact has it already, or it has to be sent again');
SELECT results_eq($$ SELECT r.kind, r.reason, r.staff, r.passed_on FROM desk.redaction r, v WHERE r.ticket = v.open $$, $$ SELECT 'vulnerability', 'ours', bob, true FROM clerk $$, 'who, when and which kind is kept');
SELECT results_eq($$ SELECT a.what, a.is_withheld, a.may_approve FROM v, desk.action_rows(v.open, (SELECT bob FROM clerk), NULL, NULL, NULL, NULL, 10) a $$,
	$$ VALUES ('Text withheld: security report', true, false) $$, 'of a production action the trace stays');
SELECT is_empty($$ SELECT FROM desk.page p JOIN desk.page_report q ON q.page = p.id, v WHERE q.ticket = v.open AND p.resolved_at IS NULL $$, 'nobody is paged for them any more');
SELECT throws_ok(q, 'PT409', NULL, 'afterwards:' || q) FROM (VALUES
	($$ UPDATE desk.ticket SET state = 'open', resolution = NULL FROM v WHERE number = v.open $$),
	($$ UPDATE desk.ticket SET resolution = 'answered' FROM v WHERE number = v.open $$),
	($$ UPDATE desk.ticket SET visibility = 'public', consented_at = now() FROM v WHERE number = v.open $$),
	($$ INSERT INTO desk.message (ticket, author, body) SELECT v.open, 'requester', 'The hole is here' FROM v $$),
	($$ INSERT INTO desk.note (ticket, staff, body) SELECT v.open, bob, 'The hole is here' FROM v, clerk $$),
	($$ INSERT INTO desk.action (ticket, staff, what, why) SELECT v.open, bob, 'ls', 'The hole is here' FROM v, clerk $$),
	($$ INSERT INTO desk.action_approval (action, staff) SELECT a.id, bob FROM desk.action a JOIN v ON a.ticket = v.open, clerk $$),
	($$ SELECT desk.withhold(v.open, 'ours', (SELECT bob FROM clerk)) FROM v $$)) AS x (q);

SELECT * FROM finish();
ROLLBACK;
