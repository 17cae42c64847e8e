/**
 * What the event table says about one event. Readers, writers, the store and docs/events.md come from it.
 */

/**
 * How a field is stored.
 *
 * `u64` and `s64` keep all 64 bits. `string` is text (a char array or a dynamic string), `bytes` is a blob
 * such as instruction bytes, `cpumask` a set of CPUs; all three are interned.
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
  | 'us'
  | 'tsc-cycles'
  | 'jiffies'
  | 'pages'
  | 'bytes'
  | 'vcpu'
  | 'cpu'
  | 'node'
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

/** How a field was declared in older kernels; readers widen it to the field's own type. */
export interface EarlierForm {
  readonly type: FieldType;
  readonly ctype: string;
  /** Last kernel with this form. */
  readonly until: string;
}

export interface FieldDef {
  /** The kernel's own name of the field in the event's `format` file. */
  readonly name: string;
  readonly type: FieldType;
  /**
   * C declaration without the name, as the `format` file prints it (`unsigned long`, `char[16]`, `__data_loc
   * char[]`).
   */
  readonly ctype: string;
  readonly unit?: FieldUnit;
  /** First kernel whose event has the field, where that is later than the event itself: `v7.3`. */
  readonly since?: string;
  /** Last kernel that has it, where it went away. */
  readonly until?: string;
  /** Other declarations of the same field, oldest first. */
  readonly earlier?: readonly EarlierForm[];
  /**
   * How `trace-cmd report -R` and perf's `[FAILED TO PARSE]` lines show the number when it carries no `0x`.
   *
   * libtraceevent prints a raw field with the conversion that the event's own `print fmt` uses for it,
   * together with a literal `0x` in front of it, if there is one. So bare digits are hexadecimal (`hex`)
   * where the kernel prints the field with a bare `%x`, and decimal where it prints `%d` or `%u`, prints it
   * only inside `__print_symbolic` or an expression, or where libtraceevent cannot parse the format at all.
   * `signed` is an unsigned field that the kernel prints with `%d` (-1 stands for all ones). Absent means
   * decimal, signed as the type is. perf's failed lines are always decimal.
   */
  readonly raw?: 'hex' | 'signed';
}

/** A field that a shape does not print but decides: what is true of every event that prints this way. */
export interface ImpliedValue {
  readonly field: string;
  readonly value: number;
  /** Only these bits decide; such a field is printed elsewhere in the shape, and reading leaves it alone. */
  readonly mask?: number;
}

export interface EventDef {
  /** Trace system: the folder under `events/` in tracefs. */
  readonly system: string;
  readonly name: string;
  /** In the order of the newest `format` file, common fields left out; names are unique. */
  readonly fields: readonly FieldDef[];
  /**
   * Shapes of the text form, in the grammar of `print-shape.ts`. The first is written; all are tried when
   * reading, in order: newest kernel first, then older kernels, then the layouts of trace-cmd's plugins.
   */
  readonly print: readonly string[];
  /**
   * By position in `print`: values that a shape implies. Reading sets them (those without a mask). Writing
   * takes the first shape whose implied values all hold, and the first shape of all where none does.
   */
  readonly implied?: Readonly<Record<number, readonly ImpliedValue[]>>;
  /** Order of the fields in older kernels, where it differs from `fields`. */
  readonly earlierOrder?: { readonly names: readonly string[]; readonly until: string };
  /** First kernel that has the event on x86: `v5.10` stands for "5.10 or earlier". */
  readonly since: string;
  /** Last kernel that has it; absent while it exists. */
  readonly until?: string;
  /** One line: when it fires and what it tells. */
  readonly meaning: string;
}
