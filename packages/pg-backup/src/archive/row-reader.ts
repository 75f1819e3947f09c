import { ROW_KERNEL } from './row-kernel.wasm.ts'

/** What the rows of one table came to. */
export interface RowSums {
  readonly rows: number
  /** Bytes of the rows, newlines included. */
  readonly bytes: number
  /** The halves of the rows' 128-bit hashes, each added up modulo 2^64. */
  readonly sum1: bigint
  readonly sum2: bigint
}

/** Reads the chain of data blocks of one table after the other. */
export interface RowReader {
  /** Begins a table. */
  start(): void
  /** Takes bytes, and returns how many of them it used; fewer than all of them only when `stopped` is set. */
  write(bytes: Uint8Array): number
  /** Why no more bytes are taken: the end of the chain, or a block header that cannot be right. */
  readonly stopped: 'end' | 'bad block' | undefined
  /** Rows of the current table so far. */
  readonly rows: number
  /** What is wrong with how the rows ended; only after the end of the chain. */
  endProblem(): string | undefined
  sums(): RowSums
}

interface Global<T> {
  readonly value: T
}

/** The exports of row-kernel.wat. */
interface RowKernel {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly input: Global<number>
  readonly capacity: Global<number>
  readonly rows: Global<bigint>
  readonly bytes: Global<bigint>
  readonly sum1: Global<bigint>
  readonly sum2: Global<bigint>
  readonly endLines: Global<number>
  readonly endBytes: Global<bigint>
  start(): void
  inRow(): number
  run(start: number, end: number, reading: number): number
}

const BLOCK_HEADER_BYTES = 5

/** With `reading` false, blocks are followed and the rows in them are left alone. */
export function createRowReader(reading: boolean): RowReader {
  const kernel = instantiate()
  const memory = new Uint8Array(kernel.memory.buffer)
  const input = kernel.input.value
  const capacity = kernel.capacity.value
  /** The beginning of a block header that was cut by the end of the bytes, kept at `input`. */
  let held = 0
  let stopped: RowReader['stopped']

  /** Takes what fits into the kernel's memory; returns how many bytes it used. */
  function take(bytes: Uint8Array): number {
    memory.set(bytes, input + held)
    const end = input + held + bytes.length
    const next = kernel.run(input, end, reading ? 1 : 0)
    if (end - next < BLOCK_HEADER_BYTES) {
      memory.copyWithin(input, next, end)
      held = end - next
      return bytes.length
    }
    const isEnd = memory.subarray(next, next + BLOCK_HEADER_BYTES).every((byte) => byte === 0)
    stopped = isEnd ? 'end' : 'bad block'
    const used = next + BLOCK_HEADER_BYTES - input - held
    held = 0
    return used
  }

  return {
    start() {
      kernel.start()
      held = 0
      stopped = undefined
    },
    write(bytes) {
      let used = 0
      while (used < bytes.length && stopped === undefined) {
        used += take(bytes.subarray(used, used + capacity - held))
      }
      return used
    },
    get stopped() {
      return stopped
    },
    get rows() {
      return Number(kernel.rows.value)
    },
    endProblem() {
      if (!reading) return undefined
      if (kernel.inRow() !== 0) return 'its last row has no end'
      if (kernel.endLines.value === 0) return 'its rows have no end mark'
      if (kernel.endLines.value !== 3 || kernel.endBytes.value !== 0n)
        return 'something follows the end mark of its rows'
      return undefined
    },
    sums() {
      return {
        rows: Number(kernel.rows.value),
        bytes: Number(kernel.bytes.value),
        sum1: BigInt.asUintN(64, kernel.sum1.value),
        sum2: BigInt.asUintN(64, kernel.sum2.value),
      }
    },
  }
}

/** The part of WebAssembly that is used: its types come with the DOM's, which are not loaded here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: RowKernel }
}

function instantiate(): RowKernel {
  return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(ROW_KERNEL, 'base64'))).exports
}
