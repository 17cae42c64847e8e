/**
 * Reads Perfetto protobuf traces: the ftrace events in them, and the names of threads.
 *
 * A file is a sequence of packets; one packet at a time is in memory. Slices, counters, logs and everything
 * else that is no ftrace event is left out, and counted.
 */
import { InputError } from '../../errors.js';
import type { TraceBuilder } from '../../store/builder.js';
import { LearnedKinds, type FindEvent } from '../learned-kind.js';
import type { StreamReader } from '../source.js';
import { CompactSchedReader } from './compact-sched.js';
import { EventStamps, FtraceEvents } from './ftrace-events.js';
import { NamePackets } from './name-packets.js';
import { ProtoReader, Wire } from './proto-reader.js';
import { Bundle, FTRACE_CLOCKS, Packet, TRACE_PACKET } from './schema.js';
import { ThreadNames } from '../thread-names.js';

/** A packet that says it is longer than this is damage; Perfetto's own limit is far below. */
const MOST_PACKET = 1 << 28;
/** Tag and length of a packet. */
const MOST_HEADER = 20;
const MOST_CPU = 0xffff;

export interface PerfettoOptions {
  /** Definitions of events; the event table unless given. */
  readonly findEvent?: FindEvent;
}

export class PerfettoReader implements StreamReader {
  readonly #builder: TraceBuilder;
  readonly #names: ThreadNames;
  readonly #namePackets: NamePackets;
  readonly #events: FtraceEvents;
  readonly #compact: CompactSchedReader;
  readonly #fields = new ProtoReader(new Uint8Array(0));
  readonly #bundle = new ProtoReader(new Uint8Array(0));
  /** Bytes of a packet that is not complete yet. */
  #rest = new Uint8Array(0);
  #restLength = 0;
  /** Bytes of `#rest` needed before it is worth looking again. */
  #wanted = 1;
  /** File offset of the first byte of `#rest`. */
  #offset = 0;
  /** Bytes of a packet to pass over. */
  #skip = 0;
  #packets = 0;
  #compressed = 0;
  readonly #others = new Map<number, number>();
  /** Nothing after damage of the file's own structure can be trusted. */
  #stopped = false;

