import type { ConsoleResult } from './console.ts'
import type { Count } from './show-rows.ts'

/** How one field is read: from the first of `names` that the answer has, and `also` beside it. */
interface Field<Value> {
  readonly names: readonly string[]
  readonly also?: string
  read(text: string | null, also: string | null): Value
}

/** A field for each property of a row but `extra`. */
export type Shape<Row> = { readonly [Property in keyof Omit<Row, 'extra'>]: Field<Row[Property]> }

export function text(name: string): Field<string> {
  return { names: [name], read: (value) => value ?? '' }
}

/** PgBouncer says NULL or writes nothing where there is nothing. */
export function optionalText(name: string): Field<string | null> {
  return { names: [name], read: (value) => (value === '' ? null : value) }
}

export function int(...names: readonly string[]): Field<number> {
  return { names, read: (value) => toNumber(value) ?? 0 }
}

export function optionalInt(...names: readonly string[]): Field<number | null> {
  return { names, read: toNumber }
}

export function count(...names: readonly string[]): Field<Count> {
  return { names, read: (value) => toCount(value) ?? 0 }
}

export function optionalCount(...names: readonly string[]): Field<Count | null> {
  return { names, read: toCount }
}

export function flag(...names: readonly string[]): Field<boolean> {
  return { names, read: isTrue }
}

export function optionalFlag(name: string): Field<boolean | null> {
  return { names: [name], read: (value) => (value === null ? null : isTrue(value)) }
}

/** A column of whole microseconds, as seconds. */
export function microseconds(...names: readonly string[]): Field<number> {
  return { names, read: (value) => secondsOf(toCount(value) ?? 0) }
}

/** A column of whole seconds, and beside it one with the microseconds that are left. */
export function secondsAndMicroseconds(name: string, microsecondsName: string): Field<number> {
  return {
    names: [name],
    also: microsecondsName,
    read: (value, also) => secondsOf(BigInt(toCount(value) ?? 0) * 1_000_000n + BigInt(toCount(also) ?? 0)),
  }
}

/** Rows of text to typed rows, by column name; unknown columns go to `extra`. */
export function toRows<Row extends { readonly extra: object }>(
  result: ConsoleResult,
  shape: Shape<Row>,
): Row[] {
  const { columns, rows } = result
  const fields = Object.entries<Field<unknown>>(shape)
  const plan = fields.map(([property, field]) => ({
    property,
    field,
    index: field.names.map((name) => columns.indexOf(name)).find((index) => index !== -1) ?? -1,
    alsoIndex: field.also === undefined ? -1 : columns.indexOf(field.also),
  }))
  const known = new Set(
    fields.flatMap(([, { names, also }]) => (also === undefined ? names : names.concat(also))),
  )
  const unknown = columns.flatMap((column, index) => (known.has(column) ? [] : [{ column, index }]))
  return rows.map((values) => {
    const row: Record<string, unknown> = {}
    for (const { property, field, index, alsoIndex } of plan) {
      row[property] = field.read(values[index] ?? null, values[alsoIndex] ?? null)
    }
    row['extra'] = Object.fromEntries(unknown.map(({ column, index }) => [column, values[index] ?? null]))
    return row as unknown as Row
  })
}

/** Exact: whole seconds and the microseconds that are left are divided apart. */
function secondsOf(value: Count): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value / 1_000_000
  const whole = BigInt(value)
  return Number(whole / 1_000_000n) + Number(whole % 1_000_000n) / 1_000_000
}

function toNumber(value: string | null): number | null {
  // SHOW USERS pads its numbers with spaces, and leaves them empty where nothing is set.
  const trimmed = value?.trim() ?? ''
  const number = Number(trimmed)
  return trimmed === '' || Number.isNaN(number) ? null : number
}

function toCount(value: string | null): Count | null {
  const number = toNumber(value)
  if (number === null || Number.isSafeInteger(number)) return number
  const whole = /^\s*(-?\d+)/.exec(value!)?.[1]
  if (whole === undefined) return null
  const exact = BigInt(whole)
  return exact >= Number.MIN_SAFE_INTEGER && exact <= Number.MAX_SAFE_INTEGER ? Number(exact) : exact
}

function isTrue(value: string | null): boolean {
  return value === '1' || value === 'yes' || value === 't'
}
