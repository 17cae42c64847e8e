/**
 * From a scenario to what the simulator is made from.
 */
import { findKernel } from '../model/kernels.js';
import type { CostEntry, CostName, CostTable } from '../simulate/costs/cost-table.js';
import type {
  AccessSetup,
  GuestSetup,
  PhaseSetup,
  SimulationSetup,
  StormKnobs,
  StormSetup,
} from '../simulate/setup.js';
import { loadPreset } from './cost-files.js';
import { DEFAULT_PRESET, machineOf } from './scenario/machine-of.js';
import { PAGE_BYTES, pagesOf } from './scenario/quantities.js';
import { policyOf } from './scenario/policy-of.js';
import type { Scenario } from './scenario/scenario.js';
import { runLength, stormRange } from './scenario/storm-ranges.js';
import type { StormOf } from './scenario/storm-schema.js';

/** What the command line decides beside the scenario. */
export interface RunOptions {
  /** Stop here, ns. */
  readonly untilNs?: number;
  readonly maxEvents?: number;
  readonly assert?: boolean;
}

/**
 * @throws InputError for a policy that is meaningless, or a preset that does not exist
 */
export function simulationOf(scenario: Scenario, options: RunOptions = {}): SimulationSetup {
  const preset = loadPreset(scenario.machine.preset ?? DEFAULT_PRESET);
  const length = runLength(scenario);
  const phases = phasesOf(scenario, length);
  return {
    name: scenario.name,
    kernel: scenario.host.kernel,
    policy: policyOf(scenario),
    hz: scenario.host.hz ?? findKernel(scenario.host.kernel).hz,
    machine: machineOf(scenario.machine, preset),
    guest: guestOf(scenario),
    storms: scenario.storms.map((storm) => stormOf(storm, scenario, phases)),
    phases: phases.map(({ name, startNs, endNs, counted }) => ({ name, startNs, endNs, counted })),
    costs: costsOf(scenario),
    seed: scenario.seed,
    untilNs: Math.min(length, options.untilNs ?? length),
    maxEvents: options.maxEvents ?? 0,
    assert: options.assert ?? false,
  };
}

/** The costs of a scenario's machine, with those that the scenario changes. */
export function costsOf({ machine, costs }: Scenario): CostTable {
  const { table } = loadPreset(machine.preset ?? DEFAULT_PRESET);
  const given = Object.entries(costs).map(([name, ns]): [CostName, CostEntry] => {
    const key = name as CostName;
    return [
      key,
      { ...table.costs[key], ns, range: undefined, kind: 'given', source: 'the scenario, or --cost' },
    ];
  });
  return { ...table, costs: { ...table.costs, ...Object.fromEntries(given) } };
}

function guestOf({ guest }: Scenario): GuestSetup {
  const pages = guest.memory / PAGE_BYTES;
  return {
    vcpus: guest.vcpus,
    pin: guest.pin,
    pages,
    slots: guest.slots,
    backing: guest.backing,
    shared: guest.sharing === 'shared',
    prefault: guest.prefault,
    placement: guest.placement,
    access: accessOf(guest, pages),
  };
}

/** Share of touches that go to the hot set where the scenario does not say. */
const HOT_TOUCHES = 0.9;

function accessOf({ access, vcpus }: Scenario['guest'], pages: number): AccessSetup {
  const region = access.region === 'own' ? Math.floor(pages / vcpus) : pages;
  return {
    pattern: access.pattern,
    stridePages: (access.stride ?? PAGE_BYTES) / PAGE_BYTES,
    hotPages: access.hot === undefined ? 0 : pagesOf(access.hot, region),
    hotSpread: access.hotPlacement === 'spread',
    hotShare: access.pattern === 'hot-set' ? (access.hotTouches ?? HOT_TOUCHES) : 0,
    writeShare: access.writes,
    workNs: access.work,
    region: access.region,
    coveredShare: access.covered,
    firstPass: access.firstPass,
    passes: access.passes ?? 0,
  };
}

interface Phase extends PhaseSetup {
  readonly storms: 'all' | 'none' | readonly string[];
}

function phasesOf({ phases }: Scenario, length: number): Phase[] {
  if (phases === undefined) return [{ name: 'run', startNs: 0, endNs: length, counted: true, storms: 'all' }];
  let at = 0;
  return phases.map(({ name, duration, counted, storms }) => {
    const startNs = at;
    at += duration;
    return { name, startNs, endNs: at, counted, storms };
  });
}

function stormOf(storm: StormOf, scenario: Scenario, phases: readonly Phase[]): StormSetup {
  const { first, end } = stormRange(storm, scenario.guest);
  const name = storm.name ?? storm.kind;
  const step = 'step' in storm && storm.step !== undefined ? storm.step / PAGE_BYTES : end - first;
  const common = {
    name,
    firstPage: first,
    pages: end - first,
    stepPages: step,
    order: 'order' in storm ? storm.order : ('sequential' as const),
    periodNs: 'period' in storm ? storm.period : 0,
    cycleNs: storm.cycle ?? 0,
    dutyShare: storm.duty ?? 1,
    times: ('times' in storm ? storm.times : undefined) ?? 0,
    threads: 'threads' in storm ? storm.threads : 1,
    active: activeTimes(storm, name, phases),
  };
  return { ...common, ...knobsOf(storm) };
}

/** When a storm is on: in the phases that have it, within its own start and stop. Neighbours are joined. */
function activeTimes(storm: StormOf, name: string, phases: readonly Phase[]): StormSetup['active'] {
  const times: { startNs: number; stopNs: number }[] = [];
  for (const { storms, startNs, endNs } of phases) {
    const isOn = storms === 'all' || (storms !== 'none' && storms.includes(name));
    const from = Math.max(startNs, storm.start);
    const to = Math.min(endNs, storm.stop ?? endNs);
    if (!isOn || from >= to) continue;
    const last = times.at(-1);
    if (last?.stopNs === from) last.stopNs = to;
    else times.push({ startNs: from, stopNs: to });
  }
  return times;
}

/** What each kind has beyond the common. */
function knobsOf(storm: StormOf): StormKnobs {
  switch (storm.kind) {
    case 'madvise':
      return { kind: 'madvise', advice: storm.advice };
    case 'mprotect':
    case 'mremap':
    case 'uffd-wp':
    case 'balloon':
      return { kind: storm.kind };
    case 'unmap':
      return { kind: 'unmap', blockable: storm.blockable, windowNs: storm.window };
    case 'migrate':
      return { kind: 'migrate', method: storm.method };
    case 'ksm':
      return {
        kind: 'ksm',
        pagesToScan: storm.pagesToScan,
        sleepNs: storm.sleep,
        maxPageSharing: storm.maxPageSharing,
        smartScan: storm.smartScan,
        duplicateShare: storm.duplicates,
        afterWrite: storm.afterWrite,
      };
    case 'numa-balancing':
      return {
        kind: 'numa-balancing',
        scanDelayNs: storm.scanDelay,
        scanPeriodMinNs: storm.scanPeriod,
        scanPeriodMaxNs: storm.scanPeriodMax,
        scanPages: storm.scanSize / PAGE_BYTES,
        migrate: storm.migrate,
      };
    case 'fork':
      return { kind: 'fork', holdNs: storm.hold };
    case 'memslot':
      return { kind: 'memslot', action: storm.action, slot: storm.slot };
    case 'dirty-log':
      return { kind: 'dirty-log', method: storm.method, eagerSplit: storm.eagerSplit };
    case 'aging':
      return { kind: 'aging', by: storm.by };
  }
}
