/** The FIFO mutex on the simulator's event queue, as a state machine by hand. */
import { EventQueue } from '../../dist/simulate/event-queue.js';
import { exponential, timed } from './random.mjs';

timed((count) => {
  const queue = new EventQueue({ capacity: 64 });
  const holds = new Uint8Array(64);
  const hits = new Uint32Array(64);
  const waiting = new Int32Array(64);
  let first = 0;
  let waiters = 0;
  let held = false;
  let done = 0;
  const acquired = (/** @type {number} */ task) => {
    hits[task]++;
    done++;
    holds[task] = 1;
    queue.push(queue.time + exponential(1), task);
  };
  for (let task = 0; task < 64; task++) queue.push(exponential(32), task);
  while (done < count) {
    const task = queue.pop();
    if (holds[task] === 0) {
      if (held) waiting[(first + waiters++) & 63] = task;
      else {
        held = true;
        acquired(task);
      }
      continue;
    }
    holds[task] = 0;
    queue.push(queue.time + exponential(32), task);
    if (waiters === 0) held = false;
    else {
      waiters--;
      acquired(waiting[first++ & 63]);
    }
  }
  return hits[0];
});
