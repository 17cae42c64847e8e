/**
 * What who runs a scenario cannot honour, and the scenario without it.
 */
import type { Scenario } from './scenario.js';
import { namesOfStorms } from './storm-ranges.js';
import { STORM_KINDS, type StormOf } from './storm-schema.js';

/** Who runs a scenario. */
export type Runner = 'simulate';

type StormKind = StormOf['kind'];

/** Kinds of storms that the model has. */
const SIMULATED: ReadonlySet<StormKind> = new Set([
  'madvise',
  'ksm',
  'numa-balancing',
  'unmap',
  'migrate',
  'fork',
  'mprotect',
]);
/** Advice of madvise() that it has. */
const SIMULATED_ADVICE = ['dontneed'];

/** Frame numbers of the model have 24 bits, and migration needs free frames beside those of the guest. */
const MOST_MEMORY = 32 * 2 ** 30;

/** One thing that cannot be honoured. */
interface Limit {
  readonly says: string;
  /** The scenario without it; undefined: there is none. */
  readonly without?: (scenario: Scenario) => Scenario;
}

/** What `runner` cannot honour, one phrase each; empty when the scenario can be run as it is. */
export function unsupported(scenario: Scenario, runner: Runner): string[] {
  return limitsOf(scenario, runner).map(({ says }) => says);
}

/**
 * The scenario without what cannot be honoured (--lenient).
 *
 * @returns undefined when nothing sensible is left
 */
export function withoutUnsupported(scenario: Scenario, runner: Runner): Scenario | undefined {
  return limitsOf(scenario, runner).reduce<Scenario | undefined>(
    (rest, { without }) => (rest === undefined ? undefined : without?.(rest)),
    scenario,
  );
}

function limitsOf(scenario: Scenario, runner: Runner): Limit[] {
  return runner === 'simulate' ? [...stormLimits(scenario), ...memoryLimits(scenario)] : [];
}

function stormLimits({ storms }: Scenario): Limit[] {
  const names = namesOfStorms(storms);
  return storms.flatMap((storm, index) => {
    const reason = stormReason(storm);
    if (reason === undefined) return [];
    return [
      { says: `storms[${index}] (${names[index]}): ${reason}`, without: (rest) => withoutStorm(rest, storm) },
    ];
  });
}

function stormReason(storm: StormOf): string | undefined {
  if (!SIMULATED.has(storm.kind)) {
    const known = STORM_KINDS.filter((kind) => SIMULATED.has(kind));
    return `${storm.kind} is not in the model yet, which has ${known.join(', ')}`;
  }
  if (storm.kind === 'madvise' && !SIMULATED_ADVICE.includes(storm.advice)) {
    return `madvise ${storm.advice} is not in the model yet, which has ${SIMULATED_ADVICE.join(', ')}`;
  }
  return undefined;
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
  if (guest.memory <= MOST_MEMORY) return [];
  const gib = Math.ceil(guest.memory / 2 ** 30);
  return [{ says: `guest.memory: the model has room for ${MOST_MEMORY / 2 ** 30}GiB, not for ${gib}GiB` }];
}
