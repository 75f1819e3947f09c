import { SETTING_PATTERN } from '../sql/settings.ts'
import type { FileKind } from './file-kind.ts'

interface Check {
  /** One of these must be there, which is quick to tell. */
  readonly words: readonly string[]
  readonly pattern: RegExp
}

/**
 * Without a match of one of these a script holds nothing to find: nineteen files out of twenty are
 * never parsed. All in lower case, and matched against lower case: that is several times faster than
 * patterns that ignore case.
 */
const SCRIPT_CHECKS: readonly Check[] = [
  check(
    ['set_config', 'advisory', 'currval(', 'lastval(', 'pgbouncer-audit'],
    String.raw`set_config|advisory_(?:un)?lock|pg_(?:try_)?advisory['"\`]|advisory-lock|currval\(|lastval\(|pgbouncer-audit`,
  ),
  check(
    ['set'],
    String.raw`\bset\s+(?:(?:session|local)\s+)?["']?(?:${SETTING_PATTERN}|time\s+zone|session\s|schema\s|\w+\.\w+\s*(?:=|to\b)|['"\`]\s*\+|['"\`$;]\s*(?:\{|\n|;|$))`,
  ),
  check(['set'], String.raw`\bset\s+(?:session\s+)?["'\`]?\$\{`),
  check(
    ['listen', 'subscribe('],
    String.raw`["'\`]\s*listen\s|\blisten\(\s*['"\`]|\b(?:sql|pg|postgres)\w*\.(?:listen|subscribe)\(`,
  ),
  check(
    ['prepare', 'deallocate', 'execute'],
    String.raw`\bprepare\s+\w+\s*(?:\(|as\b)|\bdeallocate\s|["'\`]\s*execute\s+["\w$]|\.prepare\(|PreparedStatement`,
  ),
  check(
    ['temp', 'hold', 'load'],
    String.raw`\btemp(?:orary)?\s+(?:table|view|sequence)\b|pg_temp\b|\binto\s+temp|with\s+hold\b|\bLOAD\s+'|["'\`]\s*load\s+'`,
  ),
  check(
    ['_timeout', 'pgoptions', 'options=', '-c', 'searchpath', 'replication'],
    String.raw`(?:statement|lock|idle_in_transaction_session)_timeout|PGOPTIONS|[?&]options=|-c\s*\w+=|searchPath\b|replication\s*:|prependSearchPath`,
  ),
  check(
    ['postgres', 'bun', 'pg-'],
    String.raw`(?:from|require\(|import\()\s*['"](?:postgres|bun|pg-listen|pg-pubsub|pg-ipc|graphql-postgres-subscriptions|@socket\.io/postgres-[a-z]+|pg-logical-replication|node-pg-migrate)['"]|Bun\.(?:sql|SQL)\b`,
  ),
  check(
    ['text'],
    String.raw`\bname\b\s*[:,=][^]{0,400}\btext\b\s*[:,]|\btext\b\s*[:,][^]{0,4000}\bname\b\s*[:,}=]`,
  ),
]

function check(words: readonly string[], pattern: string): Check {
  return { words, pattern: new RegExp(pattern.toLowerCase()) }
}

const SHOUTED = /\b(?:LISTEN|EXECUTE|LOAD)\s/

const SQL_WORDS =
  /\bset\b|set_config|advisory_|\blisten\b|\bprepare\b|\bexecute\b|\bdeallocate\b|\btemp(?:orary)?\b|pg_temp|\bhold\b|\bload\b|currval|lastval|pgbouncer-audit/i

/** Whether a file is worth parsing. Never says no to one that holds a hazard. */
export function mayHoldHazard(text: string, kind: FileKind): boolean {
  if (kind === 'prisma' || kind === 'env') return true
  if (kind === 'sql') return SQL_WORDS.test(text)
  const lower = text.toLowerCase()
  const matches = ({ words, pattern }: Check): boolean =>
    words.some((word) => lower.includes(word)) && pattern.test(lower)
  return SCRIPT_CHECKS.some(matches) || SHOUTED.test(text)
}
