/**
 * Merges the events of all CPUs by time and decodes them into a builder, holding a few pages per CPU.
 */
import type { TraceBuilder } from '../../store/builder.js';
import type { CpuCursor } from './cpu-cursor.js';
import type { EventDecoder } from './decoder.js';

/** A CPU's cursor with what the merge needs to know about where it comes from. */
export interface MergeInput {
  readonly cursor: CpuCursor;
  readonly decoder: EventDecoder;
  /** Index of the ring buffer, into meta.buffers. */
  readonly buffer: number;
  /** Task number of a tid, from builder.task. */
  readonly taskOf: (tid: number) => number;
}

/**
 * Decode everything, in time order. Equal times keep the order of `inputs`, as `trace-cmd report` does.
 *
 * @param inputs in order of buffer, then CPU
 * @param onStep called now and then, for progress
 */
export function mergeEvents(inputs: readonly MergeInput[], builder: TraceBuilder, onStep?: () => void): void {
  const heap = new CursorHeap();
  inputs.forEach((input, order) => {
    const source = input.decoder.addSource(input.cursor);
    input.cursor.onBlockEnd = () => input.decoder.flushSource(source);
    if (input.cursor.advance()) heap.push({ ...input, source, order });
  });
  let steps = 0;
  for (let top = heap.top; top !== undefined; top = heap.top) {
    const rival = heap.rival;
    builder.buffer = top.buffer;
    let more = true;
    do {
      emit(top, builder);
      more = top.cursor.advance();
    } while (more && (rival === undefined || isBefore(top, rival)));
    if (more) {
      if (builder.isPast(top.cursor.time) && (rival === undefined || builder.isPast(rival.cursor.time)))
        break;
      heap.topChanged();
    } else {
      heap.removeTop();
    }
    if (onStep && (++steps & 0x3ff) === 0) onStep();
  }
  for (const { cursor } of inputs) cursor.onBlockEnd?.();
}

function emit(input: Ordered, builder: TraceBuilder): void {
  const { cursor, decoder } = input;
  const { at, length, words } = cursor;
  if (length < 8) {
    builder.diagnostics.addDamage(`cpu ${cursor.cpu}: an event of ${length} bytes has no header`);
    return;
  }
  const head = words[at >>> 2];
  const event = decoder.event(head & 0xffff);
  const task = input.taskOf(words[(at >>> 2) + 1] | 0);
  if (builder.begin(cursor.time, event.kind, cursor.cpu, task, head >>> 16)) {
    decoder.add(event, input.source, at, length);
  }
}

interface Ordered extends MergeInput {
  /** What the decoder calls the cursor. */
  readonly source: number;
  readonly order: number;
}

function isBefore(a: Ordered, b: Ordered): boolean {
  return a.cursor.time < b.cursor.time || (a.cursor.time === b.cursor.time && a.order < b.order);
}

/** A binary heap of cursors by the time of their current event. */
class CursorHeap {
  readonly #items: Ordered[] = [];

  get top(): Ordered | undefined {
    return this.#items[0];
  }

  /** The earliest but the top. */
  get rival(): Ordered | undefined {
    const [, left, right] = this.#items;
    if (left === undefined || right === undefined) return left;
    return isBefore(left, right) ? left : right;
  }

  push(item: Ordered): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, items[parent])) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  removeTop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.topChanged();
  }

  /** Restore the order after the top moved to a later event. */
  topChanged(): void {
    const items = this.#items;
    const item = items[0];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1], items[child])) child++;
      if (!isBefore(items[child], item)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = item;
  }
}
