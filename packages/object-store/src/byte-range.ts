import { ObjectStoreError } from './object-store-error.ts'

export interface ByteRange {
  readonly start: number
  /** Inclusive. */
  readonly end?: number
}

/** Throws `STORE_BAD_RANGE` unless a range is made of whole numbers in order. */
export function checkRange({ start, end }: ByteRange, url: string, key: string): void {
  const valid = Number.isSafeInteger(start) && start >= 0
  if (valid && (end === undefined || (Number.isSafeInteger(end) && end >= start))) return
  throw badRange({ start, end }, url, key, 'a range is two whole numbers, start ≤ end')
}

/** First and last byte of a range in an object of `size` bytes; as in HTTP, it must begin inside the object. */
export function resolveRange(
  range: ByteRange,
  size: number,
  url: string,
  key: string,
): { start: number; end: number } {
  checkRange(range, url, key)
  if (range.start >= size) throw badRange(range, url, key, `the object has ${size} bytes`)
  return { start: range.start, end: Math.min(range.end ?? size - 1, size - 1) }
}

export function badRange(
  { start, end }: ByteRange,
  url: string,
  key: string,
  problem: string,
): ObjectStoreError {
  return new ObjectStoreError(
    'STORE_BAD_RANGE',
    `cannot get bytes ${start}-${end ?? ''} of ${JSON.stringify(key)} in ${url}: ${problem}`,
    { details: { url, key } },
  )
}
