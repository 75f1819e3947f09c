import { runPsql, type PsqlOptions } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'

interface Invalid {
  readonly type: string
  readonly name: string
  readonly problem: string
  /** Whether its definition makes it so: a partitioned table's index without all parts, a copy of the parent's constraint. */
  readonly byDefinition: boolean
  /** As `notValidated` names constraints. */
  readonly key: string | null
}

const QUERY = String.raw`
SELECT coalesce(json_agg(found), '[]') FROM (
  SELECT CASE WHEN i.indisvalid THEN 'INDEX (not ready)' ELSE 'INDEX' END AS type,
         i.indexrelid::regclass::text AS name,
         'it is not valid: queries do not use it' AS problem,
         c.relkind = 'I' AS "byDefinition",
         NULL AS key
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
  UNION ALL
  SELECT 'CONSTRAINT', format('%s on %s', quote_ident(conname), coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text)),
         'it is not validated: rows may break it',
         conparentid <> 0 OR coninhcount > 0,
         translate(format('%s.%s %s', nspname, coalesce(relname, typname), conname), E'\n\r', '  ')
    FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace
         LEFT JOIN pg_class c ON c.oid = conrelid LEFT JOIN pg_type t ON t.oid = contypid
   WHERE NOT convalidated
  ORDER BY 1, 2) found;
`

/**
 * Are all indexes valid and all constraints validated? A constraint that the archive itself defines as
 * NOT VALID comes back as it was, and so does a partitioned table's index that lacks a part: they are
 * named, and fail nothing. `notValidated` has the constraints of the archive.
 */
export async function checkValidity(
  notValidated: ReadonlySet<string>,
  options: PsqlOptions,
): Promise<Findings> {
  const found = JSON.parse(await runPsql(QUERY, options)) as Invalid[]
  const isAsDumped = ({ byDefinition, key }: Invalid): boolean =>
    byDefinition || (key !== null && notValidated.has(key))
  const asDumped = found.filter(isAsDumped).map(({ type, name }) => `${type} ${name}`)
  return {
    differences: found
      .filter((each) => !isAsDumped(each))
      .map(({ type, name, problem }) => ({ check: 'validity', object: `${type} ${name}`, problem })),
    ...(asDumped.length === 0 ? {} : { note: `not valid in the source either: ${asDumped.join(', ')}` }),
  }
}
