import type { ObjectStore } from '@ops/object-store'
import type { Manifest } from './manifest.ts'
import { toBackupError } from './store-failure.ts'

/**
 * Puts the manifest; from here on the backup exists. Resolves to false, and changes nothing, when
 * there is one of another backup under that key.
 */
export async function publishManifest(
  store: ObjectStore,
  key: string,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
  const options = { contentType: 'application/json', signal }
  try {
    const { putIfAbsent } = await store.capabilities({ signal })
    if (putIfAbsent) return await store.putIfAbsent(key, body, options)
    // Without conditional puts the id alone makes a collision impossible.
    await store.put(key, body, options)
    return true
  } catch (error) {
    throw toBackupError(error, { doing: `publishing ${key}`, key, signal })
  }
}
