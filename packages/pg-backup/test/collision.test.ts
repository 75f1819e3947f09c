import { startPostgres } from '@ops/testbed'
import { expect, it } from 'vitest'
import { createBackup } from '../src/create-backup.ts'
import { connectionTo, temporaryStore } from './harness.ts'

it('a backup whose manifest is already there leaves that one and its objects alone', async () => {
  await using server = await startPostgres()
  await using place = await temporaryStore()
  const connection = connectionTo(server, 'postgres')
  const { manifestKey } = await createBackup({ store: place.store, connection })
  const files = await place.files()

  // Every key of the backup is taken to be the one of the first, as if both had drawn the same id.
  const ofFirst = (key: string): string =>
    key.includes('/logical/') ? manifestKey.replace('manifest.json', key.split('/').at(-1)!) : key
  const colliding = {
    ...place.store,
    put: ((key, ...rest) => place.store.put(ofFirst(key), ...rest)) as typeof place.store.put,
    putIfAbsent: ((key, ...rest) =>
      place.store.putIfAbsent(ofFirst(key), ...rest)) as typeof place.store.putIfAbsent,
    head: ((key, ...rest) => place.store.head(ofFirst(key), ...rest)) as typeof place.store.head,
    delete: ((keys, ...rest) => place.store.delete(keys.map(ofFirst), ...rest)) as typeof place.store.delete,
  }
  await expect(createBackup({ store: colliding, connection })).rejects.toMatchObject({
    code: 'BACKUP_STORE_FAILED',
    message: expect.stringContaining('try again') as string,
  })
  expect(await place.files()).toEqual(files)
})
