/**
 * The event table: every event that Faultline knows, defined once.
 */
import { faultlineEvents } from './faultline.js';
import { hugeMemoryEvents } from './huge-memory.js';
import { csdEvents, ipiEvents, irqVectorEvents, tlbEvents } from './interrupts.js';
import { kvmDeviceEvents } from './kvm-devices.js';
import { kvmExitEvents } from './kvm-exits.js';
import { kvmNotifierEvents } from './kvm-notifier.js';
import { kvmmmuEvents } from './kvmmmu.js';
import { lockEvents } from './lock.js';
import { damonEvents, ksmEvents, migrateEvents, mmapLockEvents } from './memory.js';
import { schedEvents } from './sched.js';
import type { EventDef } from './types.js';
import { vmscanEvents } from './vmscan.js';

/** All events, those of one system together; the order is that of docs/events.md. */
export const eventTable: readonly EventDef[] = [
  ...kvmExitEvents,
  ...kvmNotifierEvents,
  ...kvmDeviceEvents,
  ...kvmmmuEvents,
  ...lockEvents,
  ...schedEvents,
  ...ipiEvents,
  ...csdEvents,
  ...irqVectorEvents,
  ...tlbEvents,
  ...migrateEvents,
  ...ksmEvents,
  ...hugeMemoryEvents,
  ...vmscanEvents,
  ...mmapLockEvents,
  ...damonEvents,
  ...faultlineEvents,
];

const byName = new Map<string, EventDef[]>();
for (const event of eventTable) {
  const events = byName.get(event.name);
  if (events) events.push(event);
  else byName.set(event.name, [event]);
}

/** All events of a name, whatever their system: what a text that shows no system may mean. Mostly one. */
export function eventsNamed(name: string): readonly EventDef[] {
  return byName.get(name) ?? [];
}

/**
 * The event of a name.
 *
 * @param system tells events of one name apart (`lock_acquired` is one of `lock` and one of `faultline`)
 * @returns undefined where the table has none, or has several and no system was given
 */
export function findEvent(name: string, system?: string): EventDef | undefined {
  const events = eventsNamed(name);
  if (system !== undefined) return events.find((event) => event.system === system);
  return events.length === 1 ? events[0] : undefined;
}
