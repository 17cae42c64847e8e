/** Whether the short incident of `faultline study seed` shows what a larger guest and more time show. */
import { incident } from '../../dist/experiment/claims/situations.js';
import { ms, seeds, simulated, spread, table } from './simulated.mjs';

const NO_CHECK = 'policy.preCheck=none';
const VARIANTS = [
  { name: 'pre-check, yield', sets: [] },
  { name: 'pre-check, never', sets: ['policy.needBreak=never'] },
  { name: 'no pre-check, yield', sets: [NO_CHECK] },
  { name: 'no pre-check, never', sets: [NO_CHECK, 'policy.needBreak=never'] },
  { name: 'no pre-check, trylock spin', sets: [NO_CHECK, 'policy.faultLock=trylock-spin'] },
  { name: 'shadow, yield', sets: ['policy.mmu=shadow'] },
  { name: 'shadow, never', sets: ['policy.mmu=shadow', 'policy.shadowNotifierYield=never'] },
  { name: 'no pre-check, none', sets: [NO_CHECK, 'host.preempt=none'] },
  { name: 'no pre-check, lazy', sets: [NO_CHECK, 'host.preempt=lazy', 'host.kernel=v6.13'] },
  { name: 'no pre-check, rt', sets: [NO_CHECK, 'host.preempt=rt'] },
];
const LONG = [
  'guest.memory=256MiB',
  'machine.cpus=128',
  'guest.pin=true',
  'host.kernel=v6.12',
  'host.preempt=full',
];

/** @param {readonly ReturnType<typeof simulated>[]} runs */
function cells(runs) {
  const stalls = runs.map(({ guest }) => guest.longestStall);
  const cutOff = stalls.some((stall) => stall?.unfinished);
  return [
    `${cutOff ? '> ' : ''}${spread(
      stalls.map((stall) => stall?.durationNs ?? 0),
      ms,
    )}`,
    spread(runs.map(({ yields }) => yields.count)),
    spread(runs.map(({ yields }) => yields.useful)),
  ];
}

for (const [index, vcpus] of [16, 64].entries()) {
  const { title, scenario, changes } = incident('stallNs')[index];
  const line = table(`${title}: ${scenario}, and ksm-and-numa with 256 MiB for 300 ms; seeds 1 to 3`, [
    'variant',
    'stall, ms',
    'yields',
    'useful',
    'long: stall, ms',
    'yields',
    'useful',
  ]);
  for (const { name, sets } of VARIANTS) {
    const short = seeds(1, 3).map((seed) => simulated(scenario, [...changes, ...sets], { seed }));
    const long = seeds(1, 3).map((seed) =>
      simulated('ksm-and-numa', [...LONG, `guest.vcpus=${vcpus}`, ...sets], { seed, untilMs: 300 }),
    );
    line([name, ...cells(short), ...cells(long)]);
  }
}
