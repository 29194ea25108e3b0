-- Who may do what: the whole matrix.  To be read as a list of all doors: a
-- program can do what stands here, and a right that is more or less than
-- that fails the test.  When you add one on purpose, add its line.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(17);

CREATE TEMP TABLE matrix AS SELECT $matrix$
desk_action
	CONNECT database
	USAGE schema api
	EXECUTE api.action_approve(text, integer)
	EXECUTE api.action_csv(text, text, text, text)
	EXECUTE api.action_list(text, integer, text, text, text, text, integer)
	EXECUTE api.action_people(text, text)
	EXECUTE api.action_ticket(text, integer)
	EXECUTE api.action_write(text, integer, text, text, text, text, text)
desk_calendar
	CONNECT database
	USAGE schema api
	EXECUTE api.business_add(text, timestamp with time zone, numeric)
	EXECUTE api.business_between(text, timestamp with time zone, timestamp with time zone)
	EXECUTE api.calendar_check()
	EXECUTE api.calendar_holidays(text, date[], text[])
	EXECUTE api.calendar_renew()
	EXECUTE api.calendar_show(text, date)
	EXECUTE api.next_open(text, timestamp with time zone)
desk_duty
	CONNECT database
	USAGE schema api
	EXECUTE api.duty_absent(text)
	EXECUTE api.duty_answer(text, integer, text)
	EXECUTE api.duty_ask(text, text, text, text)
	EXECUTE api.duty_choices(text)
	EXECUTE api.duty_desk(text)
	EXECUTE api.duty_exempt(text, integer, text, text, text)
	EXECUTE api.duty_exempt_end(text, integer)
	EXECUTE api.duty_exemptions(text)
	EXECUTE api.duty_feed(text)
	EXECUTE api.duty_feed_end(text, integer)
	EXECUTE api.duty_feed_make(text, text, text)
	EXECUTE api.duty_feed_name(text)
	EXECUTE api.duty_feeds(text)
	EXECUTE api.duty_history(text)
	EXECUTE api.duty_join(text, text, integer, text, boolean, text)
	EXECUTE api.duty_mine(text)
	EXECUTE api.duty_now()
	EXECUTE api.duty_offers(text)
	EXECUTE api.duty_ride(text, text)
	EXECUTE api.duty_roster(text)
	EXECUTE api.duty_take(text, text, text)
	EXECUTE api.duty_verdict(text, text, text, text)
	EXECUTE api.duty_weeks()
desk_factor
	CONNECT database
	USAGE schema api
	EXECUTE api.factor_app_add(text, text, bigint, text[], text)
	EXECUTE api.factor_app_remove(text, text)
	EXECUTE api.factor_codes(text, text[], text)
	EXECUTE api.factor_events(text)
	EXECUTE api.factor_me(text)
	EXECUTE api.factor_passkey_add(text, text, integer, text, bigint, text, text, text[], text)
	EXECUTE api.factor_passkey_remove(text, integer, text)
	EXECUTE api.factor_passkeys(text)
	EXECUTE api.factor_password(text, text, text, integer, integer, text, text)
	EXECUTE api.factor_password_params(text)
desk_key
	CONNECT database
	USAGE schema api
	EXECUTE api.key_offered(text)
	EXECUTE api.key_packets(text, text)
desk_list
	CONNECT database
	USAGE schema api
	SELECT api.list_choice
	SELECT api.public_list
	SELECT api.public_row
	SELECT api.public_search
	EXECUTE api.list(text, text, text, text, text, boolean, text, text, integer)
	EXECUTE api.list_count(text, text, text, text, text)
	EXECUTE api.list_json(text, text, text, text, text, boolean, text, text, integer)
	EXECUTE api.list_numbers(tsquery, text, text, integer)
	EXECUTE api.list_summary()
	EXECUTE api.list_where(text, text, text, text)
	EXECUTE api.search_estimate(tsquery)
	EXECUTE api.search_query(text)
	EXECUTE desk.tone(text, boolean)
	EXECUTE desk.utc(timestamp with time zone)
	EXECUTE desk.words(timestamp with time zone)
