/**
 * Names of threads in files that tell them apart from the events, and often after them.
 */
import type { TraceBuilder } from '../store/builder.js';

/** What the kernel's own text prints for a thread without a known name. */
const UNKNOWN = '<...>';
const MOST_THREADS = 1 << 22;

export class ThreadNames {
  readonly #builder: TraceBuilder;
  readonly #names = new Map<number, string>([[0, '<idle>']]);
  /** Second-best names, used where no other is known at the end. */
  readonly #guesses = new Map<number, string>();
  /** Threads whose name was only seen in events. */
  readonly #seen = new Set<number>();
  readonly #unnamed = new Set<number>();
  /** Task numbers of the current names. */
  readonly #tasks = new Map<number, number>();

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** The task number of a thread under the name that it has at this point of the file. */
  task(tid: number): number {
    let task = this.#tasks.get(tid);
    if (task === undefined) {
      const name = this.#names.get(tid);
      if (name === undefined) this.#unnamed.add(tid);
      task = this.#builder.task(tid, name ?? UNKNOWN);
      if (this.#tasks.size < MOST_THREADS) this.#tasks.set(tid, task);
    }
    return task;
  }

  /** From now on the thread has this name, and before too if it had none. */
  learn(tid: number, name: string): void {
    this.#seen.delete(tid);
    this.#set(tid, name);
  }

  /** The thread was seen under this name: that counts unless the file gives it one outright. */
  seen(tid: number, name: string): void {
    if (this.#names.has(tid) && !this.#seen.has(tid)) return;
    this.#seen.add(tid);
    this.#set(tid, name);
  }

  /** A name to use if the file has no better one. */
  guess(tid: number, name: string): void {
    if (this.#guesses.size < MOST_THREADS) this.#guesses.set(tid, name);
  }

  /** Name what is still unnamed by its guess. */
  finish(): void {
    for (const tid of this.#unnamed) {
      const guess = this.#guesses.get(tid);
      if (guess !== undefined) this.#builder.nameTask(tid, guess);
    }
  }

  #set(tid: number, name: string): void {
    if (this.#names.get(tid) === name) return;
    if (this.#unnamed.delete(tid)) this.#builder.nameTask(tid, name);
    if (this.#names.size < MOST_THREADS) this.#names.set(tid, name);
    this.#tasks.delete(tid);
  }
}
