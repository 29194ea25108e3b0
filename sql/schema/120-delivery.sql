-- Delivery: hooks also hear that a late promise was kept, and what was tried
-- least goes first.

ALTER TABLE desk.hook DROP CONSTRAINT hook_events_check;
UPDATE desk.hook SET
	active = active AND EXISTS (SELECT FROM unnest(events) e WHERE e NOT LIKE 'ticket.%'),
	events = ARRAY(SELECT e FROM unnest(events) e WHERE e <> '*' AND e NOT LIKE 'ticket.%'
		UNION SELECT e FROM unnest(ARRAY['sla.warned', 'sla.breached', 'sla.stopped', 'page.trigger', 'page.acknowledge', 'page.resolve',
			'duty.empty', 'delivery.stuck']) e
		WHERE '*' = ANY (events) OR e = 'sla.stopped' AND events && ARRAY['sla.warned', 'sla.breached']
			OR e LIKE 'page.%' AND NOT EXISTS (SELECT FROM unnest(events) x WHERE x NOT LIKE 'ticket.%')
		ORDER BY 1)
WHERE kind = 'pagerduty';
ALTER TABLE desk.hook
	ADD CONSTRAINT hook_events_check CHECK (cardinality(events) > 0 AND events <@ ARRAY['*',
		'ticket.filed', 'ticket.answered', 'ticket.resolved', 'sla.warned', 'sla.breached', 'sla.stopped',
		'page.trigger', 'page.acknowledge', 'page.resolve', 'duty.empty', 'delivery.stuck']),
	ADD CONSTRAINT hook_incidents_check CHECK (kind <> 'pagerduty'
		OR NOT events && ARRAY['*', 'ticket.filed', 'ticket.answered', 'ticket.resolved']);
COMMENT ON COLUMN desk.hook.events IS 'staff: of which events it is told, "*" for all; PagerDuty of incidents only, each by its name: nothing would end one that a ticket began';

-- "" is mail
DROP INDEX desk.outbox_due;
DROP INDEX desk.outbox_urgent;
CREATE INDEX outbox_due ON desk.outbox ((coalesce(hook, '')), tries, not_before, id) WHERE sent_at IS NULL AND failed_at IS NULL AND folded_into IS NULL;
CREATE INDEX outbox_urgent ON desk.outbox ((coalesce(hook, '')), tries, not_before, id) WHERE sent_at IS NULL AND failed_at IS NULL AND folded_into IS NULL AND urgent;
