import {
  DeleteObjectCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type { Stack } from './stack.ts'

const DAY_MS = 86_400_000

export interface Bucket {
  readonly service: string
  readonly name: string
  readonly accessKeyId: string
}

const OWN: Bucket = { service: 's3', name: 'backups', accessKeyId: 'ops' }

/** The stack's bucket, past everything that takes care of it. */
export class BackupStore {
  readonly #s3: S3Client
  readonly #bucket: string

  private constructor(s3: S3Client, bucket: string) {
    this.#s3 = s3
    this.#bucket = bucket
  }

  static async of(stack: Stack, { service, name, accessKeyId }: Bucket = OWN): Promise<BackupStore> {
    const s3 = new S3Client({
      endpoint: `http://127.0.0.1:${await stack.port(service, 9000)}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey: await stack.secret('s3_secret_key') },
    })
    return new BackupStore(s3, name)
  }

  [Symbol.dispose](): void {
    this.#s3.destroy()
  }

  /** The folders of the sets, oldest first. */
  async sets(database: string): Promise<string[]> {
    const keys = await this.#keys(`main/logical/${database}/`)
    return [...new Set(keys.map((key) => key.slice(0, key.lastIndexOf('/') + 1)))].toSorted()
  }

  /** Those of them that are backups: a set without a manifest is none. */
  async published(database: string): Promise<string[]> {
    const keys = await this.#keys(`main/logical/${database}/`)
    const manifests = keys.filter((key) => key.endsWith('/manifest.json'))
    return manifests.map((key) => key.slice(0, key.lastIndexOf('/') + 1)).toSorted()
  }

  /** Flips a bit in the middle of an object, and returns what puts it right again. */
  async damage(key: string): Promise<() => Promise<void>> {
    const before = await this.read(key)
    const after = Uint8Array.from(before)
    after[after.length >> 1]! ^= 1
    await this.#write(key, after)
    return () => this.#write(key, before)
  }

  /** Copies a set as one that was taken so many days before, and returns its folder. */
  async copyIntoPast(set: string, days: number): Promise<string> {
    const { id, startedAt, finishedAt, ...manifest } = JSON.parse(
      Buffer.from(await this.read(`${set}manifest.json`)).toString(),
    ) as Record<'id' | 'startedAt' | 'finishedAt', string> & { objects: { name: string }[] }
    const earlier = (time: string): string => new Date(Date.parse(time) - days * DAY_MS).toISOString()
    const past = earlier(startedAt).slice(0, 19).replaceAll(/[-:]/g, '') + id.slice(15)
    const folder = set.replace(id, past)
    for (const { name } of manifest.objects) await this.#write(folder + name, await this.read(set + name))
    const copied = { ...manifest, id: past, startedAt: earlier(startedAt), finishedAt: earlier(finishedAt) }
    await this.#write(`${folder}manifest.json`, Buffer.from(JSON.stringify(copied)))
    return folder
  }

  async remove(folder: string): Promise<void> {
    for (const Key of await this.#keys(folder))
      await this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key }))
  }

  async #keys(Prefix: string): Promise<string[]> {
    const keys: string[] = []
    const pages = paginateListObjectsV2({ client: this.#s3 }, { Bucket: this.#bucket, Prefix })
    for await (const { Contents = [] } of pages) keys.push(...Contents.map(({ Key }) => Key!))
    return keys
  }

  async read(Key: string): Promise<Uint8Array> {
    const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key }))
    return Body!.transformToByteArray()
  }

  async #write(Key: string, Body: Uint8Array): Promise<void> {
    await this.#s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key, Body }))
  }
}
