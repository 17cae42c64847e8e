/**
 * DAMON on our memory (the operations `vaddr`): in each sampling interval the kernel's thread kdamond
 * makes one page of each region old, and looks later whether it was used.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { MachineError } from '../../../trace/errors.js';
import type { Settings } from '../../host/types.js';
import { canWrite, textOf } from '../host-parts.js';
import type { SpecOf } from '../types.js';
import type { Agent, MemoryRange } from './kind.js';

const DAEMONS = '/sys/kernel/mm/damon/admin/kdamonds';
const DEFAULT_SAMPLE_US = 5000;
const LEAST_REGIONS = 3;
const MOST_REGIONS = 10_000;

export function damonProblem(): string | undefined {
  const daemons = textOf(`${DAEMONS}/nr_kdamonds`);
  if (daemons === undefined) return 'by damon: this kernel has no DAMON with sysfs (CONFIG_DAMON_SYSFS)';
  if (!canWrite(`${DAEMONS}/nr_kdamonds`)) return `by damon: ${DAEMONS} is not writable (needs root)`;
  return daemons === '0'
    ? undefined
    : `by damon: somebody else uses DAMON (${DAEMONS}/nr_kdamonds is ${daemons})`;
}

/**
 * Only the number of kdamonds is a setting to be put back: all others vanish with it, and a kdamond ends
 * by itself when the process that it watches has ended.
 */
export function damonAgent(
  storm: SpecOf<'aging'>,
  settings: Settings,
  { address, bytes }: MemoryRange,
): Agent {
  settings.set(`${DAEMONS}/nr_kdamonds`, '1');
  try {
    configure(storm, address, bytes);
  } catch (error) {
    settings.set(`${DAEMONS}/nr_kdamonds`, '0');
    throw new MachineError(
      `DAMON cannot watch the memory: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const state = `${DAEMONS}/0/state`;
  const switchTo = (value: 'on' | 'off'): void => {
    if (readFileSync(state, 'utf8').trim() !== value) writeFileSync(state, value);
  };
  return {
    on: () => switchTo('on'),
    off: () => switchTo('off'),
    counts: () => ({ operations: 0, effects: {} }),
    end() {
      switchTo('off');
      settings.set(`${DAEMONS}/nr_kdamonds`, '0');
    },
  };
}

function configure({ period, step }: SpecOf<'aging'>, address: number, bytes: number): void {
  const set = (place: string, value: number | string): void =>
    writeFileSync(`${DAEMONS}/0/contexts/${place}`, String(value));
  const sampleUs = period === 0 ? DEFAULT_SAMPLE_US : Math.max(1, Math.round(period / 1000));
  const wanted = step === undefined ? LEAST_REGIONS : Math.ceil(bytes / step);
  const regions = Math.min(MOST_REGIONS, Math.max(LEAST_REGIONS, wanted));
  set('nr_contexts', 1);
  set('0/operations', 'vaddr');
  set('0/monitoring_attrs/intervals/sample_us', sampleUs);
  set('0/monitoring_attrs/intervals/aggr_us', sampleUs * 20);
  set('0/monitoring_attrs/intervals/update_us', 60_000_000);
  set('0/monitoring_attrs/nr_regions/max', MOST_REGIONS + 1);
  set('0/monitoring_attrs/nr_regions/min', regions);
  set('0/targets/nr_targets', 1);
  set('0/targets/0/pid_target', process.pid);
  set('0/targets/0/regions/nr_regions', 1);
  set('0/targets/0/regions/0/start', address);
  set('0/targets/0/regions/0/end', address + bytes);
}
