/**
 * Ring-buffer pages of one CPU, as the kernel would have left them.
 *
 * A page is u64 time, u64 commit (size of the data, and what was lost before it), then records. A record
 * begins with a word of 5 bits type and length, 27 bits time since the record before; a longer gap takes a
 * time-extend word pair.
 */
import type { Trace } from '../store/trace.js';
import type { KindLayout } from './dat-layout.js';
import { valueBytes, type FieldLayout } from './dat-layout.js';

/** Bytes before the data of a page. */
export const PAGE_HEADER = 16;
const TIME_EXTEND = 30;
const PADDING = 29;
/** Longest data that the record word itself can count, in bytes. */
const MOST_SHORT = 28 * 4;
/** Gaps from here on need a time extend, ns. */
const DELTA_LIMIT = 2 ** 27;
/** Bytes that a record may need beyond its data: time extend, record word, length word. */
export const RECORD_OVERHEAD = 16;
/** Bit 31 of commit: events are missing before this page; bit 30: their number follows the data. */
const MISSED = 0x80000000;
const MISSED_STORED = 0x40000000;
const COUNT_SIZE = 8;
const KNOWN_VALUES = 4096;
const MOST_DYNAMIC = 0xffff;

/** Losses to mark: before the first event at or after `time`. */
export interface PageLoss {
  readonly time: number;
  /** Undefined where their number is unknown. */
  readonly events: number | undefined;
}

/** Fills pages; one per writer, so that text is turned into bytes once for all CPUs. */
export class PageWriter {
  readonly #page: Uint8Array;
  readonly #view: DataView;
  readonly #values = new Map<string, Uint8Array>();
  /** Values of which some or all bytes did not fit so far. */
  cut = 0;
  /** Bytes of each dynamic field of the event being written. */
  readonly #held: number[] = [];
  /** End of the records in the current page. */
  #at = PAGE_HEADER;
  /** Where records must end in the current page. */
  #limit: number;
  #missed: { events: number; exact: boolean } | undefined;
  #last = 0;

  constructor(
    readonly trace: Trace,
    readonly layouts: readonly KindLayout[],
    readonly pageSize: number,
  ) {
    this.#page = new Uint8Array(pageSize);
    this.#view = new DataView(this.#page.buffer);
    this.#limit = pageSize;
  }

  /**
   * The pages of some events, each valid until the next is asked for.
   *
   * @param events indexes of events of one CPU, ascending in time
   * @param losses ascending in time
   */
  *pages(events: Iterable<number>, losses: readonly PageLoss[]): Generator<Uint8Array> {
    const { trace, layouts } = this;
    let nextLoss = 0;
    let open = false;
    for (const event of events) {
      const time = Math.round(trace.time[event]);
      const layout = layouts[trace.kind[event]];
      const row = trace.row[event];
      const size = this.#eventSize(layout, row);
      const lossHere = nextLoss < losses.length && losses[nextLoss].time <= time;
      if (open && (lossHere || this.#at + size + RECORD_OVERHEAD > this.#limit)) {
        yield this.#close();
        open = false;
      }
      if (!open) {
        this.#open(time);
        open = true;
        while (nextLoss < losses.length && losses[nextLoss].time <= time) this.#miss(losses[nextLoss++]);
      }
      this.#record(time - this.#last, size);
      this.#last = time;
      this.#event(event, layout, row);
    }
    if (open) yield this.#close();
  }

  #open(time: number): void {
    this.#page.fill(0);
    this.#view.setBigUint64(0, this.trace.origin + BigInt(time), true);
    this.#at = PAGE_HEADER;
    this.#limit = this.pageSize;
    this.#last = time;
    this.#missed = undefined;
  }

  #miss(loss: PageLoss): void {
    const known = (this.#missed ??= { events: 0, exact: true });
    if (loss.events === undefined) known.exact = false;
    else known.events += loss.events;
    this.#limit = this.pageSize - COUNT_SIZE;
  }

