import { isObjectStoreError, type ObjectStore } from '@ops/object-store'
import { acquireLease, type LeaseOptions } from '@ops/pg-backup'
import { z } from 'zod'
import { nameOf, type JobRecord, type JobRef } from './job.ts'

/** Where workers leave word of what they did, and take turns. */
export interface JobRecords {
  read(job: JobRef): Promise<JobRecord | undefined>
  write(job: JobRef, record: JobRecord): Promise<void>
  /** Rejects with `BACKUP_LEASE_HELD` when somebody else is at it. */
  lease(job: JobRef, signal: AbortSignal): Promise<JobLease>
}

export interface JobLease extends AsyncDisposable {
  /** Aborts with the worker's reason, or with `BACKUP_LEASE_LOST`. */
  readonly signal: AbortSignal
  /** Renews it, so that what follows at once is done under it. */
  confirm(): Promise<void>
}

const time = z.iso.datetime()
const schema: z.ZodType<JobRecord> = z.object({
  format: z.literal('ops.worker-job/1'),
  slot: time,
  startedAt: time,
  finishedAt: time,
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  failures: z.int().nonnegative(),
  retryAt: time.optional(),
  lastSuccessAt: time.optional(),
})

export interface StoreRecordsOptions extends LeaseOptions {
  readonly store: ObjectStore
  readonly cluster: string
}

/** In the store, `<cluster>/worker/<job>/`: workers that share a store share the work. */
export function storeRecords({ store, cluster, ...lease }: StoreRecordsOptions): JobRecords {
  const folder = ({ kind, database }: JobRef): string =>
    `${[cluster, 'worker', kind, ...(database === undefined ? [] : [encodeURIComponent(database)])].join('/')}/`
  return {
    read: async (job) => parse(await readText(store, `${folder(job)}record.json`)),
    write: async (job, record) => {
      await store.put(`${folder(job)}record.json`, Buffer.from(`${JSON.stringify(record, null, 2)}\n`), {
        contentType: 'application/json',
      })
    },
    lease: async (job, signal) => {
      // Without conditional puts nobody can be kept out: then there must be one worker only.
      if (!(await store.capabilities({ signal })).putIfAbsent) return noLease(signal)
      const subject = { folder: `${folder(job)}lease/`, name: `run of the job "${nameOf(job)}"` }
      const held = await acquireLease({ ...lease, store, subject, signal })
      return {
        signal: held.signal ?? signal,
        confirm: () => held.confirm(),
        [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
      }
    },
  }
}

/** In this process. */
export function localRecords(): JobRecords {
  const records = new Map<string, JobRecord>()
  return {
    read: async (job) => records.get(nameOf(job)),
    write: async (job, record) => void records.set(nameOf(job), record),
    lease: async (_job, signal) => noLease(signal),
  }
}

function noLease(signal: AbortSignal): JobLease {
  const nothing = async (): Promise<void> => undefined
  return { signal, confirm: nothing, [Symbol.asyncDispose]: nothing }
}

const MAX_BYTES = 64 * 1024

async function readText(store: ObjectStore, key: string): Promise<string | undefined> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of await store.get(key, { range: { start: 0, end: MAX_BYTES } }))
      chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    // An empty object has no first byte.
    if (isObjectStoreError(error) && ['STORE_NOT_FOUND', 'STORE_BAD_RANGE'].includes(error.code))
      return undefined
    throw error
  }
}

/** One that makes no sense is none: the job then runs, and leaves a better one. */
function parse(text: string | undefined): JobRecord | undefined {
  try {
    return text === undefined ? undefined : schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
