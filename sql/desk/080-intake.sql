-- Rules of the forms for requesters, shared by the programs that take them.

CREATE OR REPLACE FUNCTION desk.plain_text_html(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(replace(replace(replace(desk.visible(t), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;');
COMMENT ON FUNCTION desk.plain_text_html(text) IS 'A line of text inside HTML.';

CREATE OR REPLACE FUNCTION desk.is_mail(address text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN length(address) <= 254 AND address ~ '^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$';
COMMENT ON FUNCTION desk.is_mail(text) IS 'Does it look like one mail address?  Only a mail that arrives proves it.';

CREATE OR REPLACE FUNCTION desk.submit_complaints(t desk.intake_template, subject text, severity text, product text,
	blocked text, answers text[], visibility text, mail text)
RETURNS TABLE (field text, words text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
	RETURN QUERY
	SELECT 'subject', 'Say in a few words what it is about'
		WHERE NOT coalesce(subject ~ '\S', false)
	UNION ALL SELECT 'severity', 'Choose how badly it affects you'
		WHERE severity NOT IN ('1', '2', '3', '4')
	UNION ALL SELECT 'product', 'Choose a product from the list, or "I am not sure"'
		WHERE product IS NOT NULL AND NOT EXISTS (SELECT FROM desk.product p WHERE p.name = product AND p.retired_at IS NULL)
	UNION ALL SELECT 'blocked', 'Choose whether you can go on working'
		WHERE blocked NOT IN ('blocked', 'workaround', 'no')
	UNION ALL SELECT 'visibility', 'Choose who may read this'
		WHERE visibility NOT IN ('public', 'private')
	UNION ALL SELECT 'mail', 'Enter an email address like name@example.com, or leave it empty'
		WHERE mail IS NOT NULL AND NOT desk.is_mail(btrim(mail))
	UNION ALL SELECT 'answer' || f.position, CASE WHEN f.choices IS NULL THEN 'Answer this question' ELSE 'Choose an answer from the list' END
		FROM desk.intake_field f WHERE f.template = t.name
		AND CASE WHEN coalesce(answers[f.position], '') !~ '\S' THEN f.required
			ELSE f.choices IS NOT NULL AND answers[f.position] <> ALL (f.choices) END;
END
$$;
COMMENT ON FUNCTION desk.submit_complaints(desk.intake_template, text, text, text, text, text[], text, text) IS 'What a requester has to mend before a report can be filed: the field and the words beside it.';

CREATE OR REPLACE FUNCTION desk.reads_like_a_hole(subject text, body text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.security_phrase p WHERE (subject || E'\n' || body) ~* p.pattern);
END
$$;
COMMENT ON FUNCTION desk.reads_like_a_hole(text, text) IS 'Do the words look like a report of a security hole?  Then we ask first, and store nothing.';

CREATE OR REPLACE FUNCTION desk.submitted_before(sent desk.submission, digest bytea) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	form text := encode(sent.key_sha256, 'hex');
	is_same boolean := sent.text_sha256 = digest AND NOT desk.upload_other(form, sent.ticket);
BEGIN
	PERFORM desk.upload_drop(form, NULL);
	RETURN CASE WHEN is_same THEN 'filed' ELSE 'other' END;
END
$$;
COMMENT ON FUNCTION desk.submitted_before(desk.submission, bytea) IS 'A form that was sent again: "filed" when text and files are those of the ticket, else "other".  Files that came again are forgotten.';

CREATE OR REPLACE FUNCTION desk.replied_before(sent desk.submission, digest bytea, next_key text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	form text := encode(sent.key_sha256, 'hex');
BEGIN
	IF next_key IS NOT NULL AND (sent.text_sha256 <> digest OR desk.upload_other(form, sent.ticket)) THEN
		PERFORM desk.upload_move(form, next_key);
		RETURN 'other';
	END IF;
	RETURN CASE desk.submitted_before(sent, digest) WHEN 'filed' THEN 'posted' ELSE 'other' END;
END
$$;
COMMENT ON FUNCTION desk.replied_before(desk.submission, bytea, text) IS 'As desk.submitted_before(), for a message: "posted" or "other".  What it brought that is new waits for the next form, if that has a key (hex).';

CREATE OR REPLACE FUNCTION desk.me_too(wanted int, visitor text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT desk.limit_take('me-too', visitor) THEN
		RETURN false;
	END IF;
	INSERT INTO desk.me_too (ticket, visitor) VALUES (wanted, decode(me_too.visitor, 'hex')) ON CONFLICT DO NOTHING;
	IF FOUND THEN
		UPDATE desk.ticket SET me_toos = me_toos + 1 WHERE number = wanted;
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.me_too(int, text) IS 'Count a visitor''s voice for a ticket, once; false when this visitor does it too often.';

CREATE OR REPLACE FUNCTION desk.follow(wanted int, visitor text, mail text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who int;
BEGIN
	IF NOT desk.limit_take('follow', visitor) THEN
		RETURN false;
	END IF;
	who := desk.person_of(btrim(mail));
	INSERT INTO desk.follower AS f (ticket, person) VALUES (wanted, who)
	ON CONFLICT (ticket, person) DO UPDATE SET asked_at = now()
		WHERE f.asked_at < now() - interval '1 day' AND (f.confirmed_at IS NULL OR f.stopped_at IS NOT NULL);
	IF FOUND THEN
		PERFORM desk.mail_unproven('confirm', wanted, who);
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.follow(int, text, text) IS 'Somebody wants mail about a ticket: ask the address to confirm, once a day at most.  Answers the same whether or not it follows already.  False when this visitor asks too often.';
