/**
 * What part of a trace to keep; applied while reading, so that a huge file costs only what is kept.
 */
import { InputError } from '../errors.js';

export interface TraceFilter {
  /** Keep events at or after this time, ns; see `relative`. */
  readonly from?: number;
  /** Keep events at or before this time, ns. */
  readonly to?: number;
  /** Times count from the first event of the trace instead of the trace clock's zero. */
  readonly relative?: boolean;
  /** Keep events of these threads: a tid, or a comm (exact). */
  readonly tasks?: readonly (number | string)[];
  /** Keep these events: `name`, `system:name`, with `*` for any run of characters. */
  readonly events?: readonly string[];
}

/** A test for event names from patterns such as `kvm:*` or `contention_*`. */
export function eventMatcher(
  patterns: readonly string[] | undefined,
): (system: string, name: string) => boolean {
  if (!patterns || patterns.length === 0) return () => true;
  const expressions = patterns.map((pattern) => {
    if (!/^[\w*?:.-]+$/.test(pattern))
      throw new InputError(`bad event pattern "${pattern}": use name, system:name, and *`);
    return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`);
  });
  return (system, name) => expressions.some((e) => e.test(name) || e.test(`${system}:${name}`));
}

/** A test for threads from tids and comms. */
export function taskMatcher(
  tasks: readonly (number | string)[] | undefined,
): (tid: number, comm: string) => boolean {
  if (!tasks || tasks.length === 0) return () => true;
  const wanted = new Set(tasks);
  return (tid, comm) => wanted.has(tid) || wanted.has(comm);
}
