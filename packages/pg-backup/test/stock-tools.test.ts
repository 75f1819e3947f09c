import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findProgram, needs, startPostgres, type Postgres } from '@ops/testbed'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBackup, type CreateBackupOptions } from '../src/create-backup.ts'
import { digestDatabase } from '../src/digest-database.ts'
import { SHOP } from './archive-shop.ts'
import { content } from './dump-archive.ts'
import { connectionTo, shell, temporaryFolder, temporaryStore, type TemporaryFolder } from './harness.ts'

// A backup starts a dozen programs, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 })

/** An encrypted backup needs nothing of this project to be restored: age, zstd or gzip, and PostgreSQL's own programs. */
let server: Postgres
let folder: TemporaryFolder
let recipient: string

beforeAll(async () => {
  ;[server, folder] = await Promise.all([startPostgres(), temporaryFolder()])
  await server.createDatabase('shop')
  await server.query(SHOP, 'shop')
  const identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
  await writeFile(join(folder.path, 'key.txt'), `# public key: ${recipient}\n${identity}\n`)
})

afterAll(() => Promise.all([server?.stop(), folder?.[Symbol.asyncDispose]()]))

beforeEach((context) =>
  needs(context, findProgram('age') !== undefined, 'the program `age` is not on this machine'),
)

/** Takes a backup, restores it by `script` into the database `stock`, and says what is in both. */
async function restoredByHand(
  options: Partial<CreateBackupOptions>,
  script: string,
): Promise<{ source: unknown; copy: unknown }> {
  await using place = await temporaryStore()
  await using work = await temporaryFolder()
  const { manifest, manifestKey } = await createBackup({
    store: place.store,
    connection: connectionTo(server, 'shop'),
    encryption: { recipients: [recipient] },
    ...options,
  })
  await server.createDatabase('stock')
  try {
    await shell(script, {
      ...server.env('stock'),
      SET: join(place.folder, dirname(manifestKey)),
      KEY: join(folder.path, 'key.txt'),
      WORK: work.path,
    })
    const [source, copy] = await Promise.all(
      ['shop', 'stock'].map((name) => digestDatabase({ connection: connectionTo(server, name) })),
    )
    expect(source!.contents.tables).toEqual(manifest.tables)
    return { source: content(source!.contents), copy: content(copy!.contents) }
  } finally {
    await server.query('DROP DATABASE stock')
  }
}

describe('stock tools restore an encrypted backup', () => {
  const stream = `age -d -i "$KEY" "$SET/dump.pgc.zst.age" | zstd -d | pg_restore --exit-on-error --dbname=stock`

  const cases: Record<string, { options: Partial<CreateBackupOptions>; script: string }> = {
    'in custom layout, as a stream': { options: {}, script: stream },
    'in zstd of several frames, whose level adapts': {
      options: { compression: { adapt: true } },
      script: stream,
    },
    'in gzip': {
      options: { compression: { algorithm: 'gzip' } },
      script: `age -d -i "$KEY" "$SET/dump.pgc.gz.age" | zcat | pg_restore --exit-on-error --dbname=stock`,
    },
    'in directory layout, file by file, by two jobs': {
      options: { jobs: 2 },
      script: `
        cd "$SET/dump"
        for file in *.zst.age; do age -d -i "$KEY" "$file" | zstd -d > "$WORK/\${file%.zst.age}"; done
        pg_restore --exit-on-error --jobs=2 --format=directory --dbname=stock "$WORK"`,
    },
    'with its roles': {
      options: { globals: true },
      script: `age -d -i "$KEY" "$SET/globals.sql.zst.age" | zstd -d | grep '^CREATE ROLE' > /dev/null; ${stream}`,
    },
  }

  it.each(Object.entries(cases))('%s', async (_, { options, script }) => {
    const { source, copy } = await restoredByHand(options, script)
    expect(copy).toEqual(source)
  })
})
