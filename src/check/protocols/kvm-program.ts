/** A small virtual machine as a program: vCPUs that fault, and invalidators that take their pages. */
import { writesAt, type GuestProgram } from '../../model/guest/program.js';
import type { Kvm } from '../../model/kvm.js';
import { buildMachine, type Machine, type MachineConfig } from '../../model/machine.js';
import { takeFreePage } from '../../model/host/folios.js';
import { pteCell } from '../../model/host/primary-mmu.js';
import { makeEntry, WRITTEN_PAGE } from '../../model/spte.js';
import type { MemoryLayout } from '../../model/memory.js';
import type { Cell, Thread } from '../../model/operations.js';
import type { Policy } from '../../model/policies.js';
import { RETRIES } from '../../model/page-fault-struct.js';
import { SCRATCH_CELLS } from '../../model/scratch.js';
import { vcpuThread } from '../../model/vcpu-run.js';
import type { CheckProgram, ProgramThread } from '../program.js';
import { OWN_CELLS } from '../threads/check-thread.js';
import { hostChanges, type HostChange } from './host-change.js';
import { runAlone } from './set-up.js';
import { KvmWatcher, WATCH_CELLS } from '../watch/kvm-watcher.js';

/** One access of a guest. */
export interface Touch {
  readonly gfn: number;
  readonly write: boolean;
}

/** Another thread of the host. */
export interface OtherThread {
  readonly name: string;
  readonly rounds: number;
  /** It goes on for ever, and nobody expects it to end. */
  readonly endless?: boolean;
  start(t: Thread, machine: Machine, extra: Cell): unknown;
}

/** What one invalidator does: guest frames from 0. */
export interface InvalidatorScope {
  /** Announced: gfns [from, to). */
  readonly from: number;
  readonly to: number;
  /** The gfn whose page changes; undefined: none does. */
  readonly changes?: number;
  readonly rounds: number;
  readonly blockable?: boolean;
  /** Goes on for ever. */
  readonly endless?: boolean;
}

export interface KvmScope {
  readonly policy: Policy;
  readonly gfns: number;
  /** What the guest of each vCPU touches, in order. */
  readonly vcpus: readonly (readonly Touch[])[];
  readonly invalidators: readonly InvalidatorScope[];
  readonly others?: readonly OtherThread[];
  /** What every vCPU has touched when the check begins: mapped, and in its TLB. */
  readonly touched?: readonly Touch[];
  /** Changes memory before the check begins, and before anything is touched. */
  readonly prepare?: (machine: Machine) => void;
  readonly mayResched?: boolean;
  readonly machine?: Partial<MachineConfig>;
}

/** Threads' cells, allocated with the machine. */
interface Cells {
  readonly scratch: Cell[];
  readonly own: Cell[];
  readonly interrupts: Cell;
  readonly watch: Cell;
  /** EXTRA_CELLS for what a protocol's own threads share. */
  readonly extra: Cell;
}

const EXTRA_CELLS = 4;

/** Counters that only are compared go round at the least power of two above the number of threads. */
function keptOfCounters(threads: number): number {
  return 2 ** Math.floor(Math.log2(threads) + 1) - 1;
}

function allocate(layout: MemoryLayout, count: number): Cells {
  const each = (name: string, cells: number): Cell[] =>
    Array.from({ length: count }, (_, index) => layout.alloc(`${name} ${index}`, cells, 'private'));
  return {
    scratch: each('scratch', SCRATCH_CELLS),
    own: each('own', OWN_CELLS),
    interrupts: layout.alloc('interrupts', count, 'shared'),
    watch: layout.alloc('watch', WATCH_CELLS, 'private'),
    extra: layout.alloc('extra', EXTRA_CELLS, 'shared'),
  };
}

/** A guest that touches nothing has one access, and has done it: 0 would mean that it never ends. */
const NOTHING: readonly Touch[] = [{ gfn: 0, write: true }];

/** A guest that does these accesses, one after the other, and is done. */
function guestOf(asked: readonly Touch[], gfns: number): GuestProgram {
  const touches = asked.length === 0 ? NOTHING : asked;
  const covered = Int32Array.from(touches, ({ gfn }) => gfn);
  const program: GuestProgram = {
    pattern: 'sequential',
    firstGfn: 0,
    pages: gfns,
    stridePages: 1,
    hotPages: 1,
    hotSpread: false,
    hotShare: 0,
    writeShare: touches.every(({ write }) => write) ? 1 : touches.some(({ write }) => write) ? 0.5 : 0,
    workNs: 0,
    seed: 0,
    firstPass: false,
    accesses: touches.length,
    covered: new Uint8Array(gfns),
    coveredShare: { share: 1, covered, uncovered: covered },
  };
  // A guest draws whether it writes: the seed is one that draws what is asked for.
  for (let seed = 0; ; seed++) {
    const drawn = { ...program, seed };
    if (touches.every(({ write }, index) => (writesAt(drawn, index) === 1) === write)) return drawn;
  }
}

