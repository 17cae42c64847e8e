import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { coroutines } from './scripts/lib/coroutines/plugin.mjs';

export default defineConfig({
  plugins: [coroutines()],
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Some tests decode whole recordings or start a browser, on machines with two shared cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Processes, not threads: memory limits and crashes of one file stay its own.
    pool: 'forks',
    maxWorkers: Math.max(1, Math.min(4, availableParallelism())),
    reporters: ['default', './scripts/lib/summary-reporter.mjs'],
  },
});
