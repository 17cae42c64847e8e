/**
 * Loops in a graph of states that a scheduler may take for ever though it is weakly fair: it need not give a
 * turn to a thread that cannot go on now and then, but to one that could all the time. Tarjan's strongly
 * connected components; in each all transitions are taken again and again.
 */
import type { Move } from './machine.js';

export interface Edge extends Move {
  readonly to: number;
}

export interface StateGraph {
  readonly size: number;
  readonly threads: number;
  successors(state: number): Edge[];
  /** By thread: whether it can do nothing in a state. */
  waits(state: number): boolean[];
  /** Threads that have not ended in a state, and are expected to. */
  mustEnd(state: number): number[];
}

export interface FairLoop {
  /** A state of the loop. */
  readonly entry: number;
  /** Moves from there back to there. */
  readonly loop: readonly Move[];
  /** Threads that should end and do not. */
  readonly starved: readonly number[];
}

/** A fair loop in which a thread that is expected to end does not; the first that is met. */
export function findFairLoop(graph: StateGraph): FairLoop | undefined {
  for (const component of components(graph)) {
    const loop = fairLoop(graph, component);
    if (loop !== undefined) return loop;
  }
  return undefined;
}

/** Strongly connected components with a transition inside: as they are complete. */
function* components(graph: StateGraph): Generator<number[]> {
  const { size } = graph;
  const index = new Int32Array(size).fill(-1);
  const low = new Int32Array(size);
  const onStack = new Uint8Array(size);
  const stack: number[] = [];
  const path: { state: number; edges: Edge[]; next: number }[] = [];
  let counter = 0;
  const enter = (state: number): void => {
    index[state] = counter;
    low[state] = counter++;
    stack.push(state);
    onStack[state] = 1;
    path.push({ state, edges: graph.successors(state), next: 0 });
  };
  enter(0);
  while (path.length > 0) {
    const frame = path[path.length - 1];
    const { state, edges } = frame;
    if (frame.next < edges.length) {
      const { to } = edges[frame.next++];
      if (index[to] < 0) enter(to);
      else if (onStack[to] !== 0) low[state] = Math.min(low[state], index[to]);
      continue;
    }
    path.pop();
    const caller = path.at(-1);
    if (caller !== undefined) low[caller.state] = Math.min(low[caller.state], low[state]);
    if (low[state] !== index[state]) continue;
    const members = stack.splice(stack.lastIndexOf(state));
    for (const member of members) onStack[member] = 0;
    if (members.length > 1 || edges.some(({ to }) => to === state)) yield members;
  }
}

function fairLoop(graph: StateGraph, members: readonly number[]): FairLoop | undefined {
  const inside = new Set(members);
  const moving = new Set<number>();
  const waiting = new Set<number>();
  let starved = graph.mustEnd(members[0]);
  for (const state of members) {
    for (const { thread, to } of graph.successors(state)) if (inside.has(to)) moving.add(thread);
    for (const [thread, waits] of graph.waits(state).entries()) if (waits) waiting.add(thread);
    const still = new Set(graph.mustEnd(state));
    starved = starved.filter((thread) => still.has(thread));
  }
  if (starved.length === 0) return undefined;
  for (let thread = 0; thread < graph.threads; thread++) {
    if (!moving.has(thread) && !waiting.has(thread)) return undefined;
  }
  let entry = members[0];
  for (const state of members) entry = Math.min(entry, state);
  return { entry, loop: loopFrom(graph, inside, entry, moving), starved };
}

/** A way from `entry` back to it in which each of the threads takes a step. */
function loopFrom(
  graph: StateGraph,
  inside: ReadonlySet<number>,
  entry: number,
  threads: ReadonlySet<number>,
): Move[] {
  const moves: Move[] = [];
  let at = entry;
  const left = new Set(threads);
  while (left.size > 0 || at !== entry) {
    const way = shortest(graph, inside, at, ({ thread, to }) =>
      left.size > 0 ? left.has(thread) : to === entry,
    );
    for (const { thread, choice, to } of way) {
      moves.push({ thread, choice });
      left.delete(thread);
      at = to;
    }
  }
  return moves;
}

/** The shortest way inside a component whose last step is wanted. */
function shortest(
  graph: StateGraph,
  inside: ReadonlySet<number>,
  from: number,
  isWanted: (edge: Edge) => boolean,
): Edge[] {
  const before = new Map<number, { state: number; edge: Edge }>();
  const seen = new Set([from]);
  const back = (state: number, last: Edge): Edge[] => {
    const way = [last];
    for (let each = before.get(state); each !== undefined; each = before.get(each.state))
      way.unshift(each.edge);
    return way;
  };
  const queue = [from];
  for (const state of queue) {
    for (const edge of graph.successors(state)) {
      if (!inside.has(edge.to)) continue;
      if (isWanted(edge)) return back(state, edge);
      if (seen.has(edge.to)) continue;
      seen.add(edge.to);
      before.set(edge.to, { state, edge });
      queue.push(edge.to);
    }
  }
  throw new Error('a component is not connected');
}
