import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { startPostgres, startS3, type Postgres, type S3Server } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackup } from '../src/index.ts'
import {
  connectionTo,
  temporaryFolder,
  temporaryStore,
  type TemporaryFolder,
  type TemporaryStore,
} from './harness.ts'
import { startReceiver, type WebhookReceiver } from './webhook-receiver.ts'

const CLI = join(import.meta.dirname, '../src/cli.ts')
const COMMANDS = ['create', 'create-all', 'list', 'show', 'check', 'cat', 'restore', 'completion']

let server: Postgres
let s3: S3Server
let receiver: WebhookReceiver
let place: TemporaryStore
let folder: TemporaryFolder
/** What examples name, and what is there instead. */
let stands: Record<string, string>

beforeAll(async () => {
  ;[server, s3, receiver, place, folder] = await Promise.all([
    startPostgres(),
    startS3(),
    startReceiver(),
    temporaryStore(),
    temporaryFolder(),
  ])
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 500) AS id', 'app')
  const { store } = place
  const { id } = await createBackup({ store, connection: connectionTo(server, 'app') })

  const etc = join(folder.path, 'etc')
  await mkdir(etc)
  const identity = await generateIdentity()
  await writeFile(join(etc, 'key.txt'), `${identity}\n`)
  await writeFile(join(etc, 'recipients'), `${await identityToRecipient(identity)}\n`)
  await writeFile(join(etc, 'webhook'), receiver.url)
  const program = join(folder.path, 'pg-backup')
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`)
  await chmod(program, 0o755)
  const bucket = await s3.createBucket()
  stands = {
    'file:///var/backups/postgres': store.url,
    's3://backups?region=eu-central-1': `s3://${bucket}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}&pathStyle=true`,
    '/etc/pg-backup': etc,
    '20261121T020000Z-4fk2q9': id,
  }
})

afterAll(() =>
  Promise.all([server, s3, receiver, place, folder].map((each) => each?.[Symbol.asyncDispose]())),
)

/** Runs an example as a user's shell does, with databases and files of the names that it uses. */
async function run(example: string): Promise<void> {
  for (const database of ['app_copy', 'app_restored', 'app_2'])
    await server.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
  let command = example
  for (const [name, stand] of Object.entries(stands)) command = command.replaceAll(name, stand)
  await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command], {
    cwd: folder.path,
    env: {
      ...server.env('app'),
      ...s3.env,
      PATH: `${folder.path}:${server.binFolder}:${process.env['PATH']}`,
      HOME: '/nonexistent',
      OPS_STORE: place.store.url,
    },
    maxBuffer: 2 ** 26,
  })
}

async function help(...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...command, '--help'])
  return stdout
}

/** When a line of a crontab is run. */
const TIMES = /^(?:[\d*]+ ){5} */gm

describe('examples work as they stand:', () => {
  it.each([[], ...COMMANDS.map((command) => [command])])('pg-backup %s --help', async (...command) => {
    const text = await help(...command)
    const examples = [...text.matchAll(/^ {2}\$ (.*)$/gm)].map((match) => match[1]!)
    expect(examples.length + Number(command[0] === 'completion')).toBeGreaterThan(0)
    for (const example of examples) await run(example)
  })

  it('the README', async () => {
    const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
    const blocks = [...readme.matchAll(/^```(?:sh|crontab)\n(.*?)^```$/gms)].map((match) => match[1]!)
    expect(blocks.length).toBeGreaterThanOrEqual(4)
    for (const block of blocks) await run(block.replaceAll(TIMES, ''))
  })
})

it('the README knows every option, and none that does not exist', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, section] = /^## Command line$(.*?)^## /ms.exec(readme)!
  const options = (text: string): Set<string> =>
    new Set([...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map((match) => match[0]))
  const real = new Set<string>()
  for (const command of COMMANDS) {
    const [, list] = /^Options:$(.*?)(?:^\S|(?![^]))/ms.exec(await help(command))!
    for (const line of list!.split('\n'))
      for (const option of options(/^ {2}(?:-\w, )?(--\S+)/.exec(line)?.[0] ?? '')) real.add(option)
  }
  const known = options(section!.replaceAll(/pg_restore.*$/gm, ''))
  expect(known).toEqual(new Set([...real, '--help']))
})
