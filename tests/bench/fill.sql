-- Fill an empty desk with N made-up tickets, four messages each on average:
--
--	psql -v n=1000000 -f tests/bench/fill.sql
--
-- As a superuser.  The triggers are switched off and everything that they
-- make (clocks, history, public copies, words) is made here in bulk; at the
-- end a sample is filed once more through the triggers and compared, field
-- by field.  Outbox rows are left out.  Texts are drawn from a pool, words
-- by a steep distribution: few are in every tenth text, most are rare.
\set ON_ERROR_STOP 1
\if :{?n} \else \set n 100000 \endif
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';
SET timezone = 'UTC';
SELECT setseed(0.5) \g /dev/null

INSERT INTO desk.staff (login, name) SELECT 'bench' || i, 'Clerk ' || i FROM generate_series(1, 8) i ON CONFLICT DO NOTHING;
INSERT INTO desk.product (name, label) SELECT 'product' || i, 'Product ' || i FROM generate_series(1, 10) i ON CONFLICT DO NOTHING;
INSERT INTO desk.release (product, version) SELECT 'product' || i, '1.0' FROM generate_series(1, 10) i ON CONFLICT DO NOTHING;

-- The texts -----------------------------------------------------------------
CREATE TEMP TABLE syllable AS SELECT s, row_number() OVER () AS i FROM unnest(string_to_array(
	'ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za ble cra dri flo gru plo ste tri vor', ' ')) s;
CREATE TEMP TABLE vocabulary AS
SELECT row_number() OVER (ORDER BY r) AS i, w FROM (
	SELECT random() AS r, a.s || b.s || c.s AS w FROM syllable a, syllable b, syllable c) x LIMIT 8000;
UPDATE vocabulary v SET w = k.w FROM unnest(string_to_array(
	'the to is and of error page in it not login file when server after invoice connection printer timeout download user list account button '
	'version update crash memory screen network password order browser message empty slow', ' ')) WITH ORDINALITY AS k (w, i) WHERE v.i = k.i;
ALTER TABLE vocabulary ADD PRIMARY KEY (i);

ANALYZE vocabulary;

-- So many words for each text, the i-th word with a frequency of about 1 / i.
CREATE TEMP TABLE pool AS
SELECT p, body, desk.plain_html(body) AS html, desk.search_words(body) AS words FROM (
	SELECT p, string_agg(w, CASE WHEN x % 11 = 0 THEN '. ' ELSE ' ' END ORDER BY x) AS body
	FROM (SELECT p, x, 1 + floor(exp(random() * ln(8000)))::int % 8000 AS i
		FROM (SELECT p, CASE WHEN p <= 1000 THEN 55 ELSE 15 + (random() * 30)::int END AS size FROM generate_series(1, 21000) p) s,
		generate_series(1, size) x) r
	JOIN vocabulary USING (i) GROUP BY p) t;
ALTER TABLE pool ADD PRIMARY KEY (p);
ANALYZE pool;

-- The tickets -----------------------------------------------------------------
CREATE TEMP TABLE title AS
SELECT n, initcap(string_agg(w, ' ')) || ' ticket' || n AS subject
FROM (SELECT n, 1 + floor(exp(random() * ln(8000)))::int % 8000 AS i FROM generate_series(1, :n) n, generate_series(1, 4 + n % 5)) r
JOIN vocabulary USING (i) GROUP BY n;
ANALYZE title;
-- Three years of them; nine of ten are solved.  Every 500th has 20 messages.
CREATE TEMP TABLE plan AS
SELECT n, now() - (:n - n + 1) * (interval '1095 days' / :n) - interval '1 minute' AS filed_at,
	CASE WHEN :n - n < :n / 50 AND n % 3 = 0 THEN 'new'
		WHEN n % 25 = 1 THEN 'open' WHEN n % 50 = 2 THEN 'pending' WHEN n % 100 = 3 THEN 'fixed' ELSE 'resolved' END AS state,
	CASE WHEN random() < 0.15 THEN 'private' ELSE 'public' END AS visibility,
	(CASE WHEN random() < 0.03 THEN 1 WHEN random() < 0.15 THEN 2 WHEN random() < 0.6 THEN 3 ELSE 4 END)::smallint AS severity,
	(ARRAY['bug', 'question', 'outage', 'access', 'config-change', 'feature'])[1 + floor(random() * random() * 6)::int] AS kind,
	'product' || 1 + floor(random() * random() * 10)::int AS product,
	interval '5 minutes' + random() * random() * interval '20 hours' AS answer_after,
	CASE WHEN n % 500 = 0 THEN 18 ELSE floor(random() * random() * 6)::int END AS more,
	1 + floor(random() * 8)::int AS clerk, subject
