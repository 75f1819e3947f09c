import { z } from 'zod'
import type { StatusDocument } from './status-document.ts'

const count = z.number().int().nonnegative()
const amount = z.number().nonnegative()
const time = z.iso.datetime()
const job = z.enum(['backup', 'drill', 'retention', 'certificates'])

const backup = z.strictObject({
  id: z.string(),
  startedAt: time,
  durationSeconds: amount,
  rawBytes: count,
  storedBytes: count,
  rows: count.nullable(),
  encrypted: z.boolean(),
  drill: z
    .strictObject({
      finishedAt: time,
      verdict: z.enum(['proven', 'disproven']),
      durationSeconds: amount,
      recoverySeconds: amount.nullable(),
      differences: count,
    })
    .nullable(),
})

const database = z.strictObject({
  cluster: z.string(),
  database: z.string(),
  objectives: z.strictObject({
    backupAgeSeconds: amount.optional(),
    proofAgeSeconds: amount.optional(),
    recoverySeconds: amount.optional(),
  }),
  backups: z.array(backup),
  calendar: z.array(
    z.strictObject({
      date: z.iso.date(),
      state: z.enum(['proven', 'disproven', 'unproven', 'gap', 'none']),
      backups: z.array(z.string()),
    }),
  ),
  failures: z.array(z.strictObject({ job, at: time, message: z.string() })),
  nextBackupAt: time.optional(),
  nextDrillAt: time.optional(),
})

const running = z.strictObject({
  id: z.string(),
  job,
  cluster: z.string().optional(),
  database: z.string().optional(),
  startedAt: time,
  phase: z.string(),
  bytesDone: count.optional(),
  bytesTotal: count.optional(),
  isEstimate: z.boolean().optional(),
  rows: count.optional(),
  detail: z.string().optional(),
})

const pooler = z.strictObject({
  name: z.string(),
  pools: z.array(
    z.strictObject({
      database: z.string(),
      user: z.string(),
      mode: z.string().nullable(),
      clientsActive: count,
      clientsWaiting: count,
      serversActive: count,
      serversIdle: count,
      size: count,
      maxWaitSeconds: amount,
    }),
  ),
  history: z.array(z.strictObject({ at: time, saturation: amount, clientsWaiting: count })),
})

const certificate = z.strictObject({
  target: z.string(),
  location: z.string(),
  state: z.enum(['ok', 'warning', 'critical', 'unknown']),
  subject: z.string().nullable(),
  expiresAt: time.nullable(),
  daysLeft: z.number().int().nullable(),
  problem: z.string().nullable(),
})

const amountOf = z.strictObject({ items: count, bytes: count })
const retention = z.strictObject({
  at: time,
  policy: z.string(),
  timeZone: z.string(),
  isApplied: z.boolean(),
  decisions: z.array(
    z.strictObject({
      group: z.string(),
      item: z.string(),
      time,
      bytes: count,
      keep: z.boolean(),
      reasons: z.array(z.string()),
      problem: z.string().nullable(),
    }),
  ),
  kept: amountOf,
  removed: amountOf,
  refused: z.array(z.strictObject({ group: z.string(), reason: z.string() })),
})

const document: z.ZodType<StatusDocument> = z.strictObject({
  format: z.literal('ops.status/1'),
  takenAt: time,
  name: z.string().optional(),
  databases: z.array(database),
  running: z.array(running),
  poolers: z.array(pooler),
  certificates: z.array(certificate),
  retention: retention.nullable(),
  problems: z.array(z.strictObject({ source: z.string(), message: z.string() })),
  state: z.enum(['ok', 'warning', 'critical']),
  findings: z.array(
    z.strictObject({
      severity: z.enum(['critical', 'warning']),
      subject: z.string(),
      message: z.string(),
      section: z.enum(['databases', 'pools', 'certificates', 'retention']).optional(),
    }),
  ),
})

/** The JSON Schema of what `/api/v1/status` answers. */
export const statusSchema: object = { title: 'Status', ...z.toJSONSchema(document) }
