/**
 * Sets of CPUs as text. The store keeps the kernel's CPU list (`0-2,5`); kernels print lists and hex masks.
 */

const MOST_CPUS = 0x10000;

/**
 * The CPU list of a printed set.
 *
 * Tracepoints print masks in groups of eight hex digits (`%*pb` on a bitmap of whole longs); anything else
 * is a list.
 *
 * @returns undefined when `text` is neither
 */
export function maskList(text: string): string | undefined {
  if (/^[0-9a-f]{8}(?:,[0-9a-f]{8})*$/i.test(text)) return listOf(cpusOfMask(text));
  return /^(?:\d{1,5}(?:-\d{1,5})?(?:,\d{1,5}(?:-\d{1,5})?)*)?$/.test(text) ? text : undefined;
}

/** The hex mask of a CPU list, in groups of eight digits, whole 64-bit words as the kernel prints it. */
export function maskText(list: string): string {
  const words: number[] = [0, 0];
  for (const cpu of cpusOfList(list)) {
    while (words.length * 32 <= cpu) words.push(0, 0);
    words[cpu >>> 5] |= 1 << (cpu & 31);
  }
  return words
    .map((word) => (word >>> 0).toString(16).padStart(8, '0'))
    .toReversed()
    .join(',');
}

function cpusOfMask(text: string): number[] {
  const cpus: number[] = [];
  text
    .split(',')
    .toReversed()
    .forEach((group, index) => {
      const word = parseInt(group, 16);
      for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) cpus.push(index * 32 + bit);
    });
  return cpus;
}

function cpusOfList(list: string): number[] {
  const cpus: number[] = [];
  for (const part of list === '' ? [] : list.split(',')) {
    const [first, last = first] = part.split('-').map(Number);
    for (let cpu = first; cpu <= Math.min(last, MOST_CPUS - 1); cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** Ascending CPU numbers as the kernel's list. */
function listOf(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; i++) {
    const first = cpus[i];
    while (i + 1 < cpus.length && cpus[i + 1] === cpus[i] + 1) i++;
    parts.push(cpus[i] === first ? `${first}` : `${first}-${cpus[i]}`);
  }
  return parts.join(',');
}
