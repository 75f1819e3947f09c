import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'

/** Fewer writes of more bytes; beyond that nothing gets cheaper any more. */
const BUFFER_BYTES = 128 * 1024

/**
 * Programs in C write 4 KiB to a pipe at a time, which for much output costs more than making it: about
 * a quarter of the CPU time of `pg_dump -Z0` and its reader. The `stdbuf` of GNU and FreeBSD gives the
 * stdout of a program that it starts a larger buffer. Where there is none, the program is started as it is.
 */
export async function withWideOutput(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const asItIs = { command, args }
  // Otherwise it would be stdbuf that does not find it.
  if (!isAbsolute(command) || !(await isExecutable(command))) return asItIs
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const stdbuf = join(folder, 'stdbuf')
    if (isAbsolute(folder) && (await isExecutable(stdbuf)))
      return { command: stdbuf, args: [`-o${BUFFER_BYTES}`, command, ...args] }
  }
  return asItIs
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
