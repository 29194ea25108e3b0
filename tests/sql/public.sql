-- The public copies: private tickets have none, and every copy is what a
-- rebuild from the tickets would make.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

INSERT INTO desk.staff (login, name) VALUES ('public-clerk', 'Clerk');
INSERT INTO desk.product (name, label) VALUES ('public', 'Public');
INSERT INTO desk.release (product, version) VALUES ('public', '1'), ('public', '2');

CREATE FUNCTION pg_temp.file(title text, seen text DEFAULT 'public') RETURNS int LANGUAGE sql AS $$
	WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, visibility, tried, requester, requester_name, filed_at)
		VALUES (title, 'bug', 3, seen, 'tried-canary', desk.person_of('canary@example.org'), 'Reader', now() - interval '1 day') RETURNING number, filed_at)
	INSERT INTO desk.message (ticket, author, name, body, posted_at) SELECT number, 'requester', 'Reader', 'body of ' || title, filed_at FROM t RETURNING ticket;
$$;
CREATE FUNCTION pg_temp.say(n int, words text, is_staff boolean DEFAULT true, is_solution boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body, solution)
	SELECT n, CASE WHEN is_staff THEN 'staff' ELSE 'requester' END, CASE WHEN is_staff THEN id END, CASE WHEN is_staff THEN name END, words, is_solution
	FROM desk.staff WHERE login = 'public-clerk';
$$;

-- The copies of all tickets, as they stand and as a rebuild makes them.
-- Positions in the words depend on the order of edits; the lexemes may not.
CREATE FUNCTION pg_temp.copies() RETURNS TABLE (kind text, row_text text) LANGUAGE sql AS $$
	SELECT 'ticket', p::text FROM desk.public_ticket p
	UNION ALL SELECT 'entry', e::text FROM desk.public_entry e
	UNION ALL SELECT 'words', s.number || ' ' || strip(s.words)::text FROM desk.public_search s;
$$;
CREATE FUNCTION pg_temp.rebuild() RETURNS void LANGUAGE sql AS $$
	DELETE FROM desk.public_ticket;
	SELECT desk.publish_ticket(t) FROM desk.ticket t WHERE t.visibility = 'public';
	SELECT desk.publish_thread(t.number) FROM desk.ticket t WHERE t.visibility = 'public';
$$;

-- private means: no row at all ----------------------------------------------------
CREATE TEMP TABLE n AS SELECT pg_temp.file('open-canary') AS open, pg_temp.file('secret-canary', 'private') AS secret;
CREATE FUNCTION pg_temp.rows_of(wanted int) RETURNS int LANGUAGE sql
RETURN (SELECT count(*) FROM desk.public_ticket WHERE number = wanted) + (SELECT count(*) FROM desk.public_entry WHERE ticket = wanted)
	+ (SELECT count(*) FROM desk.public_search WHERE number = wanted);
SELECT is(pg_temp.rows_of(secret), 0, 'a private ticket has no public row') FROM n;
SELECT is(pg_temp.rows_of(open), 3, 'a public one has its own, its thread and its words') FROM n;
DO $$ BEGIN PERFORM pg_temp.say(secret, 'answer-canary'), pg_temp.say(secret, 'reply-canary', false) FROM n; END $$;
UPDATE desk.ticket SET severity = 1, subject = 'secret-canary again', assignee = (SELECT id FROM desk.staff WHERE login = 'public-clerk') WHERE number = (SELECT secret FROM n);
UPDATE desk.ticket SET state = 'pending' WHERE number = (SELECT secret FROM n);
SELECT is(pg_temp.rows_of(secret), 0, 'nor after answers and changes') FROM n;
UPDATE desk.ticket SET consented_at = now() WHERE number = (SELECT secret FROM n);
SELECT is(pg_temp.rows_of(secret), 0, 'nor by consent alone') FROM n;
INSERT INTO desk.note (ticket, staff, body) SELECT v.number, s.id, 'note-canary' FROM n, LATERAL (VALUES (open), (secret)) v (number), desk.staff s WHERE s.login = 'public-clerk';
SELECT is(api.sla_check(1000) IS NOT NULL, true, 'slacheck comes by');
SELECT is(pg_temp.rows_of(secret), 0, 'nor by a broken promise') FROM n;

UPDATE desk.ticket SET visibility = 'public' WHERE number = (SELECT secret FROM n);
SELECT results_eq($$ SELECT body_html FROM desk.public_entry, n WHERE ticket = secret AND NOT is_change ORDER BY seq $$,
	ARRAY['<p>body of secret-canary</p>', '<p>answer-canary</p>', '<p>reply-canary</p>'], 'made public, its whole thread is seen');
SELECT results_eq($$ SELECT field FROM desk.public_entry, n WHERE ticket = secret AND is_change AND field = 'visibility' $$, ARRAY['visibility'], 'and that it was private');
SELECT results_eq($$ SELECT number = secret FROM desk.public_search, n WHERE words @@ desk.search_query('"answer canary"') $$, ARRAY[true], 'it is found');
UPDATE desk.ticket SET visibility = 'private' WHERE number IN (SELECT open FROM n UNION SELECT secret FROM n);
SELECT is(pg_temp.rows_of(open) + pg_temp.rows_of(secret), 0, 'made private, nothing of it is left') FROM n;
DO $$ BEGIN PERFORM pg_temp.say(open, 'more') FROM n; END $$;
SELECT is(pg_temp.rows_of(open), 0, 'and nothing comes back by itself') FROM n;
UPDATE desk.ticket SET visibility = 'public', consented_at = now() WHERE number = (SELECT open FROM n);
SELECT is((SELECT count(*)::int FROM desk.public_entry, n WHERE ticket = open AND NOT is_change), 2, 'to and fro doubles nothing');

