import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { listenAddress, name, secret, timeZone, wait } from './fields.ts'
import { readConfig, type ReadConfig } from './read-config.ts'
import { settingsOf } from './settings.ts'

const schema = z.strictObject({
  hosts: z.array(name).default(['localhost']),
  listen: listenAddress.prefault('127.0.0.1:80'),
  pace: wait.prefault('30s'),
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

  it('takes a secret from a file, by a variable or by a key, without the line breaks at its end', async () => {
    const password = await fileWith('password', 'p: [w\r\n\n')
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

  it.each([
    'login: { password: hunter2, user: [hunter2 }',
    'login: { user: u, password: *hunter2 }',
    'login:\n  user: u\n  password: !hunter2',
    'login:\n  user: u\n  password: |hunter2',
    'login:\n  user: u\n  password: >hunter2',
    'login:\n  user: u\n  password: @hunter2',
    'login:\n  user: u\n  password: "x"hunter2',
  ])('that is no YAML is told of without what stands in it: %s', async (text) => {
    const warnings: string[] = []
    const listen = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const { problems = [] } = await read({}, await fileWith('leak.yaml', text))
    // Warnings are told in the next turn.
    await new Promise((resolve) => setImmediate(resolve))
    expect(problems).toHaveLength(1)
    expect([...problems, ...warnings].join('\n')).not.toContain('hunter2')
  })

  it('says what is the matter with a file that should have a secret in it', async () => {
    const [good, empty, dir] = [
      await fileWith('good', 'x'),
      await fileWith('empty', '\n'),
      join(folder, 'dir'),
    ]
    await mkdir(dir)
    const user = { APP_LOGIN_USER: 'u' }
    const missing = 'login.password (APP_LOGIN_PASSWORD): it is missing'
    const byVariable = (file: string) => read({ ...user, APP_LOGIN_PASSWORD_FILE: file })
    expect((await byVariable(empty)).problems).toEqual([
      `APP_LOGIN_PASSWORD_FILE: ${empty} is empty`,
      missing,
    ])
    expect((await byVariable(dir)).problems).toEqual([
      `APP_LOGIN_PASSWORD_FILE: ${dir} is a folder; Docker makes one where the file to mount is missing`,
      missing,
    ])
    const both = { ...user, APP_LOGIN_PASSWORD: 'y', APP_LOGIN_PASSWORD_FILE: good }
    expect((await read(both)).problems).toEqual([
      'APP_LOGIN_PASSWORD_FILE: APP_LOGIN_PASSWORD is set too; leave one',
    ])
    const file = await fileWith('both.yaml', `login: { user: u, password: y, passwordFile: ${good} }`)
    expect((await read({}, file)).problems).toEqual([
      'login.passwordFile: login.password is there too; leave one',
    ])
  })

  it.each([
    ['0s', 'it must be longer than 0s'],
    ['25d', 'It must be 20d or less.'],
  ])('has nothing that is waited for as long as %s', async (pace, problem) => {
    expect((await read({ APP_PACE: pace })).problems).toEqual([`pace (APP_PACE): ${problem}`])
  })
})
