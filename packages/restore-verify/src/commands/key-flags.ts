import { readFile } from 'node:fs/promises'
import { UsageError, type CliContext } from '@ops/internal-cli'
import { parseIdentities, type BackupKeys } from '@ops/pg-backup'
import type { Command } from 'commander'

export interface KeyFlags {
  identity?: string[]
  passphraseFile?: string
}

/** Adds the flags that name what opens an encrypted backup; they mean what they mean in `pg-backup restore`. */
export function withKeyFlags(command: Command): Command {
  return command
    .option('--identity <file...>', 'age identity file (default: OPS_BACKUP_IDENTITY_FILE)')
    .option('--passphrase-file <file>', 'its first line is the passphrase (default: OPS_BACKUP_PASSPHRASE)')
}

export async function keysFromFlags(flags: KeyFlags, { env }: CliContext): Promise<BackupKeys> {
  const files = flags.identity ?? [env['OPS_BACKUP_IDENTITY_FILE'] ?? ''].filter((file) => file !== '')
  const identities = await Promise.all(files.map(async (file) => parseIdentities(await read(file), file)))
  const passphrase =
    flags.passphraseFile === undefined
      ? env['OPS_BACKUP_PASSPHRASE']
      : (await read(flags.passphraseFile)).split(/\r?\n/)[0]
  return { identities: identities.flat(), ...(passphrase ? { passphrase } : {}) }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}
