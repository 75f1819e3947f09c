import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  BackupError,
  webhookNotifier,
  type BackupFailure,
  type BackupSuccess,
  type WebhookMessage,
  type WebhookOptions,
} from '../src/index.ts'
import { reset, silence, startReceiver, status, type Answer } from './webhook-receiver.ts'

const NEVER = new AbortController().signal

const FAILURE: BackupFailure = {
  cluster: 'main',
  database: 'app',
  startedAt: '2026-11-21T02:00:00.000Z',
  code: 'BACKUP_DUMP_FAILED',
  error: new BackupError('BACKUP_DUMP_FAILED', 'pg_dump failed: server closed the connection'),
  durationMs: 93_500,
}

const SUCCESS = {
  cluster: 'main',
  database: 'app',
  startedAt: '2026-11-21T02:00:00.000Z',
  result: {
    id: '20261121T020000Z-4fk2q9',
    cluster: 'main',
    database: 'app',
    durationMs: 93_500,
    manifest: {
      startedAt: '2026-11-21T02:00:00.000Z',
      finishedAt: '2026-11-21T02:01:33.500Z',
      digest: 'ops1',
      tables: [{ rows: 1000 }, { rows: 234 }],
      objects: [{ rawBytes: 4096, storedBytes: 1024 }],
      warnings: [],
    },
  },
} as unknown as BackupSuccess

/** Posts the failure, and says why it was not taken if it was not. */
async function tell(
  url: string,
  options: Partial<WebhookOptions> = {},
  failure: BackupFailure = FAILURE,
): Promise<string | undefined> {
  const notifier = webhookNotifier({ url, retryDelayMs: 1, ...options })
  try {
    await notifier.onFailure!(failure, { signal: NEVER })
    return undefined
  } catch (error) {
    return String(error)
  }
}

const messageOf = (body: string): WebhookMessage => JSON.parse(body) as WebhookMessage

describe('the message', () => {
  it('is generic JSON, as its published schema says', async () => {
    const schema = z.fromJSONSchema(
      JSON.parse(
        await readFile(join(import.meta.dirname, '../schema/webhook.schema.json'), 'utf8'),
      ) as Parameters<typeof z.fromJSONSchema>[0],
    )
    await using receiver = await startReceiver()
    const notifier = webhookNotifier({ url: receiver.url, notify: 'always' })
    await notifier.onFailure!(FAILURE, { signal: NEVER })
    await notifier.onSuccess!(SUCCESS, { signal: NEVER })
    const [failed, succeeded] = receiver.requests.map(({ body }) => messageOf(body))
    for (const message of [failed, succeeded]) expect(schema.safeParse(message).error).toBeUndefined()
    for (const broken of [{}, { ...failed, error: undefined }, { ...succeeded, id: 1 }])
      expect(schema.safeParse(broken).success).toBe(false)
    expect(failed).toMatchObject({
      event: 'backup.failed',
      database: 'app',
      error: { code: 'BACKUP_DUMP_FAILED', message: 'pg_dump failed: server closed the connection' },
    })
    expect(succeeded).toMatchObject({ event: 'backup.succeeded', tables: 2, rows: 1234, storedBytes: 1024 })
    expect(receiver.requests[0]).toMatchObject({
      method: 'POST',
      path: '/services/T0/s3cr3t-token?key=hunter2',
      headers: { 'content-type': 'application/json' },
    })
  })

  it('is a text alone for Slack and its compatibles, in which nobody is called', async () => {
    await using receiver = await startReceiver()
    const notifier = webhookNotifier({ url: receiver.url, format: 'slack', notify: 'always' })
    await notifier.onFailure!({ ...FAILURE, database: '<!channel> & co' }, { signal: NEVER })
    await notifier.onSuccess!(SUCCESS, { signal: NEVER })
    const [failed, succeeded] = receiver.requests.map(({ body }) => JSON.parse(body) as { text: string })
    expect(Object.keys(failed!)).toEqual(['text'])
    expect(failed!.text).toMatch(
      /^Backup FAILED: "&lt;!channel&gt; &amp; co" of cluster "main" on .+, after 1 min 34 s: pg_dump failed.* \[BACKUP_DUMP_FAILED\]$/,
    )
    expect(succeeded!.text).toMatch(
      /^Backup done: "app" .*: 2 tables, 1,234 rows, 4\.0 KiB as 1\.0 KiB, in 1 min 34 s$/,
    )
  })

  it('is of failures only, unless asked', async () => {
    await using receiver = await startReceiver()
    await webhookNotifier({ url: receiver.url }).onSuccess!(SUCCESS, { signal: NEVER })
    expect(receiver.requests).toEqual([])
  })

  it.each([
    'cannot connect to postgres://backup:hunter2@db/app',
    'cannot connect to postgresql://backup:hun/ter2hunter2@db/app?sslmode=require',
    'no bucket at s3://backups?endpoint=x&secretAccessKey=hunter2',
    `connection failed: host=db password='hunter2' user=x`,
    'PASSWORD: hunter2',
    'AWS_SECRET_ACCESS_KEY=hunter2',
  ])('has no secret in it, even if an error had: %s', async (text) => {
    await using receiver = await startReceiver()
    const error = new BackupError('BACKUP_CONNECT_FAILED', text)
    expect(await tell(receiver.url, {}, { ...FAILURE, error })).toBeUndefined()
    expect(receiver.requests).toHaveLength(1)
    expect(receiver.requests[0]!.body).not.toContain('hunter2')
    expect(receiver.requests[0]!.body).not.toContain('s3cr3t')
  })
})

