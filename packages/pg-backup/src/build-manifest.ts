import type { PutResult } from '@ops/object-store'
import { DIGEST_NAME, type ArchiveContents } from './archive/index.ts'
import type { BackupRef } from './backup-set.ts'
import { DUMP_NAME } from './compression.ts'
import { MANIFEST_FORMAT, type Manifest } from './manifest.ts'
import type { PostgresProgram } from './postgres-program.ts'
import type { ServerFacts } from './server-facts.ts'
import { PACKAGE_VERSION } from './version.ts'

/** All that a manifest is made of. */
export interface ManifestFacts {
  readonly backup: BackupRef
  readonly server: ServerFacts
  readonly program: PostgresProgram
  readonly level: number
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly digest: boolean
  readonly contents: ArchiveContents
  readonly stored: PutResult
  readonly warnings: readonly string[]
}

/** The manifest of a backup whose dump is in the store. */
export function buildManifest(facts: ManifestFacts): Manifest {
  const { backup, server, program, contents, stored } = facts
  const { version, major, systemIdentifier, timeline, isStandby, encoding, collate, ctype } = server
  return {
    format: MANIFEST_FORMAT,
    ...backup,
    kind: 'logical',
    server: { version, major, systemIdentifier, timeline, isStandby, encoding, collate, ctype },
    tools: { pgDump: program.version, pgBackup: PACKAGE_VERSION, node: process.versions.node },
    startedAt: facts.startedAt.toISOString(),
    finishedAt: facts.finishedAt.toISOString(),
    snapshotLsn: server.lsn,
    objects: [
      {
        name: DUMP_NAME,
        role: 'dump',
        storedBytes: stored.size,
        rawBytes: contents.bytes,
        sha256: stored.sha256,
        partSizeBytes: stored.partSizeBytes,
      },
    ],
    compression: { algorithm: 'zstd', level: facts.level },
    encryption: null,
    archiveVersion: contents.header.version,
    digest: facts.digest ? DIGEST_NAME : null,
    tables: contents.tables,
    largeObjects: contents.largeObjects,
    sequences: contents.sequences,
    schemaObjects: contents.objects,
    extensions: server.extensions,
    warnings: facts.warnings,
  }
}
