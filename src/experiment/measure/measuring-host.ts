/** What a scenario has to fit: this host, under the arms that it is measured with. */
import type { Arm } from '../../measure/host/arms.js';
import { hostFacts } from '../../measure/host/facts.js';
import { SCHED_PREEMPT } from '../../measure/host/settings.js';
import { KvmDevice } from '../../measure/kvm/device.js';
import { Capability } from '../../measure/kvm/ioctls.js';
import { unsupportedHere } from '../../measure/storms/storm.js';
import type { MeasuringHost } from '../scenario/support-measure.js';

/** Asks the host; changes nothing. */
export function measuringHost(arms: readonly Arm[]): MeasuringHost {
  const { kernel, cpus, nodes, preemption } = hostFacts();
  return {
    runner: 'measure',
    release: kernel,
    preempt: preemption.model,
    armsChoosePreempt: arms.every(({ settings }) => settings.some(({ path }) => path === SCHED_PREEMPT)),
    cpus,
    nodes: nodes.length,
    preFaults: canPreFault(),
    cannot: unsupportedHere,
  };
}

/** A KVM that cannot be opened is for the run to complain about. */
function canPreFault(): boolean {
  try {
    const device = KvmDevice.open();
    try {
      return device.extension(Capability.PreFaultMemory) > 0;
    } finally {
      device.close();
    }
  } catch {
    return false;
  }
}
