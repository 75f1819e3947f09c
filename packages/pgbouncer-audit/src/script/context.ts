import type { Driver } from './drivers.ts'
import type { Identifier } from './identity.ts'
import type { Scopes } from './scopes.ts'
import type { StringReader } from './strings.ts'
import type { Syntax } from './syntax.ts'

/** One parsed module and everything needed to ask questions about it. */
export interface ScriptContext {
  readonly source: string
  readonly syntax: Syntax
  readonly scopes: Scopes
  readonly strings: StringReader
  readonly identifier: Identifier
  /** The module imports another database's driver, and none of PostgreSQL's. */
  readonly isOtherDatabase: boolean
  /** The module imports a driver of PostgreSQL, or a module of this project that opens one. */
  readonly usesPostgres: boolean
  /** The libraries that the module imports, itself or through modules of this project. */
  readonly drivers: ReadonlySet<Driver>
  readonly isMigration: boolean
  /** Lines (from 1) on which a comment marks a connection as direct. */
  readonly directLines: readonly number[]
  lineOf(offset: number): number
}
