/** Memory of the host: how much there is, now. */
import { namesIn, readNumber, readText } from './read.js';

export interface HugepageFacts {
  readonly bytes: number;
  /** Reserved for hugetlbfs. */
  readonly total: number;
  readonly free: number;
}

export interface MemoryFacts {
  readonly totalBytes: number;
  /** That a new process could have without swapping, as the kernel estimates it. */
  readonly availableBytes: number;
  readonly swapBytes: number;
  readonly hugepages: readonly HugepageFacts[];
}

export function memoryFacts(): MemoryFacts {
  const text = readText('/proc/meminfo') ?? '';
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return {
    totalBytes: bytes('MemTotal'),
    availableBytes: bytes('MemAvailable'),
    swapBytes: bytes('SwapTotal'),
    hugepages: hugepageFacts(),
  };
}

function hugepageFacts(): HugepageFacts[] {
  const folder = '/sys/kernel/mm/hugepages';
  return namesIn(folder).map((name) => ({
    bytes: Number(/(\d+)kB/.exec(name)?.[1] ?? 0) * 1024,
    total: readNumber(`${folder}/${name}/nr_hugepages`) ?? 0,
    free: readNumber(`${folder}/${name}/free_hugepages`) ?? 0,
  }));
}
