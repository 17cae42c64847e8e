/**
 * Our own small changes of KVM, for experiments: each names functions and the condition in them, and fits
 * the kernels in which both are there. A kernel that they do not fit is refused.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../trace/errors.js';

/** In one function of one file: a condition or call, and what takes its place. */
interface Step {
  readonly file: string;
  /** The function that it is in; undefined: the file. */
  readonly function?: string;
  readonly find: RegExp;
  /** How often it is there. */
  readonly times: number;
  readonly put: string;
}

export interface Edit {
  readonly name: string;
  /** What it does, a phrase. */
  readonly does: string;
  /** First and last kernel that it was written for, as `6.12`. */
  readonly from: string;
  readonly to: string;
  readonly steps: readonly Step[];
}

const TDP_MMU = 'arch/x86/kvm/mmu/tdp_mmu.c';
const TDP_ITER = 'arch/x86/kvm/mmu/tdp_iter.h';
const MMU = 'arch/x86/kvm/mmu/mmu.c';
const NEEDBREAK = /rwlock_needbreak\(&kvm->mmu_lock\)/g;

export const EDITS: readonly Edit[] = [
  {
    name: 'no-yield',
    does: 'walks of the TDP MMU do not yield mmu_lock because somebody waits for it',
    from: '6.1',
    to: '7.3',
    steps: [
      { file: TDP_MMU, function: 'tdp_mmu_iter_cond_resched', find: NEEDBREAK, times: 1, put: 'false' },
    ],
  },
  {
    name: 'yield-after-batch',
    does: 'walks of the TDP MMU look for waiters every 512 steps only',
    from: '6.1',
    to: '7.3',
    steps: [
      { file: TDP_ITER, find: /\bbool yielded;/g, times: 1, put: 'bool yielded;\n\tu32 faultline_steps;' },
      {
        file: TDP_MMU,
        function: 'tdp_mmu_iter_cond_resched',
        find: NEEDBREAK,
        times: 1,
        put: '(++iter->faultline_steps % 512 == 0 && rwlock_needbreak(&kvm->mmu_lock))',
      },
    ],
  },
  {
    name: 'no-pre-check',
    does: 'faults do not look for invalidations of their page before they take mmu_lock',
    from: '6.8',
    to: '6.12',
    steps: [
      {
        file: MMU,
        function: 'kvm_faultin_pfn',
        find: /mmu_invalidate_retry_gfn_unsafe\(vcpu->kvm, fault->mmu_seq, fault->gfn\)/g,
        times: 2,
        put: 'false',
      },
    ],
  },
  {
    name: 'trylock',
    does: 'a fault that cannot have mmu_lock at once goes back to the guest',
    from: '6.8',
    to: '6.12',
    steps: [
      {
        file: MMU,
        function: 'kvm_tdp_mmu_page_fault',
        find: /\bread_lock\(&vcpu->kvm->mmu_lock\);/g,
        times: 1,
        put: 'if (!read_trylock(&vcpu->kvm->mmu_lock)) {\n\t\tkvm_release_pfn_clean(orig_pfn);\n\t\treturn RET_PF_RETRY;\n\t}',
      },
    ],
  },
  {
    name: 'no-recheck',
    does: 'WRONG on purpose: a fault under mmu_lock does not look whether its page was invalidated meanwhile',
    from: '6.1',
    to: '7.3',
    steps: [
      {
        file: MMU,
        function: 'kvm_tdp_mmu_page_fault',
        find: /\bis_page_fault_stale\(vcpu, fault\)/g,
        times: 1,
        put: 'false',
      },
    ],
  },
];

/** @throws InputError with the names that there are */
export function editNamed(name: string): Edit {
  const edit = EDITS.find((each) => each.name === name);
  if (edit) return edit;
  throw new InputError(`no edit "${name}": there are ${EDITS.map((each) => each.name).join(', ')}`, {
    field: '--edit',
  });
}

/**
 * Changes the files of a source tree.
 *
 * @param version of the tree: `6.12`
 * @returns files that were changed, from the top of the tree
 * @throws InputError when the edit does not fit; nothing is changed then
 */
export function applyEdit(edit: Edit, tree: string, version: string): string[] {
  const where = { field: `--edit ${edit.name}` };
  if (isOlder(version, edit.from) || isOlder(edit.to, version))
    throw new InputError(`is for kernels ${edit.from} to ${edit.to}, and this is ${version}`, where);
  const texts = new Map<string, string>();
  for (const step of edit.steps) {
    const text = texts.get(step.file) ?? readFileSync(join(tree, step.file), 'utf8');
    texts.set(step.file, changed(text, step, where));
  }
  for (const [file, text] of texts) writeFileSync(join(tree, file), text);
  return [...texts.keys()];
}

function changed(text: string, step: Step, where: { field: string }): string {
  const { from, to } =
    step.function === undefined ? { from: 0, to: text.length } : bodyOf(text, step.function);
  const body = text.slice(from, to);
  const found = [...body.matchAll(step.find)].length;
  const place = step.function === undefined ? step.file : `${step.function}() in ${step.file}`;
  if (found !== step.times)
    throw new InputError(
      `does not fit: ${place} has what it changes ${found} times, not ${step.times}`,
      where,
    );
  return text.slice(0, from) + body.replaceAll(step.find, () => step.put) + text.slice(to);
}

/** From the opening brace of a function's definition to its end; nothing when it is not there. */
function bodyOf(text: string, name: string): { from: number; to: number } {
  // The definition begins in the first column; a declaration has a semicolon where that has a brace.
  const definition = new RegExp(`^[a-z][^\\n;{}#]*\\b${name}\\([^;{}]*\\)\\s*\\{`, 'm').exec(text);
  if (definition === null) return { from: 0, to: 0 };
  const from = definition.index + definition[0].length;
  let depth = 1;
  let to = from;
  for (; to < text.length && depth > 0; to++) {
    if (text[to] === '{') depth++;
    else if (text[to] === '}') depth--;
  }
  return { from, to };
}

function isOlder(a: string, b: string): boolean {
  const [[majorA, minorA], [majorB, minorB]] = [a, b].map((version) => version.split('.').map(Number));
  return majorA !== majorB ? majorA < majorB : minorA < minorB;
}
