import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { Stanza, type Identity, type Recipient } from 'age-encryption'

/**
 * The scrypt recipient of the age format (https://c2sp.org/age, "scrypt recipient stanza"). It stands
 * here because `age-encryption` computes scrypt in JavaScript, which would hold up the whole process
 * for a second or two; Node.js computes it on a thread of its own.
 */
const LABEL = 'age-encryption.org/v1/scrypt'
const CIPHER = 'chacha20-poly1305'
const TAG = { authTagLength: 16 } as const
const NO_NONCE = Buffer.alloc(12)

/** 2^17 with r = 8 takes 128 MiB and about half a second: what OWASP's password storage cheat sheet asks of scrypt. */
const WORK_FACTOR = 17
/** 2^20 takes 1 GiB. A header that asks for more was not made for this. */
const MAX_WORK_FACTOR = 20

export function passphraseRecipient(passphrase: string): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomBytes(16)
      const cipher = createCipheriv(CIPHER, await wrapKey(passphrase, salt, WORK_FACTOR), NO_NONCE, TAG)
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
      return [new Stanza(['scrypt', unpadded(salt), String(WORK_FACTOR)], body)]
    },
  }
}

export function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const stanza = stanzas.find(({ args }) => args[0] === 'scrypt')
      if (stanza === undefined) return null
      const [, salt = '', workFactor = ''] = stanza.args
      const isSound =
        stanzas.length === 1 &&
        stanza.args.length === 3 &&
        /^[A-Za-z0-9+/]{22}$/.test(salt) &&
        /^[1-9][0-9]?$/.test(workFactor) &&
        Number(workFactor) <= MAX_WORK_FACTOR &&
        stanza.body.length === 32
      if (!isSound) throw new Error('its header has a malformed scrypt stanza')
      const key = await wrapKey(passphrase, Buffer.from(salt, 'base64'), Number(workFactor))
      const decipher = createDecipheriv(CIPHER, key, NO_NONCE, TAG)
      decipher.setAuthTag(stanza.body.subarray(16))
      try {
        return Buffer.concat([decipher.update(stanza.body.subarray(0, 16)), decipher.final()])
      } catch {
        return null
      }
    },
  }
}

/** One at a time, whatever runs side by side: each takes its own 128 MiB. */
let turn: Promise<unknown> = Promise.resolve()

function wrapKey(passphrase: string, salt: Buffer, workFactor: number): Promise<Buffer> {
  const key = turn.then(() => derive(passphrase, salt, workFactor))
  turn = key.catch(() => undefined)
  return key
}

function derive(passphrase: string, salt: Buffer, workFactor: number): Promise<Buffer> {
  const cost = { N: 2 ** workFactor, r: 8, p: 1 }
  const maxmem = 128 * cost.N * cost.r + 1024 * 1024
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, { ...cost, maxmem }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
