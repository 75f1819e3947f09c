import { scanSql } from '../sql/grammar.ts'
import { blankPsql } from '../sql/placeholders.ts'
import { readStatements, unparsedStatements } from '../sql/statements.ts'
import { literalSql } from '../sql/text.ts'
import type { PlacedStatement } from '../unit.ts'

export interface SqlFileOutcome {
  readonly statements: readonly PlacedStatement[]
  /** What kept the file, or a part of it, from being read. */
  readonly note?: string
}

/** Words and marks that PostgreSQL's SQL does not have. */
const OTHER_DATABASE = new RegExp(
  [
    String.raw`\bENGINE\s*=\s*\w`,
    String.raw`\bAUTO_?INCREMENT\b`,
    String.raw`^\s*PRAGMA\s`,
    String.raw`\bWITHOUT\s+ROWID\b`,
    String.raw`\)\s*STRICT\s*[,;]`,
    String.raw`\bVALUES\s*\(\s*["\x60]`,
    String.raw`(?:TABLE|INTO|FROM|UPDATE)\s+\x60`,
    String.raw`^GO\s*$`,
    String.raw`^\s*DECLARE\s+@`,
    String.raw`\bN?VARCHAR2?\s*\(\s*MAX\s*\)`,
    String.raw`\bNVARCHAR\b|\bVARCHAR2\b`,
    String.raw`^\s*DELIMITER\s`,
  ].join('|'),
  'im',
)
const OTHER_PATH =
  /(?:^|[/._-])(?:mysql|mariadb|sqlite3?|mssql|sqlserver|clickhouse|duckdb|snowflake|oracle|d1|libsql|bigquery|h2|cockroach)(?:[/._-]|$)/i

/** The statements of a `.sql` file, unless it is for another database, or a dump. */
export function readSqlFile(path: string, source: string): SqlFileOutcome {
  if (OTHER_PATH.test(path) || OTHER_DATABASE.test(source)) return { statements: [] }
  if (/^-- PostgreSQL database (?:cluster )?dump/m.test(source)) {
    return {
      statements: [],
      note: 'A pg_dump script, which sets parameters for its session: load it over a direct connection',
    }
  }
  const text = blankPsql(source)
  if (scanSql(text) === undefined)
    return {
      statements: [],
      note: 'Cannot be parsed as SQL: a string, a comment or a quoted name is not closed',
    }
  const statements = readStatements(literalSql(text), { isCertainlySql: true })
  let depth = 0
  const placed = statements.map((statement): PlacedStatement => {
    const { node } = statement
    if ('TransactionStmt' in node && !statement.inRoutine) {
      const { kind } = node.TransactionStmt
      if (kind === 'TRANS_STMT_BEGIN' || kind === 'TRANS_STMT_START') depth = 1
      if (kind === 'TRANS_STMT_COMMIT' || kind === 'TRANS_STMT_ROLLBACK') depth = 0
    }
    return {
      statement,
      transaction: depth > 0 ? 'inside' : 'unknown',
      isDirect: false,
      confidence: statement.reading === 'parsed' ? 'high' : 'medium',
      batch: statements,
      droppedLater: new Set(),
    }
  })
  const note = unparsedNote(text)
  return { statements: placed, ...(note === undefined ? {} : { note }) }
}

function unparsedNote(text: string): string | undefined {
  const places = unparsedStatements(text)
  if (places.length === 0) return undefined
  const line = text.slice(0, places[0]).split('\n').length
  return places.length === 1
    ? `The statement on line ${line} is not PostgreSQL's SQL; only the words it begins with, and its calls, were looked at`
    : `${places.length} statements are not PostgreSQL's SQL, the first on line ${line}; only the words they begin with, and their calls, were looked at`
}
