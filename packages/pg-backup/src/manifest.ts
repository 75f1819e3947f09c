import type { ObjectStore } from '@ops/object-store'
import { z } from 'zod'
import { BackupError } from './backup-error.ts'
import { backupFolder, MANIFEST_NAME, type BackupRef } from './backup-set.ts'
import type { Compression } from './compression.ts'
import { AGE_FORMAT } from './encryption.ts'
import { toBackupError } from './store-failure.ts'

/** The format this version writes. A reader takes any `ops.backup/1` and leaves alone what it does not know in it. */
export const MANIFEST_FORMAT = 'ops.backup/1'

const count = z.number().int().nonnegative()
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** A name inside the backup's own folder: no slashes, no dot-dot, so that a hostile manifest cannot point elsewhere. */
const objectName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/)

const schema = z.looseObject({
  format: z.string().regex(/^ops\.backup\/1$/),
  id: z.string(),
  cluster: z.string().min(1),
  database: z.string().min(1),
  kind: z.literal('logical'),
  server: z.looseObject({
    version: z.string(),
    major: count,
    systemIdentifier: z.string().optional(),
    timeline: count.optional(),
    isStandby: z.boolean(),
    encoding: z.string(),
    collate: z.string(),
    ctype: z.string(),
    localeProvider: z.enum(['libc', 'icu', 'builtin']).optional(),
    locale: z.string().optional(),
    icuRules: z.string().optional(),
  }),
  tools: z.looseObject({ pgDump: z.string(), pgBackup: z.string(), node: z.string() }),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** Read just before `pg_dump` took its snapshot: everything committed up to here is in the backup. */
  snapshotLsn: z.string(),
  objects: z
    .array(
      z.looseObject({
        name: objectName,
        role: z.string(),
        storedBytes: count,
        rawBytes: count,
        /** Of the stored bytes. */
        sha256,
        partSizeBytes: count.optional(),
      }),
    )
    .min(1),
  /** `custom`: one archive; `directory`: one object for each file of `pg_dump --format=directory`. */
  layout: z.enum(['custom', 'directory']),
  compression: z.looseObject({
    algorithm: z.enum(['zstd', 'gzip', 'none']),
    level: z.number().int().optional(),
    adapt: z.boolean().optional(),
  }),
  encryption: z
    .looseObject({
      format: z.literal(AGE_FORMAT),
      recipients: z.array(z.string()),
      passphrase: z.boolean(),
    })
    .nullable(),
  globals: z.looseObject({ rolePasswords: z.boolean() }).nullable(),
  archiveVersion: z.string(),
  digest: z.string().nullable(),
  tables: z.array(
    z.looseObject({
      schema: z.string(),
      name: z.string(),
      columns: z.string(),
      rows: count,
      bytes: count,
      digest: z.string(),
    }),
  ),
  largeObjects: z.looseObject({ count, bytes: count, digest: z.string() }),
  sequences: z.array(z.looseObject({ schema: z.string(), name: z.string(), value: z.string() })),
  schemaObjects: z.array(
    z.looseObject({
      type: z.string(),
      schema: z.string(),
      name: z.string(),
      owner: z.string(),
      digest: z.string(),
    }),
  ),
  extensions: z.array(z.looseObject({ name: z.string(), version: z.string(), schema: z.string() })),
  /** What `pg_dump` said on stderr. */
  warnings: z.array(z.string()),
})

/** One object of a backup set. */
export interface ManifestObject {
  /** Its key below the backup's folder. */
  readonly name: string
  /**
   * `dump`: the archive of a custom layout. `toc` and `member`: the files of a directory layout, named
   * as `pg_dump` names them. `globals`: roles and tablespaces.
   */
  readonly role: string
  readonly storedBytes: number
  /** Bytes before compression. */
  readonly rawBytes: number
  /** SHA-256 of the stored bytes, lower-case hex. */
  readonly sha256: string
  readonly partSizeBytes?: number
}

