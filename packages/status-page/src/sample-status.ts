import type {
  CalendarDay,
  DatabaseStatus,
  PoolerSample,
  RetentionOutlook,
  Status,
  StoredBackup,
} from './status.ts'

const TAKEN_AT = '2026-11-21T09:42:17.000Z'
const [HOUR, DAY] = [3_600_000, 86_400_000] as const

/** A month of three databases, two of them with troubles or none; for tests and pictures. */
export function sampleStatus(mood: 'calm' | 'trouble' = 'trouble'): Status {
  const isCalm = mood === 'calm'
  const shop = database('shop', { rows: 4_812_300, growth: 0.011, seconds: 94, lastHour: 2 })
  const analytics = database('analytics', {
    rows: 38_400_000,
    growth: 0.004,
    seconds: 611,
    lastHour: 3,
    skip: isCalm ? [] : [0, 9, 10],
    disproven: isCalm ? [] : [4],
  })
  return {
    format: 'ops.status/1',
    takenAt: TAKEN_AT,
    name: 'production',
    databases: [
      shop,
      isCalm
        ? analytics
        : {
            ...analytics,
            failures: [
              {
                job: 'backup',
                at: '2026-11-21T03:00:41.000Z',
                message: 'pg_dump: server closed the connection unexpectedly [BACKUP_DUMP_FAILED]',
              },
            ],
          },
    ],
    running: [
      {
        id: 'drill-shop',
        job: 'drill',
        cluster: 'main',
        database: 'shop',
        startedAt: '2026-11-21T09:41:35.000Z',
        phase: 'restore',
        bytesDone: 812_000_000,
        bytesTotal: 1_310_000_000,
        rows: 2_904_117,
      },
    ],
    poolers: [pooler(isCalm)],
    certificates: [
      certificate('postgres://db.example.com:5432', '192.0.2.10:5432', 213),
      certificate('https://shop.example.com', '192.0.2.7:443', isCalm ? 61 : 5),
      certificate('postgres://pool.example.com:6432', '192.0.2.11:6432', 88),
    ],
    retention: retention([shop, analytics]),
    problems: [],
  }
}

interface Shape {
  readonly rows: number
  /** Per day. */
  readonly growth: number
  readonly seconds: number
  readonly lastHour: number
  /** Days ago without a backup. */
  readonly skip?: readonly number[]
  /** Days ago whose drill found differences. */
  readonly disproven?: readonly number[]
}

function database(name: string, shape: Shape): DatabaseStatus {
  const { rows, growth, seconds, lastHour, skip = [], disproven = [] } = shape
  const backups: StoredBackup[] = []
  const calendar: CalendarDay[] = []
  for (let daysAgo = 29; daysAgo >= 0; daysAgo -= 1) {
    const midnight = Date.parse('2026-11-21T00:00:00.000Z') - daysAgo * DAY
    const date = new Date(midnight).toISOString().slice(0, 10)
    if (skip.includes(daysAgo)) {
      calendar.push({ date, state: daysAgo === 0 ? 'none' : 'gap', backups: [] })
      continue
    }
    const wobble = 1 + 0.06 * Math.sin(daysAgo * 2.7) + (daysAgo % 7 === 1 ? 0.14 : 0)
    const count = Math.round(rows * (1 - growth * daysAgo - 0.012 * Math.sin(daysAgo / 2)))
    const startedAt = new Date(midnight + lastHour * HOUR + daysAgo * 1370).toISOString()
    const id = `${startedAt.slice(0, 19).replaceAll(/[-:]/g, '')}Z-${name.slice(0, 3)}${String(100 + daysAgo)}`
    const isDrilled = daysAgo % 7 === 1 || disproven.includes(daysAgo)
    const isBad = disproven.includes(daysAgo)
    backups.push({
      id,
      startedAt,
      durationSeconds: seconds * wobble * (1 - growth * daysAgo),
      rawBytes: count * 231,
      storedBytes: Math.round(count * (64 + 3 * Math.sin(daysAgo / 5))),
      rows: count,
      encrypted: true,
      drill: isDrilled
        ? {
            finishedAt: new Date(midnight + (lastHour + 2) * HOUR).toISOString(),
            verdict: isBad ? 'disproven' : 'proven',
            durationSeconds: seconds * wobble * 1.9,
            recoverySeconds: seconds * wobble * 1.2,
            differences: isBad ? 3 : 0,
          }
        : null,
    })
    const state = isBad ? 'disproven' : isDrilled ? 'proven' : 'unproven'
    calendar.push({ date, state, backups: [id] })
  }
  return {
    cluster: 'main',
    database: name,
    objectives: { backupAgeSeconds: 26 * 3600, proofAgeSeconds: 8 * 86_400, recoverySeconds: seconds * 2 },
    backups,
    calendar,
    failures: [],
    nextBackupAt: '2026-11-22T02:00:00.000Z',
    nextDrillAt: '2026-11-22T04:00:00.000Z',
  }
}

