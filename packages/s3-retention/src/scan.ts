import type { RetentionItem } from './retention-item.ts'

/** What a look at the store found. */
export interface Scan {
  readonly items: readonly RetentionItem[]
  /** What belongs to no item; it is never touched. */
  readonly ignored: { readonly objects: number; readonly bytes: number }
}

/** How far a look at the store is; totals only where they are known. */
export type ScanProgress =
  | { readonly phase: 'listing'; readonly objects: number }
  | { readonly phase: 'reading'; readonly manifests: number; readonly total: number }
