/**
 * Random runs of a program, before anybody explores it: they find out which cells threads share, and how many
 * values there are, so that the exploration need not begin anew for each.
 */
import { Automata } from '../threads/automata.js';
import { ClassesChanged } from '../threads/cell-classes.js';
import type { CheckProgram } from '../program.js';
import { DRAIN, Machine, type MemoryModel } from './machine.js';

/** So many runs in a row must find nothing new. */
const QUIET_RUNS = 40;
/** A run that goes on for ever is left at this many steps. */
const LONGEST_RUN = 4000;

export function reconnoitre(program: CheckProgram, memory: MemoryModel): Automata {
  const hasFences = memory !== 'sc';
  let automata = new Automata(program, hasFences);
  const random = generator(1);
  for (let quiet = 0; quiet < QUIET_RUNS; quiet++) {
    try {
      run(new Machine(automata, memory), random);
    } catch (error) {
      if (!(error instanceof ClassesChanged)) throw error;
      automata = new Automata(program, hasFences, automata.learner.classes);
      quiet = 0;
    }
  }
  return automata;
}

type Random = (below: number) => number;

function run(machine: Machine, random: Random): void {
  if (machine.begin() !== undefined) return;
  let steps = 0;
  while (steps < LONGEST_RUN) {
    const able: number[] = [];
    for (let thread = 0; thread < machine.threads; thread++) {
      if (machine.choices(thread) > 0 || machine.canDrain(thread)) able.push(thread);
    }
    if (able.length === 0) return;
    const thread = able[random(able.length)];
    // A thread that goes on for a while meets others less often: runs of both kinds are needed.
    for (let burst = random(8); burst >= 0; burst--) {
      const choices = machine.choices(thread);
      const drains = machine.canDrain(thread);
      if (choices === 0 && !drains) break;
      const choice = drains && (choices === 0 || random(3) === 0) ? DRAIN : random(choices);
      // Something is wrong: that was the last step.
      if (machine.advance(thread, choice)?.learned.finding !== undefined) return;
      steps++;
    }
  }
}

/** Numbers below a limit, always the same ones: xorshift32. */
function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
