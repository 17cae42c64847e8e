/**
 * Invalidations at every place in a fault: begun before its i-th access to memory, ended before its j-th. The
 * protocol survives all of them; each mistake that one fault and whole calls of notifiers can show is shown.
 */
import { describe, expect, it } from 'vitest';
import { KERNELS, kernelPolicy } from './kernels.js';
import { controlPolicy, findMutants, mutantPolicy } from './mutants.js';
import type { Policy } from './policies.js';
import { frameOf, isLeaf } from './spte.js';
import type { SequentialThread } from './testing/sequential-thread.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Tracepoint } from './tracepoints.js';

/** The guest touches this; two tables of two entries. */
const GFN = 1;
/** Where the host moves its page. */
const SPARE = 3;

type Act = (world: World) => void;

/** A machine whose memory can be set back. */
class World {
  readonly alone: TdpMachine;
  readonly other: SequentialThread;
  readonly #saved: Int32Array;
  /** Invalidations of the page that are between the return of start and the call of end. */
  covered = 0;

  constructor(policy: Policy) {
    this.alone = tdpOn({
      pages: 4,
      geometry: { bits: 1, levels: 2 },
      tlbEntries: 1,
      roots: 1,
      change: policy,
    });
    this.other = this.alone.others[0];
    this.#saved = this.alone.mem.slice();
  }

