import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findSymbols } from './symbols.js';
import type { SymbolTable } from './symbol-table.js';

function table(name: string): SymbolTable {
  const found = findSymbols(name);
  if (!found) throw new Error(`no table ${name}`);
  return found;
}

describe('one name per number', () => {
  it('writes the first name, reads all, and keeps unknown numbers', () => {
    const reasons = table('tlbFlushReason');
    expect(reasons.format(3)).toBe('local MM shootdown');
    expect(reasons.parse('local mm shootdown')).toBe(3);
    expect(reasons.format(99)).toBe('0x63');
    expect(reasons.parse('0x63')).toBe(99);
    expect(reasons.parse('moon phase')).toBeUndefined();
  });

  it('tells AMD from Intel by the words alone', () => {
    expect(table('svmExit').parse('npf')).toBe(0x400);
    expect(table('svmExit').parse('EPT_VIOLATION')).toBeUndefined();
    expect(table('svmExit').parse('0x30')).toBeUndefined();
    expect(table('svmExitPlugin').parse('EXIT_NPF')).toBe(0x400);
    expect(table('vmxExit').parse('EPT_VIOLATION')).toBe(48);
    expect(table('vmxExit').parse('INVALID_STATE FAILED_VMENTRY')).toBe(0x80000021);
  });
});

describe('flags', () => {
  it('joins the names of set bits', () => {
    const flags = table('lockFlags');
    expect(flags.format(5)).toBe('SPIN|WRITE');
    expect(flags.format(0)).toBe('');
    expect(flags.format(0x41)).toBe('SPIN|0x40');
    expect(flags.parse('SPIN|WRITE')).toBe(5);
    expect(flags.parse('')).toBe(0);
    expect(flags.parse('SPIN|HEAVY')).toBeUndefined();
  });

  it('takes an empty text for zero only where nothing else prints the number', () => {
    expect(table('faultErrorOrNone').parse('')).toBe(0);
    expect(table('faultError').parse('')).toBeUndefined();
    expect(table('apicvInhibit').parse('')).toBeUndefined();
  });

  it('has a word for no flags where the kernel has', () => {
    expect(table('reclaimFlags').format(0)).toBe('RECLAIM_WB_NONE');
    expect(table('reclaimFlags').parse('RECLAIM_WB_NONE')).toBe(0);
  });

  it.each(['lockFlags', 'faultErrorOrNone', 'reclaimFlags', 'throttleFlags', 'taskStatePlugin'])(
    '%s comes back',
    (name) => {
      const flags = table(name);
      fc.assert(fc.property(fc.nat(2 ** 40), (value) => flags.parse(flags.format(value)) === value));
    },
  );
});

describe('task states', () => {
  it('marks preempted tasks', () => {
    const states = table('taskState');
    expect([0, 0x100, 1, 2, 0x80].map((state) => states.format(state))).toEqual(['R', 'R+', 'S', 'D', 'I']);
    expect(['R', 'R+', 'D|P'].map((text) => states.parse(text))).toEqual([0, 0x100, 0x42]);
    expect(states.parse('')).toBeUndefined();
  });

  it('reads trace-cmd’s letters, which are an old kernel’s', () => {
    expect(table('taskStatePlugin').parse('W')).toBe(0x80);
    expect(table('taskStatePlugin').parse('R')).toBe(0);
  });
});

describe('roles of shadow pages', () => {
  it('reads what 6.12 and PVM print', () => {
    // PVM, 6.18: role 5892, trace text and trace-cmd's text of the same event.
    expect(table('pageRoleThreeBit').parse('l4 8-byte q0 wux nxe ad')).toBe(0x1704);
    expect(table('pageRolePlugin').parse('4 q0 wux !pae nxe !wp')).toBe(5892);
    expect(table('pageRole').parse('l4 8-byte q0 wux nxe ad')).toBeUndefined();
  });

  it('reads what 7.2 prints; trace-cmd misnames the bits but keeps them', () => {
    expect(table('pageRolePlugin').parse('5 q0 direct wux invalid !pae !nxe wp smep')).toBe(28549);
    expect(table('pageRolePlugin').format(28549)).toBe('5 q0 direct wux invalid !pae !nxe wp smep');
    expect(table('pageRole').format(28549)).toBe('l5 8-byte q0 direct rwux nxe ad');
  });

  it.each(['pageRole', 'pageRoleThreeBit', 'pageRolePlugin'])('%s keeps the bits that it shows', (name) => {
    const roles = table(name);
    fc.assert(
      fc.property(fc.nat(0xffffff), (role) => {
        const text = roles.format(role);
        const read = roles.parse(text);
        expect(read).toBeDefined();
        expect(roles.format(read ?? 0)).toBe(text);
      }),
    );
  });
});

describe('errno without its sign', () => {
  it('turns it back', () => {
    expect(table('negatedErrno').format(-22)).toBe('22');
    expect(table('negatedErrno').parse('22')).toBe(-22);
    expect(table('negatedErrno').parse('-22')).toBeUndefined();
  });
});
