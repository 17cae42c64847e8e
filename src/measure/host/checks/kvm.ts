/** KVM: without it nothing is measured. */
import { closeFd } from '../../ffi/libc.js';
import { KvmDevice } from '../../kvm/device.js';
import { Capability } from '../../kvm/ioctls.js';
import { MachineError } from '../../../trace/errors.js';
import { kvmFacts, type KvmFacts } from '../facts/kvm.js';
import { limited, missing, ok, type Check } from './check.js';

const NOTHING = 'faultline measure does not run; explain, simulate, convert and study do';

/** Whether a virtual machine can be made, which MMU it has, and what else this KVM offers. */
export function kvmChecks(): Check[] {
  const facts = kvmFacts();
  let device: KvmDevice;
  try {
    device = KvmDevice.open();
  } catch (error) {
    return [missing('kvm', messageOf(error), NOTHING)];
  }
  try {
    closeFd(device.createVm());
    const cpus = device.extension(Capability.MaxVcpus);
    return [
      ok('kvm', `/dev/kvm makes virtual machines (${facts.module ?? 'module unknown'}, up to ${cpus} vCPUs)`),
      mmuCheck(facts),
      ...featureChecks(device),
    ];
  } catch (error) {
    const remedy = 'look into dmesg; another hypervisor may use the processor';
    return [
      missing('kvm', `/dev/kvm opens, but makes no virtual machine: ${messageOf(error)}`, NOTHING, remedy),
    ];
  } finally {
    device.close();
  }
}

function messageOf(error: unknown): string {
  if (error instanceof MachineError || error instanceof Error) return error.message;
  return String(error);
}

function mmuCheck({ tdpMmu, twoDimensionalPaging }: KvmFacts): Check {
  if (tdpMmu === true) return ok('mmu', 'TDP MMU: faults share mmu_lock');
  const finding =
    twoDimensionalPaging === true
      ? 'two-dimensional paging without the TDP MMU (tdp_mmu=N)'
      : 'shadow MMU (no ept, no npt)';
  const means =
    'faults take mmu_lock for write, one at a time, and zaps do not yield: results are those of this MMU';
  return limited('mmu', tdpMmu === undefined ? 'KVM does not say which MMU it uses' : finding, means);
}

const FEATURES: readonly (readonly [number, string, string])[] = [
  [Capability.BinaryStatsFd, 'KVM_CAP_BINARY_STATS_FD', 'statistics of KVM'],
  [
    Capability.ManualDirtyLogProtect2,
    'KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2',
    'dirty-log storms that clear in steps',
  ],
  [Capability.DirtyLogRing, 'KVM_CAP_DIRTY_LOG_RING', 'dirty-log storms with a ring'],
  [Capability.PreFaultMemory, 'KVM_CAP_PRE_FAULT_MEMORY', 'mapping the guest in advance'],
];

function featureChecks(device: KvmDevice): Check[] {
  const lacking = FEATURES.filter(([capability]) => device.extension(capability) === 0);
  if (lacking.length === 0) return [ok('kvm features', 'statistics, dirty log and ring, pre-faulting')];
  return [
    limited(
      'kvm features',
      `this KVM has no ${lacking.map(([, name]) => name).join(', ')}`,
      `not here: ${lacking.map(([, , what]) => what).join('; ')}`,
    ),
  ];
}
