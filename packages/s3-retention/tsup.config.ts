import { defineConfig } from 'tsup'
import { opsPackage } from '../../tsup.base.ts'

export default defineConfig(
  opsPackage({ index: 'src/index.ts', prometheus: 'src/prometheus.ts', s3: 'src/s3.ts', cli: 'src/cli.ts' }),
)
