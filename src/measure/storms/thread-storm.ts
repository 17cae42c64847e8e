/** A storm whose operations threads of ours do. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { StormSettings } from '../../model/host/settings.js';
import { MachineError } from '../../trace/errors.js';
import { compiledScript } from '../compiled-script.js';
import { type Control, makeControl, threadCounts, type ThreadCounts, Time, Word } from './control.js';
import { countsOf, type StormCounts } from './counts.js';
import { kindOf } from './kinds/index.js';
import { PAGE } from './pages.js';
import { type MemoryRange, type ThreadTask, unitOf } from './kinds/kind.js';
import { timesOf } from './schedule.js';
import type { StormThreadData, StormThreadReady } from './storm-worker.js';
import type { RunningStorm } from './storm.js';
import type { StormContext, StormSpec } from './types.js';

/** Threads of storms with fields `range` and `threads` get a seed each, as in simulated runs. */
const SEEDS = 64;

export class ThreadStorm implements RunningStorm {
  #failure: MachineError | undefined;

  private constructor(
    private readonly storm: StormSpec,
    readonly notes: readonly string[],
    private readonly control: Control,
    private readonly ended: readonly Promise<unknown>[],
    private readonly shared: readonly ThreadCounts[],
    private readonly undo: (() => void) | undefined,
    readonly threads: number[],
  ) {}

  get name(): string {
    return this.storm.name;
  }

  get kind(): StormSpec['kind'] {
    return this.storm.kind;
  }

  /** Its threads are ready and wait. */
  static async start(
    storm: StormSpec,
    context: StormContext,
    range: MemoryRange,
    notes: readonly string[],
  ): Promise<ThreadStorm> {
    const undo = kindOf(storm).setUp?.(storm, context, range);
    const control = makeControl();
    const copies = 'threads' in storm ? storm.threads : 1;
    const shared = Array.from({ length: copies }, () => threadCounts());
    const workers = shared.map((counts, copy) => {
      const data: StormThreadData = {
        task: taskOf(storm, context, range, copy),
        control,
        counts: counts.buffer,
        times: timesOf(storm),
        cpu: context.cpus?.length ? context.cpus[copy % context.cpus.length] : undefined,
      };
      return new Worker(compiledScript('measure/storms/storm-worker.js'), { workerData: data });
    });
    const ended = workers.map((worker) => once(worker, 'exit').catch(() => undefined));
    const started = new ThreadStorm(storm, notes, control, ended, shared, undo, []);
    for (const worker of workers) worker.on('error', (error) => started.#failed(error, context));
    try {
      const ready = await Promise.all(workers.map(async (worker) => readyOf(worker)));
      started.threads.push(...ready.map(({ tid }) => tid));
      return started;
    } catch (error) {
      await started.stop().catch(() => undefined);
      throw started.#failure ?? error;
    }
  }

  #failed(error: unknown, { onFailure }: StormContext): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#failure ??= new MachineError(`storm ${this.name}: ${why}`);
    onFailure?.(this.#failure);
  }

  begin(): void {
    const { words, times } = this.control;
    if (words[Word.Begun] === 1) return;
    times[Time.Begun] = times[Time.On] = now();
    this.#switch(Word.Begun, 1);
  }

  on(): void {
    const { words, times } = this.control;
    if (words[Word.On] === 1) return;
    times[Time.On] = now();
    this.#switch(Word.On, 1);
  }

  off(): void {
    this.#switch(Word.On, 0);
  }

  #switch(word: number, value: number): void {
    const { words } = this.control;
    Atomics.store(words, word, value);
    Atomics.add(words, Word.Changes, 1);
    Atomics.notify(words, Word.Changes);
  }

  counts(): StormCounts {
    return countsOf(this.shared, kindOf(this.storm).effects ?? []);
  }

  async stop(): Promise<StormCounts> {
    this.#switch(Word.Stopped, 1);
    await Promise.all(this.ended);
    this.#undoOnce();
    if (this.#failure !== undefined) throw this.#failure;
    return this.counts();
  }

  #isUndone = false;

  #undoOnce(): void {
    if (this.#isUndone) return;
    this.#isUndone = true;
    this.undo?.();
  }
}

/** CLOCK_MONOTONIC, ns. */
const now = (): number => Number(process.hrtime.bigint());

/** Rejects when it fails before it is ready. */
async function readyOf(worker: Worker): Promise<StormThreadReady> {
  const [ready] = (await once(worker, 'message')) as [StormThreadReady];
  return ready;
}

/** Threads divide the range; what is left over at its end none has. */
function taskOf(storm: StormSpec, context: StormContext, range: MemoryRange, copy: number): ThreadTask {
  const { memory, vm, seed } = context;
  const threads = 'threads' in storm ? storm.threads : 1;
  const unit = unitOf(memory);
  const pages = Math.floor(range.bytes / unit / threads) * (unit / PAGE);
  const step = 'step' in storm && storm.step !== undefined ? storm.step / PAGE : pages;
  const steps: StormSettings = {
    firstPage: range.address / PAGE + copy * pages,
    pages,
    stepPages: Math.min(step, pages),
    order: 'order' in storm ? storm.order : 'sequential',
    seed: seed * SEEDS + copy,
  };
  return { storm, steps, copy, memory, vm, pid: process.pid };
}
