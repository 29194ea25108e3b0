-- What the program ticket may do: read the public copies, and act for the
-- holder of a secret link.  Each api.ticket_* function takes the link's token
-- and checks it in the database; without one it opens nothing private.

CREATE VIEW api.public_ticket AS
SELECT p.number, p.subject, p.kind_label, p.product_label, p.severity, p.severity_name,
	p.state_label, p.solved AS is_solved, p.resolution_label,
	p.reason, p.reason <> '' AS has_reason, p.alternative, p.alternative <> '' AS has_alternative,
	CASE WHEN p.solved THEN (SELECT e.body_html FROM desk.public_entry e WHERE e.ticket = p.number AND e.is_solution
		ORDER BY e.at DESC LIMIT 1) END AS solution_html, p.duplicate_of, p.duplicate_of IS NOT NULL AS is_duplicate, p.release,
	p.state = 'fixed' AS is_fixed, p.release IS NOT NULL AS has_release,
	CASE WHEN p.release IS NULL THEN 'the release that carries it' END AS release_unknown,
	desk.tone(p.state, p.late_at < now()) AS tone,
	p.product IS NOT NULL AS has_product,
	p.channel_label, coalesce(p.requester_name, 'Somebody') AS requester_name,
	p.assignee, p.assignee IS NOT NULL AS is_assigned, p.me_toos + 1 AS affected, p.me_toos > 0 AS has_me_toos, p.me_toos = 0 AS only_one, p.messages,
	desk.utc(p.filed_at) AS filed_at, desk.words(p.filed_at) AS filed_words,
	desk.utc(p.solved_at) AS solved_at, desk.words(p.solved_at) AS solved_words,
	m.*
FROM desk.public_ticket p,
LATERAL desk.promise_of(p.state, p.filed_at, p.answer_due_at, p.answered_at, p.solve_due_at, p.next_update_by, p.late_at,
	p.answer_seconds, p.answer_missed) m;
COMMENT ON VIEW api.public_ticket IS 'A public ticket as its page shows it.';

CREATE VIEW api.public_entry AS
SELECT ticket, at, seq, is_change, NOT is_change AS is_message, is_staff, is_solution,
	name, initial, body_html, what, new, new IS NOT NULL AS has_new, is_change AND new IS NULL AS is_removed,
	posted_at, posted_words
FROM desk.public_entry;
COMMENT ON VIEW api.public_entry IS 'The public thread; order by ticket, at, is_change, seq.';

CREATE VIEW api.public_file AS
SELECT ticket, message::text AS entry, place, id AS file_id, name AS file_name, type, size, desk.size_words(size) AS size_words,
	is_image, is_image AS file_is_image, NOT is_image AS file_is_other, name AS file_path, encode(sha256, 'hex') AS sha256
FROM desk.public_attachment;
COMMENT ON VIEW api.public_file IS 'The files of a public thread, each with the seq of its message as "entry"; order by ticket, entry, place.';

CREATE FUNCTION api.public_file_piece(wanted int, wanted_file bigint, wanted_seq int) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.blob_piece((SELECT p.sha256 FROM desk.public_attachment p WHERE p.ticket = wanted AND p.id = wanted_file), wanted_seq);
END
$$;
COMMENT ON FUNCTION api.public_file_piece(int, bigint, int) IS 'One piece of a file of a public ticket; NULL for what is not there or not public.';

