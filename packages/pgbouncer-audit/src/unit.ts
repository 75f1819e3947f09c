import type { SqlStatement } from './sql/statements.ts'
import type { TransactionState } from './script/transaction.ts'

/** How sure a finding is. */
export type Confidence = 'high' | 'medium' | 'low'

/** A statement with what is known of the place it runs in. */
export interface PlacedStatement {
  readonly statement: SqlStatement
  readonly transaction: TransactionState
  /** It runs on a connection that goes past PgBouncer. */
  readonly isDirect: boolean
  readonly confidence: Confidence
  /** All statements sent with it in one message, in order, itself included. */
  readonly batch: readonly SqlStatement[]
  /** Temporary tables that the same transaction drops again, in statements sent later. */
  readonly droppedLater: ReadonlySet<string>
}

/** A parameter that a client sends when it connects. */
export interface StartupParameter {
  readonly kind: 'startup-parameter'
  readonly name: string
  /** Sent inside the parameter `options`, as `-c name=value`. */
  readonly viaOptions: boolean
}

/** A use of a library that matters by itself, without any SQL in sight. */
export type LibraryFact =
  | StartupParameter
  | { readonly kind: 'named-statement'; readonly via: 'pg' | 'pg-promise' | 'drizzle' }
  | { readonly kind: 'implicit-prepare'; readonly via: 'postgres.js' | 'Bun.SQL' | 'Prisma' }
  | { readonly kind: 'listen'; readonly via: string }
  | { readonly kind: 'search-path-option'; readonly via: string }
  | { readonly kind: 'replication'; readonly via: string }
  | { readonly kind: 'session-lock'; readonly via: string }
  | { readonly kind: 'migration-lock'; readonly via: string }

/** What is known of a library's use at one place of a file. */
export type PlacedFact = LibraryFact & {
  /** Offset in the file. */
  readonly at: number
  readonly isDirect: boolean
  readonly confidence: Confidence
}

/** All that one file tells the rules. */
export interface Unit {
  readonly statements: readonly PlacedStatement[]
  readonly facts: readonly PlacedFact[]
}
