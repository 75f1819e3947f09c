import type { CliContext } from '@ops/internal-cli'
import type { ObjectStore } from '@ops/object-store'
import type { Command } from 'commander'
import { findBackup } from '../list-backups.ts'
import { readManifest, type Manifest } from '../manifest.ts'
import { withStoreFlags, type StoreFlags } from './options.ts'

export interface FindFlags extends StoreFlags {
  of: string
}

/** Adds the argument and the flags that name one backup: `<id> --of <database>`. */
export function withBackupArgument(command: Command): Command {
  return withStoreFlags(command.argument('<id>', 'the backup: an id, or `latest`')).requiredOption(
    '--of <database>',
    'the database that was backed up',
  )
}

/** The manifest of the backup that the argument and the flags name. */
export async function findManifest(
  store: ObjectStore,
  id: string,
  flags: FindFlags,
  context: CliContext,
): Promise<Manifest> {
  const { signal } = context
  const backup = await findBackup({ store, cluster: flags.cluster, database: flags.of, id, signal })
  return readManifest({ store, backup, signal })
}
