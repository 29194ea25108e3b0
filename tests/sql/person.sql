-- What the desk knows of a person, handed out and forgotten.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

\ir ../lib/holds.sql
-- every report as text, but for the lists of changes and deliveries, where
-- it stands that something was taken out and that mail was dropped
CREATE FUNCTION pg_temp.figures() RETURNS TABLE (view text, figures text) LANGUAGE plpgsql AS $$
BEGIN
	FOR view IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v' AND c.relname NOT IN ('change', 'delivery', 'undelivered') ORDER BY 1 LOOP
		EXECUTE format('SELECT string_agg(x::text, E''\n'' ORDER BY x::text) FROM report.%I x', view) INTO figures;
		RETURN NEXT;
	END LOOP;
END
$$;

INSERT INTO desk.staff (login, name) VALUES ('ann', 'Ann Clerk');
CREATE TEMP TABLE p AS SELECT desk.person_of('Mia.Canary@Home.Example') AS mia, desk.person_of('uli@home.example') AS uli;
CREATE FUNCTION pg_temp.ticket(v text, whose int, named text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int;
BEGIN
	INSERT INTO desk.ticket (subject, kind, severity, visibility, requester, requester_name, tried, filed_at)
	VALUES ('It fails', 'bug', 2, v, whose, named, 'I, ' || named || ', tried', now() - interval '2 days') RETURNING number INTO n;
	INSERT INTO desk.message (ticket, author, name, body, posted_at) SELECT n, 'requester', named, 'Write to mia.canary@home.example, yours ' || named, filed_at FROM desk.ticket WHERE number = n;
	INSERT INTO desk.follower (ticket, person, confirmed_at) VALUES (n, whose, now()) ON CONFLICT DO NOTHING;
	INSERT INTO desk.link (token_sha256, ticket, purpose) VALUES (sha256(convert_to('receipt ' || n, 'UTF8')), n, 'requester');
	PERFORM desk.link_make(n, whose, 'requester');
	INSERT INTO desk.message (ticket, author, staff, name, body) SELECT n, 'staff', id, name, 'Dear ' || named || ', thank you' FROM desk.staff WHERE login = 'ann';
	INSERT INTO desk.note (ticket, staff, body) SELECT n, id, 'mia.canary@home.example called' FROM desk.staff WHERE login = 'ann';
	RETURN n;
END
$$;
UPDATE desk.person SET proven_at = now() WHERE id IN (SELECT mia FROM p UNION SELECT uli FROM p);
CREATE TEMP TABLE t AS SELECT pg_temp.ticket('public', mia, 'Mia Canaria') AS open, pg_temp.ticket('private', mia, 'Mia Canaria') AS closed, pg_temp.ticket('public', uli, 'Uli') AS other FROM p;
INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT other, mia, now() FROM t, p;
UPDATE desk.ticket SET requester_name = 'Mia C. Canaria', changed_by = 'requester' FROM t WHERE number = t.closed;
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' FROM t WHERE number = t.open;
INSERT INTO desk.limit_count SELECT 'mail-address', mia::text, now(), 2 FROM p;
UPDATE desk.outbox SET sent_at = now() WHERE id = (SELECT min(id) FROM desk.outbox, p WHERE person = p.mia);
INSERT INTO desk.delivery (outbox, way, attempt, outcome, said) SELECT min(id), 'mail', 1, 'sent', '250 ok <mia.canary@home.example>' FROM desk.outbox, p WHERE person = p.mia;
DO $$ BEGIN PERFORM desk.sla_check(1000); PERFORM desk.record_renew(NULL); EXCEPTION WHEN undefined_function THEN NULL; END $$;

-- Handed out ------------------------------------------------------------------

CREATE TEMP TABLE got AS SELECT x.* FROM p, desk.person_export(p.mia) x;
SELECT results_eq($$ SELECT path FROM got ORDER BY path $$,
	$$ SELECT unnest(ARRAY['README.txt', 'person.json', format('tickets/%s/thread.txt', open), format('tickets/%s/ticket.json', open),
		format('tickets/%s/thread.txt', closed), format('tickets/%s/ticket.json', closed)]) FROM t ORDER BY 1 $$, 'everything of theirs, private reports as well, and nothing of others');
SELECT is_empty($$ SELECT path FROM got WHERE content ~ 'called' $$, 'notes of staff stay out');
SELECT isnt_empty($$ SELECT path FROM got WHERE path LIKE '%thread.txt' AND content ~ 'Dear Mia Canaria, thank you' $$, 'what we wrote to them is in it');
SELECT is((SELECT (content::jsonb -> 'follows')::text ~ (SELECT other::text FROM t) FROM got WHERE path = 'person.json'), true, 'what they follow, too');
SELECT is_empty($$ SELECT path FROM got WHERE content ~ '\{URL\}|/r/' $$, 'no secret link is');
SELECT is((SELECT bool_and(size = octet_length(content)) FROM got), true, 'each part knows its size');
SELECT is((SELECT count(*) FROM desk.export, p WHERE person = p.mia), 1::bigint, 'that it was handed out is noted');
SELECT throws_ok($$ SELECT * FROM desk.person_export(99999999) $$, 'PT404', NULL, 'nobody is nobody');

-- Forgotten --------------------------------------------------------------------

SELECT cmp_ok((SELECT count(*)::int FROM pg_temp.holds('mia.canary@home')), '>=', 7, 'an address gets into many places');
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.figures();
SELECT throws_ok($$ SELECT desk.person_erase(mia, 'as MIA.canary@home.example asked') FROM p $$, 'PT409', NULL, 'a reason with the address in it is refused');
SELECT lives_ok($$ SELECT desk.person_erase(mia, 'asked by mail') FROM p $$, 'a person is forgotten');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('mia.canary@home') $$, 'the address is nowhere, however it was written');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('canaria') $$, 'nor is the name');
SELECT results_eq($$ SELECT * FROM pg_temp.figures() ORDER BY view $$, $$ SELECT * FROM before ORDER BY view $$, 'every figure of every report is the same to the byte');
SELECT is((SELECT count(*) FROM desk.ticket, p WHERE requester = p.mia), 2::bigint, 'the reports are there, and are still of one person');
SELECT is((SELECT count(*) FROM desk.link l, t WHERE l.ticket IN (t.open, t.closed) AND l.revoked_at IS NULL AND l.purpose = 'requester'), 0::bigint, 'their links end');
SELECT is((SELECT count(*) FROM desk.link l, t WHERE l.ticket = t.other AND l.revoked_at IS NULL AND l.purpose = 'requester' AND l.person IS DISTINCT FROM (SELECT mia FROM p)),
	(SELECT count(*) FROM desk.link l, t WHERE l.ticket = t.other AND l.purpose = 'requester' AND l.person IS DISTINCT FROM (SELECT mia FROM p)), 'and nobody else''s');
