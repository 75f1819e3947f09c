import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { s3Store, type ObjectStore } from '@ops/object-store'
import { createBackup } from '@ops/pg-backup'
import {
  awkwardSqlFile,
  dockerAvailable,
  needs,
  POSTGRES_SUITES,
  startPostgres,
  startS3,
  type Postgres,
  type S3Server,
} from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { verifyRestore } from '../src/verify-restore.ts'
import { containerPrograms, type ContainerPrograms } from './container-programs.ts'
import { connectionTo, databases, temporaryStore, type TemporaryStore } from './harness.ts'

/** Every supported major version of PostgreSQL, into a folder and into a real S3 server: Ceph's gateway. */
const run = promisify(execFile)
const hasDocker = await dockerAvailable()

let s3: S3Server
let folder: TemporaryStore
let stores: Record<'a folder' | 'Ceph', ObjectStore>

beforeAll(async () => {
  if (!hasDocker) return
  ;[s3, folder] = await Promise.all([startS3({ mode: 'container' }), temporaryStore()])
  stores = { 'a folder': folder.store, Ceph: s3Store({ client: s3.client, bucket: await s3.createBucket() }) }
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

afterAll(() => Promise.all([s3?.stop(), folder?.[Symbol.asyncDispose]()]))

describe.each(Object.keys(POSTGRES_SUITES).map(Number))('PostgreSQL %i', (version) => {
  let server: Postgres
  let programs: ContainerPrograms
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    if (!hasDocker) return
    server = await startPostgres({ mode: 'container', version })
    programs = await containerPrograms(server)
    env = { ...process.env, OPS_PG_BIN: programs.folder }
    await server.createDatabase('awkward')
    await feedPsql('awkward', awkwardSqlFile)
  })

  afterAll(() => Promise.all([server?.stop(), programs?.[Symbol.asyncDispose]()]))

  /** Runs a script by psql, a statement at a time. */
  async function feedPsql(database: string, file: string): Promise<void> {
    const psql = spawn(
      join(programs.folder, 'psql'),
      ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--file=-'],
      {
        env: { ...env, ...server.env(database) },
      },
    )
    const [stderr, [code]] = await Promise.all([
      text(psql.stderr),
      once(psql, 'exit'),
      pipeline(createReadStream(file), psql.stdin),
    ])
    expect({ code: code as number, stderr }).toMatchObject({ code: 0 })
  }

  it.each(['a folder', 'Ceph'] as const)(
    'the awkward database goes into %s, comes back, and is proven',
    async (where) => {
      const store = stores[where]
      const before = await databases(server)
      const cluster = `v${version}`
      const { manifest } = await createBackup({
        store,
        cluster,
        connection: connectionTo(server, 'awkward'),
        env,
      })
      expect(manifest.server.major).toBe(version)
      expect(Number.parseInt(manifest.tools.pgDump, 10)).toBe(version)

      const report = await verifyRestore({
        store,
        cluster,
        database: 'awkward',
        target: {
          kind: 'server',
          connection: connectionTo(server, 'postgres'),
          allowSourceCluster: true,
        },
        env,
      })
      expect(report.differences).toEqual([])
      expect(report.verdict).toBe('proven')
      expect(report.tables).toHaveLength(manifest.tables.length)
      expect(report.totals).toMatchObject({
        rows: manifest.tables.reduce((sum, table) => sum + table.rows, 0),
      })
      expect(await databases(server)).toEqual(before)
    },
  )

  /** Whoever logs in changes a table. */
  const LOGIN_TRIGGER = `CREATE TABLE logins (who text);
    CREATE FUNCTION note_login() RETURNS event_trigger LANGUAGE plpgsql
      AS $$ BEGIN INSERT INTO public.logins VALUES (session_user); END $$;
    CREATE EVENT TRIGGER note_login ON login EXECUTE FUNCTION note_login()`
  const IDENTITY = 'AGE-SECRET-KEY-10GNRA6EQ2ZCVL0ZQ88W6NGASZ2ANN0SGLK46Q4GLUZKG6LVAUMESKMP7C3'
  const recipients = ['age1sp63s4hehqvvrn7c980ycvfuf7mq7xyfhjh76us7h30xl5lvluzs8tydlg']

  it.each([
    ['one stream', {}],
    ['one encrypted stream', { encryption: { recipients } }],
    ['a directory', { jobs: 2 }],
    ['an encrypted directory', { jobs: 2, encryption: { recipients } }],
  ])('%s is proven in a container without a network, which is gone afterwards', async (layout, options) => {
    const store = stores['a folder']
    const cluster = `${layout} ${version}`
    if (version >= 17 && layout === 'one stream') await server.query(LOGIN_TRIGGER, 'awkward')
    await createBackup({
      store,
      cluster,
      connection: connectionTo(server, 'awkward'),
      env,
      stagingFolder: programs.shared,
      ...options,
    })
    const report = await verifyRestore({
      store,
      cluster,
      database: 'awkward',
      target: { kind: 'container', image: programs.image },
      identities: [IDENTITY],
      stagingFolder: programs.shared,
      skip: ['amcheck'],
      env,
    })
    expect(report.differences).toEqual([])
    expect(report).toMatchObject({ verdict: 'proven', target: { kind: 'container' } })
    expect(report.checks.filter((each) => each.result === 'skipped').map((each) => each.check)).toEqual([
      'freshness',
      'assertions',
      'amcheck',
      'duration',
    ])
    const { stdout } = await run('docker', [
      'ps',
      '--all',
      '--quiet',
      '--filter=label=ops.restore-verify.owner',
    ])
    expect(stdout).toBe('')
  })

  it("an extension's configuration comes back, and is digested", async () => {
    const fixtures = join(import.meta.dirname, 'fixtures')
    const target = `${server.network!.host}:/usr/share/postgresql/${version}/extension/`
    for (const file of ['ops_settings.control', 'ops_settings--1.0.sql'])
      await run('docker', ['cp', join(fixtures, file), target])
    await server.createDatabase('configured')
    await server.query(
      `CREATE EXTENSION ops_settings;
       INSERT INTO ops_setting VALUES ('colour', 'red'), ('size', E'large\\nand wide')`,
      'configured',
    )
    const store = stores['a folder']
    const cluster = `v${version}`
    const { manifest } = await createBackup({
      store,
      cluster,
      connection: connectionTo(server, 'configured'),
      env,
    })
    // The extension's own row is made by CREATE EXTENSION; the dump holds only those that were added.
    expect(manifest.tables).toMatchObject([{ name: 'ops_setting', rows: 2 }])
    expect(manifest.extensions).toContainEqual({ name: 'ops_settings', version: '1.0', schema: 'public' })

    const report = await verifyRestore({
      store,
      cluster,
      database: 'configured',
      target: { kind: 'server', connection: connectionTo(server, 'postgres'), allowSourceCluster: true },
      env,
    })
    expect(report).toMatchObject({ verdict: 'proven', differences: [], totals: { rows: 2 } })
  })
})

