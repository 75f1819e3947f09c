import { startContainer } from './container-runtime.ts'
import { s3Suite } from './matrix.ts'
import { generatePassword } from './password.ts'
import { s3Handle } from './s3-handle.ts'
import type { S3Capabilities, S3Server } from './s3.ts'

const PORT = 9000
const START_WITHIN_MS = 240_000

/** What each Debian release's Ceph really does, as measured; what is `false` it ignores in silence. */
const CAPABILITIES: Record<'trixie' | 'sid', S3Capabilities> = {
  sid: {
    conditionalPut: true,
    conditionalComplete: true,
    multipartListing: true,
    versioning: true,
    objectLock: true,
    credentials: true,
    checksums: true,
  },
  trixie: {
    conditionalPut: true,
    conditionalComplete: false,
    multipartListing: true,
    versioning: true,
    objectLock: true,
    credentials: true,
    checksums: false,
  },
}

/** Starts Ceph's RADOS Gateway in a container of the image in `docker/s3`. */
export async function startS3Container(): Promise<S3Server> {
  const suite = s3Suite()
  const accessKeyId = generatePassword()
  const secretAccessKey = generatePassword()
  const { runtime, host, port } = await startContainer({
    kind: 's3',
    suite,
    port: PORT,
    readyMessage: /^READY$/m,
    startTimeoutMs: START_WITHIN_MS,
    environment: { S3_ACCESS_KEY: accessKeyId, S3_SECRET_KEY: secretAccessKey },
  })
  return await s3Handle(runtime, {
    mode: 'container',
    endpoint: `http://${host}:${port}`,
    accessKeyId,
    secretAccessKey,
    capabilities: CAPABILITIES[suite],
  })
}
