import { PGBOUNCER_SUITES } from '@ops/testbed'
import { describe } from 'vitest'
import { describePooling } from './pooling-contract.ts'

describe.each(Object.keys(PGBOUNCER_SUITES).filter((version) => version !== '1.18'))(
  'behind PgBouncer %s',
  (version) => {
    describePooling({ mode: 'container', version })
  },
)
