import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderHtml } from './render-html.ts'
import { renderJunit } from './render-junit.ts'
import { renderMarkdown } from './render-markdown.ts'
import { parseRecord, parseReport, reportJsonSchema, verificationJsonSchema } from './report-schema.ts'
import { checkNames, phaseNames, type VerificationReport } from './report.ts'
import { sampleReport } from './sample-report.ts'

describe('the published schema', () => {
  it.each([
    ['report.schema.json', reportJsonSchema()],
    ['verification.schema.json', verificationJsonSchema()],
  ])('%s is the one of this version', async (file, schema) => {
    const published = await readFile(new URL(`../schema/${file}`, import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(schema)))
  })

  it('takes a report as it is written, with what a later version adds, and no other thing', () => {
    const report = { ...sampleReport(), added: { later: true } }
    expect(parseReport(JSON.stringify(report))).toEqual({ value: report })
    expect(parseReport('{')).toEqual({ problem: 'it is not JSON' })
    expect(parseReport(JSON.stringify({ ...report, format: 'ops.verification-report/2' }))).toHaveProperty(
      'problem',
    )
    expect(parseReport(JSON.stringify({ ...report, tables: 7 }))).toMatchObject({
      problem: expect.stringMatching(/^tables: /) as string,
    })
    expect(parseRecord('{"format":"ops.verification/1"}')).toHaveProperty('problem')
  })
})

const nasty = fc.string({
  unit: fc.constantFrom('<', '>', '&', '"', "'", '`', '|', '\n', '\0', '\u001B', ']]>', '![x](y)', 'a', '@'),
})

describe.each([
  ['HTML', renderHtml],
  ['Markdown', renderMarkdown],
  ['JUnit', renderJunit],
])('%s', (_name, render) => {
  it('names the backup, the verdict and every difference', () => {
    const text = render(sampleReport())
    for (const each of [
      'shop',
      '20261121T020000Z-4fk2q9',
      'disproven',
      'public.orders',
      '3 of 2,000 rows are missing',
    ])
      expect(text.toLowerCase()).toContain(each.toLowerCase())
  })
})

describe('names from a database', () => {
  const named = (name: string): VerificationReport => {
    const report = sampleReport()
    return {
      ...report,
      backup: { ...report.backup, database: name, store: name },
      tables: [{ ...report.tables[0]!, schema: name, name }],
      differences: [{ check: 'rows', object: name, problem: name, expected: name, actual: name }],
      warnings: [name],
    }
  }

  it('are no markup in the page', () => {
    fc.assert(
      fc.property(nasty, (name) => {
        const count = (text: string): number => text.split('<').length
        expect(count(renderHtml(named(name)))).toBe(count(renderHtml(named('x'))))
      }),
    )
  })

  it('are no markup, and no forbidden character, in the XML', () => {
    fc.assert(
      fc.property(nasty, (name) => {
        const xml = renderJunit(named(name))
        expect(xml.split('<').length).toBe(renderJunit(named('x')).split('<').length)
        expect(/[^\P{Cc}\t\n\r]/u.test(xml)).toBe(false)
      }),
    )
  })

  it('break no table of Markdown', () => {
    fc.assert(
      fc.property(nasty, (name) => {
        const rows = renderMarkdown(named(name))
          .split('\n')
          .filter((line) => line.startsWith('| '))
        for (const row of rows) expect(row.endsWith(' |')).toBe(true)
        expect(rows.length).toBe(
          renderMarkdown(named('x'))
            .split('\n')
            .filter((line) => line.startsWith('| ')).length,
        )
      }),
    )
  })
})

describe('the page', () => {
  it('loads nothing and runs nothing', () => {
    const page = renderHtml(sampleReport())
    expect(page).not.toMatch(/<script|<link|<img|src=|url\(|@import|https?:/)
    expect(page).toContain(`default-src 'none'`)
  })

  it('is of a bounded length, however much differs, and says what it leaves out', () => {
    const report = sampleReport()
    const many = Array.from({ length: 1502 }, () => report.differences[0]!)
    const page = renderHtml({ ...report, differences: many })
    expect(page.match(/3 of 2,000 rows are missing/g)).toHaveLength(500)
    expect(page).toContain('… and 1,002 more; the report as JSON has them all.')
    expect(page).toContain('1,502 things are not as')
  })

  it('lets no name turn the reading direction', () => {
    const report = sampleReport()
    const tables = [{ ...report.tables[0]!, name: 'a\u202Egpj\u2066' }]
    const page = renderHtml({ ...report, tables })
    expect(page).not.toMatch(/[\u202A-\u202E\u2066-\u2069]/)
    expect(page).toContain('public.a\uFFFDgpj\uFFFD')
  })

  it('speaks of the start of a server only where one was started', () => {
    const report = sampleReport('proven')
    expect(renderHtml(report)).toContain('27.0 s, with the start of an ephemeral server (RTO)')
    const onServer = renderHtml({ ...report, target: { ...report.target!, kind: 'server' } })
    expect(onServer).toContain('27.0 s (RTO)')
    expect(onServer).not.toContain('ephemeral')
  })
})

describe('the verdict in words', () => {
  it.each([
    [2, 1, 'with 14 schema objects, 2 sequences and 1 large object.'],
    [1, 0, 'with 14 schema objects and 1 sequence.'],
    [0, 0, 'with 14 schema objects.'],
  ])('of %d sequences and %d large objects', (sequences, largeObjects, end) => {
    const report = sampleReport('proven')
    const totals = { ...report.totals, sequences, largeObjects }
    expect(renderMarkdown({ ...report, totals })).toContain(
      `Every one of 2,300 rows in 2 tables came back, byte for byte, ${end}`,
    )
  })
})

describe('the sample', () => {
  it('has every check and every phase', () => {
    const { checks, phases } = sampleReport()
    expect(checks.map((each) => each.check)).toEqual(checkNames)
    expect(phases.map((each) => each.phase)).toEqual(phaseNames)
  })
})
