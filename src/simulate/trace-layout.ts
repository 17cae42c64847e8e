/**
 * How each tracepoint of the model fills the columns of the kernel's event: which argument goes where, and
 * what stands in the fields that the model knows nothing of.
 */
import { TRACEPOINTS } from '../model/tracepoints.js';
import { findEvent } from '../trace/events/index.js';
import type { EventDef, FieldDef } from '../trace/events/types.js';
import type { TraceBuilder } from '../trace/store/builder.js';
import type { KindBuilder } from '../trace/store/kind.js';
import { As, put, versionOf, type Dialect } from './trace-values.js';

/** By field; an event's own entry (`event.field`) comes first. What is not listed is written as it is. */
const CONVERSIONS: Readonly<Record<string, As>> = {
  exit_reason: As.ExitReason,
  info1: As.ErrorCode,
  info2: As.Page,
  fault_address: As.Page,
  error_code: As.ErrorCode,
  cr2_or_gpa: As.Page,
  addr: As.Page,
  old_spte: As.Spte,
  new_spte: As.Spte,
  spte: As.Spte,
  sptep: As.SpteAddress,
  role: As.Role,
  start: As.HostPage,
  end: As.HostPage,
  hva: As.HostPage,
  lock_addr: As.Lock,
  ksm_page: As.PageStruct,
  waited_ns: As.Large,
  held_ns: As.Large,
  'fast_page_fault.ret': As.RetPf,
  'fault_retry.reason': As.RetryReason,
};

/** Where the guest's program and KVM's and ksmd's structures are said to lie. */
const GUEST_RIP = 0x401136n;
const SPTEP = 0xffff888100000000n;
const RMAP_ITEM = 0xffff888103a5c000n;
const MM = 0xffff888104d30000n;

/** Fields that the model does not know and that are not 0. */
const CONSTANTS: Readonly<Record<string, Readonly<Record<string, bigint>>>> = {
  kvm_exit: { guest_rip: GUEST_RIP, isa: 2n },
  kvm_entry: { rip: GUEST_RIP },
  kvm_page_fault: { guest_rip: GUEST_RIP },
  kvm_mmu_spte_requested: { access: 7n },
  kvm_mmu_set_spte: { r: 1n, x: 1n, u: 1n },
  fast_page_fault: { sptep: SPTEP },
  ksm_merge_one_page: { rmap_item: RMAP_ITEM, mm: MM },
  ksm_merge_with_ksm_page: { rmap_item: RMAP_ITEM, mm: MM },
};

/** Fills rows of one kind of event. */
export class EventWriter {
  readonly #columns: readonly number[];
  readonly #as: readonly As[];
  readonly #constants: readonly { column: number; low: number; high: number }[];

  /** @param fields names of the model's arguments, in order */
  constructor(
    readonly kind: KindBuilder,
    fields: readonly string[],
    private readonly dialect: Dialect,
  ) {
    const { name } = kind.def;
    const place = (field: string): number => kind.columns.findIndex((column) => column.field.name === field);
    this.#columns = fields.map(place);
    this.#as = fields.map((field) => CONVERSIONS[`${name}.${field}`] ?? CONVERSIONS[field] ?? As.Number);
    this.#constants = Object.entries(CONSTANTS[name] ?? {})
      .map(([field, value]) => {
        return { column: place(field), low: Number(value & 0xffffffffn), high: Number(value >> 32n) };
      })
      .filter(({ column }) => column >= 0);
  }

  /** Fill the current row. */
  write(args: Float64Array): void {
    const { kind, dialect } = this;
    const { columns, row } = kind;
    for (let index = 0; index < this.#columns.length; index++) {
      const column = this.#columns[index];
      // A field that this kernel's event does not have yet.
      if (column >= 0) put(columns[column], row, args[index], this.#as[index], dialect);
    }
    for (const { column, low, high } of this.#constants) {
      columns[column].low[row] = low;
      if (high !== 0) columns[column].high[row] = high;
    }
  }
}

/** The writers of all tracepoints, by number; probes have none. */
export function writersOf(builder: TraceBuilder, dialect: Dialect): EventWriter[] {
  return TRACEPOINTS.map(({ system, name, fields }) => {
    const kind = builder.kind(eventFor(system, name, dialect.version), true);
    return new EventWriter(kind, fields, dialect);
  });
}

/** An event of the table with the fields that a kernel has. */
export function eventFor(system: string, name: string, version: number): EventDef {
  const def = findEvent(name, system);
  if (!def) throw new Error(`the event table has no ${system}:${name}`);
  return { ...def, fields: def.fields.filter((field) => hasField(field, version)) };
}

function hasField({ since, until }: FieldDef, version: number): boolean {
  return (
    (since === undefined || versionOf(since) <= version) &&
    (until === undefined || version <= versionOf(until))
  );
}
