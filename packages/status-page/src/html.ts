import { printable } from '@ops/internal-cli/format'

/** Text that is HTML already; made by `html` alone. */
export interface Html {
  readonly html: string
}

type Part = Html | string | number | false | null | undefined | readonly Part[]

/**
 * A template whose every value is escaped, unless it is HTML itself. What could turn the reading
 * direction or hide is made visible: names come from databases and buckets, which are not trusted.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.reduce((text, string, index) => text + render(parts[index - 1]) + string) }
}

/** HTML that was written by hand: a style sheet or a script of this package, never anything from outside. */
export function trusted(text: string): Html {
  return { html: text }
}

function render(part: Part): string {
  if (part === undefined || part === null || part === false) return ''
  if (typeof part === 'string') return escapeHtml(printable(part))
  if (typeof part === 'number') return String(part)
  return 'html' in part ? part.html : part.map(render).join('')
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
}