export function kvmProgram(scope: KvmScope): CheckProgram {
  const { policy, gfns, vcpus, invalidators, others = [], mayResched = false } = scope;
  const count = vcpus.length + invalidators.length + others.length;
  const spare = invalidators.reduce(
    (sum, { rounds, changes }) => sum + (changes === undefined ? 0 : rounds),
    0,
  );
  let cells: Cells | undefined;
  const machine = buildMachine(
    {
      policy,
      vcpus: Math.max(1, vcpus.length),
      slots: [{ pages: gfns }],
      geometry: { bits: 1, levels: 2 },
      tlbEntries: gfns,
      roots: 1,
      populated: { huge: false, nodeOf: () => 0 },
      pfns: gfns + spare + 4,
      ...scope.machine,
    },
    (layout) => (cells = allocate(layout, count)),
  );
  if (cells === undefined) throw new Error('the machine has no cells for its threads');
  const { kvm, memory } = machine;
  const watcher = new KvmWatcher(kvm, cells.watch);
  const changes = hostChangesOf(machine, invalidators);
  const threads = threadsOf(machine, cells, changes, scope);
  scope.prepare?.(machine);
  setUp(memory.cells, kvm, threads, cells.interrupts, scope);
  watcher.begin(memory.cells);
  const isEndless = threads.some(({ endless }) => endless === true);
  return {
    memory,
    threads,
    interrupts: cells.interrupts,
    mayResched,
    watcher,
    wraps: new Map([
      ...statisticsOf(kvm),
      ...(isEndless ? countersOf(kvm, threads.length, invalidators.length) : []),
    ]),
  };
}

/** Cells that nothing depends on. */
function statisticsOf({ vcpus, slotsGeneration }: Kvm): Map<Cell, number> {
  const cells = vcpus.map(({ fault }) => fault + RETRIES);
  return new Map([...cells, slotsGeneration].map((cell) => [cell, 0]));
}

/** Cells that count for ever, and only ever are compared. */
function countersOf(kvm: Kvm, threads: number, invalidators: number): Map<Cell, number> {
  const { mmuInvalidateSeq, gpcInvalidateSeq, mnInvalidateLock, mmuLock, pfnCaches } = kvm;
  const kept = new Map<Cell, number>();
  for (const cell of [mmuInvalidateSeq, mmuLock.waitLock.tail, mmuLock.waitLock.head]) {
    kept.set(cell, keptOfCounters(threads));
  }
  // Whose lock nobody else takes need not know whose turn it is.
  const isAlone = invalidators < 2;
  for (const cell of [mnInvalidateLock.tail, mnInvalidateLock.head]) {
    kept.set(cell, isAlone ? 0 : keptOfCounters(threads));
  }
  kept.set(gpcInvalidateSeq, pfnCaches.length === 0 ? 0 : keptOfCounters(threads));
  return kept;
}

/** Gives each change of a page frames of its own, so that a freed one is never used again. */
function hostChangesOf({ mm, memory }: Machine, invalidators: readonly InvalidatorScope[]): HostChange[] {
  const take = (): number => {
    const frame = takeFreePage(memory.cells, mm, 0);
    memory.cells[mm.refcounts + frame] = 1;
    return frame;
  };
  return invalidators.map(({ from, to, changes, rounds, blockable = true }) => {
    const page = changes === undefined ? -1 : mm.firstPage + changes;
    // A page outside every memslot is there, too.
    if (page >= 0 && memory.cells[pteCell(mm, page)] === 0) {
      memory.cells[pteCell(mm, page)] = makeEntry(take(), WRITTEN_PAGE);
    }
    return {
      start: mm.firstPage + from,
      end: mm.firstPage + to,
      page,
      frames: page < 0 ? [] : Array.from({ length: rounds }, take),
      blockable,
    };
  });
}

function threadsOf(
  machine: Machine,
  { scratch, own, extra }: Cells,
  changes: readonly HostChange[],
  { gfns, vcpus, invalidators, others = [] }: KvmScope,
): ProgramThread[] {
  const { kvm } = machine;
  const threads: ProgramThread[] = [];
  const add = (name: string, rounds: number, endless: boolean, start: (t: Thread) => unknown): void => {
    const at = threads.length;
    threads.push({ name, rounds, endless, scratch: scratch[at], own: own[at], start });
  };
  for (const [id, touches] of vcpus.entries()) {
    const guest = guestOf(touches, gfns);
    add(`vCPU ${id}`, Infinity, false, (t) => vcpuThread(t, kvm.vcpus[id], guest, undefined));
  }
  for (const [index, change] of changes.entries()) {
    const { rounds, endless = false } = invalidators[index];
    add(`invalidator ${index}`, endless ? Infinity : rounds, endless, (t) => hostChanges(t, kvm.mm, change));
  }
  for (const other of others) {
    const { name, rounds, endless = false } = other;
    add(name, endless ? Infinity : rounds, endless, (t) => other.start(t, machine, extra));
  }
  return threads;
}

/** Loads each vCPU's root, and lets it touch the frames that are mapped from the start. */
function setUp(
  mem: Int32Array,
  kvm: Kvm,
  threads: readonly ProgramThread[],
  interrupts: Cell,
  { vcpus, touched = [] }: KvmScope,
): void {
  for (const vcpu of kvm.vcpus) {
    const guest = guestOf(touched, kvm.geometry.gfns);
    mem[vcpu.position] = touched.length === 0 ? 1 : 0;
    runAlone(mem, interrupts, threads[vcpu.id], vcpu.id, (t) => vcpuThread(t, vcpu, guest, undefined));
    mem[vcpu.position] = (vcpus.at(vcpu.id)?.length ?? 0) === 0 ? 1 : 0;
  }
}
