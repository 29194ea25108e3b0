-- What a program that was taken over could read.  There is a private ticket,
-- a note, an address, a session and a credential, each with a word of its
-- own; then every role tries to get at them by all means it has.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT * FROM no_plan();

CREATE TEMP TABLE role AS SELECT unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_login', 'desk_factor', 'desk_staff', 'desk_slacheck', 'desk_duty', 'desk_notify', 'desk_page', 'desk_promise', 'desk_calendar', 'desk_key', 'desk_publish', 'desk_privacy', 'desk_action', 'desk_report']) AS name;
CREATE TEMP TABLE program AS SELECT name FROM role WHERE name <> 'desk_report';

-- 'done' or the SQLSTATE; what it returned is in the table "got".
CREATE TEMP TABLE got (role text, what text, row_text text);
CREATE FUNCTION pg_temp.try(who text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	texts text[];
BEGIN
	EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', who);
	IF what ~* '^select' THEN
		EXECUTE format('SELECT array_agg(x::text) FROM (%s) x', what) INTO texts;
	ELSE
		EXECUTE what;
	END IF;
	RESET SESSION AUTHORIZATION;
	INSERT INTO got SELECT who, what, unnest(texts);
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RESET SESSION AUTHORIZATION;
	RETURN SQLSTATE;
END
$$;

INSERT INTO desk.staff (login, name) VALUES ('canary-login', 'Clerk');
WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, visibility, tried, reason, requester, requester_name, filed_at)
	SELECT 'canarysubject', 'outage', 1, 'private', 'canarytried', 'canaryreason', desk.person_of('canarymail@example.org'), 'canaryname', now() - interval '1 month'
	FROM generate_series(1, 50) RETURNING number, requester, filed_at),
m AS (INSERT INTO desk.message (ticket, author, name, body, posted_at) SELECT number, 'requester', 'canaryname', 'canarybody', filed_at FROM t),
a AS (INSERT INTO desk.answer SELECT number, 1, 'canaryquestion', 'canaryanswer' FROM t),
f AS (INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT number, requester, now() FROM t)
INSERT INTO desk.note (ticket, staff, body) SELECT t.number, s.id, 'canarynote' FROM t, desk.staff s WHERE s.login = 'canary-login';
INSERT INTO desk.message (ticket, author, staff, name, body) SELECT t.number, 'staff', s.id, s.name, 'canaryreply' FROM desk.ticket t, desk.staff s
	WHERE t.subject = 'canarysubject' AND s.login = 'canary-login' AND t.number % 2 = 0;
INSERT INTO desk.session (token_sha256, staff, network, agent) SELECT sha256('canarytoken'), id, 'canarynetwork', 'canaryagent' FROM desk.staff WHERE login = 'canary-login';
INSERT INTO desk.credential (staff, salt, memory_kib, passes, tag_sha256) SELECT id, 'canarysaltcanarysalt', 19456, 2, sha256('canarytag') FROM desk.staff WHERE login = 'canary-login';
-- a note on a public ticket is as private
WITH t AS (INSERT INTO desk.ticket (subject, kind, severity) VALUES ('An open one', 'bug', 3) RETURNING number)
INSERT INTO desk.note (ticket, staff, body) SELECT t.number, s.id, 'canarynote' FROM t, desk.staff s WHERE s.login = 'canary-login';
DO $$ BEGIN PERFORM api.sla_check(10000); END $$;
-- somebody is woken for one of them
UPDATE desk.ticket SET production_down = true WHERE subject = 'canarysubject';
ANALYZE;
SELECT isnt_empty($$ SELECT FROM pg_stats WHERE schemaname = 'desk' AND tablename = 'ticket' AND most_common_vals::text ~ 'canary' $$, 'the statistics hold private texts');

