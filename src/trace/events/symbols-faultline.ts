/**
 * Words of the synthetic `faultline` events.
 */
import { entriesOf, symbolTable } from './symbol-table.js';

export const faultlineTables = [
  /**
   * Why a fault was told to come back; the checks are those of kvm_mmu_faultin_pfn and is_page_fault_stale.
   */
  symbolTable(
    'retryReason',
    entriesOf('0 unknown | 1 precheck1 | 2 precheck2 | 3 stale | 4 frozen | 5 lost-race'),
  ),
  symbolTable('lockMode', entriesOf('0 unknown | 1 read | 2 write')),
  /** Whether whoever got the lock in a yield made progress with it. */
  symbolTable('usefulness', entriesOf('0 unknown | 1 useful | 2 useless')),
];
