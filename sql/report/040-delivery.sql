-- What was delivered, and what was not.

CREATE VIEW report.delivery AS
SELECT d.at, d.outbox, d.way, o.kind, o.event, o.ticket, d.attempt, d.outcome, d.code, d.took_ms
FROM desk.delivery d LEFT JOIN desk.outbox o ON o.id = d.outbox;
COMMENT ON VIEW report.delivery IS 'Every attempt to deliver a mail or to call a hook, and what came of it.  No address, no text.';
COMMENT ON COLUMN report.delivery.at IS 'when';
COMMENT ON COLUMN report.delivery.outbox IS 'number of what was delivered, for notify --replay; NULL for a test';
COMMENT ON COLUMN report.delivery.way IS 'mail, or hook: and its name';
COMMENT ON COLUMN report.delivery.kind IS 'why it was written';
COMMENT ON COLUMN report.delivery.event IS 'of a hook: what it was told of';
COMMENT ON COLUMN report.delivery.ticket IS 'about which ticket, if about one';
COMMENT ON COLUMN report.delivery.attempt IS 'the how manieth attempt; 0 where none was made';
COMMENT ON COLUMN report.delivery.outcome IS 'sent; later or down: it is tried again; refused: given up; dropped: not wanted any more';
COMMENT ON COLUMN report.delivery.code IS 'the reply code of SMTP or HTTP';
COMMENT ON COLUMN report.delivery.took_ms IS 'how long the attempt took';

CREATE VIEW report.undelivered AS
SELECT o.id AS outbox, coalesce('hook:' || o.hook, 'mail') AS way, o.kind, o.event, o.ticket, o.urgent, o.made_at,
	extract(epoch FROM now() - o.made_at)::bigint AS waiting_seconds, o.tries, o.not_before,
	CASE WHEN o.failed_at IS NOT NULL THEN 'given up' WHEN o.tries > 0 THEN 'failing' WHEN o.not_before > now() THEN 'held back' ELSE 'due' END AS state
FROM desk.outbox o WHERE o.sent_at IS NULL AND o.folded_into IS NULL;
COMMENT ON VIEW report.undelivered IS 'What waits for delivery or was given up, and how it stands.  No address, no text.';
COMMENT ON COLUMN report.undelivered.outbox IS 'its number, for notify --replay';
COMMENT ON COLUMN report.undelivered.way IS 'mail, or hook: and its name';
COMMENT ON COLUMN report.undelivered.kind IS 'why it was written';
COMMENT ON COLUMN report.undelivered.event IS 'of a hook: what it is to be told of';
COMMENT ON COLUMN report.undelivered.ticket IS 'about which ticket, if about one';
COMMENT ON COLUMN report.undelivered.urgent IS 'it passes quiet hours and digests';
COMMENT ON COLUMN report.undelivered.made_at IS 'when it was written';
COMMENT ON COLUMN report.undelivered.waiting_seconds IS 'how long ago that is';
COMMENT ON COLUMN report.undelivered.tries IS 'attempts so far';
COMMENT ON COLUMN report.undelivered.not_before IS 'the next attempt is not before that';
COMMENT ON COLUMN report.undelivered.state IS 'due, failing, held back (quiet hours, a digest, the day''s cap), or given up';
