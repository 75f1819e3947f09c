import { parseTarget } from '@ops/cert-probe'
import {
  checkedText,
  duration,
  listenAddress,
  name,
  readConfig,
  secret,
  settingsOf,
  text,
  timeZone,
  type Setting,
  wait,
} from '@ops/internal-config'
import { errorMessage } from '@ops/internal-error'
import { checkPattern } from '@ops/internal-jobs'
import { openStore } from '@ops/object-store'
import { checkEncryption, parseConnectionUri, parseIdentities, webhookNotifier } from '@ops/pg-backup'
import { parseConnectionUrl } from '@ops/pgbouncer-stats'
import { parsePolicy } from '@ops/s3-retention'
import { z } from 'zod'
import { checkDatabasePattern } from './databases.ts'
import { WorkerError } from './worker-error.ts'

const schedule = text(checkPattern)
const postgresUrl = text(parseConnectionUri)
const pattern = checkedText(checkDatabasePattern)

const recipient = checkedText((text) => checkEncryption({ recipients: [text] }))
const identity = secret.superRefine(complaintsOf(parseIdentities)).meta({ secret: true })
const webhookUrl = secret.superRefine(complaintsOf((url) => webhookNotifier({ url }))).meta({ secret: true })

/** What `check` throws at a secret is the problem; `checkedText` would make something of it that is no secret any more. */
function complaintsOf(check: (text: string) => unknown) {
  return (text: string, context: z.core.$RefinementCtx<string>): void => {
    try {
      check(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) })
    }
  }
}

/** A section that has to be there: what must be in it is named then. */
const MISSING = {} as never

/** Everything that can be configured. Times are texts such as `30s`, `10m` or `8d`, and milliseconds once they were read. */
const configSchema = z.strictObject({
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'it must be made of letters, digits, "_", "." and "-"')
    .default('main'),
  databases: z.array(pattern).min(1).default(['*']),
  exclude: z.array(pattern).default([]),
  timeZone: timeZone.prefault('UTC'),
  listen: listenAddress.prefault('127.0.0.1:8080'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  concurrency: z.int().min(1).default(1),
  shutdown: wait.prefault('30s'),
  store: z
    .strictObject({
      url: checkedText(async (url) => (await openStore(url))[Symbol.asyncDispose]()),
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
      recipients: z.array(recipient).min(1).optional(),
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
      identity: identity.optional(),
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
      targets: z.array(checkedText(parseTarget)).default([]),
      file: name.optional(),
      caddy: z.url().optional(),
      caFile: name.optional(),
      timeout: wait.prefault('10s'),
    })
    .prefault({}),
  pgbouncer: z
    .strictObject({ url: text((url) => parseConnectionUrl(url, {})), password: secret.optional() })
    .transform(({ url, password }) => ({ ...url, password: password ?? url.password }))
    .optional(),
  webhook: z
    .strictObject({
      url: webhookUrl,
      format: z.enum(['json', 'slack']).default('json'),
      notify: z.enum(['failure', 'always']).default('failure'),
    })
    .optional(),
  status: z.strictObject({ user: name.default('ops'), password: secret }).optional(),
  objectives: z
    .strictObject({ backupAge: duration.prefault('26h'), proofAge: duration.prefault('8d') })
    .prefault({}),
  discovery: z.strictObject({ schedule: schedule.prefault('*/5 * * * *') }).prefault({}),
  inventory: z.strictObject({ schedule: schedule.prefault('*/15 * * * *') }).prefault({}),
  lease: z
    .strictObject({ ttl: wait.prefault('3m'), clockSkew: duration.prefault('30s') })
    .transform(({ ttl, clockSkew }) => ({ ttlMs: ttl, clockSkewMs: clockSkew }))
    .prefault({}),
  retry: z.strictObject({ delay: wait.prefault('1m'), maxDelay: wait.prefault('1h') }).prefault({}),
})

export type Config = z.output<typeof configSchema>

/** Each key is also a variable: `store.url` is `OPS_WORKER_STORE_URL`. */
export const SETTINGS: readonly Setting[] = settingsOf(configSchema, 'OPS_WORKER')

/** The environment goes before the file. Rejects with `WORKER_CONFIG_INVALID` and every problem that there is. */
export async function loadConfig(source: { file?: string; env: NodeJS.ProcessEnv }): Promise<Config> {
  const { config, problems } = await readConfig({ ...source, schema: configSchema, prefix: 'OPS_WORKER' })
  if (config !== undefined) return config
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  const message = `the configuration has ${count}: ${problems.join('; ')}`
  throw new WorkerError('WORKER_CONFIG_INVALID', message, { details: { problems } })
}
