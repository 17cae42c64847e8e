/**
 * Results of fast_page_fault, the one event that carries a RET_PF code. The codes moved between kernels.
 *
 * Source: arch/x86/kvm/mmu/mmu_internal.h of Linux 5.10 (FIXED 3), 6.1 (FIXED 4), 6.12 and 7.3 (FIXED 5); the
 * code after FIXED is SPURIOUS in all of them. RET_PF_WRITE_PROTECTED came with v6.12.
 */
import type { Trace } from '../trace/store/trace.js';
import { parseRelease } from './kernel-release.js';
import { Seen } from './seen.js';

/** Bits of `Seen` for every row of fast_page_fault: fixed, spurious, or 0 when the slow path went on. */
export function fastResults(trace: Trace): Uint8Array {
  const table = trace.named('fast_page_fault');
  const results = new Uint8Array(table?.length ?? 0);
  if (!table) return results;
  const ret = table.column('ret');
  const fixed = table.column('fixed');
  const spurious = table.column('spurious');
  const fixedCode = fixedCodeOf(trace.meta);
  for (let row = 0; row < results.length; row++) {
    if (ret?.has(row)) {
      const code = ret.values[row];
      results[row] = code === fixedCode ? Seen.fastFixed : code === fixedCode + 1 ? Seen.fastSpurious : 0;
    } else if (fixed?.values[row]) results[row] = Seen.fastFixed;
    else if (spurious?.values[row]) results[row] = Seen.fastSpurious;
  }
  return results;
}

/** RET_PF_FIXED of the trace's kernel; of an unknown one, that of current kernels. */
function fixedCodeOf(meta: Trace['meta']): number {
  // Text says "fixed 1", which the reader turns into the code of current kernels, whatever kernel printed it.
  const version = /text|report|script/i.test(meta.format) ? undefined : parseRelease(meta.kernel);
  if (!version || version.code >= 612) return 5;
  return version.code >= 516 ? 4 : 3;
}
