-- Files: whole or not at all, each content once, and for whom they are.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.key(n int) RETURNS text LANGUAGE sql AS $$ SELECT encode(sha256(convert_to('form ' || n, 'UTF8')), 'hex') $$;
-- a file as a program sends it: in pieces
CREATE FUNCTION pg_temp.send(form int, name text, content bytea, type text DEFAULT 'text/plain', field text DEFAULT 'file', said_hash text DEFAULT NULL, most_bytes bigint DEFAULT 26214400) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	word text;	-- one for each piece
BEGIN
	FOR i IN 0 .. greatest(0, (length(content) - 1) / 65536) LOOP
		word := concat(word, CASE WHEN i > 0 THEN ' ' END, api.submit_upload(pg_temp.key(form), field, name, type, length(content), coalesce(said_hash, encode(sha256(content), 'hex')), most_bytes, i,
			substr(content, i * 65536 + 1, 65536)));
	END LOOP;
	RETURN word;
END
$$;
CREATE FUNCTION pg_temp.bytes(n int, what text DEFAULT 'x') RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(repeat(what, n), 'UTF8') $$;
CREATE FUNCTION pg_temp.report(form int, visibility text DEFAULT 'public', subject text DEFAULT 'A report with files', body text DEFAULT 'see', not_security boolean DEFAULT false) RETURNS TABLE (outcome text, field text, words text, number int) LANGUAGE sql AS $$
	SELECT * FROM api.submit(pg_temp.key(form), 'link ' || form, encode(sha256('visitor'), 'hex'), 'bug', subject, body, NULL, 0, '3', NULL, 'no', NULL,
		ARRAY[NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL]::text[], visibility, NULL, NULL, false, not_security, true, NULL, private_why => 'secret')
$$;

-- pieces -------------------------------------------------------------------
SELECT lives_ok($$ SELECT pg_temp.send(1, 'two.log', pg_temp.bytes(100000)) $$, 'a file comes in pieces');
SELECT results_eq('SELECT name, size, got, whole FROM desk.upload', $$ VALUES ('two.log', 100000, 100000, true) $$, 'and is whole');
SELECT is((SELECT count(*)::int FROM desk.blob_chunk), 2, 'in pieces of 64 KiB');
SELECT lives_ok($$ SELECT pg_temp.send(1, 'two.log', pg_temp.bytes(100000)) $$, 'the same again');
SELECT is((SELECT count(*)::int FROM desk.upload), 1, 'is the same');
SELECT lives_ok($$ SELECT pg_temp.send(1, 'other.log', pg_temp.bytes(100000)); SELECT pg_temp.send(2, 'two.log', pg_temp.bytes(100000)); SELECT pg_temp.send(1, 'none', '') $$, 'under another name, for another form, and an empty one');
SELECT results_eq('SELECT size, whole FROM desk.blob ORDER BY size', $$ VALUES (0, true), (100000, true) $$, 'the content is stored once');
SELECT throws_ok($$ SELECT pg_temp.send(3, 'x', pg_temp.bytes(10), said_hash => encode(sha256('other'), 'hex')) $$, 'PT409', NULL, 'a content must fit its hash');
SELECT throws_ok($$ SELECT pg_temp.send(3, 'stolen', pg_temp.bytes(100000, 'y'), said_hash => encode(sha256(pg_temp.bytes(100000)), 'hex')) $$, 'PT409', NULL,
	'who has a hash but not the content gets nothing by it');
