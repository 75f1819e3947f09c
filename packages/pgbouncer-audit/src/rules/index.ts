import { sessionSet } from './pgb001-session-set.ts'
import { setConfig } from './pgb002-set-config.ts'
import { localOutsideTransaction } from './pgb003-local-outside.ts'
import { setRole } from './pgb004-set-role.ts'
import { sessionCharacteristics } from './pgb005-session-characteristics.ts'
import { advisoryLock } from './pgb010-advisory-lock.ts'
import { listen } from './pgb020-listen.ts'
import { sqlPrepare } from './pgb030-sql-prepare.ts'
import { namedStatement } from './pgb031-named-statement.ts'
import { implicitPrepare } from './pgb032-implicit-prepare.ts'
import { tempTable } from './pgb040-temp-table.ts'
import { withHold } from './pgb041-with-hold.ts'
import { load } from './pgb042-load.ts'
import { currval } from './pgb043-currval.ts'
import { startupParameter } from './pgb050-startup-parameter.ts'
import { searchPathOption } from './pgb051-search-path-option.ts'
import { replication } from './pgb060-replication.ts'
import { migrationLock } from './pgb061-migration-lock.ts'
import type { Rule } from './rule.ts'

/** Every rule, in the order of its id. */
export const RULES: readonly Rule[] = [
  sessionSet,
  setConfig,
  localOutsideTransaction,
  setRole,
  sessionCharacteristics,
  advisoryLock,
  listen,
  sqlPrepare,
  namedStatement,
  implicitPrepare,
  tempTable,
  withHold,
  load,
  currval,
  startupParameter,
  searchPathOption,
  replication,
  migrationLock,
]
