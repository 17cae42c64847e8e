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
import { SeenTexts } from './seen-texts.js';

const SLOTS = 1 << 10;
/** Names that are recognized by what they begin with, and bytes of such a name. */
const SEEN_BITS = 8;
const SEEN_BYTES = 64;
/** Bytes that the slot of a name is chosen by. */
const SEEN_FROM = 8;
const SEEN_TO = 20;

interface Entry {
  readonly name: Name;
  readonly reader: ArgumentReader;
}

export class EventCatalog {
  readonly #builder: TraceBuilder;
  readonly #shapeReader: ShapeReader;
  readonly #namedReader: NamedReader;
  readonly #withSystem: boolean;
  readonly #slots: (Entry | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #entries = new Map<string, Entry>();
  /** Names with the colon and space behind them. */
  readonly #seen = new SeenTexts(1 << SEEN_BITS, SEEN_BYTES);
  readonly #seenReaders: (ArgumentReader | undefined)[] = Array.from(
    { length: 1 << SEEN_BITS },
    () => undefined,
  );
  #slot = 0;

  /** @param withSystem names come as `system:name` */
  constructor(
    builder: TraceBuilder,
    shapeReader: ShapeReader,
    namedReader: NamedReader,
    withSystem: boolean,
  ) {
    this.#builder = builder;
    this.#shapeReader = shapeReader;
    this.#namedReader = namedReader;
    this.#withSystem = withSystem;
  }

  get readers(): Iterable<ArgumentReader> {
    return Array.from(this.#entries.values(), (entry) => entry.reader);
  }

  /** Length of the name at `start` with its colon and a space, if it was seen there before; else 0. */
  recall(view: DataView, start: number): number {
    this.#slot = -1;
    if (start + SEEN_TO > view.byteLength) return 0;
    let hash = Math.imul(view.getInt32(start + SEEN_FROM, true), 0x9e3779b1);
    hash ^= Math.imul(view.getInt32(start + SEEN_FROM + 4, true), 0x85ebca6b);
    hash ^= Math.imul(view.getInt32(start + SEEN_TO - 4, true), 0xc2b2ae35);
    this.#slot = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> (32 - SEEN_BITS);
    return this.#seen.find(view, start, this.#slot);
  }

  /** The reader of the name recalled last. */
  get recalled(): ArgumentReader | undefined {
    return this.#seenReaders[this.#slot];
  }

  /** Recall the name [start, end) from now on; `recall` has just failed to. */
  remember(bytes: Uint8Array, view: DataView, start: number, end: number, reader: ArgumentReader): void {
    if (this.#slot < 0 || bytes[end + 1] !== 32) return;
    if (this.#seen.keep(view, start, end + 2 - start, this.#slot)) this.#seenReaders[this.#slot] = reader;
  }

  /**
   * The reader of the event named in [start, end).
   *
   * @param view the same bytes as words; at least four bytes come before `end`
   * @param args first byte of its arguments; a name that stands for several events is told by them
   */
  find(bytes: Uint8Array, view: DataView, start: number, end: number, args: number): ArgumentReader {
    // Names differ in length, in the middle or at the end; which is all that a slot needs to know.
    const middle = view.getInt32(Math.max(0, ((start + end) >> 1) - 4), true);
    const hash =
      Math.imul(view.getInt32(end - 4, true), 0x9e3779b1) ^ Math.imul(middle + end - start, 0x85ebca6b);
    const slot = hash >>> 22;
    const known = this.#slots[slot];
    if (known && same(known.name, bytes, view, start, end)) return known.reader;
    const name = latin1(bytes, start, end);
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = { name: nameOf(bytes, start, end), reader: this.#make(name, bytes, args) };
      this.#entries.set(name, entry);
    }
    this.#slots[slot] = entry;
    return entry.reader;
  }

  #make(text: string, bytes: Uint8Array, args: number): ArgumentReader {
    const colon = this.#withSystem ? text.indexOf(String.fromCharCode(COLON)) : -1;
    const system = colon < 0 ? undefined : text.slice(0, colon);
    const name = text.slice(colon + 1);
    const def =
      findEvent(name, system) ?? (system === undefined ? this.#fitting(name, bytes, args) : undefined);
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

interface Name {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function nameOf(bytes: Uint8Array, start: number, end: number): Name {
  const copy = bytes.slice(start, end);
  return { bytes: copy, view: new DataView(copy.buffer) };
}

function same(name: Name, bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  const length = end - start;
  if (name.bytes.length !== length) return false;
  let i = 0;
  for (; i + 4 <= length; i += 4)
    if (name.view.getInt32(i, true) !== view.getInt32(start + i, true)) return false;
  for (; i < length; i++) if (name.bytes[i] !== bytes[start + i]) return false;
  return true;
}
