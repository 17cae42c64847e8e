/** The hold model on the simulator's event queue. */
import { EventQueue } from '../../dist/simulate/event-queue.js';
import { exponential, timed, uniform } from './random.mjs';

timed((count) => {
  const queue = new EventQueue({ capacity: 1024 });
  const hits = new Uint32Array(1000);
  for (let to = 0; to < 1000; to++) queue.push(exponential(1), to);
  for (let done = 0; done < count; done++) {
    hits[queue.pop()]++;
    const time = queue.time + exponential(1);
    queue.push(time, (uniform() * 1000) | 0);
  }
  return hits[0];
});
