/**
 * Options of a trace.dat: facts about the recording, and how to turn its clock into ns.
 */
import { latin1 } from '../../store/strings.js';

/** Numbers that trace-cmd gives to options and sections. */
export const Option = {
  Done: 0,
  Date: 1,
  CpuStat: 2,
  Buffer: 3,
  TraceClock: 4,
  Uname: 5,
  Hook: 6,
  Offset: 7,
  CpuCount: 8,
  Version: 9,
  TimeShift: 12,
  Guest: 13,
  TscToNs: 14,
  Strings: 15,
  HeaderInfo: 16,
  FtraceEvents: 17,
  EventFormats: 18,
  Kallsyms: 19,
  Printk: 20,
  Cmdlines: 21,
  BufferText: 22,
} as const;

/** One measurement of a guest clock against its host's. */
interface ClockSample {
  time: bigint;
  offset: bigint;
  scaling: bigint;
  fraction: bigint;
}

/** TRACECMD_TSYNC_FLAG_INTERPOLATE: offsets between samples are interpolated. */
const INTERPOLATE = 1;

export class DatOptions {
  /** `uname -r` of the traced machine. */
  kernel: string | undefined;
  clock = '';
  cpuCount: number | undefined;
  /** Events that the kernel could not record, per CPU line of the statistics. */
  readonly statistics: { cpu: number; overrun: number; dropped: number }[] = [];
  /** Buffers of a version 6 file. */
  readonly v6Buffers: { name: string; offset: number }[] = [];
  #offset = 0n;
  #tsc: { mult: bigint; shift: bigint } | undefined;
  #samples: ClockSample[][] = [];
  #interpolate = false;

  /** Take one option; ids that say nothing about events are passed over. */
  add(id: number, data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const text = () => latin1(data, 0, data.length).replace(/\0[^]*$/, '');
    switch (id) {
      case Option.Date:
        this.#offset += parseInteger(text()) * 1000n;
        break;
      case Option.Offset:
        this.#offset += parseInteger(text());
        break;
      case Option.TraceClock:
        this.clock = /\[([^\]]+)\]/.exec(text())?.[1] ?? this.clock;
        break;
      case Option.Uname:
        this.kernel = /^\S+ \S+ (\S+)/.exec(text())?.[1];
        break;
      case Option.CpuCount:
        if (data.length >= 4) this.cpuCount = view.getUint32(0, true);
        break;
      case Option.CpuStat:
        this.#addStatistics(text());
        break;
      case Option.TscToNs:
        if (data.length >= 16)
          this.#tsc = { mult: BigInt(view.getUint32(0, true)), shift: BigInt(view.getUint32(4, true)) };
        break;
      case Option.TimeShift:
        this.#addTimeShift(view);
        break;
      case Option.Buffer:
        if (data.length > 8) {
          const name = latin1(data, 8, data.length).replace(/\0[^]*$/, '');
          this.v6Buffers.push({ name, offset: Number(view.getBigUint64(0, true)) });
        }
    }
  }

  /** The clock counts cycles and the file tells how long one is. */
  get convertsCycles(): boolean {
    return this.#tsc !== undefined && this.#tsc.mult !== 0n;
  }

  /**
   * From a clock value to ns, as trace-cmd computes it: guest offset, then cycles to ns, then the user's
   * offset. Undefined when the clock value is the time already.
   */
  get conversion(): ((clock: bigint, cpu: number) => bigint) | undefined {
    const tsc = this.convertsCycles ? this.#tsc : undefined;
    const samples = this.#samples;
    const offset = this.#offset;
    if (!tsc && samples.length === 0 && offset === 0n) return undefined;
    return (clock, cpu) => {
      let time = clock;
      if (cpu < samples.length && samples[cpu].length > 0)
        time = shifted(time, samples[cpu], this.#interpolate);
      if (tsc) time = (time * tsc.mult) >> tsc.shift;
      return time + offset;
    };
  }

  #addStatistics(text: string): void {
    const number = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? 0);
    this.statistics.push({
      cpu: Number(/^CPU: *(\d+)/m.exec(text)?.[1] ?? 0),
      overrun: number('overrun') + number('commit overrun'),
      dropped: number('dropped events'),
    });
  }

  /**
   * u64 peer, u32 flags, u32 cpus; per CPU: u32 n, then n times, n offsets, n scalings; then per CPU n
   * fraction bits. All but the counts are 64 bits wide.
   */
  #addTimeShift(view: DataView): void {
    if (view.byteLength < 16) return;
    this.#interpolate = (view.getUint32(8, true) & INTERPOLATE) !== 0;
    const cpus = view.getUint32(12, true);
    let at = 16;
    const samples: ClockSample[][] = [];
    const next64 = () => {
      at += 8;
      return view.getBigInt64(at - 8, true);
    };
    try {
      for (let cpu = 0; cpu < cpus; cpu++) {
        const count = view.getUint32(at, true);
        at += 4;
        if (at + count * 24 > view.byteLength) throw new RangeError('time shift option is cut off');
        const list = Array.from({ length: count }, () => ({
          time: 0n,
          offset: 0n,
          scaling: 1n,
          fraction: 0n,
        }));
        for (const sample of list) sample.time = next64();
        for (const sample of list) sample.offset = next64();
        for (const sample of list) sample.scaling = next64();
        samples.push(list);
      }
      if (at < view.byteLength)
        for (const list of samples) for (const sample of list) sample.fraction = next64();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return;
    }
    this.#samples = samples.map(sortedSamples);
  }
}

function sortedSamples(list: ClockSample[]): ClockSample[] {
  const sorted = [...list].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return sorted.filter((sample, i) => i === 0 || sample.time !== sorted[i - 1].time);
}

/** A guest's clock value on its host's clock. */
function shifted(clock: bigint, samples: readonly ClockSample[], interpolate: boolean): bigint {
  if (samples.length === 1) return clock + samples[0].offset;
  let last = samples.findIndex((sample) => sample.time > clock);
  if (last === 0) last = 1;
  if (last < 0) last = samples.length - 1;
  const [low, high] = [samples[last - 1], samples[last]];
  let correction = low.offset;
  if (interpolate) {
    const span = high.time - low.time;
    correction += ((clock - low.time) * (high.offset - low.offset) + span / 2n) / span;
  }
  return ((clock * low.scaling) >> BigInt.asUintN(8, low.fraction)) + correction;
}

/** C's strtoll with base 0: decimal, 0x hex, optional sign; 0 when it is no number. */
function parseInteger(text: string): bigint {
  const match = /^\s*([+-]?)(0x[0-9a-f]+|\d+)/i.exec(text);
  if (!match) return 0n;
  const value = BigInt(match[2]);
  return match[1] === '-' ? -value : value;
}
