/** Goal: an edit changes its function and nothing else, and refuses what it was not written for. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { applyEdit, EDITS, editNamed } from './edits.js';

const tree = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(tree, { recursive: true }));

function file(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}
const read = (path: string): string => readFileSync(join(tree, path), 'utf8');

const TDP_MMU = 'arch/x86/kvm/mmu/tdp_mmu.c';
const SOURCE = `static bool other(void)
{
	return rwlock_needbreak(&kvm->mmu_lock);
}
static inline bool tdp_mmu_iter_cond_resched(struct kvm *kvm,
					     bool flush);
static inline bool tdp_mmu_iter_cond_resched(struct kvm *kvm,
					     bool flush)
{
	if (a) { b(); }
	if (need() || rwlock_needbreak(&kvm->mmu_lock)) {
		c();
	}
}
static bool later(void) { return rwlock_needbreak(&kvm->mmu_lock); }
`;

it('changes the function that it names', () => {
  file(TDP_MMU, SOURCE);
  expect(applyEdit(editNamed('no-yield'), tree, '6.12')).toEqual([TDP_MMU]);
  expect(read(TDP_MMU)).toBe(SOURCE.replace('need() || rwlock_needbreak(&kvm->mmu_lock)', 'need() || false'));
});

it('changes all files of an edit, or none', () => {
  file(TDP_MMU, SOURCE);
  file('arch/x86/kvm/mmu/tdp_iter.h', 'struct tdp_iter {\n\tbool valid;\n};\n');
  expect(() => applyEdit(editNamed('yield-after-batch'), tree, '6.12')).toThrow(
    /does not fit: arch\/x86\/kvm\/mmu\/tdp_iter.h has what it changes 0 times, not 1/,
  );
  expect(read(TDP_MMU)).toBe(SOURCE);
  file('arch/x86/kvm/mmu/tdp_iter.h', 'struct tdp_iter {\n\tbool valid;\n\tbool yielded;\n};\n');
  expect(applyEdit(editNamed('yield-after-batch'), tree, '6.12')).toHaveLength(2);
  expect(read(TDP_MMU)).toContain('% 512 == 0 && rwlock_needbreak');
});

it('refuses other kernels, functions that are not there, and names that are none', () => {
  expect(() => applyEdit(editNamed('no-pre-check'), tree, '6.1')).toThrow(
    /is for kernels 6.8 to 6.12, and this is 6.1/,
  );
  file('arch/x86/kvm/mmu/mmu.c', 'int x;\n');
  expect(() => applyEdit(editNamed('no-recheck'), tree, '6.12')).toThrow(
    /kvm_tdp_mmu_page_fault\(\) in .* 0 times/,
  );
  expect(() => editNamed('faster')).toThrow(
    new RegExp(`there are ${EDITS.map(({ name }) => name).join(', ')}`),
  );
});
