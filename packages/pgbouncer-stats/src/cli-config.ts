/** Commands about configuration: lint, size, userlist, auth-query. */
import { EXIT, formatTable, parseInteger, printable, UsageError, type CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { Client } from 'pg'
import { generateAuthQuery } from './auth-query.ts'
import { connectionFrom, postgresFrom } from './cli-target.ts'
import { describeSettings, LATEST_VERSION } from './config-settings.ts'
import { openConsole } from './console.ts'
import { PgBouncerStatsError } from './error.ts'
import type {
  AuthQueryOutput,
  LintOutput,
  SettingsOutput,
  SizeOutput,
  UserlistCheckOutput,
  UserlistWriteOutput,
} from './json-output.ts'
import { lintConfig, type LintFacts } from './lint-config.ts'
import { renderLintText, renderSarif } from './lint-report.ts'
import { loadConfig } from './load-config.ts'
import { withClient } from './pooling-client.ts'
import { readPostgresLimits } from './postgres-limits.ts'
import { readPgBouncer } from './read-pgbouncer.ts'
import { sizePools, type SizePoolsInput, type SizePoolsResult } from './size-pools.ts'
import { checkUserlist, readCredentials, renderUserlist, writeUserlist, type Credential } from './userlist.ts'

export function addConfigCommands(program: Command, context: CliContext): void {
  addLint(program, context)
  addSettings(program, context)
  addSize(program, context)
  addUserlist(program, context)
  program
    .command('auth-query')
    .description('print the SQL and the settings that replace userlist.txt by a look-up in PostgreSQL')
    .option('--role <name>', 'the role that PgBouncer looks up as', 'pgbouncer_auth')
    .option('--schema <name>', 'where the function lives', 'pgbouncer')
    .option('--json', 'SQL, settings and notes as JSON')
    .addHelpText('after', '\nExample:\n  $ pgbouncer-stats auth-query --role pgbouncer_auth')
    .action(async ({ role, schema, json }: { role: string; schema: string; json?: true }) => {
      const setup = generateAuthQuery({ role, schema })
      if (json) return context.printJson<AuthQueryOutput>(setup)
      await context.print(setup.sql)
      for (const [name, value] of Object.entries(setup.settings)) context.say(`${name} = ${value}`)
      for (const note of setup.notes) context.say(`- ${note}`)
    })
}

interface LintFlags {
  readonly url?: string
  readonly postgresEnv?: string
  readonly pgbouncerVersion?: string
  readonly maxConnections?: number
  readonly reserved?: number
  readonly openFiles?: number
  readonly appUser: readonly string[]
  readonly poolMode: string
  readonly format: string
  readonly json?: true
}

function addLint(program: Command, context: CliContext): void {
  program
    .command('lint')
    .description('look for mistakes in pgbouncer.ini and userlist.txt; exit code 3 with findings')
    .argument('<file>', 'pgbouncer.ini')
    .option(
      '--pgbouncer-version <version>',
      'the version that reads it, e.g. 1.24.1; also reports its known vulnerabilities',
      parseVersion,
    )
    .option('--url <url>', 'the admin console of the running PgBouncer, to read its version from')
    .option('--max-connections <n>', "PostgreSQL's max_connections", parseInteger(1))
    .option('--reserved <n>', 'of these, not for PgBouncer', parseInteger(0))
    .option(
      '--postgres-env <name>',
      'the environment variable with a URL of PostgreSQL, direct or pooled, to read both from',
    )
    .option(
      '--open-files <n>',
      "the limit of open files of the process; read from /proc where the file's pidfile leads to one",
      parseInteger(1),
    )
    .option('--app-user <name>', 'a user that applications log in as; repeat it', named, [])
    .option('--pool-mode <mode>', 'what is meant: session, transaction or statement', 'transaction')
    .option('--format <format>', 'text, json or sarif', 'text')
    .option('--json', 'short for --format json')
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats lint /etc/pgbouncer/pgbouncer.ini --max-connections 100',
    )
    .action(async (file: string, flags: LintFlags) => {
      const { poolMode, pgbouncerVersion, openFiles } = flags
      if (poolMode !== 'session' && poolMode !== 'transaction' && poolMode !== 'statement')
        throw new UsageError(`--pool-mode must be session, transaction or statement, not "${poolMode}"`)
      const format = flags.json ? 'json' : flags.format
      if (!['text', 'json', 'sarif'].includes(format))
        throw new UsageError(`--format must be text, json or sarif, not "${format}"`)
      const loaded = loadConfig({ file })
      const version = pgbouncerVersion ?? (await runningVersion(flags.url, context))
      const postgres = await postgresLimits(flags, context)
      const report = lintConfig({
        ...loaded,
        intendedPoolMode: poolMode,
        appUsers: flags.appUser,
        ...(version === undefined ? {} : { version }),
        ...(openFiles === undefined ? {} : { openFilesLimit: openFiles }),
        ...(postgres === undefined ? {} : { postgres }),
      })
      if (format === 'text') await context.print(renderLintText(report))
      else if (format === 'json') await context.printJson<LintOutput>(report)
      else await context.printJson<object>(renderSarif(report))
      if (report.findings.length > 0) context.exitWith(EXIT.findings)
    })
}

