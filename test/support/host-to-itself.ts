/**
 * Tests that change real settings of the host, one file at a time: whoever else runs the same tests on this
 * machine would change them meanwhile.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { RunLock } from '../../src/measure/host/run-lock.js';
import { MachineError } from '../../src/trace/errors.js';

const PATIENCE_MS = 1_200_000;
const PAUSE_MS = 50;

/** For the tests of this file. Call it before anything that reads a setting in a hook. */
export function hostToItself(): void {
  let lock: RunLock | undefined;
  beforeAll(async () => {
    for (const end = Date.now() + PATIENCE_MS; lock === undefined;) {
      try {
        lock = RunLock.acquire('tests of the host', join(tmpdir(), 'faultline-tests-of-the-host'));
      } catch (error) {
        if (!(error instanceof MachineError) || Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }, PATIENCE_MS);
  afterAll(() => lock?.release());
}
