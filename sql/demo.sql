-- A small desk to look at: two clerks, three products, some days of tickets
-- in every state.  For a desk that is empty (`make run`), as a superuser:
--
--	psql -1 -v ON_ERROR_STOP=1 -f sql/demo.sql
--
-- Everything goes through the real triggers; only the times are in the past.
-- The clerks cannot sign in: they have no credential.

INSERT INTO desk.staff (login, name) VALUES ('night', 'Night clerk'), ('day', 'Day clerk')
ON CONFLICT DO NOTHING;

INSERT INTO desk.staff_contact (staff, mail) SELECT id, login || '@desk.example' FROM desk.staff WHERE login IN ('night', 'day')
ON CONFLICT DO NOTHING;

-- The two take turns, a week each.
UPDATE desk.rotation SET seats = 1, lead = (SELECT id FROM desk.staff WHERE login = 'day'),
	manager = (SELECT id FROM desk.staff WHERE login = 'night') WHERE name = 'engineering';
INSERT INTO desk.roster (rotation, staff) SELECT 'engineering', id FROM desk.staff WHERE login IN ('night', 'day')
ON CONFLICT DO NOTHING;
INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason)
SELECT 'engineering', id, 'experienced', current_date, 'They have done it for years.' FROM desk.staff WHERE login IN ('night', 'day');
SELECT desk.duty_fill('engineering', 8);

-- A customer with a plan of its own: shorter promises, in office hours.
INSERT INTO desk.plan (name, label) VALUES ('care', 'Care') ON CONFLICT DO NOTHING;
INSERT INTO desk.policy (severity, channel, plan, position, answer_seconds, next_seconds, solve_seconds, answer_calendar, next_calendar, solve_calendar)
SELECT s.level, c.name, 'care', 10, 2 * 3600, 2 * 3600, 40 * 3600, k.id, k.id, k.id
FROM desk.severity s, desk.channel c, desk.calendar k WHERE s.level > 1 AND c.name IN ('web', 'mail') AND k.name = 'office'
ON CONFLICT DO NOTHING;
INSERT INTO desk.customer (name, plan, account_engineer, deputy)
SELECT 'Bookkeeping office', 'care', a.id, b.id FROM desk.staff a, desk.staff b WHERE a.login = 'day' AND b.login = 'night'
ON CONFLICT DO NOTHING;

INSERT INTO desk.product (name, label, position) VALUES
	('shop', 'Web shop', 10), ('billing', 'Billing', 20), ('api', 'Public API', 30)
ON CONFLICT DO NOTHING;

INSERT INTO desk.release (product, version, released_at) VALUES
	('shop', '7.3', NULL), ('shop', '7.4', NULL), ('api', '4.1', now() - interval '40 days'), ('api', '4.2', NULL)
ON CONFLICT DO NOTHING;

-- A report that came in some hours ago; what the form does, without a form.
CREATE FUNCTION pg_temp.filed(hours numeric, template text, product text, level int, title text, report text,
	VARIADIC more text[] DEFAULT '{}') RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
	f desk.intake_template;
	o jsonb := jsonb_object(more);	-- name, mail, tried, channel, visibility, blocked, answers
	at timestamptz := now() - filed.hours * interval '1 hour';
	who int;
	n int;
BEGIN
	SELECT * INTO STRICT f FROM desk.intake_template i WHERE i.name = filed.template;
	IF o ? 'mail' THEN
		who := desk.person_of(o->>'mail');
		UPDATE desk.person SET proven_at = at WHERE id = who;
	END IF;
	INSERT INTO desk.ticket (subject, kind, product, severity, blocked, tried, visibility, channel, template,
		requester, requester_name, filed_at)
	VALUES (title, f.kind, filed.product, level, coalesce(o->>'blocked', 'no'), o->>'tried',
		coalesce(o->>'visibility', f.visibility), coalesce(o->>'channel', 'web'), f.name, who, o->>'name', at)
	RETURNING number INTO n;
	INSERT INTO desk.message (ticket, author, name, body, posted_at) VALUES (n, 'requester', o->>'name', report, at);
	INSERT INTO desk.answer (ticket, position, question, answer)
	SELECT n, q.position, q.label, o->>('answer' || q.position) FROM desk.intake_field q
	WHERE q.template = f.name AND o ? ('answer' || q.position);
	IF who IS NOT NULL THEN
		INSERT INTO desk.follower (ticket, person, asked_at, confirmed_at) VALUES (n, who, at, at);
	END IF;
	RETURN n;
END
$$;

