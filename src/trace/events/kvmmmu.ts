/**
 * KVM's MMU at work: shadow pages, SPTEs, walks of guest page tables, MMIO entries.
 *
 * Source: arch/x86/kvm/mmu/mmutrace.h of Linux 5.10, 6.1, 6.12, 6.18, 7.2 and 7.3. trace-cmd's kvm plugin
 * prints shadow pages its own way, without the frame where a page is zapped.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const kvmmmu = eventOf('kvmmmu');

/** libtraceevent cannot parse the print format of these events, hence decimal. */
const DECIMAL = { shown: 'decimal' } as const;

const shadowPage = [
  field('mmu_valid_gen', '__u8', 'count', DECIMAL),
  field('gfn', '__u64', 'gfn', DECIMAL),
  field('role', '__u32', 'flags', DECIMAL),
  field('root_count', '__u32', 'count', DECIMAL),
  field('unsync', 'bool', 'bool', DECIMAL),
];

const pageTexts = ['pageRole', 'pageRoleThreeBit'].map(
  (role) => `sp gen {mmu_valid_gen} gfn {gfn:x} {role:sym=${role}} root {root_count} {unsync:sym=syncState}`,
);
const pluginPage = '{role:sym=pageRolePlugin} root {root_count} {unsync:sym=syncState}';

const pages: readonly EventDef[] = [
  kvmmmu('kvm_mmu_get_page', {
    fields: [...shadowPage, field('created', 'bool', 'bool', DECIMAL)],
    print: pageTexts.map((text) => `${text} {created:sym=createdState}`),
    plugin: [`{created:sym=createdState} sp gfn {gfn:x} ${pluginPage}`],
    meaning:
      'A page table page is wanted: a new one, or one that exists. gfn is the first frame that it maps.',
  }),
  kvmmmu('kvm_mmu_prepare_zap_page', {
    fields: shadowPage,
    print: pageTexts,
    plugin: [pluginPage],
    meaning: 'A page table page is taken out of use.',
  }),
  kvmmmu('kvm_mmu_sync_page', {
    fields: shadowPage,
    print: pageTexts,
    plugin: [pluginPage],
    meaning: 'A shadow page is brought in line with the guest’s page table.',
  }),
  kvmmmu('kvm_mmu_unsync_page', {
    fields: shadowPage,
    print: pageTexts,
    plugin: [pluginPage],
    meaning: 'A guest page table becomes writable, so its shadow may go stale until the next flush.',
  }),
  kvmmmu('kvm_mmu_zap_all_fast', {
    fields: [field('mmu_valid_gen', '__u8', 'count'), field('mmu_used_pages', 'unsigned int', 'pages')],
    print: ['kvm-mmu-valid-gen {mmu_valid_gen} used_pages {mmu_used_pages:x}'],
    meaning: 'All page tables of the VM are made obsolete, as when a memslot is deleted or moved.',
  }),
];

/** PT_WRITABLE_MASK: kvm_mmu_set_spte prints this bit of the spte as a letter. */
const WRITABLE = 2;

/** The sixteen spellings of `(rwxu)`; r, x and u are fields that only these letters show. */
function permissionShapes(): { shape: string; implied: { field: string; value: number; mask?: number }[] }[] {
  const choices = [1, 0];
  return choices.flatMap((r) =>
    choices.flatMap((w) =>
      choices.flatMap((x) =>
        choices.map((u) => ({
          shape:
            `gfn {gfn:x} spte {spte:x} (${r ? 'r' : '-'}${w ? 'w' : '-'}${x ? 'x' : '-'}${u ? 'u' : '-'})` +
            ' level {level} at {sptep:x}',
          implied: [
            { field: 'r', value: r },
            { field: 'spte', value: w * WRITABLE, mask: WRITABLE },
            { field: 'x', value: x },
            { field: 'u', value: u },
          ],
        })),
      ),
    ),
  );
}

const entries: readonly EventDef[] = [
  kvmmmu('kvm_mmu_spte_requested', {
    fields: [
      field('gfn', 'u64', 'gfn'),
      field('pfn', 'u64', 'pfn'),
      field('level', 'u8', 'level'),
      field('access', 'u8', 'flags', { since: 'v7.2' }),
    ],
    print: [
      'gfn {gfn:x} pfn {pfn:x} level {level} access {access:x}',
      'gfn {gfn:x} pfn {pfn:x} level {level}',
    ],
    meaning:
      'A fault passed its checks under mmu_lock and is about to map: proof that this attempt is no retry.',
  }),
  kvmmmu('kvm_mmu_set_spte', {
    fields: [
      field('gfn', 'u64', 'gfn'),
      field('spte', 'u64', 'spte'),
      field('sptep', 'u64', 'kernel-address'),
      field('level', 'u8', 'level'),
      field('r', 'bool', 'bool'),
      field('x', 'bool', 'bool'),
      field('u', 'signed char', 'bool'),
    ],
    print: permissionShapes(),
    meaning: 'A leaf entry was written: the fault is fixed.',
  }),
  kvmmmu('kvm_tdp_mmu_spte_changed', {
    since: 'v5.11',
    fields: [
      field('gfn', 'u64', 'gfn'),
      field('old_spte', 'u64', 'spte'),
      field('new_spte', 'u64', 'spte'),
      field('level', 'u8', 'level'),
      field('as_id', 'u8', 'asid'),
    ],
    print: ['as id {as_id} gfn {gfn:x} level {level} old_spte {old_spte:x} new_spte {new_spte:x}'],
    meaning: 'The TDP MMU changed an entry: one per zapped leaf, so it is the clock of a zap’s progress.',
  }),
  kvmmmu('kvm_mmu_split_huge_page', {
    since: 'v5.18',
    fields: [
      field('gfn', 'u64', 'gfn'),
      field('spte', 'u64', 'spte'),
      field('level', 'int', 'level'),
      field('errno', 'int', 'errno'),
    ],
    print: ['gfn {gfn:x} spte {spte:x} level {level} errno {errno}'],
    meaning: 'A huge mapping is split eagerly for dirty logging.',
  }),
  kvmmmu('fast_page_fault', {
    fields: [
      field('vcpu_id', 'int', 'vcpu'),
      field('cr2_or_gpa', 'gpa_t', 'gpa'),
      field('error_code', 'u64', 'error-code', { earlier: [['u32', 'v6.1']] }),
      field('sptep', 'u64 *', 'kernel-address'),
      field('old_spte', 'u64', 'spte'),
      field('new_spte', 'u64', 'spte'),
      field('ret', 'int', 'enum'),
    ],
    print: fastFaultShapes(),
    meaning:
      'A fault was tried without mmu_lock. ret is RET_PF_*: the text tells fixed and spurious' +
      ' from the rest, and the' +
      ' numbers moved in 6.1 and 6.12.',
  }),
];

