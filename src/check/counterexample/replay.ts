/** Takes the moves of a counterexample again, one by one, and says what each did. */
import { Machine, DRAIN, type MemoryModel, type Move } from '../explicit/machine.js';
import type { Automata } from '../threads/automata.js';
import type { Emitted } from '../threads/learner.js';
import { OP_NAMES, Op, type Pending } from '../threads/pending.js';
import type { Finding } from '../program.js';

/** One step, for people. */
export interface ReplayedStep {
  readonly thread: number;
  readonly threadName: string;
  /** `load kvm.mmu_invalidate_seq`; `drain` for a store that leaves its buffer. */
  readonly operation: string;
  readonly op: Pending | undefined;
  /** Name of the cell; empty without one. */
  readonly cell: string;
  /** What the operation found, and what it left; undefined where it has no cell. */
  readonly found: number | undefined;
  readonly left: number | undefined;
  /** What the thread told right after it. */
  readonly emitted: readonly Emitted[];
  readonly finding: Finding | undefined;
}

export function replay(automata: Automata, memory: MemoryModel, moves: readonly Move[]): ReplayedStep[] {
  const machine = new Machine(automata, memory);
  machine.begin();
  return moves.map((move) => takeStep(machine, move));
}

function takeStep(machine: Machine, { thread, choice }: Move): ReplayedStep {
  const { automata } = machine;
  const { program } = automata;
  const before = machine.fields;
  const automaton = automata.threads[thread];
  const local = before[thread];
  const { pending } = automaton.locals[local];
  const leaf = machine.advance(thread, choice);
  const drained = choice === DRAIN ? machine.changed[0] - machine.firstValue : -1;
  const index = choice === DRAIN ? drained : automaton.cells[local];
  const cell = index < 0 ? undefined : automata.shared[index];
  const value = (state: Int32Array): number | undefined =>
    cell?.values[state[machine.firstValue + index] ?? 0];
  const name = cell === undefined ? '' : program.memory.nameOf(cell.cell);
  const what = choice === DRAIN ? 'drain' : OP_NAMES[pending.op];
  const isBuffered = machine.isTso && pending.op === Op.Store && choice !== DRAIN;
  return {
    thread,
    threadName: program.threads[thread].name,
    operation:
      pending.op === Op.Choose && choice !== DRAIN ? `choose ${choice}` : `${what} ${name}`.trimEnd(),
    op: choice === DRAIN ? undefined : pending,
    cell: name,
    found: value(before),
    left: isBuffered ? pending.a : value(machine.fields),
    emitted: leaf?.learned.emitted ?? [],
    finding: leaf?.learned.finding,
  };
}
