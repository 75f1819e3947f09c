/** Rows and the sums of their hashes, as 32-bit words. */
export interface PlainSums {
  rows: number
  sums: Int32Array
}

/**
 * The same work in plain JavaScript, as well as it goes there: follows the blocks, finds row ends with
 * `indexOf`, and hashes each row 128 bits wide, 32 bits at a time, with `Math.imul`.
 */
export function readRowsPlainly(blocks: Buffer): PlainSums {
  const result: PlainSums = { rows: 0, sums: new Int32Array(4) }
  for (let at = 0; at < blocks.length;) {
    const end = at + 5 + blocks.readUInt32LE(at + 1)
    for (let row = at + 5; row < end;) {
      const newline = blocks.indexOf(10, row)
      addRow(result, blocks, row, newline)
      row = newline + 1
    }
    at = end
  }
  return result
}

function addRow(result: PlainSums, bytes: Buffer, start: number, end: number): void {
  let [a, b, c, d] = [1, 2, 3, 4]
  let at = start
  for (; at + 16 <= end; at += 16) {
    a = mix(a, bytes, at) + b
    b = mix(b, bytes, at + 4) + c
    c = mix(c, bytes, at + 8) + d
    d = mix(d, bytes, at + 12) + a
  }
  for (; at < end; at++) a = Math.imul(a ^ bytes[at]!, 0x01000193)
  const { sums } = result
  sums[0]! += finish(a ^ (end - start))
  sums[1]! += finish(b + a)
  sums[2]! += finish(c + b)
  sums[3]! += finish(d + c)
  result.rows++
}

function mix(state: number, bytes: Buffer, at: number): number {
  const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  const mixed = state ^ Math.imul(word, 0x239b961b)
  return Math.imul((mixed << 19) | (mixed >>> 13), 5) | 0
}

function finish(state: number): number {
  const once = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}
