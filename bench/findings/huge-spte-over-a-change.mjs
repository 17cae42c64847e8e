/**
 * How often a fault maps a huge page over a page of it whose invalidation has begun, before the huge page is
 * split: from the trace.
 */
import { parseOverride } from '../../dist/experiment/scenario/overrides.js';
import { loadScenario } from '../../dist/experiment/scenario/scenario.js';
import { simulationOf } from '../../dist/experiment/simulation.js';
import { simulate } from '../../dist/simulate/run.js';
import { table } from './simulated.mjs';

const HUGE = 512;
/** Few huge pages and many vCPUs, and every huge page is mapped before the first hole is made. */
const SETS = [
  'machine.cpus=16',
  'guest.memory=32MiB',
  'guest.vcpus=8',
  'storms.holes.range=all',
  'storms.holes.start=1ms',
  'storms.holes.period=100us',
];

/** @param {number} seed */
function counted(seed) {
  const setup = simulationOf(
    loadScenario(
      'thp-collapse',
      [...SETS, `seed=${seed}`].map((each) => parseOverride('--set', each)),
    ),
    { untilNs: 20e6, assert: true },
  );
  const { trace, vm, violations } = simulate(setup, { trace: true });
  if (trace === undefined) throw new Error('no trace');
  const found = { holes: 0, splits: 0, over: 0, mapped: 0, violations: violations.length };
  /** The huge page that a task is about to change one page of. @type {Map<number, number>} */
  const open = new Map();
  const begin = trace.named('invalidate_begin');
  const map = trace.named('kvm_mmu_set_spte');
  for (let event = 0; event < trace.length; event++) {
    const kind = trace.kindOf(event);
    const row = trace.row[event];
    if (kind === begin) {
      // The model's host pages are the low half of the addresses in traces.
      const [first, end] = ['start', 'end'].map(
        (name) => ((kind.column(name)?.number(row) ?? 0) / 4096) % 2 ** 28,
      );
      const slot = vm.slots.find(
        ({ userspacePage, pages }) => first >= userspacePage && first < userspacePage + pages,
      );
      if (slot === undefined) continue;
      const huge = Math.floor((first - slot.userspacePage + slot.baseGfn) / HUGE);
      const task = trace.tidOf(event);
      if (end - first === HUGE && open.get(task) === huge) found.splits++;
      open.delete(task);
      if (end - first === 1) open.set(task, huge);
      if (end - first === 1) found.holes++;
    } else if (kind === map && kind.column('level')?.number(row) === 2) {
      found.mapped++;
      const huge = Math.floor((kind.column('gfn')?.number(row) ?? 0) / HUGE);
      if ([...open.values()].includes(huge)) found.over++;
    }
  }
  return found;
}

const line = table('thp-collapse with 16 huge pages, 20 ms', [
  'seed',
  'invalidations of one page',
  'that split a huge page',
  'huge SPTEs mapped',
  'over a page that is being invalidated',
  'invariants broken',
]);
for (const seed of [1, 2, 3]) {
  const { holes, splits, mapped, over, violations } = counted(seed);
  line([seed, holes, splits, mapped, over, violations]);
}
