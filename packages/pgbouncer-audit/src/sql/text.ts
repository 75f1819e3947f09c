/**
 * SQL as it stands in a program: known text, with holes where a value or a fragment is put in at
 * run time. Every piece remembers where in the file it came from.
 */
export type Piece =
  | { readonly kind: 'text'; readonly text: string; readonly start: number; readonly end: number }
  | { readonly kind: 'hole'; readonly start: number }

/** One way a text can turn out; `a ? 'x' : 'y'` makes two of them. */
export type SqlText = readonly Piece[]

export interface RenderedSql {
  readonly sql: string
  /** The offset in the file for an offset in `sql`. */
  sourceOffset(offset: number): number
}

/** How a hole is filled so that the grammar can read the rest. */
export type HoleStyle = 'identifier' | 'parameter' | 'nothing'

/** A name that stands for a hole; no real program uses it. */
export const HOLE = 'ops_hole'

export function renderSql(text: SqlText, style: HoleStyle): RenderedSql {
  const marks: { at: number; piece: Piece }[] = []
  let sql = ''
  let holes = 0
  for (const piece of text) {
    marks.push({ at: sql.length, piece })
    sql += piece.kind === 'text' ? piece.text : fillHole(style, (holes += 1))
  }
  return {
    sql,
    sourceOffset(offset) {
      const mark = marks.findLast((each) => each.at <= offset) ?? marks[0]
      if (mark === undefined) return 0
      if (mark.piece.kind === 'hole') return mark.piece.start
      return Math.min(mark.piece.start + (offset - mark.at), Math.max(mark.piece.start, mark.piece.end - 1))
    },
  }
}

function fillHole(style: HoleStyle, number: number): string {
  if (style === 'nothing') return ' '
  return style === 'parameter' ? `$${number}` : `${HOLE}${number}`
}

/** The text with every hole shown as `…`, for messages. */
export function describeSql(text: SqlText): string {
  return text.map((piece) => (piece.kind === 'text' ? piece.text : '…')).join('')
}

/** Text that stands in the file as it is, such as a `.sql` file. */
export function literalSql(text: string, start = 0): SqlText {
  return [{ kind: 'text', text, start, end: start + text.length }]
}