SELECT throws_ok(format($$ SELECT api.submit_upload(pg_temp.key(3), 'file', 'x', 'text/plain', 100000, %L, 1000000, %s, pg_temp.bytes(%s)) $$, encode(sha256(pg_temp.bytes(100000)), 'hex'), seq, n), 'PT409', NULL, what)
FROM (VALUES (0, 65535, 'no piece that is too short'), (0, 65537, 'or too long')) v (seq, n, what);
SELECT is(api.submit_upload(pg_temp.key(3), 'file', 'x', 'text/plain', 100000, encode(sha256(pg_temp.bytes(100000)), 'hex'), 1000000, 1, pg_temp.bytes(34464)), NULL, 'no piece before the first');
SELECT throws_ok($$ SELECT api.submit_upload(pg_temp.key(3), 'other', 'x', 'text/plain', 1, encode(sha256('x'), 'hex'), 1000000, 0, 'x') $$, '23514', NULL, 'no field of another name');
SELECT is((SELECT count(*)::int FROM desk.upload WHERE key_sha256 = decode(pg_temp.key(3), 'hex')), 0, 'nothing of these is kept');
-- what a program left that broke off
INSERT INTO desk.blob (sha256, size) VALUES (sha256('half'), 400000);
INSERT INTO desk.blob_chunk VALUES (sha256('half'), 0, 'rubbish');
SELECT lives_ok($$ SELECT pg_temp.send(4, 'half', 'half') $$, 'half a content is not in the way');
SELECT results_eq($$ SELECT b.size, b.whole, c.bytes FROM desk.blob b JOIN desk.blob_chunk c USING (sha256) WHERE sha256 = sha256('half') $$, $$ VALUES (4, true, 'half'::bytea) $$, 'and not believed');
SELECT is((SELECT string_agg(DISTINCT pg_temp.send(5, 'n' || i, convert_to('n' || i, 'UTF8')), ' ') FROM generate_series(1, 20) i), 'go', 'twenty files of a form are kept');
SELECT is(btrim(pg_temp.send(5, 'n21', pg_temp.bytes(100000, '21'))), 'many', 'a form has an end, whatever was said before: one more is not');
SELECT is(pg_temp.send(5, 'n20', 'n20'), 'go', 'one that is kept already is not one more');
SELECT is(pg_temp.send(5, 'other', 'n20'), 'many', 'unless it has another name');
SELECT is(pg_temp.send(10, 'a', pg_temp.bytes(60), most_bytes => 100) || ' ' || pg_temp.send(10, 'b', pg_temp.bytes(41), most_bytes => 100) || ' ' || pg_temp.send(10, 'c', pg_temp.bytes(40), most_bytes => 100),
	'go large go', 'nor are more bytes than go along');
SELECT results_eq('SELECT name, size FROM desk.upload WHERE key_sha256 = decode(pg_temp.key(10), $$hex$$) ORDER BY place', $$ VALUES ('a', 60), ('c', 40) $$, 'what is not kept leaves nothing');
SELECT is((SELECT count(*)::int FROM desk.blob WHERE sha256 IN (sha256(pg_temp.bytes(41)), sha256(pg_temp.bytes(100000, '21')))), 0, '... also not its content');

-- what may be kept -----------------------------------------------------------
CREATE FUNCTION pg_temp.may(form int, hashes text[], sizes bigint[], most int, most_bytes bigint, visitor text DEFAULT NULL, names text[] DEFAULT NULL, field text DEFAULT 'file') RETURNS text LANGUAGE sql AS $$
	SELECT array_to_string(ARRAY(SELECT desk.upload_check(pg_temp.key(form), array_fill(field, ARRAY[cardinality(hashes)]), coalesce(names, hashes), hashes, sizes, most, most_bytes, visitor)), ' ')
$$;
SELECT is(pg_temp.may(1, ARRAY[encode(sha256('new'), 'hex')], ARRAY[10], most, most_bytes), outcome, what)
FROM (VALUES (4, 1000000, 'go', 'three files are kept, a fourth fits'), (3, 1000000, 'many', 'or not, where three are the most'), (4, 200005, 'large', 'or where all are too large')) v (most, most_bytes, outcome, what);
SELECT is(pg_temp.may(1, ARRAY[encode(sha256(pg_temp.bytes(100000)), 'hex')], ARRAY[100000], most, most_bytes, names => ARRAY[name], field => field), outcome, what)
FROM (VALUES ('two.log', 'file', 3, 200000, 'go', 'one that is kept already counts once'), ('third.log', 'file', 3, 300000, 'many', 'under another name it is another file'),
	('two.log', 'sealed_file', 3, 300000, 'many', 'and so it is in another field'), ('third.log', 'file', 4, 200000, 'large', 'with bytes of its own')) v (name, field, most, most_bytes, outcome, what);
