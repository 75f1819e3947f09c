import type { Node } from '../sql/grammar.ts'
import { walkSql } from '../sql/ast.ts'
import { HOLE } from '../sql/text.ts'
import type { SqlStatement } from '../sql/statements.ts'
import type { Rule } from './rule.ts'

interface Temporary {
  readonly name: string
  readonly what: string
  readonly location: number | undefined
  readonly dropsOnCommit: boolean
}

/** Temporary objects that outlive their transaction. */
export const tempTable: Rule = {
  id: 'PGB040',
  title: 'Temporary table that outlives its transaction',
  why: 'The table lives on one backend: the next statement may get another and not find it, and another client may find it in the way.',
  fix: 'Create it with ON COMMIT DROP inside the transaction that uses it, or use a CTE or an unlogged table.',
  *check(unit) {
    for (const { statement, isDirect, confidence, batch, droppedLater, transaction } of unit.statements) {
      if (isDirect) continue
      const temporary = temporaryObject(statement.node)
      if (temporary === undefined || temporary.dropsOnCommit || isDropped(temporary.name, statement, batch))
        continue
      if (transaction === 'inside' && droppedLater.has(temporary.name.toLowerCase())) continue
      const name = temporary.name.startsWith(HOLE) ? '…' : temporary.name
      yield {
        at: statement.at,
        message: `The temporary ${temporary.what} ${name} stays on one backend`,
        severity: 'error',
        confidence,
      }
    }
  },
}

function temporaryObject(node: Node): Temporary | undefined {
  if ('CreateStmt' in node) return fromRelation(node.CreateStmt.relation, 'table', node.CreateStmt.oncommit)
  if ('CreateTableAsStmt' in node)
    return fromRelation(node.CreateTableAsStmt.into?.rel, 'table', node.CreateTableAsStmt.into?.onCommit)
  if ('ViewStmt' in node) return fromRelation(node.ViewStmt.view, 'view', undefined)
  if ('CreateSeqStmt' in node) return fromRelation(node.CreateSeqStmt.sequence, 'sequence', undefined)
  if ('SelectStmt' in node && node.SelectStmt.intoClause !== undefined) {
    return fromRelation(node.SelectStmt.intoClause.rel, 'table', node.SelectStmt.intoClause.onCommit)
  }
  if ('CreateFunctionStmt' in node) {
    const [schema] = node.CreateFunctionStmt.funcname ?? []
    const isTemporary = schema !== undefined && 'String' in schema && schema.String.sval === 'pg_temp'
    return isTemporary
      ? { name: 'in pg_temp', what: 'function', location: undefined, dropsOnCommit: false }
      : undefined
  }
  return undefined
}

interface Relation {
  readonly relname?: string
  readonly schemaname?: string
  readonly relpersistence?: string
  readonly location?: number
}

function fromRelation(
  relation: Relation | undefined,
  what: string,
  onCommit: string | undefined,
): Temporary | undefined {
  if (relation === undefined || (relation.relpersistence !== 't' && relation.schemaname !== 'pg_temp'))
    return undefined
  return {
    name: relation.relname ?? '',
    what,
    location: relation.location,
    dropsOnCommit: onCommit === 'ONCOMMIT_DROP',
  }
}

/** DROP TABLE later in the same text, so on the same backend. */
function isDropped(name: string, statement: SqlStatement, batch: readonly SqlStatement[]): boolean {
  return batch.slice(batch.indexOf(statement) + 1).some(({ node }) => {
    if (!('DropStmt' in node)) return false
    let drops = false
    walkSql(node.DropStmt.objects, (tag, body) => {
      if (tag === 'String' && body['sval'] === name) drops = true
    })
    return drops
  })
}
