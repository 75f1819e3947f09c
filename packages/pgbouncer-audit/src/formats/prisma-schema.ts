import type { PlacedFact } from '../unit.ts'
import { isPooledUrl, readEnvEntries } from './env-file.ts'

/** What of a project matters to its Prisma schema. */
export interface PrismaSurroundings {
  /** The major version of Prisma; `null` when unknown. */
  readonly major: number | null
  /** It uses a driver adapter (`@prisma/adapter-pg`), which does not prepare. */
  readonly hasAdapter: boolean
  /** The text of the project's env files. */
  readonly envFiles: readonly string[]
}

/** The hazards of a `schema.prisma`: Prisma's own prepared statements, and its migration lock. */
export function readPrismaSchema(source: string, surroundings: PrismaSurroundings): PlacedFact[] {
  const block = /\bdatasource\s+\w+\s*\{([^}]*)\}/.exec(source)
  if (block === null || !/provider\s*=\s*"postgres(?:ql)?"/.test(block[1]!)) return []
  const url = /^[ \t]*url\s*=\s*(?:env\(\s*"(\w+)"\s*\)|"([^"]*)")/m.exec(block[1]!)
  if (url === null) return []
  const at = block.index + block[0].indexOf(block[1]!) + url.index + url[0].search(/\S/)
  const values = url[2] === undefined ? valuesOf(url[1]!, surroundings.envFiles) : [url[2]]
  const facts: PlacedFact[] = []
  const isPooled = values.some((value) => isPooledUrl(value) || /pgbouncer=true/.test(value))
  const isSafe = values.some((value) => /[?&]pgbouncer=true/.test(value))
  if ((surroundings.major ?? 6) <= 6 && !surroundings.hasAdapter && !isSafe) {
    facts.push({
      kind: 'implicit-prepare',
      via: 'Prisma',
      at,
      isDirect: false,
      confidence: isPooled ? 'high' : 'low',
    })
  }
  if (isPooled && !/^[ \t]*directUrl\s*=/m.test(block[1]!)) {
    facts.push({ kind: 'migration-lock', via: 'Prisma Migrate', at, isDirect: false, confidence: 'medium' })
  }
  return facts
}

function valuesOf(name: string, envFiles: readonly string[]): string[] {
  return envFiles.flatMap((text) =>
    readEnvEntries(text)
      .filter((entry) => entry.name === name)
      .map((entry) => entry.value),
  )
}
