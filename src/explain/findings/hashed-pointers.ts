/**
 * Hashed pointers: lock addresses are hashes, so they can be told apart but not matched with anything else.
 */
import type { FindingRule } from './finding.js';

export const hashedPointers: FindingRule = ({ summary }) => {
  if (!summary.trace.hashedPointers || summary.lockPairing.locks === 0) return undefined;
  return {
    id: 'hashed-pointers',
    severity: 'info',
    title: 'lock addresses are hashed',
    text:
      'The kernel printed hashes in place of addresses: waits are still paired lock by lock, but the ' +
      'addresses match no other ' +
      'trace or tool, and alignment does not help to find mmu_lock.',
    advice: ['Record as trace.dat, or write 0 to options/hash-ptr in tracefs first.'],
    evidence: [],
    numbers: { locks: summary.lockPairing.locks },
  };
};
