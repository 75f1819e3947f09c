import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { duration, listenAddress, name, secret, timeZone } from './fields.ts'
import { readConfig, type ReadConfig } from './read-config.ts'
import { settingsOf } from './settings.ts'

const schema = z.strictObject({
  hosts: z.array(name).default(['localhost']),
  listen: listenAddress.prefault('127.0.0.1:80'),
  pace: duration.prefault('30s'),
  zone: timeZone.prefault('UTC'),
  login: z.strictObject({ user: name, password: secret, retries: z.int().default(3) }).optional(),
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'internal-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fileWith(fileName: string, content: string): Promise<string> {
  const file = join(folder, fileName)
  await writeFile(file, content)
  return file
}

function read(env: NodeJS.ProcessEnv, file?: string): Promise<ReadConfig<typeof schema>> {
  return readConfig({ schema, prefix: 'APP', env, file })
}

it('every key of the schema is a variable, sections, defaults and options included', () => {
  expect(settingsOf(schema, 'APP').map(({ variable, kind, isSecret }) => [variable, kind, isSecret])).toEqual(
    [
      ['APP_HOSTS', 'list', false],
      ['APP_LISTEN', 'text', false],
      ['APP_PACE', 'text', false],
      ['APP_ZONE', 'text', false],
      ['APP_LOGIN_USER', 'text', false],
      ['APP_LOGIN_PASSWORD', 'text', true],
      ['APP_LOGIN_RETRIES', 'value', false],
    ],
  )
})

describe('a configuration', () => {
  it('comes from the defaults, over which the file goes, over which the environment goes', async () => {
    const file = await fileWith('app.yaml', 'hosts: [a, b]\nlogin: { user: u, password: p, retries: 5 }')
    const env = { APP_LOGIN_USER: 'v', APP_PACE: '2m', APP_CONFIG: file, OTHER: 'x' }
    expect(await read(env, file)).toEqual({
      config: {
        hosts: ['a', 'b'],
        listen: { host: '127.0.0.1', port: 80 },
        pace: 120_000,
        zone: 'UTC',
        login: { user: 'v', password: 'p', retries: 5 },
      },
    })
  })

  it('takes a secret from a file, by a variable or by a key, without the line break at its end', async () => {
    const password = await fileWith('password', 'p: [w\n')
    const file = await fileWith('by-key.yaml', `login: { user: u, passwordFile: ${password} }`)
    for (const read$ of [read({}, file), read({ APP_LOGIN_USER: 'u', APP_LOGIN_PASSWORD_FILE: password })])
      expect((await read$).config?.login?.password).toBe('p: [w')
  })

  it('that is wrong comes as all its problems at once, by key and variable', async () => {
    const env = {
      APP_LISTEN: '80',
      APP_PACE: 'soon',
      APP_ZONE: 'Mars/Olympus',
      APP_LOGIN_RETRIES: '[',
      APP_LOGIN_PASSWORD_FILE: join(folder, 'nothing'),
      APP_HOST: 'x',
    }
    const { problems = [] } = await read(env)
    expect(problems).toHaveLength(8)
    const expected: unknown[] = [
      expect.stringMatching(/^APP_LOGIN_PASSWORD_FILE: ENOENT/),
      'APP_HOST: there is no such setting',
      expect.stringMatching(/^listen \(APP_LISTEN\): .*ADDRESS:PORT/),
      expect.stringMatching(/^pace \(APP_PACE\): .*duration/),
      expect.stringMatching(/^zone \(APP_ZONE\): .*Mars/),
      'login.user (APP_LOGIN_USER): it is missing',
      'login.password (APP_LOGIN_PASSWORD): it is missing',
      expect.stringMatching(/^login\.retries \(APP_LOGIN_RETRIES\): /),
    ]
    expect(problems).toEqual(expect.arrayContaining(expected))
  })

  it('that is no YAML is told of without what stands in it', async () => {
    const file = await fileWith('leak.yaml', 'login: { password: hunter2, user: [hunter2 }')
    const { problems = [] } = await read({}, file)
    expect(problems).toHaveLength(1)
    expect(problems[0]).not.toContain('hunter2')
  })
})
