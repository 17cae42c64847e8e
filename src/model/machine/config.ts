/** What a machine is built from, what is left out filled in, and what cannot be refused. */
import { InputError } from '../../trace/errors.js';
import { HPAGE_PMD_NR } from '../host/folios.js';
import type { KsmSettings } from '../host/settings.js';
import type { PagingGeometry } from '../kvm.js';
import type { Policy } from '../policies.js';

export interface SlotConfig {
  readonly pages: number;
  /** Address space: 0 is normal, 1 is system management mode. Default 0. */
  readonly asId?: number;
  /** Frames before it, in its address space, that no memslot has. Default 0. */
  readonly hole?: number;
  /** Index of an earlier slot whose host memory it shows too. */
  readonly sameMemoryAs?: number;
}

export interface MachineConfig {
  readonly policy: Policy;
  readonly vcpus: number;
  /** In order of their guest frames. */
  readonly slots: readonly SlotConfig[];
  /** NUMA nodes of the host. Default 1. */
  readonly nodes?: number;
  /** Node of each CPU of the host. Default: one CPU for each vCPU, on the nodes in turn. */
  readonly cpuNodes?: readonly number[];
  /** Default: 9 bits, 4 levels, leaves of 2 MiB. */
  readonly geometry?: Partial<Omit<PagingGeometry, 'gfns'>>;
  /** Page frames of the host. Default: on each node a quarter more than the guest has, at least 512 more. */
  readonly pfns?: number;
  /** Roots that can be alive at once in one address space. Default 3: one valid, two on their way out. */
  readonly roots?: number;
  /** Entries of a guest TLB; rounded up to a power of two. Default 1536, as recent processors have. */
  readonly tlbEntries?: number;
  /** Host pages behind the memslots that belong to the process, but to no memslot. Default 0. */
  readonly outsidePages?: number;
  /** A private memslot for the APIC access page, behind the others. Default no. */
  readonly apicAccessPage?: boolean;
  /** Host page of each gfn_to_pfn_cache, counted from the first page of slot 0. Default none. */
  readonly pfnCaches?: readonly number[];
  /** Pages that the host has from the start; without it none. */
  readonly populated?: {
    /** Where the host can, with pages of 2 MiB. */
    readonly huge: boolean;
    /** Node of a page, counted from the first page of slot 0. A huge page lies where its first page does. */
    readonly nodeOf: (page: number) => number;
  };
  /** transparent_hugepage/enabled is always. Default no. */
  readonly thp?: boolean;
  /** Hinting faults may move pages. Default no. */
  readonly migratesMisplaced?: boolean;
  readonly ksm?: {
    readonly settings: KsmSettings;
    readonly classes: number;
    /**
     * Content class of a page, counted from the first page of slot 0: 1 .. classes, or 0 if no other is
     * like it.
     */
    readonly classOf: (page: number) => number;
  };
  /** Shadow paging: frame of the first of the guest's own page tables. Default: behind every memslot. */
  readonly guestTableGfn?: number;
  /** Memslots change while vCPUs run. Default no. */
  readonly memslotsChange?: boolean;
}

/** A memslot with its place. */
export interface PlacedSlot {
  readonly asId: number;
  readonly baseGfn: number;
  readonly pages: number;
  /** Host page, counted from the first page of the process. */
  readonly firstPage: number;
  readonly isPrivate: boolean;
}

export interface MachinePlan {
  readonly config: MachineConfig;
  readonly slots: readonly PlacedSlot[];
  readonly geometry: PagingGeometry;
  /** Pages of the process. */
  readonly pages: number;
  readonly pfns: number;
  readonly nodes: number;
  readonly cpuNodes: readonly number[];
  readonly rootsPerSpace: number;
  readonly addressSpaces: number;
  readonly tlbEntries: number;
}

/** @throws InputError for a machine that cannot be */
export function planMachine(config: MachineConfig): MachinePlan {
  const { vcpus, nodes = 1 } = config;
  whole('vcpus', vcpus, 1, 4096);
  whole('nodes', nodes, 1, 63);
  whole('roots', config.roots ?? 3, 1, 4100);
  whole('tlbEntries', config.tlbEntries ?? 1536, 1, 2 ** 20);
  whole('outsidePages', config.outsidePages ?? 0, 0, MOST_PAGES);
  const { slots, pages: slotPages } = placeSlots(config);
  const pages = slotPages + (config.outsidePages ?? 0);
  if (pages > MOST_PAGES) refuse('pages', `${pages} pages of memory, at most ${MOST_PAGES}`);
  for (const page of config.pfnCaches ?? []) whole('pfnCaches', page, 0, pages - 1);
  const cpuNodes = config.cpuNodes ?? Array.from({ length: vcpus }, (_, cpu) => cpu % nodes);
  if (cpuNodes.some((node) => node < 0 || node >= nodes))
    refuse('cpuNodes', `a CPU on a node beyond ${nodes}`);
  return {
    config,
    slots,
    pages,
    nodes,
    cpuNodes,
    geometry: planGeometry(config, slots),
    pfns: planFrames(config, pages, nodes),
    rootsPerSpace: config.roots ?? 3,
    addressSpaces: Math.max(...slots.map(({ asId }) => asId)) + 1,
    // `| 0`: cells are no doubles, see MemoryLayout.alloc.
    tlbEntries: (2 ** Math.ceil(Math.log2(config.tlbEntries ?? 1536))) | 0,
  };
}

