import type { Command } from 'commander'
import { parseInteger, UsageError } from '@ops/internal-cli'
import { readLiveProfile } from '../live/live-profile.ts'
import { readPgbouncerIni } from '../pgbouncer-ini.ts'
import type { ProfileInput } from '../profile.ts'
import { connect } from './connect.ts'

export interface ProfileFlags {
  readonly pgbouncerVersion?: string
  readonly poolMode?: string
  readonly maxPreparedStatements?: number
  readonly ignoreStartupParameters?: string
  readonly trackExtraParameters?: string
  readonly pgbouncerIni?: string
  readonly pgbouncerConsole?: boolean
}

export function addProfileOptions(command: Command): Command {
  return command
    .option('--pgbouncer-version <version>', 'version of PgBouncer, such as 1.24')
    .option('--pool-mode <mode>', 'session, transaction or statement (default: transaction)')
    .option('--max-prepared-statements <count>', 'max_prepared_statements', parseInteger(0))
    .option('--ignore-startup-parameters <list>', 'ignore_startup_parameters, separated by commas')
    .option('--track-extra-parameters <list>', 'track_extra_parameters, separated by commas')
    .option('--pgbouncer-ini <file>', 'read the settings from a pgbouncer.ini')
    .option(
      '--pgbouncer-console',
      "read version and settings from the console at PGBOUNCER_URL (its database 'pgbouncer')",
    )
}

/** Flags win over the console, which wins over the file. */
export async function resolveProfile(flags: ProfileFlags, env: NodeJS.ProcessEnv): Promise<ProfileInput> {
  const fromIni = flags.pgbouncerIni === undefined ? {} : readPgbouncerIni(flags.pgbouncerIni)
  const fromConsole = flags.pgbouncerConsole === true ? await readConsole(env) : {}
  return { ...fromIni, ...fromConsole, ...fromFlags(flags) }
}

async function readConsole(env: NodeJS.ProcessEnv): Promise<ProfileInput> {
  const url = env['PGBOUNCER_URL']
  if (url === undefined || url === '')
    throw new UsageError(
      '--pgbouncer-console needs PGBOUNCER_URL, such as postgres://stats@127.0.0.1:6432/pgbouncer',
    )
  await using client = await connect(url)
  return await readLiveProfile(client)
}

function fromFlags(flags: ProfileFlags): ProfileInput {
  const { pgbouncerVersion: version, poolMode, maxPreparedStatements } = flags
  if (version !== undefined && !/^\d+\.\d+/.test(version))
    throw new UsageError(`--pgbouncer-version must look like 1.24, not '${version}'`)
  if (
    poolMode !== undefined &&
    poolMode !== 'session' &&
    poolMode !== 'transaction' &&
    poolMode !== 'statement'
  ) {
    throw new UsageError(`--pool-mode must be session, transaction or statement, not '${poolMode}'`)
  }
  return {
    ...(version === undefined ? {} : { version }),
    ...(poolMode === undefined ? {} : { poolMode }),
    ...(maxPreparedStatements === undefined ? {} : { maxPreparedStatements }),
    ...(flags.ignoreStartupParameters === undefined
      ? {}
      : { ignoreStartupParameters: list(flags.ignoreStartupParameters) }),
    ...(flags.trackExtraParameters === undefined
      ? {}
      : { trackExtraParameters: list(flags.trackExtraParameters) }),
  }
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}
