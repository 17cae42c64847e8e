/**
 * A virtual machine whose vCPUs touch memory, and what they measure.
 */
import { readdirSync } from 'node:fs';
import { viewOf } from '../ffi/libc.js';
import { KvmDevice } from '../kvm/device.js';
import { Capability } from '../kvm/ioctls.js';
import { PAGE_BYTES } from '../kvm/units.js';
import { sumOfStats } from '../kvm/stats.js';
import { Vcpu } from '../kvm/vcpu.js';
import { VirtualMachine } from '../kvm/virtual-machine.js';
import { MachineError } from '../../trace/errors.js';
import type { GuestSnapshot, GuestSpec, Sample } from '../types.js';
import { expectRoom, mapControlMemory, mapGuestMemory, type HostMemory } from './host-memory.js';
import { HUGE_BYTES, layOut, Word, writePageTables, type Layout } from './layout.js';
import { assembleTouchProgram } from './touch-program.js';
import { touchTable, type TouchTable } from './touch-table.js';
import { VcpuHandle } from './vcpu-handle.js';

/** What the rest of a guest is made with. */
interface Parts {
  readonly spec: GuestSpec;
  readonly layout: Layout;
  readonly tables: readonly TouchTable[];
  readonly control: HostMemory;
  readonly view: DataView;
}

export class Guest {
  readonly #handles: readonly VcpuHandle[];
  readonly #started: number[] = [];
  #ranNs = 0;

  private constructor(
    readonly vm: VirtualMachine,
    /** The guest's memory in this process, without control memory. */
    readonly memory: HostMemory,
    private readonly parts: Parts,
    handles: readonly VcpuHandle[],
    /** Cycles of the guest's clock in a millisecond. */
    readonly tscKhz: number,
  ) {
    this.#handles = handles;
  }

  /**
   * The VM is made, each vCPU has a thread, and all of them wait for `run`.
   *
   * @throws MachineError before anything is changed when the host lacks what `spec` asks for
   */
  static async start(spec: GuestSpec): Promise<Guest> {
    expectRoom(spec, 0);
    const tables = Array.from({ length: spec.vcpus }, (_, vcpu) => touchTable(spec, vcpu));
    const layout = layOut(
      spec.memory,
      tables.map(({ entries }) => entries.length),
      spec.samples ?? 0,
    );
    expectRoom(spec, layout.bytes);
    const device = KvmDevice.open();
    const undo: (() => void)[] = [];
    try {
      expectAble(spec, device);
      const memory = mapGuestMemory(spec, nodesOfHost());
      undo.push(() => memory.free());
      const control = mapControlMemory(layout.bytes);
      undo.push(() => control.free());
      const vm = new VirtualMachine(device, layout.free);
      undo.unshift(() => vm.close());
      const parts = {
        spec,
        layout,
        tables,
        control,
        view: new DataView(viewOf(control.address, layout.bytes)),
      };
      const guest = new Guest(vm, memory, parts, ...makeVcpus(vm, device, memory, parts));
      await Promise.all(guest.#handles.map((handle) => handle.reaches('waits')));
      if (spec.mapped === true) guest.#handles[0].vcpu.preFault(0, spec.memory);
      return guest;
    } catch (error) {
      if (undo.length < 3) device.close();
      for (const step of undo) step();
      throw error;
    }
  }

  /** Of each vCPU, as tracepoints know it. */
  get threads(): readonly { readonly vcpu: number; readonly tid: number }[] {
    return this.#handles.map(({ vcpu, tid }) => ({ vcpu: vcpu.id, tid }));
  }

  /** Of each vCPU; undefined when the guest was made without. */
  get dirtyRings(): readonly { readonly address: bigint; readonly entries: number }[] | undefined {
    const entries = this.parts.spec.dirtyRing;
    return entries === undefined
      ? undefined
      : this.#handles.map(({ vcpu }) => ({ address: vcpu.ringAddress, entries }));
  }

  /** All vCPUs begin, or go on after `stop`. */
  run(): void {
    this.#started.push(nowNs());
    for (const handle of this.#handles) handle.run();
  }

  /**
   * Resolves when every vCPU has done its passes. Rejects when one fails. Never resolves without `passes`.
   */
  async finished(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.reaches('finished')));
  }

  /** What has been counted so far; at any time until `close`, while the guest runs too. */
  snapshot(): GuestSnapshot {
    const atNs = nowNs();
    const started = this.#started.at(-1);
    return {
      atNs,
      elapsedNs: this.#ranNs + (started === undefined ? 0 : atNs - started),
      tscKhz: this.tscKhz,
      vcpus: this.#handles.map((handle) => handle.snapshot(atNs)),
      stats: { vm: this.vm.stats(), vcpus: sumOfStats(this.#handles.map(({ vcpu }) => vcpu.stats())) },
    };
  }

  /** The samples that are kept now, oldest first. */
  samples(): Sample[] {
    const capacity = this.parts.spec.samples ?? 0;
    if (capacity === 0) return [];
    return this.#handles.flatMap((handle) => handle.samples(capacity)).toSorted((a, b) => a.endNs - b.endNs);
  }

  /** All vCPUs leave the guest. Storms that keep a page from being mapped for good must end first. */
  async stop(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.stop()));
    const started = this.#started.pop();
    if (started !== undefined) this.#ranNs += nowNs() - started;
  }

