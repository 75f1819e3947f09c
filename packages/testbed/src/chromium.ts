import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A program that is started like Chromium, for the `executablePath` of playwright-core. */
export interface ChromiumProgram extends AsyncDisposable {
  /** Start it with `chromiumSandbox: false`: its container is the sandbox. */
  readonly executablePath: string
}

export interface ChromiumOptions {
  /** What the browser reaches: nothing, or what this machine does. @default 'none' */
  readonly network?: 'none' | 'host'
}

const IMAGE = 'ops-testbed-chromium'
const FOLDER = fileURLToPath(new URL('../../../docker/chromium', import.meta.url))

/** Debian's Chromium in a container; builds the image when there is none. */
export async function chromiumProgram({ network = 'none' }: ChromiumOptions = {}): Promise<ChromiumProgram> {
  await promisify(execFile)('docker', ['build', '--quiet', '--tag', IMAGE, FOLDER])
  const folder = await mkdtemp(join(tmpdir(), 'ops-chromium-'))
  const executablePath = join(folder, 'chromium')
  // Playwright speaks to the browser through the descriptors 3 and 4; docker passes 0 and 1 on.
  await writeFile(
    executablePath,
    `#!/bin/sh\nexec docker run --rm --interactive --network=${network} --shm-size=256m ${IMAGE} "$@" <&3 >&4\n`,
  )
  await chmod(executablePath, 0o755)
  return { executablePath, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
