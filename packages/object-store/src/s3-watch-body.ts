import { Readable } from 'node:stream'
import type * as Sdk from '@aws-sdk/client-s3'

/** What the socket takes at a time; small enough to see a slow network move. */
const SLICE_BYTES = 256 * 1024

type BodyCommand = Sdk.PutObjectCommand | Sdk.UploadPartCommand

/**
 * Makes a request's body go out slice by slice, and calls `onBytes` with each that the network has
 * room for: so a connection that stands still is told from one that is slow. Done after the request
 * was signed and its checksums were made, and for each of the SDK's own attempts.
 */
export function watchBody<Command extends BodyCommand>(command: Command, onBytes: () => void): Command {
  const stack = command.middlewareStack as Sdk.PutObjectCommand['middlewareStack']
  stack.add(
    (next) => async (args) => {
      const { request } = args
      if (!hasBytes(request)) return await next(args)
      const body = Readable.from(slices(request.body, onBytes), { objectMode: false, highWaterMark: 1 })
      const copy: unknown = Object.assign(Object.create(Object.getPrototypeOf(request)), request, { body })
      return await next({ ...args, request: copy })
    },
    { step: 'deserialize', priority: 'low', name: 'watchBody' },
  )
  return command
}

function* slices(bytes: Uint8Array, onBytes: () => void): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    onBytes()
    yield bytes.subarray(at, at + SLICE_BYTES)
  }
}

function hasBytes(request: unknown): request is { readonly body: Uint8Array } {
  return (
    typeof request === 'object' &&
    request !== null &&
    'body' in request &&
    request.body instanceof Uint8Array &&
    request.body.length > 0
  )
}
