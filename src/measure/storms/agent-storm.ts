/** A storm that threads of the kernel are: it is switched here, at the times that its scenario says. */
import { MachineError } from '../../trace/errors.js';
import type { StormCounts } from './counts.js';
import type { Agent } from './kinds/kind.js';
import { Latencies } from './latencies.js';
import { nextWorking, type StormTimes, timesOf } from './schedule.js';
import type { RunningStorm } from './storm.js';
import type { StormContext, StormSpec } from './types.js';

export class AgentStorm implements RunningStorm {
  readonly threads: readonly number[] = [];
  readonly #times: StormTimes;
  #begun: number | undefined;
  #onSince: number | undefined = 0;
  #works = false;
  #last: StormCounts | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  constructor(
    private readonly storm: StormSpec,
    private readonly context: StormContext,
    readonly notes: readonly string[],
    private readonly agent: Agent,
  ) {
    this.#times = timesOf(storm);
  }

  get name(): string {
    return this.storm.name;
  }

  get kind(): StormSpec['kind'] {
    return this.storm.kind;
  }

  begin(): void {
    if (this.#begun !== undefined || this.#last !== undefined) return;
    this.#begun = now();
    if (this.#onSince !== undefined) this.#onSince = this.#begun;
    this.#follow();
  }

  on(): void {
    this.#onSince ??= now();
    this.#follow();
  }

  off(): void {
    this.#onSince = undefined;
    this.#follow();
  }

  /** Switches the kernel's thread to what it is to be now, and comes back when that changes. */
  #follow(): void {
    clearTimeout(this.#timer);
    const at = now();
    const isMeant = this.#begun !== undefined && this.#onSince !== undefined && this.#last === undefined;
    const working = isMeant ? nextWorking(this.#times, at, this.#begun ?? 0, this.#onSince ?? 0) : undefined;
    const works = working !== undefined && working.from <= at;
    if (!this.#set(works)) return;
    const change = works ? working.to : (working?.from ?? Infinity);
    if (change === Infinity) return;
    this.#timer = setTimeout(() => this.#follow(), Math.max(1, Math.ceil((change - at) / 1e6)));
    this.#timer.unref();
  }

  /** @returns false: the kernel refused, and the storm is over */
  #set(works: boolean): boolean {
    if (works === this.#works) return true;
    try {
      if (works) this.agent.on();
      else this.agent.off();
      this.#works = works;
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#failure ??= new MachineError(`storm ${this.name}: ${why}`);
      this.context.onFailure?.(this.#failure);
      return false;
    }
  }

  counts(): StormCounts {
    return (
      this.#last ?? {
        ...this.agent.counts(),
        errors: 0,
        errorNames: {},
        latency: Latencies.none,
        delay: Latencies.none,
      }
    );
  }

  // oxlint-disable-next-line require-await -- as storms with threads have it
  async stop(): Promise<StormCounts> {
    if (this.#last === undefined) {
      this.off();
      this.#last = this.counts();
      this.agent.end();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#last;
  }
}

/** CLOCK_MONOTONIC, ns. */
const now = (): number => Number(process.hrtime.bigint());
