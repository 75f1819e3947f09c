import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { blocksOf } from '../../../docs/test/page.ts'

const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

export const RUNBOOKS: string = root('docs/runbooks')

export interface Alert {
  readonly name: string
  readonly severity: string | undefined
  readonly annotations: readonly string[]
  readonly runbook: string | undefined
}

async function readAll(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).toSorted()
  return Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')))
}

/** Every alert, by the plain shape in which this folder's files are written. */
export async function readAlerts(): Promise<Alert[]> {
  const rules = (await readAll(root('docker/prometheus/alerts'))).join('\n').split(/^ +- alert: /m)
  return rules.slice(1).map((rule) => ({
    name: /^\w+/.exec(rule)![0],
    severity: /severity: (\w+)/.exec(rule)?.[1],
    annotations: [...rule.matchAll(/^ +(summary|description|runbook_url): \S/gm)].map(([, name]) => name!),
    runbook: /runbook_url: docs\/runbooks\/(\S+)/.exec(rule)?.[1],
  }))
}

/** The text of the tests for promtool. */
export async function readRuleTests(): Promise<string> {
  return (await readAll(root('docker/prometheus/tests'))).join('\n')
}

/** The commands, or statements, in the blocks of one language on a page. */
export function commands(page: string, language: string): string[] {
  return blocksOf(page, language)
    .flatMap((block) => block.trim().split(language === 'sh' ? '\n' : /;\n?/))
    .filter(Boolean)
}
