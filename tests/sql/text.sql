-- Texts: nothing but harmless HTML is stored, what is shown cannot deceive,
-- and what was written is found.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

-- what lib/markup.h may make -------------------------------------------------
SELECT ok(desk.is_safe_html(html), 'is harmless: ' || html) FROM (VALUES
	(''), ('plain'), ('<p>a &lt;b&gt; &amp; c</p>'), ('<p>one<br>two</p><hr>'),
	('<h3>t</h3><h6>t</h6>'), ('<ul><li><p>x</p></li></ul>'), ('<ol start="7"><li>x</li></ol>'),
	('<pre tabindex="0" role="region" aria-label="Code"><code>x</code></pre>'),
	('<a href="https://desk.example/a?b=c&amp;d=e" rel="nofollow ugc noopener">x</a>'),
	('<a href="mailto:a@desk.example" rel="nofollow ugc noopener">x</a>'),
	('<a href="/tickets/7" rel="nofollow ugc noopener">#7</a>'),
	('<table><thead><tr><th class="right">n</th></tr></thead></table>'),
	('<blockquote><p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p></blockquote>')
) AS t (html);

-- and what it may not ----------------------------------------------------------
SELECT ok(NOT desk.is_safe_html(html), 'is refused: ' || html) FROM (VALUES
	('<script>alert(1)</script>'), ('<SCRIPT>alert(1)</SCRIPT>'), ('<scr<p>ipt>'), ('<<p>script>'), ('<<p>script<p>>'),
	('<img src=x onerror=alert(1)>'), ('<svg onload=alert(1)>'), ('<p onclick="x">'), ('<p style="x">'), ('<P>'),
	('<a href="javascript:alert(1)" rel="nofollow ugc noopener">x</a>'),
	('<a href="JaVaScRiPt:alert(1)" rel="nofollow ugc noopener">x</a>'),
	('<a href="data:text/html,x" rel="nofollow ugc noopener">x</a>'),
	('<a href="vbscript:x" rel="nofollow ugc noopener">x</a>'),
	('<a href="//evil.example/" rel="nofollow ugc noopener">x</a>'),
	('<a href=" https://x" rel="nofollow ugc noopener">x</a>'),
	('<a href="https://x" onmouseover="x" rel="nofollow ugc noopener">x</a>'),
	('<a href="https://x">x</a>'), ('<a>'), ('<iframe>'), ('<style>'), ('<link>'), ('<meta>'), ('<base href="/">'), ('<form>'),
	('<input>'), ('<object>'), ('<embed>'), ('<math>'), ('<template>'), ('<!-- x -->'), ('<!doctype html>'), ('<?xml?>'), ('<![CDATA[x]]>'),
	('<p'), ('p>'), ('<'), ('>'), ('</script>'), ('<p/>'), ('<p >'), ('< p>'), (E'<p\n>'), (E'<\tp>'),
	('<ol start="7" onclick="x">'), ('<ol start="1234567890">'), ('<th class="x">'), ('<h1>'), ('<h2>'),
	('<pre tabindex="0" role="region" aria-label="a"b">'), ('<div>'), ('<span>'), ('<a href="/\evil.example" rel="nofollow ugc noopener">x</a>'),
	(E'<a href="/\t/evil.example" rel="nofollow ugc noopener">x</a>')
) AS t (html);

SELECT throws_ok($$ INSERT INTO desk.ticket (subject, kind, severity) VALUES ('safe', 'bug', 3);
	INSERT INTO desk.message (ticket, author, body, body_html) SELECT max(number), 'requester', 'x', '<script>x</script>' FROM desk.ticket $$,
	'23514', NULL, 'a message with a script cannot be stored');
SELECT ok(EXISTS (SELECT FROM pg_constraint WHERE conname = 'safe_html' AND conrelid = 'desk.note'::regclass AND convalidated),
	'nor can a note');

-- plain text -----------------------------------------------------------------
SELECT is(desk.plain_html(t), html, what) FROM (VALUES
	('a', '<p>a</p>', 'a line is a paragraph'),
	(E'a\nb', '<p>a<br>b</p>', 'a line end is kept'),
	(E'a\r\nb\r\n\r\n\r\nc\n', '<p>a<br>b</p><p>c</p>', 'an empty line parts paragraphs, however lines end'),
	('<b> & "c"', '<p>&lt;b&gt; &amp; &quot;c&quot;</p>', 'markup is text'),
	('  ', '', 'nothing is nothing'),
	(E'a\u202eb\x07', '<p>ab␇</p>', 'control characters are seen and do not act')
) AS t (t, html, what);
SELECT ok(desk.is_safe_html(desk.plain_html(string_agg(chr(n), '' ORDER BY n))), 'any characters make harmless HTML')
FROM generate_series(1, 55295) n;
SELECT ok(desk.visible(string_agg(chr(n), '' ORDER BY n)) !~ E'[\x01-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]', 'no control character passes')
FROM generate_series(1, 55295) n;
SELECT is(desk.visible(E'tab\tline\nübung 日本 🙂'), E'tab\tline\nübung 日本 🙂', 'what is harmless stays as it is');

SELECT is(desk.utc('2026-11-22 10:12:00+01'), '2026-11-22T09:12:00Z', 'machines get UTC');
SET LOCAL timezone = 'Europe/Berlin';
SELECT is(desk.words('2026-11-22 09:12:00Z'), '22 Nov 2026, 10:12 CET', 'people get their zone, and its name');
SET LOCAL timezone = 'UTC';
SELECT is(desk.span_words(n), words, n || ' s') FROM (VALUES (0, 'less than a minute'), (59, 'less than a minute'), (60, '1 min'), (5399, '89 min'),
	(5400, '1 h 30 min'), (7200, '2 h'), (172799, '47 h 59 min'), (172800, '2 days'), (266400, '3 days 2 h')) AS t (n, words);