desk_login
	CONNECT database
	USAGE schema api
	EXECUTE api.login_again(text, text, text, text, bigint, text, text, bigint, text)
	EXECUTE api.login_code(text, bigint, text, text, bigint, text, text, text, text, text)
	EXECUTE api.login_contact(text)
	EXECUTE api.login_contact_confirm(text, text, text)
	EXECUTE api.login_contact_set(text, text, text, text, text, text, text, text)
	EXECUTE api.login_end(text)
	EXECUTE api.login_finish(text, text, text, text, text, text, text)
	EXECUTE api.login_needs(text)
	EXECUTE api.login_params(text, text)
	EXECUTE api.login_passkey(text)
	EXECUTE api.login_passkeys(text, text)
	EXECUTE api.login_proof(text, text)
	EXECUTE api.login_session_end(text, integer)
	EXECUTE api.login_sessions(text)
	EXECUTE api.login_whole(text, bigint, text, text, text, text, text, text)
desk_notify
	CONNECT database
	USAGE schema api
	EXECUTE api.outbox_claim(integer, text, integer, integer)
	EXECUTE api.outbox_clean(integer)
	EXECUTE api.outbox_due(integer)
	EXECUTE api.outbox_hook(text)
	EXECUTE api.outbox_open()
	EXECUTE api.outbox_release(integer)
	EXECUTE api.outbox_replay(bigint)
	EXECUTE api.outbox_report(integer, bigint, text, integer, text, integer)
	EXECUTE api.outbox_status()
	EXECUTE api.outbox_tested(text, text, integer, text, integer)
desk_page
	CONNECT database
	USAGE schema api
	EXECUTE api.page_figures(text)
	EXECUTE api.page_judge(text, integer, text, text)
	EXECUTE api.page_link(text)
	EXECUTE api.page_list(text, integer, integer)
	EXECUTE api.page_steps(text, integer, integer)
	EXECUTE api.page_take(text, integer)
	EXECUTE api.page_take_link(text)
desk_privacy
	CONNECT database
	USAGE schema api
	EXECUTE api.privacy_copy(text, integer, bigint)
	EXECUTE api.privacy_erase(text, integer, text, text, text)
	EXECUTE api.privacy_export(text, integer, bigint)
	EXECUTE api.privacy_files(text, integer, text)
	EXECUTE api.privacy_log(text, integer)
	EXECUTE api.privacy_person(text, text, integer)
	EXECUTE api.privacy_piece(text, bigint, integer)
	EXECUTE api.privacy_places(text, integer, text, text)
	EXECUTE api.privacy_redact(text, integer, text, text, text)
	EXECUTE api.privacy_texts(text, integer)
	EXECUTE api.privacy_ticket(text, integer, bigint)
	EXECUTE api.privacy_withhold(text, integer, integer, text, text, text)
desk_promise
	CONNECT database
	USAGE schema api
	EXECUTE api.promise_hours(text)
	EXECUTE api.promise_table(text)
	EXECUTE api.promise_versions()
	EXECUTE api.record_breaches(integer)
	EXECUTE api.record_breaches_csv()
	EXECUTE api.record_chart(text)
	EXECUTE api.record_csv()
	EXECUTE api.record_groups()
	EXECUTE api.record_summary()
	EXECUTE api.record_table()
	EXECUTE api.record_tickets_csv()
desk_publish
	CONNECT database
	USAGE schema api
	EXECUTE api.publish_check()
	EXECUTE api.publish_key(text, text[], text, text, text, text, timestamp with time zone, bytea)
	EXECUTE api.publish_list()
	EXECUTE api.publish_retire(text)
desk_report
	CONNECT database
	USAGE schema api
	USAGE schema report
	SELECT api.unanswered
	SELECT report.answer_week
	SELECT report.breach
	SELECT report.change
	SELECT report.channel_total
	SELECT report.clock
	SELECT report.delivery
	SELECT report.duty_fairness
	SELECT report.duty_week
	SELECT report.intake
	SELECT report.list_sent
	SELECT report.load_week
	SELECT report.page
	SELECT report.page_month
	SELECT report.policy
	SELECT report.private_reason
	SELECT report.production_actions
	SELECT report.release
	SELECT report.sla_week
	SELECT report.ticket
	SELECT report.unanswered
	SELECT report.undelivered
	SELECT report.unrouted
	SELECT report.untriaged
	EXECUTE api.answer_week(date)
	EXECUTE api.load_week(date)
	EXECUTE api.business_add(text, timestamp with time zone, numeric)
	EXECUTE api.business_between(text, timestamp with time zone, timestamp with time zone)
	EXECUTE api.next_open(text, timestamp with time zone)
	EXECUTE api.sla_explain(integer)
	EXECUTE api.zone()
