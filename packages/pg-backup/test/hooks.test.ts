import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createBackup,
  listBackups,
  webhookNotifier,
  type BackupHooks,
  type CreateBackupOptions,
  type Logger,
} from '../src/index.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { startReceiver, status } from './webhook-receiver.ts'

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 10) AS id', 'app')
})

afterAll(() => server?.stop())

interface Recorder extends Required<BackupHooks> {
  readonly events: { hook: string; event: object }[]
}

function recorder(): Recorder {
  const events: Recorder['events'] = []
  const record = (hook: string) => (event: object) => void events.push({ hook, event })
  return {
    events,
    onStart: record('onStart'),
    onSuccess: record('onSuccess'),
    onFailure: record('onFailure'),
  }
}

function warnings(): Logger & { readonly said: string[] } {
  const said: string[] = []
  const ignore = (): void => undefined
  return {
    said,
    debug: ignore,
    info: ignore,
    error: ignore,
    warn: (_fields, message) => void said.push(message),
  }
}

describe('hooks', () => {
  it('are told of the start and of the success', async () => {
    await using place = await temporaryStore()
    const hook = recorder()
    const result = await createBackup({
      store: place.store,
      cluster: 'eu',
      connection: connectionTo(server, 'app'),
      hooks: [hook],
    })
    expect(hook.events).toEqual([
      { hook: 'onStart', event: { cluster: 'eu', database: 'app', startedAt: expect.any(String) as string } },
      {
        hook: 'onSuccess',
        event: expect.objectContaining({ cluster: 'eu', database: 'app', result }) as object,
      },
    ])
  })

  const failures: Record<string, { options: Partial<CreateBackupOptions>; code: string }> = {
    'no such database': {
      options: { connection: { database: 'nowhere' } },
      code: 'BACKUP_CONNECT_FAILED',
    },
    'bad options': { options: { cluster: '' }, code: 'BACKUP_BAD_OPTIONS' },
  }
  it.each(Object.entries(failures))(
    'are told of a failure, by its code: %s',
    async (_name, { options, code }) => {
      await using place = await temporaryStore()
      const hook = recorder()
      const env = { ...process.env, ...server.env('app') }
      const failed = createBackup({ store: place.store, env, ...options, hooks: [hook] })
      const error: unknown = await failed.catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code })
      expect(hook.events).toMatchObject([
        { hook: 'onStart' },
        { hook: 'onFailure', event: { database: options.connection?.database ?? 'app', code, error } },
      ])
    },
  )

  it('are told of an abort, after everything was cleaned up', async () => {
    await using place = await temporaryStore()
    const controller = new AbortController()
    const reason = new Error('the operator changed their mind')
    let keysThen: string[] | undefined
    const backup = createBackup({
      store: place.store,
      connection: connectionTo(server, 'app'),
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === 'publish') controller.abort(reason)
      },
      hooks: [
        {
          onFailure: async ({ code, error }) => {
            expect({ code, error }).toEqual({ code: 'ABORTED', error: reason })
            keysThen = await place.files()
          },
        },
      ],
    })
    await expect(backup).rejects.toBe(reason)
    expect(keysThen).toEqual([])
  })

  it('are not told of a call that was aborted before it began', async () => {
    await using place = await temporaryStore()
    const hook = recorder()
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(createBackup({ store: place.store, signal, hooks: [hook] })).rejects.toThrow('too late')
    expect(hook.events).toEqual([])
  })

  const broken: Record<string, BackupHooks> = {
    throws: {
      onStart: () => {
        throw new Error('broken')
      },
      onSuccess: () => {
        throw new Error('broken')
      },
    },
    rejects: {
      onStart: () => Promise.reject(new Error('broken')),
      onSuccess: () => Promise.reject(new Error('broken')),
    },
    'never ends': {
      onStart: () => new Promise(() => undefined),
      onSuccess: () => new Promise(() => undefined),
    },
    'waits for its signal': {
      onStart: waitForSignal,
      onSuccess: waitForSignal,
    },
  }
  it.each(Object.entries(broken))(
    'one that %s is warned about, and the backup is there',
    async (_name, hook) => {
      await using place = await temporaryStore()
      const { store } = place
      const logger = warnings()
      const good = recorder()
      const { id } = await createBackup({
        store,
        connection: connectionTo(server, 'app'),
        hooks: [hook, good],
        hookTimeoutMs: 100,
        logger,
      })
      expect(await listBackups({ store })).toMatchObject([{ id }])
      expect(logger.said.map((message) => /the hook (\w+) failed/.exec(message)?.[1])).toEqual([
        'onStart',
        'onSuccess',
      ])
      expect(good.events.map((each) => each.hook)).toEqual(['onStart', 'onSuccess'])
    },
  )

  it('a webhook that is down does not hurt a backup, nor is its URL in a warning', async () => {
    await using place = await temporaryStore()
    await using receiver = await startReceiver(status(500))
    const logger = warnings()
    const notifier = webhookNotifier({ url: receiver.url, notify: 'always', retries: 1, retryDelayMs: 1 })
    await createBackup({
      store: place.store,
      connection: connectionTo(server, 'app'),
      hooks: [notifier],
      logger,
    })
    expect(receiver.requests).toHaveLength(2)
    expect(logger.said).toEqual([expect.stringContaining('the webhook answered with HTTP status 500')])
    expect(logger.said[0]).not.toMatch(/127\.0\.0\.1|s3cr3t|hunter2/)
  })

  it('a webhook tells of a failed backup, and keeps its secrets', async () => {
    await using place = await temporaryStore()
    await using receiver = await startReceiver()
    const connection = { ...connectionTo(server, 'app'), password: 'wrong-hunter2' }
    const notifier = webhookNotifier({ url: receiver.url })
    await expect(createBackup({ store: place.store, connection, hooks: [notifier] })).rejects.toThrow(
      'authentication',
    )
    expect(receiver.requests).toHaveLength(1)
    const { body } = receiver.requests[0]!
    expect(JSON.parse(body)).toMatchObject({
      event: 'backup.failed',
      database: 'app',
      error: { code: 'BACKUP_CONNECT_FAILED', message: expect.stringContaining('authentication') as string },
    })
    expect(body).not.toContain('hunter2')
  })
})

async function waitForSignal(_event: unknown, { signal }: { signal: AbortSignal }): Promise<void> {
  await new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
}
