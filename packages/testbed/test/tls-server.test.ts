import { once } from 'node:events'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import {
  createServerCertificate,
  startTlsServer,
  type TlsServer,
  type TlsServerOptions,
} from '../src/index.ts'

/** Why a client that trusts `ca` refuses the server; `undefined` when it does not. */
async function refusal(server: TlsServer, ca: string | undefined = server.ca): Promise<string | undefined> {
  const socket = connect({ host: server.host, port: server.port, servername: 'localhost', ca })
  try {
    await once(socket, 'secureConnect')
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  } finally {
    socket.destroy()
  }
}

describe('a TLS server', () => {
  it.each<[NonNullable<TlsServerOptions['fault']>, string | undefined]>([
    ['none', undefined],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['not-yet-valid', 'CERT_NOT_YET_VALID'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['missing-intermediate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('with fault %s is met with %s', async (fault, code) => {
    await using server = await startTlsServer({ fault })
    expect(await refusal(server)).toBe(code)
  })

  it('with a self-signed certificate is trusted only by those who know it', async () => {
    await using server = await startTlsServer({ fault: 'self-signed' })
    await using other = await startTlsServer()
    expect(await refusal(server)).toBeUndefined()
    expect(await refusal(server, other.ca)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  it('changes its certificate while it runs, as a renewal does', async () => {
    await using server = await startTlsServer({
      certificate: { keyType: 'rsa', notAfter: new Date(Date.now() + 60_000) },
    })
    const { authority, leaf } = await createServerCertificate()
    expect(await refusal(server, authority)).not.toBeUndefined()
    server.replaceCertificate(leaf)
    expect(await refusal(server, authority)).toBeUndefined()
    expect(await refusal(server)).not.toBeUndefined()
  })
})
