-- The roles: one owner that nobody signs in as, one role per program, one
-- for analysts.  Idempotent; run by sql/migrate as a superuser.
--
-- A program's role may connect and call its own functions in schema api,
-- nothing else: no temporary tables (they could shadow a name), no creation
-- anywhere.  What each may call stands at the end of sql/api/<program>.sql;
-- tests/sql/grants.sql holds the whole matrix.
DO $$
DECLARE
	r text;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'desk_owner') THEN
		CREATE ROLE desk_owner NOLOGIN;
	END IF;
	-- desk_report signs in itself: settings of a role hold for no member
	FOREACH r IN ARRAY ARRAY['desk_submit', 'desk_list', 'desk_ticket',
	    'desk_login', 'desk_factor', 'desk_staff', 'desk_slacheck', 'desk_notify',
	    'desk_duty', 'desk_page', 'desk_promise', 'desk_calendar', 'desk_key', 'desk_publish',
	    'desk_privacy', 'desk_action', 'desk_report'] LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r) THEN
			EXECUTE format('CREATE ROLE %I LOGIN', r);
		END IF;
	END LOOP;
	EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC',
	    current_database());
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO desk_submit, desk_list, '
	    'desk_ticket, desk_login, desk_factor, desk_staff, desk_slacheck, desk_notify, '
	    'desk_duty, desk_page, desk_promise, desk_calendar, desk_key, desk_publish, '
	    'desk_privacy, desk_action, desk_report',
	    current_database());
	EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO desk_owner',
	    current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- What desk_owner makes is closed until a grant opens it.
ALTER DEFAULT PRIVILEGES FOR ROLE desk_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER ROLE desk_report SET default_transaction_read_only = on;
ALTER ROLE desk_report SET statement_timeout = '60s';
