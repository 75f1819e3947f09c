import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ObjectStore } from '@ops/object-store'
import { readReport } from '@ops/restore-verify'
import { parsePolicy } from '@ops/s3-retention'
import { createStatusHandler, readStoreStatus, type RunningJob, type Status } from '@ops/status-page'

/** A status page of what the demo does. */
export interface StatusPage extends AsyncDisposable {
  readonly url: string
  /** Shows a job until it is told to end. */
  begin(job: 'backup' | 'drill'): ShownJob
}

export interface ShownJob {
  update(progress: Pick<RunningJob, 'phase' | 'bytesDone' | 'bytesTotal' | 'rows' | 'detail'>): void
  end(): void
}

/** Serves the page on 127.0.0.1, at the port or a free one (0). */
export async function openStatusPage(store: ObjectStore, port: number): Promise<StatusPage> {
  const running = new Map<string, RunningJob>()
  const watchers = new Set<() => void>()
  const changed = (): void => watchers.forEach((watcher) => watcher())
  const handle = createStatusHandler({
    readStatus: () => readStatus(store, [...running.values()]),
    readDrillReport: (drill) => readReport(store, drill),
    subscribe: (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  })
  const server = createServer((request, response) => {
    void handle(request, response).then((isHandled) => {
      if (!isHandled) response.writeHead(404).end()
    })
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    begin(job) {
      const shown: RunningJob = {
        id: job,
        job,
        cluster: 'main',
        database: 'shop',
        startedAt: new Date().toISOString(),
        phase: 'start',
      }
      running.set(job, shown)
      changed()
      return {
        update: (progress) => {
          running.set(job, { ...shown, ...progress })
          changed()
        },
        end: () => {
          running.delete(job)
          changed()
        },
      }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function readStatus(store: ObjectStore, running: RunningJob[]): Promise<Status> {
  const objectives = { backupAgeSeconds: 26 * 3600, proofAgeSeconds: 8 * 86_400, recoverySeconds: 900 }
  const stored = await readStoreStatus({
    store,
    databases: [{ cluster: 'main', database: 'shop', objectives }],
    policy: parsePolicy('daily=30'),
  })
  return {
    format: 'ops.status/1',
    takenAt: new Date().toISOString(),
    name: 'demo',
    running,
    poolers: [],
    certificates: [],
    ...stored,
  }
}
