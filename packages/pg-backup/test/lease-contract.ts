import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ObjectStore } from '@ops/object-store'
import { startPostgres } from '@ops/testbed'
import { describe, expect, it } from 'vitest'
import { newBackupId, type BackupRef } from '../src/backup-set.ts'
import { listLease } from '../src/lease-record.ts'
import { acquireLease, backupLease, type AcquireLeaseOptions, type Lease } from '../src/lease.ts'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { startCli } from './start-cli.ts'
import { until } from './until.ts'

export interface LeasePlace {
  readonly store: ObjectStore
  /** What `openStore` needs in another process. */
  readonly url: string
  readonly env: NodeJS.ProcessEnv
}

/** What a lease promises on every store that can put an object only if it is absent. */
export function describeLease(place: () => LeasePlace): void {
  let databases = 0
  const newRun = (database = `database ${++databases}`): BackupRef => ({
    cluster: 'main',
    database,
    id: newBackupId(new Date()),
  })
  const acquire = (backup: BackupRef, options: Partial<AcquireLeaseOptions> = {}): Promise<Lease> =>
    acquireLease({ store: place().store, subject: backupLease(backup), ...options })
  /** A clock that is so much ahead. */
  const ahead = (milliseconds: number) => ({ now: () => new Date(Date.now() + milliseconds) })

  describe('a lease', () => {
    it('keeps a second run out, and says who holds it since when', async () => {
      const backup = newRun()
      await using _held = await acquire(backup)
      await expect(acquire(newRun(backup.database))).rejects.toMatchObject({
        code: 'BACKUP_LEASE_HELD',
        message: expect.stringContaining(`process ${process.pid} on `) as string,
        details: { database: backup.database, holder: { pid: process.pid, backupId: backup.id } },
      })
    })

    it('keeps nobody out of another database', async () => {
      await using one = await acquire(newRun())
      await using other = await acquire(newRun())
      expect([one.isHeld, other.isHeld]).toEqual([true, true])
    })

    it('is for any work that has a folder of its own', async () => {
      const subject = { folder: `main/work ${++databases}/lease/`, name: 'inventory' }
      const { store } = place()
      await using held = await acquireLease({ store, subject })
      await expect(acquireLease({ store, subject })).rejects.toMatchObject({
        code: 'BACKUP_LEASE_HELD',
        message: expect.stringMatching(/^another inventory is under way: process /) as string,
      })
      await held.confirm()
      expect(await listLease(store, subject.folder)).not.toHaveLength(0)
    })

    it('is free again once it is released, and leaves one small object', async () => {
      const backup = newRun()
      for (let turn = 1; turn <= 3; turn += 1) {
        await using lease = await acquire(newRun(backup.database))
        await lease.confirm()
      }
      expect(await listLease(place().store, backupLease(backup).folder)).toMatchObject([
        { turn: 3, step: Number.POSITIVE_INFINITY },
      ])
    })

    it('is waited for', async () => {
      const backup = newRun()
      const first = await acquire(backup)
      const waitedFor = Promise.withResolvers<unknown>()
      const second = acquire(newRun(backup.database), {
        ttlMs: 1000,
        waitMs: 60_000,
        onWait: waitedFor.resolve,
      })
      expect(await waitedFor.promise).toMatchObject({ pid: process.pid, backupId: backup.id })
      await first[Symbol.asyncDispose]()
      await (await second)[Symbol.asyncDispose]()
    })

    it('is not waited for any more after an abort', async () => {
      const backup = newRun()
      await using _held = await acquire(backup)
      const controller = new AbortController()
      const reason = new Error('enough')
      const waiting = acquire(newRun(backup.database), {
        waitMs: 60_000,
        signal: controller.signal,
        onWait: () => controller.abort(reason),
      })
      await expect(waiting).rejects.toBe(reason)
    })

    it('goes on beyond its time when it is renewed', async () => {
      const backup = newRun()
      await using lease = await acquire(backup, { ttlMs: 6000 })
      const steps = async (): Promise<number> =>
        (await listLease(place().store, backupLease(backup).folder)).at(-1)!.step
      // The fourth third of its time.
      while ((await steps()) < 4) await new Promise((resolve) => setTimeout(resolve, 50))
      expect(lease.signal?.aborted).toBe(false)
      await lease.confirm()
      await expect(acquire(newRun(backup.database))).rejects.toMatchObject({ code: 'BACKUP_LEASE_HELD' })
      // The objects of renewals do not pile up.
      expect((await listLease(place().store, backupLease(backup).folder)).length).toBeLessThanOrEqual(3)
    })

    it('is taken over when it expired, and the run that was late is told', async () => {
      const backup = newRun()
      const late = await acquire(backup, { ttlMs: 60_000 })
      await expect(acquire(newRun(backup.database), ahead(89_000))).rejects.toMatchObject({
        code: 'BACKUP_LEASE_HELD',
      })
      await using next = await acquire(newRun(backup.database), ahead(95_000))
      await expect(late.confirm()).rejects.toMatchObject({
        code: 'BACKUP_LEASE_LOST',
        message: expect.stringContaining('has taken over') as string,
      })
      expect(late.signal?.reason).toMatchObject({ code: 'BACKUP_LEASE_LOST' })
      await late[Symbol.asyncDispose]()
      await next.confirm()
    })

    it('of a dead run whose clock was ahead is taken over by one that watches it', async () => {
      const backup = newRun()
      // It is never renewed: as if its process were gone.
      await acquireDead(place(), backup, { ttlMs: 60_000, ...ahead(86_400_000) })
      await expect(acquire(newRun(backup.database))).rejects.toMatchObject({ code: 'BACKUP_LEASE_HELD' })
      let time = 0
      const monotonic = performance.now.bind(performance)
      performance.now = () => monotonic() + time
      try {
        await using _next = await acquire(newRun(backup.database), {
          ttlMs: 1000,
          waitMs: 600_000,
          onWait: () => void (time += 10_000),
        })
      } finally {
        performance.now = monotonic
      }
    })

    it('is had by exactly one of many that begin at once, again and again', async () => {
      const { database } = newRun()
      for (let round = 0; round < 5; round += 1) {
        const results = await Promise.allSettled(Array.from({ length: 8 }, () => acquire(newRun(database))))
        const held = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
        expect(held).toHaveLength(1)
        const refusals = results.flatMap((each) =>
          each.status === 'rejected' ? [each.reason as unknown] : [],
        )
        expect(refusals).toEqual(
          refusals.map(() => expect.objectContaining({ code: 'BACKUP_LEASE_HELD' }) as unknown),
        )
        await held[0]![Symbol.asyncDispose]()
      }
    })
  })

  describe('leases of several processes', () => {
    it('of backups of one database that begin at once, exactly one is made', async () => {
      await using server = await startPostgres()
      await server.query('CREATE TABLE people AS SELECT 1 AS id')
      // The one that begins does not end before the others have tried.
      const lock = await holdLock(server, 'postgres', 'people')
      const { url, env } = place()
      const runs = Array.from({ length: 3 }, () =>
        startCli(['create', '--json', '--store', url], { ...server.env('postgres'), ...env }),
      )
      let refused = 0
      for (const run of runs) void run.ended.then(({ code }) => (refused += Number(code === 1)))
      await until(async () => refused === 2 && (await isDumpWaiting(server)))
      lock.release()
      const ended = await Promise.all(runs.map((run) => run.ended))
      expect(ended.map(({ code }) => String(code)).toSorted()).toEqual(['0', '1', '1'])
      for (const { stderr } of ended.filter(({ code }) => code === 1))
        expect(stderr).toMatch(
          /another backup of "postgres" is under way: process \d+ on .*\[BACKUP_LEASE_HELD\]$/m,
        )
    })

    it('one of them has it; killed, it is followed by exactly one of the others', async () => {
      const { database } = newRun()
      await using contenders = startContenders(place(), database, 3)
      const first = await contenders.nextHolder()
      expect(contenders.holders()).toEqual([first])
      first.kill('SIGKILL')
      await once(first, 'exit')
      const second = await contenders.nextHolder()
      expect(second.pid).not.toBe(first.pid)
      expect(contenders.holders()).toEqual([first, second])
    })
  })
}

