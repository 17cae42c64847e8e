/**
 * Compares two traces event for event and field for field.
 */
import { expect } from 'vitest';
import type { Trace } from '../../src/trace/store/trace.js';

/** One event as plain data. */
export function eventOf(trace: Trace, event: number): Record<string, unknown> {
  const table = trace.kindOf(event);
  const row = trace.row[event];
  const fields = table.columns
    .filter((column) => column.has(row))
    .map((column) => [column.field.name, column.text(row)]);
  return {
    time: trace.stampOf(event),
    cpu: trace.cpuOf(event),
    ...trace.taskOf(event),
    flags: trace.flags[event],
    name: `${table.system}:${table.name}`,
    ...Object.fromEntries(fields),
  };
}

/** Fail at the first event that differs; a million equal events cost no million expectations. */
export function expectSameTrace(actual: Trace, expected: Trace): void {
  expect(actual.length).toBe(expected.length);
  for (let event = 0; event < expected.length; event++) {
    const [a, b] = [eventOf(actual, event), eventOf(expected, event)];
    const keys = Object.keys(b);
    if (keys.length !== Object.keys(a).length || keys.some((key) => a[key] !== b[key])) {
      expect({ event, ...a }).toEqual({ event, ...b });
    }
  }
}
