import { describe, expect, it } from 'vitest'
import { startScram } from './scram-client.ts'

// The example of RFC 7677, but for the user's name, which PostgreSQL leaves empty.
const serverFirst = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'

describe('SCRAM-SHA-256', () => {
  it('proves the password, and believes only a server that proves it too', async () => {
    const scram = startScram('pencil', 'rOprNGfwEbeRWgbNEkqO')
    expect(scram.firstMessage).toBe('n,,n=,r=rOprNGfwEbeRWgbNEkqO')
    const final = await scram.finalMessage(serverFirst)
    expect(final).toMatch(/^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=.{44}$/)
    expect(scram.isServerProven('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toBe(false)
    expect(scram.isServerProven('')).toBe(false)
  })

  it.each([
    ['a nonce that is not ours', 'r=other,s=W22Z,i=4096'],
    ['a nonce with nothing added', 'r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096'],
    ['work without end', serverFirst.replace('i=4096', 'i=2000000000')],
    ['no salt', 'r=rOprNGfwEbeRWgbNEkqOx,i=4096'],
    ['nothing', ''],
  ])('refuses a challenge with %s', async (_what, challenge) => {
    await expect(startScram('pencil', 'rOprNGfwEbeRWgbNEkqO').finalMessage(challenge)).rejects.toThrow(
      'SCRAM challenge',
    )
  })
})