SELECT is((SELECT count(*) FROM desk.follower, p WHERE person = p.mia AND stopped_at IS NULL), 0::bigint, 'they follow nothing');
SELECT is((SELECT count(*) FROM desk.outbox, p WHERE person = p.mia AND sent_at IS NULL AND failed_at IS NULL), 0::bigint, 'no mail goes to them');
SELECT is((SELECT count(*) FROM desk.limit_count, p WHERE subject = p.mia::text), 0::bigint, 'they are not counted');
SELECT matches((SELECT e.body_html FROM desk.public_entry e, t WHERE e.ticket = t.open AND e.is_staff AND NOT e.is_change), 'Dear \[removed\], thank you', 'the rest of what was said stays');
SELECT is((SELECT e.name FROM desk.public_entry e, t WHERE e.ticket = t.open AND NOT e.is_staff AND NOT e.is_change), 'Requester', 'by a requester without a name');
SELECT is((SELECT m.name FROM desk.message m, t WHERE m.ticket = t.other AND m.author = 'requester'), 'Uli', 'somebody else keeps theirs');
SELECT results_eq($$ SELECT kind, reason, staff FROM desk.redaction r, p WHERE r.person = p.mia $$, $$ VALUES ('person', 'asked by mail', NULL::int) $$, 'why it was done is kept');
SELECT throws_ok($$ SELECT desk.person_erase(mia, 'again') FROM p $$, 'PT404', NULL, 'it is done once');
SELECT isnt((SELECT desk.person_of('mia.canary@home.example')), (SELECT mia FROM p), 'who writes again is somebody new');