describe('a receiver that does not take it', () => {
  interface Case {
    readonly answers: Answer[]
    readonly options?: Partial<WebhookOptions>
    /** How often it was asked. */
    readonly requests: number
    /** `undefined`: it was taken in the end. */
    readonly fails?: string
  }
  const cases: Record<string, Case> = {
    'a 500, then fine': { answers: [status(500), status(200)], requests: 2 },
    'too many requests, then fine': {
      answers: [status(429, { 'retry-after': '0' }), status(204)],
      requests: 2,
    },
    'cut connections, then fine': { answers: [reset, reset, status(200)], requests: 3 },
    'silence, then fine': { answers: [silence, status(200)], options: { timeoutMs: 50 }, requests: 2 },
    '503 for ever': { answers: [status(503)], requests: 4, fails: 'HTTP status 503' },
    'silence for ever': {
      answers: [silence],
      options: { timeoutMs: 50, retries: 1 },
      requests: 2,
      fails: 'no answer within 50 ms',
    },
    'a refusal, which is final': { answers: [status(403)], requests: 1, fails: 'HTTP status 403' },
    'a redirect, which is not followed': {
      answers: [status(307, { location: 'http://127.0.0.1:1/elsewhere' })],
      requests: 1,
      fails: 'HTTP status 307',
    },
    'no retries wanted': {
      answers: [status(500)],
      options: { retries: 0 },
      requests: 1,
      fails: 'HTTP status 500',
    },
  }
  it.each(Object.entries(cases))('%s', async (_name, { answers, options, requests, fails }) => {
    await using receiver = await startReceiver(...answers)
    const failure = await tell(receiver.url, options)
    expect(receiver.requests).toHaveLength(requests)
    // 'undefined' is what a message that was taken says.
    expect(String(failure)).toContain(String(fails))
    expect(failure ?? '').not.toMatch(/127\.0\.0\.1|s3cr3t|hunter2/)
  })

  it('nobody listens', async () => {
    const failure = await tell('http://127.0.0.1:2/s3cr3t', { retries: 1 })
    expect(failure).toContain('ECONNREFUSED')
    expect(failure).not.toMatch(/127\.0\.0\.1|s3cr3t/)
  })

  it('after an abort it is asked once', async () => {
    await using receiver = await startReceiver(status(500))
    expect(await tell(receiver.url, {}, { ...FAILURE, code: 'ABORTED' })).toContain('HTTP status 500')
    expect(receiver.requests).toHaveLength(1)
  })

  it('is given up when the hook has had its time', async () => {
    await using receiver = await startReceiver(silence)
    const controller = new AbortController()
    const told = webhookNotifier({ url: receiver.url }).onFailure!(FAILURE, { signal: controller.signal })
    controller.abort(new Error('time is up'))
    await expect(told).rejects.toThrow('time is up')
  })
})

it.each(['', 'hooks.example/s3cr3t', 'ftp://hooks.example/s3cr3t', 'https://user:s3cr3t@hooks.example/'])(
  'a URL that cannot be posted to is refused, and not repeated: %j',
  (url) => {
    expect(() => webhookNotifier({ url })).toThrow(
      expect.objectContaining({
        code: 'BACKUP_BAD_OPTIONS',
        message: expect.not.stringContaining('s3cr3t') as string,
      }),
    )
  },
)
