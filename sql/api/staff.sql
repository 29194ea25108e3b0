-- What the program staff may do: show the queue and the protected ticket
-- page, and carry out its forms.  Every function takes the session's token
-- first and asks desk.session_staff() who that is: PT401 when nobody.  So a
-- staff process that was taken over acts only for those who pass through it.
--
-- A form answers with an outcome: "done"; "sent", this very form was carried
-- out already; "moved", nothing was stored because the ticket is not what the
-- form was made from; "refused", with the field and the words for people.

-- The queue ------------------------------------------------------------------

CREATE FUNCTION api.staff_queue(token text, view text, wanted_severity text, wanted_kind text, wanted_product text, q text, after text, most int,
	wanted_team text DEFAULT NULL)
RETURNS TABLE (place text, number int, version int, subject text, is_private boolean, severity smallint, severity_name text,
	is_blocked boolean, state_label text, tone text, assignee text, is_free boolean, is_mine boolean, is_taken boolean,
	is_solved boolean, channel_label text, promise text, due_at text, due_words text, due_tone text, due_exact text,
	has_promise boolean, no_promise boolean, percent int, is_late boolean, they_wrote boolean,
	team_label text, has_team boolean, lacks_team boolean, is_untriaged_long boolean, untriaged_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	filters text := desk.queue_where(who, CASE WHEN q ~ '\S' THEN 'all' ELSE view END, wanted_severity, wanted_kind, wanted_product)
		|| CASE WHEN wanted_team IS NULL THEN '' ELSE format(' AND t.team = %L', wanted_team) END;
	page int[];
	places text[];
BEGIN
	IF q ~ '\S' THEN
		SELECT array_agg(f.number), array_agg(f.place) INTO page, places FROM desk.queue_found(q, filters, after, most) f;
	ELSE
		SELECT array_agg(f.number), array_agg(f.place) INTO page, places FROM desk.queue_numbers(filters, after, most) f;
	END IF;
	RETURN QUERY SELECT w.place, t.number, t.version, desk.visible(t.subject), t.visibility = 'private', t.severity, s.name,
		t.blocked = 'blocked' AND t.state <> 'resolved', st.label,
		CASE t.state WHEN 'new' THEN 'st-new is-warn' WHEN 'open' THEN 'st-open is-ok' WHEN 'pending' THEN 'st-pending is-wait'
			WHEN 'fixed' THEN 'st-fixed is-priv' ELSE 'st-resolved is-ok' END,
		a.name, t.assignee IS NULL AND t.state <> 'resolved', coalesce(t.assignee = who, false),
		coalesce(t.assignee <> who, false), t.state = 'resolved', c.label,
		coalesce(p.promise, ''), coalesce(desk.utc(p.due_at), ''),
		CASE WHEN t.state = 'resolved' THEN 'solved' WHEN p.promise IS NULL THEN 'no promise left' ELSE desk.due_words(p.due_at) END,
		CASE WHEN t.state = 'resolved' THEN 'st-resolved is-ok' WHEN p.is_late THEN 'st-late is-bad' WHEN p.is_soon THEN 'st-soon is-warn'
			WHEN coalesce(p.is_paused, true) THEN 'st-pending is-wait' ELSE 'st-open is-ok' END,
		coalesce(desk.words(p.due_at), ''), p.due_at IS NOT NULL, p.due_at IS NULL, coalesce(p.percent, 0), coalesce(p.is_late, false),
		t.state NOT IN ('new', 'resolved') AND coalesce((SELECT m.author = 'requester' FROM desk.message m
			WHERE m.ticket = t.number ORDER BY m.id DESC LIMIT 1), false),
		m.label, m.label IS NOT NULL, desk.lacks_team(t.state, t.channel, t.team, t.filed_at, now()),
		desk.is_untriaged(t.state, t.assignee) AND t.filed_at < now() - interval '7 days',
		desk.span_words(extract(epoch FROM now() - t.filed_at))
	FROM unnest(page, places) WITH ORDINALITY AS w (number, place, position)
	JOIN desk.ticket t ON t.number = w.number
	JOIN desk.severity s ON s.level = t.severity
	JOIN desk.state st ON st.name = t.state
	JOIN desk.channel c ON c.name = t.channel
	LEFT JOIN desk.staff a ON a.id = t.assignee
	LEFT JOIN desk.team m ON m.name = t.team
	LEFT JOIN LATERAL (SELECT * FROM desk.promises(t.number) x ORDER BY x.due_at NULLS LAST LIMIT 1) p ON true
	ORDER BY w.position;
END
$$;
COMMENT ON FUNCTION api.staff_queue(text, text, text, text, text, text, text, int, text) IS 'A page of the queue.  view: open (or NULL), mine, unassigned, untriaged, waiting, fixed, all; q: words to search all tickets for, solved and private ones too, the newest first; after: the "place" of the row to go on from.';

CREATE FUNCTION api.staff_views(token text, wanted_view text)
RETURNS TABLE (view text, label text, tickets text, is_current boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	n int;
	v record;
BEGIN
	FOR v IN SELECT * FROM (VALUES ('open', 'Next promise first'), ('mine', 'Mine'), ('unassigned', 'Unassigned'),
		('untriaged', 'Not triaged'),
		('waiting', 'Waiting'), ('fixed', 'Fixed, not released')) AS v (view, label) LOOP
		EXECUTE format('SELECT count(*) FROM (SELECT FROM desk.ticket t WHERE true%s LIMIT 1001) x',
			desk.queue_where(who, v.view, NULL, NULL, NULL)) INTO n;
		RETURN QUERY SELECT v.view, v.label, CASE WHEN n > 1000 THEN 'more than 1,000' ELSE n::text END,
			v.view = coalesce(wanted_view, 'open');
	END LOOP;
END
$$;
COMMENT ON FUNCTION api.staff_views(text, text) IS 'The views of the queue and how many tickets each holds, exact to 1,000.';

CREATE FUNCTION api.staff_filters(token text)
RETURNS TABLE (field text, value text, label text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT x.field, x.value, x.label FROM (
		SELECT 'severity' AS field, s.level::text AS value, format('S%s %s', s.level, s.name) AS label, s.level::int AS position FROM desk.severity s
		UNION ALL SELECT 'kind', k.name, k.label, k.position FROM desk.kind k
		UNION ALL SELECT 'team', m.name, m.label, m.position FROM desk.team m
		UNION ALL SELECT 'product', p.name, p.label, p.position FROM desk.product p) x
	ORDER BY x.field, x.position, x.label;
END
$$;
COMMENT ON FUNCTION api.staff_filters(text) IS 'What the queue can be narrowed to.';

CREATE FUNCTION api.staff_me(token text) RETURNS TABLE (me text, my_login text, zone text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(token);
BEGIN
	RETURN QUERY SELECT s.name, s.login, to_char(now(), 'TZ') FROM desk.staff s WHERE s.id = who;
END
$$;
COMMENT ON FUNCTION api.staff_me(text) IS 'Who is signed in, and the zone in which times are typed.';

-- One ticket -----------------------------------------------------------------

CREATE FUNCTION api.staff_ticket(token text, wanted int)
RETURNS TABLE (number int, version int, seen_at text, subject text, severity smallint, severity_name text, kind_label text,
	product_label text, has_product boolean, blocked_words text, is_private boolean, is_public boolean, has_consent boolean, lacks_consent boolean,
	consented_words text, channel_label text, template_label text, has_template boolean, requester_name text, has_name boolean, no_name boolean,
	mail text, has_mail boolean, no_mail boolean, mail_is_proven boolean, mail_is_unproven boolean, tried text, has_tried boolean, assignee text, has_assignee boolean, no_assignee boolean, is_mine boolean, may_take boolean,
	state text, state_label text, tone text, is_solved boolean, is_open boolean, is_fixed boolean, resolution_label text,
	reason text, reason_shown text, has_reason boolean, alternative text, alternative_shown text, has_alternative boolean, duplicate_of int, has_duplicate boolean, release text, has_release boolean, lacks_release boolean,
	hold_words text, has_hold boolean, next_update_typed text, affected int, has_me_toos boolean, reach_words text, has_broken boolean, with_promises boolean, panel text,
	filed_at text, filed_words text, answer_words text, confirmed_words text, is_confirmed boolean, is_unconfirmed boolean, is_unanswered boolean,
	is_forgotten boolean, is_withheld boolean, is_kept boolean, withheld_words text,
	customer text, has_customer boolean, is_internal boolean, plan_label text, has_plan boolean, team_label text, has_team boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
BEGIN
	RETURN QUERY SELECT t.number, t.version, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), desk.visible(t.subject),
		t.severity, s.name, k.label, d.label, d.label IS NOT NULL,
		CASE t.blocked WHEN 'blocked' THEN 'Blocked: cannot go on' WHEN 'workaround' THEN 'Has a workaround' ELSE 'Not blocked' END,
		t.visibility = 'private', t.visibility = 'public', t.consented_at IS NOT NULL, t.consented_at IS NULL, desk.words(t.consented_at),
		c.label, i.label, i.label IS NOT NULL, desk.visible(t.requester_name), t.requester_name IS NOT NULL,
		t.requester_name IS NULL AND p.erased_at IS NULL,
		p.mail, p.mail IS NOT NULL AND p.erased_at IS NULL, p.mail IS NULL, p.proven_at IS NOT NULL, p.proven_at IS NULL,
		desk.visible(t.tried), coalesce(t.tried ~ '\S', false), a.name, a.name IS NOT NULL, a.name IS NULL, coalesce(t.assignee = who, false),
		t.assignee IS DISTINCT FROM who AND t.state <> 'resolved',
		t.state, CASE WHEN w.id IS NULL THEN st.label ELSE 'Not kept here' END,
		CASE WHEN w.id IS NOT NULL THEN 'st-resolved is-wait' WHEN t.state = 'new' THEN 'st-new is-warn' WHEN t.state = 'open' THEN 'st-open is-ok'
			WHEN t.state = 'pending' THEN 'st-pending is-wait' WHEN t.state = 'fixed' THEN 'st-fixed is-priv' ELSE 'st-resolved is-ok' END,
		t.state = 'resolved', t.state <> 'resolved', t.state = 'fixed', r.label, t.reason, desk.visible(t.reason), coalesce(t.reason ~ '\S', false),
		t.alternative, desk.visible(t.alternative), coalesce(t.alternative ~ '\S', false), t.duplicate_of, t.duplicate_of IS NOT NULL,
		e.version, e.version IS NOT NULL, e.version IS NULL,
		desk.change_words('hold', t.hold), t.hold IS NOT NULL, to_char(t.next_update_by, 'YYYY-MM-DD"T"HH24:MI'),
		t.me_toos + 1, t.me_toos > 0,
		desk.reach_words(t), EXISTS (SELECT FROM desk.broken(t.number) x), t.state <> 'resolved' OR t.next_update_by IS NOT NULL,
		(SELECT CASE WHEN bool_or(x.is_late) THEN 'is-bad' WHEN bool_or(x.is_soon) THEN 'is-warn'
			WHEN bool_and(x.is_paused) THEN 'is-wait' ELSE 'is-ok' END FROM desk.promises(t.number) x),
		desk.utc(t.filed_at), desk.words(t.filed_at),
		CASE WHEN t.answered_at IS NULL THEN '' ELSE format('First answer came after %s (promised: within %s).',
			desk.span_words(extract(epoch FROM t.answered_at - t.filed_at)), desk.span_words(f.target_seconds)) END
			|| CASE WHEN f.breached_at IS NOT NULL OR t.answered_at IS NULL AND t.late_at < now() THEN ' That promise was missed.' ELSE '' END,
		desk.words(t.confirmed_at), t.confirmed_at IS NOT NULL,
		t.confirmed_at IS NULL AND p.erased_at IS NULL AND w.id IS NULL, t.answered_at IS NULL,
		p.erased_at IS NOT NULL, w.id IS NOT NULL, w.id IS NULL,
		desk.by_words(w.staff, w.role) || ' on ' || desk.words(w.at),
		u.name, u.name IS NOT NULL, coalesce(u.is_internal, false), b.label, b.label IS NOT NULL, m.label, m.label IS NOT NULL
	FROM desk.ticket t
	JOIN desk.kind k ON k.name = t.kind
	JOIN desk.severity s ON s.level = t.severity
	JOIN desk.state st ON st.name = t.state
	JOIN desk.channel c ON c.name = t.channel
	LEFT JOIN desk.clock f ON f.ticket = t.number AND f.metric = 'first response' AND f.cycle = 1
	LEFT JOIN desk.product d ON d.name = t.product
	LEFT JOIN desk.intake_template i ON i.name = t.template
	LEFT JOIN desk.person p ON p.id = t.requester
	LEFT JOIN desk.staff a ON a.id = t.assignee
	LEFT JOIN desk.resolution r ON r.name = t.resolution
	LEFT JOIN desk.release e ON e.id = t.release
	LEFT JOIN desk.customer u ON u.id = t.customer
	LEFT JOIN desk.plan b ON b.name = u.plan
	LEFT JOIN desk.team m ON m.name = t.team
	LEFT JOIN desk.redaction w ON w.ticket = t.number AND w.kind = 'vulnerability'
	WHERE t.number = wanted;
	IF NOT FOUND THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
END
$$;
COMMENT ON FUNCTION api.staff_ticket(text, int) IS 'The facts of a ticket, public or private.  PT404 when there is none.';

CREATE FUNCTION api.staff_promises(token text, wanted int)
RETURNS TABLE (promise text, due_at text, due_words text, due_exact text, due_tone text, percent int, promise_runs boolean, promise_waits boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT upper(left(p.promise, 1)) || substr(p.promise, 2), desk.utc(p.due_at), desk.due_words(p.due_at), desk.words(p.due_at),
		CASE WHEN p.is_late THEN 'st-late is-bad' WHEN p.is_soon THEN 'st-soon is-warn' WHEN p.is_paused THEN 'st-pending is-wait'
			ELSE 'st-open is-ok' END,
		p.percent, NOT p.is_paused, p.is_paused
	FROM desk.promises(wanted) p ORDER BY p.due_at NULLS LAST, p.promise;
END
$$;
COMMENT ON FUNCTION api.staff_promises(text, int) IS 'What is still to be kept for a ticket, the next first.';

CREATE FUNCTION api.staff_thread(token text, wanted int, since text)
RETURNS TABLE (entry text, entry_is_message boolean, entry_is_note boolean, entry_is_change boolean, by_staff boolean, by_requester boolean,
	by_machine boolean, entry_is_solution boolean, entry_is_attempt boolean, who text, initial text, body_html text,
	what text, old text, new text, has_old boolean, has_new boolean, has_none boolean, by_program text, has_program boolean, said_at text, said_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	from_then timestamptz := coalesce(since::timestamptz, '-infinity');
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT x.entry, x.form = 'message', x.form = 'note', x.form = 'change', x.author = 'staff', x.author = 'requester',
		x.author = 'automatic', x.solution, x.attempt, x.who, upper(left(x.who, 1)), x.body_html, x.what, x.old, x.new,
		x.old IS NOT NULL, x.new IS NOT NULL, x.new IS NULL, x.by_program, x.by_program IS NOT NULL, desk.utc(x.at), desk.words(x.at)
	FROM (
		SELECT 'm' || m.id AS entry, 'message' AS form, m.author, m.solution, m.attempt,
			coalesce(desk.visible(m.name), CASE m.author WHEN 'requester' THEN 'Somebody' WHEN 'staff' THEN 'Staff' ELSE 'Automatic' END) AS who,
			m.body_html, NULL::text AS what, NULL::text AS old, NULL::text AS new, NULL::text AS by_program, m.posted_at AS at, 1 AS place, m.id AS seq
		FROM desk.message m WHERE m.ticket = wanted AND m.posted_at > from_then
		UNION ALL
		SELECT 'n' || n.id, 'note', 'staff', false, false, s.name, n.body_html, NULL, NULL, NULL, NULL, n.posted_at, 2, n.id
		FROM desk.note n JOIN desk.staff s ON s.id = n.staff WHERE n.ticket = wanted AND n.posted_at > from_then
		UNION ALL
		SELECT 'c' || c.id, 'change', c.actor, false, false, desk.actor_words(c), NULL, desk.field_words(c.field),
			desk.change_words(c.field, c.old), desk.change_words(c.field, c.new),
			CASE WHEN c.actor = 'sql' THEN c.program END, c.changed_at, 3, c.id
		FROM desk.change c WHERE c.ticket = wanted AND c.changed_at > from_then AND c.field <> 'answered_at'
		UNION ALL
		SELECT 'a' || a.id, 'change', 'staff', false, false, s.name, NULL, 'Production action', NULL,
			left(split_part(desk.visible(a.what), E'\n', 1), 200), NULL, a.done_at, 4, a.id
		FROM desk.action a JOIN desk.staff s ON s.id = a.staff WHERE a.ticket = wanted AND a.written_at > from_then
	) x ORDER BY x.at, x.place, x.seq;
END
$$;
COMMENT ON FUNCTION api.staff_thread(text, int, text) IS 'Messages, internal notes and every change of a ticket, in order; with "since" only what came after that moment.';

CREATE FUNCTION api.staff_files(token text, wanted int)
RETURNS TABLE (entry text, file_id bigint, file_name text, type text, size int, size_words text, is_image boolean, file_is_image boolean,
	file_is_other boolean, file_is_sealed boolean, file_is_sealed_text boolean, file_path text, sha256 text,
	file_at text, file_words text, file_from text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT f.entry, f.file, f.name, f.type, f.size, desk.size_words(f.size),
		f.is_image, f.is_image, NOT f.is_image AND NOT f.sealed, f.sealed, f.sealed_text, 'file', f.sha256,
		desk.utc(f.sent_at), desk.words(f.sent_at), f.sender
	FROM desk.ticket_files(wanted) f;
END
$$;
COMMENT ON FUNCTION api.staff_files(text, int) IS 'The files of a ticket, of its notes too, each with the entry of api.staff_thread() that it belongs to, when it came, and from whom.';

CREATE FUNCTION api.staff_private(token text, wanted int) RETURNS TABLE (private_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT desk.reason_words(p.reason) || coalesce(': ' || desk.visible(p.words), '') FROM desk.private_reason p WHERE p.ticket = wanted;
END
$$;
COMMENT ON FUNCTION api.staff_private(text, int) IS 'Why the requester wanted a ticket to be private; no row when they did not say.';

CREATE FUNCTION api.staff_file(token text, wanted int, wanted_file bigint)
RETURNS TABLE (file_name text, type text, size int, is_image boolean, sha256 text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT f.file_name, f.type, f.size, f.is_image, f.sha256 FROM api.staff_files(token, wanted) f WHERE f.file_id = wanted_file;
END
$$;
COMMENT ON FUNCTION api.staff_file(text, int, bigint) IS 'One of api.staff_files().';

CREATE FUNCTION api.staff_file_piece(token text, wanted int, wanted_file bigint, wanted_seq int) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN desk.blob_piece((SELECT a.sha256 FROM desk.attachment a WHERE a.ticket = wanted AND a.id = wanted_file), wanted_seq);
END
$$;
COMMENT ON FUNCTION api.staff_file_piece(text, int, bigint, int) IS 'One piece of a file; NULL where there is none.';

CREATE FUNCTION api.staff_file_check(token text, key_sha256 text, visitor text, fields text[], names text[], hashes text[], sizes bigint[], most int, most_bytes bigint) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT * FROM desk.upload_check(key_sha256, fields, names, hashes, sizes, most, most_bytes, NULL);
END
$$;
COMMENT ON FUNCTION api.staff_file_check(text, text, text, text[], text[], text[], bigint[], int, bigint) IS 'Before files are kept for a message or note: a word for each, see desk.upload_check().';

CREATE FUNCTION api.staff_upload(token text, key_sha256 text, field text, name text, type text, size int, sha256 text, most_bytes bigint, seq int, bytes bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN desk.upload_piece(key_sha256, field, name, type, size, sha256, most_bytes, seq, bytes);
END
$$;
COMMENT ON FUNCTION api.staff_upload(text, text, text, text, text, int, text, bigint, int, bytea) IS 'Keep one piece of a file for a message or note, see desk.upload_piece().';

CREATE FUNCTION api.staff_uploads(token text, key_sha256 text) RETURNS TABLE (file_place smallint, file_name text, size_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT * FROM desk.uploads(key_sha256);
END
$$;
COMMENT ON FUNCTION api.staff_uploads(text, text) IS 'The files that are kept for a message or note.';

CREATE FUNCTION api.staff_file_drop(token text, key_sha256 text, place int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	RETURN desk.upload_drop(key_sha256, coalesce(place, 0));
END
$$;
COMMENT ON FUNCTION api.staff_file_drop(text, text, int) IS 'Forget one file that is kept for a message or note.';

CREATE FUNCTION api.staff_choices(token text, wanted int)
RETURNS TABLE (field text, value text, label text, is_current boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	t desk.ticket;
BEGIN
	PERFORM desk.session_staff(token);
	SELECT * INTO t FROM desk.ticket WHERE number = wanted;
	RETURN QUERY SELECT x.field, x.value, x.label, coalesce(x.value = x.chosen, false) FROM (
		SELECT 'severity' AS field, s.level::text AS value, format('S%s %s', s.level, s.name) AS label, t.severity::text AS chosen, s.level::int AS place FROM desk.severity s
		UNION ALL SELECT 'kind', k.name, k.label, t.kind, k.position FROM desk.kind k
		UNION ALL SELECT 'product', p.name, p.label, t.product, p.position FROM desk.product p WHERE p.retired_at IS NULL OR p.name = t.product
		UNION ALL SELECT 'assignee', s.id::text, s.name, t.assignee::text, 0 FROM desk.staff s WHERE s.active OR s.id = t.assignee
		UNION ALL SELECT 'team', m.name, m.label, t.team, m.position FROM desk.team m WHERE m.retired_at IS NULL OR m.name = t.team
		-- a list to choose from while it can be read; beyond, the name is typed
		UNION ALL SELECT 'customer', u.name, concat_ws(', ', u.name, b.label), NULL, 0 FROM (SELECT * FROM desk.customer ORDER BY lower(name) LIMIT 300) u
			LEFT JOIN desk.plan b ON b.name = u.plan
		UNION ALL SELECT 'state', s.name, s.label, t.state, s.position FROM desk.state s
			WHERE s.name = t.state OR s.is_open AND s.name <> 'fixed'
				AND EXISTS (SELECT FROM desk.transition m WHERE m.from_state = t.state AND m.to_state = s.name)
		UNION ALL SELECT 'hold', h.name, h.label, t.hold, 0 FROM (VALUES ('cannot-yet', 'No, we cannot do it yet'), ('third-party', 'No, we wait for a third party')) h (name, label)
		UNION ALL SELECT 'follow', s.name, s.label, NULL, s.position - 1000 FROM desk.state s
			WHERE s.name IN ('open', 'pending') AND EXISTS (SELECT FROM desk.transition m
				WHERE m.from_state = CASE t.state WHEN 'new' THEN 'open' ELSE t.state END AND m.to_state = s.name)
		UNION ALL SELECT 'follow', r.name, 'Solved: ' || r.label, NULL, r.position FROM desk.resolution r
			WHERE NOT (r.needs_release OR r.needs_reason OR r.needs_alternative OR r.needs_attempt OR r.needs_duplicate) AND r.is_offered AND t.state <> 'resolved'
		UNION ALL SELECT 'promise', x.clock::text, x.words, NULL, x.place FROM desk.broken(t.number) x
		UNION ALL SELECT 'resolution', r.name, r.label, t.resolution, r.position FROM desk.resolution r WHERE r.is_offered OR r.name = t.resolution
		UNION ALL SELECT 'release', e.id::text, format('%s %s', e.version, CASE WHEN e.released_at <= now()
				THEN '(out since ' || to_char(e.released_at, 'FMDD Mon YYYY') || ')' ELSE '(planned)' END),
			t.release::text, -e.id FROM desk.release e WHERE e.product = t.product
	) x ORDER BY x.field, x.place, x.label;
END
$$;
COMMENT ON FUNCTION api.staff_choices(text, int) IS 'What the fields of a ticket''s forms can be, and what they are now.';

-- The forms of a ticket ------------------------------------------------------

CREATE FUNCTION api.staff_reply(token text, wanted int, seen int, key_sha256 text, body text, body_html text, renderer int,
	attempt boolean, solution boolean, follow text, until text, files_key text DEFAULT NULL)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	due timestamptz := desk.when_typed(until);
	held text;
	words text;
	hint text;
	rule text;
	said bigint;
BEGIN
	outcome := desk.staff_begin(wanted, seen, key_sha256,
		concat_ws(E'\n', 'reply', body, attempt, solution, follow, until));
	-- with a file that is new it is another message
	IF outcome = 'sent' AND desk.upload_other(files_key, wanted) THEN
		outcome := 'moved';
	ELSIF outcome = 'sent' THEN
		PERFORM desk.upload_drop(files_key, NULL);
	END IF;
	IF outcome <> 'new' THEN
		RETURN NEXT;
		RETURN;
	END IF;
	IF NOT coalesce(body ~ '\S', false) AND NOT EXISTS (SELECT FROM desk.upload u WHERE u.key_sha256 = decode(files_key, 'hex') AND u.whole) THEN
		RAISE 'write what you want to say' USING ERRCODE = 'PT409', COLUMN = 'reply';
	END IF;
	SELECT hold INTO held FROM desk.ticket WHERE number = wanted;
	IF until IS NOT NULL AND (due IS NULL OR due <= now()) THEN
		RAISE 'choose a date and time that is still to come' USING ERRCODE = 'PT409', COLUMN = 'until';
	END IF;
	IF until IS NULL AND held IS NOT NULL AND (SELECT next_update_by <= now() FROM desk.ticket WHERE number = wanted) THEN
		RAISE 'say when the next update comes: the ticket is still on hold' USING ERRCODE = 'PT409', COLUMN = 'until';
	END IF;
	INSERT INTO desk.message (ticket, author, staff, name, body, body_html, renderer, attempt, solution)
	SELECT wanted, 'staff', s.id, s.name, staff_reply.body, staff_reply.body_html, staff_reply.renderer, staff_reply.attempt, staff_reply.solution
	FROM desk.staff s WHERE s.id = who RETURNING id INTO said;
	PERFORM desk.attach(files_key, wanted, said, NULL);
	-- a message keeps the promise of an update; a hold needs the next one
	UPDATE desk.ticket t SET changed_by = 'staff:' || who,
		next_update_by = CASE WHEN due IS NOT NULL THEN due WHEN held IS NOT NULL THEN t.next_update_by END,
		state = CASE WHEN follow IN ('open', 'pending') THEN follow WHEN follow IS NOT NULL THEN 'resolved' ELSE t.state END,
		resolution = CASE WHEN follow IN ('open', 'pending') THEN NULL WHEN follow IS NOT NULL THEN follow ELSE t.resolution END
	WHERE t.number = wanted;
	outcome := 'done';
	RETURN NEXT;
EXCEPTION
	WHEN SQLSTATE 'PT409' THEN
		GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, field = COLUMN_NAME;
		outcome := 'refused';
		complaint := desk.sentence(words, hint);
		RETURN NEXT;
	WHEN integrity_constraint_violation THEN
		GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
		outcome := 'refused';
		field := desk.rule_field(rule);
		complaint := desk.rule_words(rule);
		RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.staff_reply(text, int, int, text, text, text, int, boolean, boolean, text, text, text) IS 'Send a message to the requester, with the files that are kept under files_key (NULL for none).  follow: what the ticket becomes, NULL to leave it, open, pending, or a resolution that needs no more words; until: when the next update comes.  All of it or nothing.';

CREATE FUNCTION api.staff_note(token text, wanted int, seen int, key_sha256 text, body text, body_html text, renderer int, files_key text DEFAULT NULL)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	said bigint;
BEGIN
	IF NOT coalesce(body ~ '\S', false) THEN
		RETURN QUERY SELECT 'refused', 'note', 'Write the note first.';
		RETURN;
	END IF;
	IF desk.is_withheld(wanted) THEN
		RETURN QUERY SELECT 'refused', 'note', 'This ticket was the report of a security hole: the desk takes no more words about it.';
		RETURN;
	END IF;
	outcome := desk.staff_begin(wanted, seen, key_sha256, concat_ws(E'\n', 'note', body));
	IF outcome = 'sent' AND desk.upload_other(files_key, wanted) THEN
		outcome := 'moved';
	END IF;
	IF outcome = 'new' THEN
		INSERT INTO desk.note (ticket, staff, body, body_html, renderer)
		VALUES (wanted, who, staff_note.body, staff_note.body_html, staff_note.renderer) RETURNING id INTO said;
		PERFORM desk.attach(files_key, wanted, NULL, said);
		-- so that a colleague who is writing now gets to read it first
		UPDATE desk.ticket SET version = version + 1 WHERE number = wanted;
		outcome := 'done';
	ELSIF outcome = 'sent' THEN
		PERFORM desk.upload_drop(files_key, NULL);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.staff_note(text, int, int, text, text, text, int, text) IS 'Add an internal note, with the files that are kept under files_key (NULL for none), which are for staff alone.  It answers nobody, stops no clock, and no copy for the public holds it.';

CREATE FUNCTION api.staff_take(token text, wanted int, seen int, key_sha256 text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	free_version int := (SELECT t.version FROM desk.ticket t WHERE t.number = wanted AND (t.assignee IS NULL OR t.assignee = who) FOR UPDATE);
BEGIN
	-- nobody's ticket can be taken whatever happened on it meanwhile
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, coalesce(free_version, seen), key_sha256,
		jsonb_build_object('assignee', who));
END
$$;
COMMENT ON FUNCTION api.staff_take(text, int, int, text) IS 'Make it one''s own.  Of somebody else''s ticket only from what the form showed.';

CREATE FUNCTION api.staff_assign(token text, wanted int, seen int, key_sha256 text, whom int)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	before int;
BEGIN
	SELECT assignee INTO before FROM desk.ticket WHERE number = wanted;
	SELECT * INTO outcome, field, complaint FROM desk.staff_update(who, wanted, seen, key_sha256, jsonb_build_object('assignee', whom));
	IF outcome = 'done' AND whom IS DISTINCT FROM who AND whom IS DISTINCT FROM before AND whom IS NOT NULL THEN
		PERFORM desk.mail_staff('change', wanted, whom, format('Ticket %s is yours now', wanted),
			format('%s gave it to you.', (SELECT name FROM desk.staff WHERE id = who)));
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.staff_assign(text, int, int, text, int) IS 'Give a ticket to somebody, who gets a mail, or with NULL to nobody.';

CREATE FUNCTION api.staff_change(token text, wanted int, seen int, key_sha256 text, state text, severity text, kind text, product text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
BEGIN
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, seen, key_sha256,
		jsonb_build_object('state', staff_change.state, 'severity', staff_change.severity, 'kind', staff_change.kind,
			'product', staff_change.product)
		-- what is no longer resolved has no resolution
		|| CASE WHEN staff_change.state <> 'resolved' THEN '{"resolution": null}' ELSE '{}' END::jsonb);
END
$$;
COMMENT ON FUNCTION api.staff_change(text, int, int, text, text, text, text, text) IS 'Set state, severity, kind and product (NULL when nobody knows).  Another severity brings other promises.';

CREATE FUNCTION api.staff_route(token text, wanted int, seen int, key_sha256 text, team text, customer text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	whose int := (SELECT c.id FROM desk.customer c WHERE lower(c.name) = lower(btrim(staff_route.customer)));
BEGIN
	IF staff_route.customer ~ '\S' AND whose IS NULL THEN
		RETURN QUERY SELECT 'refused', 'customer', 'There is no customer of this name. Choose one from the list, or leave it empty.';
		RETURN;
	END IF;
	IF staff_route.team IS NOT NULL AND NOT EXISTS (SELECT FROM desk.team m WHERE m.name = staff_route.team) THEN
		RETURN QUERY SELECT 'refused', 'team', 'Choose a team from the list.';
		RETURN;
	END IF;
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, seen, key_sha256,
		jsonb_build_object('team', staff_route.team, 'customer', whose));
END
$$;
COMMENT ON FUNCTION api.staff_route(text, int, int, text, text, text) IS 'Say which team looks after a ticket and for which customer (by name) it is, NULL for none.  Another plan brings other promises; what is nobody''s yet goes to the customer''s engineer.';

CREATE FUNCTION api.staff_ringing(token text)
RETURNS TABLE (page int, ringing_product text, ringing_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT p.id, desk.page_thing(p.product), desk.span_words(extract(epoch FROM now() - p.opened_at))
	FROM desk.page p WHERE p.acknowledged_at IS NULL AND p.resolved_at IS NULL ORDER BY p.id;
END
$$;
COMMENT ON FUNCTION api.staff_ringing(text) IS 'Pages that nobody is on yet, and since how long.';

CREATE FUNCTION api.staff_paging(token text, wanted int)
RETURNS TABLE (may_page boolean, prod_is_down boolean, prod_is_up boolean, has_page boolean, paging_state text, paging_words text, paging_tone text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT t.severity = 1 AND t.state <> 'resolved', t.production_down, NOT t.production_down, p.id IS NOT NULL,
		CASE WHEN p.resolved_at IS NOT NULL THEN 'Over' WHEN p.acknowledged_at IS NOT NULL THEN 'Somebody is on it' ELSE 'Nobody is on it yet' END,
		CASE WHEN p.resolved_at IS NOT NULL THEN format('Page %s ended %s.', p.id, desk.words(p.resolved_at))
			WHEN p.acknowledged_at IS NOT NULL THEN format('%s, since %s.', coalesce(s.name, 'By psql'), desk.words(p.acknowledged_at))
			WHEN p.next_at IS NULL THEN 'Everybody was told.'
			ELSE format('The next person is told %s.', desk.words(p.next_at)) END,
		CASE WHEN p.resolved_at IS NOT NULL THEN 'st-resolved is-ok' WHEN p.acknowledged_at IS NOT NULL THEN 'st-open is-ok' ELSE 'st-late is-bad' END
	FROM desk.ticket t
	LEFT JOIN LATERAL (SELECT x.* FROM desk.page x JOIN desk.page_report q ON q.page = x.id
		WHERE q.ticket = t.number ORDER BY x.id DESC LIMIT 1) p ON true
	LEFT JOIN desk.staff s ON s.id = p.acknowledged_by
	WHERE t.number = wanted;
END
$$;
COMMENT ON FUNCTION api.staff_paging(text, int) IS 'Is production down for this ticket, may it wake people, and where its last page stands.';

CREATE FUNCTION api.staff_down(token text, wanted int, seen int, key_sha256 text, down text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
BEGIN
	IF coalesce(down, '') NOT IN ('yes', 'no') THEN
		RETURN QUERY SELECT 'refused', 'down', 'Say yes or no.';
		RETURN;
	END IF;
	IF down = 'yes' AND NOT EXISTS (SELECT FROM desk.ticket t WHERE t.number = wanted AND t.severity = 1 AND t.state <> 'resolved') THEN
		RETURN QUERY SELECT 'refused', 'down', 'Only an open ticket of severity 1 wakes people. Change that first.';
		RETURN;
	END IF;
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, seen, key_sha256, jsonb_build_object('production_down', down = 'yes'));
END
$$;
COMMENT ON FUNCTION api.staff_down(text, int, int, text, text) IS 'Say that production is down ("yes"), which pages the people on duty for a ticket of severity 1 and is refused for any other, or that it is not ("no"), which ends the page.';

CREATE FUNCTION api.staff_visibility(token text, wanted int, seen int, key_sha256 text, visibility text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
BEGIN
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, seen, key_sha256, jsonb_build_object('visibility', staff_visibility.visibility));
END
$$;
COMMENT ON FUNCTION api.staff_visibility(text, int, int, text, text) IS 'Make a ticket private, or public, which is refused until the requester has agreed.';

CREATE FUNCTION api.staff_hold(token text, wanted int, seen int, key_sha256 text, hold text, until text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	due timestamptz := desk.when_typed(until);
BEGIN
	IF until IS NOT NULL AND (due IS NULL OR due <= now()) THEN
		RETURN QUERY SELECT 'refused', 'hold_until', 'Choose a date and time that is still to come.';
		RETURN;
	END IF;
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, seen, key_sha256, jsonb_build_object('hold', staff_hold.hold, 'next_update_by', due));
END
$$;
COMMENT ON FUNCTION api.staff_hold(text, int, int, text, text, text) IS 'Say that it cannot go on yet (cannot-yet, third-party; NULL that it can), and promise when the next update comes.  A hold without a date is refused.';

CREATE FUNCTION api.staff_resolve(token text, wanted int, seen int, key_sha256 text, resolution text, reason text, alternative text,
	duplicate_of text, release text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
	other text := regexp_replace(staff_resolve.duplicate_of, '^\s*#?\s*|\s*$', '', 'g');
BEGIN
	IF staff_resolve.resolution IS NULL THEN
		RETURN QUERY SELECT 'refused', 'resolution', 'Choose how it ends.';
		RETURN;
	END IF;
	IF other !~ '^[0-9]{0,9}$' THEN
		RETURN QUERY SELECT 'refused', 'duplicate_of', 'Write the other ticket''s number, such as 4213.';
		RETURN;
	END IF;
	IF staff_resolve.resolution = 'when-released' AND EXISTS (SELECT FROM desk.release e
		WHERE e.id = staff_resolve.release::int AND e.released_at <= now()) THEN
		RETURN QUERY SELECT 'refused', 'release', 'This release is out already: nothing is left to wait for. Say "Fixed and released", or choose the release that will carry the change.';
		RETURN;
	END IF;
	RETURN QUERY SELECT * FROM desk.staff_update(who, wanted, seen, key_sha256,
		CASE WHEN staff_resolve.resolution = 'when-released'
			THEN jsonb_build_object('state', 'fixed', 'resolution', NULL, 'release', staff_resolve.release)
			ELSE jsonb_build_object('state', 'resolved', 'resolution', staff_resolve.resolution, 'reason', staff_resolve.reason,
				'alternative', staff_resolve.alternative, 'duplicate_of', nullif(other, ''), 'release', staff_resolve.release) END);
END
$$;
COMMENT ON FUNCTION api.staff_resolve(text, int, int, text, text, text, text, text, text) IS 'Solve a ticket: a row of desk.resolution with what it asks for, or "when-released": the fix is made and the ticket stays open until its release is out.  duplicate_of: the other ticket''s number as typed.';

-- Load ------------------------------------------------------------------------

CREATE FUNCTION api.staff_load(token text, weeks int)
RETURNS TABLE (week date, new bigint, solved bigint, reopened bigint, backlog bigint, people int, minimum int, is_short boolean,
	answered bigint, answer_mean_seconds bigint, answer_p50_seconds bigint, answer_p90_seconds bigint, answer_target_seconds int,
	is_target_met boolean, waiting bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	since date := (now() AT TIME ZONE desk.zone())::date - 7 * (least(greatest(weeks, 1), 520) - 1);
BEGIN
	PERFORM desk.session_staff(token);
	RETURN QUERY SELECT l.week, l.new, l.solved, l.reopened, l.backlog, l.people, l.minimum, l.is_short,
		coalesce(a.answered, 0), a.mean_seconds, a.p50_seconds, a.p90_seconds, t.mean_seconds, a.is_met, coalesce(a.waiting, 0)
	FROM api.load_week(since) l
	LEFT JOIN api.answer_week(since) a ON a.week = l.week AND a.requesters = 'all'
	LEFT JOIN desk.target t ON t.metric = 'first response'
	ORDER BY l.week DESC;
END
$$;
COMMENT ON FUNCTION api.staff_load(text, int) IS 'The load of the last weeks (1 to 520), the present one first: tickets, people on duty, and how fast first answers came.  As api.load_week() and api.answer_week().';

CREATE FUNCTION api.staff_load_page(token text, weeks int)
RETURNS TABLE (week text, week_words text, new text, solved text, reopened text, backlog text, people text, is_short boolean, is_present boolean,
	answered text, mean_words text, p50_words text, p90_words text, waiting text, has_answers boolean, no_answers boolean,
	is_missed boolean, target_words text, has_target boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT l.week::text, to_char(l.week, 'FMDD Mon YYYY'), to_char(l.new, 'FM999,999,990'), to_char(l.solved, 'FM999,999,990'),
		to_char(l.reopened, 'FM999,999,990'), to_char(l.backlog, 'FM999,999,990'), l.people || CASE WHEN l.minimum > 0 THEN format(' (at least %s)', l.minimum) ELSE '' END, l.is_short,
		row_number() OVER (ORDER BY l.week DESC) = 1, to_char(l.answered, 'FM999,999,990'),
		desk.span_words(l.answer_mean_seconds), desk.span_words(l.answer_p50_seconds), desk.span_words(l.answer_p90_seconds),
		to_char(l.waiting, 'FM999,999,990'), l.answered > 0, l.answered = 0, NOT coalesce(l.is_target_met, true),
		desk.span_words(l.answer_target_seconds), l.answer_target_seconds IS NOT NULL
	FROM api.staff_load(token, weeks) l ORDER BY l.week DESC;
END
$$;
COMMENT ON FUNCTION api.staff_load_page(text, int) IS 'api.staff_load() in words, for the page.';

CREATE FUNCTION api.staff_reason(token text, wanted int, seen int, key_sha256 text, promise text, breach_reason text)
RETURNS TABLE (outcome text, field text, complaint text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who int := desk.session_staff(token);
BEGIN
	IF NOT coalesce(breach_reason ~ '\S', false) THEN
		RETURN QUERY SELECT 'refused', 'breach_reason', 'Write the reason first.';
		RETURN;
	END IF;
	IF NOT EXISTS (SELECT FROM desk.broken(wanted) x WHERE x.clock::text = staff_reason.promise) THEN
		RETURN QUERY SELECT 'refused', 'promise', 'Choose a promise of this ticket that was broken.';
		RETURN;
	END IF;
	outcome := desk.staff_begin(wanted, seen, key_sha256, concat_ws(E'\n', 'reason', promise, breach_reason));
	IF outcome = 'new' THEN
		INSERT INTO desk.breach_reason AS b (clock, reason, staff) VALUES (promise::bigint, btrim(staff_reason.breach_reason), who)
		ON CONFLICT (clock) DO UPDATE SET reason = excluded.reason, staff = excluded.staff, given_at = excluded.given_at;
		outcome := 'done';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION api.staff_reason(text, int, int, text, text, text) IS 'Say why a promise was broken, in words for everybody; a later one takes its place.  promise: the clock''s number, as chosen.';

CREATE FUNCTION api.staff_why(token text, wanted int)
RETURNS TABLE (metric_label text, heads boolean, promised_words text, outcome_words text, outcome_tone text, ends boolean,
	at text, at_words text, event text, because text, counted text, used text, rest text, due_at text, due_words text, has_due boolean, no_due boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.session_staff(token);
	IF NOT EXISTS (SELECT FROM desk.ticket t WHERE t.number = wanted) THEN
		RAISE 'no such ticket' USING ERRCODE = 'PT404';
	END IF;
	RETURN QUERY SELECT * FROM desk.clock_why(wanted);
END
$$;
COMMENT ON FUNCTION api.staff_why(text, int) IS 'The ledger of a ticket''s clocks in words.  PT404 when there is none.';

CREATE FUNCTION api.staff_duty(token text) RETURNS TABLE (duty_line text, has_duty boolean, gap_words text, has_gaps boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int := desk.session_staff(token);
BEGIN
	RETURN QUERY SELECT x.line, x.line IS NOT NULL, s.words, s.is_short FROM (SELECT desk.duty_line() AS line) x, desk.duty_status() s;
END
$$;
COMMENT ON FUNCTION api.staff_duty(text) IS 'The subtitle of the queue: who is on duty, who rides shotgun, who is next; and whether there are too few.';

GRANT USAGE ON SCHEMA api TO desk_staff;
GRANT EXECUTE ON FUNCTION api.staff_queue(text, text, text, text, text, text, text, int, text), api.staff_views(text, text),
	api.staff_route(text, int, int, text, text, text), api.staff_load(text, int), api.staff_load_page(text, int),
	api.staff_filters(text), api.staff_me(text), api.staff_duty(text), api.staff_ticket(text, int), api.staff_promises(text, int),
	api.staff_thread(text, int, text), api.staff_choices(text, int),
	api.staff_ringing(text), api.staff_paging(text, int), api.staff_down(text, int, int, text, text),
	api.staff_files(text, int), api.staff_private(text, int), api.staff_file(text, int, bigint), api.staff_file_piece(text, int, bigint, int),
	api.staff_file_check(text, text, text, text[], text[], text[], bigint[], int, bigint), api.staff_upload(text, text, text, text, text, int, text, bigint, int, bytea),
	api.staff_uploads(text, text), api.staff_file_drop(text, text, int),
	api.staff_reply(text, int, int, text, text, text, int, boolean, boolean, text, text, text),
	api.staff_note(text, int, int, text, text, text, int, text), api.staff_take(text, int, int, text),
	api.staff_assign(text, int, int, text, int), api.staff_change(text, int, int, text, text, text, text, text),
	api.staff_visibility(text, int, int, text, text), api.staff_hold(text, int, int, text, text, text),
	api.staff_resolve(text, int, int, text, text, text, text, text, text),
	api.staff_reason(text, int, int, text, text, text), api.staff_why(text, int) TO desk_staff;
