import { startS3 } from '@ops/testbed'
import { s3Store } from '../src/s3-store.ts'
import { describeObjectStore } from './contract.ts'

describeObjectStore('s3Store on fauxqs', async () => {
  const server = await startS3({ mode: 'local' })
  const bucket = await server.createBucket()
  return {
    store: s3Store({ client: server.client, bucket, prefix: 'some/where', partSizeBytes: 5 * 1024 * 1024 }),
    conditionalPut: server.capabilities.conditionalPut,
    pendingUploads: server.capabilities.multipartListing,
    listsAsS3: false,
    close: async () => await server.stop(),
  }
})
