import { formatBytes } from '@ops/internal-cli/format'
import type { Finding } from '../findings.ts'
import { html, type Html } from '../html.ts'
import type { StatusDocument } from '../status-document.ts'
import { plural } from '../words.ts'
import { mark, type Mark } from './marks.ts'
import { anchorOf } from './overview.ts'
import { leftOut, type Section } from './section.ts'

const STATES: Record<StatusDocument['state'], Mark> = { ok: 'good', warning: 'warn', critical: 'bad' }

/** So many findings stand on top, the worst first; so many more are folded. */
const MAX_SHOWN = 12
const MAX_FOLDED = 200

/** The answer to the question that people come with, and what they have to look at. */
export function verdict(document: StatusDocument): Section {
  const { state, findings, databases } = document
  const isIdle = findings.length === 0 && databases.length === 0
  const face = isIdle ? 'plain' : STATES[state]
  return {
    id: 'verdict',
    body: html`<div id="verdict" class="verdict ${face}">
      <h1>${mark(face)} <span role="status">${titleOf(document)}</span></h1>
      ${findings.length > 0 ? listOf(findings) : !isIdle && html`<p class="lead">${inFigures(document)}</p>`}
    </div>`,
  }
}

function titleOf({ findings, databases }: StatusDocument): string {
  if (findings.length > 0) return `${plural(findings.length, 'thing needs', 'things need')} you`
  return databases.length === 0 ? 'Nothing to report' : 'All is well'
}

function listOf(findings: readonly Finding[]): Html {
  const folded = findings.slice(MAX_SHOWN)
  const critical = folded.filter(({ severity }) => severity === 'critical').length
  const counts = [
    ...(critical > 0 ? [`${critical.toLocaleString('en-US')} critical`] : []),
    ...(folded.length > critical ? [plural(folded.length - critical, 'warning')] : []),
  ]
  return html`<ul class="findings">
      ${findings.slice(0, MAX_SHOWN).map(item)}
    </ul>
    ${
      folded.length > 0 &&
      html`<details>
        <summary>${folded.length.toLocaleString('en-US')} more: ${counts.join(', ')}</summary>
        <ul class="findings">
          ${folded.slice(0, MAX_FOLDED).map(item)}
        </ul>
        ${leftOut(folded.length - MAX_FOLDED, `${(folded.length - MAX_FOLDED).toLocaleString('en-US')} more`)}
      </details>`
    }`
}

function item({ severity, subject, message, section }: Finding): Html {
  const anchor = section === 'databases' ? anchorOf(subject) : section
  const name =
    anchor === undefined ? html`<strong>${subject}</strong>` : html`<a href="#${anchor}">${subject}</a>`
  return html`<li class="${STATES[severity]}">
    ${mark(STATES[severity])}
    <span><span class="hidden">${severity}: </span>${name} ${message}</span>
  </li>`
}

/** What there is to be calm about. */
function inFigures({ databases, poolers }: StatusDocument): Html {
  const backups = databases.flatMap((each) => each.backups)
  const proven = backups.filter(({ drill }) => drill?.verdict === 'proven')
  const stored = backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  return html`${plural(databases.length, 'database')}, ${plural(backups.length, 'backup')} in
  ${formatBytes(stored)}, ${proven.length.toLocaleString('en-US')} of them proven by a restore. No backup and
  no proof is older than was promised${poolers.length > 0 && ', and no client waits long'}.`
}
