import { Decrypter, Encrypter } from 'age-encryption'
import { DecryptionError, openPayload, sealPayload } from './age-payload.ts'
import { passphraseIdentity, passphraseRecipient } from './age-passphrase.ts'
import { BackupError } from './backup-error.ts'

/** For whom a backup is encrypted, in the age format (https://c2sp.org/age). */
export type BackupEncryption =
  /** X25519 recipients, `age1…`: whoever has the identity of one of them can restore. */
  | { readonly recipients: readonly string[]; readonly passphrase?: undefined }
  /** Costs half a second and 128 MiB for every object; with `jobs` over 1 there are many, so prefer recipients. */
  | { readonly passphrase: string; readonly recipients?: undefined }

/** What opens an encrypted backup; one of them that fits is enough. */
export interface BackupKeys {
  /** age identities, `AGE-SECRET-KEY-1…`; {@link parseIdentities} reads them from a file's text. */
  readonly identities?: readonly string[]
  /** Opens, or closes, what is encrypted by a passphrase. */
  readonly passphrase?: string
}

/** Begins the name of the age format in manifests, and the header of every age file. */
export const AGE_FORMAT = 'age-encryption.org/v1'

/**
 * Checks recipients or passphrase, as `createBackup` does before anything else. Throws `BACKUP_BAD_OPTIONS`, which
 * never repeats a secret.
 *
 * @example
 * ```ts
 * import { checkEncryption } from '@ops/pg-backup'
 *
 * checkEncryption({ recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] })
 * ```
 */
export function checkEncryption(encryption: BackupEncryption): void {
  if (encryption.passphrase !== undefined) {
    if (encryption.passphrase === '') throw badOption('the passphrase is empty')
    return
  }
  if (encryption.recipients.length === 0)
    throw badOption('there are no recipients to encrypt to; give at least one, age1…')
  for (const recipient of encryption.recipients) {
    if (recipient.startsWith('AGE-SECRET-KEY-'))
      throw badOption(
        'a recipient is a secret key; recipients begin with "age1", `age-keygen -y` prints them',
      )
    try {
      if (!recipient.startsWith('age1')) throw new Error('it does not begin with age1')
      new Encrypter().addRecipient(recipient)
    } catch (error) {
      throw badOption(`"${recipient}" is no age recipient: ${(error as Error).message}`)
    }
  }
}

/**
 * Reads the text of an age identity file: one identity a line, `#` begins a comment. Throws `BACKUP_BAD_OPTIONS`.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { fileStore } from '@ops/object-store'
 * import { findBackup, openBackup, parseIdentities, readManifest } from '@ops/pg-backup'
 *
 * const store = fileStore({ folder: '/backups' })
 * const identities = parseIdentities(await readFile('/root/key.txt', 'utf8'))
 * const manifest = await readManifest({
 *   store,
 *   backup: await findBackup({ store, database: 'app', id: 'latest' }),
 * })
 * const archive = await openBackup({ store, manifest, identities })
 * archive.pipe(process.stdout)
 * ```
 */
export function parseIdentities(text: string, source = 'the identity file'): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (identities.length === 0)
    throw badOption(`${source} has no identity in it; it needs a line AGE-SECRET-KEY-1…`)
  for (const identity of identities) checkIdentity(identity, source)
  return identities
}

/** Encrypts: an age file, as `age -d` reads it. Takes its recipients as checked. */
export async function* encrypt(
  source: AsyncIterable<Buffer>,
  encryption: BackupEncryption,
): AsyncGenerator<Buffer, void, undefined> {
  const { header, fileKey } = await newHeader(encryption)
  yield header
  yield* sealPayload(source, fileKey)
}

/** A header for a new file key. Every object has its own, as the format demands. */
async function newHeader(encryption: BackupEncryption): Promise<{ header: Buffer; fileKey: Uint8Array }> {
  let fileKey: Uint8Array | undefined
  const encrypter = new Encrypter()
  if (encryption.passphrase === undefined)
    for (const each of encryption.recipients) encrypter.addRecipient(each)
  else encrypter.addRecipient(passphraseRecipient(encryption.passphrase))
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = key
      return []
    },
  })
  // An empty file is its header, a nonce and an empty chunk; our payload comes in place of these two.
  const file = await encrypter.encrypt(new Uint8Array(0))
  return { header: Buffer.from(file.subarray(0, -(16 + 16))), fileKey: fileKey! }
}

