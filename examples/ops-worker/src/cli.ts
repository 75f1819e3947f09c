#!/usr/bin/env node
import { Argument, type Command } from 'commander'
import { EXIT, runCli, UsageError, type CliContext } from '@ops/internal-cli'
import { loadConfig, type Config } from './config.ts'
import type { RunOutput } from './json-output.ts'
import { RUNNABLE, runNow } from './run-now.ts'
import { serve } from './serve.ts'
import { WorkerError } from './worker-error.ts'

const HELP = `
Exit codes: 0 done, 1 failed, 2 bad usage, a wrong configuration too,
130 or 143 stopped by a signal.

Examples:
  $ ops-worker serve --config /etc/ops-worker.yaml
  $ ops-worker run backup --database app --config /etc/ops-worker.yaml`

runCli(import.meta.url, {
  name: 'ops-worker',
  version: '0.0.0',
  description:
    'Backups, retention, restore drills, certificates and PgBouncer of one cluster, on a schedule.',
  usageCodes: ['WORKER_CONFIG_INVALID'],
  build(program, context) {
    program.option('--config <file>', 'YAML; also OPS_WORKER_CONFIG (default: the environment alone)')
    const configured = (): Promise<Config> => configOf(program.opts<{ config?: string }>().config, context)

    program
      .command('serve', { isDefault: true })
      .description('run every job on its schedule, and serve /metrics, /healthz and /readyz')
      .addHelpText('after', '\nExample:\n  $ ops-worker serve --config /etc/ops-worker.yaml')
      .action(async () => serve(await configured(), context))

    program
      .command('run')
      .description('run jobs now, whether or not they are due; retention follows backups')
      .addArgument(new Argument('<job>').choices(Object.keys(RUNNABLE)))
      .option('--database <name>', 'only of this database')
      .option('--json', 'tell of a failure in JSON on stdout too; everything else is JSON anyway')
      .addHelpText('after', '\nExample:\n  $ ops-worker run backup --database app')
      .action(async (job: string, { database }: { database?: string }) => {
        const outcomes = await runNow(await configured(), { job, database }, context)
        await context.printJson<RunOutput>(outcomes)
        if (outcomes.some(({ error }) => error !== undefined)) context.exitWith(EXIT.failed)
      })

    program
      .command('check-config')
      .description('list everything that is wrong with the configuration')
      .addHelpText('after', '\nExample:\n  $ ops-worker check-config --config /etc/ops-worker.yaml')
      .action(async () => {
        await configured()
        context.say('ops-worker: the configuration is fine')
      })
    program.addHelpText('after', HELP)
    program.hook('preSubcommand', ({ args: [word] }) => refuseUnknown(word, program))
  },
})

/** Before it goes to the default command, as an argument too many. */
function refuseUnknown(word: string | undefined, { commands }: Command): void {
  const names = commands.map((command) => command.name())
  if (word === undefined || word.startsWith('-') || names.includes(word)) return
  throw new UsageError(`unknown command "${word}"; the commands are ${names.join(', ')}`)
}

/** One line for each problem, and then how many there are. */
async function configOf(file: string | undefined, context: CliContext): Promise<Config> {
  try {
    return await loadConfig({ file: file ?? context.env['OPS_WORKER_CONFIG'], env: context.env })
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error
    const { problems = [] } = error.details
    for (const problem of problems) context.say(problem)
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    throw new WorkerError(error.code, `the configuration has ${count}`, { details: { problems } })
  }
}
