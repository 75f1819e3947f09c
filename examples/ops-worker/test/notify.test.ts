import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { BackupError, type BackupHooks } from '@ops/pg-backup'
import { expect, it, onTestFinished } from 'vitest'
import { createNotifier } from '../src/jobs/notify.ts'

const HOUR = 3_600_000
const { signal } = new AbortController()
const RECORD = {
  format: 'ops.worker-job/1',
  slot: '2026-11-21T02:00:00.000Z',
  startedAt: '2026-11-21T02:00:00.000Z',
  finishedAt: '2026-11-21T02:00:01.000Z',
  failures: 0,
} as const
const GOOD = RECORD
const FAILING = { ...RECORD, failures: 1, error: { code: 'BACKUP_CONNECT_FAILED', message: 'no server' } }

/** What the webhook got. */
async function startReceiver(): Promise<{ url: string; told: string[] }> {
  const told: string[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { event, error } = JSON.parse(body) as { event: string; error?: { code: string } }
      told.push(error === undefined ? event : `${event} ${error.code}`)
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, told }
}

const ATTEMPT = { cluster: 'main', database: 'app', startedAt: RECORD.startedAt }

function fail(hooks: BackupHooks, code: 'BACKUP_CONNECT_FAILED' | 'ABORTED' = 'BACKUP_CONNECT_FAILED') {
  const error = new BackupError('BACKUP_CONNECT_FAILED', 'no server')
  return hooks.onFailure!({ ...ATTEMPT, code, error, durationMs: 5 }, { signal })
}

it('is told when backups begin to fail, and once a day while they do, whatever the slots and retries', async () => {
  const { url, told } = await startReceiver()
  let now = 0
  const notifier = createNotifier({ url }, () => now)
  await fail(notifier(GOOD))
  for (now = HOUR; now < 24 * HOUR; now += HOUR) await fail(notifier(FAILING))
  expect(told).toEqual(['backup.failed BACKUP_CONNECT_FAILED'])
  await fail(notifier(FAILING))
  expect(told).toHaveLength(2)
  // Another worker made it good in between.
  now += HOUR
  await fail(notifier(GOOD))
  expect(told).toHaveLength(3)
})

it('is told by a worker that has just started that backups still fail', async () => {
  const { url, told } = await startReceiver()
  await fail(createNotifier({ url })(FAILING))
  expect(told).toEqual(['backup.failed BACKUP_CONNECT_FAILED'])
})

it('is not told of a worker that stops', async () => {
  const { url, told } = await startReceiver()
  await fail(createNotifier({ url })(undefined), 'ABORTED')
  expect(told).toEqual([])
})
