import { formatBytes } from '@ops/internal-cli/format'
import { html, type Html } from '../html.ts'
import type { StatusDocument } from '../status-document.ts'
import { plural } from '../words.ts'
import { mark, type Mark } from './marks.ts'
import type { Section } from './section.ts'

const STATES: Record<StatusDocument['state'], Mark> = { ok: 'good', warning: 'warn', critical: 'bad' }

/** The answer to the question that people come with, and what they have to look at. */
export function verdict({ state, findings, databases }: StatusDocument): Section {
  const [worst] = findings
  const title =
    worst === undefined
      ? databases.length === 0
        ? 'Nothing to report'
        : 'All is well'
      : `${plural(findings.length, 'thing needs', 'things need')} you`
  return {
    id: 'verdict',
    body: html`<div id="verdict" class="verdict ${STATES[state]}">
      <h1>${mark(STATES[state])} <span role="status">${title}</span></h1>
      ${
        worst === undefined
          ? databases.length > 0 && html`<p class="lead">${inFigures(databases)}</p>`
          : html`<ul class="findings">
              ${findings.map(
                ({ severity, subject, message, section }) =>
                  html`<li class="${STATES[severity]}">
                    ${mark(STATES[severity])}
                    <span
                      ><span class="hidden">${severity}: </span
                      ><a href="#${section}">${subject}</a> ${message}</span
                    >
                  </li>`,
              )}
            </ul>`
      }
    </div>`,
  }
}

/** What there is to be calm about. */
function inFigures(databases: StatusDocument['databases']): Html {
  const backups = databases.flatMap((each) => each.backups)
  const proven = backups.filter(({ drill }) => drill?.verdict === 'proven')
  const stored = backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  return html`${plural(databases.length, 'database')}, ${plural(backups.length, 'backup')} in
  ${formatBytes(stored)}, ${plural(proven.length, 'of them proven', 'of them proven')} by a restore. Every
  backup and every proof is as young as was promised, and nothing waits.`
}
