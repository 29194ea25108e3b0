-- Delivery: the outbox becomes a queue that any number of notify work on;
-- hooks, the ways of mail to staff, and a log of every attempt.

CREATE TABLE desk.hook (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,39}$'),
	kind		text NOT NULL CHECK (kind IN ('webhook', 'pagerduty')),
	events		text[] NOT NULL CHECK (cardinality(events) > 0 AND events <@ ARRAY['*',
		'ticket.filed', 'ticket.answered', 'ticket.resolved', 'sla.warned', 'sla.breached',
		'page.trigger', 'page.acknowledge', 'page.resolve', 'duty.empty', 'delivery.stuck']),
	active		boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE desk.hook IS 'Who else is told of events.  The URL and the secrets are in a file that only notify reads (NIGHTDESK_HOOKS), under the same name.';
COMMENT ON COLUMN desk.hook.name IS 'staff: its name, here and in that file';
COMMENT ON COLUMN desk.hook.kind IS 'staff: webhook (signed JSON) or pagerduty (Events API v2)';
COMMENT ON COLUMN desk.hook.events IS 'staff: of which events it is told, "*" for all';
COMMENT ON COLUMN desk.hook.active IS 'staff: false: nothing is written for it, and what waits is given up';

CREATE TABLE desk.staff_contact (
	staff		int PRIMARY KEY REFERENCES desk.staff ON DELETE CASCADE,
	mail		text CHECK (length(mail) <= 254 AND mail ~ '^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$'),
	digest		text NOT NULL DEFAULT 'at once' CHECK (digest IN ('at once', 'hourly', 'daily')),
	digest_at	smallint NOT NULL DEFAULT 480 CHECK (digest_at BETWEEN 0 AND 1439),
	quiet_from	smallint CHECK (quiet_from BETWEEN 0 AND 1439),
	quiet_until	smallint CHECK (quiet_until BETWEEN 0 AND 1439),
	zone		text NOT NULL DEFAULT 'UTC',
	asked_mail	text CHECK (length(asked_mail) <= 254 AND asked_mail ~ '^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$'),
	asked_sha256	bytea CHECK (length(asked_sha256) = 32),
	changed_at	timestamptz NOT NULL DEFAULT now(),
	CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
	CHECK ((asked_mail IS NULL) = (asked_sha256 IS NULL))
);
COMMENT ON TABLE desk.staff_contact IS 'How one of the staff wants mail.  Pages and other urgent mail pass digest and quiet hours.';
COMMENT ON COLUMN desk.staff_contact.staff IS 'staff: whose';
COMMENT ON COLUMN desk.staff_contact.mail IS 'staff: the address, which its reader has confirmed; NULL for none';
COMMENT ON COLUMN desk.staff_contact.asked_mail IS 'staff: an address that was typed and not confirmed yet; it gets one mail with a code';
COMMENT ON COLUMN desk.staff_contact.asked_sha256 IS 'secret: SHA-256 of that code';
COMMENT ON COLUMN desk.staff_contact.digest IS 'staff: at once, or as one mail an hour or a day';
COMMENT ON COLUMN desk.staff_contact.digest_at IS 'staff: when the daily one goes, in minutes after midnight of the zone';
COMMENT ON COLUMN desk.staff_contact.quiet_from IS 'staff: no mail from then on, in minutes after midnight of the zone; NULL for none';
COMMENT ON COLUMN desk.staff_contact.quiet_until IS 'staff: until then; when earlier than quiet_from, on the next day';
COMMENT ON COLUMN desk.staff_contact.zone IS 'staff: an IANA zone';
COMMENT ON COLUMN desk.staff_contact.changed_at IS 'staff: when that was set';

