import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkJson } from '@ops/internal-cli/check-json'
import { createBackup, type BackupResult } from '@ops/pg-backup'
import { awkwardSqlFile, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyRestore, type VerifyRestoreOptions } from '../src/verify-restore.ts'
import { connectionTo, databases, runFile, temporaryStore, type TemporaryStore } from './harness.ts'
import { drillUntil } from './killed-drill.ts'

const CLI = join(import.meta.dirname, '../src/cli.ts')
const RUN = ['run', '--of', 'awkward', '--target', 'server', '--allow-source-cluster']

let server: Postgres
let place: TemporaryStore
let backup: BackupResult

beforeAll(async () => {
  server = await startPostgres()
  place = await temporaryStore()
  await server.createDatabase('awkward')
  await runFile(server, 'awkward', awkwardSqlFile)
  backup = await createBackup({ store: place.store, connection: connectionTo(server, 'awkward') })
})

afterAll(async () => {
  await server?.stop()
  await place?.[Symbol.asyncDispose]()
})

function drill(options: Partial<VerifyRestoreOptions> = {}) {
  return verifyRestore({
    store: place.store,
    database: 'awkward',
    target: {
      kind: 'server',
      connection: connectionTo(server, 'postgres'),
      allowSourceCluster: true,
    },
    ...options,
  })
}

function cli(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { PATH: process.env['PATH'], ...server.env('postgres'), OPS_STORE: place.store.url }
    execFile(process.execPath, [CLI, ...args], { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  }).then((ended) => {
    checkJson('restore-verify', args, ended.stdout)
    return ended
  })
}

async function untilRows(sql: string, count: number): Promise<void> {
  while ((await server.query(sql)).length !== count) await new Promise((resolve) => setTimeout(resolve, 50))
}

const dumpKey = (): string => backup.manifestKey.replace('manifest.json', 'dump.pgc.zst')

