import { describe, expect, it } from 'vitest'
import { createBaseline, withoutBaseline } from './baseline.ts'
import type { Finding } from './finding.ts'

const finding = (line: number, message = 'SET x'): Finding => ({
  ruleId: 'PGB001',
  severity: 'error',
  confidence: 'high',
  file: 'a.ts',
  line,
  column: 1,
  message,
  why: '',
  fix: '',
})

describe('a baseline', () => {
  it('knows findings wherever they moved to', () => {
    expect(withoutBaseline([finding(40)], createBaseline([finding(4)]))).toEqual([])
  })

  it('does not know one more of the same', () => {
    expect(withoutBaseline([finding(4), finding(9)], createBaseline([finding(4)]))).toEqual([finding(9)])
  })

  it('does not know another message', () => {
    expect(withoutBaseline([finding(4, 'SET y')], createBaseline([finding(4)]))).toHaveLength(1)
  })
})
