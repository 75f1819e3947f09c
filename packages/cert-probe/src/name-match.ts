import { isIP } from 'node:net'
import { parseIp, type Certificate } from './certificate.ts'

/**
 * Whether the certificate is for `name`, a host name or an address. Only subject alternative names
 * count: no client looks at the common name any more (RFC 9525, section 6.3), also where Node does.
 */
export function isForName(certificate: Certificate, name: string): boolean {
  const { sans } = certificate.fields
  if (isIP(name) !== 0) {
    const wanted = parseIp(name)
    return sans.ips.some((ip) => ip.equals(wanted))
  }
  const host = withoutFinalDot(name.toLowerCase())
  return sans.dns.some((pattern) => matchesPattern(host, withoutFinalDot(pattern.toLowerCase())))
}

/** A star stands for exactly one label, the leftmost, as a whole. */
function matchesPattern(host: string, pattern: string): boolean {
  if (pattern === '' || host === '') return false
  const hostLabels = host.split('.')
  const patternLabels = pattern.split('.')
  if (hostLabels.length !== patternLabels.length) return false
  return patternLabels.every(
    (label, index) =>
      (index === 0 && label === '*' && patternLabels.length > 1) ||
      (label === hostLabels[index] && label !== ''),
  )
}

/** It only says that the name is complete: neither certificates nor SNI (RFC 6066, section 3) have it. */
export function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
