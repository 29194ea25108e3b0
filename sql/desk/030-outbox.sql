-- Mail that is due, as rows.  The desk's own URL stands as {URL} in a text;
-- whoever delivers puts it in, so that it is configured in one place.

CREATE OR REPLACE FUNCTION desk.mail_unproven(what text, wanted int, whose int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT desk.limit_take('mail-address', whose::text) THEN
		RETURN;
	END IF;
	INSERT INTO desk.outbox (kind, ticket, person, subject, body)
	VALUES (what, wanted, whose,
	CASE what WHEN 'receipt' THEN format('Your report is number %s', wanted)
	ELSE format('Do you want mail about ticket %s?', wanted) END,
	CASE what WHEN 'receipt' THEN format(
		E'Thank you. Your report is number %s. We have it.\n\n'
		'This link is yours: it shows everything, and you can answer there.\n'
		'{URL}/r/%s\n\n'
		'Open it and press "Yes, send me mail" to get our answers by mail.\n'
		'If you did not report anything to us, do nothing: no more mail will come.\n',
		wanted, desk.link_make(wanted, whose, 'requester'))
	ELSE format(
		E'Somebody, probably you, asked us to tell this address when ticket %s changes.\n\n'
		'If that was you, press the button on this page:\n{URL}/follow/%s\n\n'
		'If not, do nothing: no more mail will come.\n',
		wanted, desk.link_make(wanted, whose, 'follow')) END);
END
$$;
COMMENT ON FUNCTION desk.mail_unproven(text, int, int) IS 'The one mail an unproven address can get: a link, and no word of what somebody typed into a form.  Limited per address and day.';

CREATE OR REPLACE FUNCTION desk.mail_followers(what text, wanted int, title text, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT w.person, t.requester = w.person AS is_requester, t.visibility
		FROM desk.follower w JOIN desk.ticket t ON t.number = w.ticket
		WHERE w.ticket = wanted AND w.confirmed_at IS NOT NULL AND w.stopped_at IS NULL
		  AND (t.visibility = 'public' OR t.requester = w.person)
	LOOP
		INSERT INTO desk.outbox (kind, ticket, person, subject, body)
		VALUES (what, wanted, f.person, title,
			CASE WHEN f.visibility = 'public' THEN words || E'\n\n' ELSE '' END
			|| CASE WHEN f.is_requester THEN 'Read and answer: {URL}/r/' || desk.link_make(wanted, f.person, 'requester')
			ELSE 'Read it: {URL}/tickets/' || wanted END
			|| E'\nNo more mail about this ticket: {URL}/unfollow/' || desk.link_make(wanted, f.person, 'follow') || E'\n');
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.mail_followers(text, int, text, text) IS 'Tell everybody who confirmed.  The words go along for public tickets only; of a private one the mail holds a link.';

CREATE OR REPLACE FUNCTION desk.mail_staff(what text, wanted int, whom int, title text, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO desk.outbox (kind, ticket, staff, subject, body)
	VALUES (what, wanted, whom, title, words || E'\n\n{URL}/staff/tickets/' || wanted || E'\n');
END
$$;
COMMENT ON FUNCTION desk.mail_staff(text, int, int, text, text) IS 'Tell one of the staff, or those on duty when whom is NULL.';
