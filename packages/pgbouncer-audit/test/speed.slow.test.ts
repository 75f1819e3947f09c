import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditResult } from '../src/audit-source.ts'
import { writeLargeProject, type LargeProject } from './large-project.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

describe('4,000 files, 30 MB of TypeScript', () => {
  let project: LargeProject
  beforeAll(() => {
    project = writeLargeProject()
  })
  afterAll(() => rmSync(project.folder, { recursive: true, force: true }))

  // How fast that is, is measured by `pnpm bench audit`, against parsing them all.
  it('are audited by parsing fewer than one in twenty, and finding every hazard', () => {
    expect(project.bytes).toBeGreaterThan(30_000_000)
    const { stdout } = spawnSync(process.execPath, [CLI, '--json', project.folder], {
      encoding: 'utf8',
      maxBuffer: 1e9,
    })
    const { findings, stats } = JSON.parse(stdout) as AuditResult
    expect(findings).toHaveLength(project.hazards)
    expect(stats.files).toBe(project.files)
    expect(stats.parsedFiles).toBeLessThan(project.files / 20)
  })
})
