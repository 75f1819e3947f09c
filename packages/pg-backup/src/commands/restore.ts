import { formatDuration, oneLine, UsageError, type CliContext, type Progress } from '@ops/internal-cli'
import type { Command } from 'commander'
import { describeConnection } from '../connection.ts'
import type { Restored } from '../json-output.ts'
import { restoreBackup, type RestoreProgress } from '../restore-backup.ts'
import type { RestoredGlobals } from '../restore-globals.ts'
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import {
  keysFromFlags,
  withKeyFlags,
  withRestoreStagingFlags,
  type KeyFlags,
  type RestoreStagingFlags,
} from './format-options.ts'
import {
  connectionFromFlags,
  openFlaggedStore,
  withConnectionFlags,
  type ConnectionFlags,
} from './options.ts'
import { createOutput, withOutputFlags, type OutputFlags } from './output.ts'

interface Flags extends FindFlags, ConnectionFlags, KeyFlags, RestoreStagingFlags, OutputFlags {
  create?: boolean
  globals?: boolean
  intoNonEmpty?: boolean
  owner: boolean
  privileges: boolean
  tablespaces: boolean
}

export function addRestore(program: Command, context: CliContext): void {
  const command = withBackupArgument(
    program.command('restore').description('restore a backup into a database'),
  )
  withConnectionFlags(command, 'database to restore into (required; PGDATABASE does not count)')
  withRestoreStagingFlags(withKeyFlags(command))
    .option('--globals', 'create the roles and tablespaces first; those that exist are left as they are')
    .option('--no-tablespaces', "put everything into the database's own tablespace")
    .option('--create', 'create the database first')
    .option('--into-non-empty', 'restore even if the database has tables')
    .option('--no-owner', 'everything belongs to the restoring role')
    .option('--no-privileges', 'leave out GRANT and REVOKE')
  withOutputFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: Flags) => restore(id, flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup restore latest --of app --dbname app_2 --create --store file:///var/backups/postgres
  $ pg-backup restore 20261121T020000Z-4fk2q9 --of app --dbname app_copy --create --no-owner`

async function restore(id: string, flags: Flags, context: CliContext): Promise<void> {
  if (flags.dbname === undefined) throw new UsageError('name the database to restore into with --dbname')
  const { database, ...connection } = connectionFromFlags(flags, context)
  if (database === undefined) throw new UsageError('--dbname names no database')
  const target = { ...connection, database }
  await using store = await openFlaggedStore(flags, context)
  using output = createOutput<RestoreProgress, Restored>(flags, context)
  const manifest = await findManifest(store, id, flags, context)
  const result = await restoreBackup({
    store,
    manifest,
    connection: target,
    createDatabase: flags.create === true,
    allowNonEmpty: flags.intoNonEmpty === true,
    noOwner: !flags.owner,
    noPrivileges: !flags.privileges,
    noTablespaces: !flags.tablespaces,
    globals: flags.globals === true,
    jobs: flags.jobs,
    stagingFolder: flags.staging,
    ...(await keysFromFlags(flags, context)),
    env: context.env,
    signal: context.signal,
    onProgress: (progress) => output.progress(progress, describe(progress)),
  })
  await output.done({ id: manifest.id, ...result }, [
    `restored ${manifest.id} into ${describeConnection(target, context.env)} in ${formatDuration(result.durationMs)}; run ANALYZE before you send it traffic`,
    ...describeGlobals(result.globals).map(oneLine),
    ...result.warnings.map((warning) => `  ${oneLine(warning)}`),
  ])
}

function describe({ phase, bytes: done, total }: RestoreProgress): Progress {
  if (phase === 'restore' && done === total) return { doing: 'building indexes and constraints' }
  const doing = { check: 'checking', unpack: 'unpacking', restore: 'restoring' }[phase]
  return { doing, done, total }
}

function describeGlobals(globals: RestoredGlobals | undefined): string[] {
  if (globals === undefined) return []
  const { rolesCreated, rolesKept, tablespacesCreated, tablespacesKept } = globals
  const lines = [
    ['  created roles', rolesCreated],
    ['  left as they are, because they exist: roles', rolesKept],
    ['  created tablespaces', tablespacesCreated],
    ['  left as they are, because they exist: tablespaces', tablespacesKept],
  ] as const
  return lines.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what} ${names.join(', ')}`]))
}
