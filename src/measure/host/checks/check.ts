/** One part of the host, and what it is worth to a measurement. */
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';

export interface Check {
  /** Short name, one word or two. */
  readonly name: string;
  /** `ok`: all of it. `limited`: some of it. `missing`: none of it. */
  readonly state: 'ok' | 'limited' | 'missing';
  /** What was found, one phrase. */
  readonly finding: string;
  /** What does not work because of that, and what still does. Absent when it is ok. */
  readonly means?: string;
  /** What to run or to change; absent where nothing helps. */
  readonly remedy?: string;
}

export function ok(name: string, finding: string): Check {
  return { name, state: 'ok', finding };
}

export function limited(name: string, finding: string, means: string, remedy?: string): Check {
  return { name, state: 'limited', finding, means, ...(remedy === undefined ? {} : { remedy }) };
}

export function missing(name: string, finding: string, means: string, remedy?: string): Check {
  return { name, state: 'missing', finding, means, ...(remedy === undefined ? {} : { remedy }) };
}

export const isRoot = (): boolean => process.geteuid?.() === 0;

/**
 * Why a file of the kernel cannot be written, as a phrase that names it; undefined when it can. Writes
 * nothing.
 */
export function notWritable(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return `no ${path}`;
    // Where the kernel is locked down only opening tells.
    if (stat.isDirectory()) accessSync(path, constants.W_OK);
    else closeSync(openSync(path, constants.O_WRONLY));
    return undefined;
  } catch {
    return `${path} cannot be written${isRoot() ? '' : ' (not root)'}`;
  }
}
