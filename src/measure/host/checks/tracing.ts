/** What the kernel can be asked to record. */
import { existsSync } from 'node:fs';
import { namesIn } from '../facts/read.js';
import { systemsOf } from '../../tracing/levels.js';
import { TRACEFS, unsupportedSetting } from '../settings.js';
import { isRoot, limited, missing, notWritable, ok, type Check } from './check.js';

const DEBUGFS = '/sys/kernel/debug';
const SYSTEMS = systemsOf('full');

export function tracingChecks(): Check[] {
  return [
    tracefsCheck(),
    ...(existsSync(`${TRACEFS}/events`) ? [eventsCheck(), kprobesCheck()] : []),
    debugfsCheck(),
  ];
}

function tracefsCheck(): Check {
  const without = 'measure --trace does not work: nothing to explain; everything else is measured';
  if (!existsSync(`${TRACEFS}/instances`)) {
    const remedy = `mount -t tracefs nodev ${TRACEFS} (as root)`;
    const finding = existsSync(TRACEFS) ? `no tracefs on ${TRACEFS}, or not for this user` : `no ${TRACEFS}`;
    return isRoot() && existsSync(TRACEFS)
      ? limited(
          'tracefs',
          `not mounted on ${TRACEFS}`,
          'measure --trace mounts it for as long as it runs',
          remedy,
        )
      : missing('tracefs', finding, without, remedy);
  }
  const refused = notWritable(`${TRACEFS}/instances`);
  if (refused === undefined) return ok('tracefs', `${TRACEFS}, and instances can be made in it`);
  return missing('tracefs', refused, without, 'run as root');
}

function eventsCheck(): Check {
  const there = namesIn(`${TRACEFS}/events`);
  const lacking = SYSTEMS.filter((name) => !there.includes(name));
  if (lacking.length === 0) return ok('trace events', SYSTEMS.join(', '));
  return limited(
    'trace events',
    `no ${lacking.map((name) => `${TRACEFS}/events/${name}`).join(', ')}`,
    'explain says less about what these would tell',
  );
}

function kprobesCheck(): Check {
  const refused = notWritable(`${TRACEFS}/kprobe_events`);
  if (refused === undefined) return ok('kprobes', `${TRACEFS}/kprobe_events`);
  return missing(
    'kprobes',
    refused,
    'yields, ends of invalidations and remote flushes are inferred from other events instead of recorded',
  );
}

function debugfsCheck(): Check {
  const preempt = unsupportedSetting(`${DEBUGFS}/sched/preempt`, 'full');
  const means = 'arms preempt=... do not work, nor sched/numa_balancing/*; other arms do';
  if (existsSync(`${DEBUGFS}/sched`)) {
    return preempt === undefined
      ? ok('debugfs', `${DEBUGFS}, and preemption can be switched`)
      : limited('debugfs', preempt, means);
  }
  const remedy = `mount -t debugfs nodev ${DEBUGFS} (as root)`;
  return missing(
    'debugfs',
    `no ${DEBUGFS}/sched: debugfs is not mounted or not for this user`,
    means,
    remedy,
  );
}