/** Entries hold 24 bits of frame. */
const MOST_FRAMES = 2 ** 24 - 1;
/** 32 GiB. */
const MOST_PAGES = 2 ** 23;

/**
 * Guest frames one slot after the other; host pages likewise, each slot from a boundary of 2 MiB where both
 * are so large, so that huge pages fit.
 */
function placeSlots(config: MachineConfig): { slots: PlacedSlot[]; pages: number } {
  if (config.slots.length === 0) refuse('slots', 'a machine needs a memslot');
  const slots: PlacedSlot[] = [];
  const nextGfn = [0, 0];
  let pages = 0;
  for (const [index, { pages: size, asId = 0, hole = 0, sameMemoryAs }] of config.slots.entries()) {
    whole('pages', size, 1, MOST_PAGES);
    whole('asId', asId, 0, 1);
    whole('hole', hole, 0, MOST_PAGES);
    const twin = sameMemoryAs === undefined ? undefined : slots[sameMemoryAs];
    if (sameMemoryAs !== undefined && (twin === undefined || twin.pages < size)) {
      refuse('sameMemoryAs', `slot ${index} cannot show ${size} pages of slot ${sameMemoryAs}`);
    }
    const baseGfn = nextGfn[asId] + hole;
    if (twin === undefined && size >= HPAGE_PMD_NR) {
      // The same place within 2 MiB as its frames have.
      pages += (baseGfn - pages) & (HPAGE_PMD_NR - 1);
    }
    slots.push({ asId, baseGfn, pages: size, firstPage: twin?.firstPage ?? pages, isPrivate: false });
    nextGfn[asId] = baseGfn + size;
    if (twin === undefined) pages += size;
  }
  if (config.apicAccessPage === true) {
    slots.push({ asId: 0, baseGfn: nextGfn[0], pages: 1, firstPage: pages, isPrivate: true });
    pages += 1;
  }
  return { slots, pages };
}

function planGeometry(config: MachineConfig, slots: readonly PlacedSlot[]): PagingGeometry {
  const { bits = 9, levels = 4, maxLeafLevel = 2 } = config.geometry ?? {};
  whole('bits', bits, 1, 9);
  whole('levels', levels, 1, 5);
  whole('maxLeafLevel', maxLeafLevel, 1, 2);
  const gfns = Math.max(...slots.map(({ baseGfn, pages }) => baseGfn + pages));
  if (gfns > 2 ** (bits * levels)) {
    refuse(
      'geometry',
      `${gfns} frames, but ${levels} levels of ${bits} bits address ${2 ** (bits * levels)}`,
    );
  }
  // Frames are counted in 32 bits, also those that one entry of the root maps.
  if (bits * (levels - 1) > 30) refuse('geometry', `${levels} levels of ${bits} bits are too many`);
  // The host's huge pages have 512 pages, so a guest whose tables are smaller has none.
  return { bits, levels, gfns, maxLeafLevel: bits === 9 && levels > 1 ? maxLeafLevel : 1 };
}

function planFrames(config: MachineConfig, pages: number, nodes: number): number {
  if (config.pfns === undefined) {
    const wanted = pages < HPAGE_PMD_NR ? 2 * pages + 8 : pages + Math.max(pages >>> 2, HPAGE_PMD_NR);
    const all = nodes === 1 ? wanted + 1 : Math.ceil(wanted / HPAGE_PMD_NR) * HPAGE_PMD_NR * nodes;
    return Math.min(all, MOST_FRAMES);
  }
  whole('pfns', config.pfns, 2, MOST_FRAMES);
  if (config.populated !== undefined && config.pfns <= pages) {
    refuse('pfns', `${config.pfns} frames (frame 0 is never used) cannot hold ${pages} populated pages`);
  }
  return config.pfns;
}

function whole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  refuse(field, `${field} must be a whole number from ${least} to ${most}, not ${value}`);
}

function refuse(field: string, message: string): never {
  throw new InputError(message, { field: `machine.${field}` });
}
