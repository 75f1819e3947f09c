import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres, type Postgres } from '@ops/testbed'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { findBackup } from '../src/list-backups.ts'
import { readManifest, type Manifest } from '../src/manifest.ts'
import { shell, temporaryFolder, temporaryStore, type TemporaryFolder } from './harness.ts'
import { startCli, type EndedCli } from './start-cli.ts'

// A backup starts a dozen programs, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 })

let server: Postgres
let folder: TemporaryFolder
let recipient: string
let identity: string

beforeAll(async () => {
  ;[server, folder] = await Promise.all([startPostgres(), temporaryFolder()])
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 42) AS id', 'app')
  identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
  const other = await generateX25519Identity()
  await Promise.all([
    writeFile(file('key.txt'), `# public key: ${recipient}\n${identity}\n`),
    writeFile(file('other.txt'), `${other}\n`),
    writeFile(file('recipients'), `# who may restore\n${recipient}\n\n`),
    writeFile(file('passphrase'), 'seven wooden horses\n'),
  ])
})

afterAll(() => Promise.all([server?.stop(), folder?.[Symbol.asyncDispose]()]))

function file(name: string): string {
  return join(folder.path, name)
}

function run(store: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<EndedCli> {
  return startCli(args, { ...server.env('app'), OPS_STORE: store, ...env }).ended
}

describe('the bin', () => {
  it('takes and restores an encrypted backup by several jobs, with globals', async () => {
    await using place = await temporaryStore()
    const { url } = place.store
    const form = ['--jobs', '2', '--staging', folder.path, '--globals', '--compress', 'gzip:3']
    const created = await run(url, ['create', '--quiet', '--recipients-file', file('recipients'), ...form])
    expect(created).toMatchObject({ code: 0, stderr: '' })
    const backup = await findBackup({ store: place.store, database: 'app', id: 'latest' })
    const manifest: Manifest = await readManifest({ store: place.store, backup })
    expect(manifest).toMatchObject({
      layout: 'directory',
      compression: { algorithm: 'gzip', level: 3 },
      encryption: { recipients: [recipient] },
      globals: { rolePasswords: true },
    })

    const into = ['restore', 'latest', '--of', 'app', '--dbname', 'copy', '--create', '--globals']
    const without = await run(url, into)
    expect(without).toMatchObject({ code: 1, stdout: '' })
    expect(without.stderr).toMatch(/is encrypted, and no key was given.*\[BACKUP_KEY_MISSING\]/)
    const wrong = await run(url, [...into, '--identity', file('other.txt')])
    expect(wrong.stderr).toMatch(/\[BACKUP_KEY_WRONG\]/)
    const right = await run(url, [...into, '--jobs', '2'], { OPS_BACKUP_IDENTITY_FILE: file('key.txt') })
    expect(right.stderr).toMatch(/left as they are, because they exist: roles .*postgres/)
    expect(right.code).toBe(0)
    expect(await server.query('SELECT count(*)::int AS rows FROM people', 'copy')).toEqual([{ rows: 42 }])
    for (const { stdout, stderr } of [created, without, wrong, right])
      expect(stdout + stderr).not.toContain('AGE-SECRET-KEY')
  })

  it('takes a passphrase from a file or from the environment', async () => {
    await using place = await temporaryStore()
    const { url } = place.store
    const created = await run(url, ['create', '--quiet', '--passphrase-file', file('passphrase')])
    expect(created).toMatchObject({ code: 0, stderr: '' })
    const table = await shell(
      `"$NODE" "$CLI" cat latest --of app | pg_restore --file=- --table=people --data-only`,
      {
        ...server.env('app'),
        OPS_STORE: url,
        OPS_BACKUP_PASSPHRASE: 'seven wooden horses',
        NODE: process.execPath,
        CLI: join(import.meta.dirname, '../src/cli.ts'),
      },
    )
    expect(table).toMatch(/COPY public\.people \(id\) FROM stdin;\n1\n2\n/)
  })

  const usage: Record<string, { args: () => string[]; says: RegExp }> = {
    'a compression that there is not': { args: () => ['--compress', 'lz4'], says: /zstd, gzip or none/ },
    'a level that there is not': { args: () => ['--compress', 'gzip:12'], says: /from 1 to 9/ },
    'a secret key as recipient': {
      args: () => ['--recipient', identity],
      says: /a recipient is a secret key/,
    },
    'recipients and a passphrase': {
      args: () => ['--recipient', recipient, '--passphrase-file', file('passphrase')],
      says: /not both/,
    },
    'a file that is not there': { args: () => ['--passphrase-file', '/nowhere'], says: /cannot be read/ },
  }

  it.each(Object.entries(usage))('refuses %s as bad usage', async (_, { args, says }) => {
    await using place = await temporaryStore()
    const ended = await run(place.store.url, ['create', ...args()])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(says)
    expect(ended.stderr).not.toContain(identity)
  })
})
