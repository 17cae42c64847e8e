/** Long work in slices: between two of them progress is shown, and Ctrl-C is heard. */
import type { Progress } from './progress.js';

/**
 * Runs work to its end; Ctrl-C ends it early, with what it has, a second one at once.
 *
 * @param slices takes a `true` as the wish to end
 */
export async function inSlices<Slice, Result>(
  slices: Generator<Slice, Result, boolean | undefined>,
  progress: Progress,
  show: (slice: Slice) => void,
): Promise<{ readonly result: Result; readonly interrupted: boolean }> {
  let interrupted = false;
  const onInterrupt = (): void => {
    interrupted = true;
  };
  process.once('SIGINT', onInterrupt);
  try {
    let slice = slices.next();
    while (slice.done !== true) {
      show(slice.value);
      // Signals arrive between turns of the event loop only.
      await new Promise((resolve) => setImmediate(resolve));
      slice = slices.next(interrupted);
    }
    return { result: slice.value, interrupted };
  } finally {
    process.off('SIGINT', onInterrupt);
    progress.end();
  }
}
