/**
 * The protocols that `check` knows: each is a part of KVM with the threads that it must withstand, in a scope
 * that can be seen through. All of them run the model's own code.
 */
import { didYouMean } from '../../model/nearest.js';
import { InputError } from '../../trace/errors.js';
import { anchorProgram, anchorStepsProgram } from './anchor-program.js';
import { FAULTS, WALKS } from './fault-protocols.js';
import { LOCKS } from './lock-protocols.js';
import type { Protocol } from './protocol.js';
import { HUGE_PAGES, UPDATES } from './update-protocols.js';

const ANCHOR: Protocol = {
  name: 'anchor',
  about:
    'faults and invalidations in five words of memory, as given to other checkers (no kernel, no policies)',
  needs: {},
  scope: { vcpus: 2, gfns: 1, invalidators: 2, touches: 1, rounds: 1 },
  program: (_policy, { vcpus, invalidators, touches, rounds }) =>
    anchorProgram({ vcpus, invalidators, attempts: touches, rounds }),
};

const ANCHOR_STEPS: Protocol = {
  ...ANCHOR,
  name: 'anchor-steps',
  about: 'the same with every access a step of its own, for --executions',
  scope: { vcpus: 2, gfns: 1, invalidators: 1, touches: 1, rounds: 1 },
  program: (_policy, { vcpus, invalidators, touches, rounds }) =>
    anchorStepsProgram({ vcpus, invalidators, attempts: touches, rounds }),
};

export const PROTOCOLS: readonly Protocol[] = [
  ...FAULTS,
  ...WALKS,
  ...UPDATES,
  ...HUGE_PAGES,
  ...LOCKS,
  ANCHOR,
  ANCHOR_STEPS,
];

/** @throws InputError */
export function findProtocol(name: string): Protocol {
  const found = PROTOCOLS.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = PROTOCOLS.map((each) => each.name);
  throw new InputError(`no protocol '${name}'${didYouMean(name, names)}: faultline check lists them`, {
    field: 'protocol',
  });
}
