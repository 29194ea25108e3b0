-- Production actions.

CREATE OR REPLACE FUNCTION desk.action_new() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.done_at > now() + interval '1 minute' THEN
		RAISE 'cannot have been done in the future' USING ERRCODE = 'PT409', COLUMN = 'done_at';
	END IF;
	NEW.written_at := now();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.action_new() IS 'Refuses (PT409) an action that is yet to be done.  When it was written down is now, whatever is said.';
CREATE OR REPLACE TRIGGER action_new BEFORE INSERT ON desk.action FOR EACH ROW EXECUTE FUNCTION desk.action_new();

CREATE OR REPLACE FUNCTION desk.action_added() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.ticket t SET version = t.version + 1 WHERE t.number = NEW.ticket;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.action_added() IS 'Raises the version of the ticket, as a note does: who has a form of it open gets to read the action first.';
CREATE OR REPLACE TRIGGER action_added AFTER INSERT ON desk.action FOR EACH ROW EXECUTE FUNCTION desk.action_added();

CREATE OR REPLACE FUNCTION desk.approval_new() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM desk.action a WHERE a.id = NEW.action AND a.staff = NEW.staff) THEN
		RAISE 'cannot approve an action of one''s own' USING ERRCODE = 'PT409', COLUMN = 'approve';
	END IF;
	IF EXISTS (SELECT FROM desk.action a WHERE a.id = NEW.action AND desk.is_withheld(a.ticket)) THEN
		RAISE 'cannot approve an action whose text was withheld' USING ERRCODE = 'PT409', COLUMN = 'approve';
	END IF;
	NEW.at := now();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.approval_new() IS 'Refuses (PT409) that somebody approves their own action: four eyes; and one that nobody can read any more.';
CREATE OR REPLACE TRIGGER approval_new BEFORE INSERT ON desk.action_approval FOR EACH ROW EXECUTE FUNCTION desk.approval_new();

CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.action FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR DELETE OR TRUNCATE ON desk.action_approval FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more();

CREATE OR REPLACE FUNCTION desk.action_rows(wanted int, who int, since date, until date, by_whom int, after int, most int)
RETURNS TABLE (id int, ticket int, subject text, done_by text, what text, why text, done_at timestamptz, written_at timestamptz,
	approval text, approved_by text, approved_at timestamptz, may_approve boolean, is_withheld boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	z text := desk.zone();
BEGIN
	RETURN QUERY SELECT a.id, a.ticket, desk.visible(t.subject), s.name, CASE WHEN r.id IS NULL THEN desk.visible(a.what) ELSE 'Text withheld: security report' END,
		desk.visible(a.why), a.done_at, a.written_at,
		desk.visible(a.approval), v.name, p.at, p.action IS NULL AND a.staff <> who AND r.id IS NULL, r.id IS NOT NULL
	FROM desk.action a JOIN desk.ticket t ON t.number = a.ticket JOIN desk.staff s ON s.id = a.staff
	LEFT JOIN desk.action_approval p ON p.action = a.id LEFT JOIN desk.staff v ON v.id = p.staff
	LEFT JOIN desk.redaction r ON r.ticket = a.ticket AND r.kind = 'vulnerability'
	WHERE (wanted IS NULL OR a.ticket = wanted) AND (by_whom IS NULL OR a.staff = by_whom)
	  AND (since IS NULL OR a.done_at >= since::timestamp AT TIME ZONE z)
	  AND (until IS NULL OR a.done_at < (until + 1)::timestamp AT TIME ZONE z)
	  AND (action_rows.after IS NULL OR (a.done_at, a.id) < (SELECT b.done_at, b.id FROM desk.action b WHERE b.id = action_rows.after))
	ORDER BY a.done_at DESC, a.id DESC LIMIT most;
END
$$;
COMMENT ON FUNCTION desk.action_rows(int, int, date, date, int, int, int) IS 'Production actions, the latest first: of a ticket or all, by day of the desk''s zone, by whom; after: go on behind this one.  Of a ticket whose text was withheld the trace stays: who, when and that it was.';
