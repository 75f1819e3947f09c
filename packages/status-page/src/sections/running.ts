import { formatBytes } from '@ops/internal-cli/format'
import { secondsBetween } from '../freshness.ts'
import { html, type Html } from '../html.ts'
import type { JobName, RunningJob, Status } from '../status.ts'
import { ago, duration, plural } from '../words.ts'
import { mark } from './marks.ts'
import { section, type Section } from './section.ts'

const JOBS: Record<JobName, string> = {
  backup: 'Backup',
  drill: 'Restore drill',
  retention: 'Retention',
  certificates: 'Certificates',
}

/** What is under way, how far it is, and how fast. */
export function running({ running: jobs, takenAt }: Status): Section {
  const body =
    jobs.length === 0
      ? html`<p class="empty card">Nothing runs right now.</p>`
      : html`<ul class="jobs">
          ${jobs.map((job) => jobCard(job, takenAt))}
        </ul>`
  return section('running', 'Right now', body)
}

function jobCard(job: RunningJob, now: string): Html {
  const { id, cluster, database, startedAt, phase, bytesDone, bytesTotal, isEstimate, rows, detail } = job
  const name = [JOBS[job.job], ...(database === undefined ? [] : [`of ${database}`])].join(' ')
  const isKnown = bytesTotal !== undefined && bytesTotal > 0 && bytesDone !== undefined
  const part = isKnown ? Math.min(1, bytesDone / bytesTotal) : undefined
  const percent = part === undefined ? undefined : `${isEstimate ? 'about ' : ''}${Math.floor(part * 100)} %`
  const seconds = Math.floor(secondsBetween(startedAt, now))
  // A drill counts anew in each of its phases: over all its time that is no rate.
  const hasRate = job.job === 'backup' && bytesDone !== undefined && seconds >= 1
  const facts = [
    phase,
    bytesDone !== undefined &&
      `${formatBytes(bytesDone)}${isKnown ? ` of ${isEstimate ? 'about ' : ''}${formatBytes(bytesTotal)}` : ''}`,
    rows !== undefined && plural(rows, 'row'),
    hasRate && `${formatBytes(Math.round(bytesDone / seconds))}/s`,
    detail,
  ].filter((fact) => fact !== false && fact !== undefined && fact !== '')
  return html`<li class="card job" id="job-${id}">
    <p class="title">
      ${mark('run')}
      <strong>${name}</strong>${cluster !== undefined && html` <span class="note">${cluster}</span>`}
      <span class="percent">${percent ?? duration(Math.max(1, seconds))}</span>
    </p>
    ${part === undefined ? html`<progress aria-label="${name}"></progress>` : html`<progress aria-label="${name}" max="1" value="${part.toFixed(4)}"></progress>`}
    <p class="note">
      ${facts.map((fact, index) => html`${index > 0 && ' · '}${fact}`)} · started ${ago(startedAt, now)}
    </p>
  </li>`
}
