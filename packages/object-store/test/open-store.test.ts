import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { startS3 } from '@ops/testbed'
import { describe, expect, it } from 'vitest'
import { openStore } from '../src/open-store.ts'

const credentials = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }

describe('openStore', () => {
  it('opens a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'open store ä-'))
    {
      await using store = await openStore(pathToFileURL(folder).href)
      await store.put('a', Buffer.from('text'))
      expect(store.url).toBe(pathToFileURL(folder).href)
      expect(String(await buffer(await store.get('a')))).toBe('text')
    }
    await rm(folder, { recursive: true })
  })

  it('opens a bucket by its URL, or with its endpoint from the environment', async () => {
    await using server = await startS3({ mode: 'local' })
    const bucket = await server.createBucket()
    const { endpoint } = server
    {
      await using store = await openStore(`s3://${bucket}/pre/fix?endpoint=${endpoint}&pathStyle=true`, {
        env: credentials,
      })
      await store.put('a', Buffer.from('text'))
      expect(store.url).toBe(`s3://${bucket}/pre/fix`)
    }
    await using store = await openStore(`s3://${bucket}/pre`, {
      env: { ...credentials, AWS_ENDPOINT_URL_S3: endpoint },
    })
    expect(await store.head('fix/a')).toMatchObject({ size: 4 })
  })

  it('refuses a URL that makes no sense', async () => {
    await expect(openStore('s3://u:p@bucket')).rejects.toMatchObject({ code: 'STORE_BAD_URL' })
  })

  it('loads the AWS SDK for a bucket only', () => {
    const program = `
      import { openStore } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ resolve: (name, context, next) => { loaded.push(name); return next(name, context) } })
      await openStore('file:///tmp')
      const before = loaded.some((name) => name.startsWith('@aws-sdk'))
      await using store = await openStore('s3://bucket?region=x', { env: {} })
      console.log(before, loaded.some((name) => name.startsWith('@aws-sdk')))`
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    })
    expect(output.trim()).toBe('false true')
  })
})
