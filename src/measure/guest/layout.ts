/**
 * Where things lie in the guest. Virtual and physical addresses are the same.
 *
 *     0              the guest's memory: frame number = page number
 *     exit page      no memslot: a store there leaves the guest
 *     control        code, page tables, one block for each vCPU
 *
 * Control memory has a memslot of its own that no storm touches. All of it is little-endian words of 64 bits.
 */
import { PAGE_BYTES, roundUp } from '../kvm/units.js';

export const HUGE_BYTES = 2 ** 21;

/** First page of a vCPU's block: words that the host writes, and words that the guest writes. */
export const Word = {
  /** Host: 0: touch memory; else: leave the guest, and again each time it comes back. */
  Command: 0x00,
  /** Host: byte of the block where the longest stall of this time is kept. */
  Stall: 0x08,
  /** Guest: touches completed. */
  Touches: 0x10,
  /** Guest: TSC at the end of the last touch. */
  LastEnd: 0x18,
  /** Guest: TSC just before it left. */
  ExitTsc: 0x20,
  /** Host: cycles from which on a touch is a sample. */
  SampleAbove: 0x30,
  /** Guest: byte in the ring of samples where the next one goes. */
  SampleNext: 0x38,
  /** Host: bytes of that ring minus one. */
  SampleMask: 0x40,
  /** Host: guest address of that ring. */
  SampleBase: 0x48,
  /** Host: guest address of the exit page. */
  ExitAddress: 0x50,
  /** Guest: samples taken, those that are gone included. */
  SampleCount: 0x58,
} as const;

/** What the guest writes to the exit page. */
export const ExitCode = { Waits: 1, Finished: 2 } as const;

/** Records of stalls: duration in cycles, TSC at its end, entry of the touch table. */
export const STALLS = 0x1000;
export const STALL_BYTES = 32;
export const STALL_RECORDS = 1024;

/** Two histograms: of touches that no storm covers, of those that one does. */
export const HISTOGRAMS = 0x9000;
export const HISTOGRAM_BYTES = 0x8000;
/** log2 of that, for the guest. */
export const HISTOGRAM_SHIFT = 15;
/** In each: 3,776 counts, and here the sum of cycles. */
export const HISTOGRAM_SUM = 0x7800;
/** After them: samples, then the table of touches. */
const BLOCK_HEAD = HISTOGRAMS + 2 * HISTOGRAM_BYTES;

/** A raw sample: TSC at its end, cycles, entry of the touch table, number of the touch. */
export const SAMPLE_BYTES = 32;

/** An entry of the touch table, 32 bits: frame, and these. */
export const ENTRY_FRAME = 0x3fffffff;
export const ENTRY_COVERED = 0x40000000;
export const ENTRY_WRITE = 0x80000000;

/** Where one vCPU's block is, as bytes of control memory. */
export interface BlockLayout {
  readonly block: number;
  readonly samples: number;
  readonly table: number;
  readonly end: number;
}

export interface Layout {
  /** Guest physical addresses. */
  readonly exitPage: number;
  readonly control: number;
  /** First address after everything. */
  readonly free: number;
  /** Bytes of control memory. */
  readonly bytes: number;
  /** Byte of control memory: code is at 0. */
  readonly pageTables: number;
  readonly blocks: readonly BlockLayout[];
}

/**
 * @param memory bytes of the guest's memory
 * @param entries of each vCPU's touch table
 * @param samples of each vCPU; 0: none
 */
export function layOut(memory: number, entries: readonly number[], samples: number): Layout {
  const exitPage = roundUp(memory, HUGE_BYTES);
  const control = exitPage + HUGE_BYTES;
  const pageTables = PAGE_BYTES;
  const blockBytes = entries.map((count) => ({
    samples: roundUp(samples * SAMPLE_BYTES, PAGE_BYTES),
    table: roundUp(count * 4, PAGE_BYTES),
  }));
  const allBlocks = blockBytes.reduce((sum, each) => sum + BLOCK_HEAD + each.samples + each.table, 0);
  // Page tables map everything, themselves included: a little more than is needed is no harm.
  const mapped = control + roundUp(allBlocks, HUGE_BYTES) + 2 ** 30;
  let at = pageTables + pageTableBytes(mapped);
  const blocks = blockBytes.map((each) => {
    const block = at;
    const table = block + BLOCK_HEAD + each.samples;
    at = table + each.table;
    return { block, samples: block + BLOCK_HEAD, table, end: at };
  });
  const bytes = roundUp(at, HUGE_BYTES);
  return { exitPage, control, free: roundUp(control + bytes, 2 ** 30), bytes, pageTables, blocks };
}

/** A page that maps 1 GiB with entries of 2 MiB, for each; one for each 512 of them; one above all. */
function pageTableBytes(mapped: number): number {
  const directories = Math.ceil(mapped / 2 ** 30);
  return (1 + Math.ceil(directories / 512) + directories) * PAGE_BYTES;
}

/** present, writable, user, accessed, dirty: nothing is left for the processor to set. */
const TABLE_BITS = 0x67n;
/** The same, and a page of 2 MiB. */
const LARGE_PAGE_BITS = 0xe7n;

/**
 * Writes tables that map every address to itself, in pages of 2 MiB.
 *
 * @param memory control memory
 */
export function writePageTables(memory: DataView, { control, free, pageTables }: Layout): void {
  const directories = Math.ceil(free / 2 ** 30);
  const pointers = Math.ceil(directories / 512);
  const entry = (table: number, index: number, value: bigint): void =>
    memory.setBigUint64(table + 8 * index, value, true);
  const firstPointer = pageTables + PAGE_BYTES;
  const firstDirectory = firstPointer + pointers * PAGE_BYTES;
  for (let i = 0; i < pointers; i++)
    entry(pageTables, i, BigInt(control + firstPointer + i * PAGE_BYTES) | TABLE_BITS);
  for (let i = 0; i < directories; i++)
    entry(firstPointer, i, BigInt(control + firstDirectory + i * PAGE_BYTES) | TABLE_BITS);
  const pages = free / HUGE_BYTES;
  for (let i = 0; i < pages; i++) entry(firstDirectory, i, BigInt(i * HUGE_BYTES) | LARGE_PAGE_BITS);
}
