import { ObjectStoreError } from './object-store-error.ts'

const MiB = 1024 * 1024
/** S3's own bounds of a part; the last part may be smaller. */
export const minPartSizeBytes: number = 5 * MiB
export const maxPartSizeBytes: number = 5 * 1024 * MiB

const usualPartSizeBytes = 8 * MiB
const partSizeWithoutHintBytes = 16 * MiB
/** A hint is an estimate: room for a quarter more than it says. */
const hintMargin = 1.25
const bufferBudgetBytes = 96 * MiB
const usualConcurrency = 3

export interface PartPlanFacts {
  readonly sizeHintBytes?: number
  /** The most parts the store takes for one object. */
  readonly maxParts: number
  /** The caller's wish; a hint that needs larger parts overrides it. */
  readonly partSizeBytes?: number
  readonly concurrency?: number
}

export interface PartPlan {
  readonly partSizeBytes: number
  /** Parts under way at a time. */
  readonly concurrency: number
}

/**
 * Chooses one part size for a whole upload, such that a body of 1.25 × `sizeHintBytes` has at most
 * `maxParts` parts, and how many parts may be under way, such that the buffers of the upload
 * (`concurrency` + 1 parts) stay within 96 MiB while the part size allows it.
 */
export function planParts(facts: PartPlanFacts): PartPlan {
  const { sizeHintBytes, maxParts } = facts
  const wanted =
    facts.partSizeBytes ?? (sizeHintBytes === undefined ? partSizeWithoutHintBytes : usualPartSizeBytes)
  const needed = Math.ceil(((sizeHintBytes ?? 0) * hintMargin) / maxParts / MiB) * MiB
  const partSizeBytes = Math.max(minPartSizeBytes, wanted, needed)
  if (partSizeBytes > maxPartSizeBytes) {
    throw new ObjectStoreError(
      'STORE_TOO_LARGE',
      `a body of about ${sizeHintBytes} bytes does not fit in ${maxParts} parts of at most 5 GiB; split it into several objects`,
    )
  }
  const affordable = Math.floor(bufferBudgetBytes / partSizeBytes) - 1
  return {
    partSizeBytes,
    concurrency: facts.concurrency ?? Math.max(1, Math.min(usualConcurrency, affordable)),
  }
}
