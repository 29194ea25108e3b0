-- What every desk starts with.  Idempotent: a row that is there already, or
-- was changed by its desk, stays as it is.
INSERT INTO desk.severity (level, name, impact) VALUES
	(1, 'Critical', 'Production is down: nobody can work, or data is being lost.'),
	(2, 'Major', 'A main function fails and there is no way around it.'),
	(3, 'Minor', 'It is impaired, but I can work around it.'),
	(4, 'Low', 'A question, a wish, or a small blemish.')
ON CONFLICT DO NOTHING;

INSERT INTO desk.kind (name, label, position) VALUES
	('outage', 'Outage', 10), ('bug', 'Bug', 20), ('question', 'Question', 30),
	('access', 'Access or account', 40), ('config-change', 'Configuration change', 50), ('feature', 'Feature', 60)
ON CONFLICT DO NOTHING;

INSERT INTO desk.channel (name, label) VALUES
	('web', 'Web form'), ('mail', 'Mail'), ('chat', 'Chat'), ('code-host', 'Code host'),
	('premium-chat', 'Premium chat'), ('api', 'API')
ON CONFLICT DO NOTHING;

INSERT INTO desk.state (name, label, is_open, position) VALUES
	('new', 'New', true, 10), ('open', 'In work', true, 20), ('pending', 'Waiting for the requester', true, 30),
	('fixed', 'Fixed, not released', true, 40), ('resolved', 'Solved', false, 50)
ON CONFLICT DO NOTHING;

INSERT INTO desk.transition (from_state, to_state) VALUES
	('new', 'open'), ('new', 'pending'), ('new', 'fixed'), ('new', 'resolved'),
	('open', 'pending'), ('open', 'fixed'), ('open', 'resolved'),
	('pending', 'open'), ('pending', 'fixed'), ('pending', 'resolved'),
	('fixed', 'open'), ('fixed', 'resolved'), ('resolved', 'open')
ON CONFLICT DO NOTHING;

INSERT INTO desk.resolution (name, label, position, needs_release, needs_reason, needs_alternative, needs_attempt, needs_duplicate) VALUES
	('answered', 'Answered', 10, false, false, false, false, false),
	('done', 'Done', 20, false, false, false, false, false),
	('fixed', 'Fixed and released', 30, true, false, false, false, false),
	('implemented', 'Built and released', 40, true, false, false, false, false),
	('works-as-intended', 'Works as intended', 50, false, true, false, false, false),
	('not-reproduced', 'Could not be reproduced', 60, false, true, false, false, false),
	('duplicate', 'Goes on in another ticket', 70, false, false, false, false, true),
	('declined', 'Declined', 80, false, true, true, false, false),
	('no-further-action', 'No further action', 90, false, true, false, true, false),
	('withdrawn', 'Withdrawn by the requester', 100, false, false, false, false, false)
ON CONFLICT DO NOTHING;

-- No choice of a form: desk.withhold() ends a ticket so.
INSERT INTO desk.resolution (name, label, position, is_offered) VALUES
	('reported-elsewhere', 'A matter for the security contact', 110, false)
ON CONFLICT DO NOTHING;

INSERT INTO desk.plan (name, label, position) VALUES ('enterprise', 'Enterprise', 10)
ON CONFLICT DO NOTHING;

-- One team to which everything goes, until a desk makes rules of its own.
INSERT INTO desk.team (name, label, position) VALUES ('support', 'Support', 10)
ON CONFLICT DO NOTHING;
INSERT INTO desk.route (team) SELECT 'support' WHERE NOT EXISTS (SELECT FROM desk.route);

-- Under two hours on average (003a); the lists at 08:00, triage on Mondays.
INSERT INTO desk.target (metric, mean_seconds) VALUES ('first response', 7200)
ON CONFLICT DO NOTHING;
INSERT INTO desk.list_rule (kind, from_minute, weekday) VALUES ('daily', 480, NULL), ('triage', 480, 1)
ON CONFLICT DO NOTHING;

-- The desk's zone is that of "always": what the session says at first.
DO $$
DECLARE
	zone text := current_setting('TimeZone');
BEGIN
	IF NOT desk.is_zone(zone) THEN
		zone := 'UTC';
	END IF;
	IF NOT EXISTS (SELECT FROM desk.calendar WHERE name = 'always') THEN
		PERFORM desk.calendar_set('always', zone, '24x7', NULL, 'Round the clock');
	END IF;
	IF NOT EXISTS (SELECT FROM desk.calendar WHERE name = 'office') THEN
		PERFORM desk.calendar_set('office', zone, 'Mon-Fri 09:00-17:00', NULL, 'Office hours');
	END IF;
END
$$;

-- First response by channel, 004a to 004e; resolution by severity.  Severity
-- 1 is paged round the clock, so no channel makes it slower.  Only for a desk
-- that has promised nothing yet.
INSERT INTO desk.policy (severity, channel, answer_seconds, same_day, solve_seconds)
SELECT v.* FROM (
	SELECT s.level, c.name, c.seconds, c.same_day, s.seconds
	FROM (VALUES (2, 3 * 86400), (3, 14 * 86400), (4, 30 * 86400)) AS s (level, seconds),
		(VALUES ('web', 86400, false), ('code-host', 86400, false), ('mail', 86400, false), ('api', 86400, false),
			('chat', 7200, true), ('premium-chat', 4 * 3600, false)) AS c (name, seconds, same_day)
	UNION ALL VALUES (1, NULL, 3600, false, 86400), (NULL, NULL, 86400, false, 30 * 86400)) v
WHERE NOT EXISTS (SELECT FROM desk.policy);