/** Opens age files with the keys it was made with. */
export interface Unlocker {
  /**
   * The plain bytes. Fails with `BACKUP_KEY_WRONG` when no key fits, and with {@link DecryptionError} when
   * it is no age file or was altered.
   */
  decrypt(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined>
  /** Fails as `decrypt` does, after the header of `source`. */
  tryKeys(source: AsyncIterable<Buffer>): Promise<void>
}

/** `what` is named in errors. Throws `BACKUP_KEY_MISSING` when there are no keys, and `BACKUP_BAD_OPTIONS`. */
export function createUnlocker(keys: BackupKeys, what: string, recipients: readonly string[]): Unlocker {
  const decrypter = new Decrypter()
  const { identities = [], passphrase } = keys
  for (const identity of identities) {
    checkIdentity(identity, 'an identity')
    decrypter.addIdentity(identity)
  }
  if (passphrase !== undefined) decrypter.addIdentity(passphraseIdentity(passphrase))
  const needed =
    recipients.length === 0
      ? 'the passphrase that it was encrypted with'
      : `the identity of ${recipients.join(' or ')}`
  if (identities.length === 0 && passphrase === undefined)
    throw new BackupError(
      'BACKUP_KEY_MISSING',
      `${what} is encrypted, and no key was given; it takes ${needed}`,
    )

  async function unwrap(header: Buffer): Promise<Uint8Array> {
    try {
      return await decrypter.decryptHeader(header)
    } catch (error) {
      const { message } = error as Error
      if (!message.startsWith('no identity matched')) throw new DecryptionError(message)
      throw new BackupError(
        'BACKUP_KEY_WRONG',
        `the key that was given does not open ${what}; it takes ${needed}`,
        { cause: error },
      )
    }
  }

  return {
    async *decrypt(source) {
      const chunks = source[Symbol.asyncIterator]()
      try {
        const { header, rest } = await readHeader(chunks)
        yield* openPayload(rest, await unwrap(header))
      } finally {
        await chunks.return?.()
      }
    },
    async tryKeys(source) {
      const chunks = source[Symbol.asyncIterator]()
      try {
        await unwrap((await readHeader(chunks)).header)
      } finally {
        await chunks.return?.()
      }
    },
  }
}

/** 1,000 recipients have about 100 kB. */
const MAX_HEADER_BYTES = 256 * 1024
const HEADER_END = /(?:^|\n)--- [A-Za-z0-9+/]{43}\n/

async function readHeader(
  chunks: AsyncIterator<Buffer>,
): Promise<{ header: Buffer; rest: AsyncGenerator<Buffer, void, undefined> }> {
  let head = Buffer.alloc(0)
  for (;;) {
    const { value, done } = await chunks.next()
    if (done === true) throw new DecryptionError('it ends within its header')
    head = Buffer.concat([head, value])
    const end = HEADER_END.exec(head.toString('latin1', 0, MAX_HEADER_BYTES))
    if (end !== null) {
      const at = end.index + end[0].length
      return { header: head.subarray(0, at), rest: continued(head.subarray(at), chunks) }
    }
    const beginning = head.toString('latin1', 0, AGE_FORMAT.length)
    if (!AGE_FORMAT.startsWith(beginning) || head.length > MAX_HEADER_BYTES)
      throw new DecryptionError('it does not begin as an age file does')
  }
}

async function* continued(
  first: Buffer,
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  yield first
  for (;;) {
    const { value, done } = await chunks.next()
    if (done === true) return
    yield value
  }
}

function checkIdentity(identity: string, source: string): void {
  try {
    new Decrypter().addIdentity(identity)
  } catch {
    // The message of the library may have the key in it.
    throw badOption(
      `${source} has something in it that is no age identity; they begin with "AGE-SECRET-KEY-1"`,
    )
  }
}

function badOption(message: string): BackupError {
  return new BackupError('BACKUP_BAD_OPTIONS', message)
}
