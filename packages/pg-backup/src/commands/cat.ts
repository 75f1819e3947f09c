import { pipeline } from 'node:stream/promises'
import { UsageError, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { openBackup } from '../open-backup.ts'
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import { keysFromFlags, withKeyFlags, type KeyFlags } from './format-options.ts'
import { openFlaggedStore } from './options.ts'

type Flags = FindFlags & KeyFlags

export function addCat(program: Command, context: CliContext): void {
  withKeyFlags(
    withBackupArgument(
      program.command('cat').description('write the plain archive to stdout, for pg_restore'),
    ),
  )
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: Flags) => cat(id, flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup cat latest --of app --store file:///var/backups/postgres | pg_restore --list
  $ createdb app_copy && pg-backup cat latest --of app | pg_restore --dbname=app_copy`

async function cat(id: string, flags: Flags, context: CliContext): Promise<void> {
  if (process.stdout.isTTY)
    throw new UsageError('the archive is binary and stdout is a terminal: send it to a file or to pg_restore')
  await using store = await openFlaggedStore(flags, context)
  const manifest = await findManifest(store, id, flags, context)
  const keys = await keysFromFlags(flags, context)
  const archive = await openBackup({ store, manifest, signal: context.signal, ...keys })
  await pipeline(archive, process.stdout, { signal: context.signal })
}
