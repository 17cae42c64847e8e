/** Arms that choose a kernel: `kernel=6.12,preempt=full` is the arm `preempt=full` under kernel 6.12. */
import { InputError } from '../../trace/errors.js';
import { parseArm } from '../../measure/host/arms.js';
import { findKernel, type CachedKernel } from '../../measure/kernels/kernel-cache.js';

/** One kernel, and the arms that are measured under it. */
export interface KernelArms {
  readonly kernel: CachedKernel;
  readonly arms: readonly VmArm[];
}

export interface VmArm {
  /** As it was written. */
  readonly name: string;
  /** What is left of it inside the VM. */
  readonly inside: string;
}

/** An arm that changes nothing. */
const AS_IS = 'as-is';

/** Whether a measurement with these options is one in the bench VM. */
export function choosesKernel(arms: readonly string[], kernel: string | undefined): boolean {
  return kernel !== undefined || arms.some((arm) => kernelOf(arm) !== undefined);
}

const partsOf = (arm: string): string[] => arm.split(',').map((part) => part.trim());
const kernelOf = (arm: string): string | undefined =>
  partsOf(arm)
    .find((part) => part.startsWith('kernel='))
    ?.slice('kernel='.length);

/**
 * In the order in which kernels are first named.
 *
 * @param kernel of the arms that name none
 * @throws InputError for an arm without a kernel, a kernel that is not there, or an arm that is none
 */
export function armsByKernel(arms: readonly string[], kernel: string | undefined): KernelArms[] {
  const byKernel = new Map<string, VmArm[]>();
  for (const name of arms.length === 0 ? [AS_IS] : arms) {
    const wanted = kernelOf(name) ?? kernel;
    if (wanted === undefined)
      throw new InputError(`${name}: other arms choose a kernel and this one does not`, { field: '--arm' });
    const inside = partsOf(name)
      .filter((part) => !part.startsWith('kernel='))
      .join(',');
    if (inside !== '' && inside !== AS_IS) parseArm(inside);
    const list = byKernel.get(wanted) ?? [];
    list.push({ name, inside: inside === '' ? AS_IS : inside });
    byKernel.set(wanted, list);
  }
  return [...byKernel].map(([name, list]) => ({ kernel: findKernel(name, '--kernel'), arms: list }));
}
