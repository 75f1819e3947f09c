import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { dockerAvailable, needs } from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { BackupStore } from './backup-store.ts'
import { demoApi } from './demo-api.ts'
import { SERVICES } from './life-signs.ts'
import { Stack, WAIT, type Container } from './stack.ts'

const PRODUCTION = ['compose.yaml', 'compose.prod.yaml']
const OTHER_S3 = { service: 'other-s3', name: 'elsewhere', accessKeyId: 'somebody' }
const AS_APP = 'host=postgres dbname=app user=app sslmode=require'
const hasDocker = await dockerAvailable()

let stack: Stack

beforeAll(async () => {
  if (hasDocker) stack = await Stack.start(PRODUCTION)
})

afterAll(() => stack?.stop())

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

async function services(): Promise<Record<string, Container>> {
  const containers = (await stack.inspect()).map(
    (each) => [each.Config.Labels['com.docker.compose.service']!, each] as const,
  )
  return Object.fromEntries(containers.filter(([name]) => (SERVICES as readonly string[]).includes(name)))
}

describe('the stack for production', () => {
  it('starts every service again by itself, and rotates its log', async () => {
    const found = await services()
    expect(Object.keys(found).toSorted()).toEqual([...SERVICES].toSorted())
    for (const { HostConfig } of Object.values(found)) {
      expect(HostConfig.RestartPolicy.Name).toBe('unless-stopped')
      expect(HostConfig.LogConfig).toEqual({
        Type: 'json-file',
        Config: { 'max-size': '10m', 'max-file': '5' },
      })
    }
  })

  it('has no way to a database from outside of its networks', async () => {
    const found = await services()
    for (const name of ['postgres', 'pgbouncer', 's3']) {
      const { HostConfig, NetworkSettings } = found[name]!
      expect(HostConfig.PortBindings ?? {}).toEqual({})
      expect(Object.keys(NetworkSettings.Networks)).not.toContain(`${stack.name}_edge`)
    }
  })

  it('keeps its data in volumes with names', async () => {
    const found = await services()
    const volumes = Object.values(found).flatMap(({ Mounts }) => Mounts.map(({ Name }) => Name))
    expect(volumes).toEqual(
      expect.arrayContaining(
        ['postgres-data', 's3-data', 'prometheus-data', 'alertmanager-data', 'caddy-data'].map(
          (name) => `${stack.name}-${name}`,
        ),
      ),
    )
  })

  it('comes back when the main process of every service has died', { timeout: 1_500_000 }, async () => {
    const before = await demoApi(stack)
    await before.post([{ body: 'it was all there before', tags: [] }])
    // PostgreSQL is the first process of its container, which no signal kills from inside; this one ends it at once.
    const death = (service: string): string =>
      service === 'postgres' ? 'kill -QUIT 1' : 'kill -KILL $(cat /proc/1/task/1/children)'
    await Promise.all(
      SERVICES.map((service) => stack.exec(service, 'sh', '-c', death(service)).catch(() => '')),
    )
    await vi.waitFor(async () => {
      const found = Object.entries(await services())
      const notBack = found.filter(
        ([, { RestartCount, State }]) => RestartCount === 0 || State.Health?.Status !== 'healthy',
      )
      expect(notBack.map(([name]) => name)).toEqual([])
    }, WAIT)
    stack.forgetPorts()
    const after = await demoApi(stack)
    expect(await after.search('all there before')).toHaveLength(1)
  })

  it('takes new passwords, and another S3 server', { timeout: 1_500_000 }, async () => {
    const old = await stack.secret('app')
    await stack.replace(
      [...PRODUCTION, 'compose.other-s3.yaml', 'stack/compose.other-s3.test.yaml'],
      {
        OPS_S3_URL: `s3://${OTHER_S3.name}?endpoint=http://${OTHER_S3.service}:9000&region=us-east-1&pathStyle=true`,
        OPS_S3_ACCESS_KEY_ID: OTHER_S3.accessKeyId,
      },
      ['app', 'backup', 'monitoring', 'pgbouncer_auth', 'pgbouncer_stats', 's3_secret_key'],
    )
    expect(Object.keys(await services())).not.toContain('s3')

    const login = (password: string): Promise<string> =>
      stack.exec('postgres', 'env', `PGPASSWORD=${password}`, 'psql', '-XAtq', '-c', 'SELECT 1', '-d', AS_APP)
    await expect(login(old)).rejects.toThrow('password authentication failed')
    expect((await login(await stack.secret('app'))).trim()).toBe('1')
    expect(await (await demoApi(stack)).search('all there before')).toHaveLength(1)

    await stack.exec('ops-worker', 'ops-worker', 'run', 'backup')
    using store = await BackupStore.of(stack, OTHER_S3)
    expect(await store.published('app')).toHaveLength(1)
  })

  it('leaves nothing behind', async () => {
    await stack.stop()
    const filter = `--filter=label=com.docker.compose.project=${stack.name}`
    for (const list of [
      ['ps', '--all'],
      ['volume', 'ls'],
      ['network', 'ls'],
    ]) {
      const { stdout } = await promisify(execFile)('docker', [...list, '--quiet', filter])
      expect(stdout).toBe('')
    }
  })
})
