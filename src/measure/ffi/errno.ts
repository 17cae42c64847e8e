/**
 * Errors of system calls: which call, with what, and the kernel's answer by name.
 */
import { constants } from 'node:os';

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
);

/** `EPERM` for 1; a number that has no name is shown as it is. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** A system call that the kernel refused. One line: `KVM_CREATE_VM(0): EACCES`. */
export class SystemError extends Error {
  override readonly name = 'SystemError';

  /**
   * @param call name of the function or ioctl
   * @param args its arguments, as a person would write them
   * @param errno positive
   */
  constructor(
    readonly call: string,
    readonly args: string,
    readonly errno: number,
  ) {
    super(`${call}(${args}): ${errnoName(errno)}`);
  }

  /** Whether the kernel answered with this error, by name. */
  is(name: string): boolean {
    return errnoName(this.errno) === name;
  }
}
