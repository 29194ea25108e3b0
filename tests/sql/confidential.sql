-- The keys of confidential parts: which are offered, who is told when they
-- come to an end, and what becomes of what was encrypted for them.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.print(n int) RETURNS text LANGUAGE sql AS $$ SELECT lpad(n::text, 40, 'A') $$;
CREATE FUNCTION pg_temp.key(n int, ends timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM api.publish_key(pg_temp.print(n), ARRAY[lpad(n::text, 16, 'B')], 'Key ' || n, NULL, NULL, 'cv25519', ends, '\x99')
$$;

SELECT is(pg_temp.key(1, NULL), 'published', 'a key is published');
SELECT is(pg_temp.key(1, NULL), 'known already', '... once');
SELECT is(pg_temp.key(2, now() + interval '29 days'), 'published', 'another one that expires');
SELECT throws_ok('SELECT pg_temp.key(3, now())', 'PT409', 'cannot publish a key that has expired', 'one that has expired is refused');
SELECT is((SELECT count(*)::int FROM api.submit_keys()), 2, 'both are on the form');
SELECT results_eq('SELECT fingerprint_words FROM api.ticket_keys() LIMIT 1', ARRAY['AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAA1'], '... in groups to be compared');

-- expiry, once each
CREATE TEMP TABLE mails AS SELECT id FROM desk.outbox;
CREATE FUNCTION pg_temp.told() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT subject FROM desk.outbox o WHERE NOT EXISTS (SELECT FROM mails m WHERE m.id = o.id) ORDER BY id
$$;
SELECT is(desk.key_watch(), 1, 'slacheck tells of the one that expires within 30 days');
SELECT is(desk.key_watch(), 0, '... once');
UPDATE desk.confidential_key SET expires_at = now() + interval '6 days' WHERE fingerprint = pg_temp.print(2);
SELECT is(desk.key_watch() + desk.key_watch(), 1, '... and again within 7 days, once');
UPDATE desk.confidential_key SET expires_at = now() WHERE fingerprint = pg_temp.print(2);
SELECT is(desk.key_watch() + desk.key_watch(), 1, '... and when it has expired, once');
SELECT results_eq('SELECT * FROM pg_temp.told()', ARRAY['A key for confidential parts expires in less than 30 days',
	'A key for confidential parts expires in less than 7 days', 'A key for confidential parts has expired'], 'in these words');
SELECT is((SELECT count(*)::int FROM api.submit_keys()), 1, 'an expired key is not on the form');
SELECT results_eq('SELECT status FROM api.publish_check() ORDER BY 1', ARRAY[0, 2], '... and --check tells');
SELECT is(pg_temp.key(2, now() + interval '1 year'), 'known already', 'the same bytes with a later date are the same key');
SELECT is((SELECT outcome FROM api.publish_key(pg_temp.print(2), ARRAY[lpad('2', 16, 'B')], 'Key 2', NULL, NULL, 'cv25519', now() + interval '20 days', '\x9900')),
	'renewed', 'a newer form of it renews it');
SELECT is(desk.key_watch(), 1, '... and its new end is told anew');
SELECT lives_ok($$ SELECT * FROM api.publish_retire(lower(desk.fingerprint_words(pg_temp.print(2)))) $$, 'a key is retired by its fingerprint as people write it');
SELECT is((SELECT count(*)::int FROM api.submit_keys()), 1, '... and is offered no more');
SELECT results_eq('SELECT key_ids, former_ids FROM api.ticket_keys()', format('VALUES (%L, %L)', lpad('1', 16, 'B'), lpad('2', 16, 'B')), '... but known as one that was');
UPDATE desk.confidential_key SET address = 'support@Desk.example', wkd = repeat('y', 32) WHERE fingerprint = pg_temp.print(1);
SELECT is((SELECT has_address FROM api.key_offered(url)), can, format('by its address a key %s found, where the desk is %s', CASE WHEN can THEN 'is' ELSE 'is not' END, url))
FROM (VALUES ('https://desk.example', true), ('http://desk.example', false), ('https://desk.example:8443', false), ('https://help.desk.example', false)) v (url, can);
SELECT is(desk.key_watch(), 0, '... and not watched');
SELECT throws_ok($$ SELECT * FROM api.publish_retire('AAAA') $$, 'PT404', NULL, 'one that does not exist is no key');

-- a sealed text
CREATE TEMP TABLE t AS SELECT 0 AS number, 0::bigint AS message;
WITH k AS (INSERT INTO desk.ticket (subject, kind, severity) VALUES ('Sealed', 'bug', 3) RETURNING number),
m AS (INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'x' FROM k RETURNING ticket, id)
INSERT INTO t SELECT ticket, id FROM m;
DELETE FROM t WHERE number = 0;
SELECT is(desk.attach_sealed(number, message, NULL) IS NULL AND desk.attach_sealed(number, message, '') IS NULL, true, 'nothing encrypted is nothing attached') FROM t;
SELECT isnt(desk.attach_sealed(number, message, decode(repeat('a5', 150000), 'hex')), NULL, 'packets are attached') FROM t;
SELECT isnt(desk.attach_sealed(number, message, decode(repeat('a5', 150000), 'hex')), NULL, '... and again in another message') FROM t;
SELECT results_eq($$ SELECT name, sealed AND sealed_text FROM desk.attachment a JOIN t ON t.number = a.ticket ORDER BY a.place $$,
	$$ SELECT format('ticket-%s-confidential-%s.gpg', number, n), true FROM t, generate_series(1, 2) n ORDER BY n $$, '... each under a name of its own');
SELECT is((SELECT string_agg(c.bytes, '' ORDER BY c.seq) FROM desk.blob_chunk c WHERE c.sha256 = sha256(decode(repeat('a5', 150000), 'hex'))),
	decode(repeat('a5', 150000), 'hex'), '... whole, in pieces');
SELECT is((SELECT count(*)::int FROM desk.public_attachment p JOIN t ON t.number = p.ticket), 0, '... and no public copy has them, though the ticket is public');

-- encrypted files
CREATE FUNCTION pg_temp.send(key text, name text, content bytea) RETURNS void LANGUAGE sql AS $$
	SELECT api.submit_upload(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 'sealed_file', name, 'application/pgp-encrypted', length(content), encode(sha256(content), 'hex'), 1000, 0, content)
$$;
CREATE FUNCTION pg_temp.file(key text, about int) RETURNS void LANGUAGE sql AS $$
	WITH m AS (INSERT INTO desk.message (ticket, author, body) VALUES (about, 'requester', 'x') RETURNING id)
	SELECT desk.attach(encode(sha256(convert_to(key, 'UTF8')), 'hex'), about, id, NULL) FROM m
$$;
SELECT pg_temp.send('one', 'confidential-1.gpg', 'a'), pg_temp.send('one', 'plan.gpg', 'b'), pg_temp.send('one', 'confidential-2.gpg', 'c');
SELECT pg_temp.file('one', number) FROM t;
SELECT pg_temp.send('two', 'confidential-1.gpg', 'd');
SELECT pg_temp.file('two', number) FROM t;
SELECT results_eq('SELECT name FROM desk.attachment a JOIN t ON t.number = a.ticket AND NOT a.sealed_text ORDER BY a.id',
	$$ SELECT replace(n, '#', format('ticket-%s-confidential-', number)) FROM t, unnest(ARRAY['#3.gpg', 'plan.gpg', '#4.gpg', '#5.gpg']) WITH ORDINALITY u (n, place) ORDER BY place $$,
	'files that a browser encrypted go on in the same row of names, others keep their own');
SELECT pg_temp.send('one', 'confidential-1.gpg', 'a');
SELECT is(desk.upload_other(encode(sha256('one'), 'hex'), number), false, 'one that comes again is the same one, under whatever name') FROM t;

-- why private
SELECT is((SELECT string_agg(c.field, ' ') FROM desk.intake_template i, desk.reason_complaints(i, v.visibility, v.why, v.said) c WHERE i.name = v.form), v.field, v.says)
FROM (VALUES
	('bug', 'private', NULL, NULL, 'private_why', 'who makes a report private is asked why'),
	('bug', 'private', 'other', ' ', 'private_words', 'another reason needs words'),
	('bug', 'private', 'fun', NULL, 'private_why', 'there are three reasons'),
	('bug', 'private', 'secret', NULL, NULL, 'one of them will do'),
	('bug', 'public', 'fun', NULL, NULL, 'what is public needs none'),
	('bug', NULL, NULL, NULL, NULL, 'nor what is public by itself'),
	('access', NULL, NULL, NULL, NULL, 'nor what is private by itself')) v (form, visibility, why, said, field, says);

SELECT * FROM finish();
ROLLBACK;
