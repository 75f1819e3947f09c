import { basename, extname } from 'node:path'
import type { ScriptLanguage } from '../script/syntax.ts'

export type FileKind = 'script' | 'component' | 'sql' | 'prisma' | 'env'

const KINDS: Record<string, FileKind> = {
  '.ts': 'script',
  '.tsx': 'script',
  '.mts': 'script',
  '.cts': 'script',
  '.js': 'script',
  '.jsx': 'script',
  '.mjs': 'script',
  '.cjs': 'script',
  '.vue': 'component',
  '.svelte': 'component',
  '.astro': 'component',
  '.sql': 'sql',
  '.psql': 'sql',
  '.pgsql': 'sql',
  '.prisma': 'prisma',
  '.env': 'env',
}

/** What a file may hold, by its name; `undefined` for one that is not read. */
export function kindOfFile(path: string): FileKind | undefined {
  const name = basename(path)
  if (/^\.env(?:\..+|rc)?$/.test(name) || /^(?:env\.example|example\.env)$/.test(name)) return 'env'
  return KINDS[extname(name).toLowerCase()]
}

/** How a script is to be parsed, by its name. */
export function languageOf(path: string): ScriptLanguage {
  if (/\.d\.[cm]?ts$/.test(path)) return 'dts'
  if (/\.[cm]?ts$/.test(path)) return 'ts'
  return path.endsWith('.tsx') ? 'tsx' : 'jsx'
}
