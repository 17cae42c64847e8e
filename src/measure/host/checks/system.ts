/** The machine as a whole, and what earlier runs have left on it. */
import { availableParallelism } from 'node:os';
import { existsSync } from 'node:fs';
import { journalFile, readJournal } from '../journal-file.js';
import { clocksource, hypervisor } from '../facts/cpu.js';
import { kernelFacts } from '../facts/kernel.js';
import { namesIn, readText } from '../facts/read.js';
import { identityOf } from '../process-identity.js';
import { lockHolder } from '../run-lock.js';
import { stateFolder } from '../state-folder.js';
import { isRoot, limited, ok, type Check } from './check.js';

export function systemChecks(folder = stateFolder()): Check[] {
  return [runsCheck(folder), privilegesCheck(), cpusCheck(), clockCheck(), kernelCheck()];
}

/** Instances of tracefs whose run is gone. */
function staleInstances(): readonly string[] {
  return namesIn('/sys/kernel/tracing/instances').filter((name) => {
    const pid = /^faultline-(\d+)/.exec(name)?.[1];
    return pid !== undefined && identityOf(Number(pid)) === undefined;
  });
}

function runsCheck(folder: string): Check {
  const holder = lockHolder(folder);
  if (holder !== undefined) {
    const { pid, command, since } = holder;
    return limited('runs', `one is going on: pid ${pid} (${command}), since ${since}`, 'a second is refused');
  }
  const remedy = 'faultline doctor --restore (the next run does it, too)';
  try {
    const journal = readJournal(folder);
    const things = journal?.registrations.length ?? 0;
    const instances = staleInstances();
    const changed = new Set(journal?.changes.map(({ path }) => path)).size;
    const left = [
      changed > 0 && `${changed} ${changed === 1 ? 'setting' : 'settings'} changed`,
      things > 0 && `${things} ${things === 1 ? 'thing' : 'things'} to remove`,
      instances.length > 0 && `instances ${instances.join(', ')} of tracefs`,
    ].filter((each) => each !== false);
    if (left.length > 0) {
      const finding = `a run that was killed left ${left.join(', ')} (${journalFile(folder)})`;
      return limited('runs', finding, 'the host is not as it was before that run', remedy);
    }
  } catch (error) {
    const finding = error instanceof Error ? error.message : String(error);
    return limited('runs', finding, 'measure does not run before this is settled');
  }
  const ofRoot = stateFolder({}, 0);
  if (!isRoot() && existsSync(journalFile(ofRoot))) {
    const finding = `root left ${journalFile(ofRoot)}: a run that was killed, or one that is going on`;
    return limited('runs', finding, 'the host may be changed', 'sudo faultline doctor --restore');
  }
  return ok('runs', 'none is going on, and none has left anything');
}

function privilegesCheck(): Check {
  if (isRoot()) return ok('privileges', 'root');
  const finding = `user ${process.geteuid?.()}, not root`;
  const means =
    'no setting can be changed: arms, ksm and numa-balancing storms and tracing do not work; guests with ' +
    'madvise, mprotect, mremap, fork, memslot and dirty-log storms do, where /dev/kvm may be opened';
  return limited('privileges', finding, means, 'sudo faultline ...');
}

/** Load average per CPU from which on a machine has something else to do. */
const BUSY_LOAD = 0.5;

function cpusCheck(): Check {
  const cpus = availableParallelism();
  const load = Number(readText('/proc/loadavg')?.split(' ')[0] ?? 0);
  const below = hypervisor();
  const finding = `${cpus} CPUs${below === undefined ? '' : ` (a guest of ${below})`}, load average ${load}`;
  if (load / cpus <= BUSY_LOAD) return ok('cpus', finding);
  const means = 'runs during which others use the host are rejected and made again';
  return limited('cpus', finding, means, 'measure on a quiet machine');
}

function clockCheck(): Check {
  const flags = /^flags\s*:(.*)$/m.exec(readText('/proc/cpuinfo') ?? '')?.[1].split(' ') ?? [];
  const lacking = ['constant_tsc', 'nonstop_tsc'].filter((flag) => !flags.includes(flag));
  const clock = clocksource() ?? 'unknown';
  if (lacking.length === 0 && clock === 'tsc') return ok('clock', 'the TSC is constant, and Linux uses it');
  const finding =
    lacking.length > 0 ? `the processor has no ${lacking.join(', ')}` : `Linux uses ${clock}, not tsc`;
  return limited('clock', finding, 'guests time touches with rdtsc: their latencies may be wrong');
}

function kernelCheck(): Check {
  const { preemption, config } = kernelFacts();
  const { model, isDynamic, from } = preemption;
  const slow = ['LOCKDEP', 'PROVE_LOCKING', 'KASAN', 'KCSAN', 'DEBUG_PAGEALLOC'].filter(
    (each) => config?.[each] === 'y',
  );
  if (slow.length > 0) {
    const finding = `built with ${slow.join(', ')}`;
    return limited('kernel', finding, 'locks and pages are many times slower than in other kernels');
  }
  if (model === undefined) {
    const means = 'whether invalidations yield depends on the preemption model, which is not known';
    return limited('kernel', `preemption model unknown: ${from}`, means);
  }
  return ok('kernel', `preemption ${model}${isDynamic ? ', can be chosen at boot' : ''} (from ${from})`);
}