function parseVersion(text: string): string {
  if (!/^\d+\.\d+(\.\d+)?$/.test(text)) throw new UsageError('--pgbouncer-version must look like 1.24.1')
  return text
}

/** Of the PgBouncer that runs, where its console is given. */
async function runningVersion(url: string | undefined, context: CliContext): Promise<string | undefined> {
  if (url === undefined) return undefined
  const { signal } = context
  const { version } = await readPgBouncer({ connection: connectionFrom(url, context), show: [], signal })
  return version
}

/** As the flags say; what they leave open is asked from PostgreSQL, where its URL is given. */
async function postgresLimits(
  { maxConnections, reserved, postgresEnv }: LintFlags,
  context: CliContext,
): Promise<LintFacts['postgres']> {
  const asked =
    postgresEnv === undefined
      ? undefined
      : await withClient(postgresFrom(postgresEnv, context), readPostgresLimits)
  const most = maxConnections ?? asked?.maxConnections
  const kept = reserved ?? asked?.reservedConnections
  if (most === undefined) return undefined
  return { maxConnections: most, ...(kept === undefined ? {} : { reservedConnections: kept }) }
}

function addSettings(program: Command, context: CliContext): void {
  program
    .command('settings')
    .description('list the settings of a version: their defaults, and whether RELOAD suffices to change them')
    .argument('[names...]', 'only these')
    .option('--pgbouncer-version <version>', 'e.g. 1.24.1; otherwise the newest known', parseVersion)
    .option('--url <url>', 'the admin console of the running PgBouncer, to read its version from')
    .option('--json', 'the settings as JSON on stdout')
    .addHelpText('after', '\nExample:\n  $ pgbouncer-stats settings listen_port max_client_conn')
    .action(async (names: string[], flags: { pgbouncerVersion?: string; url?: string; json?: true }) => {
      const version = flags.pgbouncerVersion ?? (await runningVersion(flags.url, context)) ?? LATEST_VERSION
      const all = describeSettings({ version })
      const unknown = names.find((name) => !all.some((setting) => setting.name === name))
      if (unknown !== undefined) throw new UsageError(`PgBouncer ${version} has no setting "${unknown}"`)
      const settings = names.length === 0 ? all : all.filter(({ name }) => names.includes(name))
      if (flags.json) return context.printJson<SettingsOutput>({ version, settings })
      const rows = settings.map(({ name, default: value, takesEffect }) => [
        name,
        takesEffect === 'reload' ? 'RELOAD' : 'restart',
        value,
      ])
      await context.print(`${formatTable(SETTING_COLUMNS, rows)}\n`)
    })
}

const SETTING_COLUMNS = [{ header: 'SETTING' }, { header: 'TAKES EFFECT' }, { header: 'DEFAULT' }]

function addSize(program: Command, context: CliContext): void {
  const count = parseInteger(1)
  program
    .command('size')
    .description("size PgBouncer's pools and the application's; exit code 3 with warnings")
    .requiredOption('--cpu-cores <n>', 'cores of the PostgreSQL server', count)
    .requiredOption('--max-connections <n>', 'its max_connections', count)
    .option('--reserved <n>', 'connections that do not come through PgBouncer', parseInteger(0))
    .option('--databases <n>', 'databases', count)
    .option('--users <n>', 'users for each of them', count)
    .option('--pgbouncers <n>', 'PgBouncer processes', count)
    .option('--app-instances <n>', 'processes of the application', count)
    .option('--app-pool-max <n>', 'the most connections of the pool in each', parseInteger(0))
    .option('--json', 'the result as JSON on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats size --cpu-cores 8 --max-connections 100 --app-instances 6 --app-pool-max 20',
    )
    .action(async ({ json, ...input }: SizePoolsInput & { json?: true }) => {
      const result = sizePools(input)
      await (json ? context.printJson<SizeOutput>(result) : context.print(renderSizes(result)))
      if (result.warnings.length > 0) context.exitWith(EXIT.findings)
    })
}

