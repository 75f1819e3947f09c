import { formatBytes, formatDuration, printable, UsageError, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { describeConnection } from '../connection.ts'
import { restoreBackup, type RestoreProgress } from '../restore-backup.ts'
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import {
  connectionFromFlags,
  openFlaggedStore,
  withConnectionFlags,
  type ConnectionFlags,
} from './options.ts'
import { createOutput, withOutputFlags, type OutputFlags } from './output.ts'

interface Flags extends FindFlags, ConnectionFlags, OutputFlags {
  create?: boolean
  intoNonEmpty?: boolean
  owner: boolean
  privileges: boolean
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
  withOutputFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: Flags) => restore(id, flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup restore latest --of app --dbname app_copy --create --store file:///var/backups/postgres
  $ pg-backup restore 20261121T020000Z-4fk2q9 --of app --dbname app_copy --no-owner`

async function restore(id: string, flags: Flags, context: CliContext): Promise<void> {
  if (flags.dbname === undefined) throw new UsageError('name the database to restore into with --dbname')
  const { database, ...connection } = connectionFromFlags(flags, context)
  if (database === undefined) throw new UsageError('--dbname names no database')
  const target = { ...connection, database }
  await using store = await openFlaggedStore(flags, context)
  using output = createOutput(flags, context)
  const manifest = await findManifest(store, id, flags, context)
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
    onProgress: (progress) => output.progress(progress, () => [describe(progress)]),
  })
  await output.done({ id: manifest.id, ...result }, [
    `restored ${manifest.id} into ${describeConnection(target, context.env)} in ${formatDuration(result.durationMs)}; run ANALYZE before you send it traffic`,
    ...result.warnings.map((warning) => `  ${printable(warning)}`),
  ])
}

function describe({ phase, bytes, total }: RestoreProgress): string {
  const what =
    phase === 'check'
      ? 'checking checksums'
      : bytes < total
        ? 'restoring'
        : 'building indexes and constraints'
  return `${what}  ${formatBytes(bytes)} of ${formatBytes(total)}`
}
