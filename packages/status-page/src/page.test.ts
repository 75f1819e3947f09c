import { describe, expect, it } from 'vitest'
import { renderStatusPage } from './page.ts'
import { sampleStatus } from './sample-status.ts'
import { allSections } from './sections/all-sections.ts'
import type { Status } from './status.ts'

const EVIL = `<script>alert(1)</script>" onload='x' &amp; \u202Egpj`

/** The status with every string in it hostile, but for those that a schema restricts. */
function hostile(status: Status): Status {
  const kept =
    /^(ops\.status\/1|\d{4}-\d\d-\d\d.*|ok|warning|critical|unknown|proven|disproven|unproven|gap|none|backup|drill|retention|certificates)$/
  const replace = (value: unknown): unknown => {
    if (typeof value === 'string') return kept.test(value) ? value : EVIL
    if (Array.isArray(value)) return value.map(replace)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replace(each)]))
  }
  return replace(status) as Status
}

/** So many databases that there is an overview. */
function many(status: Status): Status {
  const databases = Array.from({ length: 6 }, (_, index) => ({
    ...status.databases[index % 2]!,
    database: `tenant_${index}`,
  }))
  return { ...status, databases }
}

describe('names that want to be more', () => {
  const page = renderStatusPage(hostile(many(sampleStatus())))

  it('stay text', () => {
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toContain("onload='x'")
    expect(page.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[^>]*\son\w+=/)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp;')
  })

  it('do not turn the reading direction', () => {
    expect(page).not.toContain('\u202E')
  })

  it('do not lead a link elsewhere', () => {
    for (const [, target] of page.matchAll(/href="([^"]*)"/g))
      expect(target).toMatch(/^(#(?:[\w.!~*()%-]|&#39;)+|drills\/(?:[\w.!~*()%-]|&#39;)+|api\/v1\/[\w.]+)$/)
  })
})

describe('the page', () => {
  it('asks for nothing from outside, and has no style or handler that a strict policy forbids', () => {
    const page = renderStatusPage(sampleStatus())
    expect(page).not.toMatch(/\b(src|srcset|action|formaction)=/)
    expect(page).not.toMatch(/<[^>]*\sstyle=/)
    expect(page).not.toMatch(/url\(|@import|https?:\/\/(?!shop\.example\.com)/)
  })

  it('is the same for the same status', () => {
    expect(renderStatusPage(sampleStatus())).toBe(renderStatusPage(sampleStatus()))
  })

  it.each([
    ['calm', '<title>OK · production', 'All is well'],
    ['trouble', '<title>Critical · production', '5 things need you'],
  ] as const)('of a %s system says so first', (mood, title, words) => {
    const page = renderStatusPage(sampleStatus(mood))
    expect(page).toContain(title)
    expect(page).toContain(words)
  })

  it('of nothing at all claims nothing', () => {
    const nothing: Status = {
      format: 'ops.status/1',
      takenAt: '2026-11-21T09:42:17.000Z',
      databases: [],
      running: [],
      poolers: [],
      certificates: [],
      retention: null,
      problems: [],
    }
    const page = renderStatusPage(nothing)
    expect(page).toContain('Nothing to report')
    expect(page).not.toContain('All is well')
    expect(allSections(nothing).map(({ id }) => id)).toEqual(['verdict', 'running', 'databases'])
  })

  it('leads to the report of each drill, and to no other', () => {
    const status = sampleStatus()
    const drilled = status.databases.flatMap(({ backups }) =>
      backups.flatMap(({ id, drill }) => (drill === null ? [] : [id])),
    )
    const links = [...renderStatusPage(status).matchAll(/href="drills\/([^"]+)"/g)].map(([, id]) => id)
    expect(new Set(links)).toEqual(new Set(drilled))
  })

  it('of many databases begins with an overview that leads to each', () => {
    expect(renderStatusPage(sampleStatus())).not.toContain('aria-label="All databases"')
    const page = renderStatusPage(many(sampleStatus()))
    expect(page).toContain('aria-label="All databases"')
    const anchors = [...page.matchAll(/href="#(database-[^"]+)"/g)].map(([, anchor]) => anchor)
    expect(anchors).toHaveLength(6)
    for (const anchor of anchors) expect(page).toContain(`id="${anchor}"`)
    expect(page).toContain('aria-label="5 days proven, 25 days backed up"')
  })

  it('lists no more than the newest backups, and says how many more there are', () => {
    const status = sampleStatus('calm')
    const [shop] = status.databases
    const backups = Array.from({ length: 1000 }, (_, index) => ({
      ...shop!.backups[0]!,
      id: `20261001T000000Z-${index}`,
    }))
    const page = renderStatusPage({ ...status, retention: null, databases: [{ ...shop!, backups }] })
    expect(page).toContain('All 1,000 backups of shop in figures')
    expect(page.match(/<code>20261001T/g)).toHaveLength(60)
    expect(page).toContain('… and 940 older ones')
  })

  it('says what each plot shows', () => {
    expect(renderStatusPage(sampleStatus('calm'))).toMatch(
      /aria-label="Backup took: 1 min \d+ s at first \(23 Oct\), 1 min 34 s at last \(21 Nov\), between .* and .* in 30 values"/,
    )
  })
})