SELECT is(pg_temp.may(9, ARRAY['a', 'a', 'a'], ARRAY[60, 60, 60], 20, 100, names => ARRAY['one', 'one', 'other']), 'go go large', 'the same holds for files that come together');
SELECT is(pg_temp.may(9, '{}', '{}', 20, 100), '', 'of no file nothing is said');
-- one form that was sent twice at once: both were asked for before either came
SELECT is(pg_temp.may(11, ARRAY['a', 'b'], ARRAY[1, 1], 20, 100) || ' ' || pg_temp.may(11, ARRAY['c'], ARRAY[1], 20, 2), 'go go go', 'what was promised twice');
SELECT is(pg_temp.send(11, 'a', 'a') || ' ' || pg_temp.send(11, 'b', 'b', most_bytes => 2) || ' ' || pg_temp.send(11, 'c', 'c', most_bytes => 2), 'go go large', 'is kept once');
SELECT is(pg_temp.may(9, ARRAY['a', 'b', 'c', 'd'], ARRAY[60, 50, 30, 10], 3, 100), 'go large go go', 'what fits is kept, in its order');
SELECT is(pg_temp.may(9, ARRAY['a', 'b', 'c'], ARRAY[1, 1, 1], 2, 100), 'go go many', 'the first ones are, where there are too many');
UPDATE desk.limiter SET most = 3 WHERE name = 'upload';
SELECT is(pg_temp.may(9, ARRAY['a', 'b'], ARRAY[1, 1], 20, 100, 'somebody'), 'go go', 'files are counted by visitor');
SELECT is(pg_temp.may(9, ARRAY['a', 'b'], ARRAY[1, 1], 20, 100, 'somebody'), 'go limited', 'and limited');
SELECT is(pg_temp.may(9, ARRAY['a', 'b'], ARRAY[1, 1], 20, 100), 'go go', 'but for staff');

UPDATE desk.limiter SET most = 3 WHERE name = 'upload-mib';
SELECT is(pg_temp.may(9, ARRAY['a', 'b'], ARRAY[2000000, 97153], 20, 10000000, 'another'), 'go go', 'what they hold is counted as well, all together in MiB');
SELECT is(pg_temp.may(9, ARRAY['a'], ARRAY[1], 20, 10000000, 'another'), 'limited', 'and limited');
UPDATE desk.limiter SET most = 1 WHERE name = 'upload-waiting';
SELECT is(pg_temp.may(9, ARRAY['a', 'b'], ARRAY[1048576, 1], 20, 10000000, 'a third'), 'full go', 'and all that waits has a ceiling');
SELECT is(pg_temp.may(9, ARRAY['a'], ARRAY[1048576], 20, 10000000), 'go', 'but for staff');
SELECT throws_ok(format($$ SELECT pg_temp.send(8, %L, 'x', %L) $$, name, type), '23514', NULL, format('what could not be attached does not wait: %s', what))
FROM (VALUES (repeat('x', 201), 'text/plain', 'a long name'), ('a/b', 'text/plain', 'a path'), ('x', 'html', 'no type')) v (name, type, what);

-- with a report --------------------------------------------------------------
CREATE TEMP TABLE t AS SELECT number FROM pg_temp.report(1);
SELECT results_eq($$ SELECT a.place::int, a.name, a.size, a.message = m.id, a.is_image FROM desk.attachment a JOIN t ON a.ticket = t.number JOIN desk.message m ON m.ticket = t.number ORDER BY a.place $$,
	$$ VALUES (1, 'two.log', 100000, true, false), (2, 'other.log', 100000, true, false), (3, 'none', 0, true, false) $$, 'kept files become those of the report');
