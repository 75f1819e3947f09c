import type { Manifest } from './manifest.ts'

/** What a backup amounts to, added up from its manifest. */
export interface ManifestTotals {
  readonly tables: number
  /** Absent when the rows were not counted (`digest: false`). */
  readonly rows?: number
  /** Bytes before compression, of all objects. */
  readonly rawBytes: number
  /** Bytes in the store, of all objects. */
  readonly storedBytes: number
  readonly durationMs: number
}

/** Adds a manifest up. */
export function manifestTotals(manifest: Manifest): ManifestTotals {
  const { tables, objects, digest, startedAt, finishedAt } = manifest
  return {
    tables: tables.length,
    ...(digest === null ? {} : { rows: sum(tables.map((table) => table.rows)) }),
    rawBytes: sum(objects.map((object) => object.rawBytes)),
    storedBytes: sum(objects.map((object) => object.storedBytes)),
    durationMs: Date.parse(finishedAt) - Date.parse(startedAt),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0)
}
