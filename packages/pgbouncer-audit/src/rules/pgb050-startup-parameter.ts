import { acceptsAtStartup } from '../profile.ts'
import type { Rule } from './rule.ts'

/** Parameters in the startup message that PgBouncer refuses. */
export const startupParameter: Rule = {
  id: 'PGB050',
  title: 'Startup parameter that PgBouncer refuses',
  why: 'PgBouncer closes a connection that starts with a parameter it neither tracks nor was told to ignore: "unsupported startup parameter".',
  fix: 'Set it with ALTER ROLE … SET, or with SET LOCAL in the transaction; ignore_startup_parameters only drops it. A limit in the client, such as query_timeout, is safe.',
  inSessionMode: true,
  *check(unit, profile) {
    for (const fact of unit.facts) {
      if (
        fact.kind !== 'startup-parameter' ||
        fact.isDirect ||
        acceptsAtStartup(fact.name, fact.viaOptions, profile)
      )
        continue
      yield {
        at: fact.at,
        message: `PgBouncer refuses the connection for its startup parameter ${fact.viaOptions ? `options (-c ${fact.name}=…)` : fact.name}`,
        severity: 'error',
        confidence: fact.confidence,
      }
    }
  },
}