-- Whom a broken promise reaches, and after how long, round the clock.
INSERT INTO desk.policy_step (policy, metric, step, after_seconds, recipient)
SELECT p.id, v.metric, v.step, v.seconds, v.recipient
FROM desk.policy p JOIN (VALUES
	(true, 'first response', 1, 0, 'pager'), (true, 'first response', 2, 1800, 'lead'),
	(true, 'next response', 1, 1800, 'lead'), (true, 'resolution', 1, 0, 'lead'), (true, 'next update', 1, 1800, 'lead'),
	(false, 'first response', 1, 14400, 'lead'), (false, 'next response', 1, 86400, 'lead'),
	(false, 'next update', 1, 86400, 'lead')) AS v (is_critical, metric, step, seconds, recipient)
	ON v.is_critical = (coalesce(p.severity, 0) = 1)
WHERE NOT EXISTS (SELECT FROM desk.policy_step);

INSERT INTO desk.limiter (name, most, seconds) VALUES
	('submit', 30, 3600), ('message', 60, 3600), ('follow', 20, 3600), ('me-too', 60, 3600),
	('login-account', 10, 900), ('login-network', 50, 900), ('mail-address', 3, 86400), ('page', 5, 86400),
	('mail-day', 50, 86400), ('upload', 200, 3600), ('upload-mib', 300, 3600), ('upload-waiting', 1024, 86400), ('login-code', 5, 900), ('login-code-day', 20, 86400)
ON CONFLICT DO NOTHING;

INSERT INTO desk.staff_rule DEFAULT VALUES ON CONFLICT DO NOTHING;

INSERT INTO desk.security_phrase (pattern) VALUES
	('\m(sql|code|command|html|script|ldap|header) injection\M'), ('\mvulnerab(le|ility|ilities)\M'),
	('\mcve-[0-9]{4}-[0-9]+'), ('\m(remote|arbitrary) code execution\M'), ('\mcross.site (scripting|request)\M'),
	('\m(xss|csrf|ssrf|rce)\M'), ('\mprivilege escalation\M'), ('\m(path|directory) traversal\M'),
	('\mbypass(es|ed|ing)? (the )?(authentication|authorization|login)\M'), ('\m(security|authentication) (hole|flaw|bypass)\M'),
	('\mexploit(able|s|ed)?\M')
ON CONFLICT DO NOTHING;

INSERT INTO desk.product (name, label, position) VALUES ('nightdesk', 'This support desk', 900)
ON CONFLICT DO NOTHING;

INSERT INTO desk.intake_template (name, label, hint, kind, severity, visibility, public_allowed, subject_hint, body_label, body_hint, position) VALUES
	('outage', 'Something is down', 'A service does not answer, or nobody can work.', 'outage', 1, 'public', true,
	 'For example: "The shop answers with error 503".', 'What do you see?',
	 'Exact messages and times help most. One sentence is enough to begin with.', 10),
	('bug', 'Something is broken', 'It used to work, or it does not do what it says.', 'bug', 3, 'public', true,
	 'For example: "Invoice download shows an empty page".', 'What happened, and what did you expect?',
	 'Steps, times and exact messages help most. Leave out passwords and card numbers.', 20),
	('how-to', 'I have a question', 'How do I ...? Where is ...?', 'question', 4, 'public', true,
	 'For example: "How do I change the address on a receipt?".', 'What would you like to do?',
	 'Tell us where you are stuck. No question is too small.', 30),
	('access', 'My account or access', 'I cannot get in, or need a right. Private by default.', 'access', 3, 'private', true,
	 'For example: "I cannot sign in since this morning".', 'What happens when you try?',
	 'Never send us a password. Say which account, and what it should be able to do.', 40),
	('config-change', 'Change a setting for me', 'A configuration that only we can change. Private by default.', 'config-change', 4, 'private', true,
	 'For example: "Raise the upload limit to 50 MB".', 'What should be changed, from what to what?',
	 'Exact names and values save a question back.', 50),
	('feature', 'I wish it could ...', 'An idea, or something missing.', 'feature', 4, 'public', true,
	 'For example: "Export the list as a calendar".', 'What would you do with it?',
	 'What you want to reach helps us more than how it could look.', 60)
ON CONFLICT DO NOTHING;

INSERT INTO desk.intake_field (template, position, label, hint, choices, required)
SELECT v.* FROM (VALUES
	('outage', 1::smallint, 'Since when?', 'As exactly as you know, with your time zone.', NULL::text[], false),
	('outage', 2, 'Who is affected?', '', ARRAY['Only me', 'My team', 'Everybody, as far as I can see'], false),
	('bug', 1, 'Which version, and in which browser or system?', 'For example: 2026.11, Firefox 145.', NULL, false),
	('bug', 2, 'Since when?', 'Did it ever work?', NULL, false),
	('how-to', 1, 'Where do you want to do it?', 'The page, the program, the command.', NULL, false),
	('access', 1, 'Which account or resource?', 'The name, never the password.', NULL, false),
	('config-change', 1, 'By when do you need it?', '', NULL, false),
	('config-change', 2, 'Who else has to agree?', '', NULL, false),
	('feature', 1, 'How do you manage today?', '', NULL, false)
) AS v (template, position, label, hint, choices, required)
WHERE NOT EXISTS (SELECT FROM desk.intake_field f WHERE f.template = v.template);

-- Who answers when it matters.  Its roster is empty: people join it on
-- /staff/duty, and until then nobody is on duty.
INSERT INTO desk.rotation (name, label, zone)
SELECT 'engineering', 'Engineering', desk.zone()
WHERE NOT EXISTS (SELECT FROM desk.rotation);
INSERT INTO desk.page_rule (rotation) SELECT r.name FROM desk.rotation r
WHERE NOT EXISTS (SELECT FROM desk.page_rule) ORDER BY r.name <> 'engineering', r.name LIMIT 1;
