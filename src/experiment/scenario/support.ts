/**
 * What who runs a scenario cannot honour, and the scenario without it.
 */
import { InputError } from '../../trace/errors.js';
import { measureLimits, type MeasuringHost } from './support-measure.js';
import type { Scenario } from './scenario.js';
import { namesOfStorms } from './storm-ranges.js';
import { STORM_KINDS, type StormOf } from './storm-schema.js';

/** Who runs a scenario: the model, or a real host. */
type Runner = 'simulate' | MeasuringHost;

/** Kinds of storm that the model does not have. */
const NOT_SIMULATED: ReadonlySet<StormOf['kind']> = new Set(['mremap', 'uffd-wp', 'dirty-log']);

/** Frame numbers of the model have 24 bits, and migration needs free frames beside those of the guest. */
const MOST_MEMORY = 32 * 2 ** 30;

/** One thing that cannot be honoured. */
export interface Limit {
  readonly says: string;
  /** The scenario without it; undefined: there is none. */
  readonly without?: (scenario: Scenario) => Scenario;
}

/** What `runner` cannot honour, one phrase each; empty when it can be run as it is. @internal for tests */
export function unsupported(scenario: Scenario, runner: Runner): string[] {
  return limitsOf(scenario, runner).map(({ says }) => says);
}

/**
 * The scenario without what cannot be honoured (--lenient).
 *
 * @returns undefined when nothing sensible is left
 * @internal for tests
 */
export function withoutUnsupported(scenario: Scenario, runner: Runner): Scenario | undefined {
  return limitsOf(scenario, runner).reduce<Scenario | undefined>(
    (rest, { without }) => (rest === undefined ? undefined : without?.(rest)),
    scenario,
  );
}

/**
 * What can be run of it: all, or with --lenient what is left.
 *
 * @throws InputError that says what cannot
 */
export function supportedPart(
  scenario: Scenario,
  runner: Runner,
  lenient: boolean,
): { scenario: Scenario; leftOut: string[] } {
  const leftOut = unsupported(scenario, runner);
  const rest = withoutUnsupported(scenario, runner);
  if (leftOut.length === 0 || (lenient && rest !== undefined)) return { scenario: rest ?? scenario, leftOut };
  const more = leftOut.length > 2 ? ` and ${leftOut.length - 2} more` : '';
  const hint = rest === undefined ? '' : ' (--lenient runs it without)';
  const done = runner === 'simulate' ? 'simulated' : 'measured here';
  throw new InputError(`cannot be ${done}: ${leftOut.slice(0, 2).join('; ')}${more}${hint}`, {
    file: scenario.name,
  });
}

function limitsOf(scenario: Scenario, runner: Runner): Limit[] {
  if (runner === 'simulate') return [...stormLimits(scenario, stormReason), ...memoryLimits(scenario)];
  return [...stormLimits(scenario, (storm) => runner.cannot(storm)), ...measureLimits(scenario, runner)];
}

function stormLimits({ storms }: Scenario, reasonOf: (storm: StormOf) => string | undefined): Limit[] {
  const names = namesOfStorms(storms);
  return storms.flatMap((storm, index) => {
    const reason = reasonOf(storm);
    if (reason === undefined) return [];
    const says = `storms[${index}] (${names[index]}): ${reason}`;
    return [{ says, without: (rest: Scenario) => withoutStorm(rest, storm) }];
  });
}

function stormReason(storm: StormOf): string | undefined {
  if (NOT_SIMULATED.has(storm.kind)) {
    const known = STORM_KINDS.filter((kind) => !NOT_SIMULATED.has(kind));
    return `${storm.kind} is not in the model, which has ${known.join(', ')}`;
  }
  const only = (field: string, value: string, ...known: string[]): string | undefined =>
    known.includes(value)
      ? undefined
      : `${field} ${value} is not in the model, which has ${known.join(', ')}`;
  switch (storm.kind) {
    case 'madvise':
      return only('advice', storm.advice, 'dontneed', 'collapse');
    case 'migrate':
      return only('method', storm.method, 'move-pages');
    case 'memslot':
      return only('action', storm.action, 'delete');
    default:
      return undefined;
  }
}

/** Phases no longer name it either; a share of covered touches that has lost its ranges goes with them. */
function withoutStorm(scenario: Scenario, storm: StormOf): Scenario {
  const name = storm.name ?? storm.kind;
  const storms = scenario.storms.filter((each) => each !== storm);
  const phases = scenario.phases?.map((phase) =>
    typeof phase.storms === 'string'
      ? phase
      : { ...phase, storms: phase.storms.filter((each) => each !== name) },
  );
  const { covered, ...access } = scenario.guest.access;
  const keeps = covered !== undefined && storms.length > 0;
  return {
    ...scenario,
    storms,
    ...(phases === undefined ? {} : { phases }),
    guest: { ...scenario.guest, access: keeps ? { ...access, covered } : access },
  };
}

function memoryLimits({ guest }: Scenario): Limit[] {
  const limits: Limit[] = [];
  const withGuest =
    (change: Partial<Scenario['guest']>) =>
    (rest: Scenario): Scenario => ({ ...rest, guest: { ...rest.guest, ...change } });
  if (guest.backing === 'hugetlb') {
    const says = 'guest.backing: hugetlb is not in the model, which has 4KiB and thp';
    limits.push({ says, without: withGuest({ backing: 'thp' }) });
  }
  if (guest.sharing === 'shared') {
    const says = 'guest.sharing: shared memory is not in the model, which has private';
    limits.push({ says, without: withGuest({ sharing: 'private' }) });
  }
  if (guest.mapped) {
    const says = 'guest.mapped: is not in the model (access.firstPass maps all, and is counted)';
    limits.push({ says, without: withGuest({ mapped: false }) });
  }
  if (guest.samples !== undefined) {
    const says = 'guest.samples: a simulated run has all touches in its trace (--trace)';
    limits.push({ says, without: withoutSamples });
  }
  if (guest.memory > MOST_MEMORY) {
    const gib = Math.ceil(guest.memory / 2 ** 30);
    limits.push({
      says: `guest.memory: the model has room for ${MOST_MEMORY / 2 ** 30}GiB, not for ${gib}GiB`,
    });
  }
  return limits;
}

function withoutSamples(scenario: Scenario): Scenario {
  const { samples, samplesAbove, ...guest } = scenario.guest;
  return samples === undefined && samplesAbove === undefined ? scenario : { ...scenario, guest };
}