-- In every place of a ticket that is not theirs -----------------------------------

INSERT INTO desk.hook (name, kind, events) VALUES ('listener', 'webhook', ARRAY['*']);
CREATE FUNCTION pg_temp.fill(s text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int;
	w int := (SELECT id FROM desk.staff WHERE login = 'ann');
BEGIN
	INSERT INTO desk.ticket (subject, kind, severity, visibility, tried, requester, requester_name, filed_at)
	VALUES ('It fails for ' || s, 'bug', 1, 'public', 'I tried ' || s, (SELECT uli FROM p), s, now() - interval '3 hours') RETURNING number INTO n;
	INSERT INTO desk.answer VALUES (n, 1, 'Which, ' || s || '?', 'The one of ' || s);
	INSERT INTO desk.message (ticket, author, name, body, posted_at) SELECT n, 'requester', s, 'From ' || s, filed_at FROM desk.ticket WHERE number = n;
	UPDATE desk.ticket SET production_down = true WHERE number = n;
	PERFORM desk.sla_check(1000);
	INSERT INTO desk.breach_reason (clock, reason) SELECT min(id), 'Because of ' || s FROM desk.clock WHERE ticket = n;
	INSERT INTO desk.note (ticket, staff, body) VALUES (n, w, 'They are ' || s);
	INSERT INTO desk.action (ticket, staff, what, why, approval) VALUES (n, w, 'userdel ' || s, 'for ' || s, 'by ' || s);
	INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256('x'), 1, true) ON CONFLICT DO NOTHING;
	INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT n, min(id), 1, s || '.txt', 'text/plain', 1, sha256('x') FROM desk.message WHERE ticket = n;
	INSERT INTO desk.private_reason (ticket, reason, words) VALUES (n, 'other', 'It is about ' || s);
	UPDATE desk.page SET resolved_at = now(), resolved_why = 'for ' || s WHERE id IN (SELECT page FROM desk.page_report WHERE ticket = n);
	UPDATE desk.page SET justified = true, judged_at = now(), verdict = 'It was ' || s WHERE id IN (SELECT page FROM desk.page_report WHERE ticket = n);
	INSERT INTO desk.message (ticket, author, staff, name, body) VALUES (n, 'staff', w, 'Ann Clerk', 'Dear ' || s);
	UPDATE desk.ticket SET subject = 'It does fail for ' || s, state = 'resolved', resolution = 'declined', reason = 'No, ' || s, alternative = 'Not ' || s WHERE number = n;
	INSERT INTO desk.outbox (kind, ticket, staff, subject, body, payload, said) VALUES ('alarm', n, w, 'For ' || s, 'Of ' || s, jsonb_build_object('x', E'\n' || s), 'no ' || s),
		('alarm', NULL, w, 'For ' || s, 'Of ' || s, NULL, 'no ' || s), ('list', NULL, w, 'Open', format(E'  #%s  S1  new  It fails for %s\n', n, s), NULL, NULL);
	INSERT INTO desk.delivery (outbox, way, attempt, outcome, said) SELECT id, 'mail', 1, 'refused', '550 ' || s FROM desk.outbox WHERE subject = 'For ' || s;
	-- of a mail that is forgotten already
	INSERT INTO desk.delivery (outbox, way, attempt, outcome, said) VALUES (2000000000, 'mail', 1, 'refused', '550 ' || s);
	INSERT INTO desk.delivery_pause (way, since, tries, tried_at, until, said) VALUES ('mail', now(), 1, now(), now(), '421 ' || s);
	RETURN n;
