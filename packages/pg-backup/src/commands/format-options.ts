import { readFile } from 'node:fs/promises'
import { parseBytes, parseInteger, UsageError, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import type { BackupCompression } from '../compression.ts'
import type { CreateBackupOptions } from '../create-backup.ts'
import { parseIdentities, type BackupEncryption, type BackupKeys } from '../encryption.ts'

/** The flags that say in which form a backup is stored. */
export interface FormatFlags {
  compress?: string
  adapt?: boolean
  recipient?: string[]
  recipientsFile?: string
  passphraseFile?: string
  globals?: boolean
  rolePasswords: boolean
  jobs?: number
  staging?: string
  stagingMax?: number
  stagingFull?: 'wait' | 'fail'
}

/** The flags that open an encrypted backup. */
export interface KeyFlags {
  identity?: string[]
  passphraseFile?: string
}

/** The flags of a restore that unpacks a backup first. */
export interface RestoreStagingFlags {
  jobs?: number
  staging?: string
}

export function withFormatFlags(command: Command): Command {
  return withPassphraseFile(command)
    .option('--compress <method>', 'zstd[:1-19], gzip[:1-9] or none (default: zstd:1)')
    .option('--adapt', 'let zstd compress more while the store is slow, and less while it is fast')
    .option('--recipient <age1…>', 'encrypt to this age recipient; may be given more than once', collect)
    .option('--recipients-file <file>', 'encrypt to the recipients in this file, one a line')
    .option('--globals', "back up the cluster's roles and tablespaces too")
    .option('--no-role-passwords', 'with --globals: without passwords, which only superusers may read')
    .option(
      '--jobs <n>',
      'dump so many tables at a time, through a staging folder (default: 1, without one)',
      parseInteger(1, 1000),
    )
    .option('--staging <folder>', 'where the staging folder is made (default: the temporary folder)')
    .option('--staging-max <bytes>', 'the most bytes in staging, such as 2GiB (default: 16GiB)', parseBytes)
    .addOption(
      new Option(
        '--staging-full <what>',
        'when staging has that many bytes: let pg_dump wait, or fail',
      ).choices(['wait', 'fail']),
    )
}

export function withRestoreStagingFlags(command: Command): Command {
  return command
    .option('--jobs <n>', 'restore so many tables and indexes at a time (default: 1)', parseInteger(1, 1000))
    .option('--staging <folder>', 'where a backup with jobs is unpacked (default: the temporary folder)')
}

export function withKeyFlags(command: Command): Command {
  return withPassphraseFile(command).option(
    '--identity <file>',
    'age identity file that opens the backup (default: OPS_BACKUP_IDENTITY_FILE); may be given more than once',
    collect,
  )
}

function withPassphraseFile(command: Command): Command {
  return command.addOption(
    new Option(
      '--passphrase-file <file>',
      'its first line is the passphrase (default: OPS_BACKUP_PASSPHRASE)',
    ),
  )
}

export async function formatFromFlags(
  flags: FormatFlags,
  context: CliContext,
): Promise<Partial<CreateBackupOptions>> {
  return {
    compression: { ...parseCompression(flags.compress), ...(flags.adapt === true ? { adapt: true } : {}) },
    encryption: await encryptionFromFlags(flags, context),
    globals: flags.globals === true,
    noRolePasswords: !flags.rolePasswords,
    jobs: flags.jobs,
    stagingFolder: flags.staging,
    stagingMaxBytes: flags.stagingMax,
    whenStagingIsFull: flags.stagingFull,
  }
}

/** The keys that flags and environment give; a backup that is not encrypted does not look at them. */
export async function keysFromFlags(flags: KeyFlags, context: CliContext): Promise<BackupKeys> {
  const fromEnvironment = context.env['OPS_BACKUP_IDENTITY_FILE']
  const files =
    flags.identity ?? (fromEnvironment === undefined || fromEnvironment === '' ? [] : [fromEnvironment])
  const identities = await Promise.all(
    files.map(async (file) => parseIdentities(await readText(file, 'identity'), file)),
  )
  return { identities: identities.flat(), passphrase: await passphraseFrom(flags, context) }
}

async function encryptionFromFlags(
  flags: FormatFlags,
  context: CliContext,
): Promise<BackupEncryption | undefined> {
  const passphrase = await passphraseFrom(flags, context)
  const listed = flags.recipientsFile === undefined ? '' : await readText(flags.recipientsFile, 'recipients')
  const recipients = [
    ...(flags.recipient ?? []),
    ...listed
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  ]
  if (flags.recipientsFile !== undefined && recipients.length === 0)
    throw new UsageError(`the recipients file ${flags.recipientsFile} has no recipient in it`)
  if (recipients.length > 0) {
    if (flags.passphraseFile !== undefined)
      throw new UsageError('a backup is encrypted to recipients or with a passphrase, not both')
    return { recipients }
  }
  return passphrase === undefined ? undefined : { passphrase }
}

async function passphraseFrom(
  { passphraseFile }: { passphraseFile?: string },
  { env }: CliContext,
): Promise<string | undefined> {
  if (passphraseFile !== undefined) {
    const [passphrase = ''] = (await readText(passphraseFile, 'passphrase')).split(/\r?\n/)
    if (passphrase === '')
      throw new UsageError(`the first line of the passphrase file ${passphraseFile} is empty`)
    return passphrase
  }
  const passphrase = env['OPS_BACKUP_PASSPHRASE']
  return passphrase === '' ? undefined : passphrase
}

function parseCompression(text: string | undefined): BackupCompression {
  if (text === undefined) return {}
  const match = /^(zstd|gzip|none)(?::(\d+))?$/.exec(text)
  if (match === null)
    throw new UsageError(
      `--compress is "${text}"; it is zstd, gzip or none, and may have a level as in zstd:3`,
    )
  const algorithm = match[1] as BackupCompression['algorithm']
  return match[2] === undefined ? { algorithm } : { algorithm, level: Number(match[2]) }
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`the ${what} file cannot be read: ${(error as Error).message}`)
  }
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
