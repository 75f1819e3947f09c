/** Commands about a running PgBouncer: show, diagnose, top, check. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, parseInteger, parseTimerMs, UsageError, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import { checkPooling } from './check-pooling.ts'
import { withClient } from './pooling-client.ts'
import { readPostgresLimits } from './postgres-limits.ts'
import { connectionFrom, postgresFrom } from './cli-target.ts'
import { openConsole } from './console.ts'
import { diagnose, type Diagnosis } from './diagnose.ts'
import type { CheckOutput, DiagnoseOutput, ShowOutput } from './json-output.ts'
import { DEFAULT_SHOW, readPgBouncer } from './read-pgbouncer.ts'
import { renderTop } from './render-top.ts'
import { SHOW_COMMANDS, type ShowName } from './show-commands.ts'

const URL_OPTION = [
  '--url <url>',
  'the admin console, e.g. postgres://stats@localhost:6432/pgbouncer',
] as const

export function addLiveCommands(program: Command, context: CliContext): void {
  program
    .command('show')
    .description('read SHOW commands, as JSON')
    .argument('[names...]', `which: ${Object.keys(SHOW_COMMANDS).join(', ')}`)
    .option(...URL_OPTION)
    .addOption(
      new Option('--timeout <duration>', 'for everything together')
        .argParser(parseTimerMs)
        .default(10_000, '10s'),
    )
    .option('--json', 'tell of a failure in JSON on stdout too; everything else is JSON anyway')
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats show lists databases --url postgres://stats@localhost:6432/pgbouncer',
    )
    .action(async (names: string[], options: { url?: string; timeout: number }) => {
      const show = names.length === 0 ? DEFAULT_SHOW : names.map(showName)
      const connection = connectionFrom(options.url, context)
      const snapshot = await readPgBouncer({
        connection,
        show,
        timeoutMs: options.timeout,
        signal: context.signal,
      })
      await context.printJson<ShowOutput>(snapshot)
      if (snapshot.failures.length > 0) context.exitWith(EXIT.failed)
    })

  program
    .command('diagnose')
    .description('say what is wrong; exit code 3 with findings')
    .option(...URL_OPTION)
    .addOption(
      new Option('--interval <duration>', 'between two looks; 0s for one look only')
        .argParser(parseTimerMs)
        .default(2000, '2s'),
    )
    .option(
      '--postgres-connections <n>',
      "PostgreSQL's max_connections less what is reserved",
      parseInteger(1),
    )
    .option(
      '--postgres-env <name>',
      'the environment variable with a URL of PostgreSQL, direct or pooled, to read that from',
    )
    .option('--json', 'findings as JSON on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats diagnose --url postgres://stats@localhost:6432/pgbouncer --interval 5s',
    )
    .action(
      async (options: {
        url?: string
        interval: number
        postgresConnections?: number
        postgresEnv?: string
        json?: true
      }) => {
        await using console_ = openConsole(connectionFrom(options.url, context))
        const { signal } = context
        const first = await readPgBouncer({ console: console_, signal })
        if (options.interval > 0) await sleep(options.interval, undefined, { signal })
        const second = options.interval > 0 ? await readPgBouncer({ console: console_, signal }) : undefined
        const postgresConnections =
          options.postgresConnections ??
          (options.postgresEnv === undefined ? undefined : await connectionsOf(options.postgresEnv, context))
        const findings = diagnose(
          first,
          second,
          postgresConnections === undefined ? {} : { postgresConnections },
        )
        await (options.json
          ? context.printJson<DiagnoseOutput>({ target: first.target, version: first.version, findings })
          : context.print(renderFindings(findings)))
        if (findings.length > 0) context.exitWith(EXIT.findings)
      },
    )

  program
    .command('top')
    .description('watch pools in the terminal, those that wait longest first')
    .option(...URL_OPTION)
    .addOption(
      new Option('--interval <duration>', 'between two looks').argParser(parseTimerMs).default(1000, '1s'),
    )
    .option('--count <n>', 'stop after so many', parseInteger(1))
    .addHelpText('after', '\nCtrl-C ends it.\n\nExample:\n  $ pgbouncer-stats top --interval 5s')
    .action(async (options: { url?: string; interval: number; count?: number }) => {
      await top(options, context)
    })

  program
    .command('check')
    .description('prove that a pooled URL is in transaction mode and works; exit code 3 if not')
    .requiredOption('--pooled-env <name>', 'the environment variable with the URL through PgBouncer')
    .requiredOption('--direct-env <name>', 'the environment variable with the URL to PostgreSQL itself')
    .option('--queries <n>', 'of each kind', parseInteger(1, 100_000), 100)
    .option('--concurrency <n>', 'clients at once', parseInteger(2, 1000), 10)
    .option('--json', 'the report as JSON on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats check --pooled-env DATABASE_URL --direct-env DIRECT_URL',
    )
    .action(
      async (options: {
        pooledEnv: string
        directEnv: string
        queries: number
        concurrency: number
        json?: true
      }) => {
        const report = await checkPooling({
          pooled: postgresFrom(options.pooledEnv, context),
          direct: postgresFrom(options.directEnv, context),
          queries: options.queries,
          concurrency: options.concurrency,
          signal: context.signal,
        })
        const lines = report.checks.map(
          ({ name, ok, message }) => `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${message}\n`,
        )
        await (options.json ? context.printJson<CheckOutput>(report) : context.print(lines.join('')))
        if (!report.ok) context.exitWith(EXIT.findings)
      },
    )
}

async function top(
  { url, interval, count }: { url?: string; interval: number; count?: number },
  context: CliContext,
): Promise<void> {
  await using console_ = openConsole(connectionFrom(url, context))
  const { signal } = context
  const isTerminal = process.stdout.isTTY
  using _screen = isTerminal ? takeScreen() : undefined
  let before: Awaited<ReturnType<typeof readPgBouncer>> | undefined
  for (let shown = 0; shown < (count ?? Number.POSITIVE_INFINITY); shown += 1) {
    if (shown > 0) await sleep(interval, undefined, { signal })
    const now = await readPgBouncer({
      console: console_,
      signal,
      show: ['lists', 'config', 'databases', 'users', 'pools', 'statsTotals', 'state', 'dnsHosts'],
    })
    const findings = before === undefined ? diagnose(now) : diagnose(before, now)
    // A serial line says that it is 0 by 0, and what is no terminal says nothing.
    const { columns, rows } = process.stdout
    const [width, height] = columns > 0 && rows > 0 ? [columns, rows] : [120, 50]
    const text = renderTop({ now, findings, width, height, ...(before === undefined ? {} : { before }) })
    const isRead = await context.print(isTerminal ? `\u001B[H\u001B[2J${text}` : `${text}\n\n`)
    if (!isRead) return
    before = now
  }
}

/** Shows the terminal's second screen, without a cursor, until disposed of; then all is as it was before. */
function takeScreen(): Disposable {
  process.stdout.write('\u001B[?1049h\u001B[?25l')
  const giveBack = (): void => void process.stdout.write('\u001B[?25h\u001B[?1049l')
  // A second Ctrl-C ends the process at once.
  process.once('exit', giveBack)
  return {
    [Symbol.dispose]: () => {
      process.off('exit', giveBack)
      giveBack()
    },
  }
}

/** What PostgreSQL gives to others than superusers. */
async function connectionsOf(name: string, context: CliContext): Promise<number> {
  const { maxConnections, reservedConnections } = await withClient(
    postgresFrom(name, context),
    readPostgresLimits,
  )
  return maxConnections - reservedConnections
}

function showName(text: string): ShowName {
  if (Object.hasOwn(SHOW_COMMANDS, text)) return text as ShowName
  throw new UsageError(`there is no "${text}"; there are ${Object.keys(SHOW_COMMANDS).join(', ')}`)
}

function renderFindings(findings: readonly Diagnosis[]): string {
  if (findings.length === 0) return 'no findings\n'
  return findings
    .map(
      ({ severity, subject, code, message, nextStep }) =>
        `${severity}: ${subject}: ${message} [${code}]\n    ${nextStep}\n`,
    )
    .join('')
}
