import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { VerificationReport } from '@ops/restore-verify'
import type { DrillRef } from '../src/handler.ts'
import { sampleStatus } from '../src/sample-status.ts'
import type { Status } from '../src/status.ts'
import { readEvents } from './event-reader.ts'
import { startStatusServer } from './status-server.ts'

const status = sampleStatus()
const readStatus = (): Promise<Status> => Promise.resolve(status)
const drilled = status.databases[1]!.backups.find(({ drill }) => drill?.verdict === 'disproven')!

interface Sections {
  readonly order: readonly string[]
  readonly title: string
  readonly changed: Readonly<Record<string, string>>
}

describe('what is answered', () => {
  it('a page that its own policy lets through, and nothing else', async () => {
    await using server = await startStatusServer({ readStatus })
    const response = await fetch(server.url)
    const page = await response.text()
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page).toContain('5 things need you')
    const policy = response.headers.get('content-security-policy')!
    for (const element of ['style', 'script']) {
      const [, text] = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page)!
      expect(policy).toContain(
        `${element}-src 'sha256-${createHash('sha256').update(text!).digest('base64')}'`,
      )
    }
    expect(policy).toMatch(/^default-src 'none';/)
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
  })

  it('the same as JSON, with the findings, and its schema', async () => {
    await using server = await startStatusServer({ readStatus })
    const answer = await fetch(`${server.url}/api/v1/status`)
    expect(await answer.json()).toMatchObject({ ...JSON.parse(JSON.stringify(status)), state: 'critical' })
    const schema = await fetch(`${server.url}/api/v1/status.schema.json`)
    expect(await schema.json()).toMatchObject({ title: 'Status', type: 'object' })
  })

  it('the report of a drill that the page links to, and of no other', async () => {
    const asked: DrillRef[] = []
    const { sampleReport } = await import('../../restore-verify/src/sample-report.ts')
    const readDrillReport = (drill: DrillRef): Promise<VerificationReport> => {
      asked.push(drill)
      return Promise.resolve(sampleReport('disproven'))
    }
    await using server = await startStatusServer({ readStatus, readDrillReport })
    const report = await fetch(`${server.url}/drills/${drilled.id}`)
    const page = await report.text()
    expect(page).toContain('<h1>Disproven</h1>')
    expect(page).not.toMatch(/<[^>]*\sstyle=/)
    const policy = report.headers.get('content-security-policy')!
    expect(policy).not.toMatch(/script-src|unsafe/)
    const [, style] = /<style>([\s\S]*?)<\/style>/.exec(page)!
    expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style!).digest('base64')}'`)
    const undrilled = status.databases[0]!.backups.find(({ drill }) => drill === null)!
    for (const id of [undrilled.id, 'latest', '..%2F..%2Fetc%2Fpasswd', '%00', '<script>'])
      expect((await fetch(`${server.url}/drills/${id}`)).status).toBe(404)
    expect(asked).toEqual([{ cluster: 'main', database: 'analytics', id: drilled.id }])
  })

  it('nothing for what is none of its paths', async () => {
    await using server = await startStatusServer({ readStatus })
    for (const path of ['/metrics', '/drills/', '/drills/a/b', '/api/v2/status', '//', '/index.html'])
      expect(await rawGet(server.url, path)).toBe('elsewhere')
  })

  it('nothing that would change something', async () => {
    await using server = await startStatusServer({ readStatus })
    const response = await fetch(server.url, { method: 'POST', body: 'x' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    const head = await fetch(server.url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('503 when the status cannot be read; why is told to the operator alone', async () => {
    const errors: unknown[] = []
    const error = new Error('password "hunter2" was refused')
    await using server = await startStatusServer({
      readStatus: () => Promise.reject(error),
      onError: (each) => errors.push(each),
    })
    for (const path of ['/', '/api/v1/status', `/drills/${drilled.id}`]) {
      const response = await fetch(server.url + path)
      expect(response.status).toBe(503)
      expect(await response.text()).not.toContain('hunter2')
    }
    expect(errors).toEqual([error, error, error])
  })
})

describe('who may see it', () => {
  const paths = ['/', '/api/v1/status', '/api/v1/status.schema.json', '/events', `/drills/${drilled.id}`]
  const basic = (text: string): RequestInit => ({
    headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` },
  })

  it('whoever knows user and password', async () => {
    await using server = await startStatusServer({ readStatus, auth: { user: 'ops', password: 'pä:ss' } })
    for (const path of paths) {
      for (const init of [{}, basic('ops:wrong'), basic('ops'), basic(':'), basic('other:pä:ss')]) {
        const response = await fetch(server.url + path, init)
        expect([path, response.status]).toEqual([path, 401])
        expect(response.headers.get('www-authenticate')).toContain('Basic')
        expect(await response.text()).not.toContain('shop')
      }
    }
    expect((await fetch(server.url, basic('ops:pä:ss'))).status).toBe(200)
  })

  it('whom a hook lets through', async () => {
    const auth = (incoming: { headers: Record<string, unknown> }): Promise<boolean> =>
      Promise.resolve(incoming.headers['x-user'] === 'alice')
    await using server = await startStatusServer({ readStatus, auth })
    for (const path of paths) expect((await fetch(server.url + path)).status).toBe(403)
    expect((await fetch(server.url, { headers: { 'x-user': 'alice' } })).status).toBe(200)
  })

  it('nobody when the hook fails', async () => {
    await using server = await startStatusServer({ readStatus, auth: () => Promise.reject(new Error('no')) })
    for (const path of paths) expect((await fetch(server.url + path)).status).toBe(503)
  })
})

describe('who watches', () => {
  it('gets everything once, and then what changed', async () => {
    let current: Status = status
    let changed: () => void = () => expect.unreachable('nobody subscribed')
    await using server = await startStatusServer({
      readStatus: () => Promise.resolve(current),
      subscribe: (listener) => {
        changed = listener
        return () => undefined
      },
    })
    await using events = await readEvents(`${server.url}/events`)
    const first = (await events.next()).data as Sections
    expect(first.order).toEqual(['verdict', 'running', 'databases', 'pools', 'certificates', 'retention'])
    expect(Object.keys(first.changed)).toEqual(first.order)
    expect(first.title).toBe('Critical · production · PostgreSQL operations')

    current = { ...status, running: [{ ...status.running[0]!, bytesDone: 1_200_000_000 }] }
    changed()
    const second = (await events.next()).data as Sections
    expect(Object.keys(second.changed)).toEqual(['running'])
    expect(second.changed['running']).toContain('91 %')

    current = { ...current, poolers: [] }
    changed()
    const third = (await events.next()).data as Sections
    expect(third.order).not.toContain('pools')

    current = { ...current, poolers: status.poolers }
    changed()
    const fourth = (await events.next()).data as Sections
    expect(fourth.changed['pools']).toBe(first.changed['pools'])
  })

  it('is told when the status cannot be read, and sees it again when it can', async () => {
    let fails = true
    let changed = (): void => undefined
    await using server = await startStatusServer({
      readStatus: () => (fails ? Promise.reject(new Error('hunter2')) : readStatus()),
      subscribe: (listener) => {
        changed = listener
        return () => undefined
      },
    })
    await using events = await readEvents(`${server.url}/events`)
    expect(await events.next()).toEqual({
      name: 'failed',
      data: 'the status cannot be read; trying again',
    })
    fails = false
    changed()
    expect((await events.next()).name).toBe('sections')
  })

  it('costs nothing once nobody is left', async () => {
    const left = Promise.withResolvers<void>()
    let subscriptions = 0
    await using server = await startStatusServer({
      readStatus,
      subscribe: () => {
        subscriptions += 1
        return () => left.resolve()
      },
    })
    const events = await readEvents(`${server.url}/events`)
    await using also = await readEvents(`${server.url}/events`)
    await Promise.all([events.next(), also.next()])
    expect(subscriptions).toBe(1)
    await events[Symbol.asyncDispose]()
    await also[Symbol.asyncDispose]()
    await left.promise
  })

  it('costs no more by coming and going', async () => {
    let reads = 0
    await using server = await startStatusServer({
      readStatus: () => {
        reads += 1
        return readStatus()
      },
    })
    const begun = performance.now()
    await using _first = await readEvents(`${server.url}/events`)
    for (let count = 0; count < 40; count += 1) {
      const events = await readEvents(`${server.url}/events`)
      await events[Symbol.asyncDispose]()
    }
    // Two reads a second, the first at once; a timer may be some milliseconds early.
    expect(reads).toBeLessThanOrEqual(2 + (performance.now() - begun) / 490)
  })

  it('is refused when a hundred watch already', async () => {
    await using server = await startStatusServer({ readStatus })
    await using watching = new AsyncDisposableStack()
    for (let count = 0; count < 100; count += 1) watching.use(await readEvents(`${server.url}/events`))
    await using late = await readEvents(`${server.url}/events`)
    expect(await late.next()).toEqual({ name: 'failed', data: 'too many watch already' })
  })
})

/** A path as it is, where `fetch` would mend it. */
function rawGet(url: string, path: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve(body))
    })
      .on('error', reject)
      .end()
  })
}