SELECT results_eq('SELECT name, size FROM desk.public_attachment ORDER BY place', $$ VALUES ('two.log', 100000), ('other.log', 100000), ('none', 0) $$, 'everybody sees those of a public one');
SELECT is((SELECT count(*)::int FROM desk.upload WHERE key_sha256 = decode(pg_temp.key(1), 'hex')), 0, 'and nothing waits any more');
SELECT results_eq('SELECT outcome, number FROM pg_temp.report(1)', $$ SELECT 'filed', number FROM t $$, 'sent again without files it is the same report');
SELECT pg_temp.send(1, 'none', '');
SELECT results_eq('SELECT outcome, number FROM pg_temp.report(1)', $$ SELECT 'filed', number FROM t $$, 'and with a file that it has');
SELECT pg_temp.send(1, 'more', 'more');
SELECT results_eq('SELECT outcome, number FROM pg_temp.report(1)', $$ SELECT 'other', number FROM t $$, 'with another file it is another');
SELECT is((SELECT count(*)::int FROM desk.attachment), 3, 'whose file is not added behind anybody''s back');
SELECT is((SELECT count(*)::int FROM desk.upload WHERE key_sha256 = decode(pg_temp.key(1), 'hex')), 0, 'nor kept');
SELECT is((SELECT count(*)::int FROM desk.blob WHERE sha256 = sha256('more')), 0, 'nor its content');

-- while it may be a security hole
SELECT pg_temp.send(6, 'early.txt', 'early');
SELECT is(api.submit_file_check(pg_temp.key(6), 'v', ARRAY['file'], ARRAY['a'], ARRAY['a'], ARRAY[1], 20, 100, 'An SQL injection', 'here', false), 'ask', 'no file is taken while the question is open');
SELECT is(api.submit_file_check(pg_temp.key(6), 'v', ARRAY['file'], ARRAY['a'], ARRAY['a'], ARRAY[1], 20, 100, 'An SQL injection', 'here', true), 'go', 'but after it');
SELECT results_eq($$ SELECT outcome, field, words FROM pg_temp.report(6, subject => 'An SQL injection') $$, $$ VALUES ('security', 'file', 'early.txt') $$, 'what was kept before is named');
SELECT is((SELECT count(*)::int FROM desk.blob WHERE sha256 = sha256('early')), 0, 'and forgotten');

-- whose it is ------------------------------------------------------------------
SELECT pg_temp.send(7, 'secret.png', 'secret', 'image/png');
CREATE TEMP TABLE p AS SELECT number, (SELECT id FROM desk.attachment a WHERE a.ticket = number) AS file FROM pg_temp.report(7, 'private');
UPDATE p SET file = (SELECT id FROM desk.attachment a WHERE a.ticket = p.number);
SELECT is((SELECT is_image FROM desk.attachment JOIN p ON id = file), true, 'a picture is one by its type');
SELECT is((SELECT count(*)::int FROM desk.public_attachment JOIN p ON ticket = number), 0, 'a private ticket''s file has no public copy');
SELECT is(api.public_file_piece(number, file, 0), NULL, 'nor a public piece') FROM p;
SELECT is(convert_from(api.ticket_mine_file_piece('link 7', number, file, 0), 'UTF8'), 'secret', 'its requester has it') FROM p;
SELECT throws_ok(format($$ SELECT api.ticket_mine_file_piece('link 1', %s, %s, 0) $$, number, file), 'PT404', NULL, 'another link does not open it') FROM p;
SELECT is(api.ticket_mine_file_piece('link 1', t.number, p.file, 0), NULL, 'not even under its own ticket') FROM p, t;
SELECT is(api.public_file_piece(t.number, p.file, 0), NULL, 'nor does a public ticket') FROM p, t;
SELECT is(length(api.public_file_piece(number, (SELECT min(id) FROM desk.public_attachment), 1)), 34464, 'a public file is there in pieces') FROM t;
UPDATE desk.ticket SET visibility = 'private' WHERE number = (SELECT number FROM t);
SELECT is((SELECT count(*)::int FROM desk.public_attachment), 0, 'a ticket that becomes private takes its files along');
UPDATE desk.ticket SET visibility = 'public', consented_at = now() WHERE number IN (SELECT number FROM t UNION SELECT number FROM p);
SELECT results_eq('SELECT name FROM desk.public_attachment ORDER BY id', $$ VALUES ('two.log'), ('other.log'), ('none'), ('secret.png') $$, 'and one that becomes public shows them');

