/** The native parser recurses; it overflows its stack, and ends the process, some way above this. */
const MAX_DEPTH = 3000
/** `a => a => …`, `A<A<…` and `<a><a>…` nest without brackets. */
const CHAIN = /(?:(?:\w+\s*(?:=>|<)|<\w*>)\s*)+/g
/** No chain that a person wrote is as long as this. */
const MAX_CHAIN_LENGTH = 4000

/**
 * Whether a source nests deeper than any program does. Brackets in strings count too, so this may
 * say yes too early, but never too late.
 */
export function nestsTooDeep(source: string): boolean {
  let depth = 0
  let deepest = 0
  let angles = 0
  for (let at = 0; at < source.length; at += 1) {
    switch (source.charCodeAt(at)) {
      case 0x28: // (
      case 0x5b: // [
      case 0x7b: // {
        depth += 1
        if (depth > deepest) deepest = depth
        break
      case 0x29: // )
      case 0x5d: // ]
      case 0x7d: // }
        if (depth > 0) depth -= 1
        break
      case 0x3c: // <
      case 0x3e: // >
        angles += 1
        break
      default:
    }
  }
  if (deepest > MAX_DEPTH) return true
  if (angles < MAX_CHAIN_LENGTH / 4) return false
  return [...source.matchAll(CHAIN)].some(([chain]) => chain.length > MAX_CHAIN_LENGTH)
}
