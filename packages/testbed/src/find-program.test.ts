import { chmodSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findPostgres } from './find-postgres.ts'
import { findProgram } from './find-program.ts'

describe('finding programs', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'find-program-'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })

  function addProgram(path: string, mode = 0o755, script = '#!/bin/sh\n'): string {
    const file = join(folder, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, script)
    chmodSync(file, mode)
    return file
  }

  it('prefers OPS_PG_BIN to PATH, and passes by what cannot be run', () => {
    const onPath = addProgram('path/some-program')
    vi.stubEnv('PATH', join(folder, 'path'))
    expect(findProgram('some-program')).toBe(onPath)
    const own = addProgram('own/some-program')
    vi.stubEnv('OPS_PG_BIN', join(folder, 'own'))
    expect(findProgram('some-program')).toBe(own)
    chmodSync(own, 0o644)
    expect(findProgram('some-program')).toBe(onPath)
    mkdirSync(join(folder, 'own', 'a-folder'))
    expect(findProgram('a-folder')).toBeUndefined()
  })

  it('takes the newest PostgreSQL on PATH, or the one of the version asked for', () => {
    for (const version of ['97.1', '98.0', '96.3']) {
      addProgram(`${version}/initdb`)
      addProgram(
        `${version}/postgres`,
        0o755,
        `#!/bin/sh\necho "postgres (PostgreSQL) ${version} (Some OS)"\n`,
      )
    }
    vi.stubEnv('PATH', ['97.1', '98.0', '96.3'].map((version) => join(folder, version)).join(':'))
    expect(findPostgres()).toMatchObject({ major: 98, binFolder: join(folder, '98.0') })
    expect(findPostgres(96)).toMatchObject({ binFolder: join(folder, '96.3') })
    expect(findPostgres(95)).toBeUndefined()
  })
})
