/// <reference lib="dom" />
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileStore, type ObjectStore } from '@ops/object-store'
import { createBackup } from '@ops/pg-backup'
import { chromiumProgram, dockerAvailable, needs, startPostgres, type ChromiumProgram } from '@ops/testbed'
import axe from 'axe-core'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sampleStatus } from '../src/sample-status.ts'
import type { RunningJob, Status } from '../src/status.ts'
import { readStoreStatus } from '../src/store-status.ts'
import { startStatusServer } from './status-server.ts'

/**
 * The page as Debian's Chromium shows it, from a server that runs here. `OPS_SCREENSHOTS` names a folder
 * for what it looks like: docs/images has what the README shows.
 */
const hasDocker = await dockerAvailable()

let program: ChromiumProgram
let browser: Browser

beforeAll(async () => {
  if (!hasDocker) return
  program = await chromiumProgram({ network: 'host' })
  browser = await chromium.launch({ executablePath: program.executablePath, chromiumSandbox: false })
})

afterAll(async () => {
  await browser?.close()
  await program?.[Symbol.asyncDispose]()
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

declare global {
  var axe: typeof import('axe-core')
}

interface Look {
  readonly colorScheme?: 'light' | 'dark'
  readonly width?: number
  readonly javaScriptEnabled?: boolean
}

interface OpenPage {
  readonly page: Page
  /** What the browser complained of. */
  readonly problems: readonly string[]
  /** What it asked for. */
  readonly requests: readonly string[]
}

async function open(url: string, look: Look = {}): Promise<OpenPage> {
  const { colorScheme = 'light', width = 1280, javaScriptEnabled = true } = look
  const page = await browser.newPage({ colorScheme, javaScriptEnabled, viewport: { width, height: 900 } })
  page.setDefaultTimeout(120_000)
  const [problems, requests]: [string[], string[]] = [[], []]
  page.on('console', (message) => problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(url)
  if (javaScriptEnabled) await page.locator('.live[data-state=live]').waitFor()
  return { page, problems, requests }
}

async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['OPS_SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}

/** What axe-core finds wrong, by its rules of WCAG 2.2 and of good practice. */
async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`,
  )
}

function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

describe.each(['calm', 'trouble'] as const)('a system in %s', (mood) => {
  it.each(['light', 'dark'] as const)('is shown in %s, and everybody can read it', async (colorScheme) => {
    await using server = await startStatusServer({ readStatus: () => Promise.resolve(sampleStatus(mood)) })
    const { page, problems, requests } = await open(server.url, { colorScheme })
    expect(await page.locator('h1').textContent()).toContain(
      mood === 'calm' ? 'All is well' : '5 things need you',
    )
    expect(await page.locator('h2').allTextContents()).toEqual([
      'Right now',
      'Databases',
      'Connection pools',
      'Certificates',
      'Retention',
    ])
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    expect(background).toBe(colorScheme === 'light' ? 'rgb(244, 245, 247)' : 'rgb(13, 18, 24)')
    if (mood === 'calm') await screenshot(page, `status-${colorScheme}`)
    for (const details of await page.locator('summary').all()) await details.click()
    expect(await accessibilityProblems(page)).toEqual([])
    expect(problems).toEqual([])
    for (const url of requests) expect(url.startsWith(server.url)).toBe(true)
    await page.close()
  })

  it('can be read on a phone, however narrow', async () => {
    await using server = await startStatusServer({ readStatus: () => Promise.resolve(sampleStatus(mood)) })
    const { page } = await open(server.url, { width: 390 })
    if (mood === 'trouble') await screenshot(page, 'status-phone')
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 844 })
      expect([width, await overflow(page)]).toEqual([width, 0])
    }
    expect(await accessibilityProblems(page)).toEqual([])
    await page.close()
  })
})

it('fits a phone with the longest names that PostgreSQL takes', async () => {
  const name = 'n'.repeat(63)
  const status = sampleStatus('trouble')
  const [shop, analytics] = status.databases
  const databases = [{ ...shop!, database: name, cluster: name }, analytics!]
  const running = [{ ...status.running[0]!, database: name, cluster: name, detail: `${name}.${name}` }]
  await using server = await startStatusServer({
    readStatus: () => Promise.resolve({ ...status, databases, running }),
  })
  const { page } = await open(server.url, { width: 320 })
  expect(await overflow(page)).toBe(0)
  await page.close()
})

it('of many databases has an overview, which leads to each and fits a phone', async () => {
  const [status, trouble] = [sampleStatus('calm'), sampleStatus('trouble')]
  const databases = Array.from({ length: 8 }, (_, index) => ({
    ...(index === 3 ? trouble.databases[1]! : status.databases[index % 2]!),
    database: `tenant_${index}`,
  }))
  await using server = await startStatusServer({
    readStatus: () => Promise.resolve({ ...status, databases }),
  })
  const { page } = await open(server.url)
  const region = page.locator('[aria-label="All databases"]')
  await region.scrollIntoViewIfNeeded()
  await screenshot(page, 'status-many')
  expect(await region.locator('tbody tr').count()).toBe(8)
  await region.locator('a', { hasText: 'tenant_5' }).click()
  expect(await page.locator('.database:target h3').textContent()).toBe('tenant_5')
  expect(await accessibilityProblems(page)).toEqual([])
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 })
    expect([width, await overflow(page)]).toEqual([width, 0])
  }
  await page.close()
})

it('says all of it without JavaScript', async () => {
  await using server = await startStatusServer({ readStatus: () => Promise.resolve(sampleStatus()) })
  const [still, live] = await Promise.all([open(server.url, { javaScriptEnabled: false }), open(server.url)])
  const words = async ({ page }: OpenPage): Promise<string> =>
    (await page.locator('main').innerText()).replaceAll(/\s+/g, ' ')
  expect(await words(still)).toBe(await words(live))
  expect(await still.page.locator('.live').textContent()).toBe('as of 2026-11-21 09:42:17 UTC')
  await Promise.all([still.page.close(), live.page.close()])
})

it('can be worked with the keyboard alone', async () => {
  await using server = await startStatusServer({ readStatus: () => Promise.resolve(sampleStatus()) })
  const { page } = await open(server.url)
  const focused = (): Promise<string> =>
    page.evaluate(() => `${document.activeElement!.nodeName} ${document.activeElement!.textContent.trim()}`)
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('A Skip to the status')
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('A main/analytics')
  const summary = page.locator('summary').first()
  await summary.focus()
  await page.keyboard.press('Enter')
  expect(await page.locator('details').first().getAttribute('open')).toBe('')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement!.getAttribute('aria-label'))).toBe(
    'Backups of shop',
  )
  await page.close()
})

it('what was unfolded, and where the focus was, stays while the page changes', async () => {
  let current: Status = sampleStatus()
  let changed = (): void => undefined
  await using server = await startStatusServer({
    readStatus: () => Promise.resolve(current),
    subscribe: (listener) => {
      changed = listener
      return () => undefined
    },
  })
  const { page } = await open(server.url)
  const summary = page.locator('summary').first()
  await summary.click()
  const [shop, ...others] = current.databases
  current = { ...current, databases: [{ ...shop!, backups: shop!.backups.slice(1) }, ...others], poolers: [] }
  changed()
  await page.locator('summary', { hasText: 'All 29 backups of shop' }).waitFor()
  expect(await page.locator('details').first().getAttribute('open')).toBe('')
  expect(await summary.evaluate((element) => element === document.activeElement)).toBe(true)
  expect(await page.locator('#pools').count()).toBe(0)
  current = sampleStatus()
  changed()
  await page.locator('#pools').waitFor()
  expect(await page.locator('main > *').evaluateAll((all) => all.map(({ id }) => id))).toEqual([
    'verdict',
    'running',
    'databases',
    'pools',
    'certificates',
    'retention',
  ])
  await page.close()
})

it('watches again after an answer that is none, and says meanwhile of when the page is', async () => {
  let isRefused = true
  await using server = await startStatusServer({
    readStatus: () => Promise.resolve(sampleStatus()),
    auth: ({ url }) => url !== '/events' || !isRefused,
  })
  const page = await browser.newPage()
  page.setDefaultTimeout(120_000)
  await page.goto(server.url)
  await page.locator('.live[data-state=lost]').waitFor()
  expect(await page.locator('.live').textContent()).toBe(
    'connection lost, trying again; as of 2026-11-21 09:42:17 UTC',
  )
  isRefused = false
  await page.locator('.live[data-state=live]').waitFor()
  await page.close()
})

it('shows how far a real backup is while it runs, and then its result', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'status-page-test-'))
  try {
    await using postgres = await startPostgres()
    await postgres.createDatabase('shop')
    await postgres.query(
      'CREATE TABLE t AS SELECT md5(i::text) a, md5((-i)::text) b FROM generate_series(1, 200000) i',
      'shop',
    )
    const { host, port, user, password } = postgres
    const connection = { host, port, user, password, database: 'shop' }
    const inner = fileStore({ folder })
    const before = await createBackup({ store: inner, connection })
    const bytesTotal = before.manifest.objects[0]!.rawBytes

    const running: RunningJob[] = []
    let changed = (): void => undefined
    await using server = await startStatusServer({
      readStatus: async () => ({
        ...sampleStatus('calm'),
        ...(await readStoreStatus({ store: inner, databases: [] })),
        takenAt: new Date().toISOString(),
        running,
      }),
      subscribe: (listener) => {
        changed = listener
        return () => undefined
      },
    })
    const { page } = await open(server.url)
    expect(await page.locator('#running').innerText()).toContain('Nothing runs right now.')

    const store = gated(inner)
    const startedAt = new Date().toISOString()
    const backup = createBackup({
      store,
      connection,
      onProgress: (progress) => {
        if (progress.phase !== 'dump') return
        const { rawBytes: bytesDone, rows } = progress
        running[0] = {
          id: 'b',
          job: 'backup',
          database: 'shop',
          startedAt,
          phase: 'dump',
          bytesDone,
          bytesTotal,
          rows,
        }
        changed()
      },
    })
    const further = (than: number): Promise<number> =>
      page
        .waitForFunction((value) => {
          const shown = document.querySelector('progress')?.value ?? 0
          return shown > value && shown
        }, than)
        .then((shown) => shown.jsonValue() as Promise<number>)
    const first = await further(0)
    expect(first).toBeLessThan(1)
    store.openFirst()
    expect(await further(first)).toBeGreaterThan(first)
    expect(await page.locator('.job').innerText()).toMatch(
      /Backup of shop[\s\S]*\d+ %[\s\S]*dump · [\d.]+ MiB of [\d.]+ MiB · [\d,]+ rows/,
    )
    store.openSecond()
    const { id } = await backup
    running.length = 0
    changed()
    await page.locator('#running', { hasText: 'Nothing runs right now.' }).waitFor()
    expect(await page.locator('#databases').textContent()).toContain(id)
    await page.close()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

interface GatedStore extends ObjectStore {
  openFirst(): void
  openSecond(): void
}

/** A store that takes some of a stream, then waits to be told to take some more, and then the rest. */
function gated(store: ObjectStore): GatedStore {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  async function* slowly(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let bytes = 0
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > 500_000) await first.promise
      if (bytes > 5_000_000) await second.promise
      yield chunk
    }
  }
  return {
    ...store,
    put: (key, body, options) => store.put(key, body instanceof Uint8Array ? body : slowly(body), options),
    openFirst: () => first.resolve(),
    openSecond: () => second.resolve(),
  }
}