-- tables
SELECT is(pg_temp.try(r.name, format('SELECT 1 FROM %s LIMIT 1', c.oid::regclass)), '42501', format('%s cannot read %s', r.name, c.oid::regclass))
FROM role r, pg_class c WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') ORDER BY r.name, c.relname;
SELECT is(pg_temp.try(r.name, q), '42501', format('%s cannot: %s', r.name, q)) FROM role r, unnest(ARRAY[
	'SELECT query_to_xml(''SELECT * FROM desk.note'', true, true, '''')',
	'SELECT table_to_xml(''desk.ticket''::regclass, true, true, '''')',
	'SELECT * FROM pg_statistic', 'SELECT * FROM pg_authid', 'SELECT pg_read_file(''pg_hba.conf'')', 'SELECT pg_ls_dir(''.'')',
	'COPY desk.ticket TO ''/tmp/x''', 'COPY (SELECT 1) TO PROGRAM ''true''', 'SELECT lo_import(''/etc/passwd'')',
	'SET ROLE desk_owner',
	'CREATE TEMP TABLE x (a int)', 'CREATE TEMP VIEW x AS SELECT 1', 'CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS ''BEGIN RETURN true; END''',
	'CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE sql AS ''SELECT true''', 'CREATE FUNCTION api.leak(text) RETURNS boolean LANGUAGE sql AS ''SELECT true''',
	'CREATE OPERATOR public.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)',
	'CREATE SCHEMA mine', 'CREATE TABLE public.x (a int)', 'CREATE EXTENSION dblink SCHEMA api', 'SELECT set_config(''log_statement'', ''all'', false)',
	'CREATE ROLE x', 'GRANT desk_owner TO ' || current_user, 'ALTER TABLE desk.ticket DISABLE TRIGGER ALL', 'TRUNCATE desk.change',
	'SET session_replication_role = replica', 'INSERT INTO desk.staff (login, name) VALUES (''x'', ''x'')', 'UPDATE desk.ticket SET visibility = ''public''',
	'DELETE FROM desk.session', 'DROP FUNCTION api.sla_check(int)', 'CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION suppress_redundant_updates_trigger()'
]) q;
SELECT is(pg_temp.try(name, q), 'done', name || ' may ask, but: ' || q) FROM role, unnest(ARRAY[
	'SELECT * FROM pg_stats WHERE schemaname = ''desk''', 'SELECT * FROM pg_stats_ext', 'SELECT * FROM pg_stat_activity', 'SELECT * FROM pg_description']) q;
SELECT is_empty($$ SELECT role, what FROM got WHERE what ~ 'pg_stats' AND row_text ~ '\mdesk\M' $$, 'the statistics show nobody a row');

-- everything that each role may read, read whole
SELECT is(pg_temp.try(r.name, format('SELECT * FROM %s', c.oid::regclass)), 'done', format('%s reads all of %s', r.name, c.oid::regclass))
FROM role r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('api', 'report', 'public') AND c.relkind IN ('r', 'v', 'm', 'p') AND has_table_privilege(r.name, c.oid, 'SELECT') AND has_schema_privilege(r.name, n.oid, 'USAGE')
ORDER BY r.name, c.relname;
-- the functions that take no secret
SELECT is(pg_temp.try(who, q), 'done', format('%s calls %s', who, q)) FROM (VALUES
	('desk_list', $q$ SELECT * FROM api.list('canarysubject', NULL, NULL, NULL, NULL, false, NULL, NULL, 100) $q$),
	('desk_list', $q$ SELECT * FROM api.list('canarybody', 'all', NULL, NULL, NULL, true, NULL, NULL, 100) $q$),
	('desk_list', $q$ SELECT * FROM api.list(NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, 1000) $q$),
	('desk_list', $q$ SELECT * FROM api.list_json(NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, 1000) $q$),
	('desk_list', $q$ SELECT * FROM api.list_summary() $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_report('-infinity', 'infinity') $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_report_text('-infinity', 'infinity') $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_report_json('-infinity', 'infinity') $q$),
	('desk_notify', $q$ SELECT * FROM api.outbox_status() $q$),
	('desk_duty', $q$ SELECT * FROM api.duty_now() $q$),
	('desk_duty', $q$ SELECT * FROM api.duty_weeks() $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_report_csv('-infinity', 'infinity') $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_report_html('-infinity', 'infinity') $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_metrics() $q$),
	('desk_slacheck', $q$ SELECT * FROM api.sla_status(5) $q$),
	('desk_promise', $q$ SELECT * FROM api.record_breaches(500) $q$),
	('desk_promise', $q$ SELECT * FROM api.record_breaches_csv() $q$),
	('desk_promise', $q$ SELECT * FROM api.record_table() $q$),
	('desk_promise', $q$ SELECT * FROM api.record_csv() $q$),
	('desk_promise', $q$ SELECT * FROM api.record_summary() $q$),
	('desk_promise', $q$ SELECT * FROM api.promise_table(NULL) $q$)) AS v (who, q);