describe('pg-backup into Ceph: bad input gets one clear line', () => {
  const cases: Record<string, { readonly bucket?: string; readonly secret?: string; readonly says: RegExp }> =
    {
      'wrong credentials': {
        secret: 'wrong',
        says: /does not accept the credentials; check the access key, its secret/,
      },
      'no such bucket': { bucket: 'nowhere', says: /bucket.*nowhere|nowhere.*bucket/ },
    }

  it.each(Object.entries(cases))('%s', async (_name, { bucket, secret, says }) => {
    await using server = await startPostgres({ mode: 'container' })
    await using programs = await containerPrograms(server)
    const cli = fileURLToPath(new URL('cli.js', import.meta.resolve('@ops/pg-backup')))
    const url = `s3://${bucket ?? (await s3.createBucket())}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}`
    const failed = await run(process.execPath, [cli, 'create', '--store', url], {
      env: {
        PATH: process.env['PATH'],
        OPS_PG_BIN: programs.folder,
        ...server.env(),
        ...s3.env,
        ...(secret === undefined ? {} : { AWS_SECRET_ACCESS_KEY: secret }),
      },
    }).then(
      () => expect.fail('it did not fail'),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toMatch(says)
    expect(failed.stderr).not.toContain('could not be removed')
    expect(failed.stderr.trim().split('\n')).toHaveLength(1)
  })
})
