import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { restoreVerifyErrorCodes } from './restore-verify-error.ts'

describe('the README', () => {
  it('explains every error code, and none that does not exist', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const explained = [...readme.matchAll(/^\| `(VERIFY_[A-Z_]+)`/gm)].map((match) => match[1])
    expect(new Set(explained)).toEqual(new Set(restoreVerifyErrorCodes))
  })
})
