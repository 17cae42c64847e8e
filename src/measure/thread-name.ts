/** Names of threads, as tracepoints and top show them. */
import { writeFileSync } from 'node:fs';

/** What the kernel keeps of a name, bytes. */
const MOST_BYTES = 15;

/** Names the calling thread; a kernel that refuses leaves it nameless. */
export function nameThisThread(name: string): void {
  try {
    writeFileSync('/proc/thread-self/comm', name.slice(0, MOST_BYTES));
  } catch {
    // Nothing depends on it.
  }
}
