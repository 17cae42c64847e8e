/**
 * What the event table says about one event. Readers, writers, the store and docs/events.md come from it.
 */

/**
 * How a field is stored.
 *
 * `u64` and `s64` keep all 64 bits. `string` is text (a char array or a dynamic string), `bytes` is a blob such as
 * instruction bytes, `cpumask` a set of CPUs; all three are interned.
 */
export type FieldType =
  | 'u8'
  | 's8'
  | 'u16'
  | 's16'
  | 'u32'
  | 's32'
  | 'u64'
  | 's64'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'cpumask';

/** What a number counts or names; printed in docs and reports. */
export type FieldUnit =
  | 'gfn'
  | 'pfn'
  | 'hva'
  | 'gpa'
  | 'gva'
  | 'kernel-address'
  | 'lock-address'
  | 'spte'
  | 'ns'
  | 'ms'
  | 'jiffies'
  | 'pages'
  | 'bytes'
  | 'vcpu'
  | 'cpu'
  | 'tid'
  | 'level'
  | 'errno'
  | 'error-code'
  | 'flags'
  | 'enum'
  | 'count'
  | 'bool'
  | 'name'
  | 'asid';

export interface FieldDef {
  /** The kernel's own name of the field in the event's `format` file. */
  readonly name: string;
  readonly type: FieldType;
  /** C declaration without the name, as the `format` file prints it (`unsigned long`, `char[16]`, `__data_loc char[]`). */
  readonly ctype: string;
  readonly unit?: FieldUnit;
  /** First kernel whose event has the field, where that is later than the event itself: `v7.3`. */
  readonly since?: string;
  /** Last kernel that has it, where it went away. */
  readonly until?: string;
}

export interface EventDef {
  /** Trace system: the folder under `events/` in tracefs. */
  readonly system: string;
  readonly name: string;
  /** In the order of the `format` file, common fields left out. */
  readonly fields: readonly FieldDef[];
  /**
   * Shapes of the text form, in the grammar of `print-shape.ts`. The first is written; all are tried when reading,
   * in order: newest kernel first, then older kernels, then the layouts of trace-cmd's plugins.
   */
  readonly print: readonly string[];
  /** First kernel that has the event on x86: `v5.10` stands for "5.10 or earlier". */
  readonly since: string;
  /** Last kernel that has it; absent while it exists. */
  readonly until?: string;
  /** One line: when it fires and what it tells. */
  readonly meaning: string;
}
