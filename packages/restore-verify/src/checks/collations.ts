import { runPsql, type PsqlOptions } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'

interface Mismatch {
  readonly object: string
  readonly stored: string
  readonly actual: string
}

const QUERY = `
SELECT coalesce(json_agg(found), '[]') FROM (
  SELECT format('COLLATION %s', c.oid::regcollation) AS object, c.collversion AS stored,
         coalesce(pg_collation_actual_version(c.oid), 'none') AS actual
    FROM pg_collation c
   WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid)
  UNION ALL
  SELECT 'the database''s default collation', datcollversion,
         coalesce(pg_database_collation_actual_version(oid), 'none')
    FROM pg_database
   WHERE datname = current_database() AND datcollversion IS NOT NULL
     AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
  ORDER BY 1) found;
`

/** Do the target's collations sort as those that the indexes were built by? */
export async function checkCollations(options: PsqlOptions): Promise<Findings> {
  const found = JSON.parse(await runPsql(QUERY, options)) as Mismatch[]
  return {
    differences: found.map(({ object, stored, actual }) => ({
      check: 'collations',
      object,
      problem: 'its version is not the one of the operating system: text may be sorted otherwise',
      expected: stored,
      actual,
    })),
  }
}
