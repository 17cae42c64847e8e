/**
 * Goal: every state is found, once, and the numbers are those of other checkers; the first violation is the
 * shortest; store buffers are x86's; loops are found exactly when fairness does not end them.
 */
import { describe, expect, it } from 'vitest';
import { kernelPolicy } from '../../model/kernels.js';
import { checkedPolicy } from '../check.js';
import { replay } from '../counterexample/replay.js';
import { anchorProgram } from '../protocols/anchor-program.js';
import type { AnchorMistake } from '../protocols/anchor.js';
import { findProtocol, PROTOCOLS } from '../protocols/protocols.js';
import { explore } from './explore.js';

describe('the anchor protocol', () => {
  it.each([
    // Agreed by Spin (-o1), Stateright, Rumur and TLC; the second also by LTSmin.
    [2, 2, 1, 1, 8011, 18_672],
    [2, 2, 3, 2, 806_807, 1_998_110],
  ])('V%d I%d A%d M%d', (vcpus, invalidators, attempts, rounds, states, transitions) => {
    const result = explore(anchorProgram({ vcpus, invalidators, attempts, rounds }));
    expect([result.finding, result.states, result.transitions]).toEqual([undefined, states, transitions]);
  });

  it.each([1, 2, 3] as const)(
    'with its mistake %d is refuted by a way that can be taken again',
    (mistake) => {
      const program = anchorProgram({
        vcpus: 2,
        invalidators: 2,
        attempts: 1,
        rounds: 1,
        mistake: mistake satisfies AnchorMistake,
      });
      const { finding, moves, automata } = explore(program);
      expect(finding?.name).toBe('noUseAfterFree');
      const steps = replay(automata, 'sc', moves);
      expect(steps.at(-1)?.finding).toEqual(finding);
      expect(steps.slice(0, -1).filter((step) => step.finding !== undefined)).toEqual([]);
    },
  );
});

describe('what is known of cells does not change what is found', () => {
  it('the same numbers whatever was reconnoitred', () => {
    const protocol = findProtocol('disjoint-invalidators');
    const once = (): number[] => {
      const { states, transitions, depth } = explore(
        protocol.program(checkedPolicy(protocol, 'v7.3'), protocol.scope),
      );
      return [states, transitions, depth];
    };
    expect(once()).toEqual(once());
  });

  it('a limit is said', () => {
    const protocol = findProtocol('two-invalidators');
    const program = protocol.program(checkedPolicy(protocol, 'v7.3'), protocol.scope);
    expect(explore(program, { mostStates: 5000 })).toMatchObject({ complete: false, finding: undefined });
  });
});

describe('stock kernels', () => {
  const KERNELS = ['v5.10', 'v6.1', 'v6.7', 'v6.8', 'v6.11', 'v6.12', 'v6.13', 'v6.15', 'v7.0', 'v7.3'];
  /** What kernels really had: the hole in gfn_to_pfn_cache, and the APIC access page without a retry. */
  const HAD: Readonly<Record<string, ((kernel: string) => boolean) | undefined>> = {
    'gfn-to-pfn-cache': (kernel) => kernelPolicy(kernel).pfnCache === 'mmu-seq',
    'apic-access-page': (kernel) => kernelPolicy(kernel).apicPage === 'no-retry',
  };
  const QUICK = PROTOCOLS.filter(({ findsLoops, name }) => findsLoops !== true && name !== 'anchor').filter(
    ({ name }) =>
      !['fault-vs-fault', 'root-invalidation', 'memslot-update', 'two-invalidators'].includes(name),
  );

  it.each(KERNELS)('%s is clean under sc and tso, but for what it really had', (kernel) => {
    // The TDP MMU of 5.10 was off.
    const { mmu } = kernelPolicy(kernel);
    const protocols = QUICK.filter(({ needs }) => needs.mmu === mmu || needs.mmu === 'shadow');
    expect(protocols.length).toBeGreaterThan(2);
    for (const protocol of protocols) {
      for (const memory of ['sc', 'tso'] as const) {
        const policy = checkedPolicy(protocol, kernel);
        const { finding, complete } = explore(protocol.program(policy, protocol.scope), { memory });
        const expected = HAD[protocol.name]?.(kernel) === true ? 'noUseAfterFree' : undefined;
        expect([protocol.name, memory, finding?.name, complete]).toEqual([
          protocol.name,
          memory,
          expected,
          true,
        ]);
      }
    }
  });

  it('an endless stream of invalidations may keep a fault from its end for ever', () => {
    const protocol = findProtocol('endless-invalidations');
    const result = explore(protocol.program(checkedPolicy(protocol, 'v7.3'), protocol.scope), {
      findsLoops: true,
    });
    expect(result.finding?.name).toBe('progress');
    expect(result.loop.length).toBeGreaterThan(0);
  });
});
