import { html } from '../html.ts'
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
          ? databases.length > 0 &&
            html`<p class="lead">
              Every backup and every proof is as young as was promised, and nothing waits.
            </p>`
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
