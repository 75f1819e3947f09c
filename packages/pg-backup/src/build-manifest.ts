import { DIGEST_NAME } from './archive/index.ts'
import type { BackupRef } from './backup-set.ts'
import { AGE_FORMAT, type BackupEncryption } from './encryption.ts'
import { MANIFEST_FORMAT, type Manifest, type ManifestObject } from './manifest.ts'
import type { ObjectEncoding } from './object-encoding.ts'
import type { PostgresProgram } from './postgres-program.ts'
import type { ServerFacts } from './server-facts.ts'
import type { StoredDump } from './stored-dump.ts'
import { PACKAGE_VERSION } from './version.ts'

/** All that a manifest is made of. */
export interface ManifestFacts {
  readonly backup: BackupRef
  readonly server: ServerFacts
  readonly program: PostgresProgram
  readonly encoding: ObjectEncoding
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly digest: boolean
  readonly dump: StoredDump
  /** Roles and tablespaces, where they are in the backup. */
  readonly globals?: { readonly object: ManifestObject; readonly rolePasswords: boolean }
}

/** The manifest of a backup whose dump is in the store. */
export function buildManifest(facts: ManifestFacts): Manifest {
  const { backup, server, program, globals } = facts
  const { compression, encryption } = facts.encoding
  const { layout, contents, objects, warnings } = facts.dump
  const { version, major, systemIdentifier, timeline, isStandby, encoding, collate, ctype } = server
  const { localeProvider, locale, icuRules } = server
  const sorting = { collate, ctype, localeProvider, locale, icuRules }
  return {
    format: MANIFEST_FORMAT,
    ...backup,
    kind: 'logical',
    server: { version, major, systemIdentifier, timeline, isStandby, encoding, ...sorting },
    tools: { pgDump: program.version, pgBackup: PACKAGE_VERSION, node: process.versions.node },
    startedAt: facts.startedAt.toISOString(),
    finishedAt: facts.finishedAt.toISOString(),
    snapshotLsn: server.lsn,
    objects: globals === undefined ? objects : [...objects, globals.object],
    layout,
    compression,
    encryption: encryption === undefined ? null : publicPart(encryption),
    globals: globals === undefined ? null : { rolePasswords: globals.rolePasswords },
    archiveVersion: contents.header.version,
    digest: facts.digest ? DIGEST_NAME : null,
    tables: contents.tables,
    largeObjects: contents.largeObjects,
    sequences: contents.sequences,
    schemaObjects: contents.objects,
    extensions: server.extensions,
    warnings,
  }
}

function publicPart({ recipients = [], passphrase }: BackupEncryption): Manifest['encryption'] {
  return { format: AGE_FORMAT, recipients, passphrase: passphrase !== undefined }
}