function renderSizes({ settings, arithmetic, warnings }: SizePoolsResult): string {
  return [
    ...arithmetic.map((line) => `; ${line}`),
    ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
    ...warnings.map(({ message }) => `; warning: ${message}`),
    '',
  ].join('\n')
}

function named(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}

function addUserlist(program: Command, context: CliContext): void {
  const userlist = program
    .command('userlist')
    .description('keep userlist.txt in step with PostgreSQL, which PG* variables say how to reach')
    .addHelpText('after', '\nExample:\n  $ pgbouncer-stats userlist check /etc/pgbouncer/userlist.txt')
  userlist
    .command('write')
    .description(
      "write PostgreSQL's own secrets to userlist.txt, atomically, mode 0600, and RELOAD; without --apply only say what differs",
    )
    .argument('<file>', 'userlist.txt')
    .option('--user <name>', 'only this user; repeat it', named, [])
    .option('--exclude-user <name>', 'not this user; repeat it', named, [])
    .option('--reload-url <url>', 'the admin console, as a member of admin_users, to send RELOAD to')
    .option('--apply', 'write; without it nothing is changed')
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats userlist write /etc/pgbouncer/userlist.txt --user app --apply',
    )
    .option('--json', 'the result as JSON on stdout')
    .action(
      async (
        file: string,
        flags: { user: string[]; excludeUser: string[]; reloadUrl?: string; apply?: true; json?: true },
      ) => {
        const selection = {
          excludeUsers: flags.excludeUser,
          ...(flags.user.length === 0 ? {} : { users: flags.user }),
        }
        const credentials = await credentialsFromPostgres(context)
        if (flags.apply !== true) return reportUserlist(file, credentials, selection, flags.json, context)
        await using console_ =
          flags.reloadUrl === undefined ? undefined : openConsole(connectionFrom(flags.reloadUrl, context))
        const text = renderUserlist(credentials, selection)
        const result = await writeUserlist({
          file,
          text,
          signal: context.signal,
          ...(console_ === undefined ? {} : { console: console_ }),
        })
        if (flags.json) return context.printJson<UserlistWriteOutput>(result)
        context.say(
          `${file}: ${result.users} users, ${result.changed ? 'changed' : 'as before'}${result.reloaded ? ', PgBouncer reloaded' : ''}`,
        )
      },
    )
  userlist
    .command('check')
    .description('say which users are stale, missing or superfluous; exit code 3 if any')
    .argument('<file>', 'userlist.txt')
    .option('--user <name>', 'only this user must be there; repeat it', named, [])
    .option('--exclude-user <name>', 'this user may be missing; repeat it', named, [])
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats userlist check /etc/pgbouncer/userlist.txt --exclude-user replicator',
    )
    .option('--json', 'the result as JSON on stdout')
    .action(async (file: string, flags: { user: string[]; excludeUser: string[]; json?: true }) => {
      const selection = {
        excludeUsers: flags.excludeUser,
        ...(flags.user.length === 0 ? {} : { users: flags.user }),
      }
      await reportUserlist(file, await credentialsFromPostgres(context), selection, flags.json, context)
    })
}

const USER_COLUMNS = [{ header: 'STATE' }, { header: 'USER' }]

async function reportUserlist(
  file: string,
  credentials: readonly Credential[],
  selection: { users?: readonly string[]; excludeUsers: readonly string[] },
  json: true | undefined,
  context: CliContext,
): Promise<void> {
  const check = await checkUserlist({ userlist: readUserlist(file), credentials, selection })
  const rows = check.users.map(({ user, state }) => [state, printable(user)])
  await (json
    ? context.printJson<UserlistCheckOutput>(check)
    : context.print(`${formatTable(USER_COLUMNS, rows)}\n`))
  if (!check.inStep) context.exitWith(EXIT.findings)
}

function readUserlist(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(`${file} cannot be read`)
  }
}

/** PostgreSQL itself, reached as libpq's variables say. */
async function credentialsFromPostgres({ env }: CliContext): Promise<Credential[]> {
  const client = new Client({ database: env['PGDATABASE'] ?? 'postgres', connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect().catch((cause: unknown) => {
    throw new PgBouncerStatsError(
      'PGBOUNCER_CREDENTIALS_UNREADABLE',
      `cannot connect to PostgreSQL: ${errorMessage(cause)}; check the PG* variables`,
      { cause },
    )
  })
  try {
    return await readCredentials(client)
  } finally {
    await client.end()
  }
}
