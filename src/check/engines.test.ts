/**
 * Goal: the two engines agree wherever both apply: the same verdict, with and without a mistake, under either
 * memory model, though one walks states and the other executions.
 */
import { describe, expect, it } from 'vitest';
import { explore } from './explicit/explore.js';
import { enumerate } from './graphs/enumerate.js';
import { anchorStepsProgram } from './protocols/anchor-program.js';

describe('both engines', () => {
  const scopes = [
    [1, 1],
    [2, 1],
    [2, 2],
  ] as const;
  const cases = scopes.flatMap(([vcpus, invalidators]) =>
    (['sc', 'tso'] as const).flatMap((memory) =>
      ([0, 1, 2, 3] as const).map((mistake) => ({ vcpus, invalidators, memory, mistake })),
    ),
  );

  it.each(cases)('$vcpus vCPUs, $invalidators invalidators, mistake $mistake, $memory', (each) => {
    const { vcpus, invalidators, memory, mistake } = each;
    const program = anchorStepsProgram({ vcpus, invalidators, attempts: 1, rounds: 1, mistake });
    const states = explore(program, { memory });
    const executions = enumerate(program, { memory });
    expect([executions.finding?.name, executions.complete || mistake !== 0]).toEqual([
      states.finding?.name,
      true,
    ]);
    expect(states.finding?.name).toBe(mistake === 0 ? undefined : 'noUseAfterFree');
  });
});
