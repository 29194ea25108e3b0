-- Everything says what it is, and every column who may read it.  A new table
-- or column that nobody has classified fails here.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

CREATE TEMP VIEW ours AS
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('desk', 'api', 'report') AND c.relkind IN ('r', 'p', 'v', 'm', 'f');

CREATE TEMP VIEW columns AS
SELECT o.schema, o.name AS relation, a.attname AS name, col_description(o.oid, a.attnum) AS comment
FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped;

SELECT is_empty($$ SELECT nspname FROM pg_namespace WHERE nspname IN ('desk', 'api', 'report') AND obj_description(oid, 'pg_namespace') IS NULL $$,
	'every schema says what it is for');
SELECT is_empty($$ SELECT schema, name FROM ours WHERE coalesce(obj_description(oid, 'pg_class'), '') !~ '\S' $$,
	'every table and view says what it is');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	WHERE n.nspname IN ('desk', 'api', 'report') AND coalesce(obj_description(p.oid, 'pg_proc'), '') !~ '\S' $$,
	'every function says what it does');
SELECT is_empty($$ SELECT relation, name FROM columns WHERE schema = 'desk' AND coalesce(comment, '') !~ '^(public|private|staff|secret): \S' $$,
	'every column of schema desk says who may read it');
SELECT is_empty($$ SELECT relation, name FROM columns WHERE schema = 'report' AND coalesce(comment, '') !~ '\S' $$,
	'every column of a report says what it is');
SELECT is_empty($$ SELECT relation, name FROM columns WHERE schema = 'desk' AND relation LIKE 'public\_%' AND comment !~ '^public: ' $$,
	'the public copies hold public columns only');
SELECT set_eq($$ SELECT name FROM ours WHERE schema = 'desk' AND name LIKE 'public\_%' $$,
	ARRAY['public_ticket', 'public_entry', 'public_search', 'public_attachment'], 'and these are the public copies');
SELECT is_empty($$ SELECT o.name, c.relname FROM ours o JOIN pg_depend d ON d.refobjid = o.oid JOIN pg_rewrite w ON w.oid = d.objid
	JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = 'api' AND c.relname LIKE 'public\_%' AND o.schema = 'desk' AND c.oid <> o.oid
	AND o.name NOT LIKE 'public\_%' AND o.name NOT IN ('severity', 'kind', 'product', 'state', 'resolution', 'channel') $$,
	'views that public programs read are made of public tables');

-- the check bites
CREATE TABLE desk.unclassified (what text);
COMMENT ON COLUMN desk.unclassified.what IS 'something';
SELECT isnt_empty($$ SELECT relation, name FROM columns WHERE schema = 'desk' AND coalesce(comment, '') !~ '^(public|private|staff|secret): \S' $$,
	'a column that nobody has classified is found');

SELECT * FROM finish();
ROLLBACK;