  #close(): Uint8Array {
    let commit = this.#at - PAGE_HEADER;
    if (this.#missed) {
      commit += MISSED;
      if (this.#missed.exact) {
        commit += MISSED_STORED;
        this.#view.setBigUint64(this.#at, BigInt(this.#missed.events), true);
      }
    }
    // Padding with delta 0 ends the page for readers that do not look at commit. A stored count is in its
    // place.
    else if (this.#at + 4 <= this.pageSize) this.#view.setUint32(this.#at, PADDING, true);
    this.#view.setUint32(8, commit, true);
    return this.#page;
  }

  /** Bytes of an event, a multiple of 4; also says how much of each dynamic value it holds. */
  #eventSize(layout: KindLayout, row: number): number {
    let size = layout.fixedSize;
    let count = 0;
    for (const field of layout.fields) {
      if (field.place !== 'dynamic') continue;
      const wanted = this.#value(field, row).length + (field.type === 'string' ? 1 : 0);
      // Offset and length have 16 bits each: what begins beyond them is left empty.
      const held = size > MOST_DYNAMIC ? 0 : Math.min(MOST_DYNAMIC, wanted);
      if (held < wanted) this.cut++;
      this.#held[count++] = held;
      size += held + guardOf(field);
    }
    return (size + 3) & ~3;
  }

  /** Time and length of the record whose data comes next. */
  #record(delta: number, size: number): void {
    const view = this.#view;
    let rest = delta;
    if (delta >= DELTA_LIMIT) {
      view.setUint32(this.#at, TIME_EXTEND + (delta % DELTA_LIMIT) * 32, true);
      view.setUint32(this.#at + 4, Math.floor(delta / DELTA_LIMIT), true);
      this.#at += 8;
      rest = 0;
    }
    if (size <= MOST_SHORT) {
      view.setUint32(this.#at, size / 4 + rest * 32, true);
      this.#at += 4;
    } else {
      view.setUint32(this.#at, rest * 32, true);
      view.setUint32(this.#at + 4, size + 4, true);
      this.#at += 8;
    }
  }

  #event(event: number, layout: KindLayout, row: number): void {
    const { trace } = this;
    const view = this.#view;
    const start = this.#at;
    view.setUint16(start, layout.id, true);
    view.setUint16(start + 2, trace.flags[event], true);
    view.setInt32(start + 4, trace.tasks[trace.task[event]].tid, true);
    let dynamic = layout.fixedSize;
    let count = 0;
    for (const field of layout.fields) {
      if (field.place === 'number') this.#number(start + field.offset, field, row);
      else if (field.place === 'fixed') this.#page.set(this.#value(field, row), start + field.offset);
      else {
        const size = this.#held[count++];
        this.#page.set(this.#value(field, row).subarray(0, size), start + dynamic);
        view.setUint32(start + field.offset, (size > 0 ? dynamic : layout.fixedSize) + size * 0x10000, true);
        dynamic += size + guardOf(field);
      }
    }
    this.#at = start + ((dynamic + 3) & ~3);
  }

  #number(at: number, field: FieldLayout, row: number): void {
    const { values, high } = field.column;
    const low = values[row];
    switch (field.size) {
      case 1:
        this.#page[at] = low;
        break;
      case 2:
        this.#view.setUint16(at, low, true);
        break;
      case 4:
        this.#view.setUint32(at, low, true);
        break;
      default:
        this.#view.setUint32(at, low, true);
        this.#view.setUint32(at + 4, typeof high === 'number' ? high : high[row], true);
    }
  }

  #value(field: FieldLayout, row: number): Uint8Array {
    const id = field.column.values[row];
    const key = `${field.type}${id}`;
    let bytes = this.#values.get(key);
    if (!bytes) {
      if (this.#values.size >= KNOWN_VALUES) this.#values.clear();
      bytes = valueBytes(field.type, field.column.strings.text(id));
      this.#values.set(key, bytes);
    }
    return bytes;
  }
}

/**
 * Bytes of 0 behind a dynamic field that are not part of it: `trace-cmd report -R` prints a blob that looks
 * like text up to the next 0, wherever that is.
 */
function guardOf(field: FieldLayout): number {
  return field.type === 'bytes' ? 1 : 0;
}