SELECT is_empty($$ SELECT role, left(what, 60), substring(row_text FROM '.{0,20}canary.{0,20}') FROM got
	WHERE row_text ~* 'canary(subject|tried|reason|mail|name|body|answer|question|note|reply|token|network|agent|salt|tag)' AND what !~ 'pg_stat_activity' $$,
	'nowhere is there a private text, a note, an address, a session or a credential');
SELECT is_empty($$ SELECT role, what FROM got WHERE what ~ 'api\.(public|list)' AND row_text LIKE '%"number": ' || (SELECT max(number) FROM desk.ticket WHERE subject = 'canarysubject') || ',%' $$,
	'nor so much as the number of a private ticket in a public list');
SELECT cmp_ok((SELECT count(*)::int FROM got), '>', 100, 'and there was much to look at');

-- a token that is none opens nothing
SELECT matches(pg_temp.try(who, q), '^PT40[14]$', format('%s with a wrong token: %s', who, q)) FROM (VALUES
	('desk_ticket', $q$ SELECT * FROM api.ticket_mine('nonsense', 1) $q$), ('desk_ticket', $q$ SELECT * FROM api.ticket_mine_thread('nonsense', 1) $q$),
	('desk_ticket', $q$ SELECT * FROM api.ticket_link('nonsense') $q$), ('desk_ticket', $q$ SELECT * FROM api.ticket_mine(NULL, 1) $q$),
	('desk_privacy', $q$ SELECT * FROM api.privacy_texts('nonsense', 1) $q$), ('desk_privacy', $q$ SELECT * FROM api.privacy_person(NULL, 'canarymail@example.org', NULL) $q$),
	('desk_privacy', $q$ SELECT * FROM api.privacy_export('nonsense', 1, 1000) $q$), ('desk_privacy', $q$ SELECT * FROM api.privacy_piece('', 1, 0) $q$),
	('desk_privacy', $q$ SELECT * FROM api.privacy_copy('nonsense', 1, 1000) $q$), ('desk_privacy', $q$ SELECT * FROM api.privacy_places('nonsense', 1, NULL, '1') $q$),
	('desk_action', $q$ SELECT * FROM api.action_list('nonsense', NULL, NULL, NULL, NULL, NULL, 10) $q$), ('desk_action', $q$ SELECT * FROM api.action_csv('', NULL, NULL, NULL) $q$),
	('desk_page', $q$ SELECT * FROM api.page_link('nonsense') $q$), ('desk_page', $q$ SELECT * FROM api.page_take_link(NULL) $q$),
	('desk_page', $q$ SELECT * FROM api.page_list('nonsense', NULL, 10) $q$), ('desk_page', $q$ SELECT * FROM api.page_steps('', NULL, 10) $q$),
	('desk_duty', $q$ SELECT * FROM api.duty_feed('nonsense') $q$), ('desk_duty', $q$ SELECT * FROM api.duty_roster(NULL) $q$),
	('desk_duty', $q$ SELECT * FROM api.duty_exemptions('nonsense') $q$), ('desk_duty', $q$ SELECT * FROM api.duty_take('nonsense', NULL, NULL) $q$),
	('desk_staff', $q$ SELECT * FROM api.staff_ticket('nonsense', 1) $q$), ('desk_staff', $q$ SELECT * FROM api.staff_thread('', 1, NULL) $q$),
	('desk_staff', $q$ SELECT * FROM api.staff_ticket(NULL, 1) $q$),
	('desk_staff', $q$ SELECT * FROM api.staff_queue('nonsense', NULL, NULL, NULL, NULL, NULL, NULL, 10) $q$)) AS v (who, q);

SELECT * FROM finish();
ROLLBACK;
