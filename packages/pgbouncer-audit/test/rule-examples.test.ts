import { spawnSync } from 'node:child_process'
import { findProgram } from '@ops/testbed'
import { describeRuleExamples } from './rule-examples.ts'

const program = findProgram('pgbouncer')
const output = program === undefined ? '' : spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout

describeRuleExamples({
  mode: 'local',
  version: /\d+\.\d+/.exec(output)?.[0] ?? 'unknown',
  ...(program === undefined ? { missing: 'there is no pgbouncer on this machine' } : {}),
})
