import { html, trusted } from './html.ts'
import { SCRIPT } from './live.ts'
import { allSections } from './sections/all-sections.ts'
import { MARKS } from './sections/marks.ts'
import { statusDocument, type StatusDocument } from './status-document.ts'
import type { Status } from './status.ts'
import { STYLE } from './style.ts'
import { clock } from './words.ts'

const STATE_WORDS: Record<StatusDocument['state'], string> = {
  ok: 'OK',
  warning: 'Warning',
  critical: 'Critical',
}

/** Nothing may stand beside them: the page's policy knows them by their digests. */
const STYLE_ELEMENT = trusted(`<style>${STYLE}</style>`)
const SCRIPT_ELEMENT = trusted(`<script>${SCRIPT}</script>`)

/** What a tab of the browser says: `Critical · production · PostgreSQL operations`. */
export function pageTitle(status: Status): string {
  const { name } = status
  return `${STATE_WORDS[statusDocument(status).state]}${name === undefined ? '' : ` · ${name}`} · PostgreSQL operations`
}

/**
 * The status as one HTML page: no outside assets, complete without JavaScript, and live with it.
 * Names come from databases and buckets, and are escaped.
 */
export function renderStatusPage(status: Status): string {
  const { name, takenAt } = status
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${pageTitle(status)}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <a class="skip" href="#verdict">Skip to the status</a>
        ${MARKS}
        <header class="top">
          <p><strong>PostgreSQL operations</strong>${name !== undefined && html` · ${name}`}</p>
          <p class="live" data-state="still">as of ${clock(takenAt)}</p>
        </header>
        <main>${allSections(status).map(({ body }) => body)}</main>
        <footer class="foot">
          <a href="api/v1/status">This page as JSON</a> <a href="api/v1/status.schema.json">its schema</a>
        </footer>
        ${SCRIPT_ELEMENT}
      </body>
    </html> `.html
}
