import { formatBytes, formatCount } from '@ops/internal-cli/format'
import { failureText, subjectOf } from '../findings.ts'
import { lastBackup, lastProof, newestDrill, type Freshness } from '../freshness.ts'
import { html, type Html } from '../html.ts'
import { plot } from '../plot.ts'
import type { DatabaseStatus, JobFailure, Status, StoredBackup } from '../status.ts'
import { ago, ahead, duration, plural, shortClock } from '../words.ts'
import { calendar } from './calendar.ts'
import { anchorOf, overview } from './overview.ts'
import { gauge } from './gauge.ts'
import { badge, mark, type Mark } from './marks.ts'
import { leftOut, section, type Section } from './section.ts'

/** From so many on, one needs an overview. */
const MANY = 4
/** Rows of one list; nobody reads more of them. */
const MAX_ROWS = 60

/** Each database: how fresh its backup and its proof are, day by day, and how it grew. Many have an overview here. */
export function databases(status: Status): Section {
  const { databases: all, takenAt } = status
  if (all.length === 0)
    return section('databases', 'Databases', html`<p class="empty card">No database is looked after yet.</p>`)
  const body = all.length < MANY ? html`${cards(status).map((each) => each.body)}` : overview(all, takenAt)
  return section('databases', 'Databases', body)
}

/** Many databases one by one, at the end of the page; each is sent anew by itself when it changes. */
export function manyDatabases(status: Status): Section[] {
  if (status.databases.length < MANY) return []
  return [section('each-database', 'Each database', html``), ...cards(status)]
}

function cards({ databases: all, takenAt, retention }: Status): Section[] {
  return all.map((each) => {
    const id = anchorOf(subjectOf(each))
    return { id, body: card(each, id, takenAt, retention?.timeZone) }
  })
}

function card(status: DatabaseStatus, id: string, now: string, timeZone: string | undefined): Html {
  return html`<article class="card database" id="${id}">
    <header>
      <h3>${status.database}</h3>
      <p class="note">${status.cluster} · ${next(status, now)}</p>
    </header>
    ${
      status.failures.length > 0 &&
      html`<ul class="findings">
        ${status.failures.map(failure)}
      </ul>`
    }
    <div class="columns">
      <div>
        <div class="promises">
          ${backupPromise(status, now)}${proofPromise(status, now)}${recoveryPromise(status)}
        </div>
        <div class="plots">${plots(status)}</div>
      </div>
      ${calendar(status, timeZone)}
    </div>
    ${list(status)}
  </article>`
}

function failure(failed: JobFailure): Html {
  return html`<li class="warn">${mark('warn')} <span>${failureText(failed)}</span></li>`
}

function next({ nextBackupAt, nextDrillAt, backups }: DatabaseStatus, now: string): Html {
  const planned = [
    nextBackupAt !== undefined && html`next backup ${ahead(nextBackupAt, now)}`,
    nextDrillAt !== undefined && html`next drill ${ahead(nextDrillAt, now)}`,
  ].filter((each) => each !== false)
  return html`${plural(backups.length, 'backup')} kept${planned.map((each) => html` · ${each}`)}`
}

function backupPromise(status: DatabaseStatus, now: string): Html {
  const last = lastBackup(status, now)
  if (last === undefined) return promise('Last backup', html`never`, 'bad', 'there is none')
  return promise('Last backup', ago(last.at, now), last.isLate ? 'bad' : 'good', againstObjective(last), last)
}

function proofPromise(status: DatabaseStatus, now: string): Html {
  const [last, drilled] = [lastProof(status, now), newestDrill(status.backups)]
  if (drilled?.drill.verdict === 'disproven')
    return promise(
      'Last proven restore',
      last === undefined ? html`never` : ago(last.at, now),
      'bad',
      'the newest drill disproved its backup',
    )
  if (last === undefined)
    return promise(
      'Last proven restore',
      html`never`,
      status.objectives.proofAgeSeconds === undefined ? 'plain' : 'warn',
      'no drill has been made',
    )
  return promise(
    'Last proven restore',
    ago(last.at, now),
    last.isLate ? 'warn' : 'good',
    againstObjective(last),
    last,
  )
}

