-- For whom a ticket is, and who gets it.

CREATE OR REPLACE FUNCTION desk.person_proven() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.customer IS NULL AND NEW.proven_at IS NOT NULL THEN
		SELECT d.customer INTO NEW.customer FROM desk.customer_domain d
		WHERE d.domain = lower(split_part(NEW.mail, '@', 2));
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.person_proven() IS 'A proven address belongs to the customer of its domain, unless somebody has said otherwise.';
CREATE OR REPLACE TRIGGER person_proven BEFORE INSERT OR UPDATE OF proven_at ON desk.person
	FOR EACH ROW EXECUTE FUNCTION desk.person_proven();

CREATE OR REPLACE FUNCTION desk.customer_claim(who int, actor text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- On the web an address is what somebody typed.  That its reader proved
	-- it for another ticket says nothing of who filed this one, so here the
	-- link that was mailed for this very ticket must have been used.
	UPDATE desk.ticket t SET customer = p.customer, changed_by = actor
	FROM desk.person p
	WHERE p.id = who AND p.proven_at IS NOT NULL AND p.customer IS NOT NULL
	  AND t.requester = p.id AND t.customer IS NULL AND t.state <> 'resolved'
	  AND (t.channel <> 'web' OR EXISTS (SELECT FROM desk.follower f
		WHERE f.ticket = t.number AND f.person = p.id AND f.confirmed_at IS NOT NULL));
END
$$;
COMMENT ON FUNCTION desk.customer_claim(int, text) IS 'Give the open tickets of a proven address to its customer, those by the web form once its reader has used the link mailed for them.  A customer that staff have set stays.';

CREATE OR REPLACE FUNCTION desk.person_claims() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.customer_claim(NEW.id, CASE WHEN OLD.proven_at IS NULL THEN 'requester' END);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.person_claims() IS 'Once we know whom the reader of an address works for, so do their open tickets.';
CREATE OR REPLACE TRIGGER person_claims AFTER UPDATE ON desk.person FOR EACH ROW
	WHEN (NEW.customer IS NOT NULL AND NEW.proven_at IS NOT NULL
		AND (NEW.customer IS DISTINCT FROM OLD.customer OR OLD.proven_at IS NULL))
	EXECUTE FUNCTION desk.person_claims();

CREATE OR REPLACE FUNCTION desk.follower_claims() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.customer_claim(NEW.person, 'requester') FROM desk.ticket t
	WHERE t.number = NEW.ticket AND t.requester = NEW.person AND t.customer IS NULL;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.follower_claims() IS 'The link mailed for a ticket was used: its requester is who they say.';
CREATE OR REPLACE TRIGGER follower_claims AFTER UPDATE OF confirmed_at ON desk.follower FOR EACH ROW
	WHEN (OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL) EXECUTE FUNCTION desk.follower_claims();

CREATE OR REPLACE FUNCTION desk.domain_claims() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.person SET customer = NEW.customer
	WHERE customer IS NULL AND proven_at IS NOT NULL AND lower(split_part(mail, '@', 2)) = NEW.domain;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.domain_claims() IS 'A domain that becomes known: so do the proven addresses in it.';
CREATE OR REPLACE TRIGGER domain_claims AFTER INSERT ON desk.customer_domain FOR EACH ROW EXECUTE FUNCTION desk.domain_claims();

-- Who gets it ----------------------------------------------------------------

CREATE OR REPLACE FUNCTION desk.is_away(who int, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.duty_seat d WHERE d.staff = who AND d.span @> at)
		OR EXISTS (SELECT FROM desk.duty_exemption e WHERE e.staff = who
			AND (at AT TIME ZONE desk.zone())::date BETWEEN e.from_day AND e.until_day);
END
$$;
COMMENT ON FUNCTION desk.is_away(int, timestamptz) IS 'Is somebody on duty or riding shotgun, who then does nothing else, or exempt on that day?';

CREATE OR REPLACE FUNCTION desk.account_engineer(whose int, at timestamptz) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT s.id FROM desk.customer c
		CROSS JOIN LATERAL (VALUES (1, c.account_engineer), (2, c.deputy)) AS p (place, staff)
		JOIN desk.staff s ON s.id = p.staff AND s.active
		WHERE c.id = whose AND NOT desk.is_away(s.id, at)
		ORDER BY p.place LIMIT 1);
