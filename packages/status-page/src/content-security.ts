import { createHash } from 'node:crypto'
import { HTML_POLICY } from '@ops/restore-verify'
import { SCRIPT } from './live.ts'
import { STYLE } from './style.ts'

const sha256 = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Sent with everything: nobody frames it, guesses types, keeps a copy, or learns where a reader came from. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

const NOTHING_ELSE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The page runs its own script and shows its own style, known by their digests, and speaks to nobody else. */
export const PAGE_POLICY: string = `default-src 'none'; style-src ${sha256(STYLE)}; script-src ${sha256(SCRIPT)}; connect-src 'self'; ${NOTHING_ELSE}`

/** A drill's report shows its own style, and runs no script at all. */
export const REPORT_POLICY: string = `${HTML_POLICY}; ${NOTHING_ELSE}`

/** JSON and plain text show nothing. */
export const DATA_POLICY: string = `default-src 'none'; ${NOTHING_ELSE}`
