/** Reading small files of sysfs and procfs, most of which exist on some hosts only. */
import { readdirSync, readFileSync } from 'node:fs';

/** The text without the space around it; undefined when the file is not there or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A number; undefined when it is not there, or is none. */
export function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** Names in a folder, numbers in their order; empty when it is not there. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch {
    return [];
  }
}

/** An object without its undefined fields: what is not known is left out. */
export function known<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** How many CPUs a list such as `0-3,8` has. */
export function cpusInList(list: string): number {
  return list
    .split(',')
    .filter((part) => part !== '')
    .reduce((sum, part) => {
      const [first, last = first] = part.split('-').map(Number);
      return sum + last - first + 1;
    }, 0);
}
