import { html, type Html } from '../html.ts'

/** A part of the page that is sent anew when it changes. */
export interface Section {
  /** Its id on the page. */
  readonly id: string
  readonly body: Html
}

/** What a list leaves out, if anything. */
export function leftOut(count: number, words: string): Html {
  if (count <= 0) return html``
  return html`<p class="note">… and ${words}; <a href="api/v1/status">the JSON</a> has them all.</p>`
}

/** A part with a heading, which names it for screen readers too. */
export function section(id: string, title: string, body: Html, note?: Html | string): Section {
  return {
    id,
    body: html`<section id="${id}" aria-labelledby="${id}-title">
      <div class="head">
        <h2 id="${id}-title">${title}</h2>
        ${note !== undefined && html`<p class="note">${note}</p>`}
      </div>
      ${body}
    </section>`,
  }
}