function recoveryPromise({ backups, objectives }: DatabaseStatus): Html {
  const took = newestDrill(backups)?.drill.recoverySeconds ?? undefined
  const promised = objectives.recoverySeconds
  if (took === undefined) return html``
  const isLate = promised !== undefined && took > promised
  const words =
    promised === undefined
      ? 'measured by the last drill'
      : `${isLate ? 'over' : 'of'} the ${duration(promised)} promised`
  return html`<div class="promise">
    <p class="label">Recovery takes</p>
    <p class="figure ${isLate ? 'warn' : 'good'}">${duration(took)}</p>
    ${promised !== undefined && gauge(took / promised, isLate ? 'warn' : 'good')}
    <p class="note">${badge(isLate ? 'warn' : 'good', words)}</p>
  </div>`
}

function againstObjective({ objectiveSeconds, isLate }: Freshness): string {
  if (objectiveSeconds === undefined) return 'nothing was promised'
  return isLate
    ? `over the ${duration(objectiveSeconds)} promised`
    : `within the ${duration(objectiveSeconds)} promised`
}

function promise(label: string, figure: Html, state: Mark, words: string, freshness?: Freshness): Html {
  const objective = freshness?.objectiveSeconds
  return html`<div class="promise">
    <p class="label">${label}</p>
    <p class="figure ${state}">${figure}</p>
    ${objective !== undefined && gauge(freshness!.ageSeconds / objective, state)}
    <p class="note">${badge(state, words)}</p>
  </div>`
}

function plots({ backups, objectives }: DatabaseStatus): Html {
  const series = (valueOf: (backup: StoredBackup) => number | null | undefined) =>
    backups.flatMap((backup) => {
      const value = valueOf(backup)
      return value === null || value === undefined ? [] : [{ at: backup.startedAt, value }]
    })
  const recoveries = series(({ drill }) => drill?.recoverySeconds)
  return html`${plot({ label: 'Stored', points: series(({ storedBytes }) => storedBytes), format: formatBytes })}
  ${plot({ label: 'Rows', points: series(({ rows }) => rows), format: formatCount })}
  ${plot({ label: 'Backup took', points: series(({ durationSeconds }) => durationSeconds), format: duration })}
  ${recoveries.length > 0 && plot({ label: 'Recovery took', points: recoveries, format: duration, limit: objectives.recoverySeconds })}`
}

/** Every backup in figures: what the plots show, for those who want it exactly. */
function list({ backups, database }: DatabaseStatus): Html {
  if (backups.length === 0) return html``
  const more = backups.length - MAX_ROWS
  const rows = backups
    .slice(-MAX_ROWS)
    .toReversed()
    .map(
      ({ id, startedAt, rows: count, rawBytes, storedBytes, durationSeconds, encrypted, drill }) =>
        html`<tr>
          <th scope="row"><code>${id}</code></th>
          <td class="number" data-label="UTC">${shortClock(startedAt)}</td>
          <td class="number" data-label="Rows">${count === null ? '–' : formatCount(count)}</td>
          <td class="number" data-label="Raw">${formatBytes(rawBytes)}</td>
          <td class="number" data-label="Stored">${formatBytes(storedBytes)}</td>
          <td class="number" data-label="Took">${duration(durationSeconds)}</td>
          <td data-label="Encrypted">${encrypted ? 'yes' : 'no'}</td>
          <td data-label="Drill">
            ${drill === null ? badge('plain', 'not yet') : html`<a href="drills/${encodeURIComponent(id)}">${badge(drill.verdict === 'proven' ? 'good' : 'bad', drill.verdict)}</a>`}
          </td>
        </tr>`,
    )
  return html`<details>
    <summary>
      ${backups.length > 1 && 'All '}${plural(backups.length, 'backup')} of ${database} in figures
    </summary>
    <div class="scroll stack" tabindex="0" role="region" aria-label="Backups of ${database}">
      <table>
        <thead>
          <tr>
            <th scope="col">Backup</th>
            <th scope="col" class="number">Taken (UTC)</th>
            <th scope="col" class="number">Rows</th>
            <th scope="col" class="number">Raw</th>
            <th scope="col" class="number">Stored</th>
            <th scope="col" class="number">Took</th>
            <th scope="col">Encrypted</th>
            <th scope="col">Restore drill</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${leftOut(more, plural(more, 'older one'))}
  </details>`
}
