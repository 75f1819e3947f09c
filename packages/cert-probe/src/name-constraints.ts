import type { Certificate } from './certificate.ts'
import type { NameSubtrees } from './certificate-fields.ts'

/**
 * The first name of `leaf` that `issuer` may not certify (RFC 5280, section 4.2.1.10), or `undefined`.
 * Looks at host names and addresses, the names that servers are verified by.
 */
export function forbiddenName(leaf: Certificate, issuer: Certificate): string | undefined {
  const constraints = issuer.fields.nameConstraints
  if (constraints === undefined) return undefined
  const { permitted, excluded } = constraints
  const { dns, ips } = leaf.fields.sans
  const badDns = dns.find(
    (name) =>
      excluded.dns.some((subtree) => isWithin(name, subtree)) ||
      (permitted.dns.length > 0 && !permitted.dns.some((subtree) => isWithin(name, subtree))),
  )
  if (badDns !== undefined) return badDns
  const badIp = ips.findIndex(
    (ip) => isIpIn(ip, excluded) || (permitted.ips.length > 0 && !isIpIn(ip, permitted)),
  )
  return leaf.info.sans.ips[badIp]
}

/** `example.com` holds itself and all below it; `.example.com` only what is below it. */
function isWithin(name: string, subtree: string): boolean {
  const host = name.toLowerCase().replace(/^\*\./, '')
  const base = subtree.toLowerCase()
  if (base === '') return true
  return base.startsWith('.') ? host.endsWith(base) : host === base || host.endsWith(`.${base}`)
}

function isIpIn(ip: Buffer, subtrees: NameSubtrees): boolean {
  return subtrees.ips.some((range) => {
    if (range.length !== ip.length * 2) return false
    const mask = range.subarray(ip.length)
    return ip.every((octet, index) => (octet & mask[index]!) === (range[index]! & mask[index]!))
  })
}
