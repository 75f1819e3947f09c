import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { kindOfFile, languageOf } from './files/file-kind.ts'
import { readSource } from './files/read-file.ts'
import { scriptOfComponent } from './formats/component.ts'
import { readEnvFacts } from './formats/env-file.ts'
import { readPrismaSchema, type PrismaSurroundings } from './formats/prisma-schema.ts'
import { readSqlFile } from './formats/sql-file.ts'
import { readModule } from './script/module.ts'
import type { Project } from './script/project.ts'
import type { Unit } from './unit.ts'

/** What the rest of the project says about one file. */
export type Surroundings = (path: string) => PrismaSurroundings

export interface UnitInput {
  readonly path: string
  readonly file: string
  readonly source: string
  readonly project: Project
  readonly surroundings: Surroundings
}

/** Reads one file, whatever its kind, into what the rules look at. */
export function readUnit(input: UnitInput): { unit: Unit; warnings: readonly string[] } {
  const { path, file, source } = input
  switch (kindOfFile(path)) {
    case 'script':
      return readScript(path, source, input.project)
    case 'component':
      return readScript(`${path}.ts`, scriptOfComponent(source), input.project)
    case 'sql': {
      const { statements, note } = readSqlFile(file, source)
      return { unit: { statements, facts: [] }, warnings: note === undefined ? [] : [note] }
    }
    case 'prisma':
      return {
        unit: { statements: [], facts: readPrismaSchema(source, input.surroundings(path)) },
        warnings: [],
      }
    case 'env':
      return { unit: { statements: [], facts: readEnvFacts(source) }, warnings: [] }
    default:
      return { unit: { statements: [], facts: [] }, warnings: [] }
  }
}

function readScript(
  path: string,
  source: string,
  project: Project,
): { unit: Unit; warnings: readonly string[] } {
  const loaded = project.load(path, source)
  if ('problem' in loaded) {
    const line = source.slice(0, loaded.at).split('\n').length
    return {
      unit: { statements: [], facts: [] },
      warnings: [`Cannot be parsed as ${languageOf(path)}, line ${line}: ${loaded.problem}`],
    }
  }
  return { unit: readModule(loaded.context), warnings: [] }
}

/** Looks up, for a Prisma schema, the nearest package.json and the env files beside and above it. */
export function describeProject(
  paths: readonly string[],
  manifests: readonly string[],
  readText: (path: string) => string | undefined,
): Surroundings {
  return (path) => {
    const manifest = manifests
      .filter((each) => path.startsWith(dirname(each)))
      .toSorted((a, b) => b.length - a.length)[0]
    const dependencies = manifest === undefined ? {} : readDependencies(manifest)
    const version = /\d+/.exec(dependencies['@prisma/client'] ?? dependencies['prisma'] ?? '')?.[0]
    const envPaths = paths.filter(
      (each) => kindOfFile(each) === 'env' && path.startsWith(dirname(each).replace(/\/prisma$/, '')),
    )
    return {
      major: version === undefined ? null : Number(version),
      hasAdapter: Object.keys(dependencies).some((name) => /^@prisma\/adapter-(?:pg|neon)/.test(name)),
      envFiles: envPaths.flatMap((each) => readText(each) ?? textOf(each)),
    }
  }
}

function textOf(path: string): string[] {
  const outcome = readSource(path)
  return 'bytes' in outcome ? [outcome.bytes.toString('utf8')] : []
}

function readDependencies(manifest: string): Record<string, string> {
  try {
    const parsed = JSON.parse(readFileSync(manifest, 'utf8')) as Record<
      string,
      Record<string, string> | undefined
    >
    return { ...parsed['devDependencies'], ...parsed['dependencies'] }
  } catch {
    return {}
  }
}