END
$$;
COMMENT ON FUNCTION desk.account_engineer(int, timestamptz) IS 'Who looks after a customer''s tickets then: the account engineer, else the deputy, else (both on duty, exempt or gone) NULL: the queue''s, as any ticket.';

CREATE OR REPLACE FUNCTION desk.route_team(via text, about text, what text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.team FROM desk.route r JOIN desk.team m ON m.name = r.team AND m.retired_at IS NULL
	WHERE (r.channel = via OR r.channel IS NULL) AND (r.product = about OR r.product IS NULL)
	  AND (r.kind = what OR r.kind IS NULL)
	ORDER BY num_nonnulls(r.product, r.kind, r.channel) DESC, r.product IS NULL, r.kind IS NULL
	LIMIT 1;
$$;
COMMENT ON FUNCTION desk.route_team(text, text, text) IS 'The team that tickets by this channel, about this product and of this kind go to; NULL when no rule fits.';

CREATE OR REPLACE FUNCTION desk.route_ticket() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.customer IS NULL AND NEW.channel <> 'web' THEN	-- see desk.customer_claim()
		SELECT p.customer INTO NEW.customer FROM desk.person p
		WHERE p.id = NEW.requester AND p.proven_at IS NOT NULL;
	END IF;
	NEW.team := coalesce(NEW.team, desk.route_team(NEW.channel, NEW.product, NEW.kind));
	IF NEW.customer IS NOT NULL AND NEW.assignee IS NULL THEN
		NEW.assignee := desk.account_engineer(NEW.customer, NEW.filed_at);
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.route_ticket() IS 'Before a ticket is filed: its customer, its team, and the customer''s engineer.  Before desk.ticket_new(), which takes the promises from the customer''s plan.';
CREATE OR REPLACE TRIGGER route_ticket BEFORE INSERT ON desk.ticket FOR EACH ROW EXECUTE FUNCTION desk.route_ticket();

CREATE OR REPLACE FUNCTION desk.account_ticket() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.assignee := desk.account_engineer(NEW.customer, now());
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.account_ticket() IS 'An open ticket that turns out to be of a customer, and is nobody''s yet, goes to their engineer.  Before desk.ticket_guard(), which writes the history.';
CREATE OR REPLACE TRIGGER account_ticket BEFORE UPDATE ON desk.ticket FOR EACH ROW
	WHEN (NEW.customer IS DISTINCT FROM OLD.customer AND NEW.customer IS NOT NULL AND NEW.state <> 'resolved'
		AND NEW.assignee IS NULL AND OLD.assignee IS NULL)
	EXECUTE FUNCTION desk.account_ticket();

CREATE OR REPLACE FUNCTION desk.account_told() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM desk.mail_staff('change', NEW.number, NEW.assignee, format('Ticket %s is yours now', NEW.number),
		format('It is from %s, whom you look after%s.', c.name,
			CASE WHEN NEW.assignee = c.deputy THEN ' while the account engineer cannot' ELSE '' END))
	FROM desk.customer c WHERE c.id = NEW.customer AND NEW.assignee IN (c.account_engineer, c.deputy);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.account_told() IS 'Tells the engineer of a customer of a new ticket of theirs.';
CREATE OR REPLACE TRIGGER account_filed AFTER INSERT ON desk.ticket FOR EACH ROW
	WHEN (NEW.customer IS NOT NULL AND NEW.assignee IS NOT NULL) EXECUTE FUNCTION desk.account_told();
CREATE OR REPLACE TRIGGER account_found AFTER UPDATE ON desk.ticket FOR EACH ROW
	WHEN (NEW.customer IS DISTINCT FROM OLD.customer AND NEW.customer IS NOT NULL
		AND OLD.assignee IS NULL AND NEW.assignee IS NOT NULL)
	EXECUTE FUNCTION desk.account_told();
