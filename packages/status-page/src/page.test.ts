import { describe, expect, it } from 'vitest'
import { renderStatusPage } from './page.ts'
import { sampleStatus } from './sample-status.ts'
import { allSections } from './sections/all-sections.ts'
import type { DatabaseStatus, Status } from './status.ts'

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
    expect(new Set(anchors)).toHaveLength(6)
    for (const anchor of anchors) expect(page).toContain(`id="${anchor}"`)
    expect(page).toContain('aria-label="5 days proven, 25 days backed up"')
  })

  it('of many databases says first what is wrong anywhere, and has each by itself at the end', () => {
    expect(allSections(many(sampleStatus())).map(({ id }) => id)).toEqual([
      'verdict',
      'running',
      'databases',
      'pools',
      'certificates',
      'retention',
      'each-database',
      ...Array.from({ length: 6 }, (_, index) => `database-main%2Ftenant_${index}`),
    ])
  })

  it('leads from a finding to the database that it is about', () => {
    const page = renderStatusPage(sampleStatus())
    expect(page).toContain('<a href="#database-main%2Fanalytics">main/analytics</a>')
    expect(page).toContain('id="database-main%2Fanalytics"')
  })

  it('shows the worst of many findings, folds others, and says how many more there are', () => {
    const status = sampleStatus('calm')
    const lost = (index: number): DatabaseStatus => ({
      ...status.databases[0]!,
      database: `lost_${index}`,
      backups: [],
      calendar: [],
    })
    const withLost = (count: number): string =>
      renderStatusPage({ ...status, databases: Array.from({ length: count }, (_, index) => lost(index)) })
    const shown = (page: string): number => page.match(/has no backup at all/g)!.length
    expect(withLost(12)).not.toContain(' more: ')
    expect(withLost(30)).toContain('<summary>18 more: 18 critical</summary>')
    expect(shown(withLost(30))).toBe(30)
    expect(withLost(1000)).toContain('1,000 things need you')
    expect(shown(withLost(1000))).toBe(212)
    expect(withLost(1000)).toContain('… and 788 more')
  })

  it('shows the fullest of many pools and the certificates that expire first', () => {
    const status = sampleStatus('calm')
    const [pooler, certificate] = [status.poolers[0]!, status.certificates[0]!]
    const page = renderStatusPage({
      ...status,
      poolers: [{ ...pooler, pools: Array.from({ length: 500 }, () => pooler.pools[0]!) }],
      certificates: Array.from({ length: 1000 }, () => certificate),
    })
    expect(page).toContain('… and 440 emptier ones')
    expect(page).toContain('… and 900 that expire later')
  })

  it('does not promise a run of retention where none is scheduled', () => {
    const status = sampleStatus('calm')
    const retention = { ...status.retention!, isApplied: false, at: status.takenAt }
    const words = renderStatusPage({ ...status, retention }).replaceAll(/<[^>]*>|\s+/g, ' ')
    expect(words.replaceAll(/ +/g, ' ')).toMatch(
      /A run now would keep 58 backups \(.*\) and delete 2 backups/,
    )
    expect(words).not.toContain('The next run')
  })

  it('gives a rate where bytes are counted from the start of the job, and not for the phases of a drill', () => {
    const status = sampleStatus('calm')
    expect(renderStatusPage(status)).not.toContain('MiB/s')
    const running = [{ ...status.running[0]!, job: 'backup' as const }]
    expect(renderStatusPage({ ...status, running })).toContain('18.4 MiB/s')
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
      /<title>Backup took: 1 min \d+ s at first \(23 Oct\), 1 min 34 s at last \(21 Nov\), between .* and .* in 30 values</,
    )
  })
})