ALTER TABLE desk.outbox
	ALTER COLUMN ticket DROP NOT NULL,
	DROP CONSTRAINT outbox_kind_check,
	ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('receipt', 'confirm', 'message', 'change', 'warned', 'breached',
		'escalated', 'page', 'alarm', 'report', 'list', 'digest', 'event')),
	ADD COLUMN via text NOT NULL DEFAULT 'mail' CHECK (via IN ('mail', 'hook')),
	ADD COLUMN address text,
	ADD COLUMN hook text REFERENCES desk.hook,
	ADD COLUMN event text,
	ADD COLUMN payload jsonb,
	ADD COLUMN dedup_key text CHECK (length(dedup_key) BETWEEN 1 AND 255),
	ADD COLUMN urgent boolean NOT NULL DEFAULT false,
	ADD COLUMN unfollow text,
	ADD COLUMN foot_at int,
	ADD COLUMN not_before timestamptz NOT NULL DEFAULT now(),
	ADD COLUMN tries int NOT NULL DEFAULT 0,
	ADD COLUMN owner int,
	ADD COLUMN digest boolean NOT NULL DEFAULT false,
	ADD COLUMN counted boolean NOT NULL DEFAULT false,
	ADD COLUMN folded_into bigint,
	ADD COLUMN failed_at timestamptz,
	ADD COLUMN said text,
	ADD CONSTRAINT outbox_hook_check CHECK ((via = 'hook') = (hook IS NOT NULL AND event IS NOT NULL AND payload IS NOT NULL)),
	ADD CONSTRAINT outbox_end_check CHECK (sent_at IS NULL OR failed_at IS NULL);
