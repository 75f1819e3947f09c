import { PgBouncerStatsError } from './error.ts'

/** Options of {@link generateAuthQuery}. */
export interface AuthQueryOptions {
  /** The role that PgBouncer looks passwords up as. @default 'pgbouncer_auth' */
  readonly role?: string
  /** Where the function lives. @default 'pgbouncer' */
  readonly schema?: string
  /** @default 'user_lookup' */
  readonly functionName?: string
}

/** What makes an `auth_query` work: SQL for PostgreSQL, settings for PgBouncer. */
export interface AuthQuerySetup {
  /** To be run once, by a superuser, in every database that PgBouncer connects to (or in `auth_dbname`). */
  readonly sql: string
  /** For the `[pgbouncer]` section. */
  readonly settings: Readonly<Record<'auth_type' | 'auth_user' | 'auth_query', string>>
  readonly notes: readonly string[]
}

/**
 * Makes the alternative to `userlist.txt`: a role without rights of its own, and a SECURITY DEFINER
 * function that hands it a user's secret. Superusers and roles with BYPASSRLS or REPLICATION are not
 * handed out, a password whose VALID UNTIL is past neither (CVE-2025-2291), and the function has a
 * fixed search_path (CVE-2025-12819). Pure: nothing is executed.
 *
 * @example
 * ```ts
 * import { generateAuthQuery } from '@ops/pgbouncer-stats'
 *
 * const { sql, settings } = generateAuthQuery({ role: 'pgbouncer_auth' })
 * console.log(sql)
 * for (const [name, value] of Object.entries(settings)) console.log(`${name} = ${value}`)
 * ```
 */
export function generateAuthQuery(options: AuthQueryOptions = {}): AuthQuerySetup {
  const { role = 'pgbouncer_auth', schema = 'pgbouncer', functionName = 'user_lookup' } = options
  for (const name of [role, schema, functionName]) {
    if (!/^[A-Za-z_][\w$]{0,62}$/.test(name)) {
      throw new PgBouncerStatsError(
        'PGBOUNCER_BAD_OPTIONS',
        `"${name}" is not a plain SQL name; use letters, digits and _`,
      )
    }
  }
  const [quotedRole, quotedSchema, quotedFunction] = [role, schema, functionName].map((name) => `"${name}"`)
  const signature = `${quotedSchema}.${quotedFunction}(text)`
  return {
    sql: `BEGIN;
DO $do$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${role}') THEN
    CREATE ROLE ${quotedRole} LOGIN NOINHERIT;
  END IF;
END
$do$;
CREATE SCHEMA IF NOT EXISTS ${quotedSchema};
CREATE OR REPLACE FUNCTION ${quotedSchema}.${quotedFunction}(p_user text, OUT user_name text, OUT secret text)
RETURNS record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog
AS $function$
  SELECT rolname::text,
         CASE WHEN rolvaliduntil < pg_catalog.now() THEN NULL ELSE rolpassword END
  FROM pg_catalog.pg_authid
  WHERE rolname OPERATOR(pg_catalog.=) p_user
    AND rolcanlogin AND NOT rolsuper AND NOT rolreplication AND NOT rolbypassrls
$function$;
REVOKE ALL ON SCHEMA ${quotedSchema} FROM PUBLIC;
REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC;
GRANT USAGE ON SCHEMA ${quotedSchema} TO ${quotedRole};
GRANT EXECUTE ON FUNCTION ${signature} TO ${quotedRole};
COMMIT;
`,
    settings: {
      auth_type: 'scram-sha-256',
      auth_user: role,
      auth_query: `SELECT user_name, secret FROM ${schema}.${functionName}($1)`,
    },
    notes: [
      `set a password: \\password ${role} (it is sent hashed); auth_file then has this one user, with the password in the clear, since PgBouncer itself logs in with it, and mode 0600`,
      'superusers and replication roles cannot log in through PgBouncer by this function; connect them directly',
      'the function must exist in every database that clients ask for, unless auth_dbname (PgBouncer 1.19) names one',
    ],
  }
}
