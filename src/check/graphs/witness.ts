/** An execution graph as a list of events, in an order in which they can happen, for people. */
import type { Automata } from '../threads/automata.js';
import { OP_NAMES } from '../threads/pending.js';
import type { Graph } from './graph.js';

export interface WitnessEvent {
  readonly thread: number;
  readonly threadName: string;
  /** `load`, `store`, `fetch_add` ... */
  readonly operation: string;
  /** Name of the cell; empty without one. */
  readonly cell: string;
  /** Value that it found; undefined for stores and what has no cell. */
  readonly found: number | undefined;
  /** Value that it wrote; undefined if it did not. */
  readonly left: number | undefined;
}

/**
 * The events of a graph. Each comes after what it reads from and, wherever such an order exists (always under
 * SC), after all that memory had been through before it.
 */
export function witness(graph: Graph, automata: Automata): WitnessEvent[] {
  const events: WitnessEvent[] = [];
  const done = new Set<number>();
  for (let event = 0; event < graph.cells; event++) done.add(event);
  while (done.size < graph.size) {
    const event = nextEvent(graph, done, true) ?? nextEvent(graph, done, false);
    if (event === undefined) throw new Error('an execution graph has no order of execution');
    done.add(event);
    events.push(describe(graph, automata, event));
  }
  return events;
}

function nextEvent(graph: Graph, done: ReadonlySet<number>, inOrder: boolean): number | undefined {
  for (let event = graph.cells; event < graph.size; event++) {
    const index = graph.index[event];
    const readsFrom = graph.readsFrom[event];
    if (done.has(event)) continue;
    if (index > 0 && !done.has(graph.eventOf(graph.thread[event], index - 1))) continue;
    if (readsFrom >= 0 && !done.has(readsFrom)) continue;
    if (!inOrder || isItsTurn(graph, done, event)) return event;
  }
  return undefined;
}

/** Whether a write overwrites nothing that somebody has yet to read, and a read is not too late. */
function isItsTurn(graph: Graph, done: ReadonlySet<number>, event: number): boolean {
  const before = graph.coPrev[event];
  if (graph.value[event] < 0 || before < 0) return true;
  if (!done.has(before)) return false;
  for (let other = graph.cells; other < graph.size; other++) {
    if (other !== event && graph.readsFrom[other] === before && !done.has(other)) return false;
  }
  return true;
}

function describe(graph: Graph, automata: Automata, event: number): WitnessEvent {
  const thread = graph.thread[event];
  const { op } = automata.threads[thread].locals[graph.local[event]].pending;
  const cell = graph.cell[event] < 0 ? undefined : automata.shared[graph.cell[event]];
  const { memory, threads } = automata.program;
  const readsFrom = graph.readsFrom[event];
  return {
    thread,
    threadName: threads[thread].name,
    operation: OP_NAMES[op],
    cell: cell === undefined ? '' : memory.nameOf(cell.cell),
    found: readsFrom < 0 ? undefined : cell?.values[graph.found[event]],
    left: graph.value[event] < 0 ? undefined : cell?.values[graph.value[event]],
  };
}
