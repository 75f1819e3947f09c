import { vi } from 'vitest'
import { WAIT, type Stack } from './stack.ts'

async function fetchJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
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

  async query(expression: string): Promise<Sample[]> {
    const url = `${this.#url}/query?query=${encodeURIComponent(expression)}`
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
