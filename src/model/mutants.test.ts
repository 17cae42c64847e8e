import { describe, expect, it } from 'vitest';
import { KERNELS, kernelPolicy } from './kernels.js';
import { MUTANTS, controlPolicy, findMutants, mutantPolicy } from './mutants.js';
import { POLICIES, type PolicyName } from './policies.js';

describe('mutants', () => {
  it('are 54, some in two forms, each under a name of its own', () => {
    const numbers = new Set(MUTANTS.map(({ number }) => number));
    expect([...numbers]).toEqual(Array.from({ length: 54 }, (_, index) => index + 1));
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS.map((mutant) => [`${mutant.number} ${mutant.name}`, mutant] as const))(
    '%s resolves on its kernel, and differs from its control in its change alone',
    (_, mutant) => {
      const [wrong, right] = [mutantPolicy(mutant), controlPolicy(mutant)];
      const differing = Object.keys(wrong).filter(
        (name) => wrong[name as PolicyName] !== right[name as PolicyName],
      );
      expect(differing.sort()).toEqual(Object.keys(mutant.change).sort());
      expect(differing.length).toBeGreaterThan(0);
    },
  );

  it('are of the classes that reviewers gave them', () => {
    const numbersOf = (wanted: string): number[] => [
      ...new Set(
        MUTANTS.filter(({ classes }) => classes.some((each) => each === wanted)).map((each) => each.number),
      ),
    ];
    expect(numbersOf('performance')).toEqual([10, 20, 28, 40, 49, 51, 54]);
    expect(numbersOf('liveness')).toEqual([27, 28, 36, 37, 41, 43, 49, 50, 52, 53, 54]);
    const unsafe = new Set(numbersOf('safety'));
    const others = MUTANTS.map(({ number }) => number).filter((number) => !unsafe.has(number));
    expect([...new Set(others)]).toEqual([10, 27, 28, 36, 40, 41, 43, 49, 50, 51, 52, 53, 54]);
    const starred = new Set(
      MUTANTS.filter(({ happened }) => happened !== undefined).map(({ number }) => number),
    );
    expect([...starred]).toEqual([10, 25, 38, 39, 40, 41, 42]);
  });

  it('every one of the safety class names an invariant that it breaks, unless it is equivalent', () => {
    const silent = MUTANTS.filter(
      ({ classes, breaks = [], equivalent }) =>
        classes.includes('safety') && equivalent === undefined && breaks.length === 0,
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('weak memory is needed for two, store buffers for one', () => {
    expect(MUTANTS.filter(({ memory }) => memory === 'weak').map(({ number }) => number)).toEqual([7, 8]);
    expect(MUTANTS.filter(({ memory }) => memory === 'tso').map(({ name }) => name)).toEqual([
      'no-barrier-on-entry',
    ]);
  });

  it('every value that no kernel has is a proposal or the mistake of a mutant', () => {
    // endBarrier and shadowBatch are settings that no mutant of the list turns.
    const proposals = new Set([
      'mmu shadow-paging',
      'preCheck before-pfn',
      'preCheck after-pfn',
      'retry loop',
      'retry wait-for-end',
      'rangeTracking exact',
      'sequence per-range',
      'needBreak never',
      'needBreak after-batch',
      'lock fair',
      // Not a kernel's: what checks that are not about locks take for one.
      'lock contract',
      'needBreak waiter-useful',
      'needBreak time-slice',
      'needBreak readers-waiting',
      'needBreakGate always',
      'memslotZap slot-only',
      'preempt full',
      'preempt none',
      'preempt rt',
      'lock rt',
      'endBarrier none',
      'shadowBatch 1',
    ]);
    const known = [
      ...KERNELS.map(({ name }) => kernelPolicy(name)),
      ...MUTANTS.map((mutant) => mutantPolicy(mutant)),
    ];
    const unknown = Object.entries(POLICIES).flatMap(([name, { values }]) =>
      values
        .filter((value) => !known.some((policy) => policy[name as PolicyName] === value))
        .map((value) => `${name} ${value}`),
    );
    expect(new Set(unknown)).toEqual(new Set([...proposals].filter((each) => unknown.includes(each))));
  });

  it('are found by name, number and class', () => {
    expect(findMutants('no-recheck').map(({ number }) => number)).toEqual([2]);
    expect(findMutants('46')).toHaveLength(2);
    expect(findMutants('P').every(({ classes }) => classes.includes('performance'))).toBe(true);
    expect(() => findMutants('no-rechek')).toThrow("no mutant 'no-rechek'; did you mean 'no-recheck'?");
  });
});
