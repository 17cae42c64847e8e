/** The main thread's side of one vCPU: its thread, its block of control memory, its counters. */
import { Worker } from 'node:worker_threads';
import { MachineError } from '../../trace/errors.js';
import { compiledScript } from '../compiled-script.js';
import type { Vcpu } from '../kvm/vcpu.js';
import type { ExitCounts, Sample, Stall, VcpuSnapshot } from '../types.js';
import { BUCKETS, Histogram } from './histogram.js';
import {
  ENTRY_COVERED,
  ENTRY_FRAME,
  ENTRY_WRITE,
  HISTOGRAM_BYTES,
  HISTOGRAM_SUM,
  HISTOGRAMS,
  SAMPLE_BYTES,
  STALL_BYTES,
  STALL_RECORDS,
  STALLS,
  Word,
  type BlockLayout,
} from './layout.js';
import { Control, Count, COUNTS, type VcpuMessage, type VcpuThreadData } from './vcpu-control.js';

/** One moment on both clocks: the guest's TSC, and CLOCK_MONOTONIC in ns. */
interface Moment {
  readonly tsc: number;
  readonly ns: number;
}

type State = 'starts' | 'waits' | 'runs' | 'stops' | 'finished' | 'ended';

export class VcpuHandle {
  tid = 0;
  state: State = 'starts';
  readonly #control = new Int32Array(new SharedArrayBuffer(12));
  readonly #counts = new Int32Array(new SharedArrayBuffer(4 * COUNTS));
  readonly #worker: Worker;
  readonly #waiting: { wanted: readonly State[]; resolve(): void; reject(error: Error): void }[] = [];
  #failure: Error | undefined;
  #moment: Moment = { tsc: 0, ns: 0 };
  #record = 0;

  constructor(
    readonly vcpu: Vcpu,
    /** Control memory of all vCPUs. */
    private readonly memory: DataView,
    private readonly layout: BlockLayout,
    private readonly tscKhz: number,
    thread: Omit<VcpuThreadData, 'control' | 'counts'>,
  ) {
    Atomics.store(this.#control, Control.Command, Control.Stop);
    const workerData: VcpuThreadData = { ...thread, control: this.#control, counts: this.#counts };
    this.#worker = new Worker(compiledScript('measure/guest/vcpu-thread.js'), { workerData });
    this.#worker.on('message', (message: VcpuMessage) => this.#hear(message));
    this.#worker.on('error', (error) => this.#fail(error));
  }

  /** Resolves when the thread is in one of these states. */
  reaches(...wanted: readonly State[]): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (wanted.includes(this.state)) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ wanted, resolve, reject }));
  }

  run(): void {
    if (this.state !== 'waits') return;
    this.state = 'runs';
    this.memory.setInt32(this.layout.block + Word.Command, 0, true);
    this.vcpu.immediateExit = false;
    this.#command(Control.Run);
  }

  /** The guest leaves when it has done its touch; a thread that is outside of it stays there. */
  stop(): Promise<void> {
    if (this.state === 'runs') {
      this.#command(Control.Stop);
      this.memory.setInt32(this.layout.block + Word.Command, 1, true);
      this.state = 'stops';
    }
    return this.reaches('waits', 'finished', 'ended');
  }

  /** Ends the thread, which must be stopped. */
  async end(): Promise<void> {
    this.#command(Control.End);
    if (!this.#failure) await this.reaches('ended');
    await this.#worker.terminate();
  }

  snapshot(nowNs: number): VcpuSnapshot {
    const stall = this.#takeStall();
    const running = this.state === 'runs';
    const last = this.#word(Word.LastEnd);
    return {
      vcpu: this.vcpu.id,
      touches: this.#word(Word.Touches),
      uncovered: this.#histogram(0),
      covered: this.#histogram(1),
      longestStall: stall,
      sinceTouchNs: running && last > 0 ? Math.max(0, nowNs - this.#nsOf(last)) : 0,
      finished: this.state === 'finished',
      exits: this.#exits(),
    };
  }

  samples(capacity: number): Sample[] {
    const taken = this.#word(Word.SampleCount);
    const kept = Math.min(taken, capacity);
    return Array.from({ length: kept }, (_, index) => {
      const at = this.layout.samples + ((taken - kept + index) % capacity) * SAMPLE_BYTES;
      const entry = this.memory.getUint32(at + 16, true);
      return {
        vcpu: this.vcpu.id,
        touch: this.#number(at + 24) + 1,
        endNs: this.#nsOf(this.#number(at)),
        durationNs: this.#duration(this.#number(at + 8)),
        gfn: entry & ENTRY_FRAME,
        write: (entry & ENTRY_WRITE) !== 0,
        covered: (entry & ENTRY_COVERED) !== 0,
      };
    });
  }

  #command(command: number): void {
    Atomics.store(this.#control, Control.Command, command);
    Atomics.add(this.#control, Control.Sequence, 1);
    Atomics.notify(this.#control, Control.Sequence);
  }

  #hear(message: VcpuMessage): void {
    if (message.kind === 'ready') {
      this.tid = message.tid;
      return;
    }
    // An answer to a command before the last: that to the last is on its way.
    if (message.kind === 'waits' && message.sequence !== this.#control[Control.Sequence]) return;
    this.state = message.kind;
    if (message.kind !== 'ended')
      this.#moment = { tsc: this.#word(Word.ExitTsc), ns: Number(message.leftAt) };
    for (const waiter of this.#waiting.splice(0)) {
      if (waiter.wanted.includes(this.state)) waiter.resolve();
      else this.#waiting.push(waiter);
    }
  }

  #fail(error: Error): void {
    this.#failure = new MachineError(`vCPU ${this.vcpu.id}: ${error.message}`);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#failure);
  }

  #exits(): ExitCounts {
    const counts = this.#counts;
    return {
      noSlot: counts[Count.NoSlot],
      refused: counts[Count.Refused],
      ringFull: counts[Count.RingFull],
      interrupted: counts[Count.Interrupted],
    };
  }

  /** The guest goes on to write in another record; the one that it had is read. */
  #takeStall(): Stall | undefined {
    const at = this.layout.block + STALLS + this.#record * STALL_BYTES;
    this.#record = (this.#record + 1) % STALL_RECORDS;
    const next = STALLS + this.#record * STALL_BYTES;
    this.memory.setBigUint64(this.layout.block + next, 0n, true);
    this.memory.setBigUint64(this.layout.block + Word.Stall, BigInt(next), true);
    const cycles = this.#number(at);
    if (cycles === 0) return undefined;
    const durationNs = this.#duration(cycles);
    return {
      vcpu: this.vcpu.id,
      durationNs,
      startNs: this.#nsOf(this.#number(at + 8)) - durationNs,
      gfn: this.memory.getUint32(at + 16, true) & ENTRY_FRAME,
    };
  }

  #histogram(which: 0 | 1): Histogram {
    const at = this.layout.block + HISTOGRAMS + which * HISTOGRAM_BYTES;
    const counts = Float64Array.from({ length: BUCKETS }, (_, bucket) => this.#number(at + 8 * bucket));
    return new Histogram(counts, this.#number(at + HISTOGRAM_SUM));
  }

  #word(word: number): number {
    return this.#number(this.layout.block + word);
  }

  #number(at: number): number {
    return Number(this.memory.getBigUint64(at, true));
  }

  #duration(cycles: number): number {
    return (cycles * 1e6) / this.tscKhz;
  }

  #nsOf(tsc: number): number {
    return this.#moment.ns + this.#duration(tsc - this.#moment.tsc);
  }
}