desk_slacheck
	CONNECT database
	USAGE schema api
	EXECUTE api.sla_check(integer)
	EXECUTE api.sla_clean(integer)
	EXECUTE api.sla_lines(text, timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_mail(text, timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_metrics()
	EXECUTE api.sla_period(boolean, timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_report(timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_report_csv(timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_report_html(timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_report_json(timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_report_text(timestamp with time zone, timestamp with time zone)
	EXECUTE api.sla_status(integer)
	EXECUTE api.sla_tick(integer, integer, integer)
desk_staff
	CONNECT database
	USAGE schema api
	EXECUTE api.staff_assign(text, integer, integer, text, integer)
	EXECUTE api.staff_change(text, integer, integer, text, text, text, text, text)
	EXECUTE api.staff_choices(text, integer)
	EXECUTE api.staff_down(text, integer, integer, text, text)
	EXECUTE api.staff_duty(text)
	EXECUTE api.staff_file(text, integer, bigint)
	EXECUTE api.staff_file_check(text, text, text, text[], text[], text[], bigint[], integer, bigint)
	EXECUTE api.staff_file_drop(text, text, integer)
	EXECUTE api.staff_file_piece(text, integer, bigint, integer)
	EXECUTE api.staff_files(text, integer)
	EXECUTE api.staff_filters(text)
	EXECUTE api.staff_hold(text, integer, integer, text, text, text)
	EXECUTE api.staff_load(text, integer)
	EXECUTE api.staff_load_page(text, integer)
	EXECUTE api.staff_me(text)
	EXECUTE api.staff_note(text, integer, integer, text, text, text, integer, text)
	EXECUTE api.staff_paging(text, integer)
	EXECUTE api.staff_private(text, integer)
	EXECUTE api.staff_promises(text, integer)
	EXECUTE api.staff_queue(text, text, text, text, text, text, text, integer, text)
	EXECUTE api.staff_reason(text, integer, integer, text, text, text)
	EXECUTE api.staff_reply(text, integer, integer, text, text, text, integer, boolean, boolean, text, text, text)
	EXECUTE api.staff_resolve(text, integer, integer, text, text, text, text, text, text)
	EXECUTE api.staff_ringing(text)
	EXECUTE api.staff_route(text, integer, integer, text, text, text)
	EXECUTE api.staff_take(text, integer, integer, text)
	EXECUTE api.staff_thread(text, integer, text)
	EXECUTE api.staff_ticket(text, integer)
	EXECUTE api.staff_upload(text, text, text, text, text, integer, text, bigint, integer, bytea)
	EXECUTE api.staff_uploads(text, text)
	EXECUTE api.staff_views(text, text)
	EXECUTE api.staff_visibility(text, integer, integer, text, text)
	EXECUTE api.staff_why(text, integer)
desk_submit
	CONNECT database
	USAGE schema api
	SELECT api.submit_choice
	SELECT api.submit_field
	SELECT api.submit_product
	SELECT api.submit_template
	EXECUTE api.submit(text, text, text, text, text, text, text, integer, text, text, text, text, text[], text, text, text, boolean, boolean, boolean, boolean, text, text, bytea)
	EXECUTE api.submit_file_check(text, text, text[], text[], text[], bigint[], integer, bigint, text, text, boolean)
	EXECUTE api.submit_file_drop(text, integer)
	EXECUTE api.submit_files(text)
	EXECUTE api.submit_keys()
	EXECUTE api.submit_same(integer, text, text)
	EXECUTE api.submit_severities()
	EXECUTE api.submit_upload(text, text, text, text, integer, text, bigint, integer, bytea)
desk_ticket
	CONNECT database
	USAGE schema api
	SELECT api.public_entry
	SELECT api.public_file
	SELECT api.public_ticket
	EXECUTE api.public_file_piece(integer, bigint, integer)
	EXECUTE api.ticket_consent(text, integer)
	EXECUTE api.ticket_file_check(text, integer, text, text, text[], text[], text[], bigint[], integer, bigint, text, boolean)
	EXECUTE api.ticket_file_drop(text, integer, text, integer)
	EXECUTE api.ticket_files(text, integer, text)
	EXECUTE api.ticket_follow(integer, text, text)
	EXECUTE api.ticket_follow_link(text)
	EXECUTE api.ticket_follow_set(text, boolean)
	EXECUTE api.ticket_keys()
	EXECUTE api.ticket_link(text)
	EXECUTE api.ticket_me_too(integer, text)
	EXECUTE api.ticket_mine(text, integer)
	EXECUTE api.ticket_mine_file(text, integer, bigint)
	EXECUTE api.ticket_mine_file_piece(text, integer, bigint, integer)
	EXECUTE api.ticket_mine_files(text, integer)
	EXECUTE api.ticket_mine_follow(text, integer, boolean)
	EXECUTE api.ticket_mine_thread(text, integer)
	EXECUTE api.ticket_mine_why(text, integer)
	EXECUTE api.ticket_reply(text, integer, text, text, text, text, integer, boolean, bytea, text)
	EXECUTE api.ticket_solved(text, integer, boolean)
	EXECUTE api.ticket_upload(text, integer, text, text, text, text, integer, text, bigint, integer, bytea)
	EXECUTE api.ticket_why(integer)
	EXECUTE desk.promise_of(text, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone, timestamp with time zone, integer, boolean)
	EXECUTE desk.size_words(bigint)
	EXECUTE desk.span_words(numeric)
	EXECUTE desk.tone(text, boolean)
	EXECUTE desk.utc(timestamp with time zone)
	EXECUTE desk.words(timestamp with time zone)
$matrix$ AS lines;

CREATE TEMP VIEW expected AS
SELECT max(x.line) FILTER (WHERE x.line !~ '^\t') OVER (PARTITION BY x.block) || ' ' || btrim(x.line, E'\t') AS line, x.line ~ '^\t' AS is_right
FROM (SELECT l.line, count(*) FILTER (WHERE l.line !~ '^\t') OVER (ORDER BY l.place) AS block
	FROM matrix, regexp_split_to_table(btrim(lines, E'\n'), '\n') WITH ORDINALITY AS l (line, place)) x;

-- Effective rights: also those that come by PUBLIC, a group or ownership.
CREATE TEMP VIEW granted AS
WITH program AS (
	SELECT oid, rolname AS name FROM pg_roles WHERE rolname LIKE 'desk\_%' AND rolname <> 'desk_owner'
)
SELECT p.name || ' ' || r.name || ' database' AS line FROM program p, unnest(ARRAY['CONNECT', 'CREATE', 'TEMP']) AS r (name)
WHERE has_database_privilege(p.oid, current_database(), r.name)
UNION ALL
SELECT p.name || ' ' || r.name || ' schema ' || n.nspname FROM program p, pg_namespace n, unnest(ARRAY['USAGE', 'CREATE']) AS r (name)
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND has_schema_privilege(p.oid, n.oid, r.name)
UNION ALL
SELECT p.name || ' ' || r.name || ' ' || n.nspname || '.' || c.relname FROM program p, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
	unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS r (name)
WHERE n.nspname IN ('desk', 'api', 'report') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(p.oid, c.oid, r.name)
UNION ALL
-- a right to a single column, where there is none to the whole
SELECT p.name || ' ' || r.name || ' ' || n.nspname || '.' || c.relname || '.' || a.attname FROM program p, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS r (name)
WHERE n.nspname IN ('desk', 'api', 'report') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
	AND has_column_privilege(p.oid, c.oid, a.attnum, r.name) AND NOT has_table_privilege(p.oid, c.oid, r.name)
UNION ALL
SELECT p.name || ' ' || r.name || ' ' || n.nspname || '.' || c.relname FROM program p, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
	unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS r (name)
WHERE n.nspname IN ('desk', 'api', 'report') AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(p.oid, c.oid, r.name) END
UNION ALL
SELECT p.name || ' EXECUTE ' || n.nspname || '.' || f.proname || '(' || oidvectortypes(f.proargtypes) || ')'
FROM program p, pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
WHERE n.nspname IN ('desk', 'api', 'report') AND has_function_privilege(p.oid, f.oid, 'EXECUTE')
UNION ALL
SELECT p.name || ' USAGE type ' || t.oid::regtype FROM program p, pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname IN ('desk', 'api', 'report') AND t.typtype IN ('d', 'e', 'r') AND has_type_privilege(p.oid, t.oid, 'USAGE');

SELECT is_empty('SELECT line FROM granted EXCEPT SELECT line FROM expected WHERE is_right', 'no role has a right that is not in the matrix');
SELECT is_empty('SELECT line FROM expected WHERE is_right EXCEPT SELECT line FROM granted', 'no role lacks one that is');
SELECT cmp_ok((SELECT count(*)::int FROM expected WHERE is_right), '>', 50, 'the matrix was read');

-- the roles themselves
SELECT set_eq($$ SELECT rolname FROM pg_roles WHERE rolname LIKE 'desk\_%' $$,
	ARRAY['desk_action', 'desk_privacy', 'desk_owner', 'desk_submit', 'desk_list', 'desk_ticket', 'desk_login', 'desk_factor', 'desk_staff', 'desk_slacheck', 'desk_duty', 'desk_notify', 'desk_calendar', 'desk_page', 'desk_promise', 'desk_key', 'desk_publish', 'desk_report'], 'these are the roles');
SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE rolname LIKE 'desk\_%' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) $$,
	'none of them is more than a role');
SELECT is_empty($$ SELECT r.rolname, g.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid WHERE r.rolname LIKE 'desk\_%' $$,
	'none is in another');
SELECT set_eq($$ SELECT rolname FROM pg_roles WHERE rolname LIKE 'desk\_%' AND NOT rolcanlogin $$, ARRAY['desk_owner'::name], 'nobody signs in as the owner');
SELECT set_eq($$ SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = 'desk_report' ORDER BY 1 $$, ARRAY['default_transaction_read_only=on', 'statement_timeout=60s'],
	'analysts only read, and not for ever');
SELECT is_empty($$ SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('desk', 'api', 'report') AND pg_get_userbyid(c.relowner) <> 'desk_owner'
	UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('desk', 'api', 'report') AND pg_get_userbyid(p.proowner) <> 'desk_owner' $$,
	'all of it belongs to desk_owner');

-- PUBLIC
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE n.nspname IN ('desk', 'api', 'report') AND a.grantee = 0 $$, 'no function of ours may be called by everybody');
SELECT is_empty($$ SELECT a.privilege_type FROM pg_database d, LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = current_database() AND a.grantee = 0 $$,
	'not everybody may connect, or make temporary tables');
SELECT is_empty($$ SELECT n.nspname, a.privilege_type FROM pg_namespace n, LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
	WHERE n.nspname IN ('desk', 'api', 'report', 'public') AND a.grantee = 0 $$, 'no schema is open to everybody');

-- functions with the owner's rights
SELECT is_empty($$ SELECT p.oid::regprocedure, p.proconfig FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	WHERE n.nspname IN ('desk', 'api', 'report') AND p.prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) $$,
	'every function with the owner''s rights has a search path of its own');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
	WHERE n.nspname IN ('desk', 'api', 'report') AND p.prosecdef AND l.lanname <> 'plpgsql' $$, 'and is in PL/pgSQL, which keeps its plans');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'desk' AND p.prosecdef $$,
	'there are none but in schema api');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('api', 'report') AND c.relkind <> 'v' AND c.relkind <> 'c' $$, 'api and report hold no data');

-- it bites
GRANT SELECT (subject) ON desk.ticket TO desk_list;
SELECT set_eq('SELECT line FROM granted EXCEPT SELECT line FROM expected WHERE is_right', ARRAY['desk_list SELECT desk.ticket.subject'],
	'a single column too many is found');

SELECT * FROM finish();
ROLLBACK;
