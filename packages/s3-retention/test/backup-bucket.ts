import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { s3Store, type ObjectStore } from '@ops/object-store'

/** A bucket with backup sets in it, stored now and dated back by their ids. */
export interface BackupBucket {
  readonly client: S3Client
  readonly bucket: string
  readonly store: ObjectStore
  /** One set for each of the last days, counted from `now`, the newest first; returns their folders. */
  readonly writeDaily: (days: number, now: Date) => Promise<string[]>
  readonly put: (key: string, body: string) => Promise<void>
  readonly keys: () => Promise<string[]>
}

export function backupBucket(client: S3Client, bucket: string): BackupBucket {
  const store = s3Store({ client, bucket })
  const put = async (Key: string, Body: string): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))
  }
  return {
    client,
    bucket,
    store,
    put,
    writeDaily: async (days, now) => {
      const folders: string[] = []
      for (let age = 0; age < days; age += 1) {
        const time = new Date(now.getTime() - age * 86_400_000 - 3_600_000).toISOString()
        const id = `${time.replaceAll(/[-:]/g, '').slice(0, 15)}Z-${String(age).padStart(6, '0')}`
        const folder = `main/logical/app/${id}`
        await put(`${folder}/dump.pgc.zst`, 'dump')
        await put(
          `${folder}/manifest.json`,
          JSON.stringify({ objects: [{ name: 'dump.pgc.zst', storedBytes: 4 }] }),
        )
        folders.push(folder)
      }
      return folders
    },
    keys: async () => {
      const keys: string[] = []
      for await (const { key } of store.list()) keys.push(key)
      return keys
    },
  }
}
