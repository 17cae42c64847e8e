/** A counterexample in sentences: what each step means, in the words of the protocol. */
import { PMD_TABLE } from '../../model/host/primary-mmu.js';
import { frameOf } from '../../model/spte.js';
import { Tracepoint } from '../../model/tracepoints.js';
import type { Emitted } from '../threads/learner.js';
import { Op } from '../threads/pending.js';
import type { ReplayedStep } from './replay.js';

/** A sentence, and the number of its step, from 1. */
export interface Sentence {
  readonly step: number;
  readonly text: string;
}

/** Sentences for the steps that mean something; `firstPage` is that of the process. */
export function narrate(steps: readonly ReplayedStep[], firstPage: number): Sentence[] {
  const sentences: Sentence[] = [];
  for (const [index, step] of steps.entries()) {
    const say = (text: string): void => {
      const gap = text.startsWith(':') ? '' : ' ';
      sentences.push({ step: index + 1, text: `${step.threadName}${gap}${text}` });
    };
    const access = ofAccess(step);
    if (access !== undefined) say(access);
    for (const each of step.emitted) {
      const text = ofEvent(each, firstPage);
      if (text !== undefined) say(text);
    }
  }
  return sentences;
}

const isEntry = (value: number | undefined): boolean =>
  value !== undefined && value !== 0 && value !== PMD_TABLE;

/** What an access means; undefined for one that says nothing by itself. */
function ofAccess({ op, cell, found, left }: ReplayedStep): string | undefined {
  if (op === undefined) return `: its store to ${cell} (${left}) reaches memory`;
  const [name, offset] = cell.split('+');
  if (name === 'kvm.mmu_invalidate_seq' && op.op === Op.Load) return `reads the sequence: ${found}`;
  if (name === 'kvm.mmu_invalidate_in_progress' && op.op === Op.Load) {
    return found === 0 ? 'sees no invalidation in progress' : `sees ${found} in progress`;
  }
  if (name === 'mm.ptes' && op.op === Op.Load && isEntry(found)) {
    return `reads the host's entry of page ${offset}: frame ${frameOf(found ?? 0)}`;
  }
  if (name === 'mm.ptes' && op.op === Op.Store) {
    return `gives page ${offset} frame ${frameOf(left ?? 0)} instead of ${frameOf(found ?? 0)}`;
  }
  if (name.startsWith('vcpu') && name.endsWith('.requests') && op.op === Op.FetchOr) {
    return `asks ${name.replace('.requests', '')} to flush`;
  }
  return undefined;
}

/** What an event means. Host pages are counted from the first of the process. */
function ofEvent([point, a = 0, b = 0, c = 0, d = 0]: Emitted, firstPage: number): string | undefined {
  const pages = `pages ${a - firstPage} to ${b - firstPage}`;
  switch (point) {
    case Tracepoint.kvmEntry:
      return 'enters its guest';
    case Tracepoint.kvmExit:
      return 'leaves its guest';
    case Tracepoint.probeFaultBegin:
      return `faults on gfn ${b}`;
    case Tracepoint.faultRetry:
      return `must retry gfn ${b}`;
    case Tracepoint.lockAcquired:
      return b === 1 ? 'takes mmu_lock for read' : 'takes mmu_lock for write';
    case Tracepoint.lockReleased:
      return 'drops mmu_lock';
    case Tracepoint.yield:
      return 'had yielded mmu_lock and has it again';
    case Tracepoint.invalidateBegin:
      return `begins to invalidate ${pages}: ${c} in progress`;
    case Tracepoint.probeStartReturned:
      return `: range_start() returns for ${pages}`;
    case Tracepoint.probeEndEntered:
      return `: range_end() begins for ${pages}`;
    case Tracepoint.invalidateEnd:
      return `has ended it: the sequence is ${c}, ${d} in progress`;
    case Tracepoint.probeSpteInstalled:
      return `maps gfn ${b} to frame ${frameOf(d)}`;
    case Tracepoint.fastPageFault:
      return `makes the entry of gfn ${b} writable without mmu_lock`;
    case Tracepoint.probeSpteZapped:
      return `zaps gfn ${b} (frame ${frameOf(c)})`;
    case Tracepoint.remoteFlush:
      return 'has flushed the TLBs of all vCPUs';
    case Tracepoint.probeTlbFill:
      return `: its TLB now maps gfn ${b} to frame ${frameOf(c)}`;
    case Tracepoint.probeTlbFlushed:
      return 'empties its TLB';
    case Tracepoint.probePageFreed:
      return `frees frame ${a}`;
    case Tracepoint.probeApicPage:
      return `writes APIC page ${b} into its VMCS`;
    case Tracepoint.probePfnCache:
      return `: gfn_to_pfn_cache ${a} now holds frame ${b}`;
    default:
      return undefined;
  }
}
