/** Runs code before anything is checked, alone on the machine: what it does is done when the check begins. */
import type { Thread } from '../../model/operations.js';
import { CellClasses } from '../threads/cell-classes.js';
import { CheckThread } from '../threads/check-thread.js';
import { Recorder } from '../threads/recorder.js';
import type { ProgramThread } from '../program.js';

/**
 * Runs a coroutine to its end on the thread `index`.
 *
 * @throws Error when it waits for somebody
 */
export function runAlone(
  cells: Int32Array,
  interrupts: number,
  thread: ProgramThread,
  index: number,
  body: (t: Thread) => unknown,
): void {
  const recorder = new Recorder(cells, new CellClasses(cells.length));
  const runner = new CheckThread(
    {
      index,
      name: thread.name,
      scratch: thread.scratch,
      own: thread.own,
      interrupts,
      rounds: Infinity,
      mayResched: false,
      hasFences: false,
      isAlone: true,
    },
    recorder,
  );
  recorder.begin(index);
  if (!runner.run(() => body(runner.asThread))) throw new Error(`${thread.name} waits, and is alone`);
}
