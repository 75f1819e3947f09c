import { isProgramError } from '@ops/internal-subprocess'
import {
  createDatabaseStatement,
  quoteIdentifier,
  quoteLiteral,
  runPsql,
  type DatabaseLocale,
  type Manifest,
  type PgConnection,
} from '@ops/pg-backup'
import { RestoreVerifyError } from './restore-verify-error.ts'
import type { SchemaFacts } from './schema-script.ts'
import type { Target } from './targets/target.ts'

/** What to do about what the target's cluster does not have and the backup takes for granted. */
export interface AdaptOptions {
  /**
   * Roles that own things, or that grants and policies name: `create` makes them, without a password and
   * without a right to log in; `require` refuses a target that lacks one.
   * @default 'create' on an ephemeral target, where they vanish with it; 'require' on a given server
   */
  readonly roles?: 'create' | 'require'
  /** A locale of the source that the target's operating system lacks: use `C`, or refuse. @default 'substitute' */
  readonly locale?: 'substitute' | 'require'
}

export interface PrepareOptions extends AdaptOptions {
  readonly target: Target
  readonly manifest: Manifest
  readonly needs: Pick<SchemaFacts, 'roles' | 'grantees' | 'tablespaces'>
  /** Nothing of the backup will be given to its owners, and nothing granted. */
  readonly skipOwners: boolean
  readonly skipGrants: boolean
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

type Session = {
  readonly connection: PgConnection
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

/** In what the target is not as the source was. */
export interface Preparation {
  /** In words. */
  readonly adaptations: string[]
  /** Everything goes into the database's own tablespace. */
  readonly noTablespaces: boolean
}

/**
 * Makes the target ready for the backup: roles, tablespaces, and the scratch database with the source's
 * encoding and locale. Rejects with `VERIFY_TARGET_LACKS`, naming everything that is missing, before anything is made.
 */
export async function prepareTarget(options: PrepareOptions): Promise<Preparation> {
  const { target, env, signal } = options
  const session: Session = { connection: target.connection, env, signal }
  const lacks = await whatIsMissing(options, session)
  const createRoles = (options.roles ?? (target.isEphemeral ? 'create' : 'require')) === 'create'
  refuse([
    ...lacks.extensions.map(
      (name) =>
        `the extension "${name}" (install its package where the target runs, or leave it out: --without-extension)`,
    ),
    ...(createRoles ? [] : lacks.roles.map((name) => `the role "${name}"`)),
  ])
  const adaptations: string[] = []
  if (lacks.roles.length > 0) {
    await runPsql(
      lacks.roles
        .map(quoteIdentifier)
        .map(
          (role) =>
            // By the comment, a given server knows what to drop with the scratch database.
            `CREATE ROLE ${role} NOLOGIN;\nCOMMENT ON ROLE ${role} IS ${quoteLiteral(target.database)};`,
        )
        .join('\n'),
      session,
    )
    adaptations.push(`roles that the target lacked were made for the drill: ${lacks.roles.join(', ')}`)
  }
  const noTablespaces = lacks.tablespaces.length > 0 && !target.isEphemeral
  if (lacks.tablespaces.length > 0) {
    const names = lacks.tablespaces.join(', ')
    if (target.isEphemeral) await createTablespaces(lacks.tablespaces, session)
    adaptations.push(
      noTablespaces
        ? `everything lies in one tablespace, because the target lacks: ${names}`
        : `tablespaces lie in the ephemeral server's own folder: ${names}`,
    )
  }
  adaptations.push(...(await createDatabase(options, session)))
  return { adaptations, noTablespaces }
}

/** In the server's own folder (`allow_in_place_tablespaces`). */
async function createTablespaces(names: readonly string[], session: Session): Promise<void> {
  await runPsql(
    names.map((name) => `CREATE TABLESPACE ${quoteIdentifier(name)} LOCATION '';`).join('\n'),
    session,
  )
}

interface Lacks {
  readonly extensions: string[]
  readonly roles: string[]
  readonly tablespaces: string[]
}

async function whatIsMissing(
  { manifest, needs, ...options }: PrepareOptions,
  session: Session,
): Promise<Lacks> {
  const owners = options.skipOwners ? [] : manifest.schemaObjects.map((object) => object.owner)
  const grantees = options.skipGrants ? [] : needs.grantees
  const roles = [...owners, ...grantees, ...needs.roles]
  const has = JSON.parse(
    await runPsql(
      `SELECT json_build_object(
         'extensions', (SELECT json_agg(name) FROM pg_available_extensions),
         'roles', (SELECT json_agg(rolname) FROM pg_roles),
         'tablespaces', (SELECT json_agg(spcname) FROM pg_tablespace));`,
      session,
    ),
  ) as Lacks
  const missing = (wanted: Iterable<string>, there: readonly string[]): string[] =>
    [...new Set(wanted)].filter((name) => name !== '' && !there.includes(name)).toSorted()
  return {
    extensions: missing(
      manifest.extensions.map((extension) => extension.name),
      has.extensions,
    ),
    roles: missing(roles, has.roles),
    tablespaces: missing(needs.tablespaces, has.tablespaces),
  }
}

function refuse(lacks: string[]): void {
  if (lacks.length === 0) return
  throw new RestoreVerifyError(
    'VERIFY_TARGET_LACKS',
    `the target cannot take this backup, which says nothing about the backup: it lacks ${lacks.join(', ')}`,
    { details: { lacks } },
  )
}

/** Makes the scratch database with the source's rules for sorting, or as near to them as the target can. */
async function createDatabase(options: PrepareOptions, session: Session): Promise<string[]> {
  const { target, manifest } = options
  const adaptations: string[] = []
  let locale: DatabaseLocale = manifest.server
  for (;;) {
    const error = await runPsql(createDatabaseStatement(target.database, locale), session).then(
      () => undefined,
      (failure: unknown) => failure,
    )
    if (error === undefined) return adaptations
    if (!isProgramError(error)) throw error
    const lack = lackingLocale(error.stderrTail, locale)
    if (lack === undefined) {
      throw new RestoreVerifyError(
        'VERIFY_SCRATCH_FAILED',
        `the scratch database ${target.database} could not be created: ${error.stderrTail}`,
        { details: { scratchDatabase: target.database }, cause: error },
      )
    }
    if (options.locale === 'require') refuse([lack.what])
    adaptations.push(`the target lacks ${lack.what}, so ${lack.therefore}`)
    locale = lack.instead
  }
}

interface LackingLocale {
  readonly what: string
  readonly therefore: string
  readonly instead: DatabaseLocale
}

/** Errors of CREATE DATABASE for a locale that the operating system does not have (dbcommands.c). */
const UNKNOWN_LOCALE = /invalid (?:LC_\w+ )?locale name/
/** The same for a provider's own (pg_locale.c), and for a server that was built without ICU. */
const UNKNOWN_TO_PROVIDER =
  /ICU is not supported|could not open collator for locale|could not convert locale name|ICU locale ".*" has unknown|for builtin provider/

const SORTS_BY_C =
  'the drill\'s database sorts by "C": indexes on text were built, but not in the order that they have in production'

function lackingLocale(problem: string, locale: DatabaseLocale): LackingLocale | undefined {
  const { encoding, collate, ctype, localeProvider = 'libc' } = locale
  const isLibc = localeProvider === 'libc'
  if (!isLibc && UNKNOWN_TO_PROVIDER.test(problem)) {
    return {
      what: `the locale "${locale.locale}" of ${localeProvider}`,
      therefore: SORTS_BY_C,
      instead: { encoding, collate: 'C', ctype: 'C', localeProvider: 'libc' },
    }
  }
  if (!UNKNOWN_LOCALE.test(problem) || (collate === 'C' && ctype === 'C')) return undefined
  return {
    what: `the locale "${collate}"${collate === ctype ? '' : ` or "${ctype}"`}`,
    therefore: isLibc
      ? SORTS_BY_C
      : `"C" stands in for it; text is sorted by ${localeProvider} as in production`,
    instead: { ...locale, collate: 'C', ctype: 'C' },
  }
}
