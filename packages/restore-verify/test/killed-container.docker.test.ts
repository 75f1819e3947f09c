import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { promisify } from 'node:util'
import { createBackup, findPostgresProgram } from '@ops/pg-backup'
import { dockerAvailable, needs, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { verifyRestore } from '../src/verify-restore.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'
import { drillUntil } from './killed-drill.ts'

const run = promisify(execFile)
const hasDocker = await dockerAvailable()

let server: Postgres
let place: TemporaryStore
let image: string

beforeAll(async () => {
  if (!hasDocker) return
  // The client programs are this machine's, and so the server is of their version.
  const { major: version } = await findPostgresProgram('pg_restore')
  ;[server, place] = await Promise.all([startPostgres({ mode: 'container', version }), temporaryStore()])
  image = (await run('docker', ['inspect', '--format={{.Image}}', server.network!.host])).stdout.trim()
  await server.createDatabase('shop')
  await server.query('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id', 'shop')
  await createBackup({ store: place.store, connection: connectionTo(server, 'shop') })
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

afterAll(() => Promise.all([server?.stop(), place?.[Symbol.asyncDispose]()]))

async function docker(...args: string[]): Promise<string[]> {
  const { stdout } = await run('docker', args)
  return stdout.split('\n').filter((line) => line !== '')
}

const drillContainers = (): Promise<string[]> =>
  docker('ps', '--all', '--quiet', '--filter=label=ops.restore-verify.owner')

async function untilGone(container: string): Promise<void> {
  while ((await drillContainers()).includes(container))
    await new Promise((resolve) => setTimeout(resolve, 100))
}

/** The folder on this machine that leads into the container. */
async function folderOf(container: string): Promise<string> {
  const [socketFolder] = await docker('inspect', '--format={{(index .Mounts 0).Source}}', container)
  return socketFolder!.replace(/\/socket$/, '')
}

describe('a drill in a container that is killed', () => {
  const target = () => ({ kind: 'container' as const, image })
  const standing = () => drillUntil('digest', place.folder, { database: 'shop', target: target() })
  const drill = () => verifyRestore({ store: place.store, database: 'shop', target: target(), record: false })

  it('takes its container with it, and the next one removes its folder', async () => {
    const killed = await standing()
    const [container] = await drillContainers()
    const folder = await folderOf(container!)
    await access(folder)
    await killed.kill()
    await untilGone(container!)
    expect(await drill()).toMatchObject({ verdict: 'proven' })
    expect(await drillContainers()).toEqual([])
    await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('and whose container cannot end by itself is cleaned up after by the next one', async () => {
    const killed = await standing()
    const [container] = await drillContainers()
    const folder = await folderOf(container!)
    await docker('pause', container!)
    await killed.kill()
    expect(await drillContainers()).toEqual([container])
    expect(await drill()).toMatchObject({ verdict: 'proven' })
    expect(await drillContainers()).toEqual([])
    await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('leaves the container of a living one alone', async () => {
    const living = await standing()
    try {
      const [container] = await drillContainers()
      await drill()
      expect(await drillContainers()).toEqual([container])
    } finally {
      await living.kill()
    }
    await untilGone((await drillContainers())[0] ?? '')
  })
})