/** RET_PF_FIXED and RET_PF_SPURIOUS since 6.12; 6.1 has 4 and 5, 5.10 has 3 and 4. */
function fastFaultShapes(): (string | readonly [string, Record<string, number>])[] {
  const text = (old: string, spurious: number, fixed: number): string =>
    `vcpu {vcpu_id} gva {cr2_or_gpa:x} error_code {error_code:flags=faultErrorOrNone} sptep` +
    ` {sptep:ptr} old ${old}` +
    ` new {new_spte:x} spurious ${spurious} fixed ${fixed}`;
  const outcomes = (old: string): (string | readonly [string, Record<string, number>])[] => [
    [text(old, 0, 1), { ret: 5 }],
    [text(old, 1, 0), { ret: 6 }],
    text(old, 0, 0),
  ];
  return [...outcomes('0x{old_spte:x}'), ...outcomes('{old_spte}')];
}

const pageFaultWalk = 'addr {addr:x} pferr {pferr:x}';

const walks: readonly EventDef[] = [
  kvmmmu('kvm_mmu_pagetable_walk', {
    fields: [field('addr', '__u64', 'gva'), field('pferr', '__u32', 'error-code')],
    print: [`${pageFaultWalk} {pferr:flags=faultError}`, pageFaultWalk],
    meaning: 'KVM starts to walk the guest’s page tables: on shadow-only hosts the start of a fault.',
  }),
  kvmmmu('kvm_mmu_paging_element', {
    fields: [field('pte', '__u64', 'spte'), field('level', '__u32', 'level')],
    print: ['pte {pte:x} level {level}'],
    meaning: 'One entry of a guest page table, as the walk reads it.',
  }),
  kvmmmu('kvm_mmu_walker_error', {
    fields: [field('pferr', '__u32', 'error-code')],
    print: ['pferr {pferr:x} {pferr:flags=faultError}', 'pferr {pferr:x}'],
    meaning: 'The walk found no mapping: the fault is the guest’s own.',
  }),
  kvmmmu('kvm_mmu_set_accessed_bit', {
    fields: [field('gpa', '__u64', 'gpa')],
    print: ['gpa {gpa:x}'],
    meaning: 'The walk marks a guest page table entry as used.',
  }),
  kvmmmu('kvm_mmu_set_dirty_bit', {
    fields: [field('gpa', '__u64', 'gpa')],
    print: ['gpa {gpa:x}'],
    meaning: 'The walk marks a guest page table entry as written.',
  }),
];

const mmioEntries: readonly EventDef[] = [
  kvmmmu('mark_mmio_spte', {
    fields: [
      field('sptep', 'void *', 'kernel-address'),
      field('gfn', 'gfn_t', 'gfn'),
      field('access', 'unsigned', 'flags'),
      field('gen', 'unsigned int', 'count'),
    ],
    print: ['sptep:{sptep:ptr} gfn {gfn:x} access {access:x} gen {gen:x}'],
    meaning: 'No memslot backs the frame: the entry is made to trap as MMIO.',
  }),
  kvmmmu('handle_mmio_page_fault', {
    fields: [field('addr', 'u64', 'gpa'), field('gfn', 'gfn_t', 'gfn'), field('access', 'unsigned', 'flags')],
    print: ['addr:{addr:x} gfn {gfn:x} access {access:x}'],
    meaning: 'A fault hit an MMIO entry: it ends in emulation, not in a mapping.',
  }),
  kvmmmu('check_mmio_spte', {
    fields: [
      field('kvm_gen', 'unsigned int', 'count'),
      field('spte_gen', 'unsigned int', 'count'),
      field('spte', 'u64', 'spte'),
    ],
    print: ['spte {spte:x} kvm_gen {kvm_gen:x} spte-gen {spte_gen:x} valid {?}'],
    meaning: 'An MMIO entry is compared with the memslots’ generation.',
  }),
];

export const kvmmmuEvents: readonly EventDef[] = [...pages, ...entries, ...walks, ...mmioEntries];
