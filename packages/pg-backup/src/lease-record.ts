import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { ObjectStore } from '@ops/object-store'
import { z } from 'zod'

/** What a run says of itself while it has a turn. Times are ISO 8601 by the clock of its host. */
export interface LeaseRecord {
  readonly format: 'ops.lease/1'
  /** Of this run alone. */
  readonly token: string
  readonly host: string
  readonly pid: number
  /** Of the backup that it takes, if it is one. */
  readonly backupId?: string
  readonly acquiredAt: string
  readonly expiresAt: string
  readonly ttlMs: number
  readonly isReleased: boolean
}

const schema: z.ZodType<LeaseRecord> = z.object({
  format: z.literal('ops.lease/1'),
  token: z.string(),
  host: z.string(),
  pid: z.number().int(),
  backupId: z.string().optional(),
  acquiredAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  ttlMs: z.number().positive(),
  isReleased: z.boolean(),
})

/**
 * One object of a lease: `<turn>.<step>.json`. Step 0 claims the turn, the others renew it, and
 * `released` ends it. None is ever written twice.
 */
export interface LeaseObject {
  readonly key: string
  readonly turn: number
  readonly step: number
}

export const CLAIM = 0
export const RELEASED: number = Number.POSITIVE_INFINITY

const NAME = /^(\d{10})\.(\d{6}|released)\.json$/
const MAX_BYTES = 16 * 1024

export function newLeaseRecord(backupId: string | undefined, ttlMs: number, at: Date): LeaseRecord {
  return {
    format: 'ops.lease/1',
    token: randomUUID(),
    host: hostname(),
    pid: process.pid,
    backupId,
    acquiredAt: at.toISOString(),
    expiresAt: new Date(at.getTime() + ttlMs).toISOString(),
    ttlMs,
    isReleased: false,
  }
}

export function leaseKey(folder: string, turn: number, step: number): string {
  const name = step === RELEASED ? 'released' : String(step).padStart(6, '0')
  return `${folder}${String(turn).padStart(10, '0')}.${name}.json`
}

/** Puts one step of a turn; false when somebody has put it already. */
export function putLeaseStep(
  store: ObjectStore,
  key: string,
  record: LeaseRecord,
  signal?: AbortSignal,
): Promise<boolean> {
  const body = Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
  return store.putIfAbsent(key, body, { contentType: 'application/json', signal })
}

/** The objects of a lease, turn by turn and step by step. */
export async function listLease(
  store: ObjectStore,
  folder: string,
  signal?: AbortSignal,
): Promise<LeaseObject[]> {
  const found: LeaseObject[] = []
  for await (const { key } of store.list({ prefix: folder, signal })) {
    const [, turn, step] = NAME.exec(key.slice(folder.length)) ?? []
    if (turn !== undefined)
      found.push({ key, turn: Number(turn), step: step === 'released' ? RELEASED : Number(step) })
  }
  return found.toSorted((a, b) => a.turn - b.turn || (a.step < b.step ? -1 : Number(a.step > b.step)))
}

/** What an object of a lease says: `undefined` when it went away meanwhile or says nothing that makes sense. */
export async function readLeaseRecord(
  store: ObjectStore,
  key: string,
  signal?: AbortSignal,
): Promise<{ readonly record?: LeaseRecord; readonly lastModified: Date } | undefined> {
  const info = await store.head(key, { signal })
  if (info === undefined) return undefined
  const { size, lastModified } = info
  if (size > MAX_BYTES) return { lastModified }
  const chunks: Buffer[] = []
  for await (const chunk of await store.get(key, { signal })) chunks.push(chunk as Buffer)
  return { lastModified, record: parse(Buffer.concat(chunks).toString('utf8')) }
}

function parse(text: string): LeaseRecord | undefined {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
