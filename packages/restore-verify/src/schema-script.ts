import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startProgram, type Program } from '@ops/internal-subprocess'
import {
  connectionEnvironment,
  findPostgresProgram,
  openTableOfContents,
  type OpenBackupOptions,
  type PgConnection,
} from '@ops/pg-backup'

/** One object of a schema as `pg_dump` and `pg_restore` write it into a script. */
export interface ScriptEntry {
  readonly type: string
  /** Empty where it is in no schema. */
  readonly schema: string
  readonly name: string
  readonly tablespace: string | undefined
  readonly definition: string
}

interface ProgramContext {
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

/** The definitions that a backup's archive has, in order. */
export async function* archiveSchema(
  options: ProgramContext &
    OpenBackupOptions & {
      /** Where the table of contents of a backup in directory layout is laid down. */
      readonly stagingFolder?: string
    },
): AsyncGenerator<ScriptEntry> {
  const { manifest, stagingFolder = tmpdir(), env, signal } = options
  const serverMajor = Number.parseInt(manifest.tools.pgDump, 10)
  const { path } = await findPostgresProgram('pg_restore', { env, signal, serverMajor })
  const contents = await openTableOfContents(options)
  const run = (args: readonly string[]): Program =>
    startProgram(path, { args: ['--schema-only', '--file=-', ...args], env: { ...env, LC_ALL: 'C' }, signal })
  if (manifest.layout === 'directory') yield* schemaOfDirectory(contents, stagingFolder, run)
  else yield* schemaOfStream(contents, run)
}

type RunPgRestore = (args: readonly string[]) => Program

/** pg_restore reads the table of contents, which comes first, and leaves the rest. */
async function* schemaOfStream(archive: Readable, run: RunPgRestore): AsyncGenerator<ScriptEntry> {
  const program = run(['--format=custom'])
  let failure: unknown
  archive.on('error', (error) => {
    failure = error
    program.stdin.destroy()
  })
  program.stdin.on('close', () => archive.destroy())
  archive.pipe(program.stdin)
  try {
    yield* entriesOf(program.stdout)
    await program.exited.catch((error: unknown) => {
      throw failure ?? error
    })
  } finally {
    archive.destroy()
    await program.kill()
  }
}

async function* schemaOfDirectory(
  toc: Readable,
  stagingFolder: string,
  run: RunPgRestore,
): AsyncGenerator<ScriptEntry> {
  const folder = await mkdtemp(join(stagingFolder, 'ops-restore-verify-toc-'))
  try {
    await pipeline(toc, createWriteStream(join(folder, 'toc.dat'), { mode: 0o600 }))
    const program = run(['--format=directory', folder])
    program.stdin.end()
    try {
      yield* entriesOf(program.stdout)
      await program.exited
    } finally {
      await program.kill()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The definitions that a database has, in order. */
export async function* databaseSchema(
  options: ProgramContext & { readonly connection: PgConnection; readonly pgDumpMajor: number },
): AsyncGenerator<ScriptEntry> {
  const { connection, pgDumpMajor, signal } = options
  const env = connectionEnvironment(connection, options.env)
  const { path } = await findPostgresProgram('pg_dump', { env, signal, serverMajor: pgDumpMajor })
  const program = startProgram(path, {
    args: ['--schema-only', '--no-password'],
    env,
    signal,
  })
  program.stdin.end()
  try {
    yield* entriesOf(program.stdout)
    await program.exited
  } finally {
    await program.kill()
  }
}

/** `_printTocEntry` of pg_backup_archiver.c writes this comment in front of every object. */
const HEADER = /^-- Name: (.*); Type: ([A-Z ]+); Schema: (.*?); Owner: .*?(?:; Tablespace: (.*))?$/

/** Text in a function's body that looks like a header only cuts its definition short. */
async function* entriesOf(script: Readable): AsyncGenerator<ScriptEntry> {
  let head: Omit<ScriptEntry, 'definition'> | undefined
  let lines: string[] = []
  const entry = (): ScriptEntry[] => (head === undefined ? [] : [{ ...head, definition: trimmed(lines) }])
  for await (const line of createInterface({ input: script, crlfDelay: Infinity })) {
    const match = HEADER.exec(line)
    if (match === null) {
      lines.push(line)
      continue
    }
    yield* entry()
    const [, name, type, schema, tablespace] = match
    head = { name: name!, type: type!, schema: schema === '-' ? '' : schema!, tablespace }
    lines = []
  }
  yield* entry()
}

/** Between two definitions stand comments and the settings of the next one. */
const BETWEEN = /^(?:|--|SET default_\w+ = .*;|\\unrestrict .*|-- PostgreSQL database dump complete)$/

function trimmed(lines: readonly string[]): string {
  const first = lines.findIndex((line) => !BETWEEN.test(line))
  const last = lines.findLastIndex((line) => !BETWEEN.test(line))
  return first < 0 ? '' : lines.slice(first, last + 1).join('\n')
}

/** The definitions of those that are named as differences name them: `INDEX public.orders_by_day`. */
export async function definitionsOf(
  schema: AsyncIterable<ScriptEntry>,
  names: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const { type, schema: inSchema, name, definition } of schema) {
    const full = `${type} ${inSchema === '' ? '' : `${inSchema}.`}${name}`
    if (!names.has(full)) continue
    const before = found.get(full)
    found.set(full, before === undefined ? definition : `${before}\n${definition}`)
  }
  return found
}

/** What a drill has to know of an archive's schema before it restores it. */
export interface SchemaFacts {
  /** Roles that policies and user mappings name: the cluster must have them. */
  readonly roles: Set<string>
  /** Roles that grants name. */
  readonly grantees: Set<string>
  /** Those that things lie in. */
  readonly tablespaces: Set<string>
  /** Constraints that are NOT VALID or NOT ENFORCED: `schema.table constraint`. */
  readonly notValidated: Set<string>
}

export function noSchemaFacts(): SchemaFacts {
  return { roles: new Set(), grantees: new Set(), tablespaces: new Set(), notValidated: new Set() }
}

const IDENTIFIER = '(?:"(?:[^"]|"")+"|[^\\s",;()]+)'
const GRANTEE = new RegExp(
  ` (?:TO|FROM) (${IDENTIFIER})(?: WITH GRANT OPTION)?(?: GRANTED BY (${IDENTIFIER}))?;$`,
)
const FOR_ROLE = new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE (${IDENTIFIER}) `)
const SESSION = new RegExp(`^SET SESSION AUTHORIZATION (${IDENTIFIER});$`)
const POLICY = new RegExp(
  `^CREATE POLICY ${IDENTIFIER} ON ${IDENTIFIER}(?:\\.${IDENTIFIER})?(?: AS RESTRICTIVE)?(?: FOR \\w+)? TO (${IDENTIFIER}(?:, ${IDENTIFIER})*)`,
)
const MAPPING = new RegExp(`^CREATE USER MAPPING FOR (${IDENTIFIER}) `)

const NOT_VALIDATED = /\bNOT (?:VALID|ENFORCED);$/

export async function schemaFacts(schema: AsyncIterable<ScriptEntry>): Promise<SchemaFacts> {
  const facts = noSchemaFacts()
  for await (const entry of schema) {
    const { type, name, tablespace, definition } = entry
    if (tablespace !== undefined && tablespace !== '') facts.tablespaces.add(tablespace)
    for (const role of rolesOf(entry))
      if (role !== 'public') facts[type.endsWith('ACL') ? 'grantees' : 'roles'].add(role)
    if (type.endsWith('CONSTRAINT') && NOT_VALIDATED.test(definition))
      facts.notValidated.add(`${entry.schema}.${name}`)
  }
  return facts
}

function rolesOf({ type, definition }: ScriptEntry): string[] {
  const lines = definition.split('\n')
  const named = (pattern: RegExp): string[] =>
    lines
      .flatMap(
        (line) =>
          pattern
            .exec(line)
            ?.slice(1)
            .filter((each) => each !== undefined) ?? [],
      )
      .map(unquote)
  if (type === 'ACL') return [...named(GRANTEE), ...named(SESSION)]
  if (type === 'DEFAULT ACL') return [...named(GRANTEE), ...named(FOR_ROLE)]
  if (type === 'USER MAPPING') return named(MAPPING)
  if (type !== 'POLICY') return []
  const list = lines.flatMap((line) => POLICY.exec(line)?.[1] ?? [])
  return list.flatMap((roles) => roles.match(new RegExp(IDENTIFIER, 'g')) ?? []).map(unquote)
}

/** pg_dump lists a policy's roles as the cluster happens to have them (`getPolicies`), so their order says nothing. */
export function withSortedRoles(policy: string): string {
  const [head, roles] = POLICY.exec(policy) ?? []
  if (head === undefined || roles === undefined) return policy
  const sorted = roles.match(new RegExp(IDENTIFIER, 'g'))!.toSorted().join(', ')
  return `${head.slice(0, head.length - roles.length)}${sorted}${policy.slice(head.length)}`
}

/** An unquoted name of pg_dump is the name itself; PUBLIC is written in capitals, and no role can be called that. */
function unquote(identifier: string): string {
  if (!identifier.startsWith('"')) return identifier.toLowerCase()
  return identifier.slice(1, -1).replaceAll('""', '"')
}