/** What a backup holds and what it was taken from; the backup exists if and only if this does. */
export interface Manifest {
  readonly format: string
  readonly id: string
  readonly cluster: string
  readonly database: string
  readonly kind: 'logical'
  readonly server: {
    readonly version: string
    readonly major: number
    readonly systemIdentifier?: string
    readonly timeline?: number
    readonly isStandby: boolean
    readonly encoding: string
    readonly collate: string
    readonly ctype: string
    readonly localeProvider?: 'libc' | 'icu' | 'builtin'
    readonly locale?: string
    readonly icuRules?: string
  }
  readonly tools: { readonly pgDump: string; readonly pgBackup: string; readonly node: string }
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly finishedAt: string
  readonly snapshotLsn: string
  readonly objects: readonly ManifestObject[]
  /** `custom`: one archive; `directory`: one object for each file of `pg_dump --format=directory`. */
  readonly layout: 'custom' | 'directory'
  readonly compression: Compression
  /** Who can open it; `null` for a backup that is not encrypted. The manifest itself never is. */
  readonly encryption: {
    readonly format: typeof AGE_FORMAT
    /** Public: whoever has the identity of one of them can restore. */
    readonly recipients: readonly string[]
    /** It takes a passphrase instead. */
    readonly passphrase: boolean
  } | null
  /** Whether roles and tablespaces are in the backup, and whether the roles have their passwords. */
  readonly globals: { readonly rolePasswords: boolean } | null
  readonly archiveVersion: string
  /** The construction of the digests (docs/DIGEST.md); `null` when rows were neither counted nor digested, and `tables` is empty. */
  readonly digest: string | null
  readonly tables: readonly {
    readonly schema: string
    readonly name: string
    readonly columns: string
    readonly rows: number
    readonly bytes: number
    readonly digest: string
  }[]
  readonly largeObjects: { readonly count: number; readonly bytes: number; readonly digest: string }
  readonly sequences: readonly { readonly schema: string; readonly name: string; readonly value: string }[]
  readonly schemaObjects: readonly {
    readonly type: string
    readonly schema: string
    readonly name: string
    readonly owner: string
    readonly digest: string
  }[]
  readonly extensions: readonly { readonly name: string; readonly version: string; readonly schema: string }[]
  readonly warnings: readonly string[]
}

/** A manifest larger than this is refused unread; a database of 100,000 tables has one of about 50 MB. */
const MAX_MANIFEST_BYTES = 256 * 1024 * 1024

/**
 * The published JSON Schema of the manifest (also at `@ops/pg-backup/manifest.schema.json`).
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { manifestJsonSchema } from '@ops/pg-backup'
 *
 * await writeFile('manifest.schema.json', JSON.stringify(manifestJsonSchema(), null, 2))
 * ```
 */
export function manifestJsonSchema(): object {
  return { title: 'Manifest of a backup set', ...z.toJSONSchema(schema) }
}

/**
 * Checks a manifest's JSON. Throws `BACKUP_MANIFEST_INVALID` or `BACKUP_FORMAT_UNSUPPORTED`.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseManifest } from '@ops/pg-backup'
 *
 * const manifest = parseManifest(await readFile('manifest.json', 'utf8'), 'manifest.json')
 * console.log(manifest.database, manifest.tables.length)
 * ```
 */
export function parseManifest(json: string, key: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw invalid(key, 'it is not JSON', error)
  }
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined
  if (typeof format === 'string' && format !== MANIFEST_FORMAT) {
    throw new BackupError(
      'BACKUP_FORMAT_UNSUPPORTED',
      `the manifest ${key} has the format "${format}", and this version of @ops/pg-backup reads "${MANIFEST_FORMAT}"; use the version that wrote it, or a newer one`,
      { details: { key } },
    )
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  throw invalid(key, `${issue.path.join('.') || 'it'}: ${issue.message}`)
}

/** Options of {@link readManifest}. */
export interface ReadManifestOptions {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** Which backup, as `listBackups` and `findBackup` name it. */
  readonly backup: BackupRef
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/**
 * Reads the manifest of one backup. Rejects with `BACKUP_NOT_FOUND`, `BACKUP_MANIFEST_INVALID`,
 * `BACKUP_FORMAT_UNSUPPORTED` or `BACKUP_STORE_FAILED`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findBackup, readManifest } from '@ops/pg-backup'
 *
 * const store = fileStore({ folder: '/backups' })
 * const backup = await findBackup({ store, database: 'app', id: 'latest' })
 * const { tables } = await readManifest({ store, backup })
 * for (const { schema, name, rows } of tables) console.log(`${schema}.${name}: ${rows} rows`)
 * ```
 */
export async function readManifest(options: ReadManifestOptions): Promise<Manifest> {
  const { store, backup, signal } = options
  const key = `${backupFolder(backup)}${MANIFEST_NAME}`
  const json = await readSmallObject(store, key, signal)
  const manifest = parseManifest(json, key)
  for (const name of ['id', 'cluster', 'database'] as const) {
    if (manifest[name] !== backup[name]) {
      throw invalid(key, `its ${name} is "${manifest[name]}": it belongs to another backup`)
    }
  }
  return manifest
}

async function readSmallObject(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of await store.get(key, { signal })) {
      size += (chunk as Buffer).length
      if (size > MAX_MANIFEST_BYTES) throw invalid(key, `it has more than ${MAX_MANIFEST_BYTES} bytes`)
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    throw toBackupError(error, { doing: `reading ${key}`, key, isRead: true, signal })
  }
}

function invalid(key: string, why: string, cause?: unknown): BackupError {
  return new BackupError('BACKUP_MANIFEST_INVALID', `the manifest ${key} cannot be used: ${why}`, {
    details: { key },
    cause,
  })
}