-- staff
INSERT INTO desk.staff (login, name) VALUES ('file-staff', 'Files');
INSERT INTO desk.session (token_sha256, staff, network, agent) SELECT sha256('file token'), id, '', '' FROM desk.staff WHERE login = 'file-staff';
SELECT api.staff_upload('file token', pg_temp.key(20), 'file', 'internal.txt', 'text/plain', 8, encode(sha256('internal'), 'hex'), 1000, 0, 'internal');
SELECT is((SELECT outcome FROM t, LATERAL api.staff_note('file token', number, (SELECT version FROM desk.ticket k WHERE k.number = t.number), pg_temp.key(20), 'note', NULL, 0, pg_temp.key(20))), 'done', 'a note with a file');
SELECT is((SELECT count(*)::int FROM desk.public_attachment WHERE name = 'internal.txt'), 0, 'has no public copy');
SELECT is((SELECT count(*)::int FROM t, LATERAL api.ticket_mine_files('link 1', number) WHERE file_name = 'internal.txt'), 0, 'its requester does not see it');
SELECT is(api.ticket_mine_file_piece('link 1', number, (SELECT id FROM desk.attachment WHERE name = 'internal.txt'), 0), NULL, 'nor get it') FROM t;
SELECT is((SELECT entry FROM t, LATERAL api.staff_files('file token', number) WHERE file_name = 'internal.txt'), (SELECT 'n' || max(id) FROM desk.note), 'staff see it beside its note');
SELECT throws_ok($$ SELECT * FROM api.staff_files('no token', 1) $$, 'PT401', NULL, 'staff are signed in');
SELECT throws_ok($$ SELECT api.staff_file_piece('no token', 1, 1, 0) $$, 'PT401', NULL, 'for every piece');

-- mail
INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT number, desk.person_of('files@example.org'), now() FROM t;
UPDATE desk.person SET proven_at = now() WHERE mail = 'files@example.org';
SELECT api.staff_upload('file token', pg_temp.key(21), 'file', 'how-to.pdf', 'application/pdf', 7, encode(sha256('canary!'), 'hex'), 1000, 0, 'canary!');
SELECT is((SELECT outcome FROM t, LATERAL api.staff_reply('file token', number, (SELECT version FROM desk.ticket k WHERE k.number = t.number), pg_temp.key(21), 'Read this', NULL, 0, false, false, NULL, NULL, pg_temp.key(21))), 'done', 'an answer with a file');
SELECT matches((SELECT body FROM desk.outbox WHERE kind = 'message' AND subject ~ 'an answer' ORDER BY id DESC LIMIT 1), 'Read this\n\nAttached, to be read there: how-to.pdf\n\nRead', 'the mail names it');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE body ~ 'canary!'), 0, 'and holds none of it');
SELECT is((SELECT left(body, foot_at) FROM desk.outbox WHERE kind = 'message' AND subject ~ 'an answer' ORDER BY id DESC LIMIT 1), E'Read this\n\nAttached, to be read there: how-to.pdf\n\n', 'where a private ticket''s words are cut off');
UPDATE desk.ticket SET visibility = 'private' WHERE number = (SELECT number FROM t);
UPDATE desk.ticket SET requester = desk.person_of('files@example.org') WHERE number = (SELECT number FROM t);
SELECT api.staff_upload('file token', pg_temp.key(22), 'file', 'canary-name.pdf', 'application/pdf', 3, encode(sha256('now'), 'hex'), 1000, 0, 'now');
SELECT is((SELECT outcome FROM t, LATERAL api.staff_reply('file token', number, (SELECT version FROM desk.ticket k WHERE k.number = t.number), pg_temp.key(22), '', NULL, 0, false, false, NULL, NULL, pg_temp.key(22))), 'done', 'an answer that is nothing but a file');
SELECT is((SELECT count(*)::int FROM desk.outbox WHERE body ~ 'canary-name|how-to'), 0, 'no mail names the files of a private ticket, not even one that waited');
SELECT is((SELECT outcome FROM t, LATERAL api.staff_reply('file token', number, (SELECT version FROM desk.ticket k WHERE k.number = t.number), pg_temp.key(23), '', NULL, 0, false, false, NULL, NULL, pg_temp.key(23))), 'refused', 'without a file an answer has words');

