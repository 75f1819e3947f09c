/**
 * Drivers have placeholders of their own, all of them errors to PostgreSQL's grammar: `?`, `??`,
 * `:name`, `:'name'`, `@name`, `$name`, `${name}`, `$/name/`, `$1:name`, `$1~`, `%I`, `{{name}}`. Each is replaced by
 * something of the same length that parses, so that every offset stays true.
 */
const PLACEHOLDER =
  /\$\{[^{}]*\}|\{\{[^{}]*\}\}|\$\/[^/\s]*\/|\$\[[^\]\s]*\]|\$<[^>\s]*>|\$\([^)\s]*\)|\$\d+(?::\w+|[~^#])|\?\?|\?|%(?:\d+\$)?[ILs]|(?<![:\w]):[a-z_]\w*|(?<![:\w]):(?:'\w+'|"\w+")|(?<![\w@])@[a-z_]\w*|\$[a-z_]\w*(?!\$|\w)/gi

export function replacePlaceholders(sql: string): string {
  return sql.replace(PLACEHOLDER, (match) => {
    if (match === '?') return '0'
    const name = match.replace(/\W/g, '')
    return (/^[a-z_]/i.test(name) ? name : 'p').padEnd(match.length).slice(0, match.length)
  })
}

/** What only psql understands: backslash commands, and the rows after COPY … FROM stdin. */
export function blankPsql(sql: string): string {
  const blank = (text: string): string => text.replace(/[^\n]/g, ' ')
  return (
    sql
      .replace(
        /^(COPY\s[^;]*?FROM\s+stdin[^;]*;[^\n]*\n)([\s\S]*?)^\\\.$/gim,
        (_all, head: string, rows: string) => {
          return `${blank(head)}${blank(rows)}  `
        },
      )
      .replace(/^[ \t]*\\[^\n]*$/gm, blank)
      // These send the statement before them, as a semicolon does.
      .replace(/\\g(?:x|set|exec|desc)?\b[^\n;]*$/gm, (command) => `;${blank(command.slice(1))}`)
  )
}
