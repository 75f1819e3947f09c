import {
  createProgressLine,
  formatBytes,
  formatDuration,
  UsageError,
  type CliContext,
} from '@ops/internal-cli'
import type { Command } from 'commander'
import { describeConnection } from '../connection.ts'
import { restoreBackup } from '../restore-backup.ts'
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

interface Flags extends FindFlags, ConnectionFlags, KeyFlags, RestoreStagingFlags {
  create?: boolean
  globals?: boolean
  intoNonEmpty?: boolean
  owner: boolean
  privileges: boolean
  tablespaces: boolean
  json?: boolean
}

export function addRestore(program: Command, context: CliContext): void {
  const command = withBackupArgument(
    program.command('restore').description('restore a backup into a database'),
  )
  withRestoreStagingFlags(
    withKeyFlags(
      withConnectionFlags(command, 'database to restore into (required; PGDATABASE does not count)'),
    ),
  )
    .option('--globals', 'create the roles and tablespaces first; those that exist are left as they are')
    .option('--no-tablespaces', "put everything into the database's own tablespace")
    .option('--create', 'create the database first')
    .option('--into-non-empty', 'restore even if the database has tables')
    .option('--no-owner', 'everything belongs to the restoring role')
    .option('--no-privileges', 'leave out GRANT and REVOKE')
    .option('--json', 'print the result as JSON')
    .action((id: string, flags: Flags) => restore(id, flags, context))
}

async function restore(id: string, flags: Flags, context: CliContext): Promise<void> {
  if (flags.dbname === undefined) throw new UsageError('name the database to restore into with --dbname')
  const { database, ...connection } = connectionFromFlags(flags, context)
  if (database === undefined) throw new UsageError('--dbname names no database')
  const target = { ...connection, database }
  await using store = await openFlaggedStore(flags, context)
  const manifest = await findManifest(store, id, flags, context)
  const keys = await keysFromFlags(flags, context)
  const line = createProgressLine()
  try {
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
      ...keys,
      env: context.env,
      signal: context.signal,
      onProgress: ({ phase, bytes, total }) => {
        const what =
          phase === 'check'
            ? 'checking checksums'
            : phase === 'unpack'
              ? 'unpacking'
              : bytes < total
                ? 'restoring'
                : 'building indexes and constraints'
        line.update(`${what}  ${formatBytes(bytes)} of ${formatBytes(total)}`)
      },
    })
    line.clear()
    context.say(
      `restored ${manifest.id} into ${describeConnection(target, context.env)} in ${formatDuration(result.durationMs)}; run ANALYZE before you send it traffic`,
    )
    for (const each of describeGlobals(result.globals)) context.say(each)
    for (const warning of result.warnings) context.say(`  ${warning}`)
    if (flags.json === true) await context.printJson({ id: manifest.id, ...result })
  } finally {
    line.clear()
  }
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
