/** Protocols of what changes beside page tables: memslots, roots, caches of host pages, huge pages. */
import { HPAGE_PMD_NR } from '../../model/host/folios.js';
import { Request } from '../../model/kvm.js';
import type { Machine, MachineConfig } from '../../model/machine.js';
import { memslotUpdates, pfnCacheUser, splitAndChange } from './agents.js';
import type { OtherThread } from './kvm-program.js';
import { kvmProtocol, TDP, type Parts, type Protocol } from './protocol.js';
import { allFrames, behind, vcpuTouches, wholeRange, type Scope } from './scope.js';

function reloadsApicPage({ kvm, memory }: Machine): void {
  for (const { requests } of kvm.vcpus) memory.cells[requests] |= Request.ApicPageReload;
}

/** Deletes the first memslot, makes it again ... */
export function memslotUpdate({ rounds }: Scope): OtherThread {
  return {
    name: 'memslot update',
    rounds,
    start: (t, { kvm }) => memslotUpdates(t, kvm, kvm.slots[0], true),
  };
}

/** Faults and invalidations while a memslot changes. */
function memslotParts(scope: Scope): Parts {
  return {
    vcpus: vcpuTouches(scope),
    invalidators: wholeRange(scope),
    others: [memslotUpdate(scope)],
    machine: { memslotsChange: true, roots: 3 },
  };
}

export const UPDATES: readonly Protocol[] = [
  kvmProtocol(
    'memslot-update',
    'a memslot that is deleted, against faults and invalidations',
    TDP,
    {},
    memslotParts,
  ),
  kvmProtocol(
    'memslot-slot-zap',
    'the same where a deleted memslot zaps its own entries alone (without KVM_X86_QUIRK_SLOT_ZAP_ALL)',
    { ...TDP, memslotZap: 'slot-only' },
    {},
    memslotParts,
  ),
  kvmProtocol(
    'root-invalidation',
    'roots that are zapped in steps and freed, against notifiers that yield and vCPUs that use them',
    TDP,
    {},
    (scope) => ({
      ...memslotParts(scope),
      touched: allFrames(scope),
      mayResched: true,
    }),
  ),
  kvmProtocol(
    'memslot-and-outside',
    'a memslot update that waits for an invalidation outside every memslot',
    TDP,
    {},
    (scope) => ({
      vcpus: [[]],
      invalidators: behind(scope),
      others: [memslotUpdate(scope)],
      machine: { memslotsChange: true, roots: 3, outsidePages: 1 },
    }),
  ),
  kvmProtocol(
    'gfn-to-pfn-cache',
    'a cache of a host page that no memslot has, against its invalidation',
    TDP,
    {},
    (scope) => ({
      vcpus: [[]],
      invalidators: behind(scope),
      others: [
        {
          name: 'cache user',
          rounds: scope.rounds + 1,
          start: (t, { kvm }) => pfnCacheUser(t, kvm, kvm.pfnCaches[0]),
        },
      ],
      machine: { outsidePages: 1, pfnCaches: [scope.gfns] },
    }),
  ),
  kvmProtocol(
    'apic-access-page',
    'the address of the APIC access page in the VMCS, against its migration',
    TDP,
    {},
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: behind(scope),
      prepare: reloadsApicPage,
      machine: { apicAccessPage: true },
    }),
  ),
];

/** Memory of one huge page, which the host has as such. */
const HUGE: Partial<MachineConfig> = {
  geometry: { bits: 9, levels: 2 },
  populated: { huge: true, nodeOf: () => 0 },
  pfns: 3 * HPAGE_PMD_NR,
  tlbEntries: 2,
};

export const HUGE_PAGES: readonly Protocol[] = [
  kvmProtocol(
    'huge-fault',
    'a fault that maps a huge page, against the host that splits it',
    TDP,
    { gfns: HPAGE_PMD_NR },
    (scope) => ({
      // Pages of the huge one that TLBs of two entries hold.
      vcpus: vcpuTouches({ ...scope, gfns: 2 }),
      invalidators: [],
      others: [
        {
          name: 'split',
          rounds: scope.rounds,
          start: (t, { mm }) => splitAndChange(t, mm),
        },
      ],
      machine: HUGE,
    }),
  ),
];
