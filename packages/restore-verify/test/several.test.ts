import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkJson } from '@ops/internal-cli/check-json'
import { createBackup } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRecord, readReport } from '../src/record.ts'
import type { TargetOptions } from '../src/targets/target.ts'
import { verifyBackups } from '../src/verify-backups.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'

/** Which backups are drilled, and what is left beside them. */
const CLI = join(import.meta.dirname, '../src/cli.ts')

let source: Postgres
let other: Postgres
let place: TemporaryStore
let target: TargetOptions
/** The oldest first: one of each of three weeks. */
const ids: string[] = []

beforeAll(async () => {
  ;[source, other, place] = await Promise.all([startPostgres(), startPostgres(), temporaryStore()])
  target = { kind: 'server', connection: connectionTo(other, 'postgres') }
  await source.createDatabase('shop')
  await source.query('CREATE TABLE orders AS SELECT generate_series(1, 10) AS id', 'shop')
  for (const day of ['2026-11-02', '2026-11-09', '2026-11-16']) {
    const { manifest } = await createBackup({
      store: place.store,
      connection: connectionTo(source, 'shop'),
      now: () => new Date(`${day}T02:00:00Z`),
    })
    ids.push(manifest.id)
  }
})

afterAll(() => Promise.all([source?.stop(), other?.stop(), place?.[Symbol.asyncDispose]()]))

const backup = (index: number) => ({ cluster: 'main', database: 'shop', id: ids[index]! })
const common = () => ({ store: place.store, database: 'shop', target, skip: ['amcheck'] as const })

function cli(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { PATH: process.env['PATH'], ...other.env('postgres'), OPS_STORE: place.store.url }
    execFile(process.execPath, [CLI, ...args, '--of', 'shop'], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  }).then((ended) => {
    checkJson('restore-verify', args, ended.stdout)
    return ended
  })
}

describe('several drills, in this order', { timeout: 240_000 }, () => {
  it('nothing is known of a backup that was never drilled', async () => {
    expect(await readRecord(place.store, backup(0))).toBeUndefined()
    expect(await cli(['report'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `restore-verify run --of shop --id ${ids[2]} [VERIFY_NO_REPORT]`,
      ) as string,
    })
  })

  it('no backup at all is a failure, never nothing to do', async () => {
    for (const which of ['latest', 'never-drilled', { id: ids[0]! }, { everyDays: 7, seed: '' }] as const) {
      const drilling = verifyBackups({ ...common(), database: 'nowhere', which })
      await expect(drilling).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' })
    }
  })

  it('one by its id leaves its record and its report beside it', async () => {
    const results = await verifyBackups({ ...common(), which: { id: ids[1]! } })
    expect(results).toMatchObject([{ backup: backup(1), report: { verdict: 'proven' } }])
    expect(await readRecord(place.store, backup(1))).toMatchObject({
      format: 'ops.verification/1',
      verdict: 'proven',
      drills: [{ verdict: 'proven', rows: 10, failedChecks: [] }],
    })
    expect(await readReport(place.store, backup(1))).toEqual(
      'report' in results[0]! ? results[0].report : undefined,
    )
  })

  it('a drill that was late is disproven, and its backup is not', async () => {
    await verifyBackups({ ...common(), which: { id: ids[1]! }, maxAgeMs: 1 })
    expect(await readRecord(place.store, backup(1))).toMatchObject({
      verdict: 'proven',
      drills: [
        { verdict: 'proven' },
        { verdict: 'disproven', backupVerdict: 'proven', failedChecks: ['freshness'] },
      ],
    })
  })

  it('those never drilled are the others; a damaged one does not keep the rest from it', async () => {
    const dump = join(place.folder, `main/logical/shop/${ids[0]}/dump.pgc.zst`)
    const original = await readFile(dump)
    await place.store.put(`main/logical/shop/${ids[0]}/dump.pgc.zst`, original.subarray(1))
    const { code, stdout, stderr } = await cli([
      'run',
      '--never-drilled',
      '--target',
      'server',
      '--skip',
      'amcheck',
      '--json',
    ])
    expect(code).toBe(3)
    expect(stderr).toMatch(/^DISPROVEN: /m)
    expect(stderr).toMatch(/^proven: /m)
    const results = JSON.parse(stdout) as { backup: { id: string }; report: { verdict: string } }[]
    expect(results.map((each) => [each.backup.id, each.report.verdict])).toEqual([
      [ids[0], 'disproven'],
      [ids[2], 'proven'],
    ])
    expect(await verifyBackups({ ...common(), which: 'never-drilled' })).toEqual([])
  })

  it('a sample is one of each week; one that cannot be drilled stands in the result', async () => {
    const manifestKey = `main/logical/shop/${ids[2]}/manifest.json`
    const original = await readFile(join(place.folder, manifestKey))
    await place.store.put(manifestKey, Buffer.from('{}'))
    try {
      const results = await verifyBackups({ ...common(), which: { everyDays: 7, seed: 's' } })
      expect(results).toMatchObject([
        { backup: backup(0), report: { verdict: 'disproven' } },
        { backup: backup(1), report: { verdict: 'proven' } },
        { backup: backup(2), error: { code: 'BACKUP_MANIFEST_INVALID' } },
      ])
    } finally {
      await place.store.put(manifestKey, original)
    }
  })

  it('the history has them all, and the report shows the last one of each', async () => {
    const { code, stdout } = await cli(['history', '--json'])
    expect(code).toBe(0)
    const drilled = JSON.parse(stdout) as { id: string; verdict: string; drills: unknown[] }[]
    expect(drilled.map(({ id, verdict, drills }) => [id, verdict, drills.length])).toEqual([
      [ids[0], 'disproven', 2],
      [ids[1], 'proven', 3],
      [ids[2], 'proven', 1],
    ])
    expect((await cli(['history'])).stdout).toMatch(/^BACKUP +DRILLED/)

    const shown = await cli(['report', '--id', ids[0]!])
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('# ❌ Disproven: shop') as string,
    })
    expect(await cli(['report', '--id', ids[0]!, '--junit', join(place.folder, 'drill.xml')])).toMatchObject({
      code: 0,
      stdout: '',
    })
    expect(await readFile(join(place.folder, 'drill.xml'), 'utf8')).toContain('<failure')
  })

  it('a record of another manifest, or one that cannot be read, is none', async () => {
    const key = `main/logical/shop/${ids[1]}/verification.json`
    await place.store.put(key, Buffer.from('not JSON'))
    await place.store.put(`main/logical/shop/${ids[1]}/verification-report.json`, Buffer.from('{}'))
    expect(await readRecord(place.store, backup(1))).toBeUndefined()
    expect(await cli(['report', '--id', ids[1]!])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[VERIFY_RECORD_INVALID]') as string,
    })
    await verifyBackups({ ...common(), which: 'never-drilled' })
    expect(await readRecord(place.store, backup(1))).toMatchObject({ verdict: 'proven', drills: [{}] })
  })
})
