/** The mutant that --mutant names. */
import { findMutants, type Mutant } from '../model/mutants.js';
import { InputError } from '../trace/errors.js';

/** @throws InputError for none, and for several */
export function oneMutant(id: string): Mutant {
  const [mutant, ...others] = findMutants(id);
  if (others.length === 0) return mutant;
  const names = [mutant, ...others].map(({ name }) => name).join(', ');
  throw new InputError(`'${id}' is several mutants: take one of ${names}`, { field: '--mutant' });
}
