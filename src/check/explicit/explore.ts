/**
 * Every reachable state of a program, breadth first: the first violation that is found has the fewest steps.
 */
import { Automata } from '../threads/automata.js';
import { ClassesChanged } from '../threads/cell-classes.js';
import type { CheckProgram, Finding } from '../program.js';
import { bitsFor, Layout, LayoutTooSmall } from './layout.js';
import { DRAIN, Machine, type MemoryModel, type Move } from './machine.js';
import { findFairLoop, type Edge, type StateGraph } from './fair-loops.js';
import { reconnoitre } from './reconnoitre.js';
import { StateSet } from './state-set.js';

export interface ExploreOptions {
  readonly memory?: MemoryModel;
  /** Stops, and says so, when there are more. */
  readonly mostStates?: number;
  /** ms */
  readonly timeLimit?: number;
  /** Whether a state in which threads wait for ever is a finding. Default yes. */
  readonly findsStuck?: boolean;
  /** Whether a loop that a thread need never leave is a finding. Default no. */
  readonly findsLoops?: boolean;
}

export interface Explored {
  readonly states: number;
  readonly transitions: number;
  /** Longest shortest way to a state, steps. */
  readonly depth: number;
  /** Whether all of it was seen. */
  readonly complete: boolean;
  readonly finding: Finding | undefined;
  /** Leads to the finding from the initial state. */
  readonly moves: readonly Move[];
  /** A liveness finding: the moves that come again and again after `moves`. */
  readonly loop: readonly Move[];
  /** Memory for one state. */
  readonly bytesPerState: number;
  /** ms, without the runs that found out about cells. */
  readonly time: number;
  readonly automata: Automata;
  /** Steps for which code ran; the others were looked up. */
  readonly learned: number;
}

/** Room that fields get beyond what is known, as a factor. */
const SPARE = 3;
/** States between two looks at the clock. */
const BETWEEN_LOOKS = 4096;

/** How far an exploration has come. */
export interface ExploreProgress {
  readonly states: number;
  readonly expanded: number;
  readonly depth: number;
}

/**
 * Explores a program at one go.
 *
 * @internal for tests
 */
export function explore(program: CheckProgram, options: ExploreOptions = {}): Explored {
  const slices = exploreInSlices(program, options);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
}

/**
 * Explores a program; begins anew whenever what was believed of its cells turns out wrong. Yields now and
 * then; a `true` that is sent in ends it there.
 */
export function* exploreInSlices(
  program: CheckProgram,
  options: ExploreOptions = {},
): Generator<ExploreProgress, Explored, boolean | undefined> {
  const { memory = 'sc' } = options;
  const deadline = options.timeLimit === undefined ? Infinity : Date.now() + options.timeLimit;
  let automata = reconnoitre(program, memory);
  for (;;) {
    try {
      return yield* new Exploration(new Machine(automata, memory), options, deadline).run();
    } catch (error) {
      if (!(error instanceof ClassesChanged)) throw error;
      automata = new Automata(program, memory !== 'sc', automata.learner.classes);
    }
  }
}

class Exploration {
  // Made to fit by #widen().
  #layout = new Layout([]);
  #set = new StateSet(this.#layout.words);
  #state = new Int32Array(this.#layout.words);
  #base = new Int32Array(this.#layout.words);
  #parents = new Int32Array(1 << 12);
  #transitions = 0;
  #depth = 0;
  readonly #began = performance.now();

  constructor(
    readonly machine: Machine,
    readonly options: ExploreOptions,
    readonly deadline: number,
  ) {}

