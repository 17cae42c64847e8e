/** Undoes what a journal says. Idempotent: whoever is killed here is followed by one who does it again. */
import { existsSync } from 'node:fs';
import type { Change, JournalContent } from './journal-file.js';
import { removeLeftover } from './leftovers.js';
import { bootId } from './process-identity.js';
import { isSameValue, isSettingPath, KSM, settingValue, SettingError, writeSetting } from './settings.js';
import type { Restored } from './types.js';

/** Everything, in the reverse of the order in which it can depend on each other. */
export function undoAll({ owner, changes, registrations }: JournalContent): Restored[] {
  const sameBoot = owner.bootId === bootId();
  const backwards = registrations.toReversed();
  const isProcess = ({ leftover }: (typeof backwards)[number]): boolean => leftover.kind === 'process';
  // Mounts were made before what is in them, so backwards they come last.
  return [
    ...backwards.filter(isProcess).map((each) => removeLeftover(each, sameBoot)),
    // After a reboot the kernel has its own values again; those that are there now are somebody's choice.
    ...(sameBoot ? undoChanges(changes) : []),
    ...backwards.filter((each) => !isProcess(each)).map((each) => removeLeftover(each, sameBoot)),
  ];
}

/** One setting, and all that happened to it. */
interface History {
  path: string;
  /** The value to go back to. */
  target: string;
  /** Values that this run gave it. */
  ours: string[];
  follows: boolean;
}

/** Puts settings back, the last one first; each once, to the value it had before the first of `changes`. */
export function undoChanges(changes: readonly Change[]): Restored[] {
  const histories = new Map<string, History>();
  for (const { path, from, value, follows } of changes) {
    const known = histories.get(path);
    if (known === undefined) {
      histories.set(path, { path, target: from, ours: [value], follows: follows === true });
      continue;
    }
    // Between two of our changes somebody else wanted this one.
    if (![known.target, ...known.ours].some((each) => isSameValue(each, from))) known.target = from;
    known.ours.push(value);
    known.follows &&= follows === true;
  }
  return [...histories.values()].toReversed().map(undo);
}

function undo({ path, target, ours, follows }: History): Restored {
  if (!isSettingPath(path)) return { what: path, outcome: 'failed', detail: 'is no setting' };
  const now = settingValue(path);
  if (now === undefined) {
    return existsSync(path)
      ? { what: path, outcome: 'failed', detail: 'cannot be read' }
      : { what: path, outcome: 'unchanged', detail: 'is not there any more' };
  }
  if (isSameValue(now, target)) return { what: path, outcome: 'unchanged', detail: `is ${target}` };
  if (!follows && !ours.some((each) => isSameValue(each, now))) {
    const detail = `somebody set it to ${now} during the run; it was ${target} before, and stays ${now}`;
    return { what: path, outcome: 'foreign', detail };
  }
  try {
    writeBack(path, target);
  } catch (error) {
    return { what: path, outcome: 'failed', detail: error instanceof Error ? error.message : String(error) };
  }
  const after = settingValue(path);
  if (after !== undefined && isSameValue(after, target)) {
    return { what: path, outcome: 'restored', detail: `${now} -> ${target}` };
  }
  return {
    what: path,
    outcome: 'failed',
    detail: `was set back to ${target}, but is ${after ?? 'unreadable'}`,
  };
}

/**
 * Some of KSM's settings can be changed only while it shares no page, and it forgets pages of the dead
 * slowly.
 */
function writeBack(path: string, value: string): void {
  try {
    writeSetting(path, value);
  } catch (error) {
    const isBusyKsm = error instanceof SettingError && error.code === 'EBUSY' && path.startsWith(`${KSM}/`);
    const run = isBusyKsm ? settingValue(`${KSM}/run`) : undefined;
    if (run === undefined) throw error;
    writeSetting(`${KSM}/run`, '2');
    try {
      writeSetting(path, value);
    } finally {
      writeSetting(`${KSM}/run`, run);
    }
  }
}
