/** What `faultline check` does once its arguments are parsed. */
import {
  checkedMutant,
  checkedPolicy,
  checkInSlices,
  countExecutions,
  type CheckResult,
  type CheckSetup,
} from '../check/check.js';
import { mutantChecks } from '../check/mutant-table.js';
import type { Protocol } from '../check/protocols/protocol.js';
import { findProtocol, PROTOCOLS } from '../check/protocols/protocols.js';
import { MOST, type Scope } from '../check/protocols/scope.js';
import { wrap } from '../report/terminal/text.js';
import { InputError } from '../trace/errors.js';
import {
  isAsExpected,
  mutantAsJson,
  mutantSummary,
  renderMutantRow,
  type MutantRow,
} from './check-mutants.js';
import { checkAsJson, renderCheck, renderExecutions } from './check-output.js';
import type { CheckOptions } from './check.js';
import { durationFrom } from './filters.js';
import { INTERRUPTED } from './interrupt.js';
import { inSlices } from './in-slices.js';
import { oneMutant } from './one-mutant.js';
import { Progress } from './progress.js';
import { printJson, terminalOptions } from './terminal.js';

const NEWEST = 'v7.3';
const INDENT = 4;
/** Without --max-states: about 4 GB. */
const MOST_STATES = 80_000_000;

export async function runCheck(name: string | undefined, options: CheckOptions): Promise<void> {
  if (options.mutants === true) {
    await checkMutants(options);
    return;
  }
  if (name === undefined) {
    listProtocols(options.json === true);
    return;
  }
  const setup = setupOf(findProtocol(name), options);
  if (options.executions === true) {
    printExecutions(setup, options.json === true);
    return;
  }
  const { result, interrupted } = await explored(setup);
  if (options.json === true) printJson(checkAsJson(setup, result));
  else
    process.stdout.write(renderCheck(setup, result, options.steps === true, replayCommand(setup, options)));
  if (interrupted) process.exitCode = INTERRUPTED;
  // Done, and the answer is bad.
  else if (result.finding !== undefined) process.exitCode = 1;
}

/** @throws InputError for a protocol whose steps touch more than their operations say */
function printExecutions(setup: CheckSetup, json: boolean): void {
  const counted = countExecutions(setup);
  if (json) printJson({ version: 1, protocol: setup.protocol.name, memory: setup.memory, ...counted });
  else process.stdout.write(renderExecutions(setup, counted));
  if (counted.finding !== undefined) process.exitCode = 1;
}

function listProtocols(json: boolean): void {
  if (json) {
    printJson({ version: 1, protocols: PROTOCOLS.map(({ name, about, scope }) => ({ name, about, scope })) });
    return;
  }
  const { width } = terminalOptions();
  for (const { name, about, scope } of PROTOCOLS) {
    const text = wrap(`${about} (${scopeText(scope)})`, width - INDENT);
    process.stdout.write(`${name}\n${text.map((line) => `${' '.repeat(INDENT)}${line}\n`).join('')}`);
  }
}

/** The options that give the scope. */
function scopeText(scope: Scope): string {
  return Object.entries(scope)
    .map(([name, value]) => `--${name} ${value}`)
    .join(' ');
}

/** @throws InputError for options that do not fit */
function setupOf(protocol: Protocol, options: CheckOptions): CheckSetup {
  const memory = options.memory === 'tso' ? 'tso' : 'sc';
  const limits = {
    ...(options.timeLimit === undefined
      ? {}
      : { timeLimit: durationFrom(options.timeLimit, '--time-limit') / 1e6 }),
    mostStates:
      options.maxStates === undefined ? MOST_STATES : wholeFrom(options.maxStates, '--max-states', 1, 1e9),
  };
  const scope = scopeOf(protocol, options);
  if (options.mutant !== undefined) {
    const mutant = oneMutant(options.mutant);
    return {
      protocol,
      policy: checkedMutant(protocol, mutant),
      whose: mutant.name,
      scope,
      memory,
      ...limits,
    };
  }
  const kernel = options.kernel ?? NEWEST;
  const policy = checkedPolicy(protocol, kernel, changesFrom(options.set ?? []));
  const whose = [kernel, ...(options.set ?? [])].join(' ');
  return { protocol, policy, whose, scope, memory, ...limits };
}

function changesFrom(settings: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    settings.map((setting) => {
      const at = setting.indexOf('=');
      if (at <= 0) throw new InputError(`"${setting}" is no setting: write policy=value`, { field: '--set' });
      return [setting.slice(0, at), setting.slice(at + 1)];
    }),
  );
}

function scopeOf({ scope }: Protocol, options: CheckOptions): Scope {
  const field = (name: keyof Scope): number => {
    const text = options[name];
    const least = name === 'invalidators' ? 0 : 1;
    return text === undefined ? scope[name] : wholeFrom(text, `--${name}`, least, MOST[name]);
  };
  return {
    vcpus: field('vcpus'),
    gfns: field('gfns'),
    invalidators: field('invalidators'),
    touches: field('touches'),
    rounds: field('rounds'),
  };
}

function wholeFrom(text: string, field: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new InputError(`"${text}" must be a whole number from ${least} to ${most}`, { field });
}

/** Explores; Ctrl-C ends it early, with what is known then. */
async function explored(setup: CheckSetup): Promise<{ result: CheckResult; interrupted: boolean }> {
  const progress = new Progress(`checking ${setup.protocol.name}`);
  return inSlices(checkInSlices(setup), progress, ({ states, depth }) =>
    progress.say(`${states.toLocaleString('en-US')} states, ${depth} steps deep`),
  );
}

/** Every mistake of the table where it shows. Exit code 1 when one does not come to what the table says. */
async function checkMutants(options: CheckOptions): Promise<void> {
  const rows: MutantRow[] = [];
  for (const check of mutantChecks()) {
    const { mutant, protocol, scope, memory } = check;
    const setup = { protocol, policy: checkedMutant(protocol, mutant), whose: mutant.name, scope, memory };
    const { result, interrupted } = await explored(setup);
    if (interrupted) {
      process.exitCode = INTERRUPTED;
      return;
    }
    rows.push({ check, result });
    if (options.json !== true) process.stdout.write(renderMutantRow(rows[rows.length - 1]));
  }
  if (options.json === true) printJson({ version: 1, mutants: rows.map(mutantAsJson) });
  else process.stdout.write(mutantSummary(rows));
  if (rows.some((row) => !isAsExpected(row))) process.exitCode = 1;
}

/** The command that shows the same again. */
function replayCommand({ protocol, scope, memory }: CheckSetup, options: CheckOptions): string {
  const words = ['faultline check', protocol.name];
  if (options.kernel !== undefined) words.push(`--kernel ${options.kernel}`);
  for (const setting of options.set ?? []) words.push(`--set ${setting}`);
  if (options.mutant !== undefined) words.push(`--mutant ${options.mutant}`);
  words.push(`--memory ${memory}`, scopeText(scope));
  return words.join(' ');
}