-- Somebody writes: a clerk by login, or the requester (NULL).
CREATE FUNCTION pg_temp.said(n int, hours numeric, clerk text, words text, what text DEFAULT '') RETURNS void
LANGUAGE sql AS $$
	INSERT INTO desk.message (ticket, author, staff, name, body, attempt, solution, posted_at)
	SELECT t.number, CASE WHEN s.id IS NULL THEN 'requester' ELSE 'staff' END, s.id, coalesce(s.name, t.requester_name),
		words, what = 'attempt', what = 'solution', now() - hours * interval '1 hour'
	FROM desk.ticket t LEFT JOIN desk.staff s ON s.login = clerk WHERE t.number = n;
$$;

-- Fields change, as {field: value}; by a clerk, or the requester (NULL).
CREATE FUNCTION pg_temp.turned(n int, hours numeric, clerk text, fields jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	t desk.ticket;
BEGIN
	SELECT * INTO STRICT t FROM desk.ticket WHERE number = n;
	t := jsonb_populate_record(t, fields);
	UPDATE desk.ticket SET
		(severity, kind, product, visibility, consented_at, assignee, state, resolution, reason, alternative,
		duplicate_of, release, hold, next_update_by, confirmed_at) =
		(t.severity, t.kind, t.product, t.visibility, t.consented_at, t.assignee, t.state, t.resolution, t.reason,
		t.alternative, t.duplicate_of, t.release, t.hold, t.next_update_by, t.confirmed_at),
		changed_at = now() - hours * interval '1 hour',
		changed_by = coalesce((SELECT 'staff:' || id FROM desk.staff WHERE login = clerk), 'requester')
	WHERE number = n;
END
$$;

CREATE FUNCTION pg_temp.noted(n int, hours numeric, clerk text, words text) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO desk.note (ticket, staff, body, posted_at)
	SELECT n, id, words, now() - hours * interval '1 hour' FROM desk.staff WHERE login = clerk;
$$;

CREATE FUNCTION pg_temp.joined(n int, voices int) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO desk.me_too (ticket, visitor)
	SELECT n, sha256(uuid_send(gen_random_uuid())) FROM generate_series(1, voices);
	UPDATE desk.ticket SET me_toos = me_toos + voices WHERE number = n;
$$;

DO $$
DECLARE
	night int := (SELECT id FROM desk.staff WHERE login = 'night');
	day int := (SELECT id FROM desk.staff WHERE login = 'day');
	shop73 int := (SELECT id FROM desk.release WHERE product = 'shop' AND version = '7.3');
	shop74 int := (SELECT id FROM desk.release WHERE product = 'shop' AND version = '7.4');
	api41 int := (SELECT id FROM desk.release WHERE product = 'api' AND version = '4.1');
	api42 int := (SELECT id FROM desk.release WHERE product = 'api' AND version = '4.2');
	n int;
	basket int;
BEGIN
	-- solved, some days ago ----------------------------------------------
	n := pg_temp.filed(230, 'how-to', 'shop', 4, 'How do I change the address on a receipt?',
		E'The receipt shows our old address. I found no place to change it.\n\nWe moved last month.',
		'name', 'A customer', 'tried', 'The page "My account", and the help on receipts.');
	PERFORM pg_temp.said(n, 227, 'day',
		E'You are right, it is well hidden: open "My account", then "Invoices", and press "Edit" beside the address.\n\nReceipts made from then on show the new one. Tell me here if you need an old one printed anew.', 'solution');
	PERFORM pg_temp.turned(n, 226.9, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'answered', 'assignee', day));
	PERFORM pg_temp.turned(n, 220, NULL, jsonb_build_object('confirmed_at', now() - interval '220 hours'));

	n := pg_temp.filed(221, 'bug', 'shop', 2, 'Checkout stops with "cannot read property total" in Firefox',
		E'After "Pay" the page stays white. The console says:\n\nTypeError: cannot read property "total" of undefined\n    at renderSum (checkout.js:214)\n\nChromium works.',
		'mail', 'first.reader@example.org', 'name', 'First reader', 'blocked', 'blocked', 'answer1', '7.2, Firefox 145 on Debian', 'answer2', 'Since the last update.');
	PERFORM pg_temp.joined(n, 7);
	PERFORM pg_temp.said(n, 219.5, 'night', E'I can see it here with Firefox as well. checkout.js asks for the sum before the basket has arrived. Until it is mended, Chromium and Safari work.\n\nWe write again tomorrow.', 'attempt');
	PERFORM pg_temp.turned(n, 219.4, 'night', jsonb_build_object('assignee', night));
	PERFORM pg_temp.turned(n, 200, 'night', jsonb_build_object('state', 'fixed', 'release', shop73));
	PERFORM pg_temp.said(n, 199.9, 'night', E'Mended. The change waits for version 7.3; this ticket is solved when that is out.', 'solution');

	n := pg_temp.filed(210, 'feature', 'shop', 4, 'Export the list of orders as CSV',
		E'I copy the orders into a spreadsheet by hand every Monday. A CSV file would save me an hour.', 'name', 'A shop owner');
	PERFORM pg_temp.joined(n, 3);
	PERFORM pg_temp.said(n, 201, 'day', E'A good idea, and cheap to build. It is planned for 7.3.');
	PERFORM pg_temp.turned(n, 180, 'day', jsonb_build_object('state', 'fixed', 'release', shop73, 'assignee', day));

	n := pg_temp.filed(190, 'outage', 'api', 1, 'All calls to /v4/orders answer 503',
		E'Since 02:10 UTC every call answers 503 Service Unavailable.\n\ncurl -i https://api.desk.example/v4/orders\nHTTP/2 503', 'blocked', 'blocked', 'answer1', '02:10 UTC', 'answer2', 'Everybody, as far as I can see');
	PERFORM pg_temp.joined(n, 12);
	PERFORM pg_temp.said(n, 189.6, 'night', E'Confirmed. A database has no space left. We are moving data and write again within the hour.', 'attempt');
	PERFORM pg_temp.turned(n, 189.5, 'night', jsonb_build_object('assignee', night));
	PERFORM pg_temp.said(n, 188.2, 'night', E'Calls are answered again since 03:55 UTC. Nothing was lost: orders that came in meanwhile were queued.\n\nWe now watch the free space and are warned at 80 %.', 'solution');
	PERFORM pg_temp.turned(n, 188.1, 'night', jsonb_build_object('state', 'resolved', 'resolution', 'done'));

	n := pg_temp.filed(170, 'bug', 'api', 3, 'Timestamps in /v4/events are without a zone',
		E'created_at reads "2026-05-04 10:11:12". Is that UTC?');
	PERFORM pg_temp.said(n, 140, 'day', E'It is UTC, and the answer should have said so. We are sorry that this took us more than a day.\n\nVersion 4.2 writes "2026-05-04T10:11:12Z".');
	PERFORM pg_temp.turned(n, 139, 'day', jsonb_build_object('state', 'fixed', 'release', api42, 'assignee', day));

	n := pg_temp.filed(165, 'feature', 'shop', 4, 'Pay with cash by post', E'My grandmother would use it.');
	PERFORM pg_temp.said(n, 160, 'day', E'We thought about it. Cash gets lost on its way, and then nobody can say where.');
	PERFORM pg_temp.turned(n, 159.9, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'declined',
		'reason', 'Money sent by post is not insured, and we could not refund what we never received.',
		'alternative', 'A bank transfer needs no account with us: choose "Pay by transfer" and hand the slip to the bank''s counter.'));

	n := pg_temp.filed(150, 'bug', 'billing', 4, 'The VAT line shows 0.00 for exports', E'Invoice 2026-118 shows "VAT 0 %: 0.00".');
	PERFORM pg_temp.said(n, 147, 'night', E'Deliveries to a business outside of the union carry no VAT; the law wants the line all the same.');
	PERFORM pg_temp.turned(n, 146.9, 'night', jsonb_build_object('state', 'resolved', 'resolution', 'works-as-intended',
		'reason', 'The line must be there, with the rate of 0 %.'));

	n := pg_temp.filed(145, 'bug', 'shop', 3, 'Sometimes the search finds nothing', E'It happened twice. I cannot say how.', 'mail', 'second.reader@example.org');
	PERFORM pg_temp.said(n, 140, 'day', E'Which words did you search for, and at what time? We found no failed search in our log.', 'attempt');
	PERFORM pg_temp.turned(n, 139.9, 'day', jsonb_build_object('state', 'pending', 'assignee', day));
	PERFORM pg_temp.said(n, 120, NULL, E'It has not come back since. I do not remember the words.');
	PERFORM pg_temp.said(n, 118, 'day', E'Then we close it for now. Write one line here if it comes back, and it is open again.');
	PERFORM pg_temp.turned(n, 117.9, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'not-reproduced',
		'reason', 'We searched for the 500 most frequent words and our log of that day; every search was answered.'));

	basket := pg_temp.filed(100, 'bug', 'shop', 2, 'The basket is empty after signing in',
		E'I fill the basket, sign in to pay, and the basket is empty. Steps:\n\n1. do not sign in\n2. put anything into the basket\n3. press "Pay" and sign in',
		'name', 'Weekend shopper', 'blocked', 'workaround', 'answer1', '7.3, Safari');
	PERFORM pg_temp.joined(basket, 5);
	PERFORM pg_temp.said(basket, 97, 'day', E'Reproduced with your three steps, thank you. Signing in first keeps the basket.\n\nWe are looking for the cause and write again in two days.', 'attempt');
	PERFORM pg_temp.turned(basket, 96.9, 'day', jsonb_build_object('assignee', day, 'next_update_by', now() + interval '20 hours'));
	PERFORM pg_temp.noted(basket, 90, 'day', E'session_merge() drops the anonymous basket when the user has none of their own. Needs a test before the fix.');

	n := pg_temp.filed(80, 'bug', 'shop', 3, 'My basket is lost when I log in', E'Full basket, then login, then an empty basket.');
	PERFORM pg_temp.said(n, 78, 'night', E'This is the same fault as in another ticket, where it goes on. You can follow that one.');
	PERFORM pg_temp.turned(n, 77.9, 'night', jsonb_build_object('state', 'resolved', 'resolution', 'duplicate', 'duplicate_of', basket));

	n := pg_temp.filed(76, 'how-to', 'api', 4, 'What is the rate limit?', E'I could not find it in the reference.', 'channel', 'code-host');
	PERFORM pg_temp.turned(n, 75, NULL, jsonb_build_object('state', 'resolved', 'resolution', 'withdrawn', 'reason', 'Found it: 600 calls a minute.'));

	n := pg_temp.filed(74, 'feature', 'shop', 4, 'Everything is bad', E'Everything is bad. Do it all over.', 'channel', 'mail');
	PERFORM pg_temp.said(n, 70, 'night', E'What did you want to do when it went wrong? One example is enough to begin with, and we will look at that one.', 'attempt');
	PERFORM pg_temp.said(n, 69, NULL, E'Everything.');
	PERFORM pg_temp.said(n, 66, 'day', E'We would gladly help with any one thing. Answer here at any time and this is open again.');
	PERFORM pg_temp.turned(n, 65.9, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'no-further-action',
		'reason', 'Two of us asked for one thing that went wrong and got none.'));

	-- open, and in hand ---------------------------------------------------
	n := pg_temp.filed(60, 'bug', 'billing', 3, 'Invoice download shows an empty page',
		E'"Download" opens a page with nothing on it. Browser: Chromium 142.', 'mail', 'third.reader@example.org', 'name', 'Bookkeeping');
	PERFORM pg_temp.said(n, 57, 'day', E'The file was blocked by an extension in our test. Do you use one that blocks pop-ups? Please try once without.', 'attempt');
	PERFORM pg_temp.turned(n, 56.9, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'answered', 'assignee', day));
	PERFORM pg_temp.said(n, 30, NULL, E'No extension here, and it is still empty. The address ends in /download?id= with nothing behind it.');

	-- one that was private and may be seen by all now
	n := pg_temp.filed(58, 'config-change', 'shop', 4, 'Show prices with VAT by default', E'We sell to people, not to companies.', 'name', 'A shop owner');
	PERFORM pg_temp.said(n, 55, 'day', E'Done. May we show this ticket to others? It will help them find the setting.');
	PERFORM pg_temp.turned(n, 54.9, 'day', jsonb_build_object('state', 'pending', 'assignee', day));
	PERFORM pg_temp.said(n, 53, NULL, E'Yes, of course.');
	PERFORM pg_temp.turned(n, 52.9, NULL, jsonb_build_object('consented_at', now() - interval '52.9 hours', 'visibility', 'public'));
	PERFORM pg_temp.turned(n, 51, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'done'));

	n := pg_temp.filed(52, 'config-change', 'api', 4, 'Raise the upload limit to 50 MB',
		E'Please raise the limit of our account from 20 MB to 50 MB.', 'mail', 'first.reader@example.org', 'answer1', 'End of the month', 'channel', 'premium-chat');
	PERFORM pg_temp.said(n, 49, 'night', E'We can do that. Who in your company agrees to it? We need the name of the account''s owner.');
	PERFORM pg_temp.turned(n, 48.9, 'night', jsonb_build_object('state', 'pending', 'assignee', night));
	PERFORM pg_temp.noted(n, 48.8, 'night', E'Plan allows up to 64 MB. Waiting for the owner''s word only.');

	n := pg_temp.filed(50, 'bug', 'api', 3, 'Webhook signature does not match for bodies with umlauts',
		E'With "Grüße" in the body our HMAC differs from yours. ASCII bodies match.', 'answer1', '4.1');
	PERFORM pg_temp.joined(n, 1);
	PERFORM pg_temp.said(n, 44, 'night', E'Reproduced: we sign the text before it is encoded as UTF-8. The fix is in review for 4.2.', 'attempt');
	PERFORM pg_temp.turned(n, 20, 'night', jsonb_build_object('state', 'fixed', 'release', api42, 'assignee', night));

	n := pg_temp.filed(46, 'feature', 'billing', 4, 'Send invoices in the ZUGFeRD format', E'Our tax office asks for it from January on.', 'mail', 'third.reader@example.org');
	PERFORM pg_temp.said(n, 43, 'day', E'We cannot do it yet: the library that we use knows version 1 only. We are talking with its makers.');
	PERFORM pg_temp.turned(n, 42.9, 'day', jsonb_build_object('hold', 'third-party', 'next_update_by', now() + interval '9 days', 'assignee', day));

	n := pg_temp.filed(40, 'feature', 'shop', 4, 'Dark mode for the order pages', E'Please. At night they blind me.');
	PERFORM pg_temp.joined(n, 9);
	PERFORM pg_temp.said(n, 36, 'night', E'We want that too. We cannot do it before the new style sheet is in; then it is a day''s work.');
	PERFORM pg_temp.turned(n, 35.9, 'night', jsonb_build_object('hold', 'cannot-yet', 'next_update_by', now() - interval '3 hours'));

	n := pg_temp.filed(33, 'access', NULL, 3, 'I cannot sign in since this morning',
		E'The code from my phone is refused. My account is the one with this address.', 'mail', 'second.reader@example.org', 'blocked', 'blocked', 'answer1', 'The shop account with this address');
	PERFORM pg_temp.said(n, 31, 'night', E'Is the clock of your phone right? A code lives for 30 seconds only.', 'attempt');
	PERFORM pg_temp.turned(n, 30.9, 'night', jsonb_build_object('state', 'pending', 'assignee', night, 'product', 'shop'));
	PERFORM pg_temp.said(n, 12, NULL, E'It was four minutes late. Now it works, thank you!');

	n := pg_temp.filed(28, 'how-to', 'shop', 4, 'Can two people share one account?', E'We are two in the office.');
	PERFORM pg_temp.said(n, 24.5, 'day', E'Better not: invite the other one under "My account", "People". It costs nothing.', 'solution');
	PERFORM pg_temp.turned(n, 24.4, 'day', jsonb_build_object('state', 'resolved', 'resolution', 'answered'));

	-- new ------------------------------------------------------------------
	PERFORM pg_temp.filed(27, 'bug', 'billing', 3, 'Reminder was sent although the invoice was paid', E'Paid on Monday, reminded on Thursday.', 'channel', 'mail');
	PERFORM pg_temp.filed(21, 'bug', 'shop', 3, 'Product photos are rotated on my phone',
		E'Photos that I upload from my phone lie on their side. The file is IMG_2041.HEIC.', 'answer1', '7.3, Android');
	PERFORM pg_temp.filed(9, 'access', 'billing', 3, 'New colleague needs to see invoices', E'She starts tomorrow. Read-only is enough.', 'name', 'Bookkeeping');
	PERFORM pg_temp.filed(5, 'how-to', 'api', 4, 'How do I page through more than 1,000 orders?', E'The answer holds 100 and no link to the next ones, or I do not see it.', 'tried', 'The reference, "GET /v4/orders".');
	PERFORM pg_temp.filed(2, 'bug', NULL, 4, 'Typo on the start page: "Recieve"', E'It should read "Receive".');
	PERFORM pg_temp.filed(0.3, 'outage', 'shop', 1, 'The shop answers with error 502', E'Since a few minutes. All pages.', 'blocked', 'blocked', 'answer2', 'My team');

	UPDATE desk.release SET released_at = now() - interval '98 hours' WHERE id = shop73;
	UPDATE desk.ticket SET customer = (SELECT id FROM desk.customer WHERE name = 'Bookkeeping office')
	WHERE subject = 'New colleague needs to see invoices';
END
$$;

-- Why was it late?
INSERT INTO desk.breach_reason (clock, reason)
SELECT c.id, 'The fix was ready in a day and waited for the release. Small fixes now go out daily.'
FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket
WHERE t.subject LIKE 'Checkout stops with%' AND c.metric = 'resolution' AND c.breached_at IS NOT NULL;

-- What cron would have seen by now, and mail that nobody shall get.
DO 'BEGIN PERFORM api.sla_check(1000); END';
UPDATE desk.outbox SET sent_at = made_at WHERE sent_at IS NULL;

-- Nothing of it stays in this session.
DROP FUNCTION pg_temp.filed, pg_temp.said, pg_temp.turned, pg_temp.noted, pg_temp.joined;
