import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(pbkdf2)

/** Whether a password in the clear is the one behind a SCRAM verifier or an MD5 hash of PostgreSQL. */
export async function passwordFits(password: string, verifier: string, user: string): Promise<boolean> {
  const scram = /^SCRAM-SHA-256\$(\d{1,7}):([^$]+)\$([^:]+):/.exec(verifier)
  if (scram === null)
    return (
      verifier ===
      `md5${createHash('md5')
        .update(password + user)
        .digest('hex')}`
    )
  const [, iterations, salt, storedKey] = scram
  const salted = await derive(
    password.normalize('NFKC'),
    Buffer.from(salt!, 'base64'),
    Number(iterations),
    32,
    'sha256',
  )
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const expected = Buffer.from(storedKey!, 'base64')
  const actual = createHash('sha256').update(clientKey).digest()
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}
