import { describe, expect, it } from 'vitest';
import { eventTable, eventsNamed, findEvent } from './index.js';
import { compileShape } from './print-shape.js';
import { findSymbols, symbolTables } from './symbols.js';
import type { EventDef, FieldDef } from './types.js';

/** Order of versions: v5.9 before v5.10. */
function versionNumber(version: string): number {
  const match = /^v(\d+)\.(\d+)$/.exec(version);
  if (!match) throw new Error(`'${version}' is no kernel version`);
  return Number(match[1]) * 1000 + Number(match[2]);
}

const label = (event: EventDef): string => `${event.system}:${event.name}`;

describe('the event table', () => {
  it('has every event once', () => {
    const names = eventTable.map(label);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('keeps the events of one system together', () => {
    const runs = eventTable.map((event) => event.system).filter((system, i, all) => system !== all[i - 1]);
    expect(runs).toEqual([...new Set(runs)]);
  });

  it('has the systems that a study of mmu_lock needs', () => {
    const systems = new Set(eventTable.map((event) => event.system));
    const wanted =
      'kvm kvmmmu lock sched ipi csd tlb migrate ksm huge_memory vmscan irq_vectors mmap_lock faultline';
    expect(wanted.split(' ').filter((system) => !systems.has(system))).toEqual([]);
  });

  it.each(eventTable.map((event) => [label(event), event] as const))('%s is well formed', (_, event) => {
    expect(event.name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(event.print.length).toBeGreaterThan(0);
    expect(event.meaning).toMatch(/^\S.*[.)]$/);
    const names = event.fields.map((field) => field.name);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(event.print).size).toBe(event.print.length);
    expect(versionNumber(event.since)).toBeLessThanOrEqual(versionNumber(event.until ?? 'v999.0'));
    for (const field of event.fields) expectSaneVersions(event, field);
    const order = event.earlierOrder ?? { names, until: event.since };
    expect(order.names.filter((name) => !names.includes(name))).toEqual([]);
    expect(versionNumber(order.until)).toBeGreaterThanOrEqual(versionNumber(event.since));
  });

  it.each(eventTable.map((event) => [label(event), event] as const))(
    '%s has shapes that compile',
    (_, event) => {
      for (const [index, shape] of event.print.entries()) {
        expect(() => compileShape(shape, event, findSymbols, event.implied?.[index])).not.toThrow();
      }
      for (const index of Object.keys(event.implied ?? {})) expect(event.print[Number(index)]).toBeDefined();
    },
  );
});

/** A field lives within its event; its earlier forms end in order, before it does. */
function expectSaneVersions(event: EventDef, field: FieldDef): void {
  const first = versionNumber(field.since ?? event.since);
  const last = versionNumber(field.until ?? event.until ?? 'v999.0');
  expect(first).toBeGreaterThanOrEqual(versionNumber(event.since));
  expect(last).toBeGreaterThanOrEqual(first);
  const ends = (field.earlier ?? []).map((form) => versionNumber(form.until));
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  for (const end of ends) {
    expect(end).toBeGreaterThanOrEqual(first);
    expect(end).toBeLessThan(last);
  }
}

describe('findEvent', () => {
  it('finds by name, and by name and system', () => {
    expect(findEvent('kvm_page_fault')?.system).toBe('kvm');
    expect(findEvent('kvm_page_fault', 'kvmmmu')).toBeUndefined();
    expect(findEvent('no_such_event')).toBeUndefined();
  });

  it('wants the system where two have the name', () => {
    expect(eventsNamed('lock_acquired').map((event) => event.system)).toEqual(['lock', 'faultline']);
    expect(findEvent('lock_acquired')).toBeUndefined();
    expect(findEvent('lock_acquired', 'faultline')?.fields.map((field) => field.name)).toContain('waited_ns');
  });
});

describe('raw', () => {
  const rawOf = (event: string, field: string): string | undefined =>
    findEvent(event)?.fields.find((one) => one.name === field)?.raw;

  it('follows the kernel’s print format', () => {
    expect(rawOf('kvm_mmu_spte_requested', 'gfn')).toBe('hex');
    expect(rawOf('kvm_mmu_spte_requested', 'level')).toBeUndefined();
    expect(rawOf('kvm_exit', 'guest_rip')).toBeUndefined();
    expect(rawOf('contention_begin', 'flags')).toBeUndefined();
    expect(rawOf('tlb_flush', 'pages')).toBe('signed');
  });

  it('is decimal where libtraceevent cannot parse the format', () => {
    expect(rawOf('kvm_mmu_get_page', 'gfn')).toBeUndefined();
  });
});

describe('symbol tables', () => {
  it.each(symbolTables.map((table) => [table.name, table] as const))('%s is well formed', (name, table) => {
    expect(findSymbols(name)).toBe(table);
    const names = table.entries.map(([, text]) => text);
    expect(new Set(names).size).toBe(names.length);
    for (const [value, text] of table.entries) {
      expect(Number.isSafeInteger(value)).toBe(true);
      expect(text.trim()).toBe(text);
      expect(table.parse(text)).toBe(value);
    }
  });

  it('are named once, and used', () => {
    const names = symbolTables.map((table) => table.name);
    expect(new Set(names).size).toBe(names.length);
    const shapes = eventTable.flatMap((event) => event.print).join('\n');
    expect(
      names.filter((name) => !shapes.includes(`sym=${name}}`) && !shapes.includes(`flags=${name}}`)),
    ).toEqual([]);
  });
});