  constructor(builder: TraceBuilder, options: PerfettoOptions = {}) {
    this.#builder = builder;
    this.#names = new ThreadNames(builder);
    this.#namePackets = new NamePackets(builder, this.#names);
    const kinds = new LearnedKinds(builder, options.findEvent);
    const stamps = new EventStamps(builder);
    this.#events = new FtraceEvents(builder, kinds, this.#names, stamps);
    this.#compact = new CompactSchedReader(builder, kinds, this.#names, stamps);
    builder.meta = { ...builder.meta, format: 'Perfetto', clock: 'boot', timeUnit: 'ns' };
  }

  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    let bytes = chunk;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, bytes.length);
      this.#skip -= skipped;
      this.#offset += skipped;
      bytes = bytes.subarray(skipped);
    }
    if (this.#restLength === 0) {
      this.#keep(bytes, this.#packetsIn(bytes));
      return;
    }
    this.#append(bytes);
    if (this.#restLength < this.#wanted) return;
    const all = this.#rest.subarray(0, this.#restLength);
    this.#keep(all, this.#packetsIn(all));
  }

  finish(): void {
    if (this.#restLength > 0 && !this.#stopped) {
      if (this.#packets === 0) throw new InputError('is no Perfetto trace: its first packet is incomplete');
      const missing = Math.max(0, this.#wanted - this.#restLength);
      this.#builder.diagnostics.addDamage(
        `the file ends inside a packet at byte ${this.#offset} (${missing || 'some'} bytes are missing)`,
      );
    } else if (this.#skip > 0) this.#builder.diagnostics.addDamage('the file ends inside a packet');
    if (this.#packets === 0 && !this.#stopped) throw new InputError('is no Perfetto trace: it has no packet');
    this.#names.finish();
    this.#noteLeftOut();
  }

  #append(bytes: Uint8Array): void {
    const length = this.#restLength + bytes.length;
    if (length > this.#rest.length) {
      const bigger = new Uint8Array(Math.max(length, this.#rest.length * 2));
      bigger.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = bigger;
    }
    this.#rest.set(bytes, this.#restLength);
    this.#restLength = length;
  }

  /** Keep what follows the first `used` bytes. */
  #keep(bytes: Uint8Array, used: number): void {
    this.#offset += used;
    if (this.#stopped) {
      this.#rest = new Uint8Array(0);
      this.#restLength = 0;
      return;
    }
    // `bytes` may be a view of `#rest` itself, so copy before writing.
    this.#rest = bytes.slice(used);
    this.#restLength = this.#rest.length;
  }

  /** Read the complete packets in `bytes`; returns how many bytes they take. */
  #packetsIn(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.#stopped) {
      const header = packetHeader(bytes, at);
      if (header === 'incomplete') {
        this.#wanted = bytes.length - at + 1;
        break;
      }
      if (header === 'damaged') return this.#stop(at, bytes.length);
      const end = header.start + header.length;
      if (header.length > MOST_PACKET) {
        this.#builder.diagnostics.addDamage(
          `packet of ${header.length} bytes at byte ${this.#offset + at} left out`,
        );
        this.#skip = Math.max(0, end - bytes.length);
        at = Math.min(end, bytes.length);
        continue;
      }
      if (end > bytes.length) {
        this.#wanted = end - at;
        break;
      }
      if (header.field === TRACE_PACKET && header.wire === Wire.length) {
        this.#packets++;
        this.#packet(bytes, header.start, end, this.#offset + at);
      } else this.#builder.diagnostics.addNote('the file has fields that are no packets; they are left out');
      at = end;
    }
    return at;
  }

  #stop(at: number, length: number): number {
    if (this.#packets === 0) throw new InputError('is no Perfetto trace', { offset: this.#offset + at });
    this.#builder.diagnostics.addDamage(
      `byte ${this.#offset + at} begins no packet: the rest of the file is not read`,
    );
    this.#stopped = true;
    return length;
  }

  #packet(bytes: Uint8Array, start: number, end: number, at: number): void {
    const fields = this.#fields.reset(bytes, start, end);
    while (fields.next()) {
      const { field, wire } = fields;
      if (wire !== Wire.length) continue;
      if (field === Packet.ftraceEvents) this.#ftrace(bytes, fields.start, fields.end, at);
      else if (field === Packet.processTree) this.#namePackets.processTree(bytes, fields.start, fields.end);
      else if (field === Packet.trackDescriptor)
        this.#namePackets.trackDescriptor(bytes, fields.start, fields.end);
      else if (field === Packet.compressedPackets) this.#compressed++;
      else if (field !== Packet.clockSnapshot) this.#others.set(field, (this.#others.get(field) ?? 0) + 1);
    }
    if (fields.damaged) this.#builder.diagnostics.addDamage(`the packet at byte ${at} is damaged`);
  }

  #ftrace(bytes: Uint8Array, start: number, end: number, at: number): void {
    let cpu = 0;
    let lost = false;
    const bundle = this.#bundle.reset(bytes, start, end);
    // The CPU may stand behind the events that it belongs to.
    while (bundle.next()) {
      if (bundle.field === Bundle.cpu) cpu = bundle.number;
      else if (bundle.field === Bundle.lostEvents) lost = bundle.low !== 0;
      else if (bundle.field === Bundle.clock) this.#setClock(bundle.number);
      else if (bundle.field === Bundle.descriptors && bundle.wire === Wire.length) {
        this.#events.describe(bytes, bundle.start, bundle.end);
      }
    }
    if (bundle.damaged) this.#builder.diagnostics.addDamage(`the ftrace bundle at byte ${at} is damaged`);
    if (cpu > MOST_CPU) {
      this.#builder.diagnostics.addDamage(`the ftrace bundle at byte ${at} is of CPU ${cpu}: left out`);
      return;
    }
    this.#events.beginBundle(cpu, lost);
    bundle.reset(bytes, start, end);
    while (bundle.next()) {
      if (bundle.wire !== Wire.length) continue;
      if (bundle.field === Bundle.event) this.#events.event(bytes, bundle.start, bundle.end, at);
      else if (bundle.field === Bundle.compactSched)
        this.#compact.read(bytes, bundle.start, bundle.end, cpu, at);
    }
    this.#events.endBundle();
  }

  #setClock(clock: number): void {
    this.#builder.meta = { ...this.#builder.meta, clock: FTRACE_CLOCKS[clock] ?? '' };
  }

  #noteLeftOut(): void {
    const { diagnostics } = this.#builder;
    if (this.#compressed > 0) diagnostics.addNote(`${this.#compressed} compressed packet(s) are not read`);
    let others = 0;
    for (const count of this.#others.values()) others += count;
    if (others > 0) {
      const fields = [...this.#others.keys()].sort((a, b) => a - b).slice(0, 10);
      diagnostics.addNote(
        `${others} packet part(s) hold no ftrace events and are left out (fields ${fields.join(', ')})`,
      );
    }
  }
}

interface PacketHeader {
  readonly field: number;
  readonly wire: number;
  /** Where the contents begin, and their length. */
  readonly start: number;
  readonly length: number;
}

/** Tag and length of the field at `at` of the file's outermost message. */
function packetHeader(bytes: Uint8Array, at: number): PacketHeader | 'incomplete' | 'damaged' {
  const head = new ProtoReader(bytes, at, Math.min(bytes.length, at + MOST_HEADER));
  const available = Math.min(bytes.length - at, MOST_HEADER);
  const short = available < MOST_HEADER ? 'incomplete' : 'damaged';
  if (!head.nextPacked()) return short;
  const wire = head.low & 7;
  const field = (head.low >>> 3) + head.high * 2 ** 29;
  const afterTag = head.position;
  if (field === 0 || field >= 2 ** 29) return 'damaged';
  if (wire === Wire.fixed64) return { field, wire, start: afterTag, length: 8 };
  if (wire === Wire.fixed32) return { field, wire, start: afterTag, length: 4 };
  if (wire !== Wire.varint && wire !== Wire.length) return 'damaged';
  if (!head.nextPacked()) return short;
  const start = head.position;
  return wire === Wire.varint
    ? { field, wire, start, length: 0 }
    : { field, wire, start, length: head.number };
}
