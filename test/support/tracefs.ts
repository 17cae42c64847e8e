/** tracefs for the tests of a file: mounted if it is not, and as it was afterwards. Needs root to mount. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect } from 'vitest';

export const TRACEFS = '/sys/kernel/tracing';
const isMounted = (): boolean => existsSync(`${TRACEFS}/instances`);
const MOST_TRIES = 200;

/** @returns what undoes it; others may look into it for a moment, so it is tried again */
export function mountTracefs(): () => void {
  if (isMounted()) return () => undefined;
  expect(spawnSync('mount', ['-t', 'tracefs', 'nodev', TRACEFS]).status).toBe(0);
  return unmountTracefs;
}

export function unmountTracefs(): void {
  for (let tries = 0; isMounted() && tries < MOST_TRIES; tries++) spawnSync('umount', [TRACEFS]);
}

/** For the tests of a file, which has the host to itself (call hostToItself before). */
export function withTracefs(): void {
  let undo: (() => void) | undefined;
  beforeAll(() => {
    undo = mountTracefs();
  });
  afterAll(() => undo?.());
}
