import { s3Store, type ObjectStore } from '@ops/object-store'
import {
  dockerAvailable,
  needs,
  POSTGRES_SUITES,
  startPostgres,
  startS3,
  type Postgres,
  type S3Server,
} from '@ops/testbed'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ArchiveContents } from '../src/archive/index.ts'
import { checkBackup } from '../src/check-backup.ts'
import { createBackup } from '../src/create-backup.ts'
import { digestDatabase } from '../src/digest-database.ts'
import { restoreBackup } from '../src/restore-backup.ts'
import { SHOP } from './archive-shop.ts'
import { containerPrograms, type ContainerPrograms } from './container-programs.ts'
import { content } from './dump-archive.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'
import { backUpAsHurriedRole } from './time-limits.ts'

/** Both layouts, in the clear and encrypted, of every supported major version, in three kinds of stores. */
const hasDocker = await dockerAvailable()

let servers: S3Server[] = []
let folder: TemporaryStore
let stores: Record<string, ObjectStore>
let keys: { identities: string[]; recipients: string[] }

beforeAll(async () => {
  if (!hasDocker) return
  const identity = await generateX25519Identity()
  keys = { identities: [identity], recipients: [await identityToRecipient(identity)] }
  folder = await temporaryStore()
  servers = await Promise.all([startS3({ mode: 'container' }), startS3({ mode: 'local' })])
  const [ceph, fauxqs] = await Promise.all(
    servers.map(async (server) => s3Store({ client: server.client, bucket: await server.createBucket() })),
  )
  stores = { 'a folder': folder.store, Ceph: ceph!, fauxqs: fauxqs! }
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

afterAll(() => Promise.all([...servers.map((server) => server.stop()), folder?.[Symbol.asyncDispose]()]))

describe.each(Object.keys(POSTGRES_SUITES).map(Number))('PostgreSQL %i', (version) => {
  let server: Postgres
  let programs: ContainerPrograms
  let env: NodeJS.ProcessEnv
  let source: ArchiveContents

  beforeAll(async () => {
    if (!hasDocker) return
    server = await startPostgres({ mode: 'container', version })
    programs = await containerPrograms(server)
    env = { ...process.env, OPS_PG_BIN: programs.folder }
    await server.createDatabase('shop')
    await server.query(`${SHOP}; CREATE ROLE clerk; GRANT SELECT ON customer TO clerk`, 'shop')
    source = (await digestDatabase({ connection: connectionTo(server, 'shop'), env })).contents
  })

  afterAll(() => Promise.all([server?.stop(), programs?.[Symbol.asyncDispose]()]))

  const cases = ['a folder', 'Ceph', 'fauxqs'].flatMap((where) =>
    [1, 2].flatMap((jobs) =>
      // Into the folder in the clear too; what is encrypted goes the same way, and further.
      (where === 'a folder' ? [true, false] : [true]).map((isEncrypted) => ({ where, jobs, isEncrypted })),
    ),
  )

  it.each(cases)(
    'in $where, by $jobs job(s), encrypted: $isEncrypted',
    async ({ where, jobs, isEncrypted }) => {
      const store = stores[where]!
      const shared = { store, env, jobs, stagingFolder: programs.shared, globals: true }
      const { manifest } = await createBackup({
        ...shared,
        cluster: `v${version}`,
        connection: connectionTo(server, 'shop'),
        ...(isEncrypted ? { encryption: { recipients: keys.recipients } } : {}),
      })
      expect(manifest.server.major).toBe(version)
      expect(manifest.layout).toBe(jobs === 1 ? 'custom' : 'directory')
      expect(manifest.tables).toEqual(source.tables)
      await checkBackup({ store, manifest })

      const target = connectionTo(server, 'copy')
      const { globals } = await restoreBackup({
        ...shared,
        ...(isEncrypted ? { identities: keys.identities } : {}),
        manifest,
        connection: target,
        createDatabase: true,
      })
      expect(globals!.rolesKept).toContain('clerk')
      const copy = await digestDatabase({ connection: target, env })
      expect(content(copy.contents)).toEqual(content(source))
      await server.query('DROP DATABASE copy')
    },
  )

  it('in time, whatever time limits the role has', async () => {
    expect(await backUpAsHurriedRole(server, 'shop', 'customer', env)).toMatchObject({ database: 'shop' })
  })
})
