import type { ConsoleResult } from './console.ts'
import { labelSet, type LabelSet } from './metric-family.ts'

/** An answer whose rows have their labels: those are made once, for all the metrics of a row. */
export interface LabelledTable {
  readonly columns: readonly string[]
  /** No two have the same labels; of such rows the first counts. */
  readonly rows: readonly { readonly labels: LabelSet; readonly row: readonly (string | null)[] }[]
}

export function labelledTable(names: readonly string[], { columns, rows }: ConsoleResult): LabelledTable {
  const indexes = names.map((name) => ({ name, index: columns.indexOf(name) }))
  const byLabels = new Map<string, LabelledTable['rows'][number]>()
  for (const row of rows) {
    const values: Record<string, string> = {}
    for (const { name, index } of indexes) values[name] = row[index] ?? ''
    const labels = labelSet(values)
    if (!byLabels.has(labels.text)) byLabels.set(labels.text, { labels, row })
  }
  return { columns, rows: [...byLabels.values()] }
}