DROP INDEX desk.outbox_waiting;
CREATE INDEX outbox_due ON desk.outbox (not_before) WHERE sent_at IS NULL AND failed_at IS NULL AND folded_into IS NULL;
CREATE INDEX outbox_urgent ON desk.outbox (not_before) WHERE sent_at IS NULL AND failed_at IS NULL AND folded_into IS NULL AND urgent;
CREATE INDEX outbox_held ON desk.outbox (owner) WHERE owner IS NOT NULL;
CREATE INDEX outbox_ticket ON desk.outbox (ticket) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_person_waiting ON desk.outbox (person) WHERE person IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_staff_waiting ON desk.outbox (staff) WHERE staff IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_key ON desk.outbox (hook, dedup_key, id) WHERE dedup_key IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_folded ON desk.outbox (folded_into) WHERE folded_into IS NOT NULL;
CREATE INDEX outbox_sent ON desk.outbox (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX outbox_failed ON desk.outbox (failed_at) WHERE failed_at IS NOT NULL;
COMMENT ON TABLE desk.outbox IS 'What is to be delivered, written in the same transaction as what it tells of.  The row holds the final text.  At least once: who dies between the hand-over and the note of it makes a second copy, with the same Message-ID or id.';
COMMENT ON COLUMN desk.outbox.ticket IS 'secret: about which ticket, if about one';
COMMENT ON COLUMN desk.outbox.staff IS 'secret: to one of the staff; to the people on duty when person is NULL, too';
COMMENT ON COLUMN desk.outbox.via IS 'secret: mail, or an HTTP request to a hook';
COMMENT ON COLUMN desk.outbox.address IS 'secret: where to, if it is not the reader''s own: one that has to be confirmed';
COMMENT ON COLUMN desk.outbox.hook IS 'secret: to which hook';
COMMENT ON COLUMN desk.outbox.event IS 'secret: the event that the hook is told of';
COMMENT ON COLUMN desk.outbox.payload IS 'secret: what the hook is told; of a mail: html, the same in HTML, and csv and csv_name, a table to keep';
COMMENT ON COLUMN desk.outbox.dedup_key IS 'secret: the incident that the receiver folds repeats into; rows of one key go out in the order they were written';
COMMENT ON COLUMN desk.outbox.urgent IS 'secret: passes quiet hours, digest, the wait for more and the daily cap';
COMMENT ON COLUMN desk.outbox.unfollow IS 'secret: the path that ends mail of this kind with one POST';
COMMENT ON COLUMN desk.outbox.foot_at IS 'secret: where in the body its links begin, in characters; when mails are folded into one the last one''s stay';
COMMENT ON COLUMN desk.outbox.not_before IS 'secret: no attempt before that; while somebody works on it: when it is taken for dead';
COMMENT ON COLUMN desk.outbox.tries IS 'secret: attempts begun';
COMMENT ON COLUMN desk.outbox.owner IS 'secret: the notify that works on it (api.outbox_open)';
COMMENT ON COLUMN desk.outbox.digest IS 'secret: goes as part of one mail with everything else for the same reader';
COMMENT ON COLUMN desk.outbox.counted IS 'secret: counts to the day''s mails for the address';
COMMENT ON COLUMN desk.outbox.folded_into IS 'secret: the row whose mail holds this text as well';
COMMENT ON COLUMN desk.outbox.failed_at IS 'secret: when it was given up';
COMMENT ON COLUMN desk.outbox.said IS 'secret: why it was given up, or what came of the last attempt';

COMMENT ON COLUMN desk.limiter.name IS 'staff: submit, message, follow, me-too, login-account, login-network, mail-address (to one that nobody proved), mail-day (to any one)';

CREATE SEQUENCE desk.outbox_owner AS int CYCLE;
COMMENT ON SEQUENCE desk.outbox_owner IS 'Numbers of running notify; each holds an advisory lock on its own, so that the others see when it has died.';

CREATE TABLE desk.delivery (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	outbox		bigint,
	way		text NOT NULL,
	attempt		int NOT NULL,
	outcome		text NOT NULL CHECK (outcome IN ('sent', 'later', 'down', 'refused', 'dropped')),
	code		int,
	said		text NOT NULL DEFAULT '' CHECK (length(said) <= 500),
	took_ms		int,
	at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX delivery_outbox ON desk.delivery (outbox, id);
CREATE INDEX delivery_at ON desk.delivery (at);
COMMENT ON TABLE desk.delivery IS 'The log: every attempt to deliver something and what came of it.  Append-only.  No address and no text in it.';
COMMENT ON COLUMN desk.delivery.id IS 'staff: number';
COMMENT ON COLUMN desk.delivery.outbox IS 'staff: which row of desk.outbox; NULL for a test';
COMMENT ON COLUMN desk.delivery.way IS 'staff: mail, or hook: and its name';
COMMENT ON COLUMN desk.delivery.attempt IS 'staff: the how manieth attempt; 0 where none was made';
COMMENT ON COLUMN desk.delivery.outcome IS 'staff: sent; later: it will be tried again; down: the server was not there, as later; refused: given up; dropped: not wanted any more';
COMMENT ON COLUMN desk.delivery.code IS 'staff: the reply code of SMTP or HTTP';
COMMENT ON COLUMN desk.delivery.said IS 'secret: what the other side said, or what went wrong';
COMMENT ON COLUMN desk.delivery.took_ms IS 'staff: how long the attempt took';
COMMENT ON COLUMN desk.delivery.at IS 'staff: when';

CREATE TABLE desk.delivery_pause (
	way		text PRIMARY KEY,
	since		timestamptz NOT NULL,
	tries		int NOT NULL,
	tried_at	timestamptz NOT NULL,
	until		timestamptz NOT NULL,
	said		text NOT NULL,
	told_at		timestamptz
);
COMMENT ON TABLE desk.delivery_pause IS 'Servers that are down.  Nothing is tried on their way before "until", so that an outage costs one attempt each time and no row of the outbox is worn out by it.';
COMMENT ON COLUMN desk.delivery_pause.way IS 'staff: mail, or hook: and its name';
COMMENT ON COLUMN desk.delivery_pause.since IS 'staff: down since';
COMMENT ON COLUMN desk.delivery_pause.tries IS 'staff: attempts since then';
COMMENT ON COLUMN desk.delivery_pause.tried_at IS 'staff: the last attempt';
COMMENT ON COLUMN desk.delivery_pause.until IS 'staff: the next one; what is urgent is tried half a minute after the last one';
COMMENT ON COLUMN desk.delivery_pause.said IS 'secret: what went wrong';
COMMENT ON COLUMN desk.delivery_pause.told_at IS 'staff: when an alarm was raised about it';

INSERT INTO desk.secret (name, value) VALUES ('mail', sha256(
	uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
