/** On which node the host put a page before the run began. */
import type { SimulationSetup } from './setup.js';

/**
 * @returns node of a page of the guest, by its number: where the vCPU that owns its region runs (first
 *   touch), each node in turn, or node 0
 */
export function nodeOfFirstTouch({ guest, machine }: SimulationSetup): (page: number) => number {
  const { nodes, cpus } = machine;
  if (guest.placement === 'one-node' || nodes === 1) return () => 0;
  if (guest.placement === 'interleave') return (page) => page % nodes;
  const perVcpu = guest.pages / guest.vcpus;
  return (page) => {
    const cpu = Math.min(guest.vcpus - 1, Math.floor(page / perVcpu)) % cpus;
    return Math.floor((cpu * nodes) / cpus);
  };
}
