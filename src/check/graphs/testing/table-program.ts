/** Programs that are tables of operations, and what an execution graph of one looks like as text. */
import { MemoryLayout } from '../../../model/memory.js';
import type { Thread } from '../../../model/operations.js';
import type { CheckProgram } from '../../program.js';
import { OWN_CELLS } from '../../threads/check-thread.js';
import { enumerate } from '../enumerate.js';
import type { Enumerated } from '../enumeration.js';
import type { Graph } from '../graph.js';
import type { MemoryModelName } from '../memory-models.js';
import { runTable, TableKind, type TableOp } from './table-code.js';

export type Table = readonly (readonly TableOp[])[];

export const TABLE_CELLS = 3;

/** Operations in short: `load(0)`, `store(1, 5)`. @internal for tests */
export const ops = {
  load: (cell: number): TableOp => ({ kind: TableKind.Load, cell, a: 0, b: 0 }),
  store: (cell: number, a: number): TableOp => ({ kind: TableKind.Store, cell, a, b: 0 }),
  fetchAdd: (cell: number, a: number): TableOp => ({ kind: TableKind.FetchAdd, cell, a, b: 0 }),
  xchg: (cell: number, a: number): TableOp => ({ kind: TableKind.Xchg, cell, a, b: 0 }),
  fence: (): TableOp => ({ kind: TableKind.Fence, cell: 0, a: 0, b: 0 }),
  await: (cell: number, a: number): TableOp => ({ kind: TableKind.Await, cell, a, b: 0 }),
  lock: (cell: number): TableOp => ({ kind: TableKind.Lock, cell, a: 0, b: 0 }),
  unlock: (cell: number): TableOp => ({ kind: TableKind.Store, cell, a: 0, b: 0 }),
};

function tableProgram(table: Table): CheckProgram {
  const layout = new MemoryLayout();
  const first = layout.alloc('cells', TABLE_CELLS, 'shared');
  const interrupts = layout.alloc('interrupts', table.length, 'shared');
  const threads = table.map((code, index) => ({
    name: `thread ${index}`,
    scratch: layout.alloc(`scratch ${index}`, 2, 'private'),
    own: layout.alloc(`own ${index}`, OWN_CELLS, 'private'),
    rounds: Infinity,
    start: (t: Thread) => runTable(t as never, code, first),
  }));
  const always = Array.from({ length: TABLE_CELLS }, (_, cell) => first + cell);
  return { memory: layout.finish(), threads, interrupts, mayResched: false, always };
}

/** What an enumeration saw: the graphs of complete executions as text, as often as they came. */
export interface Seen {
  readonly result: Enumerated;
  readonly graphs: string[];
}

/** @internal for tests */
export function enumerateTable(table: Table, memory: MemoryModelName): Seen {
  const graphs: string[] = [];
  const program = tableProgram(table);
  const first = program.always?.[0] ?? 0;
  const result = enumerate(program, {
    memory,
    onExecution: (graph, isBlocked, { shared }) => {
      if (!isBlocked)
        graphs.push(
          textOf(
            graph,
            shared.map(({ cell }) => cell - first),
          ),
        );
    },
  });
  return { result, graphs };
}

function textOf(graph: Graph, cells: readonly number[]): string {
  const name = (event: number): string =>
    event < graph.cells ? 'init' : `${graph.thread[event]}.${graph.index[event]}`;
  const reads: string[] = [];
  for (let event = graph.cells; event < graph.size; event++) {
    if (graph.readsFrom[event] >= 0) reads.push(`${name(event)}<${name(graph.readsFrom[event])}`);
    else if (graph.cell[event] < 0 && graph.found[event] > 0)
      reads.push(`${name(event)}=${graph.found[event]}`);
  }
  const orders: string[] = [];
  for (let cell = 0; cell < graph.cells; cell++) {
    const order: string[] = [];
    for (let event = graph.coNext[cell]; event >= 0; event = graph.coNext[event]) order.push(name(event));
    if (order.length > 0) orders.push(`${cells[cell]}:${order.join('>')}`);
  }
  return `${reads.sort().join(' ')} | ${orders.sort().join(' ')}`;
}