  /** Ends threads and gives all memory back; `memory` must not be used after that. */
  async close(): Promise<void> {
    await this.stop().catch(() => undefined);
    await Promise.all(this.#handles.map((handle) => handle.end()));
    for (const { vcpu } of this.#handles) vcpu.close();
    this.vm.close();
    this.memory.free();
    this.parts.control.free();
  }
}

function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** @throws MachineError */
function expectAble({ vcpus, slots, mapped }: GuestSpec, device: KvmDevice): void {
  const most = device.extension(Capability.MaxVcpus);
  if (vcpus > most) throw new MachineError(`${vcpus} vCPUs: this KVM has room for ${most} in a guest`);
  const mostSlots = device.extension(Capability.NrMemslots);
  if (slots + 1 > mostSlots)
    throw new MachineError(`${slots} memslots: this KVM has room for ${mostSlots - 1}`);
  if (mapped === true && device.extension(Capability.PreFaultMemory) === 0)
    throw new MachineError('this KVM has no KVM_PRE_FAULT_MEMORY; Linux 6.11 has it');
}

function nodesOfHost(): number {
  try {
    return readdirSync('/sys/devices/system/node').filter((name) => /^node\d+$/.test(name)).length;
  } catch {
    return 1;
  }
}

/** Memslots, code, page tables and vCPUs. */
function makeVcpus(
  vm: VirtualMachine,
  device: KvmDevice,
  memory: HostMemory,
  parts: Parts,
): [VcpuHandle[], number] {
  const { spec, layout, view, control } = parts;
  addSlots(vm, memory, spec);
  vm.addSlot({ slot: spec.slots, gpa: layout.control, bytes: layout.bytes, hva: control.address, flags: 0 });
  if (spec.dirtyRing !== undefined) vm.enableDirtyRing(spec.dirtyRing);
  const program = assembleTouchProgram({
    timed: spec.timed ?? true,
    samples: (spec.samples ?? 0) > 0,
    work: spec.access.work > 0,
    afterWrite: spec.afterWrite ?? 'same',
  });
  new Uint8Array(view.buffer).set(program.bytes(), 0);
  writePageTables(view, layout);
  let tscKhz = 0;
  const handles = parts.tables.map((table, id) => {
    const vcpu = new Vcpu(device, vm.fd, id, (spec.dirtyRing ?? 0) * 16);
    tscKhz = vcpu.tscKhz();
    vcpu.setUp(layout.control + layout.pageTables, registersOf(parts, table, id, tscKhz));
    return new VcpuHandle(vcpu, view, layout.blocks[id], tscKhz, {
      fd: vcpu.fd,
      runAddress: vcpu.runAddress,
      vcpu: id,
      runBytes: device.runBytes,
      exitPage: layout.exitPage,
      cpu: spec.pin?.[id],
    });
  });
  return [handles, tscKhz];
}

function addSlots(vm: VirtualMachine, memory: HostMemory, { slots, backing }: GuestSpec): void {
  const unit = backing === '4KiB' ? PAGE_BYTES : HUGE_BYTES;
  const each = Math.floor(memory.bytes / unit / slots) * unit;
  for (let slot = 0; slot < slots; slot++) {
    const gpa = slot * each;
    const bytes = slot === slots - 1 ? memory.bytes - gpa : each;
    vm.addSlot({ slot, gpa, bytes, hva: memory.address + BigInt(gpa), flags: 0 });
  }
}

/** Fills in a vCPU's block; what its program begins with. */
function registersOf(
  { spec, layout, view }: Parts,
  { entries, repeatFrom, pass }: TouchTable,
  id: number,
  tscKhz: number,
): Record<string, number | bigint> {
  const { block, samples, table } = layout.blocks[id];
  const word = (offset: number, value: number): void =>
    view.setBigUint64(block + offset, BigInt(value), true);
  const cycles = (ns: number): number => Math.round((ns * tscKhz) / 1e6);
  word(Word.Command, 1);
  word(Word.Stall, 0x1000);
  word(Word.SampleAbove, cycles(spec.sampleAboveNs ?? 0));
  word(Word.SampleMask, Math.max(0, (spec.samples ?? 0) * 32 - 1));
  word(Word.SampleBase, layout.control + samples);
  word(Word.ExitAddress, layout.exitPage);
  new Uint32Array(view.buffer, table, entries.length).set(entries);
  return {
    rax: layout.control,
    rdx: layout.control + layout.bytes,
    rip: layout.control,
    rbx: layout.control + block,
    rsi: layout.control + table,
    r8: layout.control + table + entries.length * 4,
    r9: layout.control + table + repeatFrom * 4,
    r13: cycles(spec.access.work),
    r15: (spec.access.passes ?? 0) * pass,
  };
}
