/**
 * The `format` file of an event: how its bytes lie in the ring buffer.
 *
 * tracefs has one per event under events/SYSTEM/NAME/format, and trace.dat carries them in its formats
 * section:
 *
 *     name: kvm_entry
 *     ID: 1702
 *     format:
 *     	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
 *     	...
 *     	field:unsigned int vcpu_id;	offset:8;	size:4;	signed:0;
 *
 *     print fmt: "vcpu %u, rip 0x%lx", REC->vcpu_id, REC->rip
 */
import type { EventDef, FieldDef, FieldType } from '../events/types.js';
import { findEvent } from '../events/index.js';

/** Where one field lies in an event, counted from the event's first byte (common_type). */
export interface FieldPlace {
  readonly def: FieldDef;
  readonly offset: number;
  readonly size: number;
  /**
   * `fixed`: the bytes are the value. `data_loc`, `rel_loc`: a word that says where a dynamic array lies,
   * from the start of the event or from the end of the word.
   */
  readonly place: 'fixed' | 'data_loc' | 'rel_loc';
}

export interface EventFormat {
  readonly id: number;
  readonly def: EventDef;
  /** Whether the event table defines the event. */
  readonly known: boolean;
  readonly fields: readonly FieldPlace[];
}

const FIELD = /field:([^;]+);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d))?/g;

/** The event id in a format text without parsing the rest; undefined when there is none. */
function formatId(text: string): number | undefined {
  const match = /^ID: (\d+)$/m.exec(text);
  return match ? Number(match[1]) : undefined;
}

/** Parse one format text; undefined when it has no name or id. */
function parseFormat(system: string, text: string): EventFormat | undefined {
  const name = /^name: (\S+)$/m.exec(text)?.[1];
  const id = formatId(text);
  if (name === undefined || id === undefined) return undefined;
  const known = findEvent(name, system);
  const fields: FieldPlace[] = [];
  for (const [, declaration, offset, size, signed] of text.matchAll(FIELD)) {
    const { ctype, fieldName } = splitDeclaration(declaration);
    if (fieldName.startsWith('common_')) continue;
    const fromTable = known?.fields.find((field) => field.name === fieldName);
    const type = fieldType(ctype, fieldName, Number(size), signed === '1');
    fields.push({
      def: { ...fromTable, name: fieldName, type, ctype },
      offset: Number(offset),
      size: Number(size),
      place: ctype.startsWith('__data_loc')
        ? 'data_loc'
        : ctype.startsWith('__rel_loc')
          ? 'rel_loc'
          : 'fixed',
    });
  }
  const defs = fields.map((field) => field.def);
  const def: EventDef = known
    ? { ...known, fields: defs }
    : { system, name, fields: defs, print: [], since: 'v5.10', meaning: 'not in the event table' };
  return { id, def, known: known !== undefined, fields };
}

/**
 * `unsigned char insn[15]` -> { ctype: 'unsigned char[15]', fieldName: 'insn' }; `__data_loc char[] name`
 * likewise.
 */
function splitDeclaration(declaration: string): { ctype: string; fieldName: string } {
  const match = /^(.*?)\s*\b(\w+)((?:\[[^\]]*\])*)$/.exec(declaration.trim());
  if (!match) return { ctype: '', fieldName: declaration.trim() };
  const [, type, fieldName, dimensions] = match;
  return { ctype: `${type}${dimensions}`, fieldName };
}

function fieldType(ctype: string, name: string, size: number, signed: boolean): FieldType {
  const dynamic = ctype.startsWith('__data_loc') || ctype.startsWith('__rel_loc');
  if (/cpumask/.test(ctype) || (ctype.includes('[') && /cpu_?mask/.test(name))) return 'cpumask';
  if (dynamic || ctype.includes('[')) {
    return /\bchar\b/.test(ctype) && !/unsigned char/.test(ctype) ? 'string' : 'bytes';
  }
  if (/^(bool|_Bool)$/.test(ctype)) return 'bool';
  if (size === 1) return signed ? 's8' : 'u8';
  if (size === 2) return signed ? 's16' : 'u16';
  if (size === 4) return signed ? 's32' : 'u32';
  if (size === 8) return signed ? 's64' : 'u64';
  return 'bytes';
}

/**
 * Formats of one trace by event id; each is parsed when first asked for, because a file carries thousands.
 */
export class FormatRegistry {
  readonly #texts = new Map<number, { system: string; text: string }>();
  readonly #parsed = new Map<number, EventFormat | undefined>();

  /** Add a format text; texts without an id are left out and return false. */
  add(system: string, text: string): boolean {
    const id = formatId(text);
    if (id === undefined) return false;
    this.#texts.set(id, { system, text });
    return true;
  }

  get size(): number {
    return this.#texts.size;
  }

  get(id: number): EventFormat | undefined {
    if (this.#parsed.has(id)) return this.#parsed.get(id);
    const source = this.#texts.get(id);
    const format = source ? parseFormat(source.system, source.text) : undefined;
    this.#parsed.set(id, format);
    return format;
  }
}
