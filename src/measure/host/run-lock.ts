/**
 * One run on a host at a time: two would change the same settings and measure each other.
 *
 * The lock is flock(2) on a file, which the kernel lets go however a process ends. The file says who holds
 * it. It is removed at the end while the lock is held, so whoever opens it has to see that it is still the
 * one at that path.
 */
import { closeSync, constants, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rmdirSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MachineError } from '../../trace/errors.js';
import { flock } from '../ffi/libc.js';
import { readJournal } from './journal-file.js';
import { removeLeftover } from './leftovers.js';
import { bootId, identityOf, isAlive, pause, type ProcessIdentity } from './process-identity.js';
import { stateFolder } from './state-folder.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Who holds the lock. */
export interface LockHolder extends ProcessIdentity {
  /** The command that the run was started with. */
  readonly command: string;
  /** When, as ISO 8601. */
  readonly since: string;
}

/**
 * A run that ends takes the file away between opening and locking; one that has just started has not written
 * its name yet; the child of a killed one takes a moment to end.
 */
const MOST_TRIES = 50;

export class RunLock {
  #fd: number | undefined;
  readonly #onExit = (): void => this.release();

  private constructor(
    readonly folder: string,
    readonly command: string,
    fd: number,
  ) {
    this.#fd = fd;
    process.on('exit', this.#onExit);
  }

  /**
   * @param command what a second run is told about this one
   * @param folder of the lock and of the journal; made when it is not there
   * @throws MachineError when another run holds it, with its pid; when the folder cannot be written
   */
  static acquire(command: string, folder = stateFolder()): RunLock {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const fd = openLock(folder);
      if (fd === undefined) continue;
      if (!flock(fd, LOCK_EX | LOCK_NB)) {
        closeSync(fd);
        const holder = lockHolder(folder);
        if (holder !== undefined || tries === MOST_TRIES - 1) throw new MachineError(refusal(holder));
        endOrphans(folder);
        pause();
        continue;
      }
      if (isStillThere(fd, lockFile(folder))) {
        const self = identityOf(process.pid) ?? { pid: process.pid, startTime: 0 };
        const holder: LockHolder = { ...self, command, since: new Date().toISOString() };
        ftruncateSync(fd);
        writeSync(fd, `${JSON.stringify(holder)}\n`, 0);
        return new RunLock(folder, command, fd);
      }
      closeSync(fd);
    }
    throw new MachineError(`${lockFile(folder)}: other runs start and end all the time; try again`);
  }

  /** Lets go, and takes away the file and, when it is empty, the folder. The second time does nothing. */
  release(): void {
    if (this.#fd === undefined) return;
    process.off('exit', this.#onExit);
    try {
      unlinkSync(lockFile(this.folder));
    } catch {
      // Somebody tidied the folder: the lock itself is what counts.
    }
    closeSync(this.#fd);
    this.#fd = undefined;
    try {
      rmdirSync(this.folder);
    } catch {
      // A journal is in it, or another run.
    }
  }
}

/** What the lock file says; undefined when there is none, or its process has ended. */
export function lockHolder(folder = stateFolder()): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(lockFile(folder), 'utf8')) as LockHolder;
    return typeof holder.pid === 'number' && isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

const lockFile = (folder: string): string => join(folder, 'run.lock');

/** Undefined when the folder vanished between making it and opening the file. */
function openLock(folder: string): number | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    return openSync(lockFile(folder), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const advice = 'set FAULTLINE_STATE to a folder that may be written';
    throw new MachineError(`${lockFile(folder)}: the run lock cannot be made (${code}); ${advice}`);
  }
}

/** A child that a killed run has left shares its lock until it ends; the journal knows the children. */
function endOrphans(folder: string): void {
  const journal = readJournal(folder);
  if (journal === undefined || isAlive(journal.owner)) return;
  for (const each of journal.registrations) {
    if (each.leftover.kind === 'process') removeLeftover(each, journal.owner.bootId === bootId());
  }
}

function isStillThere(fd: number, path: string): boolean {
  try {
    return fstatSync(fd).ino === statSync(path).ino;
  } catch {
    return false;
  }
}

function refusal(holder: LockHolder | undefined): string {
  if (holder === undefined) {
    return 'another run has just started or is ending: wait a moment and try again';
  }
  const { pid, command, since } = holder;
  return `another run is going on: pid ${pid} (${command}), since ${since}; wait for it or end it`;
}
