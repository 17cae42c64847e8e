/**
 * FtraceEvents of a bundle: generic ones that name their fields, typed ones whose fields the schema knows,
 * and ones that the trace itself describes.
 */
import type { TraceBuilder } from '../../store/builder.js';
import type { LearnedKind, LearnedKinds } from '../learned-kind.js';
import { EventDescriptors } from './event-descriptors.js';
import { ProtoReader, Wire } from './proto-reader.js';
import { Event, FIRST_DESCRIBED, Generic, TYPED_EVENTS, type TypedEvent, type TypedField } from './schema.js';
import type { ThreadNames } from '../thread-names.js';

const WORD = 2 ** 32;
/** From here on a stamp is no exact number; the trace then gets an origin. */
const MOST_EXACT_HIGH = 2 ** 21;
/** System of events that neither the file nor the event table puts anywhere. */
const NO_SYSTEM = 'perfetto';

/** Turns 64-bit stamps into ns since the origin of the trace, which the first stamp decides. */
export class EventStamps {
  readonly #builder: TraceBuilder;
  #low = 0;
  #high = 0;
  #first = true;

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** Undefined for a stamp too far from the first to be exact. */
  time(low: number, high: number): number | undefined {
    if (this.#first) {
      this.#first = false;
      if (high >= MOST_EXACT_HIGH) {
        this.#low = low;
        this.#high = high;
        this.#builder.origin = BigInt(high) * 2n ** 32n + BigInt(low);
      }
    }
    const time = (high - this.#high) * WORD + (low - this.#low);
    return Number.isSafeInteger(time) ? time : undefined;
  }
}

export class FtraceEvents {
  readonly #builder: TraceBuilder;
  readonly #kinds: LearnedKinds;
  readonly #names: ThreadNames;
  readonly #stamps: EventStamps;
  readonly #descriptors: EventDescriptors;
  readonly #typed = new Map<number, TypedEvent>(TYPED_EVENTS.map((event) => [event.id, event]));
  readonly #kindOfTyped = new Map<number, LearnedKind>();
  readonly #head = new ProtoReader(new Uint8Array(0));
  readonly #body = new ProtoReader(new Uint8Array(0));
  readonly #value = new ProtoReader(new Uint8Array(0));
  #cpu = 0;
  /** Events are missing before the first of this bundle. */
  #lost = false;
  #earliest = Infinity;

  constructor(builder: TraceBuilder, kinds: LearnedKinds, names: ThreadNames, stamps: EventStamps) {
    this.#builder = builder;
    this.#kinds = kinds;
    this.#names = names;
    this.#stamps = stamps;
    this.#descriptors = new EventDescriptors(builder);
  }

  /** A GenericEventDescriptor of the bundle. */
  describe(bytes: Uint8Array, start: number, end: number): void {
    this.#descriptors.add(bytes, start, end);
  }

  beginBundle(cpu: number, lost: boolean): void {
    this.#cpu = cpu;
    this.#lost = lost;
    this.#earliest = Infinity;
  }

