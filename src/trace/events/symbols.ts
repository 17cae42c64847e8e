/**
 * The tables that print shapes name in `sym=` and `flags=`.
 */
import { pageRoleTables } from './page-role.js';
import type { SymbolTable } from './symbol-table.js';
import { exitTables } from './symbols-exits.js';
import { faultlineTables } from './symbols-faultline.js';
import { kernelTables } from './symbols-kernel.js';
import { kvmTables } from './symbols-kvm.js';

/** Every table, sorted by where its numbers come from. */
export const symbolTables: readonly SymbolTable[] = [
  ...exitTables,
  ...kvmTables,
  ...pageRoleTables,
  ...kernelTables,
  ...faultlineTables,
];

const byName: ReadonlyMap<string, SymbolTable> = new Map(symbolTables.map((table) => [table.name, table]));

/** The table of that name, `undefined` where there is none. */
export function findSymbols(name: string): SymbolTable | undefined {
  return byName.get(name);
}