  reset(): void {
    this.alone.mem.set(this.#saved);
    this.alone.t.emitted.length = 0;
    this.other.emitted.length = 0;
    this.covered = 0;
  }

  start(from: number, to: number): void {
    startOn(this.alone, from, to, this.other);
    if (from <= GFN && to > GFN) this.covered++;
  }

  end(from: number, to: number): void {
    if (from <= GFN && to > GFN) this.covered--;
    endOn(this.alone, from, to, this.other);
  }

  /** The host puts another page where the guest's was. */
  move(): void {
    const { mem, mm } = this.alone;
    const [from, to] = [mm.ptes + GFN, mm.ptes + SPARE];
    [mem[from], mem[to]] = [mem[to], mem[from]];
  }

  /** What is wrong right now. */
  get wrong(): string | undefined {
    const { mem, mm } = this.alone;
    const cell = entryCellOf(this.alone, GFN);
    if (cell === 0 || !isLeaf(mem[cell])) return undefined;
    if (this.covered > 0) return 'mapped within an invalidation';
    if (frameOf(mem[cell]) !== frameOf(mem[mm.ptes + GFN])) return 'maps a page that is not there any more';
    return undefined;
  }
}

/** What happens at the two places. All end what they begin. */
const SCRIPTS: Record<string, readonly [begin: Act, end: Act]> = {
  one: [(world) => world.start(0, 2), (world) => (world.move(), world.end(0, 2))],
  exactly: [(world) => world.start(GFN, GFN + 1), (world) => (world.move(), world.end(GFN, GFN + 1))],
  'two, the other later': [
    (world) => (world.start(0, 2), world.start(2, 4)),
    (world) => (world.move(), world.end(0, 2), world.end(2, 4)),
  ],
  'two, the other over': [
    (world) => (world.start(0, 2), world.start(2, 3), world.end(2, 3)),
    (world) => (world.move(), world.end(0, 2)),
  ],
  'two of the same page': [
    (world) => (world.start(0, 2), world.start(1, 3)),
    (world) => (world.end(1, 3), world.move(), world.end(0, 2)),
  ],
  'none covers it': [(world) => world.start(2, 4), (world) => world.end(2, 4)],
};

/** A fault with `begin` before its i-th access, `end` before its j-th; what it leaves behind at the end. */
function faultWith(
  world: World,
  [begin, end]: readonly [Act, Act],
  i: number,
  j: number,
): string | undefined {
  const { t, mem, kvm } = world.alone;
  world.reset();
  let accesses = 0;
  let phase = 0;
  let wrong: string | undefined;
  t.onAccess = () => {
    accesses++;
    // Notifiers wait while the fault holds the lock.
    if (mem[kvm.mmuLock.cnts] !== 0 || mem[kvm.mmuLock.waitLock.tail] !== mem[kvm.mmuLock.waitLock.head])
      return;
    if (phase === 0 && accesses >= i) {
      phase = 1;
      begin(world);
    }
    if (phase === 1 && accesses >= j) {
      wrong ??= world.wrong;
      phase = 2;
      end(world);
    }
  };
  faultOn(world.alone, GFN);
  t.onAccess = undefined;
  wrong ??= world.wrong;
  if (phase === 0) begin(world);
  if (phase < 2) end(world);
  const refs = t.all(Tracepoint.probeFaultRef).reduce((sum, [, change]) => sum + change, 0);
  if (refs !== 0) return 'a reference is left';
  // A guest that was told to try again finds its page in the end, when all is quiet.
  faultOn(world.alone, GFN);
  return wrong ?? world.wrong;
}

/** Accesses of an undisturbed fault. */
function lengthOf(world: World): number {
  world.reset();
  let accesses = 0;
  world.alone.t.onAccess = () => accesses++;
  faultOn(world.alone, GFN);
  world.alone.t.onAccess = undefined;
  return accesses;
}

/** Everything that goes wrong at any pair of places, and how many pairs there are. */
function search(policy: Policy, scripts = Object.keys(SCRIPTS)): { wrong: Set<string>; pairs: number } {
  const world = new World(policy);
  const length = lengthOf(world);
  const wrong = new Set<string>();
  let pairs = 0;
  for (const name of scripts) {
    for (let i = 1; i <= length; i++) {
      for (let j = i; j <= length + 1; j++) {
        pairs++;
        const found = faultWith(world, SCRIPTS[name], i, j);
        if (found !== undefined) wrong.add(found);
      }
    }
  }
  return { wrong, pairs };
}

describe('every place', () => {
  it.each(KERNELS.map(({ name }) => name))('%s survives', (name) => {
    const { wrong, pairs } = search({ ...kernelPolicy(name), mmu: 'tdp', preempt: 'full' });
    expect([...wrong]).toEqual([]);
    expect(pairs).toBeGreaterThan(500);
  });

  it.each(['exact', 'none'] as const)(
    'and so does rangeTracking %s, with either sequence',
    (rangeTracking) => {
      for (const sequence of ['global', 'per-range'] as const) {
        const policy = { ...kernelPolicy('v7.3'), rangeTracking, sequence };
        expect([...search(policy).wrong]).toEqual([]);
      }
    },
  );

  it('and every form of the pre-check: it is no part of the argument', () => {
    for (const preCheck of ['none', 'before-pfn', 'after-pfn', 'inverted'] as const) {
      expect([...search({ ...kernelPolicy('v7.3'), preCheck }).wrong]).toEqual([]);
    }
  });
});

const STALE = 'maps a page that is not there any more';
const WITHIN = 'mapped within an invalidation';

describe('mistakes', () => {
  it.each([
    ['snapshot-after-gup', STALE],
    ['no-recheck', STALE],
    ['no-recheck', WITHIN],
    ['recheck-in-progress-only', STALE],
    ['recheck-seq-only', WITHIN],
    ['seq-in-start', STALE],
    ['seq-only-if-zapped', STALE],
    ['recheck-gfn-against-hva', WITHIN],
    ['range-end-off-by-one', WITHIN],
    ['second-range-overwrites', WITHIN],
    ['begin-resets-range', WITHIN],
    ['end-clears-range', WITHIN],
    ['end-zeroes-count', WITHIN],
    ['early-retry-leaks-page', 'a reference is left'],
  ])('%s: %s', (name, what) => {
    const [mutant] = findMutants(name);
    expect([...search(controlPolicy(mutant)).wrong]).toEqual([]);
    expect([...search(mutantPolicy(mutant)).wrong]).toContain(what);
  });

  // precheck-continues needs a sample between the two stores of an end: nothing that whole calls can show.
  it.each(['count-before-seq', 'precheck-inverted', 'range-never-reset', 'precheck-continues'])(
    '%s is none of these',
    (name) => {
      const [mutant] = findMutants(name);
      expect([...search(mutantPolicy(mutant)).wrong]).toEqual([]);
    },
  );

  it('one invalidation shows neither of those that need two', () => {
    for (const name of ['second-range-overwrites', 'begin-resets-range', 'end-zeroes-count']) {
      const [mutant] = findMutants(name);
      expect([...search(mutantPolicy(mutant), ['one', 'exactly']).wrong]).toEqual([]);
    }
  });
});
