import { dockerAvailable } from '@ops/testbed'
import { describeRuleExamples } from './rule-examples.ts'

const missing = (await dockerAvailable()) ? {} : { missing: 'Docker does not run on this machine' }

describeRuleExamples({ mode: 'container', version: '1.18', ...missing })
describeRuleExamples({ mode: 'container', version: '1.24', maxPreparedStatements: 0, ...missing })
describeRuleExamples({ mode: 'container', version: '1.24', maxPreparedStatements: 200, ...missing })
describeRuleExamples({ mode: 'container', version: '1.26', ...missing })
