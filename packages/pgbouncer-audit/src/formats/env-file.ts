import { isDirectName } from '../script/direct.ts'
import { urlParameters } from '../script/facts/startup-url.ts'
import { startupOptions } from '../startup-options.ts'
import type { PlacedFact } from '../unit.ts'

/** One `NAME=value` of an `.env` file. */
export interface EnvEntry {
  readonly name: string
  readonly value: string
  /** Offset of the name. */
  readonly at: number
}

export function readEnvEntries(source: string): EnvEntry[] {
  const entries: EnvEntry[] = []
  for (const match of source.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(.*)$/gm)) {
    const value = match[2]!.trim().replace(/^(['"])(.*)\1.*$/, '$2')
    entries.push({ name: match[1]!, value, at: match.index + match[0].indexOf(match[1]!) })
  }
  return entries
}

/** Startup parameters that URLs and PGOPTIONS carry. */
export function readEnvFacts(source: string): PlacedFact[] {
  return readEnvEntries(source).flatMap(({ name, value, at }): PlacedFact[] => {
    const isDirect = isDirectName(name)
    const parameters =
      name === 'PGOPTIONS'
        ? startupOptions(value).map((each) => ({ name: each, viaOptions: true }))
        : /^postgres(?:ql)?:\/\//.test(value)
          ? urlParameters(value)
          : []
    return parameters.map((each) => ({
      kind: 'startup-parameter',
      ...each,
      at,
      isDirect,
      confidence: 'high',
    }))
  })
}

/** Whether a URL leads to a pooler, by what the providers call theirs. */
export function isPooledUrl(url: string): boolean {
  return /-pooler\.|pgbouncer|:6432\b|:6543\b|pooler\.supabase/i.test(url)
}
