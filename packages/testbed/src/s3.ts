import type { S3Client } from '@aws-sdk/client-s3'
import { defaultMode, type ServerMode } from './matrix.ts'
import { startS3Local } from './s3-local.ts'

/** What the server really does, as measured; tests ask before they rely on it. */
export interface S3Capabilities {
  /** `If-None-Match: *` on PutObject has exactly one winner. */
  readonly conditionalPut: boolean
  /** `If-None-Match: *` on CompleteMultipartUpload. */
  readonly conditionalComplete: boolean
  /** ListMultipartUploads shows the uploads in progress. */
  readonly multipartListing: boolean
  readonly versioning: boolean
  readonly objectLock: boolean
  /** Refuses wrong credentials. */
  readonly credentials: boolean
  /** Refuses a body that does not match the checksum sent with it, and keeps the checksum. */
  readonly checksums: boolean
}

export interface S3Options {
  /** `local` is fauxqs, plain operations only; `container` is Ceph. @default OPS_TESTBED_MODE, otherwise 'local' */
  readonly mode?: ServerMode
}

export interface S3BucketOptions {
  /** @default a name that no other bucket has */
  readonly name?: string
  readonly versioning?: boolean
  /** Switches on versioning as well, as S3 does. */
  readonly objectLock?: boolean
}

/** A running S3 server of one's own. */
export interface S3Server {
  readonly mode: ServerMode
  /** Such as `http://127.0.0.1:9000`; buckets are in the path. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The `AWS_…` variables for child processes. */
  readonly env: Record<string, string>
  readonly client: S3Client
  readonly capabilities: S3Capabilities
  /** Creates a bucket and returns its name. */
  createBucket(options?: S3BucketOptions): Promise<string>
  /** What the server has logged so far. */
  logText(): Promise<string>
  kill(signal: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts an S3 server. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  if ((options.mode ?? defaultMode()) === 'local') return await startS3Local()
  // Loaded on demand: local servers need not wait for the Docker client.
  const { startS3Container } = await import('./s3-container.ts')
  return await startS3Container()
}
