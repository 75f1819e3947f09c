// node src/generate.ts: writes dashboards/*.json, which Grafana reads.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderDashboards } from './index.ts'

const folder = join(import.meta.dirname, '..', 'dashboards')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
for (const [name, json] of renderDashboards()) writeFileSync(join(folder, name), json)
