#!/usr/bin/env node
import { runCli, UsageError, type CliContext } from '@ops/internal-cli'
import { ConfigError, loadConfig } from './config.ts'
import type { Config } from './config-schema.ts'
import { serve } from './serve.ts'

runCli(import.meta.url, {
  name: 'ops-worker',
  version: '0.0.0',
  description: 'Backups, retention, restore drills, certificates and PgBouncer of one cluster, on a schedule.',
  usageCodes: ['STORE_BAD_URL'],
  build(program, context) {
    program.option('--config <file>', 'YAML; also OPS_WORKER_CONFIG (default: the environment alone)')
    const configured = (): Promise<Config> => configOf(program.opts<{ config?: string }>().config, context)

    program
      .command('serve', { isDefault: true })
      .description('run every job on its schedule, and serve /metrics, /healthz, /readyz and the status page')
      .action(async () => serve(await configured(), context))

    program
      .command('check-config')
      .description('list everything that is wrong with the configuration')
      .action(async () => {
        await configured()
        context.say('ops-worker: the configuration is fine')
      })
  },
})

/** One line for each problem. */
async function configOf(file: string | undefined, { env, say }: CliContext): Promise<Config> {
  try {
    return await loadConfig({ file: file ?? env['OPS_WORKER_CONFIG'], env })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) say(problem)
    throw new UsageError(`the configuration has problems: ${error.problems.length} [${error.code}]`)
  }
}
