/**
 * Goal: every mistake of the fact sheet's table is caught where it can be, by the invariant that it breaks,
 * and its original is not; what cannot be told apart is not caught.
 */
import { describe, expect, it } from 'vitest';
import { resolvePolicy } from '../model/resolve-policy.js';
import { checkedMutant, checkInSlices, type CheckResult, type CheckSetup } from './check.js';
import { mutantChecks, type MutantCheck } from './mutant-table.js';

function run(setup: CheckSetup): CheckResult {
  const slices = checkInSlices(setup);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
}

function setupOf({ mutant, protocol, scope, memory }: MutantCheck): CheckSetup {
  return { protocol, policy: checkedMutant(protocol, mutant), whose: mutant.name, scope, memory };
}

const CHECKS = mutantChecks();
const label = (check: MutantCheck): [string, MutantCheck] => [
  `${check.mutant.number} ${check.mutant.name} by ${check.protocol.name} under ${check.memory}`,
  check,
];

describe('a mistake', () => {
  it.each(CHECKS.filter(({ expects }) => expects === 'caught').map(label))('%s is caught', (_name, check) => {
    const { finding, steps, loop } = run(setupOf(check));
    const { breaks, classes } = check.mutant;
    const names: readonly string[] = [...(breaks ?? []), 'stuck', 'progress'];
    expect(names).toContain(finding?.name);
    // Whoever is only kept waiting has found no broken invariant.
    expect(classes.includes('safety') && finding?.name === 'stuck').toBe(false);
    expect(steps.length + loop.length).toBeGreaterThan(0);
    // The last step of a broken invariant is the one that tells, unless it is what is left in the end.
    const last = steps.at(-1)?.finding;
    expect(last ?? finding).toEqual(finding);
  });

  it.each(CHECKS.filter(({ expects }) => expects !== 'caught').map(label))(
    '%s is not, and everything was explored',
    (_name, check) => {
      const { finding, complete } = run(setupOf(check));
      expect([finding, complete]).toEqual([undefined, true]);
    },
  );

  it('of the class performance is nothing that a check could find', () => {
    const slower = CHECKS.filter(({ expects }) => expects === 'performance').map(
      ({ mutant }) => mutant.classes[0],
    );
    expect(new Set(slower)).toEqual(new Set(['performance']));
  });

  it('that x86 shows by its store buffers alone is hidden under sc', () => {
    const hidden = CHECKS.filter(({ mutant, memory }) => mutant.memory === 'tso' && memory === 'tso');
    expect(hidden.map(({ mutant }) => mutant.name)).toEqual(['no-barrier-on-entry']);
    expect(run({ ...setupOf(hidden[0]), memory: 'sc' }).finding).toBeUndefined();
  });
});

describe('the original', () => {
  const controls = new Map(
    CHECKS.filter(({ expects }) => expects === 'caught').map((check) => {
      const { protocol, scope, memory, mutant } = check;
      const context = JSON.stringify(mutant.context ?? {});
      return [`${protocol.name} ${JSON.stringify(scope)} ${memory} ${mutant.kernel} ${context}`, check];
    }),
  );
  it.each([...controls])('%s is clean', (_name, { mutant, protocol, scope, memory }) => {
    const context = Object.fromEntries(Object.entries(mutant.context ?? {}));
    const stock = resolvePolicy(mutant.kernel, context);
    const policy = { ...checkedMutant(protocol, mutant), ...changesBack(mutant.change, stock) };
    const { finding, complete } = run({ protocol, policy, whose: mutant.kernel, scope, memory });
    expect([finding, complete]).toEqual([undefined, true]);
  });
});

/** The stock kernel's answers to what a mutant changes; its lock stays the contract where it is that. */
function changesBack(change: object, stock: Readonly<Record<string, unknown>> | object): object {
  return Object.fromEntries(
    Object.keys(change).map((key) => [key, (stock as Readonly<Record<string, unknown>>)[key]]),
  );
}
