import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Client } from 'pg'
import { getContainerRuntimeClient } from 'testcontainers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  dockerAvailable,
  needs,
  needsCapability,
  PGBOUNCER_SUITES,
  POSTGRES_SUITES,
  startPgBouncer,
  startPostgres,
  startS3,
  type S3Server,
} from '../src/index.ts'

const hasDocker = await dockerAvailable()

/** Everything in Docker that a process of the testbed made and did not remove. */
async function leftovers(pid = process.pid): Promise<string[]> {
  const docker = (await getContainerRuntimeClient()).container.dockerode
  const filters = { name: [`ops-testbed-.*-${pid}-`] }
  const containers = await docker.listContainers({ all: true, filters })
  const networks = await docker.listNetworks({ filters })
  return [...containers.flatMap(({ Names }) => Names), ...networks.map(({ Name }) => Name)]
}

describe.each(Object.keys(POSTGRES_SUITES).map(Number))('PostgreSQL %i in a container', (major) => {
  it('answers, says its version, and keeps its data through a kill', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    const postgres = await startPostgres({ mode: 'container', version: major, settings: { work_mem: '7MB' } })
    expect(Math.floor(postgres.version / 10_000)).toBe(major)
    expect(postgres.host).toBe('127.0.0.1')
    expect(await postgres.query('show work_mem')).toEqual([{ work_mem: '7MB' }])
    await postgres.query('create table t as select 42 as answer')
    await postgres.kill('SIGKILL')
    await postgres.restart()
    expect(await postgres.query('select answer from t')).toEqual([{ answer: 42 }])
    await postgres.stop()
    expect(await postgres.logText()).toMatch(/was not properly shut down/)
    expect(await leftovers()).toEqual([])
  })
})

describe.each(Object.keys(PGBOUNCER_SUITES))('PgBouncer %s in a container', (version) => {
  it('pools for a PostgreSQL in another container, and obeys its console', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    const postgres = await startPostgres({ mode: 'container' })
    const settings = { pool_mode: 'transaction' }
    const bouncer = await startPgBouncer({ mode: 'container', version, postgres, settings })
    // The archive of sid moves on; a newer minor version than the one named is fine there.
    const [major = 0, minor = 0] = bouncer.version.split('.').map(Number)
    const wanted = Number(version.split('.')[1])
    expect(major).toBe(1)
    const isFit = PGBOUNCER_SUITES[version] === 'sid' ? minor >= wanted : minor === wanted
    expect({ version: bouncer.version, isFit }).toMatchObject({ isFit: true })
    expect(await bouncer.query('select 1 as one')).toEqual([{ one: 1 }])
    expect((await bouncer.admin('SHOW POOLS')).map((pool) => pool['pool_mode'])).toContain('transaction')
    await bouncer.reload()
    await bouncer.restart()
    expect(await bouncer.query('select 2 as two')).toEqual([{ two: 2 }])
    await bouncer.stop()
    await postgres.stop()
    expect(await leftovers()).toEqual([])
  })
})

describe('TLS of PostgreSQL in a container', () => {
  it('verifies', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    await using postgres = await startPostgres({
      mode: 'container',
      ssl: true,
      hba: ['hostnossl all all all reject'],
    })
    const ca = readFileSync(postgres.caFile ?? '', 'utf8')
    const client = new Client({ connectionString: postgres.url(), ssl: { ca } })
    await client.connect()
    const { rows } = await client.query<{ ssl: boolean }>(
      'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
    )
    expect(rows).toEqual([{ ssl: true }])
    await client.end()
  })
})

describe('a container whose owner was killed', () => {
  it('is swept at the next start', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    const script = fileURLToPath(new URL('fixtures/container-owner.ts', import.meta.url))
    const owner = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(owner.stdout, 'data')
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    await using _next = await startPostgres({ mode: 'container' })
    await expect.poll(async () => await leftovers(owner.pid), { timeout: 60_000 }).toEqual([])
  })
})

describe('Ceph in a container', () => {
  let s3: S3Server
  beforeAll(async () => {
    if (hasDocker) s3 = await startS3({ mode: 'container' })
  })
  afterAll(async () => await s3?.stop())

  it('lets exactly one of many writers put an object that must not exist', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    const Bucket = await s3.createBucket()
    const put = (Body: string): Promise<unknown> =>
      s3.client.send(new PutObjectCommand({ Bucket, Key: 'one', Body, IfNoneMatch: '*' }))
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, writer) => put(`writer ${writer}`)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await expect(put('late')).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } })
  })

  it('completes a multipart upload only where nothing is, and lists those under way', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    needsCapability(context, s3.capabilities.conditionalComplete, 'Ceph 18 ignores the condition on complete')
    const Bucket = await s3.createBucket()
    const Key = 'parts'
    const start = async (): Promise<CompleteMultipartUploadCommand> => {
      const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
      const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'content' })
      const { ETag } = await s3.client.send(part)
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
      return new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload, IfNoneMatch: '*' })
    }
    const [first, second] = [await start(), await start()]
    const listed = await s3.client.send(new ListMultipartUploadsCommand({ Bucket }))
    expect(listed.Uploads).toHaveLength(2)
    await s3.client.send(first)
    await expect(s3.client.send(second)).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } })
  })

  it('keeps the versions of an object', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    expect(s3.capabilities.versioning).toBe(true)
    const Bucket = await s3.createBucket({ versioning: true })
    const put = (Body: string) => s3.client.send(new PutObjectCommand({ Bucket, Key: 'a', Body }))
    const { VersionId } = await put('old')
    await put('new')
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }))
    const { Versions, DeleteMarkers } = await s3.client.send(new ListObjectVersionsCommand({ Bucket }))
    expect([Versions?.length, DeleteMarkers?.length]).toEqual([2, 1])
    const got = await s3.client.send(new GetObjectCommand({ Bucket, Key: 'a', VersionId }))
    expect(await got.Body?.transformToString()).toBe('old')
  })

  it('refuses to delete what is locked', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    expect(s3.capabilities.objectLock).toBe(true)
    const Bucket = await s3.createBucket({ objectLock: true })
    const ObjectLockRetainUntilDate = new Date(Date.now() + 5000)
    const locked = {
      Bucket,
      Key: 'a',
      Body: 'x',
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate,
    } as const
    const { VersionId } = await s3.client.send(new PutObjectCommand(locked))
    const { Retention } = await s3.client.send(new GetObjectRetentionCommand({ Bucket, Key: 'a', VersionId }))
    expect(Retention?.Mode).toBe('COMPLIANCE')
    await expect(
      s3.client.send(new DeleteObjectCommand({ Bucket, Key: 'a', VersionId })),
    ).rejects.toMatchObject({
      name: 'AccessDenied',
    })
  })

  it('refuses wrong credentials and content that is not what its checksum says', async (context) => {
    needs(context, hasDocker, 'Docker is not running')
    needsCapability(context, s3.capabilities.checksums, 'Ceph 18 ignores wrong checksums')
    const Bucket = await s3.createBucket()
    const { endpoint, region, accessKeyId } = s3
    const credentials = { accessKeyId, secretAccessKey: 'wrong' }
    const stranger = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
    const put = { Bucket, Key: 'a', Body: 'content' }
    await expect(stranger.send(new PutObjectCommand(put))).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    })
    stranger.destroy()
    await expect(
      s3.client.send(new PutObjectCommand({ ...put, ChecksumAlgorithm: 'CRC32', ChecksumCRC32: 'AAAAAA==' })),
    ).rejects.toMatchObject({ name: 'BadDigest' })
  })
})
