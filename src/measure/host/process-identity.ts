/** Whether a pid is still the process that it was: pids are used again, a pid with its start time is not. */
import { readFileSync } from 'node:fs';

/** A process, now and after it has ended. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start, field 22 of /proc/PID/stat. */
  readonly startTime: number;
}

/** The fields of a stat file after the name of the process, which may hold anything: [0] is the state. */
export function statFields(text: string): readonly string[] {
  return text
    .slice(text.lastIndexOf(')') + 2)
    .trimEnd()
    .split(' ');
}

/** Undefined when there is no such process. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const fields = fieldsOf(pid);
  return fields === undefined ? undefined : { pid, startTime: Number(fields[19]) };
}

/** A zombie is not alive: it has ended, and holds nothing. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  const fields = fieldsOf(pid);
  if (fields === undefined || Number(fields[19]) !== startTime) return false;
  return fields[0] !== 'Z' && fields[0] !== 'X';
}

function fieldsOf(pid: number): readonly string[] | undefined {
  try {
    return statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * The kernel's name of this boot; '' where it has none. Pids and settings are worth nothing after another.
 */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

const PAUSE_MS = 20;

/** Sleeps a moment before another look at something that is about to end; the thread does nothing else. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
