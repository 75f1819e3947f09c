/** PEM (RFC 7468), read as leniently as programs write it: with text around, CRLF, and headers. */

export interface PemBlock {
  readonly label: string
  readonly bytes: Buffer
}

/** All blocks of `text`, in order; what is cut off or is not base64 is skipped. Takes linear time. */
export function readPem(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  let open: { label: string; bodyStart: number } | undefined
  for (const mark of text.matchAll(/-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----/g)) {
    const [whole, kind, label] = mark as unknown as [string, string, string]
    if (kind === 'BEGIN') {
      open = { label, bodyStart: mark.index + whole.length }
    } else if (open?.label === label) {
      const bytes = decodeBody(text.slice(open.bodyStart, mark.index))
      if (bytes !== undefined) blocks.push({ label, bytes })
      open = undefined
    }
  }
  return blocks
}

function decodeBody(body: string): Buffer | undefined {
  // Headers such as `Proc-Type: 4,ENCRYPTED` contain a colon, which base64 does not.
  const lines = body.split('\n').filter((line) => !line.includes(':'))
  const base64 = lines.join('').replace(/\s+/g, '')
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined
}

/** The DER of the certificates in `text`. */
export function pemCertificates(text: string): Buffer[] {
  return readPem(text)
    .filter((block) => block.label === 'CERTIFICATE' || block.label === 'X509 CERTIFICATE')
    .map((block) => block.bytes)
}
