import { findProgram, needs } from '@ops/testbed'
import { beforeEach, describe } from 'vitest'
import { describePooling } from './pooling-contract.ts'

describe('behind the PgBouncer of this machine', () => {
  beforeEach((context) =>
    needs(context, findProgram('pgbouncer') !== undefined, 'PgBouncer is not installed'),
  )
  describePooling({ mode: 'local' })
})
