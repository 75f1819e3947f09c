import { runPsql, type PsqlOptions } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'

interface Invalid {
  readonly type: string
  readonly name: string
  readonly problem: string
  /** Whether the definition itself says so (NOT VALID), so that it was like this in the source. */
  readonly byDefinition: boolean
}

const QUERY = `
SELECT coalesce(json_agg(found), '[]') FROM (
  SELECT CASE WHEN i.indisvalid THEN 'INDEX (not ready)' ELSE 'INDEX' END AS type,
         i.indexrelid::regclass::text AS name,
         'it is not valid: queries do not use it' AS problem,
         EXISTS (SELECT FROM pg_inherits WHERE inhparent = i.indexrelid OR c.relkind = 'I') AS "byDefinition"
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
  UNION ALL
  SELECT 'CONSTRAINT', format('%s on %s', quote_ident(conname), coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text)),
         'it is not validated: rows may break it', true
    FROM pg_constraint WHERE NOT convalidated
  ORDER BY 1, 2) found;
`

/**
 * Are all indexes valid and all constraints validated? A constraint that was NOT VALID in the source
 * comes back as it was, and so does a partitioned table's index that lacks a part: they are named, and
 * fail nothing.
 */
export async function checkValidity(options: PsqlOptions): Promise<Findings> {
  const found = JSON.parse(await runPsql(QUERY, options)) as Invalid[]
  const asDefined = found.filter((each) => each.byDefinition).map(({ type, name }) => `${type} ${name}`)
  return {
    differences: found
      .filter((each) => !each.byDefinition)
      .map(({ type, name, problem }) => ({ check: 'validity', object: `${type} ${name}`, problem })),
    ...(asDefined.length === 0 ? {} : { note: `not valid in the source either: ${asDefined.join(', ')}` }),
  }
}
