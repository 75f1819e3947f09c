import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { progress } from '../harness/progress.ts'

const run = promisify(execFile)
const PROGRAMS = ['rclone', 's3cmd', 'gzip', 'zstd']

/** What people pipe pg_dump through today; installed from Debian's packages, of the same names, where root may do so. */
export async function installPeerPrograms(): Promise<void> {
  const missing: string[] = []
  for (const program of PROGRAMS) if (!(await isThere(program))) missing.push(program)
  if (missing.length === 0) return
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0)
    throw new Error(`install ${missing.join(', ')}: the benchmark compares with them`)
  progress(`installing ${missing.join(', ')} with apt (once)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-qq'], { env })
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env })
}

async function isThere(program: string): Promise<boolean> {
  return await run('sh', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  )
}
