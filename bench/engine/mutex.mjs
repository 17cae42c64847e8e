/** The FIFO mutex: a compiled coroutine for each task on the simulator's event queue. */
import { readFileSync } from 'node:fs';
import { compileCoroutines } from '../../scripts/lib/coroutines/compile.mjs';
import { Suspendable } from '../../dist/model/frames.js';
import { EventQueue } from '../../dist/simulate/event-queue.js';
import { exponential, timed } from './random.mjs';

const source = compileCoroutines(readFileSync(new URL('tasks.mjs', import.meta.url), 'utf8'), 'tasks.mjs');
const { task } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

/** What all tasks share. */
class Engine {
  queue = new EventQueue({ capacity: 64 });
  /** @type {Task[]} */
  tasks = [];
  waiting = new Int32Array(64);
  first = 0;
  waiters = 0;
  held = false;

  /** Task that was handed the mutex and goes on at once, before time moves. */
  next = -1;

  run() {
    const { queue, tasks } = this;
    while (queue.size > 0) {
      tasks[queue.pop()].resume();
      while (this.next >= 0) {
        const each = tasks[this.next];
        this.next = -1;
        each.resume();
      }
    }
  }
}

class Task extends Suspendable {
  /**
   * @param {Engine} engine
   * @param {number} index
   * @param {object} world
   */
  constructor(engine, index, world) {
    super();
    this.engine = engine;
    this.index = index;
    this.begin = () => task(this, world);
  }

  resume() {
    this.run(this.begin);
  }

  /** @param {number} time */
  sleep(time) {
    const { queue } = this.engine;
    queue.push(queue.time + time, this.index);
    this.suspended = true;
  }

  lock() {
    const { engine } = this;
    if (engine.held) {
      engine.waiting[(engine.first + engine.waiters++) & 63] = this.index;
      this.suspended = true;
    } else engine.held = true;
  }

  unlock() {
    const { engine } = this;
    if (engine.waiters === 0) engine.held = false;
    else {
      engine.waiters--;
      engine.next = engine.waiting[engine.first++ & 63];
    }
  }
}

timed((count) => {
  const world = { left: count, hits: new Uint32Array(64), exponential };
  const engine = new Engine();
  for (let index = 0; index < 64; index++) {
    const each = new Task(engine, index, world);
    engine.tasks.push(each);
    each.resume();
  }
  engine.run();
  return world.hits[0];
});
