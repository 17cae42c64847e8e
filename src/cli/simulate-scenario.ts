/**
 * The scenario that the options of `faultline simulate` ask for.
 */
import { parseOverride } from '../experiment/scenario/overrides.js';
import { scenarioNames } from '../experiment/scenario/scenario-names.js';
import { loadScenario, type Scenario } from '../experiment/scenario/scenario.js';
import { InputError } from '../trace/errors.js';
import type { SimulateOptions } from './simulate.js';

/** @throws InputError when something in it is wrong */
export function scenarioFrom(name: string | undefined, options: SimulateOptions): Scenario {
  if (name === undefined) {
    throw new InputError(`name a scenario: there are ${scenarioNames().join(', ')}; or a .yaml file`);
  }
  const set = [
    ...(options.kernel === undefined ? [] : [kernelOverride(options.kernel)]),
    ...(options.seed === undefined
      ? []
      : [{ option: `--seed ${options.seed}`, path: ['seed'], value: seedOf(options.seed) }]),
    ...(options.set ?? []).map((assignment) => parseOverride('--set', assignment)),
    ...(options.cost ?? []).map((assignment) => parseOverride('--cost', assignment, ['costs'])),
  ];
  return loadScenario(name, set);
}

/** With or without its v. */
function kernelOverride(name: string): { option: string; path: string[]; value: string } {
  return { option: `--kernel ${name}`, path: ['host', 'kernel'], value: name.replace(/^(?=\d)/, 'v') };
}

/** A number if it looks like one; the schema says what is wrong with anything else. */
function seedOf(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}
