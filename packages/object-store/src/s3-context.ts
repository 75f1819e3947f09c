import type * as Sdk from '@aws-sdk/client-s3'
import type { Logger } from './logger.ts'
import type { S3Requester } from './s3-request.ts'

/** The part of an `S3Client` that is used; clients of other versions of the SDK fit too. */
export type S3Sender = Pick<Sdk.S3Client, 'send'>

/** What every S3 operation of one store needs. */
export interface S3Context {
  readonly url: string
  readonly client: S3Sender
  readonly bucket: string
  readonly request: S3Requester
  /** The object's name in the bucket. */
  readonly fullKey: (key: string) => string
  /** The key of a name in the bucket; `undefined` for names that are no keys of this store. */
  readonly relativeKey: (fullKey: string) => string | undefined
  readonly stallTimeoutMs: number
  readonly logger?: Logger
}

/** Loaded when a store is first used: who only uses a folder needs no SDK. */
export const loadSdk = (): Promise<typeof Sdk> => import('@aws-sdk/client-s3')
