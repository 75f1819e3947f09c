-- The database `app`, the roles that may do something with it, and views for a first look.
-- Written to be run again: it brings an older database up to date, and passwords to what the files say.
\set app_password `cat /run/secrets/app`
\set backup_password `cat /run/secrets/backup`
\set monitoring_password `cat /run/secrets/monitoring`
\set pgbouncer_password `cat /run/secrets/pgbouncer_auth`
-- The statements that follow have passwords in them: neither the statistics, which monitoring reads, nor the log keep them.
SET pg_stat_statements.track = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['app_owner', 'app', 'backup', 'monitoring', 'pgbouncer_auth']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec
SELECT 'CREATE DATABASE app OWNER app_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec

-- Owns what is in the database; migrations take its rights on with SET ROLE. Nobody logs in as it.
ALTER ROLE app_owner NOLOGIN;
-- The application, through PgBouncer: reads and writes rows, and changes no table.
ALTER ROLE app LOGIN PASSWORD :'app_password';
ALTER ROLE app SET statement_timeout = '30s';
-- pg_dump: reads everything, also past row-level security, and writes nothing.
ALTER ROLE backup LOGIN BYPASSRLS CONNECTION LIMIT 10 PASSWORD :'backup_password';
ALTER ROLE backup SET default_transaction_read_only = on;
GRANT pg_read_all_data, pg_use_reserved_connections TO backup;
-- postgres_exporter: reads statistics, and no rows.
ALTER ROLE monitoring LOGIN CONNECTION LIMIT 5 PASSWORD :'monitoring_password';
ALTER ROLE monitoring SET default_transaction_read_only = on;
-- The sizes of a table that somebody has locked are not worth waiting for.
ALTER ROLE monitoring SET lock_timeout = '2s';
-- Prometheus gives a scrape up after ten seconds; nothing may go on working for it.
ALTER ROLE monitoring SET statement_timeout = '8s';
GRANT pg_monitor, pg_use_reserved_connections TO monitoring;
-- PgBouncer's auth_query: may look up the application's password, and no other.
ALTER ROLE pgbouncer_auth LOGIN CONNECTION LIMIT 5 PASSWORD :'pgbouncer_password';

REVOKE ALL ON DATABASE app, postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE app TO app, backup, monitoring, pgbouncer_auth;
-- For tables that end with their transaction, the only ones that transaction mode allows.
GRANT TEMPORARY ON DATABASE app TO app;
GRANT CONNECT ON DATABASE postgres TO backup, monitoring;

\connect app
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO app_owner;
-- For monitoring, because pg_stat_statements is in there; without rights on tables it reads none.
GRANT USAGE ON SCHEMA public TO app, monitoring;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO app;

CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE SCHEMA IF NOT EXISTS pgbouncer;
CREATE OR REPLACE FUNCTION pgbouncer.get_auth(name text, OUT usename text, OUT passwd text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT rolname::text, rolpassword
  FROM pg_authid
  WHERE rolname = name AND rolname = 'app' AND rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > now())
$$;
REVOKE ALL ON FUNCTION pgbouncer.get_auth FROM PUBLIC;
GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer_auth;
GRANT EXECUTE ON FUNCTION pgbouncer.get_auth TO pgbouncer_auth;

CREATE SCHEMA IF NOT EXISTS monitoring;
CREATE OR REPLACE VIEW monitoring.v_database_size AS
SELECT
  datname AS database,
  pg_database_size(oid) AS size_bytes,
  pg_size_pretty(pg_database_size(oid)) AS size
FROM pg_database
WHERE datallowconn AND NOT datistemplate
ORDER BY size_bytes DESC;

CREATE OR REPLACE VIEW monitoring.v_table_sizes AS
SELECT
  schemaname AS schema,
  relname AS "table",
  pg_total_relation_size(relid) AS total_bytes,
  pg_table_size(relid) AS table_bytes,
  pg_indexes_size(relid) AS index_bytes,
  n_live_tup AS live_rows,
  n_dead_tup AS dead_rows,
  pg_size_pretty(pg_total_relation_size(relid)) AS total
FROM pg_stat_user_tables
ORDER BY total_bytes DESC;

-- An index without a scan is no use to queries; a unique one still keeps a promise.
CREATE OR REPLACE VIEW monitoring.v_index_usage AS
SELECT
  stat.schemaname AS schema,
  stat.relname AS "table",
  stat.indexrelname AS index,
  stat.idx_scan AS scans,
  stat.last_idx_scan AS last_scan,
  pg_relation_size(stat.indexrelid) AS size_bytes,
  index.indisunique AS is_unique
FROM pg_stat_user_indexes AS stat
JOIN pg_index AS index ON index.indexrelid = stat.indexrelid
ORDER BY scans, size_bytes DESC;

-- How wide a table's columns are, for estimates of bloat: pg_stats shows that only to who may read the rows.
DROP FUNCTION IF EXISTS monitoring.column_widths();
CREATE OR REPLACE FUNCTION monitoring.column_widths(relation oid)
RETURNS TABLE (attnum smallint, avg_width integer, null_frac real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT staattnum, stawidth, stanullfrac FROM pg_statistic WHERE starelid = relation AND NOT stainherit $$;
REVOKE ALL ON FUNCTION monitoring.column_widths(oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring.column_widths(oid) TO monitoring;

GRANT USAGE ON SCHEMA monitoring TO monitoring;
GRANT SELECT ON ALL TABLES IN SCHEMA monitoring TO monitoring;
