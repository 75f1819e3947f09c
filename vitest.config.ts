import { defineConfig } from 'vitest/config'

const excluded = ['**/node_modules/**', '**/dist/**']

// A busy machine needs longer than vitest's one second; a condition that never comes is told before the test's end.
const expect = { poll: { timeout: 25_000 } }

/**
 * unit         src/x.test.ts beside the code: no server, no network
 * integration  test/x.test.ts: real servers from binaries on this machine; no Docker
 * docker       test/x.docker.test.ts: real servers in containers
 * slow         test/x.slow.test.ts: large data, long waits, many faults
 */
export default defineConfig({
  test: {
    reporters: ['default', './scripts/vitest-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          expect,
          testTimeout: 30_000,
          include: ['{packages,examples}/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: excluded,
        },
      },
      {
        test: {
          name: 'integration',
          expect,
          include: ['{packages,examples,docker}/*/test/**/*.test.ts', 'docs/test/**/*.test.ts'],
          exclude: [...excluded, '**/*.docker.test.ts', '**/*.slow.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'docker',
          expect,
          include: ['{packages,examples,docker}/*/test/**/*.docker.test.ts'],
          exclude: excluded,
          testTimeout: 180_000,
          hookTimeout: 900_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'slow',
          expect,
          include: ['{packages,examples}/*/test/**/*.slow.test.ts'],
          exclude: excluded,
          testTimeout: 900_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
})
