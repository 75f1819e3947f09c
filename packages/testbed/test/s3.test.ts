import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { startS3 } from '../src/index.ts'
import { runFoldersOf } from './leftovers.ts'

describe('the local S3 server', () => {
  it('keeps objects in buckets, and says what it cannot do', async () => {
    const s3 = await startS3({ mode: 'local' })
    const Bucket = await s3.createBucket()
    expect(await s3.createBucket({ name: 'chosen-name' })).toBe('chosen-name')
    await s3.client.send(new PutObjectCommand({ Bucket, Key: 'a/b', Body: 'content' }))
    const got = await s3.client.send(new GetObjectCommand({ Bucket, Key: 'a/b' }))
    expect(await got.Body?.transformToString()).toBe('content')
    expect(s3.env).toMatchObject({ AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_REGION: s3.region })
    expect(s3.capabilities).toMatchObject({ conditionalPut: false, versioning: false, objectLock: false })
    await s3.stop()
    await expect(fetch(s3.endpoint)).rejects.toThrow('fetch failed')
    expect(runFoldersOf(process.pid)).toEqual([])
  })

  it('really lacks the conditional put that it says it lacks', async () => {
    await using s3 = await startS3({ mode: 'local' })
    const Bucket = await s3.createBucket()
    const put = new PutObjectCommand({ Bucket, Key: 'a', Body: '1', IfNoneMatch: '*' })
    await s3.client.send(put)
    await expect(s3.client.send(put)).resolves.toBeDefined()
  })
})