function pooler(isCalm: boolean): Status['poolers'][number] {
  const history: PoolerSample[] = Array.from({ length: 72 }, (_, index) => {
    const part =
      0.42 + 0.2 * Math.sin(index / 9) + 0.06 * Math.sin(index * 1.9) + (index > 60 && !isCalm ? 0.4 : 0)
    return {
      at: new Date(Date.parse(TAKEN_AT) - (71 - index) * 300_000).toISOString(),
      saturation: Math.min(1, part),
      clientsWaiting: part > 0.97 ? Math.round((part - 0.9) * 60) : 0,
    }
  })
  return {
    name: 'pgbouncer',
    pools: [
      {
        database: 'shop',
        user: 'app',
        mode: 'transaction',
        clientsActive: isCalm ? 84 : 212,
        clientsWaiting: isCalm ? 0 : 7,
        serversActive: isCalm ? 9 : 20,
        serversIdle: isCalm ? 11 : 0,
        size: 20,
        maxWaitSeconds: isCalm ? 0 : 2.4,
      },
      {
        database: 'analytics',
        user: 'report',
        mode: 'session',
        clientsActive: 3,
        clientsWaiting: 0,
        serversActive: 3,
        serversIdle: 1,
        size: 10,
        maxWaitSeconds: 0,
      },
    ],
    history,
  }
}

function certificate(target: string, location: string, daysLeft: number): Status['certificates'][number] {
  const isUrgent = daysLeft < 7
  return {
    target,
    location,
    state: isUrgent ? 'critical' : 'ok',
    subject: `CN=${new URL(target).hostname}`,
    expiresAt: new Date(Date.parse(TAKEN_AT) + daysLeft * DAY).toISOString(),
    daysLeft,
    problem: isUrgent ? `the certificate expires in ${daysLeft} days` : null,
  }
}

function retention(databases: readonly DatabaseStatus[]): RetentionOutlook {
  const decisions = databases.flatMap(({ cluster, database: name, backups }) =>
    backups.toReversed().map(({ id, startedAt, storedBytes }, index) => ({
      group: `${cluster}/logical/${name}`,
      item: `${cluster}/logical/${name}/${id}`,
      time: startedAt,
      bytes: storedBytes,
      keep: index < 29,
      reasons:
        index < 29
          ? [`daily: newest of ${startedAt.slice(0, 10)}`]
          : ['older than the 29 days that have one'],
      problem: null,
    })),
  )
  const total = (keep: boolean) => {
    const chosen = decisions.filter((each) => each.keep === keep)
    return { items: chosen.length, bytes: chosen.reduce((sum, { bytes }) => sum + bytes, 0) }
  }
  return {
    at: '2026-11-22T04:30:00.000Z',
    policy: 'daily=29',
    timeZone: 'UTC',
    isApplied: true,
    decisions,
    kept: total(true),
    removed: total(false),
    refused: [],
  }
}