SELECT is(desk.span_short(n), words, 'short: ' || coalesce(n::text, 'NULL')) FROM (VALUES (NULL, '-'), (0, '<1m'), (60, '1m'), (3599, '59m'), (3600, '1h00'),
	(172799, '47h59'), (172800, '2d00h'), (266400, '3d02h')) AS t (n, words);

-- search -----------------------------------------------------------------------
CREATE FUNCTION pg_temp.finds(query text, doc text) RETURNS boolean LANGUAGE sql
RETURN desk.search_words(doc) @@ desk.search_query(query);
SELECT ok(pg_temp.finds(q, doc), format('"%s" finds "%s"', q, doc)) FROM (VALUES
	('printer', 'The Printer is on fire'), ('PRINTERS', 'one printer'), ('printe', 'Printers'), ('fire printer', 'The printer is on fire'),
	('"printer is on fire"', 'The printer is on fire'), ('download', 'FSDownload.java fails'), ('FSDownload.java', 'see FSDownload.java:114'),
	('fsdownload', 'FSDownload.java'), ('readline', 'BufferedReader.readLine()'), ('bufferedreader.readline', 'BufferedReader.readLine()'), ('reader', 'BufferedReader'), ('line', 'readLine'), ('2.8.1', 'since version 2.8.1'),
	('/etc/nginx/nginx.conf', 'look into /etc/nginx/nginx.conf'), ('nginx.conf', '/etc/nginx/nginx.conf'), ('ERR_CONNECTION_RESET', 'it says ERR_CONNECTION_RESET'),
	('connection_reset', 'ERR_CONNECTION_RESET'), ('foo_bar_baz', 'call foo_bar_baz()'), ('umlaut', 'Umlaute: Grüße'), ('grüße', 'Umlaute: Grüße'),
	('fire -water', 'fire and smoke'), ('HDFS-4711', 'as in HDFS-4711'), ('0x7ffe', 'at 0x7ffe1234')
) AS t (q, doc);
SELECT ok(NOT coalesce(pg_temp.finds(q, doc), false), format('"%s" does not find "%s"', q, doc)) FROM (VALUES
	('fire -water', 'fire and water'), ('"fire printer"', 'the printer is on fire'), ('printer paper', 'the printer'), ('rinter', 'printer')
) AS t (q, doc);
SELECT lives_ok(format('SELECT desk.search_query(%L)', q), 'a hostile search does no harm: ' || left(q, 40)) FROM (VALUES
	(''), ('   '), ('"'), ('""'), ('-'), ('--'), ('-"'), ('''"'), (''''), ('\'), ('\\'''), (':*'), ('a:*b'), ('& | ! ( )'), ('<->'), ('!!!!!'), ('((((('),
	('a:ABCD'), ('a.b.c:*'), ('./.'), ('the.of.and'), ('a/b@c:d.e'), ('%s %I %L'), (E'\t\n'), (E'\u202e'), ('a'' | ''b'), ('''; DROP TABLE desk.ticket; --'), (repeat('a ', 5000)), (repeat('"', 5000)),
	(repeat('-', 300)), (repeat('(', 300)), ('🙂'), ('the and of'), (repeat('ä', 400))
) AS t (q);
SELECT is(desk.search_query(q), NULL, 'nothing to search for: ' || q) FROM (VALUES (''), ('the'), ('""'), ('- '), ('!')) AS t (q);
SELECT cmp_ok(numnode(desk.search_query(repeat('word ', 60) )), '<=', 31, 'a long search has an end');

-- the words of a solution are found too, by what everybody may read
INSERT INTO desk.staff (login, name) VALUES ('words-clerk', 'Clerk');
INSERT INTO desk.ticket (subject, kind, severity) VALUES ('Quuxification halts', 'bug', 3);
INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'it stands still' FROM desk.ticket WHERE subject = 'Quuxification halts';
INSERT INTO desk.message (ticket, author, staff, name, body, solution)
SELECT t.number, 'staff', s.id, s.name, 'Turn the frobnicator twice', true FROM desk.ticket t, desk.staff s WHERE t.subject = 'Quuxification halts' AND s.login = 'words-clerk';
SELECT results_eq(format('SELECT t.subject FROM desk.public_search s JOIN desk.public_ticket t USING (number) WHERE s.words @@ desk.search_query(%L)', q),
	ARRAY['Quuxification halts'], 'a ticket is found by ' || what)
FROM (VALUES ('quuxif', 'its subject'), ('quuxification still', 'subject and report'), ('frobnicator', 'its solution')) AS t (q, what);
UPDATE desk.ticket SET subject = 'Xyzzyfication halts' WHERE subject = 'Quuxification halts';
SELECT results_eq($$ SELECT count(*)::int FROM desk.public_search WHERE words @@ desk.search_query('xyzzyf') $$, ARRAY[1], 'a new subject is found');
SELECT results_eq($$ SELECT count(*)::int FROM desk.public_search WHERE words @@ desk.search_query('quuxif') $$, ARRAY[0], 'the old one no more');
SELECT results_eq($$ SELECT count(*)::int FROM desk.public_search WHERE words @@ desk.search_query('frobnicator') $$, ARRAY[1], 'the solution still is');

SELECT * FROM finish();
ROLLBACK;
