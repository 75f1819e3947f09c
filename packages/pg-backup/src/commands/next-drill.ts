import type { CliContext } from '@ops/internal-cli'
import type { BackupResult } from '../create-backup.ts'
import type { FormatFlags } from './format-options.ts'
import type { StoreFlags } from './options.ts'

/** Stands for a path that only the user knows. */
const IDENTITY_FILE = 'IDENTITY_FILE'

/** Tells people how this backup is proven: it is worth nothing until then. */
export function nextIsDrill(
  { database, cluster, manifest: { encryption } }: BackupResult,
  { store, passphraseFile }: StoreFlags & FormatFlags,
  context: CliContext,
): void {
  const needsIdentity =
    encryption !== null && !encryption.passphrase && !context.env['OPS_BACKUP_IDENTITY_FILE']
  context.next(
    `prove that it restores${needsIdentity ? `, with the file of the identity that opens it for ${IDENTITY_FILE}` : ''}`,
    [
      'restore-verify',
      'run',
      '--of',
      database,
      '--store',
      store,
      ...(cluster === 'main' ? [] : ['--cluster', cluster]),
      ...(needsIdentity ? ['--identity', IDENTITY_FILE] : []),
      ...(passphraseFile === undefined ? [] : ['--passphrase-file', passphraseFile]),
      '--html',
      'drill.html',
    ],
  )
}
