import { defineConfig } from 'tsup'
import { opsPackage } from '../../tsup.base.ts'

export default defineConfig(
  opsPackage({
    index: 'src/index.ts',
    prometheus: 'src/prometheus.ts',
    cli: 'src/cli.ts',
    'handshake-worker': 'src/handshake-worker.ts',
  }),
)
