import { statusDocument } from '../status-document.ts'
import type { Status } from '../status.ts'
import { certificates } from './certificates.ts'
import { databases, manyDatabases } from './databases.ts'
import { pools } from './pools.ts'
import { retention } from './retention.ts'
import { running } from './running.ts'
import type { Section } from './section.ts'
import { verdict } from './verdict.ts'

/** The page from top to bottom; what there is nothing to say about is left out. */
export function allSections(status: Status): Section[] {
  return [
    verdict(statusDocument(status)),
    running(status),
    databases(status),
    pools(status),
    certificates(status),
    retention(status),
    ...manyDatabases(status),
  ].filter((each) => each !== undefined)
}
