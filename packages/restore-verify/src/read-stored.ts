import { isObjectStoreError, type ObjectStore } from '@ops/object-store'
import { RestoreVerifyError } from './restore-verify-error.ts'

/** A report of 100,000 tables has about 40 MB. */
const MAX_BYTES = 256 * 1024 * 1024

/** The text of an object; `undefined` when there is none. Rejects with `VERIFY_RECORD_INVALID` when it is absurdly large. */
export async function readStored(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of await store.get(key, { signal })) {
      size += (chunk as Buffer).length
      if (size > MAX_BYTES) {
        const message = `${store.url}/${key} has more than ${MAX_BYTES} bytes, which no record of a drill has; delete it`
        throw new RestoreVerifyError('VERIFY_RECORD_INVALID', message, { details: { key } })
      }
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    if (isObjectStoreError(error) && error.code === 'STORE_NOT_FOUND') return undefined
    throw error
  }
}
