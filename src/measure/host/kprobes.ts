/** Probes on functions of the kernel, as /sys/kernel/tracing/kprobe_events lists them. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { TRACEFS } from './settings.js';

export const KPROBE_EVENTS = `${TRACEFS}/kprobe_events`;

/** Whether a group of probes is one that a run made. */
export const isOwnGroup = (group: string): boolean => /^faultline_\d+$/.test(group);

/** @returns whether there were any */
export function removeKprobes(group: string): boolean {
  const lines = existsSync(KPROBE_EVENTS) ? readFileSync(KPROBE_EVENTS, 'utf8').split('\n') : [];
  const ours = lines.flatMap((line) => {
    const name = /^[pr]\d*:(\S+)/.exec(line)?.[1];
    return name?.startsWith(`${group}/`) === true ? [name] : [];
  });
  // Opened to append: to truncate it removes everybody's probes.
  for (const name of ours) appendFileSync(KPROBE_EVENTS, `-:${name}`);
  return ours.length > 0;
}
