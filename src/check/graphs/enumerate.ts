/** Every execution of a program, each once: see enumeration.ts. */
import { Automata } from '../threads/automata.js';
import { ClassesChanged } from '../threads/cell-classes.js';
import type { CheckProgram } from '../program.js';
import { Enumeration, TooManyEvents, type Enumerated, type EnumerateOptions } from './enumeration.js';
import { BeginAnew, Steps } from './steps.js';

const FIRST_CAPACITY = 128;
/** A thread that goes on for ever is refused when an execution has so many events. */
const MOST_EVENTS = 1 << 14;

/** Enumerates the executions of a program; begins anew whenever what was believed of its cells is wrong. */
export function enumerate(program: CheckProgram, options: EnumerateOptions = {}): Enumerated {
  const began = performance.now();
  // Unlocking and fences are events even where they order nothing.
  let steps = new Steps(new Automata(program, true));
  let capacity = FIRST_CAPACITY;
  for (;;) {
    try {
      return new Enumeration(steps, options, capacity, began).run();
    } catch (error) {
      if (error instanceof ClassesChanged) {
        steps = new Steps(new Automata(program, true, steps.automata.learner.classes));
      } else if (error instanceof TooManyEvents) {
        capacity *= 2;
        if (capacity > MOST_EVENTS) throw endless(error);
      } else if (!(error instanceof BeginAnew)) throw error;
    }
  }
}

function endless(cause: Error): Error {
  return new Error(`an execution has more than ${MOST_EVENTS} events`, { cause });
}
