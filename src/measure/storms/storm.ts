/** Starting a storm, and what can be done with one that runs. */
import { InputError, MachineError } from '../../trace/errors.js';
import type { Part } from '../types.js';
import { AgentStorm } from './agent-storm.js';
import type { StormCounts } from './counts.js';
import { kindOf } from './kinds/index.js';
import { PAGE } from './pages.js';
import { type MemoryRange, unitOf } from './kinds/kind.js';
import { ThreadStorm } from './thread-storm.js';
import type { StormContext, StormKnobs, StormSpec } from './types.js';

export interface RunningStorm {
  readonly name: string;
  readonly kind: StormSpec['kind'];
  /** Its threads, as tracepoints name them; none for storms of the kernel's own threads. */
  readonly threads: readonly number[];
  /** What it is on this host, where that is not obvious, and what is not honoured: one sentence each. */
  readonly notes: readonly string[];
  /** The run starts: `start` and `stop` count from here. Nothing is done before. */
  begin(): void;
  /** Phases switch a storm; it is on when it begins unless it was switched off before. */
  on(): void;
  off(): void;
  /** What has been done until now, at any time. */
  counts(): StormCounts;
  /**
   * Ends it for good and puts memory, VM and settings back as it found them (what it threw away stays away).
   *
   * @throws MachineError when one of its threads failed
   */
  stop(): Promise<StormCounts>;
}

/** What this host cannot do of a storm: one phrase that names what is missing; undefined: nothing. */
export function unsupportedHere(storm: StormKnobs): string | undefined {
  return kindOf(storm).unsupported?.(storm);
}

/**
 * Fields of a storm that this host does not honour: `field: why`, one phrase each. The storm runs all the
 * same.
 */
function notHonouredHere(storm: StormKnobs): string[] {
  return kindOf(storm).deviations?.(storm) ?? [];
}

/**
 * Its threads are ready and wait for `begin`.
 *
 * @throws InputError when the storm does not fit the memory or the VM
 * @throws MachineError when the host cannot do it; nothing is changed then
 */
export async function startStorm(storm: StormSpec, context: StormContext): Promise<RunningStorm> {
  const kind = kindOf(storm);
  const where = { field: `storms ${storm.name}` };
  const missing = unsupportedHere(storm);
  if (missing !== undefined) throw new MachineError(`storm ${storm.name}: ${missing}`);
  const range = rangeOf(storm, context);
  const problem = misfit(storm, context, range) ?? kind.misfit?.(storm, context);
  if (problem !== undefined) throw new InputError(problem, where);
  const says = kind.says?.(storm, context.memory);
  const notes = [...(says === undefined ? [] : [says]), ...notHonouredHere(storm)];
  const agent = kind.agent?.(storm, context, range);
  if (agent !== undefined) return new AgentStorm(storm, context, notes, agent);
  return ThreadStorm.start(storm, context, range, notes);
}

/** The memory that a storm works on; all of it where it has no range. */
function rangeOf(storm: StormSpec, { memory }: StormContext): MemoryRange {
  if (!('range' in storm)) return { address: Number(memory.address), bytes: memory.bytes };
  const from = bytesOf(storm.range.from, memory.bytes);
  return {
    address: Number(memory.address) + from,
    bytes: bytesOf(storm.range.to, memory.bytes) - from,
  };
}

/** A share is rounded to whole pages. */
function bytesOf(part: Part, all: number): number {
  return 'bytes' in part ? part.bytes : Math.round((part.share * all) / PAGE) * PAGE;
}

/** What does not fit whatever the kind. */
function misfit(storm: StormSpec, { memory }: StormContext, range: MemoryRange): string | undefined {
  const from = range.address - Number(memory.address);
  if (range.bytes <= 0) return 'its range is empty';
  if (from < 0 || from + range.bytes > memory.bytes)
    return `its range ends at ${from + range.bytes} bytes, the memory of the guest at ${memory.bytes}`;
  if (!('threads' in storm)) return undefined;
  const unit = unitOf(memory);
  const unitName = unit === PAGE ? '4KiB' : '2MiB';
  const places = [from, range.bytes, storm.step ?? unit];
  if (places.some((place) => place % unit !== 0))
    return `its range and its step must be multiples of ${unitName} with backing ${memory.backing}`;
  return range.bytes / unit < storm.threads
    ? `its range has ${range.bytes / unit} pages of ${unitName}, too few for ${storm.threads} threads`
    : undefined;
}
