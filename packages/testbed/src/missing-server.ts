/** A server that the machine does not have; tests turn it into a skip (see `needs`). */
export class MissingServerError extends Error {
  override readonly name = 'MissingServerError'
}
