/**
 * What every packet of a Perfetto trace has: the sequence that it belongs to, and stamps in boot time.
 */
import { Packet, TRACE_PACKET } from '../read/perfetto/schema.js';
import type { ProtoWriter } from './proto-writer.js';

/** One writer of packets, so one sequence. */
const SEQUENCE = 1;
/** SEQ_INCREMENTAL_STATE_CLEARED: what follows needs nothing from before. */
const STATE_CLEARED = 1;
/** ClockSnapshot.BuiltinClocks. */
const BOOT_CLOCK = 6;
const ClockSnapshot = { clocks: 1, primary: 2, id: 1, timestamp: 2 } as const;

/** Puts packets into a ProtoWriter, each with what all packets have. */
export class PacketWriter {
  #start = 0;
  #first = true;
  readonly #originLow: number;
  readonly #originHigh: number;

  constructor(
    readonly out: ProtoWriter,
    origin: bigint,
  ) {
    this.#originLow = Number(BigInt.asUintN(32, origin));
    this.#originHigh = Number(BigInt.asUintN(32, origin >> 32n));
  }

  begin(): void {
    this.#start = this.out.begin(TRACE_PACKET);
    this.out.uint(Packet.sequenceId, SEQUENCE);
    if (this.#first) this.out.uint(Packet.sequenceFlags, STATE_CLEARED);
    this.#first = false;
  }

  end(): void {
    this.out.end(this.#start);
  }

  /** A stamp from ns since the origin of the trace. */
  stamp(field: number, time: number): void {
    const whole = Math.round(time);
    const low = this.#originLow + (((whole % 2 ** 32) + 2 ** 32) % 2 ** 32);
    const high = this.#originHigh + Math.floor(whole / 2 ** 32) + (low >= 2 ** 32 ? 1 : 0);
    this.out.wide(field, low >>> 0, high >>> 0);
  }

  clock(time: number): void {
    const snapshot = this.out.begin(Packet.clockSnapshot);
    const clock = this.out.begin(ClockSnapshot.clocks);
    this.out.uint(ClockSnapshot.id, BOOT_CLOCK);
    this.stamp(ClockSnapshot.timestamp, time);
    this.out.end(clock);
    this.out.uint(ClockSnapshot.primary, BOOT_CLOCK);
    this.out.end(snapshot);
  }
}
