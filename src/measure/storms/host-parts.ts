/** What this host has of the parts that storms need. */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Text of a file of procfs, sysfs or debugfs, without white space at its ends; undefined: not there, or
 * not for us.
 */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

export function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether anonymous memory can be paged out. */
export function hasSwap(): boolean {
  return (textOf('/proc/swaps') ?? '').split('\n').length > 1;
}

/** Numbers of the NUMA nodes that have memory. */
export function memoryNodes(): number[] {
  const nodes = '/sys/devices/system/node';
  if (!existsSync(nodes)) return [0];
  return rangeList(textOf(`${nodes}/has_memory`) ?? textOf(`${nodes}/online`) ?? '0');
}

/** `0-1,3` as numbers. */
function rangeList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Counters of /proc/vmstat by name; those that this kernel does not have are 0. */
export function vmstat(names: readonly string[]): number[] {
  const all = new Map(
    (textOf('/proc/vmstat') ?? '').split('\n').map((line) => line.split(' ') as [string, string]),
  );
  return names.map((name) => Number(all.get(name) ?? 0));
}

/** Why a file of debugfs cannot be used; undefined: it can. */
export function debugfsProblem(path: string): string | undefined {
  const root = '/sys/kernel/debug';
  if (canWrite(path) && textOf(path) !== undefined) return undefined;
  if (!isThere(root) || readdirSync(root).length === 0)
    return `debugfs is not mounted (mount -t debugfs nodev ${root})`;
  return isThere(path) ? `the kernel does not permit ${path}` : `this kernel has no ${path}`;
}

/** Whether it is there and not hidden from us. */
function isThere(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return existsSync(path);
  }
}
