/**
 * Settings of the agents that change the host's memory, named
 * as the kernel names them, with the kernel's defaults.
 *
 * They never change after the machine is built. Memory is counted in host pages of 4 KiB.
 */

/**
 * kernel/sched/fair.c, /sys/kernel/debug/sched/numa_balancing/.
 * Periods are the executor's affair: it has the clock.
 */
export interface NumaSettings {
  /** sysctl_numa_balancing_scan_size: pages of one scan. */
  readonly scanSizePages: number;
  /** sysctl_numa_balancing_scan_delay: ns from the start of a thread to its first scan. */
  readonly scanDelayNs: number;
  /** sysctl_numa_balancing_scan_period_min */
  readonly scanPeriodMinNs: number;
  /** sysctl_numa_balancing_scan_period_max */
  readonly scanPeriodMaxNs: number;
}

/**
 * kernel/sched/fair.c: 256 MB, 1000 ms, 1000 ms, 60000 ms.
 *
 * @internal for tests
 */
export const DEFAULT_NUMA: NumaSettings = {
  scanSizePages: 65_536,
  scanDelayNs: 1_000_000_000,
  scanPeriodMinNs: 1_000_000_000,
  scanPeriodMaxNs: 60_000_000_000,
};

/** mm/ksm.c, /sys/kernel/mm/ksm/. */
export interface KsmSettings {
  /** pages_to_scan: pages between two sleeps. */
  readonly pagesToScan: number;
  /** sleep_millisecs, in ns. */
  readonly sleepNs: number;
  /** max_page_sharing: PTEs that may share one page. */
  readonly maxPageSharing: number;
  /** smart_scan (since 6.7): pages that were not merged for some scans are skipped now and then. */
  readonly smartScan: boolean;
  /**
   * What a page holds after the write that unshared it: the
   * same again (it will be merged again), or something new.
   */
  readonly afterWrite: 'same' | 'unique';
}

/**
 * mm/ksm.c: 100 pages (DEFAULT_PAGES_TO_SCAN), 20 ms, 256. smart_scan is on since 6.7.
 *
 * @internal for tests
 */
export const DEFAULT_KSM: KsmSettings = {
  pagesToScan: 100,
  sleepNs: 20_000_000,
  maxPageSharing: 256,
  smartScan: true,
  afterWrite: 'same',
};

/**
 * A storm: one operation after another over a range of
 * host pages. When each begins is the executor's affair.
 */
export interface StormSettings {
  /** First host page of the range. */
  readonly firstPage: number;
  readonly pages: number;
  /** Pages of one operation; the last of a pass may be shorter. */
  readonly stepPages: number;
  /** In which order the steps of a pass come; random: a permutation that differs from pass to pass. */
  readonly order: 'sequential' | 'random';
  /** For the random order. */
  readonly seed: number;
}

/** One invalidation for each step, and nothing changes in the primary page table. */
export interface UnmapSettings extends StormSettings {
  /** False for the OOM reaper. */
  readonly blockable: boolean;
  /** ns between start and end. */
  readonly windowNs: number;
}

/** fork() with a child that lives for a while. The range is the whole of it; stepPages does not matter. */
export interface ForkSettings extends StormSettings {
  readonly holdNs: number;
}