  *run(): Generator<ExploreProgress, Explored, boolean | undefined> {
    const finding = this.machine.begin();
    if (finding !== undefined) return this.#result(true, finding, []);
    this.#widen();
    for (const [field, value] of this.machine.fields.entries()) this.#layout.write(this.#state, field, value);
    this.#add(0);
    let levelEnd = 1;
    const { mostStates = Infinity } = this.options;
    for (let number = 0; number < this.#set.size; number++) {
      if (number === levelEnd) {
        this.#depth++;
        levelEnd = this.#set.size;
      }
      if (number % BETWEEN_LOOKS === 0) {
        const stop = yield { states: this.#set.size, expanded: number, depth: this.#depth };
        if (stop === true || this.#set.size > mostStates || Date.now() > this.deadline) {
          return this.#result(false, undefined, []);
        }
      }
      const found = this.#expandOrWiden(number);
      if (found !== undefined) return this.#result(true, found.finding, this.#movesTo(number, found.last));
    }
    return this.options.findsLoops === true ? this.#searchLoops() : this.#result(true, undefined, []);
  }

  /** Looks through the graph of all states for a loop that fairness does not end. */
  #searchLoops(): Explored {
    const { machine } = this;
    const graph: StateGraph = {
      size: this.#set.size,
      threads: machine.threads,
      successors: (number) => this.#successorsOf(number),
      waits: (number) => {
        this.#load(number);
        return Array.from({ length: machine.threads }, (_, thread) => machine.waits(thread));
      },
      mustEnd: (number) => {
        this.#load(number);
        const { threads } = machine.automata.program;
        return threads.flatMap(({ endless }, thread) =>
          endless !== true && !machine.hasEnded(thread) ? [thread] : [],
        );
      },
    };
    const found = findFairLoop(graph);
    if (found === undefined) return this.#result(true, undefined, []);
    const { threads } = machine.automata.program;
    const names = found.starved.map((thread) => threads[thread].name).join(', ');
    const finding = {
      name: 'progress',
      message: `${names} need never come to an end: a loop goes on for ever`,
    };
    return { ...this.#result(true, finding, this.#movesTo(found.entry, undefined)), loop: found.loop };
  }

  #successorsOf(number: number): Edge[] {
    this.#load(number);
    const { machine } = this;
    const only = machine.goesOn();
    const edges: Edge[] = [];
    for (let thread = only < 0 ? 0 : only; thread < machine.threads; thread++) {
      const choices = machine.choices(thread);
      for (let choice = only < 0 && machine.canDrain(thread) ? DRAIN : 0; choice < choices; choice++) {
        this.#successor(thread, choice);
        edges.push({ thread, choice, to: this.#set.find(this.#state) });
      }
      if (thread === only) break;
    }
    return edges;
  }

  /** Fields for what is known of threads and cells. */
  #fittingLayout(): Layout {
    const { machine } = this;
    return new Layout(
      Array.from({ length: machine.width }, (_, field) => bitsFor(machine.sizeOf(field), SPARE)),
    );
  }

  /** More was learned than the layout has room for: every state moves into one that has. */
  #widen(): void {
    const before = this.#layout;
    const old = this.#set;
    this.#layout = this.#fittingLayout();
    this.#set = new StateSet(this.#layout.words);
    this.#state = new Int32Array(this.#layout.words);
    this.#base = new Int32Array(this.#layout.words);
    for (let number = 0; number < old.size; number++) {
      this.#state.fill(0);
      for (let field = 0; field < before.fields.length; field++) {
        this.#layout.write(this.#state, field, before.read(old.words, number * old.width, field));
      }
      this.#set.add(this.#state);
    }
    const { fields } = this.machine;
    this.machine.fields = new Int32Array(this.#layout.fields.length);
    this.machine.fields.set(fields);
  }

  /** The state in #state, reached from `parent`. */
  #add(parent: number): void {
    const before = this.#set.size;
    const number = this.#set.add(this.#state);
    if (number !== before) return;
    if (number >= this.#parents.length) {
      const parents = new Int32Array(this.#parents.length * 2);
      parents.set(this.#parents);
      this.#parents = parents;
    }
    this.#parents[number] = parent;
  }

  #expandOrWiden(number: number): { finding: Finding; last: Move | undefined } | undefined {
    for (;;) {
      const transitions = this.#transitions;
      try {
        return this.#expand(number);
      } catch (error) {
        if (!(error instanceof LayoutTooSmall)) throw error;
        this.#transitions = transitions;
        this.#widen();
      }
    }
  }

  #expand(number: number): { finding: Finding; last: Move | undefined } | undefined {
    this.#load(number);
    const { machine } = this;
    const only = machine.goesOn();
    let moves = 0;
    let waiting = 0;
    for (let thread = only < 0 ? 0 : only; thread < machine.threads; thread++) {
      if (!machine.hasEnded(thread)) waiting++;
      const choices = machine.choices(thread);
      const first = only < 0 && machine.canDrain(thread) ? DRAIN : 0;
      for (let choice = first; choice < choices; choice++) {
        moves++;
        const finding = this.#take(number, thread, choice);
        if (finding !== undefined) return { finding, last: { thread, choice } };
      }
      if (thread === only) break;
    }
    if (moves > 0) return undefined;
    if (waiting === 0) {
      const finding = machine.automata.program.watcher?.atEnd(machine.memory());
      return finding === undefined ? undefined : { finding, last: undefined };
    }
    if (this.options.findsStuck === false) return undefined;
    return { finding: { name: 'stuck', message: `${waiting} threads wait for ever` }, last: undefined };
  }

  /** Makes a state the machine's current one. */
  #load(number: number): void {
    const { words, width } = this.#set;
    const at = number * width;
    for (let index = 0; index < width; index++) this.#base[index] = words[at + index];
    const { word, shift, mask } = this.#layout;
    const { fields } = this.machine;
    for (let field = 0; field < fields.length; field++) {
      fields[field] = (this.#base[word[field]] >>> shift[field]) & mask[field];
    }
  }

  #take(number: number, thread: number, choice: number): Finding | undefined {
    this.#transitions++;
    const leaf = this.#successor(thread, choice);
    if (leaf?.learned.finding !== undefined) return leaf.learned.finding;
    this.#add(number);
    return undefined;
  }

  /** Puts the state after a step into #state. */
  #successor(thread: number, choice: number): ReturnType<Machine['step']> {
    const { machine } = this;
    const leaf = machine.step(thread, choice);
    if (machine.width !== machine.fields.length) throw new LayoutTooSmall();
    const layout = this.#layout;
    const state = this.#state;
    for (let index = 0; index < state.length; index++) state[index] = this.#base[index];
    const { changed, changes } = machine;
    for (let index = 0; index < changes; index += 2) layout.write(state, changed[index], changed[index + 1]);
    return leaf;
  }

  /** The way to a state, and the step after it. */
  #movesTo(number: number, last: Move | undefined): Move[] {
    const moves: Move[] = [];
    for (let child = number; child !== 0; child = this.#parents[child]) {
      moves.push(this.#moveBetween(this.#parents[child], child));
    }
    moves.reverse();
    if (last !== undefined) moves.push(last);
    return moves;
  }

  #moveBetween(parent: number, child: number): Move {
    const edge = this.#successorsOf(parent).find(({ to }) => to === child);
    if (edge === undefined) throw new Error('a state has no way from its parent');
    return { thread: edge.thread, choice: edge.choice };
  }

  #result(complete: boolean, finding: Finding | undefined, moves: readonly Move[]): Explored {
    return {
      states: this.#set.size,
      transitions: this.#transitions,
      depth: this.#depth,
      complete,
      finding,
      moves,
      loop: [],
      bytesPerState: (this.#set.bytes + this.#parents.byteLength) / Math.max(1, this.#set.size),
      time: performance.now() - this.#began,
      automata: this.machine.automata,
      learned: this.machine.automata.learner.learned,
    };
  }
}
