import { describe, expect, it } from 'vitest'
import { planGlobals } from './restore-globals.ts'
import { splitStatements } from './sql-statements.ts'

describe('a script of pg_dumpall', () => {
  it('is cut into its statements, whatever they quote', () => {
    const script = String.raw`--
-- Roles; not a statement
--
\restrict abc
SET client_encoding = 'UTF8';

CREATE ROLE "semi;colon -- no ""comment""";
ALTER ROLE app SET search_path TO 'a;b', E'c\';d';
COMMENT ON ROLE app IS 'two
-- lines; \connect nowhere';
ALTER ROLE émile WITH PASSWORD 'it''s;';
\unrestrict abc
`
    expect(splitStatements(script)).toEqual([
      "SET client_encoding = 'UTF8'",
      'CREATE ROLE "semi;colon -- no ""comment"""',
      String.raw`ALTER ROLE app SET search_path TO 'a;b', E'c\';d'`,
      "COMMENT ON ROLE app IS 'two\n-- lines; \\connect nowhere'",
      "ALTER ROLE émile WITH PASSWORD 'it''s;'",
    ])
  })

  it('of nothing has none', () => {
    expect(splitStatements('-- only a comment\n\n')).toEqual([])
  })
})

describe('what is run of it', () => {
  const script = `
    SET client_encoding = 'UTF8';
    CREATE ROLE admin; ALTER ROLE admin WITH SUPERUSER PASSWORD 'SCRAM';
    CREATE ROLE "App Reader"; ALTER ROLE "App Reader" WITH NOLOGIN;
    ALTER ROLE admin SET work_mem TO '1GB'; COMMENT ON ROLE admin IS 'x';
    GRANT pg_monitor TO admin GRANTED BY admin; GRANT "App Reader" TO admin GRANTED BY admin;
    CREATE TABLESPACE fast OWNER admin LOCATION '/fast'; CREATE TABLESPACE slow OWNER admin LOCATION '/slow';
    GRANT CREATE ON TABLESPACE slow TO admin; GRANT CREATE ON TABLESPACE fast TO "App Reader";`

  it('on a server that has none of it: everything', () => {
    const plan = planGlobals(script, { roles: new Set(['pg_monitor']), tablespaces: new Set() })
    expect(plan.statements).toHaveLength(13)
    expect(plan).toMatchObject({
      rolesCreated: ['admin', 'App Reader'],
      rolesKept: [],
      tablespacesCreated: ['fast', 'slow'],
    })
  })

  it('on a server that has some: nothing that would change what is there', () => {
    const plan = planGlobals(script, {
      roles: new Set(['admin', 'pg_monitor']),
      tablespaces: new Set(['slow']),
    })
    expect(plan.statements).toEqual([
      "SET client_encoding = 'UTF8'",
      'CREATE ROLE "App Reader"',
      'ALTER ROLE "App Reader" WITH NOLOGIN',
      'GRANT "App Reader" TO admin GRANTED BY admin',
      "CREATE TABLESPACE fast OWNER admin LOCATION '/fast'",
      'GRANT CREATE ON TABLESPACE fast TO "App Reader"',
    ])
    expect(plan).toMatchObject({
      rolesCreated: ['App Reader'],
      rolesKept: ['admin'],
      tablespacesCreated: ['fast'],
      tablespacesKept: ['slow'],
    })
  })
})
