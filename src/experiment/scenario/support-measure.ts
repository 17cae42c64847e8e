/**
 * What a real host cannot honour of a scenario. What describes the modelled machine (`machine`, `costs`,
 * `host.hz`) is no part of a measurement; everything else must be as the scenario says, or the run is of
 * something else.
 */
import type { Scenario } from './scenario.js';
import type { StormOf } from './storm-schema.js';
import type { Limit } from './support.js';

/** The host that is to run a scenario. */
export interface MeasuringHost {
  readonly runner: 'measure';
  /** Of its kernel: `6.12.107+deb13-amd64`. */
  readonly release: string;
  /** Its preemption model; undefined when it cannot be told. */
  readonly preempt: string | undefined;
  /** Whether every arm chooses a preemption model of its own. */
  readonly armsChoosePreempt: boolean;
  readonly cpus: number;
  readonly nodes: number;
  /** Whether its KVM can map memory before a guest runs. */
  readonly preFaults: boolean;
  /** What it cannot do of a storm; undefined: nothing. */
  cannot(storm: StormOf): string | undefined;
}

export function measureLimits(scenario: Scenario, host: MeasuringHost): Limit[] {
  return [...kernelLimits(scenario, host), ...policyLimits(scenario), ...guestLimits(scenario, host)];
}

function kernelLimits({ host: { kernel, preempt }, namesKernel }: Scenario, host: MeasuringHost): Limit[] {
  const limits: Limit[] = [];
  if (namesKernel && !isKernel(host.release, kernel)) {
    limits.push({
      says: `host.kernel: ${kernel} is not the kernel that runs here (${host.release})`,
      without: (rest) => ({ ...rest, namesKernel: false }),
    });
  }
  const differs = preempt !== undefined && host.preempt !== undefined && preempt !== host.preempt;
  if (differs && !host.armsChoosePreempt) {
    limits.push({
      says:
        `host.preempt: this kernel runs preempt=${host.preempt} ` +
        `(--arm preempt=${preempt} switches it where it can)`,
      without: withoutPreempt,
    });
  }
  return limits;
}

function withoutPreempt(rest: Scenario): Scenario {
  const { preempt, ...host } = rest.host;
  return preempt === undefined ? rest : { ...rest, host };
}

/** `6.12.107+deb13-amd64` is `v6.12`. */
function isKernel(release: string, name: string): boolean {
  return (
    `v${release}`.startsWith(`${name}.`) || `v${release}` === name || `v${release}`.startsWith(`${name}-`)
  );
}

function guestLimits({ guest }: Scenario, host: MeasuringHost): Limit[] {
  if (!guest.mapped || host.preFaults) return [];
  const says = 'guest.mapped: this KVM has no KVM_PRE_FAULT_MEMORY (Linux 6.11 and later, with the TDP MMU)';
  return [{ says, without: (rest) => ({ ...rest, guest: { ...rest.guest, mapped: false } }) }];
}

function policyLimits({ policy }: Scenario): Limit[] {
  return Object.keys(policy).map((name) => ({
    says: `policy.${name}: a real kernel decides for itself`,
    without: (rest: Scenario) => ({
      ...rest,
      policy: Object.fromEntries(Object.entries(rest.policy).filter(([each]) => each !== name)),
    }),
  }));
}

/** What a measurement leaves aside or does in its own way, one sentence each. */
export function measureNotes({ machine, guest, costs, host }: Scenario, measuring: MeasuringHost): string[] {
  const notes: string[] = [];
  if (machine.preset !== undefined || (machine.cpus ?? measuring.cpus) !== measuring.cpus) {
    const described = machine.preset ?? `${machine.cpus} CPUs`;
    notes.push(`machine: describes the model (${described}); this host has ${count(measuring.cpus, 'CPU')}`);
  }
  if (Object.keys(costs).length > 0) notes.push('costs: describe the model');
  if (host.hz !== undefined) notes.push('host.hz: that of this kernel counts');
  if (host.preempt !== undefined && measuring.preempt === undefined && !measuring.armsChoosePreempt) {
    notes.push(`host.preempt: cannot tell whether this kernel runs preempt=${host.preempt}`);
  }
  if (guest.vcpus > measuring.cpus) {
    notes.push(`guest.vcpus: ${guest.vcpus} take turns on ${count(measuring.cpus, 'CPU')}`);
  }
  if (guest.placement !== 'first-touch' && measuring.nodes === 1) {
    notes.push(`guest.placement: ${guest.placement} means nothing on one NUMA node`);
  }
  return notes;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
