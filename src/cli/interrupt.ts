/** Ctrl-C: the first asks work to come to its end, the second ends the process. */

/** Interrupted by Ctrl-C, as a shell tells it. */
export const INTERRUPTED = 130;

/**
 * @param work ends early, with what it has, when the signal comes
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  // Not `once`: a listener that is gone while the signal is handled leaves a settings journal alone with it.
  const onInterrupt = (): void => {
    if (abort.signal.aborted) process.exit(INTERRUPTED);
    abort.abort();
  };
  process.on('SIGINT', onInterrupt);
  try {
    return await work(abort.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
