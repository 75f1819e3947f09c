import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { s3Store } from '@ops/object-store'
import {
  dockerAvailable,
  needs,
  startFaultProxy,
  startPostgres,
  startS3,
  type Postgres,
  type S3Server,
} from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createBackup } from '../src/create-backup.ts'
import { connectionTo } from './harness.ts'
import { startCli } from './start-cli.ts'
import { until } from './until.ts'

/** What a run that was killed in the middle of its upload leaves in a real S3 server. */
const hasDocker = await dockerAvailable()
const HOUR_MS = 3_600_000

let server: Postgres
let s3: S3Server

beforeAll(async () => {
  if (!hasDocker) return
  ;[server, s3] = await Promise.all([startPostgres(), startS3({ mode: 'container' })])
  await server.createDatabase('app')
  // More than a part, so that there is an upload.
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, repeat('x', 1000) AS name FROM generate_series(1, 18000) i`,
    'app',
  )
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

afterAll(() => Promise.all([server?.stop(), s3?.stop()]))

it('removes the unfinished upload of a killed run when the grace period is over', async () => {
  const bucket = await s3.createBucket()
  const store = s3Store({ client: s3.client, bucket })
  const uploads = async (): Promise<(string | undefined)[]> => {
    const { Uploads = [] } = await s3.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
    return Uploads.map(({ UploadId }) => UploadId)
  }
  await using proxy = await startFaultProxy({ target: s3.endpoint })
  proxy.failRequests({ when: ({ path }) => path.includes('partNumber=2'), with: 'no-answer' })
  const url = `s3://${bucket}?endpoint=${encodeURIComponent(proxy.endpoint)}&region=${s3.region}&pathStyle=true`
  const run = startCli(['create', '--store', url, '--compress', 'none'], { ...server.env('app'), ...s3.env })
  await until(async () => (await uploads()).length > 0)
  run.kill('SIGKILL')
  await run.ended
  const [left] = await uploads()

  // An hour later the dead run's lease is over, and the grace period is not.
  const backUp = (hours: number) =>
    createBackup({
      store,
      connection: connectionTo(server, 'app'),
      now: () => new Date(Date.now() + hours * HOUR_MS),
    })
  expect(await backUp(1)).toMatchObject({ removedLeftovers: [] })
  expect(await uploads()).toEqual([left])

  const { removedLeftovers } = await backUp(25)
  expect(removedLeftovers).toEqual([expect.stringContaining(`dump.pgc (upload ${left!})`) as string])
  expect(await uploads()).toEqual([])
})
