import { styleText } from 'node:util'
import { formatTable } from '@ops/internal-cli'
import type { EndpointReport, ProbeReport, Status } from './report.ts'

const COLOURS = { ok: 'green', warning: 'yellow', critical: 'red', unknown: 'magenta' } as const
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Reports for people: one line for each endpoint, then what is wrong with it. */
export function reportTable(
  reports: readonly ProbeReport[],
  stream: NodeJS.WriteStream,
  width = 120,
): string {
  const rows = reports.flatMap((report) => report.endpoints.map((endpoint) => ({ report, endpoint })))
  const paint = (status: Status, text: string): string => styleText(COLOURS[status], text, { stream })
  const table = formatTable(
    [
      { header: 'STATUS' },
      { header: 'DAYS', align: 'right' },
      { header: 'EXPIRES' },
      { header: 'TARGET' },
      { header: 'WHERE' },
      { header: 'SUBJECT' },
      { header: 'TLS' },
    ],
    rows.map(({ report, endpoint }) => [
      paint(endpoint.status, endpoint.status),
      paint(endpoint.status, String(endpoint.verdict?.daysLeft ?? '-')),
      endpoint.verdict?.expiresAt.slice(0, 10) ?? '-',
      harmless(report.target),
      endpoint.location === report.target ? '' : harmless(endpoint.location),
      harmless(endpoint.chain[0]?.subject ?? '-'),
      endpoint.tls?.protocol.replace('TLS ', '') ?? '-',
    ]),
    width,
  )
  const notes = rows.flatMap(({ report, endpoint }) => endpointNotes(report, endpoint, paint))
  return notes.length === 0 ? table : `${table}\n\n${notes.join('\n')}`
}

function endpointNotes(
  report: ProbeReport,
  endpoint: EndpointReport,
  paint: (status: Status, text: string) => string,
): string[] {
  const where =
    endpoint.location === report.target
      ? harmless(report.target)
      : `${harmless(report.target)} (${harmless(endpoint.location)})`
  const problems = endpoint.verdict?.problems ?? []
  return [
    ...(endpoint.failure === undefined
      ? []
      : [`${paint('unknown', endpoint.failure.code)} ${where}: ${harmless(endpoint.failure.message)}`]),
    ...problems.map(
      (problem) => `${paint(problem.severity, problem.code)} ${where}: ${harmless(problem.message)}`,
    ),
  ]
}

/** Names in certificates are a stranger's words: they must not move the cursor or turn the text round. */
function harmless(text: string): string {
  return text.replace(CONTROL, '?')
}
