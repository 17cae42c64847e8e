/**
 * Mutants: mistakes in the protocol, as policies. The checker must refute those of the safety class; a
 * simulation must show those of the performance class; one that nothing can tell from the original is
 * marked so.
 */
import { InputError } from '../trace/errors.js';
import { MACHINERY_MUTANTS } from './mutants/machinery.js';
import type { Mutant } from './mutants/mutant.js';
import { PROTOCOL_MUTANTS } from './mutants/protocol.js';
import { WALK_MUTANTS } from './mutants/walks.js';
import { didYouMean } from './nearest.js';
import type { Policy, PolicyChange } from './policies.js';
import { resolvePolicy, type PolicyChanges } from './resolve-policy.js';

export type { Mutant } from './mutants/mutant.js';

/** In order of their numbers. */
export const MUTANTS: readonly Mutant[] = [...PROTOCOL_MUTANTS, ...WALK_MUTANTS, ...MACHINERY_MUTANTS].sort(
  (a, b) => a.number - b.number,
);

/**
 * Mutants by name, by number (all forms of it), or by class letter: `19`, `no-recheck`, `P`.
 *
 * @throws InputError for anything else
 */
export function findMutants(id: string): readonly Mutant[] {
  const classOf: Record<string, string> = { S: 'safety', L: 'liveness', P: 'performance' };
  const found = MUTANTS.filter(
    ({ number, name, classes }) =>
      String(number) === id || name === id || classes.some((each) => each === (classOf[id] ?? id)),
  );
  if (found.length > 0) return found;
  const names = MUTANTS.map(({ name }) => name);
  const last = MUTANTS.at(-1)?.number ?? 0;
  throw new InputError(`no mutant '${id}'${didYouMean(id, names)} (numbers are 1 to ${last})`, {
    field: 'mutant',
  });
}

/** The policy with the mistake, on its own kernel or another that can have it. */
export function mutantPolicy(mutant: Mutant, kernel = mutant.kernel): Policy {
  return resolvePolicy(kernel, settings({ ...mutant.context, ...mutant.change }));
}

/**
 * The same without the mistake: what a mutant is compared with.
 *
 * @internal for tests
 */
export function controlPolicy(mutant: Mutant, kernel = mutant.kernel): Policy {
  return resolvePolicy(kernel, settings(mutant.context ?? {}));
}

function settings(change: PolicyChange): PolicyChanges {
  return Object.fromEntries(Object.entries(change));
}
