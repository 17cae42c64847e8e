/**
 * What `faultline simulate` does once its arguments are parsed. Loaded when it runs: other commands start
 * faster without it.
 */
import { supportedPart } from '../experiment/scenario/support.js';
import { simulationOf } from '../experiment/simulation.js';
import { INVARIANTS } from '../model/invariants/names.js';
import { mutantPolicy } from '../model/mutants.js';
import type { ScoreRow } from '../report/index.js';
import { simulateInSlices, type SimulationOutcome } from '../simulate/run.js';
import type { SimulationSetup } from '../simulate/setup.js';
import { InputError } from '../trace/errors.js';
import { INTERRUPTED } from './interrupt.js';
import { durationFrom } from './filters.js';
import { inSlices } from './in-slices.js';
import { oneMutant } from './one-mutant.js';
import { Progress } from './progress.js';
import { scenarioFrom } from './simulate-scenario.js';
import type { SimulateOptions } from './simulate.js';
import { printJson, terminalOptions } from './terminal.js';
import { version } from './version.js';
import { formatOf, writeTrace } from './write-trace.js';

export async function runSimulate(name: string | undefined, options: SimulateOptions): Promise<void> {
  // Before the work: a name that tells no format must not cost minutes.
  const format = options.trace === undefined ? undefined : formatOf(options.trace, '');
  const { scenario, leftOut } = supportedPart(
    scenarioFrom(name, options),
    'simulate',
    options.lenient === true,
  );
  const setup = withMutant(options.mutant, {
    ...simulationOf(scenario, {
      ...(options.until === undefined ? {} : { untilNs: untilFrom(options.until) }),
      ...(options.maxEvents === undefined ? {} : { maxEvents: maxEventsFrom(options.maxEvents) }),
      assert: options.assert === true,
    }),
  });
  for (const each of leftOut) say(`left out: ${each}`);
  const outcome = await run(setup, format !== undefined || options.explain === true);
  if (options.trace !== undefined && format !== undefined && outcome.trace) {
    for (const note of await writeTrace(outcome.trace, options.trace, format)) say(note);
    process.stderr.write(
      `wrote ${outcome.trace.length.toLocaleString('en-US')} events to ${options.trace}\n`,
    );
  }
  const score = options.explain === true ? await scoreOf(outcome) : undefined;
  if (options.json === true) printJson(asJson(outcome, leftOut, score));
  else await print(outcome, score);
  for (const thread of outcome.stuck) say(`stuck: ${thread}`);
  sayViolations(outcome);
  if (outcome.result.run.stopped === 'interrupted') process.exitCode = INTERRUPTED;
  // Done, and the answer is bad.
  else if (outcome.violations.length > 0 || outcome.stuck.length > 0) process.exitCode = 1;
}

/** The setup with a mistake in its protocol. */
function withMutant(id: string | undefined, setup: SimulationSetup): SimulationSetup {
  if (id === undefined) return setup;
  const mutant = oneMutant(id);
  say(`mutant ${mutant.number}, ${mutant.name}, on ${mutant.kernel}: ${mutant.shows}`);
  return { ...setup, kernel: mutant.kernel, policy: mutantPolicy(mutant) };
}

/** Runs the simulation; Ctrl-C ends it early, a second one at once. */
async function run(setup: SimulationSetup, trace: boolean): Promise<SimulationOutcome> {
  const progress = new Progress(`simulating ${setup.name}`);
  const slices = simulateInSlices(setup, { version: version(), trace });
  return (await inSlices(slices, progress, (at) => progress.update(at, setup.untilNs))).result;
}

async function scoreOf({ trace, vm }: SimulationOutcome): Promise<ScoreRow[]> {
  const { scoreInference } = await import('../experiment/inference-score.js');
  return trace === undefined ? [] : scoreInference(trace, vm);
}

function asJson(
  { result, stuck, violations }: SimulationOutcome,
  leftOut: readonly string[],
  inference: readonly ScoreRow[] | undefined,
): object {
  return { ...result, leftOut, stuck, violations, ...(inference === undefined ? {} : { inference }) };
}

async function print({ result }: SimulationOutcome, score: readonly ScoreRow[] | undefined): Promise<void> {
  const { renderInferenceScore, renderSimulation } = await import('../report/index.js');
  process.stdout.write(renderSimulation(result, terminalOptions()));
  if (score) process.stdout.write(`\n${renderInferenceScore(score, terminalOptions())}`);
}

function untilFrom(text: string): number {
  const ns = durationFrom(text, '--until');
  if (ns === 0) throw new InputError(`"${text}" must be above 0`, { field: '--until' });
  return ns;
}

function maxEventsFrom(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InputError(`"${text}" is no number of events: write 1 or more`, { field: '--max-events' });
}

/** The first few tell; what follows from them need not. */
const SHOWN_VIOLATIONS = 5;

function sayViolations({ violations }: SimulationOutcome): void {
  for (const { name, message } of violations.slice(0, SHOWN_VIOLATIONS))
    say(`${name} is violated: ${message}`);
  const first = violations.at(0)?.name;
  if (first !== undefined) say(`${first}: ${INVARIANTS[first]}`);
  const more = violations.length - SHOWN_VIOLATIONS;
  if (more > 0) say(`... and ${more} more violations`);
}

function say(what: string): void {
  process.stderr.write(`faultline: ${what}\n`);
}
