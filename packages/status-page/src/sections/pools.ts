import { formatCount } from '@ops/internal-cli/format'
import { LONG_WAIT_SECONDS, TOO_LONG_WAIT_SECONDS } from '../findings.ts'
import { html, type Html } from '../html.ts'
import { plot } from '../plot.ts'
import { saturationOf } from '../pooler-history.ts'
import type { PoolerStatus, PoolStatus, Status } from '../status.ts'
import { duration, plural } from '../words.ts'
import { gaugeWith } from './gauge.ts'
import { badge, type Mark } from './marks.ts'
import { leftOut, section, type Section } from './section.ts'

/** The fullest of a pooler; nobody reads more of them. */
const MAX_ROWS = 60

/** How full the pools are and who waits, now and over the last hours. */
export function pools({ poolers }: Status): Section | undefined {
  if (poolers.length === 0) return undefined
  return section('pools', 'Connection pools', html`${poolers.map(pooler)}`)
}

function pooler({ name, pools: all, history }: PoolerStatus): Html {
  const sorted = all.toSorted(
    (a, b) => b.clientsWaiting - a.clientsWaiting || saturationOf(b) - saturationOf(a),
  )
  const nameTime = (at: string): string => `${at.slice(11, 16)} UTC`
  const series = (valueOf: (sample: PoolerStatus['history'][number]) => number) =>
    history.map((sample) => ({ at: sample.at, value: valueOf(sample) }))
  return html`<article class="card">
    <header><h3>${name}</h3></header>
    <div>
      <div class="scroll stack" tabindex="0" role="region" aria-label="Pools of ${name}">
        <table>
          <thead>
            <tr>
              <th scope="col">Pool</th>
              <th scope="col">Mode</th>
              <th scope="col" class="wide">Servers in use</th>
              <th scope="col" class="number">Clients</th>
              <th scope="col" class="number">Waiting</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            ${sorted.slice(0, MAX_ROWS).map(row)}
          </tbody>
        </table>
        ${all.length === 0 && html`<p class="empty">No client has opened a pool yet.</p>`}
      </div>
      ${leftOut(all.length - MAX_ROWS, plural(all.length - MAX_ROWS, 'emptier one'))}
      <div class="plots wide">
        ${plot({ label: 'Fullest pool', points: series(({ saturation: part }) => part * 100), format: (value) => `${Math.round(value)} %`, limit: 100, nameTime })}
        ${plot({ label: 'Clients waiting', points: series(({ clientsWaiting }) => clientsWaiting), format: (value) => formatCount(Math.round(value)), nameTime })}
      </div>
    </div>
  </article>`
}

function row(pool: PoolStatus): Html {
  const { database, user, mode, clientsActive, clientsWaiting, serversActive, size, maxWaitSeconds } = pool
  const [state, word] = stateOf(pool)
  return html`<tr>
    <th scope="row">${database}<span class="note"> / ${user}</span></th>
    <td data-label="Mode">${mode ?? '–'}</td>
    <td class="wide" data-label="Servers">
      ${gaugeWith(saturationOf(pool), state, `${serversActive} of ${size}`)}
    </td>
    <td class="number" data-label="Clients">${formatCount(clientsActive)}</td>
    <td class="number" data-label="Waiting">
      ${formatCount(clientsWaiting)}${clientsWaiting > 0 && html`<span class="note"> ${duration(maxWaitSeconds)}</span>`}
    </td>
    <td>${badge(state, word)}</td>
  </tr>`
}

function stateOf(pool: PoolStatus): readonly [Mark, string] {
  if (pool.clientsWaiting > 0) {
    const word = pool.maxWaitSeconds >= LONG_WAIT_SECONDS ? 'waits' : 'queues'
    return [pool.maxWaitSeconds >= TOO_LONG_WAIT_SECONDS ? 'bad' : 'warn', word]
  }
  return saturationOf(pool) >= 1 ? ['warn', 'full'] : ['good', 'room left']
}
