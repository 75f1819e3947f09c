import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { createBackup } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'

/** Examples are run as they stand in the README and in docs/RESTORE.md. */
const README = join(import.meta.dirname, '../README.md')
const GUIDE = join(import.meta.dirname, '../../../docs/RESTORE.md')
const CLI = join(import.meta.dirname, '../src/cli.ts')
const run = promisify(execFile)

let server: Postgres
let place: TemporaryStore

beforeAll(async () => {
  ;[server, place] = await Promise.all([startPostgres(), temporaryStore()])
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 42) AS id', 'app')
  await createBackup({ store: place.store, connection: connectionTo(server, 'app') })
})

afterAll(() => Promise.all([server?.stop(), place?.[Symbol.asyncDispose]()]))

async function commands(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8')
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block]) => block!.trim().split('\n'))
    .filter((line) => line.startsWith('restore-verify '))
}

// Each command of `run` starts a server of its own.
describe('what is written works as it stands', { timeout: 300_000 }, () => {
  it('the first example of the README', async () => {
    const [, example] = /^```ts\n(.*?)^```$/ms.exec(await readFile(README, 'utf8'))!
    expect(example!.split('\n').length).toBeLessThanOrEqual(15)
    // Inside the package, so that it resolves itself and its dependencies as a user's file does.
    const folder = await mkdtemp(join(import.meta.dirname, 'example-'))
    try {
      await writeFile(
        join(folder, 'example.ts'),
        example!
          .replace('/var/backups/postgres', place.folder)
          .replace("'@ops/restore-verify'", `'../../src/index.ts'`),
      )
      const { stdout } = await run(process.execPath, ['example.ts'], { cwd: folder })
      expect(stdout).toBe('proven 42 rows\n')
      expect(await readFile(join(folder, 'drill.html'), 'utf8')).toContain('<h1>Proven</h1>')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it.each([
    ['the README', README],
    ['docs/RESTORE.md', GUIDE],
  ])('every command of %s', async (_name, file) => {
    const folder = await mkdtemp(join(place.folder, 'bin-'))
    await writeFile(join(folder, 'restore-verify'), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`, {
      mode: 0o755,
    })
    const env = { PATH: [folder, process.env['PATH']].join(delimiter), OPS_STORE: place.store.url }
    const lines = await commands(file)
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) await run('sh', ['-c', line], { env, cwd: folder })
    expect(await readFile(join(folder, 'drill.html'), 'utf8')).toContain('<h1>Proven</h1>')
  })
})
