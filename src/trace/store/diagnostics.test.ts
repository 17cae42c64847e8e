import { expect, it } from 'vitest';
import { Diagnostics, type Sample } from './diagnostics.js';

it('counts everything, however many kinds of it there are, in bounded memory', () => {
  const diagnostics = new Diagnostics();
  const table = new Map<string, Sample>();
  for (let i = 0; i < 3000; i++) diagnostics.count(table, `kind ${i}`, i, 'x'.repeat(1000));
  let total = 0;
  for (const { count, example } of table.values()) {
    total += count;
    expect(example.length).toBeLessThan(200);
  }
  expect(total).toBe(3000);
  expect(table.size).toBeLessThan(1100);
  expect(table.get('(others)')?.count).toBeGreaterThan(1900);
});
