import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { needs } from '@ops/testbed'
import { afterAll, expect, it } from 'vitest'
import { startWorker, until } from './start-worker.ts'

const BUNDLE: string = join(import.meta.dirname, '../dist/cli.js')
const folder: string = await mkdtemp(join(tmpdir(), 'ops-worker-idle-'))
afterAll(() => rm(folder, { recursive: true }))

it('takes less than 150 MiB and 1 % of a core when nothing is due', async (context) => {
  needs(context, existsSync('/proc/self/stat'), 'this system has no /proc')
  needs(context, existsSync(BUNDLE), 'the worker is not built')
  await using worker = await startWorker(
    {
      OPS_WORKER_STORE_URL: pathToFileURL(folder).href,
      OPS_WORKER_POSTGRES_URL: 'postgres://nobody@localhost/postgres',
      OPS_WORKER_DATABASES: Array.from({ length: 50 }, (_, index) => `db${index}`).join(','),
      OPS_WORKER_BACKUP_SCHEDULE: 'never',
      OPS_WORKER_DRILL_SCHEDULE: 'never',
    },
    BUNDLE,
  )
  for (const job of ['certificates', 'inventory'])
    await until(
      async () => (await worker.metric(`ops_worker_job_last_run_success{job="${job}",database=""}`)) === 1,
    )
  // What the start took is over; from here on it has nothing to do but to answer.
  const before = await cpuSeconds(worker.pid)
  const begun = performance.now()
  await sleep(20_000)
  expect((await worker.get('/metrics')).status).toBe(200)
  const seconds = (performance.now() - begun) / 1000
  const used = (await cpuSeconds(worker.pid)) - before
  expect(used / seconds).toBeLessThan(0.01)
  expect(await residentMib(worker.pid)).toBeLessThan(150)
  await context.annotate(
    `${(await residentMib(worker.pid)).toFixed(0)} MiB, ${((used / seconds) * 100).toFixed(2)} % of a core`,
  )
})

/** Of the process alone, from proc(5): user and system time, in ticks of 10 ms. */
async function cpuSeconds(pid: number): Promise<number> {
  const [, rest] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')
  const fields = rest!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024
}
