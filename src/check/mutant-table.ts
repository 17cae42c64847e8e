/**
 * Where each mistake of model/mutants.ts shows: the smallest scope that was found, and the memory model. What
 * the table says is run, never believed.
 */
import { MUTANTS, type Mutant } from '../model/mutants.js';
import type { MemoryModel } from './explicit/machine.js';
import type { Protocol } from './protocols/protocol.js';
import { findProtocol } from './protocols/protocols.js';
import type { Scope } from './protocols/scope.js';

/** What a check of a mutant must come to. */
export type Expectation =
  /** An invariant breaks, or somebody waits for ever. */
  | 'caught'
  /** Nothing can tell it from the original. */
  | 'equivalent'
  /** Only a memory model weaker than x86's shows it. */
  | 'waits for a weaker model'
  /** It is only slower: a simulation shows it. */
  | 'performance'
  /** Nothing was found in the scopes that were tried; `why` says what is missing. */
  | 'not caught yet';

export interface MutantCheck {
  readonly mutant: Mutant;
  readonly expects: Expectation;
  readonly protocol: Protocol;
  readonly scope: Scope;
  readonly memory: MemoryModel;
  readonly why?: string;
}

type Row = readonly [
  protocol: string,
  scope?: Partial<Scope>,
  more?: { readonly memory?: MemoryModel; readonly expects?: Expectation; readonly why?: string },
];

const FAULT: Row = ['fault-vs-invalidate'];
const TWO: Row = ['two-invalidators'];
const DISJOINT: Row = ['disjoint-invalidators'];
const SLOWER = { expects: 'performance' } as const;
const WEAK = { memory: 'tso', expects: 'waits for a weaker model' } as const;

/** By name of the mutant. */
const ROWS: Readonly<Record<string, Row>> = {
  'snapshot-after-gup': FAULT,
  'no-recheck': FAULT,
  'recheck-in-progress-only': FAULT,
  'recheck-seq-only': FAULT,
  'seq-in-start': FAULT,
  'seq-only-if-zapped': FAULT,
  'end-without-lock': ['fault-vs-invalidate', {}, WEAK],
  'no-barrier-after-snapshot': ['fault-vs-invalidate', {}, WEAK],
  'count-before-seq': ['fault-vs-invalidate', {}, { expects: 'equivalent' }],
  'precheck-gfn-against-hva': ['fault-vs-invalidate', {}, SLOWER],
  'recheck-gfn-against-hva': FAULT,
  'range-end-off-by-one': FAULT,
  'second-range-overwrites': DISJOINT,
  'begin-resets-range': DISJOINT,
  'end-clears-range': DISJOINT,
  'end-zeroes-count': DISJOINT,
  'range-after-zap': ['disjoint-invalidators', { gfns: 3 }],
  'count-after-zap': TWO,
  'yield-without-flush': TWO,
  'flush-kept-pending': ['two-invalidators', {}, SLOWER],
  'flush-forgotten': FAULT,
  'flush-after-unlock': FAULT,
  'flush-of-last-root-only': ['two-memslots'],
  'ranged-flush-level-by-level': [
    'fault-vs-invalidate-shadow',
    {},
    { expects: 'not caught yet', why: 'needs huge pages and a yield between two levels of rmaps' },
  ],
  'notifier-skips-invalid-roots': ['root-invalidation'],
  'plain-root-iteration': ['root-invalidation'],
  'continue-in-old-table': ['root-invalidation'],
  'no-progress-guard': ['yield-progress'],
  'guard-on-current-gfn': ['yield-progress'],
  'map-by-plain-store': ['fault-vs-fault'],
  'map-over-frozen': [
    'root-invalidation',
    {},
    {
      expects: 'not caught yet',
      why: 'on 7.3 nobody meets a frozen entry here; needs 6.1 splitting a huge page',
    },
  ],
  'unfreeze-before-flush': [
    'fault-vs-invalidate',
    {},
    { expects: 'not caught yet', why: 'needs 6.1 splitting a huge page' },
  ],
  'flush-does-not-wait': ['tlb-flush'],
  'kick-in-guest-only': ['tlb-flush'],
  'kick-ignores-shadow-walkers': ['lockless-walk'],
  'requests-before-mode': ['tlb-flush'],
  'no-barrier-on-entry': ['tlb-flush', {}, { memory: 'tso' }],
  'shadow-walk-ends-early': ['lockless-walk'],
  'active-count-on-hit-only': ['gfn-to-pfn-cache'],
  'active-count-not-awaited': ['memslot-update'],
  'yield-when-not-blockable': ['oom-reaper'],
  'pfn-cache-compares-mmu-seq': ['gfn-to-pfn-cache'],
  'apic-page-without-retry': ['apic-access-page'],
  'precheck-inverted': ['fault-vs-invalidate', {}, SLOWER],
  'early-retry-leaks-page': FAULT,
  'precheck-continues': FAULT,
  'precheck-loop-hoisted': FAULT,
  'prefetch-while-invalidating': ['prefetch'],
  'host-level-before-recheck': [
    'huge-fault',
    {},
    {
      expects: 'not caught yet',
      why: 'read after the sample, as here, any split in between moves the sequence and the fault retries',
    },
  ],
  'fast-fault-by-plain-store': ['fast-page-fault'],
  'aging-by-plain-store': ['aging'],
  'obsolete-roots-not-awaited': ['root-invalidation'],
  'memslot-zapped-before-srcu': ['memslot-slot-zap'],
  'fault-spins-on-trylock': ['lock-progress'],
  'unfair-lock': ['lock-progress'],
  'yield-without-unlock': ['two-invalidators', {}, SLOWER],
  'range-never-reset': DISJOINT,
  'end-elided': ['memslot-and-outside'],
  'no-priority-inheritance': ['qrwlock', {}, { ...SLOWER, why: 'needs more threads than CPUs' }],
};

/** Every mutant, with the check that it is put to. */
export function mutantChecks(): MutantCheck[] {
  return MUTANTS.map((mutant) => {
    const row = Object.hasOwn(ROWS, mutant.name) ? ROWS[mutant.name] : undefined;
    if (row === undefined) throw new Error(`the table of mutants has no row for ${mutant.name}`);
    const [name, scope = {}, { memory = 'sc', expects = 'caught', why } = {}] = row;
    const protocol = findProtocol(name);
    return {
      mutant,
      expects,
      protocol,
      scope: { ...protocol.scope, ...scope },
      memory,
      ...(why === undefined ? {} : { why }),
    };
  });
}
