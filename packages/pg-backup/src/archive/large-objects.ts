import { createHash } from 'node:crypto'
import type { ByteSource, Reading } from './byte-source.ts'

/** All large objects of a database, whatever order they come in. */
export interface LargeObjectsDigest {
  count: number
  bytes: number
  /** `ops1:` and 256 bits in hex: the objects' SHA-256 hashes, added up. */
  digest: string
}

/** Counts and digests large objects as they come. */
export interface LargeObjects {
  /** Reads the members of one data entry: object numbers, each with its blocks, and a last number 0. */
  read(source: ByteSource): Reading<void>
  /** Takes one object piece by piece. */
  begin(oid: number): { write(piece: Uint8Array): void; end(): void }
  result(): LargeObjectsDigest
}

/** With `reading` false, blocks are followed and the bytes in them are left alone. */
export function createLargeObjects(reading: boolean): LargeObjects {
  let count = 0
  let bytes = 0
  let sum = 0n

  function begin(oid: number): ReturnType<LargeObjects['begin']> {
    const hash = createHash('sha256').update(`ops1 ${oid}\n`)
    return {
      write(piece) {
        if (reading) hash.update(piece)
        bytes += piece.length
      },
      end() {
        count++
        sum = BigInt.asUintN(256, sum + BigInt(`0x${hash.digest('hex')}`))
      },
    }
  }

  function* readObject(source: ByteSource, oid: number): Reading<void> {
    const object = begin(oid)
    for (;;) {
      const length = yield* source.int()
      if (length < 0) throw source.corrupt(`a block of large object ${oid} has the length ${length}`)
      if (length === 0) break
      yield* source.pieces(length, (piece) => object.write(piece))
    }
    object.end()
  }

  return {
    *read(source) {
      for (;;) {
        // Object numbers have no sign, and are written as if they had one.
        const oid = (yield* source.int()) >>> 0
        if (oid === 0) return
        yield* readObject(source, oid)
      }
    },
    begin,
    result() {
      return { count, bytes, digest: reading ? `ops1:${sum.toString(16).padStart(64, '0')}` : '' }
    },
  }
}
