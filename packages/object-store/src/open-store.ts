import type { S3Client } from '@aws-sdk/client-s3'
import { fileStore } from './file-store.ts'
import type { Logger } from './logger.ts'
import { ObjectStoreError } from './object-store-error.ts'
import type { ObjectStore } from './object-store.ts'
import { s3Store } from './s3-store.ts'
import { parseStoreUrl } from './store-url.ts'
import type { StoreLocation } from './store-url.ts'

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** Where `AWS_…` variables are read. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Told of retries and of what could not be removed; silent by default. */
  readonly logger?: Logger
}

/** What lies under a store on S3, for what only S3 has: versions, locks, lifecycle rules. */
export interface S3Access {
  /** Closed together with the store. */
  readonly client: S3Client
  readonly bucket: string
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string
}

/** A store that closes the connections it opened: `await using store = await openStore(url)`. */
export type OpenedStore = ObjectStore & AsyncDisposable & { readonly s3?: S3Access }

/**
 * Opens the store that a URL names: `s3://bucket/prefix?endpoint=…&region=…&pathStyle=true` or
 * `file:///absolute/path`. Credentials come from the AWS SDK's own chain, never from the URL.
 * Rejects with `STORE_BAD_URL` when the URL makes no sense. Makes no request.
 *
 * @example
 * ```ts
 * import { openStore } from '@ops/object-store'
 *
 * await using store = await openStore('s3://backups/production?region=eu-central-1')
 * for await (const { key } of store.list()) console.log(key)
 * ```
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<OpenedStore> {
  const location = parseStoreUrl(url)
  if (location.kind === 's3') return await openS3(location, options)
  return { ...fileStore({ folder: location.folder }), [Symbol.asyncDispose]: async () => undefined }
}

async function openS3(
  location: Extract<StoreLocation, { kind: 's3' }>,
  { env = process.env, logger }: OpenStoreOptions,
): Promise<OpenedStore> {
  const { bucket, prefix, maxParts } = location
  const { S3Client } = await import('@aws-sdk/client-s3').catch((cause: unknown) => {
    throw new ObjectStoreError(
      'STORE_UNSUPPORTED',
      'an s3:// store needs the package @aws-sdk/client-s3; install it',
      { cause },
    )
  })
  const endpoint = location.endpoint ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  const isCompatible = endpoint !== undefined
  const client = new S3Client({
    endpoint,
    region:
      location.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? (isCompatible ? 'us-east-1' : undefined),
    forcePathStyle: location.pathStyle ?? isCompatible,
    credentials: staticCredentials(env),
    // compatible servers may not know the SDK's newer checksums; Content-MD5, which all know, is always sent
    ...(isCompatible && {
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
  })
  try {
    await client.config.region()
  } catch (cause) {
    client.destroy()
    throw new ObjectStoreError(
      'STORE_BAD_URL',
      `the store URL of bucket ${bucket} names no region; add ?region=… or set AWS_REGION`,
      { cause },
    )
  }
  const store = s3Store({ client, bucket, prefix, maxParts, logger })
  return { ...store, s3: { client, bucket, prefix }, [Symbol.asyncDispose]: async () => client.destroy() }
}

/** Only what `env` itself holds; everything else is found by the SDK's own chain. */
function staticCredentials(
  env: Readonly<Record<string, string | undefined>>,
): { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined
}
