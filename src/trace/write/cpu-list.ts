/**
 * CPU lists such as `0-2,5`, the form in which the store keeps CPU masks, as bitmaps.
 */
const MOST_CPUS = 1 << 16;

/** CPUs of a list, ascending as they come; parts that are no CPU numbers are left out. */
function listedCpus(list: string): number[] {
  const cpus: number[] = [];
  for (const part of list.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (!match) continue;
    const last = Math.min(Number(match[2] ?? match[1]), MOST_CPUS - 1);
    for (let cpu = Number(match[1]); cpu <= last; cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** The bitmap of a CPU list, little endian, in whole 8-byte words as the kernel has it; at least one word. */
export function maskBytes(list: string): Uint8Array {
  const cpus = listedCpus(list);
  const highest = cpus.reduce((most, cpu) => Math.max(most, cpu), 0);
  const bytes = new Uint8Array((Math.floor(highest / 64) + 1) * 8);
  for (const cpu of cpus) bytes[cpu >> 3] |= 1 << (cpu & 7);
  return bytes;
}