/** Claims a turn and never renews it. */
async function acquireDead(
  { store }: LeasePlace,
  backup: BackupRef,
  options: { ttlMs: number; now: () => Date },
): Promise<void> {
  const { putLeaseStep, newLeaseRecord, leaseKey, CLAIM } = await import('../src/lease-record.ts')
  const key = leaseKey(backupLease(backup).folder, 1, CLAIM)
  await putLeaseStep(store, key, newLeaseRecord(backup.id, options.ttlMs, options.now()))
}

interface Contenders extends AsyncDisposable {
  nextHolder(): Promise<ChildProcess>
  /** Those that have had the lease, in their order. */
  holders(): readonly ChildProcess[]
}

/** Processes that wait for the lease, and keep it when they have it. */
function startContenders({ url, env }: LeasePlace, database: string, count: number): Contenders {
  const holders: ChildProcess[] = []
  const arrivals: PromiseWithResolvers<ChildProcess>[] = []
  const arrival = (index: number): PromiseWithResolvers<ChildProcess> =>
    (arrivals[index] ??= Promise.withResolvers<ChildProcess>())
  const children = Array.from({ length: count }, () => {
    const child = fork(join(import.meta.dirname, 'hold-lease.ts'), [url, database], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    createInterface({ input: child.stdout! }).on('line', () => {
      arrival(holders.length).resolve(child)
      holders.push(child)
    })
    return child
  })
  let awaited = 0
  return {
    nextHolder: () => arrival(awaited++).promise,
    holders: () => holders,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill('SIGKILL')
          await once(child, 'exit')
        }),
      )
    },
  }
}