CREATE FUNCTION api.ticket_me_too(wanted int, visitor text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.public_ticket WHERE number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	RETURN CASE WHEN desk.me_too(wanted, visitor) THEN 'counted' ELSE 'limited' END;
END
$$;
COMMENT ON FUNCTION api.ticket_me_too(int, text) IS 'Count a visitor''s voice for a public ticket, once.  PT404 unless it is public.';

CREATE FUNCTION api.ticket_follow(wanted int, visitor text, mail text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.public_ticket WHERE number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	IF NOT coalesce(desk.is_mail(btrim(mail)), false) THEN
		RETURN 'mail';
	END IF;
	RETURN CASE WHEN desk.follow(wanted, visitor, mail) THEN 'asked' ELSE 'limited' END;
END
$$;
COMMENT ON FUNCTION api.ticket_follow(int, text, text) IS 'Ask an address to confirm that it wants mail about a public ticket: "asked" whoever it is, "mail" when it is no address, "limited".  PT404 unless public.';

CREATE FUNCTION api.ticket_follow_link(token text) RETURNS TABLE (number int, subject text, mail text, is_following boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, NULL, 'follow');
BEGIN
	RETURN QUERY SELECT t.number, CASE WHEN t.visibility = 'public' THEN desk.visible(t.subject) END, p.mail,
		f.confirmed_at IS NOT NULL AND f.stopped_at IS NULL
	FROM desk.ticket t JOIN desk.person p ON p.id = l.person
	JOIN desk.follower f ON f.ticket = t.number AND f.person = p.id
	WHERE t.number = l.ticket;
END
$$;
COMMENT ON FUNCTION api.ticket_follow_link(text) IS 'What a link from a mail is about.  PT404 for an unknown link.';

CREATE FUNCTION api.ticket_follow_set(token text, following boolean) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, NULL, 'follow');
BEGIN
	UPDATE desk.person SET proven_at = now() WHERE id = l.person AND proven_at IS NULL;
	UPDATE desk.follower SET
		confirmed_at = CASE WHEN following THEN coalesce(confirmed_at, now()) ELSE confirmed_at END,
		stopped_at = CASE WHEN following THEN NULL ELSE now() END
	WHERE ticket = l.ticket AND person = l.person;
	RETURN l.ticket;
END
$$;
COMMENT ON FUNCTION api.ticket_follow_set(text, boolean) IS 'Start or stop mail for the address that a link was sent to, which proves the address.  PT404 for an unknown link.';

CREATE FUNCTION api.ticket_link(token text) RETURNS int
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (desk.link_open(token, NULL, 'requester')).ticket;
END
$$;
COMMENT ON FUNCTION api.ticket_link(text) IS 'The number of the ticket that a secret link opens.  PT404 for an unknown link.';

CREATE FUNCTION api.ticket_mine(token text, wanted int)
RETURNS TABLE (number int, version int, subject text, kind_label text, product_label text, severity smallint, severity_name text,
	state text, state_label text, tone text, is_solved boolean, is_fixed boolean, has_product boolean, resolution_label text,
	reason text, has_reason boolean, alternative text, has_alternative boolean, solution_html text, duplicate_of int, is_duplicate boolean, release text, has_release boolean, release_unknown text, channel_label text, requester_name text,
	assignee text, is_assigned boolean, affected int, has_me_toos boolean, only_one boolean, filed_at text, filed_words text,
	solved_at text, solved_words text, is_public boolean, has_consent boolean, no_consent boolean, may_confirm boolean,
	mail text, has_mail boolean, may_follow boolean, is_following boolean,
	promise text, promise_at text, promise_words text, promise_tone text, has_promise boolean, is_paused boolean, is_late boolean,
	answered boolean, answer_words text, percent int, is_paged boolean, has_somebody boolean, somebody_words text,
	is_withheld boolean, takes_more boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	RETURN QUERY SELECT t.number, t.version, desk.visible(t.subject), k.label, d.label, t.severity, s.name,
		t.state, CASE t.resolution WHEN 'reported-elsewhere' THEN 'Not kept here' ELSE st.label END,
		CASE t.resolution WHEN 'reported-elsewhere' THEN 'st-resolved is-wait' ELSE desk.tone(t.state, t.late_at < now()) END,
		t.state = 'resolved', t.state = 'fixed', t.product IS NOT NULL, r.label,
		desk.visible(t.reason), coalesce(t.reason <> '', false), desk.visible(t.alternative), coalesce(t.alternative <> '', false),
		(SELECT x.body_html FROM desk.message x WHERE x.ticket = t.number AND x.solution AND t.state = 'resolved' ORDER BY x.id DESC LIMIT 1),
		d2.number, d2.number IS NOT NULL, e.version, e.version IS NOT NULL, CASE WHEN e.version IS NULL THEN 'the release that carries it' END, c.label, coalesce(desk.visible(t.requester_name), 'You'),
		a.name, a.name IS NOT NULL, t.me_toos + 1, t.me_toos > 0, t.me_toos = 0, desk.utc(t.filed_at), desk.words(t.filed_at),
		desk.utc(t.solved_at), desk.words(t.solved_at), t.visibility = 'public', t.consented_at IS NOT NULL, t.consented_at IS NULL,
		t.confirmed_at IS NULL AND coalesce(t.resolution <> 'reported-elsewhere', true),
		p.mail, p.mail IS NOT NULL, l.person IS NOT NULL AND l.person = t.requester AND (f.confirmed_at IS NULL OR f.stopped_at IS NOT NULL),
		f.confirmed_at IS NOT NULL AND f.stopped_at IS NULL, m.*, EXISTS (SELECT FROM desk.page_report r WHERE r.ticket = t.number AND r.over_at IS NULL),
		o.since IS NOT NULL, desk.words(o.since), coalesce(t.resolution = 'reported-elsewhere', false), coalesce(t.resolution <> 'reported-elsewhere', true)
	FROM desk.ticket t
	JOIN desk.kind k ON k.name = t.kind
	JOIN desk.severity s ON s.level = t.severity
	JOIN desk.state st ON st.name = t.state
	JOIN desk.channel c ON c.name = t.channel
	LEFT JOIN desk.product d ON d.name = t.product
	LEFT JOIN desk.resolution r ON r.name = t.resolution
	LEFT JOIN desk.release e ON e.id = t.release
	LEFT JOIN desk.staff a ON a.id = t.assignee
	LEFT JOIN desk.person p ON p.id = t.requester
	LEFT JOIN LATERAL (SELECT max(g.acknowledged_at) AS since FROM desk.page_report q JOIN desk.page g ON g.id = q.page
		WHERE q.ticket = t.number AND q.over_at IS NULL AND g.resolved_at IS NULL) o ON true
	LEFT JOIN desk.public_ticket d2 ON d2.number = t.duplicate_of
	LEFT JOIN desk.follower f ON f.ticket = t.number AND f.person = t.requester,
	LATERAL desk.promise_of(t.state, t.filed_at, t.answer_due_at, t.answered_at, t.solve_due_at, t.next_update_by, t.late_at,
		(SELECT x.target_seconds::int FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'first response' AND x.cycle = 1),
		(SELECT x.breached_at IS NOT NULL FROM desk.clock x WHERE x.ticket = t.number AND x.metric = 'first response' AND x.cycle = 1)) m
	WHERE t.number = l.ticket;
END
$$;
COMMENT ON FUNCTION api.ticket_mine(text, int) IS 'A requester''s own ticket, private or public.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_mine_thread(token text, wanted int)
RETURNS TABLE (is_change boolean, is_message boolean, is_staff boolean, is_solution boolean, name text, initial text, body_html text,
	what text, new text, has_new boolean, is_removed boolean, seq bigint, posted_at text, posted_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	RETURN QUERY SELECT x.is_change, NOT x.is_change, x.is_staff, x.is_solution, x.name, upper(left(x.name, 1)), x.body_html,
		x.what, x.new, x.new IS NOT NULL, x.is_change AND x.new IS NULL, x.seq, desk.utc(x.at), desk.words(x.at)
	FROM (
		SELECT false AS is_change, m.author = 'staff' AS is_staff, m.solution AS is_solution,
			coalesce(desk.visible(m.name), CASE m.author WHEN 'requester' THEN 'You' ELSE 'Nightdesk' END) AS name,
			m.body_html, NULL::text AS what, NULL::text AS new, m.id AS seq, m.posted_at AS at
		FROM desk.message m WHERE m.ticket = l.ticket
		UNION ALL
		SELECT true, c.actor = 'staff', false, desk.actor_words(c), NULL, desk.field_words(c.field), desk.shown_words(c.field, c.new), c.id, c.changed_at
		FROM desk.change c WHERE c.ticket = l.ticket AND desk.is_shown(c)
	) x ORDER BY x.at, x.is_change, x.seq;
END
$$;
COMMENT ON FUNCTION api.ticket_mine_thread(text, int) IS 'All messages and shown changes of a requester''s own ticket, in order; never a note.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_mine_files(token text, wanted int)
RETURNS TABLE (entry text, file_id bigint, file_name text, type text, size int, size_words text, is_image boolean, file_is_image boolean,
	file_is_other boolean, file_came_sealed boolean, file_path text, sha256 text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	RETURN QUERY SELECT a.message::text, a.id, desk.visible(a.name), a.type, a.size, desk.size_words(a.size), a.is_image, a.is_image, NOT a.is_image AND NOT a.sealed, a.sealed,
		'file', encode(a.sha256, 'hex')
	FROM desk.attachment a WHERE a.ticket = l.ticket AND a.message IS NOT NULL ORDER BY a.message, a.place;
END
$$;
COMMENT ON FUNCTION api.ticket_mine_files(text, int) IS 'The files of a requester''s own ticket, each with the seq of its message as "entry"; file_path ends its address, where the name would stand in the logs of the web server; never those of a note.  Of a sealed one that it came is all they have.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_mine_file(token text, wanted int, wanted_file bigint)
RETURNS TABLE (file_name text, type text, size int, is_image boolean, sha256 text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.link_open(token, wanted, 'requester');
	RETURN QUERY SELECT f.file_name, f.type, f.size, f.is_image, f.sha256 FROM api.ticket_mine_files(token, wanted) f WHERE f.file_id = wanted_file AND NOT f.file_came_sealed;
END
$$;
COMMENT ON FUNCTION api.ticket_mine_file(text, int, bigint) IS 'One of api.ticket_mine_files(), never a sealed one.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_mine_file_piece(token text, wanted int, wanted_file bigint, wanted_seq int) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	RETURN desk.blob_piece((SELECT a.sha256 FROM desk.attachment a WHERE a.ticket = l.ticket AND a.id = wanted_file
		AND a.message IS NOT NULL AND NOT a.sealed), wanted_seq);
END
$$;
COMMENT ON FUNCTION api.ticket_mine_file_piece(text, int, bigint, int) IS 'One piece of a file of a requester''s own ticket; NULL where there is none.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_file_check(token text, wanted int, key_sha256 text, visitor text, fields text[], names text[], hashes text[], sizes bigint[], most int, most_bytes bigint,
	body text, not_security boolean) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.link_open(token, wanted, 'requester');
	IF desk.is_withheld(wanted) OR NOT not_security AND desk.reads_like_a_hole('', body) THEN
		RETURN NEXT 'ask';
	ELSE
		RETURN QUERY SELECT * FROM desk.upload_check(key_sha256, fields, names, hashes, sizes, most, most_bytes, visitor);
	END IF;
END
$$;
COMMENT ON FUNCTION api.ticket_file_check(text, int, text, text, text[], text[], text[], bigint[], int, bigint, text, boolean) IS 'Before files are kept for a reply: a word for each, see desk.upload_check(), or "ask" alone while it is open whether this is about a security hole: then nothing is stored.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_upload(token text, wanted int, key_sha256 text, field text, name text, type text, size int, sha256 text, most_bytes bigint, seq int, bytes bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.link_open(token, wanted, 'requester');
	RETURN desk.upload_piece(key_sha256, field, name, type, size, sha256, most_bytes, seq, bytes);
END
$$;
COMMENT ON FUNCTION api.ticket_upload(text, int, text, text, text, text, int, text, bigint, int, bytea) IS 'Keep one piece of a file for a reply, see desk.upload_piece().  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_files(token text, wanted int, key_sha256 text) RETURNS TABLE (file_place smallint, file_name text, size_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.link_open(token, wanted, 'requester');
	RETURN QUERY SELECT * FROM desk.uploads(key_sha256);
END
$$;
COMMENT ON FUNCTION api.ticket_files(text, int, text) IS 'The files that are kept for a reply.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_file_drop(token text, wanted int, key_sha256 text, place int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.link_open(token, wanted, 'requester');
	RETURN desk.upload_drop(key_sha256, coalesce(place, 0));
END
$$;
COMMENT ON FUNCTION api.ticket_file_drop(text, int, text, int) IS 'Forget one file that is kept for a reply.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_why(wanted int)
RETURNS TABLE (metric_label text, heads boolean, promised_words text, outcome_words text, outcome_tone text, ends boolean,
	at text, at_words text, event text, because text, counted text, used text, rest text, due_at text, due_words text, has_due boolean, no_due boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.public_ticket WHERE number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT * FROM desk.clock_why(wanted);
END
$$;
COMMENT ON FUNCTION api.ticket_why(int) IS 'The ledger of a public ticket''s clocks in words.  PT404 unless it is public.';

CREATE FUNCTION api.ticket_mine_why(token text, wanted int)
RETURNS TABLE (metric_label text, heads boolean, promised_words text, outcome_words text, outcome_tone text, ends boolean,
	at text, at_words text, event text, because text, counted text, used text, rest text, due_at text, due_words text, has_due boolean, no_due boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	RETURN QUERY SELECT * FROM desk.clock_why(l.ticket);
END
$$;
COMMENT ON FUNCTION api.ticket_mine_why(text, int) IS 'The ledger of the clocks of a requester''s own ticket.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_keys() RETURNS TABLE (fingerprint text, fingerprint_words text, key_ids text, former_ids text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM desk.confidential_keys();
END
$$;
COMMENT ON FUNCTION api.ticket_keys() IS 'The keys that the confidential part of a message may be encrypted for, see desk.confidential_keys().';

CREATE FUNCTION api.ticket_reply(token text, wanted int, key_sha256 text, visitor text, body text, body_html text, renderer int,
	not_security boolean, sealed bytea DEFAULT NULL, next_key text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
	digest bytea := sha256(convert_to(body, 'UTF8') || coalesce(sha256(nullif(sealed, '')), ''));
	sent desk.submission;
	said bigint;
BEGIN
	SELECT * INTO sent FROM desk.submission s WHERE s.key_sha256 = decode(ticket_reply.key_sha256, 'hex');
	IF FOUND THEN
		RETURN desk.replied_before(sent, digest, next_key);
	END IF;
	IF desk.is_withheld(l.ticket) OR NOT not_security AND desk.reads_like_a_hole('', body) THEN
		PERFORM desk.upload_drop(ticket_reply.key_sha256, NULL);
		RETURN CASE WHEN desk.is_withheld(l.ticket) THEN 'withheld' ELSE 'security' END;
	END IF;
	IF NOT coalesce(body ~ '\S', false) AND coalesce(length(sealed), 0) = 0 AND NOT EXISTS (SELECT FROM desk.upload u
		WHERE u.key_sha256 = decode(ticket_reply.key_sha256, 'hex') AND u.whole) THEN
		RETURN 'empty';
	END IF;
	IF NOT desk.limit_take('message', visitor) THEN
		RETURN 'limited';
	END IF;
	INSERT INTO desk.submission (key_sha256, text_sha256, ticket)
	VALUES (decode(ticket_reply.key_sha256, 'hex'), digest, l.ticket) ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		SELECT * INTO STRICT sent FROM desk.submission s WHERE s.key_sha256 = decode(ticket_reply.key_sha256, 'hex');
		RETURN desk.replied_before(sent, digest, next_key);
	END IF;
	INSERT INTO desk.message (ticket, author, name, body, body_html, renderer)
	SELECT l.ticket, 'requester', t.requester_name, ticket_reply.body, ticket_reply.body_html, ticket_reply.renderer
	FROM desk.ticket t WHERE t.number = l.ticket RETURNING id INTO said;
	PERFORM desk.attach(ticket_reply.key_sha256, l.ticket, said, NULL);
	PERFORM desk.attach_sealed(l.ticket, said, sealed);
	RETURN 'posted';
END
$$;
COMMENT ON FUNCTION api.ticket_reply(text, int, text, text, text, text, int, boolean, bytea, text) IS 'A message of the requester, with the files that are kept under its key and the packets of its confidential part (NULL or empty for none): "posted" (once for a key, however often it is sent), "other" when something else was posted with this key before (then the files wait under next_key), "empty", "limited", "security" when it reads like the report of a security hole and not_security is false, or "withheld" when the ticket was one; nothing is stored then.  It reopens a pending or solved ticket.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_solved(token text, wanted int, solved boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	IF solved THEN
		UPDATE desk.ticket t SET confirmed_at = now(), changed_by = 'requester', state = 'resolved',
			resolution = coalesce(t.resolution, CASE WHEN t.answered_at IS NULL THEN 'withdrawn' ELSE 'answered' END)
		WHERE t.number = l.ticket AND t.confirmed_at IS NULL;
	ELSE
		UPDATE desk.ticket t SET changed_by = 'requester', state = 'open', resolution = NULL
		WHERE t.number = l.ticket AND t.state = 'resolved';
	END IF;
	RETURN 'done';
END
$$;
COMMENT ON FUNCTION api.ticket_solved(text, int, boolean) IS 'The requester says "solved, thank you" (resolves it where it was not), or "not solved" (opens it again).  Saying it twice changes nothing.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_consent(token text, wanted int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	UPDATE desk.ticket t SET consented_at = now(), changed_by = 'requester'
	WHERE t.number = l.ticket AND t.consented_at IS NULL;
	RETURN 'done';
END
$$;
COMMENT ON FUNCTION api.ticket_consent(text, int) IS 'The requester agrees that staff may make a private ticket public; recorded in the history.  PT404 unless the link opens this ticket.';

CREATE FUNCTION api.ticket_mine_follow(token text, wanted int, following boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l desk.link := desk.link_open(token, wanted, 'requester');
BEGIN
	IF following AND l.person IS NULL THEN
		RETURN 'unproven';
	END IF;
	UPDATE desk.person SET proven_at = now() WHERE id = l.person AND proven_at IS NULL;
	UPDATE desk.follower f SET
		confirmed_at = CASE WHEN following THEN coalesce(f.confirmed_at, now()) ELSE f.confirmed_at END,
		stopped_at = CASE WHEN following THEN NULL ELSE now() END
	FROM desk.ticket t WHERE t.number = l.ticket AND f.ticket = t.number AND f.person = t.requester;
	RETURN 'done';
END
$$;
COMMENT ON FUNCTION api.ticket_mine_follow(text, int, boolean) IS 'Start or stop mail to the requester''s address.  Starting takes the link that was mailed there, which proves the address; "unproven" with another.  PT404 unless the link opens this ticket.';

GRANT USAGE ON SCHEMA api TO desk_ticket;
GRANT SELECT ON api.public_ticket, api.public_entry, api.public_file TO desk_ticket;
GRANT EXECUTE ON FUNCTION api.ticket_me_too(int, text), api.ticket_follow(int, text, text), api.ticket_follow_link(text),
	api.ticket_follow_set(text, boolean), api.ticket_link(text), api.ticket_mine(text, int), api.ticket_mine_thread(text, int),
	api.ticket_keys(), api.ticket_reply(text, int, text, text, text, text, int, boolean, bytea, text), api.ticket_solved(text, int, boolean),
	api.ticket_consent(text, int), api.ticket_mine_follow(text, int, boolean),
	api.ticket_why(int), api.ticket_mine_why(text, int),
	api.public_file_piece(int, bigint, int), api.ticket_mine_files(text, int), api.ticket_mine_file(text, int, bigint),
	api.ticket_mine_file_piece(text, int, bigint, int), api.ticket_file_check(text, int, text, text, text[], text[], text[], bigint[], int, bigint, text, boolean),
	api.ticket_upload(text, int, text, text, text, text, int, text, bigint, int, bytea), api.ticket_files(text, int, text),
	api.ticket_file_drop(text, int, text, int) TO desk_ticket;
GRANT EXECUTE ON FUNCTION desk.utc(timestamptz), desk.words(timestamptz), desk.span_words(numeric), desk.size_words(bigint), desk.tone(text, boolean),
	desk.promise_of(text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, int, boolean) TO desk_ticket;
