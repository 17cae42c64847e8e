/**
 * The settings journal of a run: what is changed on the host is written down first and put back at the end,
 * however the run ends. After `kill -9` the next run does it, or `faultline doctor --restore`.
 */
import { existsSync, unlinkSync } from 'node:fs';
import { MachineError } from '../../trace/errors.js';
import { journalFile, JournalFile, readJournal, type Change, type Registration } from './journal-file.js';
import { isMounted, notRemovable } from './leftovers.js';
import { identityOf } from './process-identity.js';
import { undoAll, undoChanges } from './restore.js';
import { RunLock } from './run-lock.js';
import { isSameValue, isSettingPath, KSM, settingValue, writeSetting } from './settings.js';
import { removeStaleInstances } from './stale.js';
import { stateFolder } from './state-folder.js';
import type { Leftover, Restored, Settings } from './types.js';

/** Settings that the kernel changes by itself when one of these is changed. */
const FOLLOWERS: readonly (readonly [RegExp, string])[] = [
  [/^\/sys\/kernel\/mm\/ksm\/advisor_mode$/, `${KSM}/pages_to_scan`],
  [/^\/sys\/kernel\/mm\/transparent_hugepage\/(hugepages-\w+\/)?enabled$/, '/proc/sys/vm/min_free_kbytes'],
];

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A leftover that is written down. */
export interface Registered {
  /** It has been removed: nothing is left to do. */
  gone(): void;
}

/** A setting as it was before the run and as the run has set it. */
export interface ChangedSetting {
  readonly path: string;
  readonly before: string;
  readonly value: string;
}

