import { parseDurationMs, parseTimerMs } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { z } from 'zod'

/** A text that `read` understands; what it throws is the problem. */
export function text<T>(
  read: (text: string) => T | Promise<T>,
): z.ZodPipe<z.ZodString, z.ZodTransform<Awaited<T>, string>> {
  return z.string().transform(async (value, context) => {
    try {
      return await read(value)
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) })
      return z.NEVER
    }
  })
}

/** A text that `check` does not throw at, as it is. */
export function checkedText(
  check: (text: string) => unknown,
): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> {
  return text(async (value) => {
    await check(value)
    return value
  })
}

export const name: z.ZodString = z.string().min(1)

/** What may be in a file of its own, and is never repeated. */
export const secret: z.ZodString = z.string().min(1).meta({ secret: true })

/** `30s`, `10m` or `8d`; milliseconds once it was read. */
export const duration: z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> = text(parseDurationMs)

/** A duration that is waited for: longer than 0s, and no longer than a timer can be. */
export const wait: typeof duration = text((value) => {
  const milliseconds = parseTimerMs(value)
  if (milliseconds === 0) throw new Error('it must be longer than 0s')
  return milliseconds
})

/** An IANA name. */
export const timeZone: z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> = checkedText((zone) =>
  // Throws when there is no such zone.
  Intl.DateTimeFormat('en', { timeZone: zone }),
)

/** `127.0.0.1:8080`, `[::1]:8080`. */
export const listenAddress: z.ZodPipe<
  z.ZodString,
  z.ZodTransform<{ host: string; port: number }, string>
> = text((address) => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new Error('it must be ADDRESS:PORT, as in 127.0.0.1:8080')
  return { host: match[1] ?? match[2]!, port }
})
