'use coroutines';
/**
 * The mutex's tasks as coroutines. `t.sleep()` and `t.lock()` suspend; compiled by `mutex.mjs` as the model
 * is.
 *
 * @param {any} t
 * @param {{ left: number, hits: Uint32Array, exponential: (mean: number) => number }} world
 */
export function* task(t, world) {
  while (world.left > 0) {
    yield* t.sleep(world.exponential(32));
    yield* t.lock();
    world.left--;
    world.hits[t.index]++;
    yield* t.sleep(world.exponential(1));
    yield* t.unlock();
  }
}