-- what stays inside ------------------------------------------------------------------
SELECT is_empty($$ SELECT * FROM pg_temp.copies() WHERE row_text ~* 'note.?canary' $$, 'no note is ever public');
SELECT is_empty($$ SELECT * FROM pg_temp.copies() WHERE row_text ~* 'example.org' $$, 'no address');
SELECT is_empty($$ SELECT * FROM pg_temp.copies() WHERE row_text ~* 'tried.?canary' $$, 'nor what the requester had tried');
SELECT is_empty($$ SELECT * FROM desk.public_entry e WHERE e.is_change AND NOT desk.is_public_field(e.field) $$, 'nor a change of a field that is not for everybody');
INSERT INTO desk.ticket (subject, kind, severity, requester_name) VALUES (E'turn\u202e\x07ed', 'bug', 3, E'A\u202eB');
SELECT results_eq($$ SELECT subject, requester_name FROM desk.public_ticket WHERE subject LIKE 'turn%' $$, $$ VALUES ('turn␇ed', 'AB') $$, 'what is shown cannot deceive');

-- a long and mixed life, then: is every copy what a rebuild makes? -------------------
DO $$
DECLARE
	t int[];
	clerk int := (SELECT id FROM desk.staff WHERE login = 'public-clerk');
	one int := (SELECT id FROM desk.release WHERE product = 'public' AND version = '1');
	two int := (SELECT id FROM desk.release WHERE product = 'public' AND version = '2');
BEGIN
	SELECT array_agg(pg_temp.file('life ' || i) ORDER BY i) INTO t FROM generate_series(1, 12) i;
	PERFORM pg_temp.say(x, 'answer to ' || x) FROM unnest(t) x;
	UPDATE desk.ticket SET assignee = clerk, severity = 2, changed_by = 'staff:' || clerk WHERE number = t[1];
	UPDATE desk.ticket SET subject = 'life renamed', product = 'public', kind = 'feature' WHERE number = t[2];
	PERFORM pg_temp.say(t[2], 'after the new name'), pg_temp.say(t[2], 'the solution of it', true, true);
	UPDATE desk.ticket SET state = 'resolved', resolution = 'declined', reason = E'<b>no</b>', alternative = 'x' WHERE number = t[3];
	UPDATE desk.ticket SET state = 'fixed', release = one WHERE number = ANY (t[4:5]);
	UPDATE desk.ticket SET release = two WHERE number = t[6];
	UPDATE desk.ticket SET state = 'resolved', resolution = 'duplicate', duplicate_of = t[1] WHERE number = t[7];
	UPDATE desk.ticket SET hold = 'third-party', next_update_by = now() + interval '3 days' WHERE number = t[8];
	UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = t[9];
	PERFORM pg_temp.say(t[9], 'no, it is not', false);
	UPDATE desk.ticket SET me_toos = me_toos + 5 WHERE number = t[10];
	UPDATE desk.ticket SET visibility = 'private' WHERE number = ANY (t[11:12]);
	UPDATE desk.ticket SET visibility = 'public', consented_at = now() WHERE number = t[12];
	PERFORM pg_temp.say(t[12], 'seen again');
	UPDATE desk.release SET released_at = now() WHERE id = one;
	INSERT INTO desk.ticket (subject, kind, severity, filed_at) VALUES ('life late', 'outage', 1, now() - interval '5 hours');
	PERFORM api.sla_check(1000);
END
$$;
CREATE TEMP TABLE kept AS SELECT * FROM pg_temp.copies();
SELECT cmp_ok((SELECT count(*)::int FROM kept), '>', 40, 'there is something to compare');
DO $$ BEGIN PERFORM pg_temp.rebuild(); END $$;
SELECT is_empty('SELECT * FROM kept EXCEPT SELECT * FROM pg_temp.copies()', 'no public copy holds what a rebuild would not make');
SELECT is_empty('SELECT * FROM pg_temp.copies() EXCEPT SELECT * FROM kept', 'and none lacks what it would');
SELECT is_empty($$ SELECT number FROM desk.ticket t WHERE (visibility = 'public') <> EXISTS (SELECT FROM desk.public_ticket p WHERE p.number = t.number) $$,
	'public tickets have a copy and private ones do not');

UPDATE desk.kind SET label = 'Defect' WHERE name = 'bug';
UPDATE desk.severity SET name = 'Slight' WHERE level = 3;
UPDATE desk.state SET label = 'Done with' WHERE name = 'resolved';
UPDATE desk.staff SET name = 'Renamed' WHERE login = 'public-clerk';
SELECT is_empty($$ SELECT number FROM desk.public_ticket WHERE (kind_label = 'Defect') <> (kind = 'bug')
	OR (severity_name = 'Slight') <> (severity = 3) OR (state_label = 'Done with') <> solved OR assignee = 'Clerk' $$,
	'new words of the vocabulary reach every copy');

-- similar tickets on a desk with three of them, whose statistics are fresh:
-- every word of them is in a third of all
DELETE FROM desk.public_ticket;
INSERT INTO desk.ticket (subject, kind, severity) VALUES ('The printer prints green', 'bug', 3), ('Cellar door creaks', 'bug', 3), ('No coffee', 'bug', 4);
INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'x', filed_at FROM desk.ticket WHERE subject IN ('The printer prints green', 'Cellar door creaks', 'No coffee');
ANALYZE desk.public_search;
SELECT is((SELECT t.subject FROM desk.similar('The printer prints all green', 5) s JOIN desk.ticket t USING (number)), 'The printer prints green',
	'a word that is common only since the desk is small finds what is similar');

SELECT * FROM finish();
ROLLBACK;
