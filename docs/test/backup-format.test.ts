import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMachine, type Machine } from './machine.ts'
import { tableOf } from './page.ts'

const read = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
const page = await read('../backup-format.md')

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

const schema = JSON.parse(await read('../../packages/pg-backup/schema/manifest.schema.json')) as Schema

/** `object or null`, as the page writes it. */
function typeOf({ type, anyOf }: Schema): string {
  return [type ?? anyOf!.map((each) => each.type)].flat(2).join(' or ')
}

/** The fields of an object, of each item of a list, or of an object that may be null. */
function fieldsOf({ properties, items, anyOf }: Schema): Readonly<Record<string, Schema>> | undefined {
  return properties ?? items?.properties ?? anyOf?.find((each) => each.properties)?.properties
}

const types = (fields: Readonly<Record<string, Schema>>): string[][] =>
  Object.entries(fields).map(([name, field]) => [name, typeOf(field)])

describe('the page has the fields of the JSON Schema:', () => {
  it('the manifest', () => {
    expect(tableOf(page, '## The manifest')).toEqual(types(schema.properties!))
  })

  const nested = Object.entries(schema.properties!).filter(([, field]) => fieldsOf(field) !== undefined)
  it.each(nested)('%s', (name, field) => {
    expect(tableOf(page, `### \`${name}\``)).toEqual(types(fieldsOf(field)!))
  })
})

describe('backups are as the page says', { timeout: 300_000 }, () => {
  let machine: Machine
  const store = (): string => join(machine.root, 'var/backups/postgres')

  beforeAll(async () => {
    machine = await startMachine({
      sql: `CREATE TABLE people AS SELECT generate_series(1, 42) AS id; SELECT lo_from_bytea(0, 'x')`,
    })
    await machine.reset()
  })
  afterAll(() => machine?.[Symbol.asyncDispose]())

  it.each([
    '',
    '--jobs 2',
    '--compress gzip:1 --globals',
    '--compress none --cluster a/b',
    '--recipient KEY --jobs 2',
  ])('create %s', async (options) => {
    const recipient = await identityToRecipient(await generateIdentity())
    const id = (
      await machine.shell(`pg-backup create --dbname app ${options.replace('KEY', recipient)}`)
    ).trim()
    expect(id).toMatch(/^\d{8}T\d{6}Z-[0-9a-z]{6}$/)
    const cluster = options.includes('a/b') ? 'a%2Fb' : 'main'
    const folder = join(store(), cluster, 'logical/app', id)
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest
    expect(manifest).toMatchObject({ format: 'ops.backup/1', id, database: 'app', kind: 'logical' })

    const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    const named = manifest.objects.map(({ name }) => name)
    expect(files.toSorted()).toEqual([...named, 'manifest.json'].toSorted())
    const suffix = { zstd: '.zst', gzip: '.gz', none: '' }[manifest.compression.algorithm]
    for (const { name, role, storedBytes, sha256 } of manifest.objects) {
      const bytes = await readFile(join(folder, name))
      expect(bytes).toHaveLength(storedBytes)
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
      expect(name.endsWith(`${suffix}${manifest.encryption === null ? '' : '.age'}`)).toBe(true)
      expect(name).toMatch(
        { dump: /^dump\.pgc/, toc: /^dump\/toc\.dat/, member: /^dump\//, globals: /^globals\.sql/ }[role],
      )
    }
  })

  it('and a key that is not its own is refused', async () => {
    const [id] = await readdir(join(store(), 'main/logical/app'))
    const folder = join(store(), 'main/logical/app')
    await promisify(execFile)('cp', ['-r', join(folder, id!), join(folder, '20260101T000000Z-abcdef')])
    const refused = machine.shell('pg-backup show 20260101T000000Z-abcdef --of app')
    await expect(refused).rejects.toThrow('BACKUP_MANIFEST_INVALID')
  })
})

interface Manifest {
  readonly compression: { readonly algorithm: 'zstd' | 'gzip' | 'none' }
  readonly encryption: object | null
  readonly objects: readonly {
    readonly name: string
    readonly role: 'dump' | 'toc' | 'member' | 'globals'
    readonly storedBytes: number
    readonly sha256: string
  }[]
}
