import fc from 'fast-check'
import { BackupError } from '@ops/pg-backup'
import type { Registry } from '@prometheus-io/client'
import { describe, expect, it } from 'vitest'
import type { JobRecords } from '../src/job-records.ts'
import { nameOf, type Job } from '../src/job.ts'
import { cronSchedule, type Schedule } from '../src/schedule.ts'
import {
  HOUR,
  KILLED,
  MINUTE,
  sharedRecords,
  simulatedClock,
  START,
  startSimulated,
  type SimulatedClock,
  type SimulatedWorker,
} from './simulation.ts'

interface Run {
  readonly job: string
  readonly worker: number
  readonly slot: number
  readonly startedAt: number
  endedAt: number
  outcome: 'running' | 'done' | 'failed' | 'aborted'
}

interface Outcome {
  readonly minutes: number
  readonly fails?: boolean
}

/** Jobs that take the time and come to the end that are asked for, and leave word in `runs`. */
function jobFactory(clock: SimulatedClock, runs: Run[], nextOutcome: () => Outcome) {
  return (worker: number, kind: string, database: string | undefined, schedule: Schedule): Job => {
    const job = nameOf({ kind, database })
    return {
      kind,
      database,
      schedule,
      isLocal: kind === 'certificates',
      after: kind === 'retention' ? 'backup' : undefined,
      doneSince: async (slot) => {
        const done = runs.findLast((run) => run.job === job && run.outcome === 'done')
        return kind !== 'retention' && done !== undefined && done.startedAt >= slot.getTime()
          ? new Date(done.endedAt)
          : undefined
      },
      async run({ signal }) {
        const startedAt = clock.now()
        const run: Run = {
          job,
          worker,
          slot: schedule.last(startedAt)!,
          startedAt,
          endedAt: Infinity,
          outcome: 'running',
        }
        runs.push(run)
        const { minutes, fails } = nextOutcome()
        const end = (outcome: Run['outcome']): void => {
          run.endedAt = clock.now()
          run.outcome = outcome
        }
        await clock.sleep(minutes * MINUTE, signal).catch((error: unknown) => {
          end('aborted')
          throw error
        })
        end(fails === true ? 'failed' : 'done')
        if (fails === true) throw Object.assign(new Error('it was to fail'), { code: 'TO_FAIL' })
      },
    }
  }
}

function cron(pattern: string, name: string, jitterMs = 0): Schedule {
  return cronSchedule({ pattern, timeZone: 'UTC', jitterMs, name })
}

/** Runs of one job that were under way at the same time. */
function overlaps(runs: readonly Run[]): Run[] {
  const byStart = runs.toSorted((a, b) => a.startedAt - b.startedAt)
  return byStart.filter((run, index) => index > 0 && byStart[index - 1]!.endedAt > run.startedAt)
}

function slotsOf(schedule: Schedule, from: number, to: number): number[] {
  const slots: number[] = []
  for (let at = schedule.next(from); at !== undefined && at <= to; at = schedule.next(at)) slots.push(at)
  return slots
}

async function failuresOn(registry: Registry): Promise<number> {
  const metrics = await registry.getMetricsAsJSON()
  const values = metrics.find(({ name }) => name === 'ops_worker_job_failures_total')?.values ?? []
  return values
    .filter(({ labels }) => labels['code'] === 'TO_FAIL')
    .reduce((sum, { value }) => sum + value, 0)
}

