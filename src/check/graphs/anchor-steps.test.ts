/** Counts of executions that GenMC, Nidhugg and a prototype of source-DPOR agree on. */
import { describe, expect, it } from 'vitest';
import { anchorStepsProgram } from '../protocols/anchor-program.js';
import { enumerate } from './enumerate.js';

describe.each(['sc', 'tso'] as const)('the anchor protocol in its finest grain under %s', (memory) => {
  it.each([
    [1, 1, 1, 1, 9],
    [2, 1, 1, 1, 99],
    [3, 1, 1, 1, 1347],
    [2, 1, 2, 1, 1594],
    [2, 1, 3, 1, 14_158],
    [2, 2, 1, 1, 6214],
    [3, 2, 1, 1, 192_440],
  ])('V%d I%d A%d M%d: %d executions', (vcpus, invalidators, attempts, rounds, executions) => {
    const result = enumerate(anchorStepsProgram({ vcpus, invalidators, attempts, rounds }), { memory });
    expect(result).toMatchObject({ executions, blocked: 0, complete: true, finding: undefined });
  });

  it.each([1, 2, 3] as const)('finds mistake %d', (mistake) => {
    const scope = { vcpus: 2, invalidators: 1, attempts: 1, rounds: 1, mistake };
    const { finding, events, complete } = enumerate(anchorStepsProgram(scope), { memory });
    expect([finding?.name, complete]).toEqual(['noUseAfterFree', false]);
    expect(events.length).toBeGreaterThan(10);
  });
});
