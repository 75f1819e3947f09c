import { randomBytes } from 'node:crypto'
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import type { ServerRuntime } from './runtime.ts'
import type { S3BucketOptions, S3Server } from './s3.ts'
import { untilAnswered } from './until-answered.ts'

const REGION = 'us-east-1'

export type S3Facts = Pick<S3Server, 'mode' | 'endpoint' | 'accessKeyId' | 'secretAccessKey' | 'capabilities'>

/** What is the same for every S3 server, wherever it runs; waits until it answers. */
export async function s3Handle(runtime: ServerRuntime, facts: S3Facts): Promise<S3Server> {
  const { endpoint, accessKeyId, secretAccessKey } = facts
  const client = new S3Client({
    endpoint,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  })
  const stop = async (): Promise<void> => {
    client.destroy()
    await runtime.remove()
  }
  try {
    await untilAnswered(runtime, async () => await (await fetch(endpoint)).arrayBuffer())
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...facts,
    region: REGION,
    env: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_S3: endpoint,
    },
    client,
    createBucket: async (options = {}) => await createBucket(client, options),
    logText: runtime.logText,
    kill: runtime.kill,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function createBucket(client: S3Client, options: S3BucketOptions): Promise<string> {
  const Bucket = options.name ?? `test-${randomBytes(6).toString('hex')}`
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: options.objectLock }))
  if (options.versioning === true && options.objectLock !== true) {
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    )
  }
  return Bucket
}
