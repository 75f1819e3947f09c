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
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import {
  connectionFromFlags,
  openFlaggedStore,
  withConnectionFlags,
  type ConnectionFlags,
} from './options.ts'

interface Flags extends FindFlags, ConnectionFlags {
  create?: boolean
  intoNonEmpty?: boolean
  owner: boolean
  privileges: boolean
  json?: boolean
}

export function addRestore(program: Command, context: CliContext): void {
  const command = withBackupArgument(
    program.command('restore').description('restore a backup into a database'),
  )
  withConnectionFlags(command, 'database to restore into (required; PGDATABASE does not count)')
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
      env: context.env,
      signal: context.signal,
      onProgress: ({ phase, bytes, total }) => {
        const what =
          phase === 'check'
            ? 'checking checksums'
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
    for (const warning of result.warnings) context.say(`  ${warning}`)
    if (flags.json === true) await context.printJson({ id: manifest.id, ...result })
  } finally {
    line.clear()
  }
}
