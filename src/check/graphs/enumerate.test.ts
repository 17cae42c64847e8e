import { describe, expect, it } from 'vitest';
import { anchorProgram, anchorStepsProgram } from '../protocols/anchor-program.js';
import { enumerate } from './enumerate.js';

describe('an enumeration', () => {
  const scope = { vcpus: 2, invalidators: 1, attempts: 1, rounds: 1 };

  it('says when it has not seen everything', () => {
    const { executions, complete, finding } = enumerate(anchorStepsProgram(scope), { mostExecutions: 50 });
    expect([executions, complete, finding]).toEqual([50, false, undefined]);
  });

  it('stops in time', () => {
    const big = anchorStepsProgram({ vcpus: 4, invalidators: 3, attempts: 2, rounds: 2 });
    const { complete, time } = enumerate(big, { timeLimit: 200 });
    expect(complete).toBe(false);
    expect(time).toBeLessThan(5000);
  });

  it('refuses steps that touch other cells beside their operation', () => {
    const program = { ...anchorProgram(scope) };
    expect(() => enumerate(program)).toThrow(/vCPU \d reads \w+ beside its operation/);
  });

  it('shows a finding as events that obey memory, one after another', () => {
    const { finding, events } = enumerate(anchorStepsProgram({ ...scope, mistake: 2 }));
    const memory = new Map<string, number>([['primary', 1]]);
    for (const { cell, found, left } of events) {
      expect(found ?? memory.get(cell) ?? 0).toBe(memory.get(cell) ?? 0);
      if (left !== undefined) memory.set(cell, left);
    }
    expect(finding).toMatchObject({ name: 'noUseAfterFree' });
    expect(events.length).toBeGreaterThan(10);
  });
});
