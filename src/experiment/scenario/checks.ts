/**
 * What must hold between the fields of a scenario.
 */
import { InputError } from '../../trace/errors.js';
import { loadPreset } from '../cost-files.js';
import { DEFAULT_PRESET, machineOf, machineProblem } from './machine-of.js';
import { PAGE_BYTES, pagesOf, type PartRange } from './quantities.js';
import { policyOf } from './policy-of.js';
import type { ScenarioFields } from './schema.js';
import { coveredPages, namesOfStorms, runLength, stormRange } from './storm-ranges.js';
import type { StormOf } from './storm-schema.js';

/** Says what is wrong with a field. */
export type Complain = (path: readonly (string | number)[], message: string) => void;

export function checkScenario(scenario: ScenarioFields, complain: Complain): void {
  checkMachine(scenario, complain);
  checkPolicy(scenario, complain);
  checkGuest(scenario, complain);
  checkAccess(scenario, complain);
  checkTime(scenario, complain);
  scenario.storms.forEach((_, index) => checkStorm(scenario, index, complain));
}

function checkMachine({ machine }: ScenarioFields, complain: Complain): void {
  if (machine.preset === undefined && machine.cpus === undefined) {
    complain(['machine'], 'says nothing about CPUs: write cpus or preset');
    return;
  }
  try {
    const problem = machineProblem(machineOf(machine, loadPreset(machine.preset ?? DEFAULT_PRESET)));
    if (problem) complain(['machine', problem.field], problem.message);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    complain(['machine', 'preset'], error.oneLine);
  }
}

function checkPolicy(scenario: ScenarioFields, complain: Complain): void {
  try {
    policyOf(scenario);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    complain(Object.keys(scenario.policy).length > 0 ? ['policy'] : ['host', 'preempt'], error.message);
  }
}

function checkGuest({ guest }: ScenarioFields, complain: Complain): void {
  const pages = guest.memory / PAGE_BYTES;
  if (guest.samplesAbove !== undefined && guest.samples === undefined)
    complain(['guest', 'samplesAbove'], 'says which samples are kept: write samples, how many');
  if (guest.slots > pages)
    complain(['guest', 'slots'], `more memslots than the ${pages} pages of the memory`);
  if (guest.vcpus > pages && guest.access.region === 'own') {
    complain(
      ['guest', 'memory'],
      `has ${pages} pages, which is less than one for each of ${guest.vcpus} vCPUs`,
    );
  }
  if (guest.backing !== '4KiB' && guest.memory % (512 * PAGE_BYTES) !== 0) {
    complain(['guest', 'memory'], `must be a multiple of 2MiB for backing ${guest.backing}`);
  }
}

function checkAccess(scenario: ScenarioFields, complain: Complain): void {
  const { access, memory, vcpus } = scenario.guest;
  const path = (field: string): string[] => ['guest', 'access', field];
  const only = (field: 'stride' | 'hot' | 'hotPlacement' | 'hotTouches', pattern: string): void => {
    if (access[field] !== undefined && access.pattern !== pattern) {
      complain(path(field), `has no meaning for pattern ${access.pattern}: it belongs to ${pattern}`);
    }
  };
  only('stride', 'strided');
  for (const field of ['hot', 'hotPlacement', 'hotTouches'] as const) only(field, 'hot-set');
  if (access.pattern === 'strided' && access.stride === undefined) {
    complain(path('pattern'), 'strided needs a stride beside it, such as stride: 2MiB');
  }
  if (access.pattern === 'hot-set' && access.hot === undefined) {
    complain(path('pattern'), 'hot-set needs to know how much is hot, such as hot: 10%');
  }
  const pages = memory / PAGE_BYTES;
  const region = access.region === 'own' ? Math.floor(pages / vcpus) : pages;
  if (access.stride !== undefined && access.stride / PAGE_BYTES >= region) {
    complain(path('stride'), `is not less than the region of a vCPU, which has ${region} pages`);
  }
  if (
    access.hot !== undefined &&
    (pagesOf(access.hot, region) > region || pagesOf(access.hot, region) === 0)
  ) {
    complain(path('hot'), `is not between one page and the region of a vCPU, which has ${region} pages`);
  }
  if (access.covered === undefined) return;
  const covered = coveredPages(scenario);
  if (access.covered > 0 && covered === 0) complain(path('covered'), 'no storm covers any page');
  if (access.covered < 1 && covered === pages) {
    complain(path('covered'), 'storms cover all of the memory: leave a part out of their ranges');
  }
}

function checkTime(scenario: ScenarioFields, complain: Complain): void {
  const { duration, phases } = scenario;
  if (duration === undefined && phases === undefined) {
    complain(['duration'], 'is missing: write how long it lasts, such as duration: 1s, or phases');
  }
  if (duration !== undefined && phases !== undefined) {
    complain(['duration'], 'phases say already how long it lasts: leave one of both out');
  }
  const names = namesOfStorms(scenario.storms);
  phases?.forEach(({ storms }, index) => {
    if (typeof storms === 'string') return;
    const unknown = storms.find((name) => !names.includes(name));
    if (unknown === undefined) return;
    complain(['phases', index, 'storms'], `no storm "${unknown}": there are ${names.join(', ') || 'none'}`);
  });
  if (phases && !phases.some(({ counted }) => counted)) {
    complain(['phases'], 'no phase is counted: results would be empty');
  }
}

function checkStorm(scenario: ScenarioFields, index: number, complain: Complain): void {
  const storm = scenario.storms[index];
  const at = (field: string): (string | number)[] => ['storms', index, field];
  if ('range' in storm) checkRange(storm, scenario.guest, at, complain);
  if (storm.stop !== undefined && storm.stop <= storm.start) complain(at('stop'), 'is not after the start');
  if (storm.start >= runLength(scenario)) complain(at('start'), 'is after the end of the run');
  if ((storm.cycle === undefined) !== (storm.duty === undefined)) {
    complain(at(storm.cycle === undefined ? 'duty' : 'cycle'), 'cycle and duty belong together: write both');
  }
  if (storm.duty === 0) complain(at('duty'), 'would never be on: write more than 0%');
  if (storm.kind === 'numa-balancing' && storm.scanPeriodMax < storm.scanPeriod) {
    complain(at('scanPeriodMax'), 'is less than scanPeriod');
  }
  if (storm.kind === 'memslot' && storm.slot >= scenario.guest.slots) {
    const slots = `guest.slots is ${scenario.guest.slots}, and the first is 0`;
    complain(at('slot'), `there is no such memslot: ${slots}`);
  }
  if (namesOfStorms(scenario.storms.slice(0, index)).includes(storm.name ?? storm.kind)) {
    complain(at('name'), `"${storm.name ?? storm.kind}" is taken: give each storm a name of its own`);
  }
}

function checkRange(
  storm: StormOf & { range: PartRange },
  guest: ScenarioFields['guest'],
  at: (field: string) => (string | number)[],
  complain: Complain,
): void {
  const pages = guest.memory / PAGE_BYTES;
  const { first, end } = stormRange(storm, guest);
  if (end > pages) {
    complain(at('range'), `ends at page ${end}, outside the memory of the guest, which has ${pages} pages`);
  } else if (first >= end) complain(at('range'), 'is empty: it ends where it begins, or before');
  else if ('step' in storm && storm.step !== undefined && storm.step / PAGE_BYTES > end - first) {
    complain(at('step'), `is more than the range, which has ${end - first} pages`);
  }
}
