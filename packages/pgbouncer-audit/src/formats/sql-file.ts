import { blankPsql } from '../sql/placeholders.ts'
import { readStatements } from '../sql/statements.ts'
import { literalSql } from '../sql/text.ts'
import type { PlacedStatement } from '../unit.ts'

export type SqlFileOutcome = { readonly statements: readonly PlacedStatement[] } | { readonly note: string }

const OTHER_DATABASE =
  /\bENGINE\s*=\s*(?:InnoDB|MyISAM|MergeTree)|\bAUTO_?INCREMENT\b|^\s*PRAGMA\s|^GO\s*$|\bNVARCHAR\b|\bVARCHAR2\b|^\s*DELIMITER\s/im
const OTHER_PATH =
  /(?:^|[/._-])(?:mysql|mariadb|sqlite3?|mssql|sqlserver|clickhouse|duckdb|snowflake|oracle|d1|libsql|bigquery|h2|cockroach)(?:[/._-]|$)/i

/** The statements of a `.sql` file, unless it is for another database, or a dump. */
export function readSqlFile(path: string, source: string): SqlFileOutcome {
  if (OTHER_PATH.test(path) || OTHER_DATABASE.test(source)) return { statements: [] }
  if (/^-- PostgreSQL database (?:cluster )?dump/m.test(source)) {
    return {
      note: 'A pg_dump script, which sets parameters for its session: load it over a direct connection',
    }
  }
  const statements = readStatements(literalSql(blankPsql(source)), { isCertainlySql: true })
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
  return { statements: placed }
}
