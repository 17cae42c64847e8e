/**
 * Which earlier reads a new write may be given to. A read is taken back together with all that was added
 * after it and does not come before the write; that happens for one of the many graphs that differ only in
 * what is lost: the one in which everything lost was added the plain way, with the last write in sight then.
 */
import type { Graph } from './graph.js';

/**
 * Whether an event was added the plain way, as far as those know that were added before it or come before
 * `write`.
 */
export function isPlain(graph: Graph, event: number, write: number): boolean {
  if (graph.cell[event] < 0) return graph.found[event] === 0;
  if (graph.early[event] !== 0) return false;
  const readsFrom = graph.readsFrom[event];
  if (readsFrom >= 0) {
    const base = graph.base[event];
    if (base > event && !graph.precedes(base, write)) return false;
    if (base !== readsFrom && !isHandedPlainly(graph, event, base, write)) return false;
  }
  const isWrite = graph.value[event] >= 0;
  let later = graph.coNext[isWrite ? event : readsFrom];
  for (; later >= 0; later = graph.coNext[later]) {
    if (wasThere(graph, later, event, write)) return false;
  }
  return true;
}

/** Whether nobody else has taken the mutex between the one who had it and `read`, whom it was handed to. */
function isHandedPlainly(graph: Graph, read: number, base: number, write: number): boolean {
  for (let between = graph.coNext[base]; between !== read && between >= 0; between = graph.coNext[between]) {
    if (graph.isAtomic(between) && wasThere(graph, between, read, write)) return false;
  }
  return true;
}

/** Whether a write was there before `event`, or comes before `write`. */
function wasThere(graph: Graph, other: number, event: number, write: number): boolean {
  if (other === write) return false;
  const wasHanded = graph.base[other] !== graph.readsFrom[other];
  // Who a mutex is handed to writes right after the write that handed it over.
  return (wasHanded ? graph.readsFrom[other] : other) < event || graph.precedes(other, write);
}
