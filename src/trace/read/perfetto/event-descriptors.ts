/**
 * Events that a Perfetto trace describes itself (since Perfetto v50, for tracepoints that it has no type
 * for): a GenericEventDescriptor gives a field number of FtraceEvent and a protobuf DescriptorProto with
 * names and types.
 */
import type { TraceBuilder } from '../../store/builder.js';
import { ProtoReader, Wire } from './proto-reader.js';
import { FIRST_DESCRIBED, type TypedField, type TypedKind } from './schema.js';

const Descriptor = {
  id: 1,
  descriptor: 2,
  name: 1,
  field: 2,
  fieldName: 1,
  fieldNumber: 3,
  fieldType: 5,
} as const;
/** FieldDescriptorProto.Type of signed integers: int64, int32, sfixed32, sfixed64, sint32, sint64. */
const SIGNED = new Set([3, 5, 15, 16, 17, 18]);
const STRING = 9;
const MOST_FIELDS = 64;
const MOST_EVENTS = 20_000;

export interface DescribedEvent {
  readonly system: string | undefined;
  readonly name: string;
  /** By field number, from 1. */
  readonly fields: readonly (TypedField | undefined)[];
}

export class EventDescriptors {
  readonly #builder: TraceBuilder;
  readonly #events = new Map<number, DescribedEvent>();

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  get(field: number): DescribedEvent | undefined {
    return this.#events.get(field);
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const outer = new ProtoReader(bytes, start, end);
    let id = 0;
    let event: DescribedEvent | undefined;
    while (outer.next()) {
      if (outer.field === Descriptor.id && outer.wire === Wire.varint) id = outer.number;
      else if (outer.field === Descriptor.descriptor && outer.wire === Wire.length) {
        event = this.#event(bytes, outer.start, outer.end);
      }
    }
    if (!event || id < FIRST_DESCRIBED || this.#events.size >= MOST_EVENTS) return;
    if (!this.#events.has(id)) this.#events.set(id, event);
  }

  #event(bytes: Uint8Array, start: number, end: number): DescribedEvent {
    const message = new ProtoReader(bytes, start, end);
    let name = '';
    const fields: (TypedField | undefined)[] = [];
    while (message.next()) {
      if (message.wire !== Wire.length) continue;
      if (message.field === Descriptor.name) name = this.#text(bytes, message);
      else if (message.field === Descriptor.field) this.#field(fields, bytes, message.start, message.end);
    }
    const slash = name.search(/[/:]/);
    if (slash > 0) return { system: name.slice(0, slash), name: name.slice(slash + 1), fields };
    return { system: undefined, name, fields };
  }

  #field(fields: (TypedField | undefined)[], bytes: Uint8Array, start: number, end: number): void {
    const message = new ProtoReader(bytes, start, end);
    let name = '';
    let number = 0;
    let kind: TypedKind = 'unsigned';
    while (message.next()) {
      if (message.field === Descriptor.fieldName && message.wire === Wire.length)
        name = this.#text(bytes, message);
      else if (message.field === Descriptor.fieldNumber) number = message.number;
      else if (message.field === Descriptor.fieldType) {
        kind = message.low === STRING ? 'text' : SIGNED.has(message.low) ? 'signed' : 'unsigned';
      }
    }
    if (number >= 1 && number <= MOST_FIELDS) fields[number - 1] = { name, kind };
  }

  #text(bytes: Uint8Array, message: ProtoReader): string {
    const { strings } = this.#builder;
    return strings.text(strings.internBytes(bytes, message.start, message.end));
  }
}
