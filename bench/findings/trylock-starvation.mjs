/** Faults outside of what writers invalidate, in mmu_lock's queue and spinning on read_trylock(). */
import { ms, seeds, simulated, spread, table, us } from './simulated.mjs';

const SETUP = [
  'machine.cpus=16',
  'guest.memory=64MiB',
  'guest.access.pattern=sequential',
  'guest.access.region=shared',
  'guest.access.covered=0%',
];

const line = table(
  'Four vCPUs touch new memory, threads invalidate 64 KiB at a time elsewhere; 20 ms, seeds 1 to 3',
  [
    'threads',
    'faultLock',
    'faults that ended',
    'median fault, us',
    'longest fault, ms',
    'longest wait for the lock, ms',
    'invalidations',
  ],
);
for (const threads of [1, 2, 3, 4, 6]) {
  for (const lock of ['queue', 'trylock-spin']) {
    const sets = [
      ...SETUP,
      `policy.faultLock=${lock}`,
      `storms=[{ kind: unmap, range: 0..16MiB, step: 64KiB, threads: ${threads} }]`,
    ];
    const runs = seeds(1, 3).map((seed) => simulated('quiet', sets, { seed, untilMs: 20 }));
    const waits = runs.map(({ mmuLock }) =>
      mmuLock.byUser.find(({ user, mode }) => user === 'fault' && mode === 'read'),
    );
    line([
      threads,
      lock,
      spread(runs.map(({ faults }) => faults.uncovered.latency.count)),
      spread(
        runs.map(({ faults }) => faults.uncovered.latency.p50Ns),
        us,
      ),
      spread(
        runs.map(({ faults: { uncovered } }) =>
          Math.max(uncovered.latency.maxNs, uncovered.oldestUnfinishedNs),
        ),
        ms,
      ),
      spread(
        waits.map((user) => user?.wait.maxNs ?? 0),
        ms,
      ),
      spread(runs.map(({ invalidations }) => invalidations.count)),
    ]);
  }
}
