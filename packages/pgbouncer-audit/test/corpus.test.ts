import { describe, expect, it } from 'vitest'
import { auditSource } from '../src/audit-source.ts'
import { readCorpus } from './corpus.ts'

const TARGET = 0.97

describe('the labelled corpus', () => {
  const snippets = readCorpus()

  it('has at least 150 snippets, hazards and look-alikes', () => {
    const hazards = snippets.filter((snippet) => snippet.expected.length > 0).length
    expect(snippets.length).toBeGreaterThanOrEqual(150)
    expect(hazards).toBeGreaterThan(75)
    expect(snippets.length - hazards).toBeGreaterThan(50)
  })

  it(`is judged with a precision and a recall of ${TARGET} or better`, async () => {
    let [found, missed, wrong] = [0, 0, 0]
    const mistakes: string[] = []
    for (const { path, source, expected } of snippets) {
      // Each snippet is a project of its own, so that none helps another.
      const { findings } = await auditSource({ cwd: '/corpus', files: [{ path, source }] })
      const left = findings.map((finding) => `${finding.line} ${finding.ruleId}`)
      for (const label of expected) {
        const index = left.indexOf(label)
        if (index < 0) {
          missed += 1
          mistakes.push(`missed ${path}:${label}`)
        } else {
          found += 1
          left.splice(index, 1)
        }
      }
      wrong += left.length
      mistakes.push(...left.map((label) => `wrong ${path}:${label}`))
    }
    const [precision, recall] = [found / (found + wrong), found / (found + missed)]
    const summary = `${snippets.length} snippets, ${found + missed} hazards: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`
    process.stderr.write(`${[summary, ...mistakes].join('\n')}\n`)
    expect(precision).toBeGreaterThanOrEqual(TARGET)
    expect(recall).toBeGreaterThanOrEqual(TARGET)
  })
})
