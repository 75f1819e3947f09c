import { parseTarget } from '@ops/cert-probe'
import { parseDurationMs } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { openStore } from '@ops/object-store'
import { parseConnectionUri } from '@ops/pg-backup'
import { parseConnectionUrl } from '@ops/pgbouncer-stats'
import { parsePolicy } from '@ops/s3-retention'
import { z } from 'zod'
import { checkPattern } from './schedule.ts'

/** A text that `read` understands; what it throws is the problem. */
function text<T>(
  read: (text: string) => T | Promise<T>,
): z.ZodPipe<z.ZodString, z.ZodTransform<Awaited<T>, string>> {
  return z.string().transform(async (value, context) => {
    try {
      return await read(value)
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) })
      return z.NEVER
    }
  })
}

const name = z.string().min(1)
const secret = z.string().min(1).meta({ secret: true })
const duration = text(parseDurationMs)
const schedule = text(checkPattern)
const postgresUrl = text(parseConnectionUri)

const timeZone = text((zone) => {
  // Throws when there is no such zone.
  Intl.DateTimeFormat('en', { timeZone: zone })
  return zone
})

const storeUrl = text(async (url) => {
  await using _store = await openStore(url)
  return url
})

const listenAddress = text((address) => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new Error('it must be ADDRESS:PORT, as in 127.0.0.1:8080')
  return { host: match[1] ?? match[2]!, port }
})

const certificateTarget = text((target) => {
  parseTarget(target)
  return target
})

/** A section that has to be there: what must be in it is named then. */
const MISSING = {} as never

/**
 * Everything that can be configured. Each key is also an environment variable: see config.ts.
 * Times are texts such as `30s`, `10m` or `8d`, and milliseconds once they were read.
 */
export const configSchema = z.strictObject({
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'it must be made of letters, digits, "_", "." and "-"')
    .default('main'),
  databases: z.array(name).min(1),
  timeZone: timeZone.prefault('UTC'),
  listen: listenAddress.prefault('127.0.0.1:8080'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  concurrency: z.int().min(1).default(1),
  shutdown: duration.prefault('30s'),
  store: z
    .strictObject({
      url: storeUrl,
      accessKeyId: name.optional(),
      secretAccessKey: secret.optional(),
    })
    .prefault(MISSING),
  postgres: z
    .strictObject({ url: postgresUrl, password: secret.optional() })
    .transform(({ url, password }) => ({ ...url, password: password ?? url.password }))
    .prefault(MISSING),
  backup: z
    .strictObject({
      schedule: schedule.prefault('0 2 * * *'),
      jitter: duration.prefault('0s'),
      jobs: z.int().min(1).default(1),
      globals: z.boolean().default(false),
      recipients: z.array(name).min(1).optional(),
    })
    .prefault({}),
  retention: z
    .strictObject({
      policy: text(parsePolicy).prefault('keep 30d'),
      apply: z.boolean().default(true),
    })
    .prefault({}),
  drill: z
    .strictObject({
      schedule: schedule.prefault('0 4 * * 0'),
      jitter: duration.prefault('0s'),
      target: z.enum(['local', 'container', 'server']).default('local'),
      image: name.optional(),
      url: postgresUrl.optional(),
      password: secret.optional(),
      identity: secret.optional(),
      maxAge: duration.optional(),
      maxRecovery: duration.optional(),
    })
    .refine(({ target, image }) => target !== 'container' || image !== undefined, {
      path: ['image'],
      message: 'a drill in a container needs the image, such as postgres:17',
    })
    .refine(({ target, url }) => target !== 'server' || url !== undefined, {
      path: ['url'],
      message: 'a drill on a server needs its URL',
    })
    .prefault({}),
  certificates: z
    .strictObject({
      schedule: schedule.prefault('*/10 * * * *'),
      jitter: duration.prefault('0s'),
      targets: z.array(certificateTarget).default([]),
      file: name.optional(),
      caddy: z.url().optional(),
      caFile: name.optional(),
      timeout: duration.prefault('10s'),
    })
    .prefault({}),
  pgbouncer: z
    .strictObject({ url: text((url) => parseConnectionUrl(url, {})), password: secret.optional() })
    .transform(({ url, password }) => ({ ...url, password: password ?? url.password }))
    .optional(),
  status: z.strictObject({ user: name.default('ops'), password: secret }).optional(),
  inventory: z.strictObject({ schedule: schedule.prefault('*/15 * * * *') }).prefault({}),
  lease: z
    .strictObject({ ttl: duration.prefault('3m'), clockSkew: duration.prefault('30s') })
    .transform(({ ttl, clockSkew }) => ({ ttlMs: ttl, clockSkewMs: clockSkew }))
    .prefault({}),
  retry: z.strictObject({ delay: duration.prefault('1m'), maxDelay: duration.prefault('1h') }).prefault({}),
})

export type Config = z.output<typeof configSchema>
