/** Errors of calls that throw, as the numbers that storms count. */
import { SystemError } from '../ffi/errno.js';

/** 0, or the errno that a call of ours or of Node's ended with; other errors go on. */
export function errnoOf(call: () => unknown): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof SystemError) return error.errno;
    if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return -error.errno;
    throw error;
  }
}