  endBundle(): void {
    if (!this.#lost) return;
    const before = this.#earliest === Infinity ? undefined : this.#earliest;
    this.#builder.diagnostics.addLoss(this.#cpu, undefined, before);
  }

  /** One FtraceEvent. `at` is the offset of its packet, for messages. */
  event(bytes: Uint8Array, start: number, end: number, at: number): void {
    const head = this.#head.reset(bytes, start, end);
    let low = -1;
    let high = 0;
    let tid = 0;
    let flags = 0;
    let bodyField = 0;
    let bodyStart = 0;
    let bodyEnd = 0;
    while (head.next()) {
      if (head.field === Event.timestamp) {
        low = head.low;
        high = head.high;
      } else if (head.field === Event.pid) tid = head.int32;
      else if (head.field === Event.commonFlags) flags = head.low & 0xffff;
      else if (head.wire === Wire.length) {
        bodyField = head.field;
        bodyStart = head.start;
        bodyEnd = head.end;
      }
    }
    const time = low < 0 ? undefined : this.#stamps.time(low, high);
    if (head.damaged || time === undefined) {
      this.#builder.diagnostics.addDamage(`an event in the packet at byte ${at} is damaged and left out`);
      return;
    }
    if (time < this.#earliest) this.#earliest = time;
    const kind = this.#fields(bodyField, bytes, bodyStart, bodyEnd, at);
    if (this.#builder.begin(time, kind.kind, this.#cpu, this.#names.task(tid), flags)) kind.commit();
    else kind.drop();
  }

  /** Stage the fields of the event's body and return its kind. */
  #fields(field: number, bytes: Uint8Array, start: number, end: number, at: number): LearnedKind {
    const body = this.#body.reset(bytes, start, end);
    if (field === Event.generic) return this.#generic(body, at);
    const typed = this.#typed.get(field);
    if (typed) {
      let kind = this.#kindOfTyped.get(field);
      if (!kind) {
        kind = this.#kinds.get(typed.name, typed.system, typed.system, at);
        this.#kindOfTyped.set(field, kind);
      }
      this.#known(kind, typed.fields, body, at);
      return kind;
    }
    const described = field >= FIRST_DESCRIBED ? this.#descriptors.get(field) : undefined;
    if (described) {
      const kind = this.#kinds.get(described.name, described.system, NO_SYSTEM, at);
      this.#known(kind, described.fields, body, at);
      return kind;
    }
    // Perfetto has a type for the event, and this table has not: the event is kept without its fields.
    return this.#kinds.get(field === 0 ? 'event' : `event_${field}`, NO_SYSTEM, NO_SYSTEM, at);
  }

  #generic(body: ProtoReader, at: number): LearnedKind {
    const { strings } = this.#builder;
    const { bytes } = body;
    let name = '';
    let kind: LearnedKind | undefined;
    while (body.next()) {
      if (body.wire !== Wire.length) continue;
      if (body.field === Generic.name) name = strings.text(strings.internBytes(bytes, body.start, body.end));
      else if (body.field === Generic.field) {
        kind ??= this.#namedKind(name, at);
        this.#genericField(kind, bytes, body.start, body.end, at);
      }
    }
    return kind ?? this.#namedKind(name, at);
  }

  /** `name`, or `system:name`, which Faultline writes where the name alone says too little. */
  #namedKind(name: string, at: number): LearnedKind {
    const colon = name.indexOf(':');
    if (colon > 0) return this.#kinds.get(name.slice(colon + 1), name.slice(0, colon), NO_SYSTEM, at);
    return this.#kinds.get(name, undefined, NO_SYSTEM, at);
  }

  #genericField(kind: LearnedKind, bytes: Uint8Array, start: number, end: number, at: number): void {
    const { strings } = this.#builder;
    const value = this.#value.reset(bytes, start, end);
    let name = '';
    let type = 0;
    let low = 0;
    let high = 0;
    let text = '';
    while (value.next()) {
      if (value.field === Generic.fieldName && value.wire === Wire.length) {
        name = strings.text(strings.internBytes(bytes, value.start, value.end));
      } else if (value.field === Generic.text && value.wire === Wire.length) {
        type = Generic.text;
        text = strings.text(strings.internBytes(bytes, value.start, value.end));
      } else if (value.field === Generic.int || value.field === Generic.uint) {
        type = value.field;
        low = value.low;
        high = value.high;
      }
    }
    if (type === Generic.text) kind.text(name, text, at);
    else if (type !== 0) kind.number(name, low, high, type === Generic.int, at);
  }

  /** A body whose fields are numbered from 1 in the order of `fields`. */
  #known(
    kind: LearnedKind,
    fields: readonly (TypedField | undefined)[],
    body: ProtoReader,
    at: number,
  ): void {
    const { strings } = this.#builder;
    while (body.next()) {
      const field = fields[body.field - 1];
      if (!field) continue;
      if (body.wire === Wire.varint)
        kind.number(field.name, body.low, body.high, field.kind === 'signed', at);
      else if (body.wire === Wire.length) {
        const text = strings.text(strings.internBytes(body.bytes, body.start, body.end));
        kind.text(field.name, text, at);
        if (field.name === 'prev_comm' || field.name === 'next_comm') this.#lastComm = text;
      } else if (body.wire === Wire.fixed64) kind.number(field.name, body.low, body.high, false, at);
      // sched_switch names both threads: comm stands right before pid.
      if (field.name === 'prev_pid' || field.name === 'next_pid') this.#learn(body.int32);
    }
  }

  #lastComm = '';

  #learn(tid: number): void {
    // The idle thread has a name per CPU there; everyone else calls it <idle>.
    if (this.#lastComm !== '' && tid !== 0) this.#names.seen(tid, this.#lastComm);
    this.#lastComm = '';
  }
}
