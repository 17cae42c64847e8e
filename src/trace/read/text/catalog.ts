/**
 * From the bytes of an event's name to the kind that its lines belong to.
 */
import { eventsNamed, findEvent } from '../../events/index.js';
import type { ShapeReader } from '../../events/print-shape-read.js';
import type { EventDef } from '../../events/types.js';
import type { TraceBuilder } from '../../store/builder.js';
import { KindBuilder } from '../../store/kind.js';
import { latin1 } from '../../store/strings.js';
import { ArgumentReader } from './arguments.js';
import { COLON } from './head.js';
import type { NamedReader } from './named.js';

const SLOTS = 1 << 10;

interface Entry {
  readonly name: Uint8Array;
  readonly reader: ArgumentReader;
}

export class EventCatalog {
  readonly #builder: TraceBuilder;
  readonly #shapeReader: ShapeReader;
  readonly #namedReader: NamedReader;
  readonly #withSystem: boolean;
  readonly #slots: (Entry | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #entries = new Map<string, Entry>();

  /** @param withSystem names come as `system:name` */
  constructor(builder: TraceBuilder, shapeReader: ShapeReader, namedReader: NamedReader, withSystem: boolean) {
    this.#builder = builder;
    this.#shapeReader = shapeReader;
    this.#namedReader = namedReader;
    this.#withSystem = withSystem;
  }

  get readers(): Iterable<ArgumentReader> {
    return Array.from(this.#entries.values(), (entry) => entry.reader);
  }

  /**
   * The reader of the event named in [start, end).
   *
   * @param args first byte of its arguments; a name that stands for several events is told by them
   */
  find(bytes: Uint8Array, start: number, end: number, args: number): ArgumentReader {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0;
    const slot = (hash ^ (hash >>> 13)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known && same(known.name, bytes, start, end)) return known.reader;
    const name = latin1(bytes, start, end);
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = { name: bytes.slice(start, end), reader: this.#make(name, bytes, args) };
      this.#entries.set(name, entry);
    }
    this.#slots[slot] = entry;
    return entry.reader;
  }

  #make(text: string, bytes: Uint8Array, args: number): ArgumentReader {
    const colon = this.#withSystem ? text.indexOf(String.fromCharCode(COLON)) : -1;
    const system = colon < 0 ? undefined : text.slice(0, colon);
    const name = text.slice(colon + 1);
    const def = findEvent(name, system) ?? (system === undefined ? this.#fitting(name, bytes, args) : undefined);
    if (def) return this.#reader(this.#builder.kind(def, true));
    const meaning = 'not in the event table; fields as the text shows them';
    const unknown: EventDef = { system: system ?? '', name, fields: [], print: [], since: '', meaning };
    return this.#reader(this.#builder.kind(unknown, false));
  }

  /** Of several events called `name`, the first with a shape that fits. */
  #fitting(name: string, bytes: Uint8Array, args: number): EventDef | undefined {
    const events = eventsNamed(name);
    return (
      events.find((def) => {
        const scratch = new KindBuilder(0, def, true, true);
        return this.#reader(scratch).fits(bytes, args, scratch.addRow());
      }) ?? events.at(0)
    );
  }

  #reader(kind: KindBuilder): ArgumentReader {
    return new ArgumentReader(kind, this.#shapeReader, this.#namedReader);
  }
}

function same(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}
