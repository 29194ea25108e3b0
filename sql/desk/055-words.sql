-- The history and the promise of a ticket in words, for every page alike.

CREATE OR REPLACE FUNCTION desk.is_public_field(field text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN field IN ('subject', 'kind', 'product', 'severity', 'assignee', 'state', 'resolution',
	'duplicate_of', 'release', 'hold', 'next_update_by', 'visibility', 'redacted', 'withheld');
COMMENT ON FUNCTION desk.is_public_field(text) IS 'Is a change of this field shown to everybody who may see the ticket?';

CREATE OR REPLACE FUNCTION desk.is_shown(c desk.change) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN desk.is_public_field((c).field) AND NOT ((c).field = 'resolution' AND (c).new IS NULL);
COMMENT ON FUNCTION desk.is_shown(desk.change) IS 'Is this change shown in a thread?  That a resolution fell away says nothing that the new state does not.';

CREATE OR REPLACE FUNCTION desk.field_words(field text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE field WHEN 'subject' THEN 'The subject' WHEN 'kind' THEN 'The kind' WHEN 'product' THEN 'The product'
	WHEN 'severity' THEN 'The severity' WHEN 'assignee' THEN 'The assignee' WHEN 'state' THEN 'The state'
	WHEN 'resolution' THEN 'The resolution' WHEN 'duplicate_of' THEN 'The ticket it goes on in' WHEN 'release' THEN 'The release'
	WHEN 'hold' THEN 'On hold' WHEN 'next_update_by' THEN 'The next update' WHEN 'visibility' THEN 'Who may read it'
	WHEN 'consented_at' THEN 'Consent to make it public' WHEN 'confirmed_at' THEN 'Confirmed as solved'
	WHEN 'answered_at' THEN 'First answered' WHEN 'reason' THEN 'The reason' WHEN 'alternative' THEN 'The alternative'
	WHEN 'requester' THEN 'The requester' WHEN 'requester_name' THEN 'The requester''s name' WHEN 'tried' THEN 'What was tried'
	WHEN 'redacted' THEN 'Taken out' WHEN 'withheld' THEN 'Taken out'
	WHEN 'customer' THEN 'The customer' WHEN 'team' THEN 'The team'
	WHEN 'channel' THEN 'The channel' WHEN 'blocked' THEN 'Blocked' WHEN 'production_down' THEN 'Production down' ELSE replace(field, '_', ' ') END;
COMMENT ON FUNCTION desk.field_words(text) IS 'A field of desk.ticket as the history names it.';

CREATE OR REPLACE FUNCTION desk.actor_words(c desk.change) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT CASE c.actor WHEN 'staff' THEN (SELECT name FROM desk.staff WHERE id = c.staff)
		WHEN 'requester' THEN 'the requester' WHEN 'release' THEN 'the release' ELSE 'the database administrator' END);
END
$$;
COMMENT ON FUNCTION desk.actor_words(desk.change) IS 'Who made a change, in words.';

CREATE OR REPLACE FUNCTION desk.tone(state text, is_late boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN state = 'resolved' THEN 'st-resolved is-ok' WHEN is_late THEN 'st-late is-bad' WHEN state = 'new' THEN 'st-new is-warn'
	WHEN state = 'pending' THEN 'st-pending is-wait' WHEN state = 'fixed' THEN 'st-fixed is-priv' ELSE 'st-open is-ok' END;
COMMENT ON FUNCTION desk.tone(text, boolean) IS 'The classes of the stylesheet that show a state: its shape and its colour.';

CREATE OR REPLACE FUNCTION desk.promise_of(state text, filed_at timestamptz, answer_due_at timestamptz, answered_at timestamptz,
	solve_due_at timestamptz, next_update_by timestamptz, late_at timestamptz, answer_seconds int, answer_missed boolean)
RETURNS TABLE (promise text, promise_at text, promise_words text, promise_tone text, has_promise boolean, is_paused boolean, is_late boolean,
	answered boolean, answer_words text, percent int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.promise, desk.utc(d.at), desk.words(d.at),
		CASE WHEN state = 'resolved' THEN 'is-ok' WHEN state = 'pending' AND d.at IS NULL THEN 'is-wait' WHEN late_at < now() THEN 'is-bad'
			WHEN d.at - now() < (d.at - filed_at) * 0.2 THEN 'is-warn' ELSE 'is-ok' END,
		d.at IS NOT NULL AND state <> 'resolved', state = 'pending' AND d.at IS NULL, coalesce(late_at < now(), false) AND state <> 'resolved',
		answered_at IS NOT NULL,
		CASE WHEN answered_at IS NOT NULL THEN format('First answer came after %s (promised: within %s).',
			desk.span_words(extract(epoch FROM answered_at - filed_at)), desk.span_words(answer_seconds))
			WHEN state <> 'resolved' THEN format('First answer promised within %s.', desk.span_words(answer_seconds)) END
			|| CASE WHEN answer_missed OR answered_at IS NULL AND late_at < now() THEN ' We missed that promise. That is our fault.' ELSE '' END,
		CASE WHEN d.at > filed_at THEN least(100, greatest(0, round(100 * extract(epoch FROM now() - filed_at) / extract(epoch FROM d.at - filed_at))))::int ELSE 100 END
	FROM (SELECT CASE WHEN answer_due_at IS NOT NULL THEN 'A person will answer by'
			WHEN next_update_by IS NOT NULL THEN 'Next update promised by' ELSE 'Solution aimed at by' END AS promise,
		coalesce(answer_due_at, next_update_by, CASE WHEN state <> 'pending' THEN solve_due_at END) AS at) d;
END;
COMMENT ON FUNCTION desk.promise_of(text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, int, boolean) IS 'What the requester was promised next and how it stands, for the banner of a ticket page.';
