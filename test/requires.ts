/**
 * Tests that need a real part beyond Node: a program, a device, or the folder ../shared.
 *
 *     const { it, describe } = requires('trace-cmd', 'shared');
 *     it('reads back what it wrote', () => { ... });
 *
 * When every part is there, `it` and `describe` are vitest's own. When one is missing they register the same
 * tests as skipped, with the reason in the task's meta data, where the summary of `npm test` finds it. With
 * CI=true a missing part fails the test instead, unless the table (scripts/parts.txt) calls the part `extra`.
 */
import { resolve } from 'node:path';
import { TestRunner, describe as vitestDescribe, it as vitestIt, type TestAPI } from 'vitest';
import { allParts, hasPart, missingReason } from '../scripts/lib/parts.mjs';
import { repositoryRoot } from '../scripts/lib/root.mjs';

export { repositoryRoot };

/** Recordings and notes beside the repository; present only where `requires('shared')` runs its tests. */
export const sharedFolder = resolve(repositoryRoot, '..', 'shared');

declare module 'vitest' {
  interface TaskMeta {
    /** Why this test or group does not run here. */
    skipReason?: string;
  }
}

/** What a test file uses in place of vitest's `it` and `describe`. */
export interface Required {
  it: TestAPI;
  describe: (name: string, body: () => void | Promise<void>) => void;
  /** Why the tests do not run here; undefined when they do. */
  reason: string | undefined;
}

/**
 * @param names parts in scripts/parts.txt
 * @throws Error when the table has no such part
 */
export function requires(...names: string[]): Required {
  return requiresIn(process.env, ...names);
}

/** `requires` with the environment (PATH, CI, FAULTLINE_WITHOUT) given: each case can be tested anywhere. */
export function requiresIn(env: NodeJS.ProcessEnv, ...names: string[]): Required {
  const table = allParts();
  const missing = names.flatMap((name) => {
    const part = table.find((candidate) => candidate.name === name);
    if (!part) throw new Error(`requires('${name}'): scripts/parts.txt has no such part`);
    return hasPart(part, env) ? [] : [part];
  });
  if (missing.length === 0) return { it: vitestIt, describe: vitestDescribe, reason: undefined };
  const reason = missing.map(missingReason).join(', ');
  const fails = env['CI'] === 'true' && missing.some((part) => part.need !== 'extra');
  return fails ? failing(reason) : skipping(reason);
}

function failing(reason: string): Required {
  const fail = (): never => {
    throw new Error(`CI=true and this machine ${reason}`);
  };
  const it = collector((name, chain) => TestRunner.getCurrentSuite().task(name, { ...chain, handler: fail }));
  return {
    it,
    describe: (name) => vitestDescribe(name, () => vitestIt('finds what it needs', fail)),
    reason,
  };
}

function skipping(reason: string): Required {
  const options = { skip: true, meta: { skipReason: reason } };
  const nothing = (): void => undefined;
  const it = collector((name, chain) =>
    TestRunner.getCurrentSuite().task(name, { ...chain, ...options, handler: nothing }),
  );
  const describe = (name: string, body: () => void | Promise<void>): void => {
    vitestDescribe(name, options, async () => {
      try {
        await body();
      } catch {
        // The body lists the tests, and may need the missing part for that: then one test stands for all.
        vitestIt('every test of this group', nothing);
      }
    });
  };
  return { it, describe, reason };
}

type Chain = Record<string, boolean | undefined>;

/** An `it` with each, for, concurrent ... that registers tests in its own way. */
function collector(register: (name: string, chain: Chain) => void): TestAPI {
  return TestRunner.createTaskCollector(function collect(this: Chain, name: string) {
    register(name, { ...this });
  });
}
