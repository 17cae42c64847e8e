/**
 * The scenario that the options of `faultline simulate` ask for.
 */
import { parseOverride } from '../experiment/scenario/overrides.js';
import { scenarioNames } from '../experiment/scenario/scenario-names.js';
import { loadScenario, type Scenario } from '../experiment/scenario/scenario.js';
import { unsupported, withoutUnsupported } from '../experiment/scenario/support.js';
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

/**
 * What can be simulated of it: all, or with --lenient what is left.
 *
 * @throws InputError that says what cannot
 */
export function supportedPart(
  scenario: Scenario,
  lenient: boolean,
): { scenario: Scenario; leftOut: string[] } {
  const leftOut = unsupported(scenario, 'simulate');
  const rest = withoutUnsupported(scenario, 'simulate');
  if (leftOut.length === 0 || (lenient && rest !== undefined)) return { scenario: rest ?? scenario, leftOut };
  const more = leftOut.length > 2 ? ` and ${leftOut.length - 2} more` : '';
  const hint = rest === undefined ? '' : ' (--lenient runs it without)';
  throw new InputError(`cannot be simulated: ${leftOut.slice(0, 2).join('; ')}${more}${hint}`, {
    file: scenario.name,
  });
}