-- gone -------------------------------------------------------------------------
SELECT throws_ok($$ UPDATE desk.attachment SET name = 'x' $$, 'PT409', NULL, 'an attachment does not change');
SELECT throws_ok($$ INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT number, (SELECT min(id) FROM desk.message), 1, 'x', 'text/plain', 0, sha256('') FROM p $$, 'PT409', NULL, 'nor belong to two tickets');
SELECT throws_ok(format($$ INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT t.number, m.id, 9, %L, %L, 0, sha256('') FROM t JOIN desk.message m ON m.ticket = t.number LIMIT 1 $$, name, type), '23514', NULL, format('a name like %L or a type like %L is none', name, type))
FROM (VALUES ('a/b', 'text/plain'), ('..', 'text/plain'), (E'a\nb', 'text/plain'), ('a\b', 'text/plain'), ('', 'text/plain'), (E'a\u0085', 'text/plain'), ('a', E'text/html\r\nx: y'), ('a', 'html')) v (name, type);
SELECT desk.attachment_drop(id) FROM desk.attachment WHERE name = 'two.log' AND ticket = (SELECT number FROM t);
SELECT is((SELECT count(*)::int FROM desk.blob WHERE size = 100000), 1, 'a file goes, its content stays while another has it');
SELECT desk.attachment_drop(id) FROM desk.attachment WHERE name = 'other.log';
SELECT is((SELECT count(*)::int FROM desk.blob WHERE size = 100000), 1, 'also one that waits');
UPDATE desk.upload SET staged_at = now() - interval '25 hours' WHERE key_sha256 = decode(pg_temp.key(2), 'hex');
UPDATE desk.blob SET made_at = now() - interval '25 hours';
SELECT is(desk.upload_sweep(100), 1, 'what waited for a day is forgotten');
SELECT is((SELECT count(*)::int FROM desk.blob WHERE size = 100000), 0, 'with its content');
SELECT is((SELECT count(*)::int FROM desk.upload WHERE key_sha256 = decode(pg_temp.key(4), 'hex')), 1, 'and the rest is not');
SELECT is(desk.upload_sweep(100), 0, 'once');
INSERT INTO desk.blob (sha256, size, whole, made_at) SELECT set_byte(sha256('left'), 0, n), 0, true, now() - interval '25 hours' FROM unnest(ARRAY[0, 1, 127, 128, 254, 255]) n;
SELECT is((SELECT sum(desk.blob_leftovers(n, 100)) FROM generate_series(0, 255) n), 6::bigint, 'contents that nobody has are found, whatever their hash');
SELECT is_empty($$ SELECT FROM desk.blob b WHERE NOT EXISTS (SELECT FROM desk.upload u WHERE u.sha256 = b.sha256) AND NOT EXISTS (SELECT FROM desk.attachment a WHERE a.sha256 = b.sha256) $$, 'no content is left that nobody has');
SELECT is(attstorage, 'e', 'pieces are not compressed once more') FROM pg_attribute WHERE attrelid = 'desk.blob_chunk'::regclass AND attname = 'bytes';

SELECT is(desk.size_words(n), words, n || ' is ' || words) FROM (VALUES (0, '0 bytes'), (1, '1 byte'), (1023, '1023 bytes'), (1024, '1 KiB'), (1025, '2 KiB'), (1048576, '1 MiB'), (1048577, '1.1 MiB'), (10485760, '10 MiB'), (26214400, '25 MiB')) v (n, words);

SELECT * FROM finish();
ROLLBACK;