FROM title;
UPDATE plan SET answer_after = least(answer_after, (now() - filed_at) * 0.2);
ALTER TABLE plan ADD first int, ADD staff int, ADD answered_at timestamptz, ADD ended_at timestamptz, ADD release int;
-- numbers go on from what is there
UPDATE plan p SET first = (SELECT coalesce(max(number), 0) FROM desk.ticket),
	staff = (SELECT id FROM desk.staff WHERE login = 'bench' || p.clerk),
	answered_at = CASE WHEN state <> 'new' THEN filed_at + answer_after END,
	ended_at = CASE WHEN state IN ('resolved', 'pending', 'fixed') THEN filed_at + answer_after + least((now() - filed_at) * 0.7, interval '3 days') END,
	release = CASE WHEN state = 'fixed' THEN (SELECT id FROM desk.release r WHERE r.product = p.product AND r.version = '1.0') END;
ANALYZE plan;

-- Indexes that are not keys are made again at the end.
CREATE TEMP TABLE made_again AS
SELECT c.oid::regclass::text AS name, pg_get_indexdef(c.oid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid IN ('desk.ticket'::regclass, 'desk.message'::regclass, 'desk.change'::regclass, 'desk.clock'::regclass, 'desk.clock_event'::regclass,
	'desk.public_ticket'::regclass, 'desk.public_search'::regclass, 'desk.public_entry'::regclass, 'desk.private_search'::regclass)
AND NOT i.indisunique;
SELECT 'DROP INDEX ' || name FROM made_again \gexec

-- The check of messages reads each with a regular expression; what the pool
-- holds is read once.
DO $$ BEGIN ASSERT (SELECT bool_and(desk.is_safe_html(html)) FROM pool); END $$;
ALTER TABLE desk.message DROP CONSTRAINT safe_html;

SET session_replication_role = replica;

CREATE TEMP TABLE clocks AS
SELECT p.n, m.metric, 1 AS cycle, x.id AS policy, m.target, x.warn_percents, p.filed_at AS started_at,
	CASE WHEN m.metric = 'first response' THEN p.answered_at WHEN p.state IN ('resolved', 'pending') THEN p.ended_at END AS held_at,
	CASE WHEN m.metric = 'first response' THEN CASE WHEN p.answered_at IS NULL THEN 'running' ELSE 'stopped' END
		ELSE CASE p.state WHEN 'resolved' THEN 'stopped' WHEN 'pending' THEN 'paused' ELSE 'running' END END AS state
FROM plan p JOIN (SELECT level, q.* FROM desk.severity, desk.policy_for(now(), level, 'web', NULL) q) x ON x.level = p.severity
CROSS JOIN LATERAL (VALUES ('first response', x.answer_seconds), ('resolution', x.solve_seconds)) m (metric, target)
UNION ALL
-- of the messages after the answer every other is the requester's: a
-- question that the next one answers, or that waits
SELECT p.n, 'next response', k / 2, x.id, coalesce(x.next_seconds, x.answer_seconds), x.warn_percents, p.answered_at + k * interval '1 minute',
	e.held_at, CASE WHEN e.held_at IS NULL THEN 'running' ELSE 'stopped' END
FROM plan p JOIN (SELECT level, q.* FROM desk.severity, desk.policy_for(now(), level, 'web', NULL) q) x ON x.level = p.severity
CROSS JOIN LATERAL generate_series(2, CASE p.state WHEN 'new' THEN 0 ELSE 1 + p.more END, 2) k
CROSS JOIN LATERAL (SELECT CASE WHEN k < 1 + p.more THEN p.answered_at + (k + 1) * interval '1 minute' WHEN p.state = 'resolved' THEN p.ended_at END AS held_at) e;
INSERT INTO desk.clock (ticket, metric, cycle, policy, state, started_at, since, used_seconds, target_seconds, warn_percents,
	due_at, breach_at, warn_at, next_at, warned_at, breached_at, stopped_at)
SELECT p.first + c.n, c.metric, c.cycle, c.policy, c.state, c.started_at, CASE c.state WHEN 'running' THEN c.started_at ELSE c.held_at END,
	CASE WHEN c.held_at IS NULL THEN 0 ELSE extract(epoch FROM c.held_at - c.started_at) END, c.target, c.warn_percents,
	CASE c.state WHEN 'running' THEN d.due_at END, CASE c.state WHEN 'running' THEN d.due_at END, CASE c.state WHEN 'running' THEN d.warn_at END,
	-- slacheck has been here a moment ago
	CASE WHEN c.state <> 'running' THEN NULL WHEN d.warn_at > now() THEN d.warn_at WHEN d.due_at > now() THEN d.due_at
		ELSE (SELECT min(d.due_at + s.after_seconds * interval '1 second') FROM desk.policy_step s
			WHERE s.policy = c.policy AND s.metric = c.metric AND d.due_at + s.after_seconds * interval '1 second' > now()) END,
	CASE WHEN c.state = 'running' AND d.warn_at <= now() THEN d.warn_at END,
	CASE WHEN d.due_at < coalesce(c.held_at, now()) THEN d.due_at END,
	CASE c.state WHEN 'stopped' THEN c.held_at END
FROM clocks c JOIN plan p USING (n)
CROSS JOIN LATERAL (SELECT c.started_at + c.target * interval '1 second' AS due_at,
	c.started_at + ceil(c.target * c.warn_percents[1] / 100.0) * interval '1 second' AS warn_at) d
ORDER BY c.n, c.metric, c.cycle;
INSERT INTO desk.clock_event (clock, at, kind, because, policy, target_seconds, warn_percents)
SELECT c.id, e.at, e.kind, e.because, CASE WHEN e.kind = 'start' THEN c.policy END,
	CASE WHEN e.kind = 'start' THEN c.target_seconds END, CASE WHEN e.kind = 'start' THEN c.warn_percents END
FROM desk.clock c JOIN plan p ON c.ticket = p.first + p.n
CROSS JOIN LATERAL (VALUES (c.started_at, 'start', CASE c.metric WHEN 'next response' THEN 'the requester wrote' ELSE 'the report came in' END, true),
	(c.stopped_at, 'stop', CASE WHEN c.metric = 'resolution' OR c.stopped_at = p.ended_at THEN 'it was solved' ELSE 'a person answered' END, c.state = 'stopped'),
	(c.started_at + c.used_seconds * interval '1 second', 'pause', 'we wait for the requester', c.state = 'paused')) e (at, kind, because, is_one)
WHERE e.is_one ORDER BY c.id, e.at;

INSERT INTO desk.ticket (number, version, subject, kind, product, severity, visibility, assignee, state, resolution, release,
	filed_at, changed_at, answered_at, solved_at, answer_due_at, solve_due_at, late_at, team)
OVERRIDING SYSTEM VALUE
SELECT p.first + n, CASE p.state WHEN 'new' THEN 1 ELSE 3 + more + (ended_at IS NOT NULL)::int END, subject, kind, product, severity, visibility,
	CASE WHEN p.state <> 'new' THEN staff END, p.state, CASE p.state WHEN 'resolved' THEN 'answered' END, release,
	filed_at, coalesce(ended_at, answered_at + (more + 1) * interval '1 minute', filed_at), answered_at, CASE p.state WHEN 'resolved' THEN ended_at END,
	coalesce(a.due_at, x.due_at), s.due_at, coalesce(a.due_at, x.due_at, s.due_at), 'support'
FROM plan p JOIN desk.clock a ON a.ticket = p.first + n AND a.metric = 'first response'
JOIN desk.clock s ON s.ticket = p.first + n AND s.metric = 'resolution'
LEFT JOIN desk.clock x ON x.ticket = p.first + n AND x.metric = 'next response' AND x.state = 'running'
ORDER BY n;

-- The report, the answer after a while, then one message a minute; the
-- ticket is taken in the minute after the answer.
CREATE TEMP TABLE talk AS
SELECT row_number() OVER (ORDER BY n, k) + (SELECT coalesce(max(id), 0) FROM desk.message) AS id, n, k, is_staff, at, p
FROM (SELECT p.n, k, k % 2 = 1 AS is_staff,
		CASE k WHEN 0 THEN p.filed_at WHEN 1 THEN p.answered_at ELSE p.answered_at + k * interval '1 minute' END AS at,
		1 + floor(random() * CASE WHEN p.more = 18 THEN 1000 ELSE 20000 END)::int + CASE WHEN p.more = 18 THEN 0 ELSE 1000 END AS p
	FROM plan p, generate_series(0, CASE p.state WHEN 'new' THEN 0 ELSE 1 + p.more END) k) x;
INSERT INTO desk.message (id, ticket, author, staff, name, body, body_html, solution, posted_at)
OVERRIDING SYSTEM VALUE
SELECT t.id, p.first + t.n, CASE WHEN t.is_staff THEN 'staff' ELSE 'requester' END, CASE WHEN t.is_staff THEN p.staff END,
	CASE WHEN t.is_staff THEN 'Clerk ' || p.clerk END, o.body, o.html, t.k = 1 AND t.n % 4 = 0, t.at
FROM talk t JOIN plan p USING (n) JOIN pool o ON o.p = t.p ORDER BY t.id;

INSERT INTO desk.change (id, ticket, field, old, new, actor, staff, program, changed_at)
OVERRIDING SYSTEM VALUE
SELECT row_number() OVER (ORDER BY n, at, place) + (SELECT coalesce(max(id), 0) FROM desk.change),
	first + n, field, old, new, 'staff', staff, session_user, at
FROM plan p CROSS JOIN LATERAL (VALUES
	(1, 'state', 'new', 'open', answered_at), (2, 'answered_at', NULL, desk.utc(answered_at), answered_at),
	(3, 'assignee', NULL, staff::text, answered_at + interval '1 minute'),
	(4, 'state', 'open', p.state, ended_at), (5, 'resolution', NULL, CASE p.state WHEN 'resolved' THEN 'answered' END, ended_at),
	(6, 'release', NULL, release::text, ended_at)) AS c (place, field, old, new, at)
WHERE at IS NOT NULL AND new IS NOT NULL ORDER BY 1;

-- The public copies, as desk.publish_ticket and its sisters make them ----------
INSERT INTO desk.public_ticket (number, subject, kind, product, severity, blocked, state, solved, resolution, release, released, channel, assignee,
	filed_at, changed_at, answered_at, solved_at, answer_due_at, solve_due_at, late_at, answer_missed, answer_seconds, messages,
	kind_label, product_label, severity_name, state_label, resolution_label, channel_label)
SELECT t.number, desk.visible(t.subject), t.kind, t.product, t.severity, t.blocked, t.state, t.state = 'resolved', t.resolution,
	r.version, CASE WHEN r.id IS NOT NULL THEN false END, t.channel, s.name,
	t.filed_at, t.changed_at, t.answered_at, t.solved_at, t.answer_due_at, t.solve_due_at, t.late_at, c.breached_at IS NOT NULL, c.target_seconds,
	CASE p.state WHEN 'new' THEN 0 ELSE 1 + p.more END,
	k.label, d.label, v.name, st.label, e.label, ch.label
FROM plan p JOIN desk.ticket t ON t.number = p.first + p.n
JOIN desk.clock c ON c.ticket = t.number AND c.metric = 'first response' AND c.cycle = 1
LEFT JOIN desk.staff s ON s.id = t.assignee LEFT JOIN desk.release r ON r.id = t.release
JOIN desk.kind k ON k.name = t.kind JOIN desk.severity v ON v.level = t.severity JOIN desk.state st ON st.name = t.state
JOIN desk.channel ch ON ch.name = t.channel LEFT JOIN desk.product d ON d.name = t.product LEFT JOIN desk.resolution e ON e.name = t.resolution
WHERE p.visibility = 'public' ORDER BY p.n;

INSERT INTO desk.public_entry (ticket, at, seq, is_change, is_staff, is_solution, name, initial, body_html, posted_at, posted_words)
SELECT m.ticket, m.posted_at, m.id, false, m.author = 'staff', m.solution,
	coalesce(desk.visible(m.name), CASE m.author WHEN 'staff' THEN 'Staff' ELSE 'Requester' END),
	upper(left(coalesce(desk.visible(m.name), 'R'), 1)), m.body_html, desk.utc(m.posted_at), desk.words(m.posted_at)
FROM desk.message m JOIN plan p ON m.ticket = p.first + p.n WHERE p.visibility = 'public' ORDER BY m.id;
CREATE TEMP TABLE said AS SELECT field, new, desk.change_words(field, new) AS words FROM (SELECT DISTINCT field, new FROM desk.change WHERE field <> 'answered_at') x;
INSERT INTO desk.public_entry (ticket, at, seq, is_change, is_staff, is_solution, name, initial, field, what, new, posted_at, posted_words)
SELECT c.ticket, c.changed_at, c.id, true, true, false, s.name, '', c.field, desk.field_words(c.field), d.words,
	desk.utc(c.changed_at), desk.words(c.changed_at)
FROM desk.change c JOIN plan p ON c.ticket = p.first + p.n JOIN desk.staff s ON s.id = c.staff
JOIN said d ON d.field = c.field AND d.new IS NOT DISTINCT FROM c.new
WHERE p.visibility = 'public' AND desk.is_shown(c) ORDER BY c.id;

CREATE AGGREGATE pg_temp.together(tsvector) (SFUNC = tsvector_concat, STYPE = tsvector, INITCOND = '');
CREATE TEMP TABLE found AS
SELECT p.first + p.n AS number, p.visibility, setweight(desk.search_words(p.subject), 'A') || w.words AS words
FROM plan p JOIN (SELECT t.n, pg_temp.together(setweight(o.words, CASE WHEN t.k = 1 AND t.n % 4 = 0 THEN 'B' ELSE 'D' END::"char") ORDER BY t.id) AS words
	FROM talk t JOIN pool o ON o.p = t.p GROUP BY t.n) w USING (n);
INSERT INTO desk.public_search SELECT number, words FROM found WHERE visibility = 'public' ORDER BY number;
INSERT INTO desk.private_search SELECT number, words FROM found WHERE visibility = 'private' ORDER BY number;
DROP TABLE found;

SET session_replication_role = origin;
ALTER TABLE desk.message ADD CONSTRAINT safe_html CHECK (desk.is_safe_html(body_html)) NOT VALID;
SELECT definition FROM made_again \gexec
SELECT setval(pg_get_serial_sequence('desk.ticket', 'number'), (SELECT max(number) FROM desk.ticket)),
	setval(pg_get_serial_sequence('desk.message', 'id'), (SELECT max(id) FROM desk.message)),
	setval(pg_get_serial_sequence('desk.change', 'id'), (SELECT max(id) FROM desk.change)) \g /dev/null
VACUUM (ANALYZE) desk.ticket, desk.message, desk.change, desk.clock, desk.clock_event, desk.public_ticket, desk.public_entry, desk.public_search, desk.private_search;
ANALYZE;

-- Is it what the triggers make?  File a sample once more, slowly -------------------
BEGIN;
CREATE TEMP TABLE sample AS SELECT n FROM plan WHERE n % greatest(1, :n / 300) = 0 OR n IN (1, 2, 3, 500) OR (state = 'new' AND n % greatest(1, :n / 2000) = 0);
CREATE TEMP TABLE twin (n int, number int);
DO $$
DECLARE
	p record;
	m record;
	x int;
BEGIN
	FOR p IN SELECT * FROM plan JOIN sample USING (n) ORDER BY n LOOP
		INSERT INTO desk.ticket (subject, kind, product, severity, visibility, filed_at)
		VALUES (p.subject, p.kind, p.product, p.severity, p.visibility, p.filed_at) RETURNING number INTO x;
		INSERT INTO twin VALUES (p.n, x);
		FOR m IN SELECT * FROM desk.message WHERE ticket = p.first + p.n ORDER BY id LOOP
			INSERT INTO desk.message (ticket, author, staff, name, body, solution, posted_at)
			VALUES (x, m.author, m.staff, m.name, m.body, m.solution, m.posted_at);
			IF m.posted_at = p.answered_at THEN
				UPDATE desk.ticket SET assignee = p.staff, changed_by = 'staff:' || p.staff, changed_at = p.answered_at + interval '1 minute' WHERE number = x;
			END IF;
		END LOOP;
		IF p.ended_at IS NOT NULL THEN
			UPDATE desk.ticket SET state = p.state, resolution = CASE p.state WHEN 'resolved' THEN 'answered' END, release = p.release,
				changed_by = 'staff:' || p.staff, changed_at = p.ended_at WHERE number = x;
		END IF;
	END LOOP;
	-- as slacheck sees them
	LOOP
		EXIT WHEN (SELECT looked FROM api.sla_check(1000)) = 0;
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.facts(of_number int) RETURNS TABLE (what text, facts jsonb) LANGUAGE sql STABLE AS $$
	SELECT 'ticket', to_jsonb(t) - 'number' FROM desk.ticket t WHERE t.number = of_number
	UNION ALL SELECT 'clock', to_jsonb(c) - 'id' - 'ticket' FROM desk.clock c WHERE c.ticket = of_number
	UNION ALL SELECT 'change', to_jsonb(c) - 'id' - 'ticket' FROM desk.change c WHERE c.ticket = of_number
	UNION ALL SELECT 'message', to_jsonb(m) - 'id' - 'ticket' FROM desk.message m WHERE m.ticket = of_number
	UNION ALL SELECT 'public', to_jsonb(p) - 'number' FROM desk.public_ticket p WHERE p.number = of_number
	UNION ALL SELECT 'entry', to_jsonb(e) - 'seq' - 'ticket' FROM desk.public_entry e WHERE e.ticket = of_number
	UNION ALL SELECT 'words', to_jsonb(s.words::text) FROM desk.public_search s WHERE s.number = of_number
	UNION ALL SELECT 'private', to_jsonb(s.words::text) FROM desk.private_search s WHERE s.number = of_number;
$$;
CREATE TEMP TABLE differing AS
SELECT p.n, d.* FROM twin w JOIN plan p USING (n) CROSS JOIN LATERAL (
	(SELECT 'filled' AS side, * FROM pg_temp.facts(p.first + p.n) EXCEPT ALL SELECT 'filled', * FROM pg_temp.facts(w.number))
	UNION ALL (SELECT 'filed', * FROM pg_temp.facts(w.number) EXCEPT ALL SELECT 'filed', * FROM pg_temp.facts(p.first + p.n))) d;
SELECT n, what, side, left(facts::text, 1500) FROM differing ORDER BY 1, 2, 3 LIMIT 6;
SELECT count(*) AS compared, (SELECT count(*) FROM differing) AS differing FROM twin \gset
ROLLBACK;
-- of the sample nothing stays, in the indexes neither
VACUUM (ANALYZE) desk.ticket, desk.message, desk.change, desk.clock, desk.clock_event, desk.public_ticket, desk.public_entry, desk.public_search, desk.private_search, desk.sla_event, desk.outbox;
\echo :compared 'tickets were filed again through the triggers,' :differing 'rows differ'
SELECT :differing = 0 AS same \gset
\if :same
\else
DO 'BEGIN RAISE ''what was filled in bulk is not what the triggers make''; END';
\endif
