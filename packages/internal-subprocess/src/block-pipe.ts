import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Node.js reads a child's pipe into new memory each time, 64 KiB of it, and collects the garbage
 * later, which costs more than the reading. A socket that was connected with `onread` is read into
 * memory of one's own. So the child gets one end of a Unix socket for its stdout, and this reads the other.
 */
export interface BlockPipe {
  /** For the child's `stdio`; destroy it here once the child has it, or the pipe never ends. */
  readonly childEnd: Socket
  /**
   * The bytes, in full blocks but for the last. A block may be used until the next one is asked for;
   * the others are being filled meanwhile, and when all are full, reading pauses.
   */
  readonly blocks: AsyncIterable<Buffer>
  destroy(): void
}

export interface BlockPipeOptions {
  /** Two at least. @default 4 */
  readonly blockCount?: number
  /** @default 512 KiB */
  readonly blockBytes?: number
  /** Sees bytes as soon as they come, in order; what it throws fails `blocks`. */
  readonly onBytes?: (bytes: Buffer) => void
}

const KIB = 1024

export async function openBlockPipe(options: BlockPipeOptions = {}): Promise<BlockPipe> {
  const { blockCount = 4, blockBytes = 512 * KIB, onBytes } = options
  const blocks = Array.from({ length: blockCount }, () => Buffer.allocUnsafeSlow(blockBytes))
  /** Blocks filled, and blocks given back, since the start; what lies between is full or in use. */
  let filledBlocks = 0
  let freedBlocks = 0
  /** Bytes in the block that is being filled. */
  let filled = 0
  let over = false
  let failure: Error | undefined
  let wake = (): void => undefined

  const filling = (): Buffer => blocks[filledBlocks % blockCount]!

  /** Returns whether there is room for more. */
  function take(length: number): boolean {
    try {
      onBytes?.(filling().subarray(filled, filled + length))
    } catch (error) {
      socket.destroy(error as Error)
      return false
    }
    filled += length
    if (filled < blockBytes) return true
    filled = 0
    filledBlocks += 1
    wake()
    return filledBlocks - freedBlocks < blockCount
  }

  const { socket, childEnd } = await connectPair({
    buffer: () => filling().subarray(filled),
    callback: take,
  })
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => {
    over = true
    wake()
  })

  async function* read(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        if (failure !== undefined) throw failure
        if (freedBlocks < filledBlocks) {
          yield blocks[freedBlocks % blockCount]!
          freedBlocks += 1
          socket.resume()
        } else if (over) {
          if (filled > 0) yield filling().subarray(0, filled)
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      socket.destroy()
    }
  }

  return { childEnd, blocks: read(), destroy: () => socket.destroy() }
}

interface OnRead {
  readonly buffer: () => Buffer
  readonly callback: (length: number) => boolean
}

/** Two connected Unix sockets. The path that joins them is gone, with its private folder, before this returns. */
async function connectPair(onread: OnRead): Promise<{ socket: Socket; childEnd: Socket }> {
  const folder = await mkdtemp(join(tmpdir(), 'ops-pipe-'))
  const server = createServer({ pauseOnConnect: true })
  try {
    const path = join(folder, 's')
    server.listen(path)
    await once(server, 'listening')
    const connected = once(server, 'connection')
    const socket = connect({ path, onread })
    const [childEnd] = (await connected) as [Socket]
    return { socket, childEnd }
  } finally {
    server.close()
    await rm(folder, { recursive: true, force: true })
  }
}