export class Journal implements Settings {
  readonly #file: JournalFile;
  readonly #changes: Change[] = [];
  readonly #registrations = new Map<number, Registration>();
  #nextId = 1;
  #isOpen = true;
  readonly #onExit = (): void => this.#undoInHaste();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    // Whoever else listens ends the run in its own way, and closes the journal, or exits.
    if (process.listenerCount(signal) > 1) return;
    this.#undoInHaste();
    process.kill(process.pid, signal);
  };

  private constructor(
    private readonly lock: RunLock,
    /** What was done about a run before this one that was killed. */
    readonly recovered: readonly Restored[],
  ) {
    this.#file = new JournalFile(lock.folder);
    // Before the lock lets go.
    process.prependListener('exit', this.#onExit);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /**
   * Undoes what a killed run left, then begins. From here on everything is undone when the process exits, by
   * an uncaught error, too; and on SIGINT, SIGTERM and SIGHUP when nobody else listens to them.
   *
   * @throws MachineError when an earlier run's changes cannot be undone, or the journal cannot be written
   */
  static open(lock: RunLock): Journal {
    const recovered = recover(lock.folder);
    const failed = recovered.find(({ outcome }) => outcome === 'failed');
    if (failed === undefined) return new Journal(lock, recovered);
    const path = journalFile(lock.folder);
    const advice = `put it back by hand and delete ${path}`;
    throw new MachineError(`a run that was killed left ${failed.what} changed (${failed.detail}): ${advice}`);
  }

  set(path: string, value: string): void {
    this.#assertOpen();
    if (!isSettingPath(path)) throw new MachineError(`${path} is no setting that can be put back`);
    const from = settingValue(path);
    if (from === undefined) {
      // Says what is missing, and changes nothing.
      if (!existsSync(path)) writeSetting(path, value);
      throw new MachineError(`${path} cannot be read, so it could not be put back`);
    }
    if (isSameValue(from, value)) return;
    const start = this.#changes.length;
    this.#writeDownFollowers(path);
    this.#writeDown({ path, from, value });
    let problem: unknown;
    try {
      writeSetting(path, value);
      const now = settingValue(path);
      if (now !== undefined && isSameValue(now, value)) return;
      writeSetting(path, from);
      problem = new MachineError(`${path} was set to ${value}, but the kernel made ${now} of it`);
    } catch (error) {
      problem = error;
    }
    undoChanges(this.#changes.slice(start, -1));
    this.#forget(start);
    throw problem;
  }

  #writeDownFollowers(path: string): void {
    for (const [leader, follower] of FOLLOWERS) {
      const value = leader.test(path) ? settingValue(follower) : undefined;
      if (value !== undefined) this.#writeDown({ path: follower, from: value, value, follows: true });
    }
  }

  #writeDown(change: Change): void {
    this.#file.append({ set: change });
    this.#changes.push(change);
  }

  #forget(from: number): void {
    this.#file.append({ undone: from });
    this.#changes.length = from;
  }

  /**
   * Writes down something that outlives a killed process. Call it before the thing is made, except for a
   * process, whose pid is known only after; that one should end with its parent by itself (PR_SET_PDEATHSIG).
   */
  register(leftover: Leftover): Registered {
    this.#assertOpen();
    const refused = notRemovable(leftover);
    if (refused !== undefined) throw new Error(refused);
    // A mount of somebody else stays.
    if (leftover.kind === 'mount' && isMounted(leftover.path, leftover.type))
      return { gone: () => undefined };
    const startTime = leftover.kind === 'process' ? identityOf(leftover.pid)?.startTime : undefined;
    const id = this.#nextId++;
    const registration: Registration = { id, leftover, ...(startTime === undefined ? {} : { startTime }) };
    this.#file.append({ register: registration });
    this.#registrations.set(id, registration);
    return {
      gone: () => {
        if (this.#isOpen && this.#registrations.delete(id)) this.#file.append({ gone: id });
      },
    };
  }

  /** A point to roll back to. */
  mark(): number {
    return this.#changes.length;
  }

  /** Puts back the settings that were changed since `mark`; what is registered stays. */
  rollback(mark: number): readonly Restored[] {
    this.#assertOpen();
    const results = undoChanges(this.#changes.slice(mark));
    const failed = results.find(({ outcome }) => outcome === 'failed');
    if (failed === undefined) this.#forget(mark);
    return results;
  }

  /** Settings that the run has changed and not put back, in the order of the first change. */
  get changes(): readonly ChangedSetting[] {
    const byPath = new Map<string, ChangedSetting>();
    for (const { path, from, value, follows } of this.#changes) {
      if (follows !== true) byPath.set(path, { path, before: byPath.get(path)?.before ?? from, value });
    }
    return [...byPath.values()];
  }

  /**
   * Undoes everything, and removes the journal unless something failed: then it stays for `doctor --restore`.
   * The lock is not released. The second time does nothing.
   */
  close(): readonly Restored[] {
    if (!this.#isOpen) return [];
    this.#isOpen = false;
    process.off('exit', this.#onExit);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    const { owner } = this.#file;
    const registrations = [...this.#registrations.values()];
    const results = undoAll({ owner, changes: this.#changes, registrations });
    if (results.some(({ outcome }) => outcome === 'failed')) this.#file.keep();
    else this.#file.remove();
    return results;
  }

  /** At the end of a process nobody is left to throw to. */
  #undoInHaste(): void {
    try {
      for (const { what, outcome, detail } of this.close()) {
        if (outcome === 'failed' || outcome === 'foreign') {
          process.stderr.write(`faultline: ${what}: ${detail}\n`);
        }
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      process.stderr.write(`faultline: ${text}; faultline doctor --restore puts the host back\n`);
    }
    this.lock.release();
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new Error('the settings journal is closed');
  }
}

/** Undoes what the journal in `folder` says; the caller holds the lock. */
function recover(folder: string): readonly Restored[] {
  const content = readJournal(folder);
  const results = content === undefined ? [] : undoAll(content);
  const path = journalFile(folder);
  if (!results.some(({ outcome }) => outcome === 'failed') && existsSync(path)) unlinkSync(path);
  return results;
}

/**
 * What `faultline doctor --restore` does: undoes what a killed run left.
 *
 * @throws MachineError when a run is going on, with its pid
 */
export function restoreLeftovers(folder = stateFolder()): readonly Restored[] {
  const lock = RunLock.acquire('faultline doctor --restore', folder);
  try {
    return [...recover(folder), ...removeStaleInstances()];
  } finally {
    lock.release();
  }
}
