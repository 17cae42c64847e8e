/**
 * Every execution of a table by trying every interleaving, on a machine with store buffers or without: knows
 * nothing of execution graphs but how to write one down.
 */
import { TableKind, type TableOp } from './table-code.js';
import { TABLE_CELLS, type Table } from './table-program.js';

interface Written {
  /** `thread.index` of the event that wrote it. */
  readonly by: string;
  readonly value: number;
}

interface Buffered extends Written {
  readonly cell: number;
}

interface State {
  readonly at: readonly number[];
  /** Events so far, by thread. */
  readonly events: readonly number[];
  readonly last: readonly number[];
  readonly memory: readonly Written[];
  readonly buffers: readonly (readonly Buffered[])[];
  readonly reads: readonly string[];
  readonly orders: readonly (readonly string[])[];
}

export interface BruteForced {
  /** Texts of the execution graphs of complete executions. */
  readonly graphs: Set<string>;
  /** Whether threads can wait for ever. */
  canBlock: boolean;
}

/** @internal for tests */
export function bruteForce(table: Table, isTso: boolean): BruteForced {
  const found: BruteForced = { graphs: new Set(), canBlock: false };
  const seen = new Set<string>();
  const visit = (state: State): void => {
    const key = JSON.stringify([state, [...state.reads].sort()]);
    if (seen.has(key)) return;
    seen.add(key);
    const next = successors(table, state, isTso);
    for (const each of next) visit(each);
    if (next.length > 0) return;
    if (state.at.every((at, thread) => at >= table[thread].length)) found.graphs.add(textOf(state));
    else found.canBlock = true;
  };
  visit({
    at: table.map(() => 0),
    events: table.map(() => 0),
    last: table.map(() => 0),
    memory: Array.from({ length: TABLE_CELLS }, () => ({ by: 'init', value: 0 })),
    buffers: table.map(() => []),
    reads: [],
    orders: Array.from({ length: TABLE_CELLS }, () => []),
  });
  return found;
}

function textOf({ reads, orders }: State): string {
  const texts = orders.flatMap((order, cell) => (order.length > 0 ? [`${cell}:${order.join('>')}`] : []));
  return `${[...reads].sort().join(' ')} | ${texts.sort().join(' ')}`;
}

function successors(table: Table, state: State, isTso: boolean): State[] {
  return table.flatMap((code, thread) => {
    const [oldest, ...rest] = state.buffers[thread];
    const drained =
      oldest === undefined
        ? []
        : [land({ ...state, buffers: state.buffers.with(thread, rest) }, oldest.cell, oldest)];
    const op = code[state.at[thread]];
    return op === undefined ? drained : [...drained, ...step(state, thread, op, isTso)];
  });
}

function land(state: State, cell: number, written: Written): State {
  return {
    ...state,
    memory: state.memory.with(cell, { by: written.by, value: written.value }),
    orders: state.orders.with(cell, [...state.orders[cell], written.by]),
  };
}

function step(state: State, thread: number, op: TableOp, isTso: boolean): State[] {
  const { kind, cell, a } = op;
  const go = (to: State, last: number, ops = 1, events = 1): State => ({
    ...to,
    at: to.at.with(thread, to.at[thread] + ops),
    events: to.events.with(thread, to.events[thread] + events),
    last: to.last.with(thread, last),
  });
  const before = state.last[thread];
  const by = `${thread}.${state.events[thread]}`;
  const buffer = state.buffers[thread];
  if (kind === TableKind.SkipIf) return [go(state, before, before === a ? 2 : 1, 0)];
  if (kind === TableKind.Choose) {
    const choice = (value: number): State =>
      value === 0 ? state : { ...state, reads: [...state.reads, `${by}=${value}`] };
    return Array.from({ length: a + 1 }, (_, value) => go(choice(value), value));
  }
  if (kind === TableKind.Store || kind === TableKind.StoreSum) {
    const written = { cell, by, value: kind === TableKind.Store ? a : a + before };
    if (!isTso) return [go(land(state, cell, written), before)];
    return [go({ ...state, buffers: state.buffers.with(thread, [...buffer, written]) }, before)];
  }
  const isPlain = kind === TableKind.Load || kind === TableKind.Await;
  if (!isPlain && buffer.length > 0) return [];
  if (kind === TableKind.Fence) return [go(state, before)];
  const source = buffer.findLast((each) => each.cell === cell) ?? state.memory[cell];
  const { value } = source;
  if (kind === TableKind.Await && value !== a) return [];
  if (kind === TableKind.Lock && value !== 0) return [];
  const left = leftBy(op, value);
  const read = { ...state, reads: [...state.reads, `${by}<${source.by}`] };
  const last = kind === TableKind.Lock ? before : value;
  return [go(left === undefined ? read : land(read, cell, { by, value: left }), last)];
}

/** What an atomic operation leaves; undefined if it writes nothing. */
function leftBy({ kind, a, b }: TableOp, value: number): number | undefined {
  if (kind === TableKind.Cmpxchg) return value === a ? b : undefined;
  if (kind === TableKind.Xchg) return a;
  if (kind === TableKind.FetchAdd) return value + a;
  return kind === TableKind.Lock ? 1 : undefined;
}
