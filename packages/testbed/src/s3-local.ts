import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { localRuntime } from './local-runtime.ts'
import { createRunFolder } from './run-folder.ts'
import { s3Handle } from './s3-handle.ts'
import type { S3Server } from './s3.ts'

/**
 * Starts fauxqs in a process of its own, so that its memory and its event loop are not the test's.
 * It keeps everything in memory, accepts any credentials, and refuses parts over 11 MiB.
 */
export async function startS3Local(): Promise<S3Server> {
  const port = await freePort()
  const folder = createRunFolder({})
  const runtime = localRuntime({
    command: process.execPath,
    args: [fileURLToPath(new URL('s3-local-server.ts', import.meta.url)), String(port), folder],
    folder,
    user: {},
    orphanSignal: 'KILL',
  })
  await runtime.start()
  return await s3Handle(runtime, {
    mode: 'local',
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'local',
    secretAccessKey: 'local-secret',
    capabilities: {
      conditionalPut: false,
      conditionalComplete: false,
      multipartListing: false,
      versioning: false,
      objectLock: false,
      credentials: false,
      checksums: false,
    },
  })
}
