import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileStore } from '../src/file-store.ts'
import { describeObjectStore } from './contract.ts'

describeObjectStore('fileStore', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'file-store-'))
  return {
    store: fileStore({ folder }),
    conditionalPut: true,
    pendingUploads: true,
    listsAsS3: true,
    close: async () => await rm(folder, { recursive: true }),
  }
})
