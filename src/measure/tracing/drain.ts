/** The thread that drains ring buffers, as the main thread sees it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MachineError } from '../../trace/errors.js';
import { compiledScript } from '../compiled-script.js';
import { Command, type DrainTask } from './drain-control.js';

export class Drain {
  #failure: Error | undefined;
  readonly #exited: Promise<unknown>;

  private constructor(
    private readonly worker: Worker,
    private readonly control: Int32Array<SharedArrayBuffer>,
  ) {
    worker.on(
      'error',
      (error) => (this.#failure ??= error instanceof Error ? error : new Error(String(error))),
    );
    this.#exited = once(worker, 'exit').catch(() => undefined);
  }

  /** It is ready to read. */
  static async start(cpus: DrainTask['cpus'], pageBytes: number): Promise<Drain> {
    const control = new Int32Array(new SharedArrayBuffer(4));
    const task: DrainTask = { cpus, pageBytes, control };
    const drain = new Drain(
      new Worker(compiledScript('measure/tracing/drain-worker.js'), { workerData: task }),
      control,
    );
    await Promise.race([once(drain.worker, 'message'), drain.#exited]);
    drain.#check();
    return drain;
  }

  /** All that was recorded is in the files. */
  async finish(): Promise<void> {
    Atomics.store(this.control, 0, Command.Finish);
    Atomics.notify(this.control, 0);
    await this.#exited;
    this.#check();
  }

  #check(): void {
    if (this.#failure) throw new MachineError(`recording events of the kernel: ${this.#failure.message}`);
  }
}
