/**
 * What the invariants found: a huge SPTE may come back over a page whose invalidation has begun, and nothing
 * breaks (docs/findings/huge-spte-over-a-change.md).
 */
import { expect, it } from 'vitest';
import { parseScenario } from '../experiment/scenario/scenario.js';
import { simulationOf } from '../experiment/simulation.js';
import { simulate } from './run.js';

const HUGE = 512;

const HOLES = `version: 1
description: single pages of huge pages in use are given back
machine: { cpus: 16 }
guest:
  memory: 8MiB
  vcpus: 8
  backing: thp
  access: { pattern: random, region: shared, writes: 50%, work: 100ns }
storms:
  - { kind: madvise, advice: dontneed, step: 4KiB, order: random, period: 100us, start: 1ms }
duration: 2ms
`;

it('a fault on a neighbour maps a huge page again before it is split for the page that changes', () => {
  const setup = { ...simulationOf(parseScenario(HOLES)), assert: true };
  const { trace, vm, violations } = simulate(setup, { trace: true });
  if (trace === undefined) throw new Error('no trace');
  const begin = trace.named('invalidate_begin');
  const map = trace.named('kvm_mmu_set_spte');
  /** The huge page of which one page is being invalidated, until all of it is. */
  let changing = -1;
  const found = { splits: 0, mappedOver: 0 };
  for (let event = 0; event < trace.length; event++) {
    const kind = trace.kindOf(event);
    const row = trace.row[event];
    if (kind === begin) {
      // The model's host pages are the low half of the addresses in traces.
      const first = ((kind.column('start')?.number(row) ?? 0) / 4096) % 2 ** 28;
      const end = ((kind.column('end')?.number(row) ?? 0) / 4096) % 2 ** 28;
      if (end - first === HUGE) found.splits++;
      changing = end - first === 1 ? Math.floor((first - vm.slots[0].userspacePage) / HUGE) : -1;
    } else if (kind === map && kind.column('level')?.number(row) === 2) {
      if (Math.floor((kind.column('gfn')?.number(row) ?? 0) / HUGE) === changing) found.mappedOver++;
    }
  }
  expect(found.splits).toBe(4);
  expect(found.mappedOver).toBeGreaterThanOrEqual(2);
  expect(violations).toEqual([]);
});