describe('a drill', { timeout: 240_000 }, () => {
  it('proves a backup of the awkward database, and leaves no database behind', async () => {
    const before = await databases(server)
    const report = await drill()
    expect(report.differences).toEqual([])
    expect(report.verdict).toBe('proven')
    expect(report.tables).toHaveLength(backup.manifest.tables.length)
    expect(report.phases.map((each) => each.phase)).toEqual([
      'check',
      'start',
      'restore',
      'digest',
      'compare',
      'inspect',
      'clean up',
    ])
    expect(report.checks.filter((each) => each.result !== 'pass').map((each) => each.check)).toEqual([
      'freshness',
      'assertions',
      'duration',
    ])
    expect(await databases(server)).toEqual(before)
  })

  it('says what it could not compare when it restores without owners and grants', async () => {
    const report = await drill({ noOwner: true, noPrivileges: true })
    expect(report.verdict).toBe('proven')
    expect(report.notChecked).toEqual(
      expect.arrayContaining(['owners: restored without them', 'grants: restored without them']),
    )
  })

  it('disproves a backup whose object was altered, before restoring anything from it', async () => {
    const original = await readFile(join(place.folder, dumpKey()))
    const altered = Buffer.from(original)
    altered[original.length >> 1]! ^= 1
    await place.store.put(dumpKey(), altered)
    try {
      const report = await drill()
      expect(report).toMatchObject({
        verdict: 'disproven',
        target: null,
        differences: [{ check: 'checksums', object: dumpKey() }],
      })
    } finally {
      await place.store.put(dumpKey(), original)
    }
  })

  it('disproves a backup whose manifest claims what was not dumped', async () => {
    const original = await readFile(join(place.folder, backup.manifestKey), 'utf8')
    const forged = {
      ...backup.manifest,
      tables: backup.manifest.tables.map((table) =>
        table.name === 'parent' ? { ...table, rows: table.rows + 1 } : table,
      ),
    }
    await place.store.put(backup.manifestKey, Buffer.from(JSON.stringify(forged)))
    try {
      const report = await drill()
      expect(report).toMatchObject({
        verdict: 'disproven',
        differences: [{ check: 'rows', object: 'public.parent', problem: '1 of 2 rows is missing' }],
      })
    } finally {
      await place.store.put(backup.manifestKey, Buffer.from(original))
    }
  })

  it('says nothing of a backup that is deleted meanwhile, and leaves nothing where it was', async () => {
    await using other = await temporaryStore()
    await createBackup({ store: other.store, connection: connectionTo(server, 'awkward') })
    const cluster = join(other.folder, 'main')
    const drilled = drill({
      store: other.store,
      onProgress: ({ phase }) => {
        if (phase === 'check') rmSync(cluster, { recursive: true, force: true })
      },
    })
    await expect(drilled).rejects.toMatchObject({
      code: 'BACKUP_NOT_FOUND',
      message: expect.stringMatching(/was deleted while it was drilled/) as string,
    })
    await expect(readdir(cluster)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('does not pretend to prove rows that were never digested', async () => {
    await using other = await temporaryStore()
    await createBackup({ store: other.store, connection: connectionTo(server, 'awkward'), digest: false })
    await expect(drill({ store: other.store })).rejects.toMatchObject({ code: 'VERIFY_NOT_COMPARABLE' })
  })

  it.each(['check', 'start', 'restore', 'digest', 'inspect'] as const)(
    'aborted in the phase "%s" leaves no database behind',
    async (phase) => {
      const before = await databases(server)
      const controller = new AbortController()
      const reason = new Error('enough')
      const aborted = drill({
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.phase === phase) controller.abort(reason)
        },
      })
      await expect(aborted).rejects.toBe(reason)
      expect(await databases(server)).toEqual(before)
    },
  )

  it('killed without mercy is cleaned up after by the next one, which leaves a living one alone', async () => {
    const before = await databases(server)
    // A query that goes on for as long as the test needs the drill to live.
    const child = spawn(
      process.execPath,
      [CLI, ...RUN, '--no-record', '--assert', 'SELECT pg_sleep(3600) IS NULL'],
      {
        env: { PATH: process.env['PATH'], ...server.env('postgres'), OPS_STORE: place.store.url },
        stdio: 'ignore',
      },
    )
    const closed = once(child, 'close')
    try {
      await untilRows(
        `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND datname LIKE 'ops\\_verify\\_%'`,
        1,
      )
      const living = await databases(server)
      expect(living).toHaveLength(before.length + 1)
      await drill()
      expect(await databases(server)).toEqual(living)
    } finally {
      child.kill('SIGKILL')
      await closed
    }
    await untilRows(`SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'ops\\_verify\\_%'`, 0)
    await drill()
    expect(await databases(server)).toEqual(before)
  })

  it('killed when it is about to clean up is cleaned up after by the next one', async () => {
    const before = await databases(server)
    const killed = await drillUntil('clean up', place.folder, {
      database: 'awkward',
      target: { kind: 'server', connection: connectionTo(server, 'postgres'), allowSourceCluster: true },
    })
    await killed.kill()
    await untilRows(`SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'ops\\_verify\\_%'`, 0)
    expect(await databases(server)).toHaveLength(before.length + 1)
    await drill()
    expect(await databases(server)).toEqual(before)
  })

  it('leaves alone a database that is only named like one of its own', async () => {
    await server.createDatabase('ops_verify_mine')
    await drill()
    expect(await databases(server)).toContain('ops_verify_mine')
    await server.query('DROP DATABASE ops_verify_mine')
  })
})

describe('restore-verify run', { timeout: 240_000 }, () => {
  it('ends with 0 and a report when the backup is proven', async () => {
    const html = join(place.folder, 'report.html')
    const result = await cli([...RUN, '--html', html, '--json'])
    expect(result).toMatchObject({ code: 0, stderr: expect.stringMatching(/^proven: backup /m) as string })
    expect(JSON.parse(result.stdout)).toMatchObject({
      format: 'ops.verification-report/1',
      verdict: 'proven',
    })
    const page = await readFile(html, 'utf8')
    expect(page).toContain('<h1>Proven</h1>')
    expect(page).toContain('Größe &amp; &quot;Quotes&quot; / &#39;so&#39;')
    await rm(html)
  })

  it('ends with 3 when it is disproven', async () => {
    const original = await readFile(join(place.folder, dumpKey()))
    await place.store.put(dumpKey(), original.subarray(0, -10))
    try {
      expect(await cli(RUN)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('DISPROVEN') as string,
      })
    } finally {
      await place.store.put(dumpKey(), original)
    }
  })

  it.each([
    ['an unknown database', ['run', '--of', 'nowhere'], 1, /there is none at all/],
    ['an unreachable server', [...RUN, '--host', '127.0.0.1', '--port', '1'], 1, /cannot connect/],
    ['no database named', ['run'], 2, /--of/],
    [
      'a flag of another target',
      ['run', '--of', 'awkward', '--host', 'db'],
      2,
      /--host is not for --target local/,
    ],
    [
      'a report where there is no folder',
      ['run', '--of', 'awkward', '--html', '/nowhere/drill.html'],
      2,
      /--html \/nowhere\/drill\.html cannot be written/,
    ],
    ['a container without an image', ['run', '--of', 'awkward', '--target', 'container'], 2, /--image/],
    [
      'a server that is the source',
      ['run', '--of', 'awkward', '--target', 'server'],
      1,
      /VERIFY_TARGET_IS_SOURCE/,
    ],
  ])('ends with one clear line: %s', async (_what, args, code, says) => {
    const result = await cli(args)
    expect(result).toMatchObject({ code, stderr: expect.stringMatching(says) as string, stdout: '' })
  })
})
