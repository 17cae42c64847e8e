/** Machine code of ours in this process. */
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  mmap,
  mprotect,
  munmap,
  PROT_READ,
  PROT_WRITE,
  viewOf,
} from '../ffi/libc.js';
import { functionAt } from '../ffi/quick.js';
import { PAGE } from './pages.js';

const PROT_EXEC = 4;

export interface MachineCode {
  readonly call: (...args: readonly number[]) => number;
  /** Nothing may call it after that. */
  free(): void;
}

/**
 * @param bytes at most a page of position-independent code
 * @param signature of C, with a name
 */
export function loadMachineCode(bytes: Uint8Array, signature: string): MachineCode {
  const at = mmap(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  new Uint8Array(viewOf(at, PAGE)).set(bytes);
  mprotect(at, PAGE, PROT_READ | PROT_EXEC);
  return { call: functionAt(at, signature), free: () => munmap(at, PAGE) };
}
