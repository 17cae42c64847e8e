/** What can disturb a guest's memory here: the storms. */
import { existsSync } from 'node:fs';
import { SystemError } from '../../ffi/errno.js';
import { closeFd, ioctl, syscall } from '../../ffi/libc.js';
import { nodeFacts } from '../facts/cpu.js';
import { memoryFacts } from '../facts/memory.js';
import { readText } from '../facts/read.js';
import { KSM, settingValue } from '../settings.js';
import { limited, missing, notWritable, ok, type Check } from './check.js';

const MM = '/sys/kernel/mm';
const NUMA_BALANCING = '/proc/sys/kernel/numa_balancing';

export function memoryChecks(): Check[] {
  return [
    memoryCheck(),
    settingCheck('ksm', `${KSM}/run`, 'ksm storms and arms do not work'),
    numaCheck(),
    settingCheck(
      'thp',
      `${MM}/transparent_hugepage/enabled`,
      'arms thp=... do not work, collapse may not either',
    ),
    hugetlbCheck(),
    swapCheck(),
    userfaultfdCheck(),
    agingCheck(),
  ];
}

function memoryCheck(): Check {
  const { availableBytes, totalBytes } = memoryFacts();
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return ok('memory', `${gib(availableBytes)} of ${gib(totalBytes)} available: a guest must fit in`);
}

function settingCheck(name: string, path: string, means: string): Check {
  const refused = notWritable(path);
  if (refused === undefined) return ok(name, `${path} is ${settingValue(path)}`);
  return existsSync(path) ? limited(name, refused, means, 'run as root') : missing(name, refused, means);
}

function numaCheck(): Check {
  const nodes = nodeFacts().filter(({ memoryBytes }) => memoryBytes > 0).length;
  const refused = notWritable(NUMA_BALANCING);
  if (nodes > 1 && refused === undefined) {
    return ok('numa', `${nodes} nodes with memory; ${NUMA_BALANCING} is ${settingValue(NUMA_BALANCING)}`);
  }
  const findings = [nodes > 1 ? undefined : 'one node with memory', refused].filter(
    (each) => each !== undefined,
  );
  const means = [
    nodes > 1 ? undefined : 'no page can be moved to another node',
    refused === undefined ? undefined : 'numa-balancing storms and arms numa=... do not work',
  ].filter((each) => each !== undefined);
  return limited('numa', findings.join('; '), means.join('; '));
}

function hugetlbCheck(): Check {
  const sizes = memoryFacts().hugepages.filter(({ total }) => total > 0);
  if (sizes.length > 0) {
    const list = sizes.map(
      ({ bytes, free, total }) => `${free} of ${total} pages of ${bytes / 2 ** 20} MiB free`,
    );
    return ok('hugetlb', list.join(', '));
  }
  if (!existsSync(`${MM}/hugepages`)) {
    return missing('hugetlb', `no ${MM}/hugepages`, 'guests cannot be backed by hugetlb pages');
  }
  const remedy = 'sysctl vm.nr_hugepages=N (as root)';
  return limited('hugetlb', 'no pages are reserved', 'guests backed by hugetlb pages are refused', remedy);
}

function swapCheck(): Check {
  const { swapBytes } = memoryFacts();
  if (swapBytes > 0) return ok('swap', `${Math.round(swapBytes / 2 ** 20)} MiB`);
  const means = "pageout has nowhere to put a guest's private memory, so swap-out storms disturb nothing";
  return missing('swap', 'none (/proc/swaps)', means, 'swapon a file or a zram device (as root)');
}

const SYS_USERFAULTFD = 323;
const O_CLOEXEC = 0o2000000;
const UFFDIO_API = 0xc018aa3f;
/** UFFD_API. */
const API = 0xaan;
/** UFFD_FEATURE_PAGEFAULT_FLAG_WP. */
const WRITE_PROTECT = 1n;

function userfaultfdCheck(): Check {
  const means = 'uffd-wp storms do not work';
  try {
    const fd = syscall('userfaultfd', SYS_USERFAULTFD, O_CLOEXEC);
    try {
      const request = new DataView(new ArrayBuffer(24));
      request.setBigUint64(0, API, true);
      ioctl('UFFDIO_API', fd, UFFDIO_API, new Uint8Array(request.buffer));
      return (request.getBigUint64(8, true) & WRITE_PROTECT) === 0n
        ? limited('userfaultfd', 'no UFFD_FEATURE_PAGEFAULT_FLAG_WP', means)
        : ok('userfaultfd', 'write protection of private memory');
    } finally {
      closeFd(fd);
    }
  } catch (error) {
    const reason = error instanceof SystemError ? error.message : String(error);
    const isRefused = error instanceof SystemError && error.is('EPERM');
    const remedy = 'run as root, or sysctl vm.unprivileged_userfaultfd=1';
    return missing('userfaultfd', reason, means, isRefused ? remedy : undefined);
  }
}

/** Three ways to ask which pages were used; a storm takes the first that is there. */
function agingCheck(): Check {
  const ways = [
    ['idle page tracking', `${MM}/page_idle/bitmap`],
    ['DAMON', `${MM}/damon/admin/kdamonds/nr_kdamonds`],
    ['multi-gen LRU', '/sys/kernel/debug/lru_gen'],
  ] as const;
  const there = ways.filter(([, path]) => notWritable(path) === undefined);
  if (there.length === 0) {
    const refused = ways.map(([, path]) => notWritable(path)).join('; ');
    return missing('aging', refused, 'aging storms do not work', 'a kernel with CONFIG_IDLE_PAGE_TRACKING');
  }
  const names = there.map(([name]) => name).join(', ');
  const runs = readText(`${MM}/damon/admin/kdamonds/0/state`) === 'on' ? ' (DAMON runs already)' : '';
  if (there.length === ways.length) return ok('aging', `${names}${runs}`);
  const others = ways.filter((way) => !there.includes(way)).map(([name]) => name);
  return limited('aging', `${names}${runs}; no ${others.join(', ')}`, `aging storms use ${there[0][0]}`);
}
