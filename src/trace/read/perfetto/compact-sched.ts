/**
 * CompactSched: sched_switch and sched_waking of one CPU in arrays, which is how Perfetto records them by
 * default.
 *
 * It leaves out what the previous switch on that CPU tells: who was running. Before the first switch of a CPU
 * nobody knows, and such fields are absent.
 */
import type { TraceBuilder } from '../../store/builder.js';
import type { LearnedKind, LearnedKinds } from '../learned-kind.js';
import type { EventStamps } from './ftrace-events.js';
import { ProtoReader, Wire } from './proto-reader.js';
import { Compact } from './schema.js';
import type { ThreadNames } from '../thread-names.js';

/** Thread id of an event whose thread is not known. */
const NO_TID = -1;

interface Running {
  readonly tid: number;
  readonly comm: string;
  readonly prio: number;
}

/** Packed arrays by field number. */
interface Arrays {
  readonly numbers: Map<number, number[]>;
  /** Time stamps: the first is absolute and may exceed 2^53. */
  readonly stamps: Map<number, bigint[]>;
}

export class CompactSchedReader {
  readonly #builder: TraceBuilder;
  readonly #kinds: LearnedKinds;
  readonly #names: ThreadNames;
  readonly #stamps: EventStamps;
  readonly #running = new Map<number, Running>();

  constructor(builder: TraceBuilder, kinds: LearnedKinds, names: ThreadNames, stamps: EventStamps) {
    this.#builder = builder;
    this.#kinds = kinds;
    this.#names = names;
    this.#stamps = stamps;
  }

  read(bytes: Uint8Array, start: number, end: number, cpu: number, at: number): void {
    const comms: string[] = [];
    const arrays = this.#arrays(bytes, start, end, comms, at);
    const switches = this.#times(arrays.stamps.get(Compact.switchTimestamp) ?? [], at);
    const wakings = this.#times(arrays.stamps.get(Compact.wakingTimestamp) ?? [], at);
    let waking = 0;
    for (let i = 0; i < switches.length; i++) {
      while (waking < wakings.length && wakings[waking] < switches[i])
        this.#waking(arrays, comms, waking++, wakings, cpu, at);
      this.#switch(arrays, comms, i, switches[i], cpu, at);
    }
    while (waking < wakings.length) this.#waking(arrays, comms, waking++, wakings, cpu, at);
  }

  #arrays(bytes: Uint8Array, start: number, end: number, comms: string[], at: number): Arrays {
    const arrays: Arrays = { numbers: new Map(), stamps: new Map() };
    const { strings, diagnostics } = this.#builder;
    const message = new ProtoReader(bytes, start, end);
    const packed = new ProtoReader(bytes);
    while (message.next()) {
      if (message.field === Compact.internTable && message.wire === Wire.length) {
        comms.push(strings.text(strings.internBytes(bytes, message.start, message.end)));
      } else if (message.wire === Wire.length) {
        packed.reset(bytes, message.start, message.end);
        while (packed.nextPacked()) append(arrays, message.field, packed);
        if (packed.damaged) diagnostics.addDamage(`compact sched events at byte ${at} are damaged`);
      } else append(arrays, message.field, message);
    }
    if (message.damaged) diagnostics.addDamage(`compact sched events at byte ${at} are damaged`);
    return arrays;
  }

  /** Absolute times of deltas; ends early where they leave what a number can hold. */
  #times(deltas: readonly bigint[], at: number): number[] {
    const times: number[] = [];
    let stamp = 0n;
    for (const delta of deltas) {
      stamp += delta;
      const time = this.#stamps.time(Number(stamp & 0xffffffffn), Number(stamp >> 32n));
      if (time === undefined || stamp >= 2n ** 64n) {
        this.#builder.diagnostics.addDamage(`compact sched events at byte ${at} have impossible times`);
        break;
      }
      times.push(time);
    }
    return times;
  }

  #switch(arrays: Arrays, comms: readonly string[], i: number, time: number, cpu: number, at: number): void {
    const previous = this.#running.get(cpu);
    const tid = element(arrays, Compact.switchNextPid, i);
    const prio = element(arrays, Compact.switchNextPrio, i);
    const state = element(arrays, Compact.switchPrevState, i);
    const comm = comms[element(arrays, Compact.switchNextComm, i) ?? -1] ?? '';
    const kind = this.#kinds.get('sched_switch', 'sched', 'sched', at);
    if (previous) {
      kind.text('prev_comm', previous.comm, at);
      signed(kind, 'prev_pid', previous.tid, at);
      signed(kind, 'prev_prio', previous.prio, at);
    }
    signed(kind, 'prev_state', state, at);
    kind.text('next_comm', comm, at);
    signed(kind, 'next_pid', tid, at);
    signed(kind, 'next_prio', prio, at);
    this.#finish(kind, time, cpu, previous?.tid);
    if (tid === undefined) return;
    if (comm !== '' && tid !== 0) this.#names.seen(tid, comm);
    this.#running.set(cpu, { tid, comm, prio: prio ?? 0 });
  }

  #waking(
    arrays: Arrays,
    comms: readonly string[],
    i: number,
    times: readonly number[],
    cpu: number,
    at: number,
  ): void {
    const kind = this.#kinds.get('sched_waking', 'sched', 'sched', at);
    kind.text('comm', comms[element(arrays, Compact.wakingComm, i) ?? -1] ?? '', at);
    signed(kind, 'pid', element(arrays, Compact.wakingPid, i), at);
    signed(kind, 'prio', element(arrays, Compact.wakingPrio, i), at);
    signed(kind, 'target_cpu', element(arrays, Compact.wakingTargetCpu, i), at);
    this.#finish(kind, times[i], cpu, this.#running.get(cpu)?.tid);
  }

  #finish(kind: LearnedKind, time: number, cpu: number, tid: number | undefined): void {
    const task = this.#names.task(tid ?? NO_TID);
    if (this.#builder.begin(time, kind.kind, cpu, task, 0)) kind.commit();
    else kind.drop();
  }
}

function append(arrays: Arrays, field: number, value: ProtoReader): void {
  if (field === Compact.switchTimestamp || field === Compact.wakingTimestamp) {
    const stamp = (BigInt(value.high) << 32n) | BigInt(value.low);
    const stamps = arrays.stamps.get(field);
    if (stamps) stamps.push(stamp);
    else arrays.stamps.set(field, [stamp]);
    return;
  }
  const number = (value.high | 0) * 2 ** 32 + value.low;
  const numbers = arrays.numbers.get(field);
  if (numbers) numbers.push(number);
  else arrays.numbers.set(field, [number]);
}

function element(arrays: Arrays, field: number, i: number): number | undefined {
  return arrays.numbers.get(field)?.[i];
}

function signed(kind: LearnedKind, name: string, number: number | undefined, at: number): void {
  if (number === undefined) return;
  kind.number(name, number >>> 0, Math.floor(number / 2 ** 32) >>> 0, true, at);
}
