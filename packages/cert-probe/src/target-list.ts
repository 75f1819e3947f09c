import { watch, type FSWatcher } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { errorMessage } from '@ops/internal-error'
import { CertProbeError } from './errors.ts'
import { formatTarget, parseTarget } from './target.ts'

/**
 * The targets in a file: one on each line, `#` begins a comment.
 *
 * @throws {CertProbeError} `CERT_PROBE_TARGET_LIST_FAILED` when it cannot be read, with the number of
 * the line that makes no sense
 *
 * @example
 * ```ts
 * import { probeMany, readTargetList } from '@ops/cert-probe'
 *
 * const reports = await probeMany(await readTargetList('/etc/cert-probe/targets.txt'))
 * console.log(reports.length)
 * ```
 */
export async function readTargetList(path: string): Promise<string[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new CertProbeError(
      'CERT_PROBE_TARGET_LIST_FAILED',
      `the target list ${path} cannot be read: ${errorMessage(error)}`,
      {
        cause: error,
        details: { path },
      },
    )
  }
  const lines = text.split('\n').map((line) => line.replace(/(^|\s)#.*/, '').trim())
  return lines.flatMap((line, index) => {
    if (line === '') return []
    try {
      return [formatTarget(parseTarget(line))]
    } catch (error) {
      const message = `line ${index + 1} of ${path}: ${errorMessage(error)}`
      throw new CertProbeError('CERT_PROBE_TARGET_LIST_FAILED', message, { cause: error, details: { path } })
    }
  })
}

/** Options of {@link watchTargetList}. */
export interface WatchTargetListOptions {
  /** The file with one target a line. */
  readonly path: string
  /** Told of all targets whenever the file has changed. */
  readonly onChange: (targets: string[]) => void
  /** A list that cannot be read changes nothing. */
  readonly onError: (error: unknown) => void
  /** Editors write a file in several steps. @default 200 */
  readonly settleMs?: number
}

/**
 * Watches a list, also when it is replaced by renaming or by a changed link, until it is closed.
 *
 * @example
 * ```ts
 * import { createMonitor, readTargetList, watchTargetList } from '@ops/cert-probe'
 *
 * const path = '/etc/cert-probe/targets.txt'
 * const monitor = createMonitor({ targets: await readTargetList(path) })
 * const watch = watchTargetList({
 *   path,
 *   onChange: (targets) => monitor.setTargets(targets),
 *   onError: (error) => console.error('the list is left as it was:', error),
 * })
 * monitor.start()
 * process.once('SIGTERM', () => watch.close())
 * ```
 */
export function watchTargetList(options: WatchTargetListOptions): {
  /** Ends the watching. */
  close(): void
} {
  const { path, onChange, onError, settleMs = 200 } = options
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const reload = async (): Promise<void> => {
    try {
      const targets = await readTargetList(path)
      if (!isClosed) onChange(targets)
    } catch (error) {
      if (!isClosed) onError(error)
    }
  }
  // The folder is watched and not the file, whose inode changes when it is replaced. Kubernetes
  // replaces the link `..data` beside it.
  const watcher: FSWatcher = watch(dirname(path), (_event, name) => {
    if (name !== null && name !== basename(path) && !name.startsWith('..')) return
    clearTimeout(timer)
    timer = setTimeout(() => void reload(), settleMs)
  })
  watcher.on('error', onError)
  return {
    close: () => {
      isClosed = true
      clearTimeout(timer)
      watcher.close()
    },
  }
}
