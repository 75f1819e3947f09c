import { s3Store, type ObjectStore } from '@ops/object-store'
import { startS3, type S3Server } from '@ops/testbed'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeLease } from './lease-contract.ts'

let s3: S3Server
let store: ObjectStore
let bucket: string

beforeAll(async () => {
  s3 = await startS3({ mode: 'container' })
  bucket = await s3.createBucket()
  store = s3Store({ client: s3.client, bucket })
})

afterAll(() => s3?.stop())

describe('in Ceph RGW', () => {
  describeLease(() => ({
    store,
    url: `s3://${bucket}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}&pathStyle=true`,
    env: s3.env,
  }))
})