describe('the schedule', () => {
  it('gives 50 databases and 500 certificates every slot of two days, without overlap or drift', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    let count = 0
    const jobOf = jobFactory(clock, runs, () => ({ minutes: (count++ * 7) % 20 }))
    const names = (prefix: string, length: number): string[] =>
      Array.from({ length }, (_, index) => `${prefix}-${index}`)
    const jobs = [
      ...names('db', 50).map((name) => jobOf(0, 'backup', name, cron('0 2 * * *', name, HOUR))),
      ...names('host', 500).map((name) => jobOf(0, 'certificates', name, cron('0 */6 * * *', name, HOUR))),
    ]
    const worker = startSimulated(() => () => jobs, { clock, shared: sharedRecords(clock) })
    const end = START + 48 * HOUR
    await clock.advanceTo(end)
    await worker.stop()

    const byJob = Map.groupBy(runs, ({ job }) => job)
    const late: number[] = []
    for (const job of jobs) {
      const ofJob = byJob.get(nameOf(job)) ?? []
      expect(overlaps(ofJob)).toEqual([])
      // The first one catches up with the slot before the start.
      const slots = [job.schedule.last(START)!, ...slotsOf(job.schedule, START, end)]
      expect(ofJob.map(({ slot }) => slot)).toEqual(slots)
      // Databases wait for their turn; a certificate is probed on the dot, or when the probe before has ended.
      const onTheDot = slots.map((slot, index) => Math.max(slot, ofJob[index - 1]?.endedAt ?? START))
      const startedAt = ofJob.map((run) => run.startedAt)
      if (job.isLocal === true) late.push(...startedAt.filter((at, index) => at !== onTheDot[index]))
    }
    expect(late).toEqual([])
  }, 300_000)

  it('catches up after days of downtime with one run', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 5 }))
    const job = jobOf(0, 'backup', 'app', cron('0 2 * * *', 'app'))
    const shared = sharedRecords(clock)
    const first = startSimulated(() => () => [job], { clock, shared })
    await clock.advanceTo(START + HOUR)
    await first.stop()
    await clock.advanceTo(START + 100 * HOUR)
    const second = startSimulated(() => () => [job], { clock, shared })
    await clock.advanceTo(START + 101 * HOUR)
    await second.stop()
    expect(runs.map(({ startedAt }) => startedAt)).toEqual([START, START + 100 * HOUR])
  })

  it('misses no slot after a clock that was ahead by a month was set right', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 5 }))
    const job = jobOf(0, 'backup', 'app', cron('0 2 * * *', 'app'))
    const shared = sharedRecords(clock)
    const worker = startSimulated(() => () => [job], { clock, shared })
    await clock.advanceTo(START + HOUR)
    clock.set(clock.now() + 30 * 24 * HOUR)
    await clock.advanceTo(clock.now() + 26 * HOUR)
    const wrong = runs.splice(0)
    expect(wrong.length).toBeGreaterThan(1)
    clock.set(START + 3 * HOUR)
    await clock.advanceTo(START + 75 * HOUR)
    await worker.stop()
    // It is noticed within a minute.
    expect(runs.map(({ startedAt }) => (startedAt - START) / MINUTE)).toEqual([
      181,
      26 * 60,
      50 * 60,
      74 * 60,
    ])
  })

  it('takes what a worker did whose clock is a little ahead for done', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 0 }))
    const job = jobOf(0, 'retention', undefined, { last: () => START + MINUTE, next: () => undefined })
    const worker = startSimulated(() => () => [job], { clock, shared: sharedRecords(clock) })
    await clock.advanceTo(START + 2 * HOUR)
    await worker.stop()
    expect(runs).toHaveLength(1)
  })

  it('tries a failed run again, later each time, until it succeeds or the next slot comes', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 0, fails: runs.length < 6 }))
    const job = jobOf(0, 'backup', 'app', cron('0 2 * * *', 'app'))
    const worker = startSimulated(() => () => [job], { clock, shared: sharedRecords(clock) })
    await clock.advanceTo(START + HOUR)
    await worker.stop()
    expect(runs.map(({ startedAt }) => (startedAt - START) / MINUTE)).toEqual([0, 1, 3, 7, 15, 31])
    expect(runs.at(-1)?.outcome).toBe('done')
  })

  it.each([
    ['loses an hour', '2026-03-28T00:00:00Z'],
    ['has an hour twice', '2026-10-24T00:00:00Z'],
  ])('runs a job at 02:30 in Berlin once a day, on the day too that %s', async (_what, start) => {
    const clock = simulatedClock(Date.parse(start))
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 5 }))
    const schedule = cronSchedule({
      pattern: '30 2 * * *',
      timeZone: 'Europe/Berlin',
      jitterMs: 0,
      name: 'app',
    })
    const job = jobOf(0, 'backup', 'app', schedule)
    const worker = startSimulated(() => () => [job], {
      clock,
      shared: sharedRecords(clock),
    })
    await clock.advanceTo(clock.now() + 72 * HOUR)
    await worker.stop()
    const days = runs.map(({ startedAt }) =>
      new Date(startedAt).toLocaleDateString('sv-SE', { timeZone: 'Europe/Berlin' }),
    )
    const first = Date.parse(start)
    // The first run catches up with the night before the start.
    expect(days).toEqual(
      [0, 0, 1, 2].map((day) => new Date(first + day * 24 * HOUR).toISOString().slice(0, 10)),
    )
  })

  it('waits longer each time when its lease is refused, though its record can be read', async () => {
    const clock = simulatedClock()
    const refusedAt: number[] = []
    const shared: JobRecords = {
      ...sharedRecords(clock),
      lease: async () => {
        refusedAt.push((clock.now() - START) / MINUTE)
        throw new BackupError('BACKUP_STORE_FAILED', 'it may be read, and not written to')
      },
    }
    const job = jobFactory(clock, [], () => ({ minutes: 0 }))(0, 'backup', 'app', cron('0 2 * * *', 'app'))
    const told: (number | undefined)[] = []
    const worker = startSimulated(
      () => () => [{ ...job, couldNotRun: (_error, { before }) => void told.push(before?.failures) }],
      { clock, shared },
    )
    await clock.advanceTo(START + 100 * MINUTE)
    await worker.stop()
    expect(refusedAt).toEqual([0, 1, 3, 7, 15, 31, 63])
    expect(told).toEqual([undefined, 1, 2, 3, 4, 5, 6])
  })

  it('looks again and again whether the backup that a drill waits for is there, and says only once that it waits', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 5 * 60 }))
    const backups = ['a', 'b'].map((name) => jobOf(0, 'backup', name, cron('0 0 * * *', name)))
    const drill = jobFactory(clock, runs, () => ({ minutes: 0 }))(0, 'drill', 'a', cron('0 0 * * *', 'a'))
    const tooEarly = new Error('there is no backup yet')
    const waiting: Job = {
      ...drill,
      judge: (error) => (error === tooEarly ? 'postponed' : 'failed'),
      run: async (context) => {
        if (!runs.some(({ outcome }) => outcome === 'done')) throw tooEarly
        await drill.run(context)
      },
    }
    const worker = startSimulated(() => () => [...backups, waiting], { clock, shared: sharedRecords(clock) })
    await clock.advanceTo(START + 6 * HOUR)
    await worker.stop()
    const startedAt = runs.find(({ job }) => job === 'drill a')!.startedAt
    expect(startedAt).toBeGreaterThanOrEqual(START + 5 * HOUR)
    expect(startedAt).toBeLessThanOrEqual(START + 5 * HOUR + MINUTE)
    expect(worker.logged).toEqual(['not now', 'done', 'done', 'done'])
  })

  it('takes a lease that was lost for one failed run, and tries again', async () => {
    const clock = simulatedClock()
    const records = sharedRecords(clock)
    let lose = true
    const shared: JobRecords = {
      ...records,
      lease: async (job, signal) => {
        if (!lose) return await records.lease(job, signal)
        lose = false
        const lost = new BackupError('BACKUP_LEASE_LOST', 'another one took it')
        const nothing = async (): Promise<void> => undefined
        const confirm = (): Promise<void> => Promise.reject(lost)
        return { signal: AbortSignal.abort(lost), confirm, [Symbol.asyncDispose]: nothing }
      },
    }
    const runs: Run[] = []
    const job = jobFactory(clock, runs, () => ({ minutes: 5 }))(0, 'backup', 'app', cron('0 2 * * *', 'app'))
    let couldNotRun = 0
    const worker = startSimulated(() => () => [{ ...job, couldNotRun: () => void couldNotRun++ }], {
      clock,
      shared,
    })
    await clock.advanceTo(START + HOUR)
    const text = await worker.registry.metrics()
    await worker.stop()
    expect(runs.map(({ outcome }) => outcome)).toEqual(['aborted', 'done'])
    expect(couldNotRun).toBe(0)
    expect(text).toContain('failures_total{job="backup",database="app",code="BACKUP_LEASE_LOST"} 1')
  })

  it('takes what keeps a job that is asked for from running for a failed run', async () => {
    const clock = simulatedClock()
    const shared = sharedRecords(clock)
    const job = jobFactory(clock, [], () => ({ minutes: 0 }))(0, 'backup', 'app', cron('0 2 * * *', 'app'))
    const { signal } = new AbortController()
    await using _held = await shared.lease(job, signal)
    const worker = startSimulated(() => () => [], { clock, shared })
    expect(await worker.runner.runNow(job, signal)).toMatchObject({ error: { code: 'BACKUP_LEASE_HELD' } })
    const early: Job = {
      ...job,
      kind: 'drill',
      judge: () => 'postponed',
      run: () => Promise.reject(new BackupError('BACKUP_NOT_FOUND', 'there is none')),
    }
    expect(await worker.runner.runNow(early, signal)).toMatchObject({ error: { code: 'BACKUP_NOT_FOUND' } })
    await worker.stop()
  })

  it('takes in jobs that come, and lets go of those that went, with their series', async () => {
    const clock = simulatedClock()
    const runs: Run[] = []
    const jobOf = jobFactory(clock, runs, () => ({ minutes: 1 }))
    const gone: string[] = []
    const [old, fresh] = ['old', 'fresh'].map((name): Job => {
      const job = jobOf(0, 'backup', name, cron('0 * * * *', name))
      return { ...job, gone: () => void gone.push(name) }
    })
    let jobs: readonly Job[] = []
    const look: Job = {
      kind: 'databases',
      isLocal: true,
      schedule: cron('*/10 * * * *', 'databases'),
      run: async () => {
        jobs = [look, clock.now() < START + 1.5 * HOUR ? old! : fresh!]
      },
    }
    jobs = [look]
    const worker = startSimulated(() => () => jobs, { clock, shared: sharedRecords(clock) })
    await clock.advanceTo(START + 4 * HOUR)
    const text = await worker.registry.metrics()
    await worker.stop()
    expect(runs.map(({ job, startedAt }) => [job, (startedAt - START) / HOUR])).toEqual([
      ['backup old', 0],
      ['backup old', 1],
      ['backup fresh', 1.5],
      ['backup fresh', 2],
      ['backup fresh', 3],
      ['backup fresh', 4],
    ])
    expect(gone).toEqual(['old'])
    expect(text).toMatch(/last_run_success\{job="backup",database="fresh"\} 1/)
    expect(text).not.toMatch(/(?<!_total)\{job="backup",database="old"\}/)
  })

  it('loses no job and runs none twice in 24 hours of random failures, outages and kills; every failure is on a metric', async () => {
    const minuteOfDay = fc.integer({ min: 0, max: 24 * 60 })
    const trouble = fc.record({
      outcomes: fc.array(fc.record({ minutes: fc.integer({ min: 0, max: 45 }), fails: fc.boolean() }), {
        minLength: 20,
        maxLength: 60,
      }),
      outages: fc.array(fc.tuple(minuteOfDay, fc.integer({ min: 1, max: 120 })), { maxLength: 4 }),
      ends: fc.array(
        fc.tuple(minuteOfDay, fc.nat({ max: 1 }), fc.boolean(), fc.integer({ min: 0, max: 180 })),
        {
          maxLength: 6,
        },
      ),
    })
    await fc.assert(
      fc.asyncProperty(trouble, async ({ outcomes, outages, ends }) => {
        const clock = simulatedClock()
        const runs: Run[] = []
        const calmFrom = START + 24 * HOUR
        const isCalm = (): boolean => clock.now() >= calmFrom
        let count = 0
        const jobOf = jobFactory(clock, runs, () =>
          isCalm() ? { minutes: 3 } : outcomes[count++ % outcomes.length]!,
        )
        const isAway = (): boolean =>
          !isCalm() &&
          outages.some(([at, length]) => {
            const from = START + at * MINUTE
            return clock.now() >= from && clock.now() < from + length * MINUTE
          })
        const shared = sharedRecords(clock, isAway)
        const all: SimulatedWorker[] = []
        const startWorker = (number: number): SimulatedWorker => {
          const worker = startSimulated(
            (known) => {
              const backups = ['a', 'b', 'c'].map((name) =>
                jobOf(number, 'backup', name, cron('0 */3 * * *', name, HOUR)),
              )
              const last = (): number | undefined => {
                const times = backups.map((job) => Date.parse(known(job)?.lastSuccessAt ?? ''))
                return times
                  .filter((time) => !Number.isNaN(time))
                  .toSorted((x, y) => x - y)
                  .at(-1)
              }
              const jobs = [
                ...backups,
                jobOf(number, 'retention', undefined, { last, next: () => undefined }),
                jobOf(number, 'drill', 'a', cron('0 4 * * *', 'a')),
                jobOf(number, 'certificates', undefined, cron('*/30 * * * *', 'certificates')),
              ]
              return () => jobs
            },
            { clock, shared, concurrency: 2 },
          )
          all.push(worker)
          return worker
        }
        const running: (SimulatedWorker | undefined)[] = [startWorker(0), startWorker(1)]
        const events = ends
          .flatMap(([at, number, isKilled, downMinutes]) => [
            { at, number, stop: isKilled ? KILLED : new Error('stopped') },
            { at: at + downMinutes, number, stop: undefined },
          ])
          .toSorted((a, b) => a.at - b.at)
        for (const { at, number, stop } of events) {
          await clock.advanceTo(Math.min(START + at * MINUTE, calmFrom))
          if (stop === undefined) running[number] ??= startWorker(number)
          else {
            await running[number]?.stop(stop)
            running[number] = undefined
          }
        }
        await clock.advanceTo(calmFrom)
        running[0] ??= startWorker(0)
        // The longest delay of a retry, the lease of a killed worker, and what waits before it.
        const end = calmFrom + 2 * HOUR + 30 * MINUTE
        await clock.advanceTo(end)
        for (const worker of running) await worker?.stop()

        for (const [job, ofJob] of Map.groupBy(runs, (run) => run.job)) {
          const sharers =
            job === 'certificates'
              ? [0, 1].map((number) => ofJob.filter(({ worker }) => worker === number))
              : [ofJob]
          for (const each of sharers) expect(overlaps(each)).toEqual([])
        }
        const sharedRuns = runs.filter(({ job }) => job !== 'certificates')
        const done = sharedRuns.filter(({ outcome }) => outcome === 'done')
        // Retention leaves no trace but its record; if that cannot be stored it comes again, and removes nothing more.
        const traced = done.filter(({ job }) => job !== 'retention')
        const successes = Map.groupBy(traced, ({ job, slot }) => `${job} ${slot}`)
        expect([...successes.values()].filter((times) => times.length > 1)).toEqual([])

        for (const [name, pattern, jitter] of [
          ['backup a', '0 */3 * * *', HOUR],
          ['backup b', '0 */3 * * *', HOUR],
          ['backup c', '0 */3 * * *', HOUR],
          ['drill a', '0 4 * * *', 0],
        ] as const) {
          const lastDone = done.findLast(({ job }) => job === name)
          const schedule = cron(pattern, name.split(' ')[1]!, jitter)
          expect(lastDone?.startedAt).toBeGreaterThanOrEqual(schedule.last(end - 30 * MINUTE)!)
        }
        const lastBackup = done.findLast(({ job }) => job.startsWith('backup'))!
        expect(done.findLast(({ job }) => job === 'retention')?.startedAt).toBeGreaterThanOrEqual(
          lastBackup.endedAt,
        )

        const failed = runs.filter(({ outcome }) => outcome === 'failed').length
        const counted = await Promise.all(all.map(({ registry }) => failuresOn(registry)))
        expect(counted.reduce((sum, each) => sum + each, 0)).toBe(failed)
      }),
      { numRuns: 15 },
    )
  }, 300_000)
})
