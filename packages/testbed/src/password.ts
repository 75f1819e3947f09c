import { randomBytes } from 'node:crypto'

/** A password that needs no quoting anywhere. */
export function generatePassword(): string {
  return randomBytes(12).toString('hex')
}
