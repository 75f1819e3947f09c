import { BlockList, isIP } from 'node:net'
import { CertProbeError } from './errors.ts'
import type { Failure } from './failure.ts'
import { asciiName, formatTarget, parseTarget, type Target } from './target.ts'

/**
 * A server that probes on request is a way into the network it stands in: whoever can reach it could
 * knock at every door behind the firewall. So nothing may be probed but what was named beforehand.
 */
export interface NetworkPolicy {
  /** Whether this target may be asked for. */
  allowsTarget(target: Target): boolean
  /** Whether this address may be connected to for it, wherever its name leads. */
  allowsAddress(target: Target, ip: string): boolean
}

/** What may be probed on request. */
export interface NetworkPolicyOptions {
  /** Always allowed, wherever they are. */
  readonly targets: readonly string[]
  /**
   * `example.com:443`, `*.example.com:*`, `10.0.0.0/8:5432`, `/etc/ssl/*`. A star stands for anything
   * but a slash. Without a port, 443. An address range also allows the private addresses in it.
   */
  readonly patterns: readonly string[]
  /** Let host patterns lead to private addresses. @default false */
  readonly allowPrivate?: boolean
}

/** Not addresses of the public internet (RFC 6890, and cloud metadata services within them). */
const PRIVATE: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]

const privateAddresses: BlockList = blockListOf(PRIVATE)

/**
 * Whether an address is private, local, reserved, or a disguise of an IPv4 address.
 *
 * @example
 * ```ts
 * import { isPrivateAddress, probe } from '@ops/cert-probe'
 *
 * const report = await probe('example.com', { allowAddress: (ip) => !isPrivateAddress(ip) })
 * console.log(report.endpoints[0]?.failure?.code) // address-not-allowed, if that is where the name leads
 * ```
 */
export function isPrivateAddress(ip: string): boolean {
  return isInList(privateAddresses, ip)
}

/** @throws {CertProbeError} `CERT_PROBE_BAD_TARGET` for a listed target or a pattern that makes no sense */
export function createNetworkPolicy(options: NetworkPolicyOptions): NetworkPolicy {
  const listed = new Set(options.targets.map((target) => formatTarget(parseTarget(target))))
  const rules = options.patterns.map(parseRule)
  const isListed = (target: Target): boolean => listed.has(formatTarget(target))
  return {
    allowsTarget: (target) => isListed(target) || rules.some((rule) => rule.matches(target)),
    allowsAddress: (target, ip) => {
      if (isListed(target) || options.allowPrivate === true || !isPrivateAddress(ip)) return true
      return rules.some((rule) => rule.matches(target) && rule.covers(ip))
    },
  }
}

/** Why `ip` is not connected to, if it is out of bounds. */
export function addressRefusal(
  ip: string,
  allowAddress: ((ip: string) => boolean) | undefined,
): Failure | undefined {
  if (allowAddress === undefined || allowAddress(ip)) return undefined
  const message = `${ip} is not an address that may be probed from here`
  return { phase: 'connect', code: 'address-not-allowed', message }
}

interface Rule {
  matches(target: Target): boolean
  /** Whether the rule itself names addresses, and this one of them. */
  covers(ip: string): boolean
}

function parseRule(pattern: string): Rule {
  const range = /^\[?([0-9a-f.:]+)\]?(?:\/(\d{1,3}))?\]?(?::(\d+|\*))?$/i.exec(pattern)
  const network = range === null ? undefined : [range[1]!, pattern].find((each) => isIP(each) !== 0)
  if (network !== undefined) {
    const longest = isIP(network) === 6 ? 128 : 32
    const prefix = Number(range![2] ?? longest)
    if (prefix > longest) badPattern(pattern)
    const list = blockListOf([[network, prefix]])
    const port = network === pattern ? '443' : (range![3] ?? '443')
    return {
      matches: (target) =>
        target.kind === 'network' &&
        isIP(target.host) !== 0 &&
        isInList(list, target.host) &&
        isPort(target.port, port),
      covers: (ip) => isInList(list, ip),
    }
  }
  if (/^[./]|^(([a-z]+\+)?unix|kubernetes):/.test(pattern)) {
    const path = glob(pattern, '[^/]*')
    const within = (text: string): boolean => path.test(text) && !/(^|\/)\.\.(\/|$)/.test(text)
    return {
      matches: (target) => target.kind !== 'network' && within(formatTarget(target)),
      covers: () => false,
    }
  }
  const [, host, port = '443'] = /^([^\s:/[\]@?#]+)(?::(\d+|\*))?$/.exec(pattern) ?? badPattern(pattern)
  const hostPattern = glob(asciiName(host!).toLowerCase(), '[^/]*')
  return {
    matches: (target) =>
      target.kind === 'network' && hostPattern.test(target.host.toLowerCase()) && isPort(target.port, port),
    covers: () => false,
  }
}

function badPattern(pattern: string): never {
  throw new CertProbeError(
    'CERT_PROBE_BAD_TARGET',
    `the pattern "${pattern}" makes no sense: it must be HOST:PORT, NETWORK/PREFIX:PORT or a path, with * for anything`,
    { details: { target: pattern } },
  )
}

function isPort(port: number, wanted: string): boolean {
  return wanted === '*' || port === Number(wanted)
}

function glob(pattern: string, star: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join(star)}$`)
}

function blockListOf(networks: readonly (readonly [network: string, prefix: number])[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of networks)
    list.addSubnet(network, prefix, isIP(network) === 6 ? 'ipv6' : 'ipv4')
  return list
}

function isInList(list: BlockList, ip: string): boolean {
  const plain = ip.replace(/%.*$/, '')
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}
