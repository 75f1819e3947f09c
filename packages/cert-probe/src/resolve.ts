import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { unlessAborted } from './deadline.ts'
import { ProbeFailure } from './failure.ts'

/** An address that a name leads to. */
export interface ResolvedAddress {
  readonly ip: string
  readonly family: 4 | 6
}

/** Resolves a name; replace it to pin addresses, or to ask a DNS server of one's own. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

/** Which addresses are wanted. */
export type IpPreference = 'any' | 'ip4' | 'ip6' | 'ip4-only' | 'ip6-only'

/** As every program on this machine does it: hosts file, search domains, DNS. */
export async function systemResolve(host: string): Promise<readonly ResolvedAddress[]> {
  const addresses = await lookup(host, { all: true, order: 'verbatim' })
  return addresses.map(({ address, family }) => ({ ip: address, family: family === 6 ? 6 : 4 }))
}

/** All addresses of `host`, without doubles, in the order of preference. */
export async function resolveHost(
  host: string,
  preference: IpPreference,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  const literal = isIP(host)
  const found =
    literal === 0
      ? await unlessAborted(ask(host, resolve), signal)
      : [{ ip: host, family: literal === 6 ? 6 : 4 } as const]
  const unique = [...new Map(found.map((address) => [address.ip, address])).values()]
  const wanted = prefer(unique, preference)
  if (wanted.length > 0) return wanted
  const family = preference === 'ip4-only' ? 'IPv4 ' : preference === 'ip6-only' ? 'IPv6 ' : ''
  throw new ProbeFailure('resolve', 'name-not-found', `${host} has no ${family}address`)
}

async function ask(host: string, resolve: Resolve): Promise<readonly ResolvedAddress[]> {
  try {
    return await resolve(host)
  } catch (error) {
    throw new ProbeFailure(
      'resolve',
      'name-not-found',
      `${host} cannot be resolved: ${(error as Error).message}`,
      error,
    )
  }
}

function prefer(addresses: readonly ResolvedAddress[], preference: IpPreference): readonly ResolvedAddress[] {
  if (preference === 'any') return addresses
  const family = preference.startsWith('ip4') ? 4 : 6
  const preferred = addresses.filter((address) => address.family === family)
  if (preference.endsWith('-only')) return preferred
  return [...preferred, ...addresses.filter((address) => address.family !== family)]
}
