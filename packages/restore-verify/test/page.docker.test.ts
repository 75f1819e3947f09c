/// <reference lib="dom" />
import { join } from 'node:path'
import { chromiumProgram, dockerAvailable, needs, type ChromiumProgram } from '@ops/testbed'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { renderHtml } from '../src/render-html.ts'
import { sampleReport } from '../src/sample-report.ts'

/** The page in Debian's Chromium, which runs in a container without a network. `OPS_SCREENSHOTS` names a folder to keep what it looks like. */
const hasDocker = await dockerAvailable()

let program: ChromiumProgram
let browser: Browser

beforeAll(async () => {
  if (!hasDocker) return
  program = await chromiumProgram()
  browser = await chromium.launch({ executablePath: program.executablePath, chromiumSandbox: false })
})

afterAll(async () => {
  await browser?.close()
  await program?.[Symbol.asyncDispose]()
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

/** Opens the page, and returns what the browser complained of. */
async function open(verdict: 'proven' | 'disproven', colorScheme: 'light' | 'dark', width = 1200) {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
  const [problems, requests]: [string[], string[]] = [[], []]
  page.on('console', (message) => problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('request', (request) => requests.push(request.url()))
  await page.setContent(renderHtml(sampleReport(verdict)))
  const screenshots = process.env['OPS_SCREENSHOTS']
  if (screenshots !== undefined)
    await page.screenshot({
      path: join(screenshots, `drill-${verdict}-${colorScheme}-${width}.png`),
      fullPage: true,
    })
  return { page, problems, requests }
}

describe.each(['proven', 'disproven'] as const)('the page of a backup that is %s', (verdict) => {
  it.each(['light', 'dark'] as const)(
    'says so on top, asks for nothing, and can be read, in %s',
    async (scheme) => {
      const { page, problems, requests } = await open(verdict, scheme)
      expect(problems).toEqual([])
      expect(requests.filter((url) => !url.startsWith('data:') && url !== 'about:blank')).toEqual([])
      const heading = page.locator('h1')
      expect((await heading.textContent())?.toLowerCase()).toBe(verdict)
      expect((await heading.boundingBox())!.y).toBeLessThan(200)
      const faint: string[] = []
      for (const selector of ['h1', '.lead', 'dd', 'dt', 'tbody td', 'pre', '.eyebrow']) {
        const ratios = await page.locator(selector).evaluateAll(contrasts)
        if (ratios.some((ratio) => ratio < 4.5)) faint.push(selector)
      }
      expect(faint).toEqual([])
      await page.close()
    },
  )

  it('fits on a phone', async () => {
    const { page } = await open(verdict, 'light', 390)
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(overflow).toBe(0)
    await page.close()
  })
})

it('the timeline is as long as the drill, and its bars follow one another', async () => {
  const { page } = await open('proven', 'light')
  const bars = await page.locator('.track rect').evaluateAll((rectangles) =>
    rectangles.map((rectangle) => {
      const { left, right } = rectangle.getBoundingClientRect()
      const track = rectangle.parentElement!.getBoundingClientRect()
      return { left: (left - track.left) / track.width, right: (right - track.left) / track.width }
    }),
  )
  expect(bars).toHaveLength(sampleReport().phases.length)
  const gaps = bars.slice(1).map((bar, index) => Math.abs(bar.left - bars[index]!.right))
  expect(Math.max(...gaps)).toBeLessThan(0.02)
  await page.close()
})

/** WCAG 2.2's contrast of each element's text with the nearest background; runs in the browser. */
function contrasts(elements: Element[]): number[] {
  const channels = (color: string): number[] => {
    const context = document.createElement('canvas').getContext('2d')!
    context.fillStyle = color
    context.fillRect(0, 0, 1, 1)
    return [...context.getImageData(0, 0, 1, 1).data]
  }
  const luminance = (color: string): number => {
    const [r, g, b] = channels(color).map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const background = (element: Element | null): string => {
    if (element === null) return '#fff'
    const color = getComputedStyle(element).backgroundColor
    return channels(color)[3] === 0 ? background(element.parentElement) : color
  }
  return elements
    .filter((element) => element.textContent !== '')
    .map((element) => {
      const [a, b] = [luminance(getComputedStyle(element).color), luminance(background(element))]
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    })
}
