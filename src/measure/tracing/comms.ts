/** Names of threads for a recording. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * `tid comm` lines of all threads that there are, and of those that have ended and the kernel remembers.
 *
 * @param saved the saved_cmdlines of tracefs
 */
export function commLines(saved: string): string {
  const comms = new Map<number, string>();
  for (const line of textOf(saved).split('\n')) {
    const match = /^(\d+) (.+)$/.exec(line);
    if (match && match[2] !== '<...>') comms.set(Number(match[1]), match[2]);
  }
  for (const pid of numbersIn('/proc')) {
    for (const tid of numbersIn(`/proc/${pid}/task`)) {
      const comm = textOf(`/proc/${pid}/task/${tid}/comm`).replace(/\n$/, '').replaceAll('\n', '?');
      if (comm !== '') comms.set(tid, comm);
    }
  }
  return [...comms].map(([tid, comm]) => `${tid} ${comm}\n`).join('');
}

/** '' for a file that is not there, or not any more. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
