import { isTracked } from '../profile.ts'
import type { Rule } from './rule.ts'

/** Library options that run `SET search_path` on each new connection. */
export const searchPathOption: Rule = {
  id: 'PGB051',
  title: 'Search path set by a library',
  why: 'The library runs SET search_path once per connection, or before a query: it lands on one backend, leaks to other clients there, and is missing on the others.',
  fix: 'Qualify names with their schema, or set the path with ALTER ROLE … SET search_path.',
  *check(unit, profile) {
    if (isTracked('search_path', profile)) return
    for (const fact of unit.facts) {
      if (fact.kind !== 'search-path-option' || fact.isDirect) continue
      yield {
        at: fact.at,
        message: `${fact.via} turns this into SET search_path on one backend`,
        severity: 'error',
        confidence: fact.confidence,
      }
    }
  },
}
