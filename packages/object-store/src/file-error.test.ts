import { describe, expect, it } from 'vitest'
import { fileError } from './file-error.ts'

describe('a file system error', () => {
  it.each([
    ['ENOENT', 'STORE_NOT_FOUND'],
    ['EACCES', 'STORE_ACCESS_DENIED'],
    ['EPERM', 'STORE_ACCESS_DENIED'],
    ['EROFS', 'STORE_READ_ONLY'],
    ['ENOSPC', 'STORE_FULL'],
    ['EDQUOT', 'STORE_FULL'],
    ['EFBIG', 'STORE_TOO_LARGE'],
    ['ENAMETOOLONG', 'STORE_BAD_KEY'],
    ['ENOTDIR', 'STORE_BAD_KEY'],
    ['EIO', 'STORE_FAILED'],
    ['ESTALE', 'STORE_FAILED'],
  ])('%s means %s', (errorName, code) => {
    const cause = Object.assign(new Error('text'), { code: errorName, syscall: 'open' })
    const error = fileError(cause, { url: 'file:///backups', key: 'a/b', doing: 'put' })
    expect(error).toMatchObject({
      code,
      cause,
      details: { url: 'file:///backups', key: 'a/b', operation: 'open', errorName },
    })
    expect(error.message).toMatch(/^cannot put "a\/b" in file:\/\/\/backups: /u)
  })
})
