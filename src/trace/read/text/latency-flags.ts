/**
 * The column of ring-buffer flags in ftrace text (`d..2.`, `.N.1`), both ways.
 *
 * Characters: interrupts and bottom halves; rescheduling; hard, soft or non-maskable interrupt; preemption
 * depth; depth of migrate-disable (since 5.13; the last one is missing before).
 * kernel/trace/trace_output.c, trace_print_lat_fmt. Numbers as in the ring buffer: low byte
 * trace_flag_type, high byte the preempt count (migrate-disable depth in its upper four bits).
 */

/** Bits of trace_flag_type; 0x02 means "irqs unsupported" until 6.12 and "resched lazily" since 6.13. */
const IRQS_OFF = 0x01;
const LAZY_OR_UNSUPPORTED = 0x02;
const NEED_RESCHED = 0x04;
const HARDIRQ = 0x08;
const SOFTIRQ = 0x10;
const PREEMPT_RESCHED = 0x20;
const NMI = 0x40;
const BH_OFF = 0x80;

/** Marks a character that cannot stand in its column. */
const BAD = 0xffff;

function column(characters: Readonly<Record<string, number>>): Uint16Array {
  const table = new Uint16Array(256).fill(BAD);
  for (const [char, bits] of Object.entries(characters)) table[char.charCodeAt(0)] = bits;
  return table;
}

function depth(shift: number): Uint16Array {
  const table = column({ '.': 0 });
  for (let value = 0; value < 16; value++) table[value.toString(16).charCodeAt(0)] = value << shift;
  return table;
}

const resched: Readonly<Record<string, number>> = {
  '.': 0,
  n: NEED_RESCHED,
  p: PREEMPT_RESCHED,
  N: NEED_RESCHED | PREEMPT_RESCHED,
  l: LAZY_OR_UNSUPPORTED,
  L: LAZY_OR_UNSUPPORTED | PREEMPT_RESCHED,
  b: LAZY_OR_UNSUPPORTED | NEED_RESCHED,
  B: LAZY_OR_UNSUPPORTED | NEED_RESCHED | PREEMPT_RESCHED,
};

const irqColumn = column({
  '.': 0,
  d: IRQS_OFF,
  D: IRQS_OFF | BH_OFF,
  b: BH_OFF,
  X: LAZY_OR_UNSUPPORTED,
});
const reschedColumn = column(resched);
/** libtraceevent writes `N` for NEED_RESCHED and does not look at the other bit. */
const traceCmdReschedColumn = column({ ...resched, N: NEED_RESCHED });
const contextColumn = column({
  '.': 0,
  h: HARDIRQ,
  s: SOFTIRQ,
  H: HARDIRQ | SOFTIRQ,
  z: NMI,
  Z: NMI | HARDIRQ,
});
const preemptColumn = depth(8);
const migrateColumn = depth(12);

/**
 * Flags from the characters in [start, end).
 *
 * @param traceCmd written by `trace-cmd report -l`
 * @returns -1 when they are no flags column
 */
export function readFlags(bytes: Uint8Array, start: number, end: number, traceCmd: boolean): number {
  const length = end - start;
  // trace-cmd adds the depth of the big kernel lock where the format has it: not kept.
  if (length < 4 || length > 6) return -1;
  const flags =
    irqColumn[bytes[start]] |
    (traceCmd ? traceCmdReschedColumn : reschedColumn)[bytes[start + 1]] |
    contextColumn[bytes[start + 2]] |
    preemptColumn[bytes[start + 3]] |
    (length > 4 ? migrateColumn[bytes[start + 4]] : 0);
  // Real flags use both bytes too; all 16 bits set means that some character was bad.
  return flags === BAD ? -1 : flags;
}

const digit = (value: number): string => (value === 0 ? '.' : value.toString(16));

/** The five characters of the flags column. NMI hides a soft interrupt, as in the kernel's own text. */
export function flagsText(flags: number): string {
  const irqs = flags & IRQS_OFF;
  const bottomHalves = flags & BH_OFF;
  const nmi = flags & NMI;
  const hard = flags & HARDIRQ;
  const soft = flags & SOFTIRQ;
  const wanted = flags & (NEED_RESCHED | PREEMPT_RESCHED | LAZY_OR_UNSUPPORTED);
  const first = irqs ? (bottomHalves ? 'D' : 'd') : bottomHalves ? 'b' : '.';
  const second = Object.keys(resched).find((char) => resched[char] === wanted) ?? '.';
  const third = nmi ? (hard ? 'Z' : 'z') : hard ? (soft ? 'H' : 'h') : soft ? 's' : '.';
  return first + second + third + digit((flags >> 8) & 0xf) + digit((flags >> 12) & 0xf);
}
