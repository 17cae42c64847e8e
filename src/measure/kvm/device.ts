/** /dev/kvm: whether it is there, whether we may use it, and what it can do. */
import { closeSync, openSync, statSync } from 'node:fs';
import { MachineError } from '../../trace/errors.js';
import { Capability, kvmCall, KvmCalls } from './ioctls.js';

/** The only version that KVM has had since Linux 2.6.22. */
const API_VERSION = 12;

/** What a guest of ours cannot do without. */
const NEEDED = [
  [Capability.SyncMmu, 'KVM_CAP_SYNC_MMU'],
  [Capability.ImmediateExit, 'KVM_CAP_IMMEDIATE_EXIT'],
  [Capability.GetTscKhz, 'KVM_CAP_GET_TSC_KHZ'],
] as const;

export class KvmDevice {
  private constructor(
    readonly fd: number,
    /** Bytes of the area that each vCPU shares with us. */
    readonly runBytes: number,
  ) {}

  /** @throws MachineError that says what is missing: the device, permission, or a part of KVM */
  static open(path = '/dev/kvm'): KvmDevice {
    const fd = openDevice(path);
    try {
      const version = kvmCall(fd, KvmCalls.GetApiVersion);
      if (version !== API_VERSION)
        throw new MachineError(`${path} speaks version ${version} of KVM's API, and not ${API_VERSION}`);
      const device = new KvmDevice(fd, kvmCall(fd, KvmCalls.GetVcpuMmapSize));
      for (const [capability, name] of NEEDED) {
        if (device.extension(capability) === 0)
          throw new MachineError(`${path}: this KVM has no ${name}; Linux 4.11 on x86-64 has it`);
      }
      return device;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** KVM_CHECK_EXTENSION: 0 when it is not there. */
  extension(capability: number): number {
    return kvmCall(this.fd, KvmCalls.CheckExtension, capability);
  }

  /** KVM_CREATE_VM. @returns its file descriptor */
  createVm(): number {
    return kvmCall(this.fd, KvmCalls.CreateVm, 0);
  }

  close(): void {
    closeSync(this.fd);
  }
}

function openDevice(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT')
      throw new MachineError(
        `no ${path}: load kvm_intel or kvm_amd, or allow nested virtualisation for this machine`,
      );
    if (code === 'EACCES' || code === 'EPERM')
      throw new MachineError(
        `${path}: no permission (${code}): be root, or in the group that may use it${group(path)}`,
      );
    throw new MachineError(`${path} cannot be opened: ${code}`);
  }
}

function group(path: string): string {
  try {
    return ` (gid ${statSync(path).gid})`;
  } catch {
    return '';
  }
}