END
$$;
CREATE TEMP TABLE q AS SELECT desk.person_of('rob.roe@home.example') AS rob;
CREATE TEMP TABLE far AS SELECT pg_temp.fill('Rob.Roe@home.example') AS n;
SELECT is_empty($$ SELECT 'desk.' || p.relation || '.' || f FROM desk.text_places() p, unnest(p.fields) f EXCEPT SELECT * FROM pg_temp.holds('rob.roe@home') $$,
	'somebody''s address stands in every place that the desk knows, of a report of somebody else');
UPDATE desk.outbox SET owner = 7 WHERE id = (SELECT min(id) FROM desk.outbox WHERE ticket = (SELECT n FROM far));
SELECT lives_ok($$ SELECT desk.person_erase(rob, 'asked by mail') FROM q $$, 'they are forgotten');
SELECT is_empty($$ SELECT * FROM pg_temp.holds('rob.roe@home') $$, 'then it is nowhere');
SELECT is((SELECT a.what || ', ' || a.approval FROM desk.action a, far WHERE a.ticket = n), 'userdel [removed], by [removed]', 'what stands around it stays');
SELECT is((SELECT count(*) FROM desk.attachment a, far WHERE a.ticket = n), 1::bigint, 'with the file of somebody else');

-- A name is a word
CREATE TEMP TABLE k AS SELECT desk.person_of('ann@home.example') AS ann;
INSERT INTO desk.ticket (subject, kind, severity, visibility, requester, requester_name) SELECT 'Ann: ' || rpad('annual ', 195, 'y'), 'bug', 2, 'public', ann, 'Ann' FROM k;
INSERT INTO desk.message (ticket, author, name, body) SELECT number, 'requester', 'Ann', E'Planning of the annual channel, by Ann.\nANN_X is set, ann is me, joann@home.example and ann@home.example are not; \\nann=3Dann' FROM desk.ticket, k WHERE requester = ann;
INSERT INTO desk.outbox (kind, person, ticket, subject, body, owner) SELECT 'message', ann, number, 's', 'b', 7 FROM desk.ticket, k WHERE requester = ann;
SELECT lives_ok($$ SELECT desk.person_erase(ann, 'asked by mail') FROM k $$, 'a short name at the start of a subject that is as long as can be stops nothing');
SELECT is((SELECT m.body FROM desk.message m JOIN desk.ticket t ON t.number = m.ticket, k WHERE t.requester = ann),
	E'Planning of the annual channel, by [removed].\nANN_X is set, [removed] is me, joann@home.example and [removed] are not; \\n[removed]=3D[removed]', 'other words that hold the name stay whole');

-- Afterwards
CREATE TEMP TABLE late AS SELECT o.id FROM desk.outbox o, k WHERE o.person = ann AND o.kind = 'message';
SELECT is(api.outbox_report(7, id, 'down', 550, '550 <ann@home.example> is not here', 3), 'late', 'a mail that was on its way comes too late') FROM late;
SELECT is_empty($$ SELECT * FROM pg_temp.holds('<ann@home') $$, 'and its server''s answer brings the address back nowhere');
SELECT is(api.outbox_replay(id), false, 'it is not sent again') FROM late;
SELECT lives_ok($$ SELECT desk.mail_unproven('receipt', t.number, ann) FROM desk.ticket t, k WHERE t.requester = ann $$, 'a receipt that comes to be written after that');
SELECT lives_ok($$ SELECT desk.withhold(t.number, 'ours', s.id) FROM desk.ticket t, k, desk.staff s WHERE t.requester = ann AND s.login = 'ann' $$, 'and a report that is withheld later');
SELECT is_empty($$ SELECT o.kind FROM desk.outbox o JOIN desk.person x ON x.id = o.person WHERE x.erased_at IS NOT NULL AND o.sent_at IS NULL AND o.failed_at IS NULL $$,
	'write no mail to nobody');

SELECT * FROM finish();
ROLLBACK;
