import type { ServerResponse } from 'node:http'
import { printable } from '@ops/internal-cli/format'
import { pageTitle } from './page.ts'
import { allSections } from './sections/all-sections.ts'
import type { Status } from './status.ts'
import { clock } from './words.ts'

export interface ViewersOptions {
  readonly readStatus: () => Promise<Status>
  readonly subscribe: ((changed: () => void) => () => void) | undefined
  readonly onError: (error: unknown) => void
}

/** Those who watch the page live. Nothing is read and no timer runs while there is none. */
export interface Viewers {
  /** Sends events until the reader goes away; false when there are too many already. */
  add(response: ServerResponse): boolean
}

interface Viewer {
  readonly response: ServerResponse
  /** What each section was when it was sent last. */
  sent: ReadonlyMap<string, string>
}

/** Changes are gathered for this long, so that progress moves and nobody is flooded. */
const PACE_MS = 500
/** Ages grow by themselves. */
const REFRESH_MS = 10_000
/** Each holds a connection and a copy of what it was sent. */
const MAX_VIEWERS = 100

export function createViewers({ readStatus, subscribe, onError }: ViewersOptions): Viewers {
  const viewers = new Set<Viewer>()
  let unsubscribe: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let isReading = false
  let lastReadMs = -Infinity
  let hasChanged = false

  const later = (delayMs: number): void => {
    clearTimeout(timer)
    timer = viewers.size === 0 ? undefined : setTimeout(() => void refresh(), delayMs)
  }
  const changed = (): void => {
    if (hasChanged) return
    hasChanged = true
    if (!isReading) later(PACE_MS)
  }
  const refresh = async (): Promise<void> => {
    isReading = true
    hasChanged = false
    try {
      const status = await readStatus()
      const sections = allSections(status).map(({ id, body }) => [id, body.html] as const)
      const heading = { takenAt: clock(status.takenAt), title: printable(pageTitle(status)) }
      for (const viewer of viewers) sendSections(viewer, sections, heading)
    } catch (error) {
      onError(error)
      for (const { response } of viewers) send(response, 'failed', 'the status cannot be read; trying again')
    } finally {
      isReading = false
      lastReadMs = performance.now()
      later(hasChanged ? PACE_MS : REFRESH_MS)
    }
  }
  return {
    add(response) {
      if (viewers.size >= MAX_VIEWERS) return false
      const viewer: Viewer = { response, sent: new Map() }
      viewers.add(viewer)
      if (viewers.size === 1) unsubscribe = subscribe?.(changed)
      response.once('close', () => {
        viewers.delete(viewer)
        if (viewers.size > 0) return
        unsubscribe?.()
        later(0)
      })
      response.write('retry: 3000\n\n')
      // Who comes and goes makes nothing be read more often.
      if (!isReading) later(Math.max(0, lastReadMs + PACE_MS - performance.now()))
      else hasChanged = true
      return true
    },
  }
}

/** Only what is new for this viewer; nothing while it has not taken in what it got before. */
function sendSections(
  viewer: Viewer,
  sections: readonly (readonly [id: string, body: string])[],
  heading: { readonly takenAt: string; readonly title: string },
): void {
  const { response, sent } = viewer
  if (response.writableNeedDrain) return
  const changed = Object.fromEntries(sections.filter(([id, body]) => sent.get(id) !== body))
  viewer.sent = new Map(sections)
  send(response, 'sections', { order: sections.map(([id]) => id), changed, ...heading })
}

/** JSON has no line breaks, so that it is one line of an event. */
function send(response: ServerResponse, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
