import { vi } from 'vitest'
import { WAIT, type Stack } from './stack.ts'

async function fetchJson<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

export interface Sample {
  readonly metric: Record<string, string>
  readonly value: readonly [number, string]
}

export class Prometheus {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  static async of(stack: Stack): Promise<Prometheus> {
    return new Prometheus(`http://127.0.0.1:${await stack.port('prometheus', 9090)}/api/v1`)
  }

  /** As of now, or as of so many seconds since 1970. */
  async query(expression: string, atSeconds?: number): Promise<Sample[]> {
    const time = atSeconds === undefined ? '' : `&time=${atSeconds}`
    const url = `${this.#url}/query?query=${encodeURIComponent(expression)}${time}`
    return (await fetchJson<{ data: { result: Sample[] } }>(url)).data.result
  }

  async metricNames(): Promise<Set<string>> {
    return new Set((await fetchJson<{ data: string[] }>(`${this.#url}/label/__name__/values`)).data)
  }

  async targets(): Promise<{ job: string; health: string; lastError: string }[]> {
    const { data } = await fetchJson<{
      data: { activeTargets: { labels: { job: string }; health: string; lastError: string }[] }
    }>(`${this.#url}/targets?state=active`)
    return data.activeTargets.map(({ labels, health, lastError }) => ({ job: labels.job, health, lastError }))
  }
}

export interface Alert {
  readonly status: 'firing' | 'resolved'
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
}

export class Alertmanager {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  static async of(stack: Stack): Promise<Alertmanager> {
    return new Alertmanager(`http://127.0.0.1:${await stack.port('alertmanager', 9093)}/api/v2`)
  }

  /** The names of the alerts that fire now. */
  async firing(): Promise<string[]> {
    const alerts = await fetchJson<{ labels: Record<string, string> }[]>(`${this.#url}/alerts`)
    return alerts.map(({ labels }) => labels['alertname']!)
  }

  /** Silences one alert for a day, and returns the silence's id. */
  async silence(alertname: string): Promise<string> {
    const body = JSON.stringify({
      matchers: [{ name: 'alertname', value: alertname, isRegex: false, isEqual: true }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 86_400_000).toISOString(),
      createdBy: 'a test',
      comment: 'somebody works on it',
    })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    return (await fetchJson<{ silenceID: string }>(`${this.#url}/silences`, init)).silenceID
  }

  /** The ids of the silences that are in force. */
  async silences(): Promise<string[]> {
    const all = await fetchJson<{ id: string; status: { state: string } }[]>(`${this.#url}/silences`)
    return all.filter(({ status }) => status.state === 'active').map(({ id }) => id)
  }
}

/** The receiver of Alertmanager's webhooks. */
export class Inbox {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  static async of(stack: Stack): Promise<Inbox> {
    return new Inbox(`http://127.0.0.1:${await stack.port('webhook', 9000)}/`)
  }

  async size(): Promise<number> {
    return (await this.#alerts()).length
  }

  /** Resolves when, after the first `from` alerts, one has arrived that has these labels and this status. */
  async arrival(status: Alert['status'], labels: Record<string, string>, from: number): Promise<Alert> {
    return vi.waitFor(async () => {
      const later = (await this.#alerts()).slice(from)
      const found = later.find(
        (alert) =>
          alert.status === status &&
          Object.entries(labels).every(([name, value]) => alert.labels[name] === value),
      )
      if (found === undefined) {
        const came = later.map((alert) => `${alert.status} ${alert.labels['alertname']}`)
        throw new Error(`no ${status} ${JSON.stringify(labels)}; what came: ${came.join(', ') || 'nothing'}`)
      }
      return found
    }, WAIT)
  }

  #alerts(): Promise<Alert[]> {
    return fetchJson<Alert[]>(this.#url)
  }
}
