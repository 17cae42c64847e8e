/** The longest stall of a guest under Weber's variants of v6.7, over seeds. */
import { ms, seeds, simulated, spread, table } from './simulated.mjs';

const GUEST = ['guest.memory=256MiB', 'machine.cpus=32', 'guest.access.work=1us'];
const SCHEDULER = 'policy.needBreakGate=preempt-model';
const VARIANTS = [
  { name: 'stock', sets: [] },
  { name: 'v1', sets: ['policy.preCheck=after-pfn'] },
  { name: 'v2', sets: ['policy.preCheck=gfn-against-hva'] },
  { name: 'scheduler patch', sets: [SCHEDULER] },
  { name: 'scheduler patch, preempt=full', sets: [SCHEDULER, 'host.preempt=full'] },
  { name: 'v2 + scheduler patch', sets: ['policy.preCheck=gfn-against-hva', SCHEDULER] },
];

const line = table('weber, 256 MiB, 400 ms, seeds 1 to 3', [
  'variant',
  'longest stall, ms',
  'longest invalidate_range_start, ms',
  'yields',
  'flushes',
  'retries',
  'touches',
]);
for (const { name, sets } of VARIANTS) {
  const runs = seeds(1, 3).map((seed) => simulated('weber', [...GUEST, ...sets], { seed, untilMs: 400 }));
  line([
    name,
    spread(
      runs.map(({ guest }) => guest.longestStall?.durationNs ?? 0),
      ms,
    ),
    spread(
      runs.map(({ invalidations }) => invalidations.start.maxNs),
      ms,
    ),
    spread(runs.map(({ yields }) => yields.count)),
    spread(runs.map(({ flushes }) => flushes.count)),
    spread(runs.map(({ faults }) => faults.retries.total)),
    spread(runs.map(({ guest }) => guest.touches)),
  ]);
}
