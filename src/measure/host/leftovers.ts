/** Removes what a run made outside of its own memory: instances, mounts, folders, files, processes. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, closeSync } from 'node:fs';
import { basename } from 'node:path';
import { SystemError } from '../ffi/errno.js';
import { umount } from '../ffi/libc.js';
import type { Registration } from './journal-file.js';
import { isOwnGroup, removeKprobes } from './kprobes.js';
import { isAlive, pause } from './process-identity.js';
import type { Leftover, Restored } from './types.js';

/** How long something may stay busy after the processes that used it were killed. */
const PATIENCE_MS = 2000;

/**
 * Why a leftover must not be registered; undefined when it may. A journal must not be able to delete just
 * anything.
 */
export function notRemovable(leftover: Leftover): string | undefined {
  const { kind } = leftover;
  if (kind === 'process') return leftover.pid > 1 ? undefined : `pid ${leftover.pid} is no child of a run`;
  if (kind === 'kprobes')
    return isOwnGroup(leftover.group) ? undefined : `${leftover.group} is no group of a run`;
  const { path } = leftover;
  if (!path.startsWith('/') || path.split('/').includes('..')) return `${path} is no absolute path`;
  const name = basename(path);
  if (kind === 'tracefs-instance') {
    return /\/instances\/faultline-[^/]+$/.test(path) ? undefined : `${path} is no instance of a run`;
  }
  if (kind === 'mount') return undefined;
  return /faultline|\.partial/.test(name) ? undefined : `${path} is not named like something that a run made`;
}

function nameOf(leftover: Leftover): string {
  if (leftover.kind === 'process') return `process ${leftover.pid}`;
  if (leftover.kind === 'kprobes') return `kprobes ${leftover.group}`;
  return `${leftover.kind === 'tracefs-instance' ? 'instance' : leftover.kind} ${leftover.path}`;
}

/** @param sameBoot whether it was made since the machine started; else the kernel has forgotten most of it */
export function removeLeftover({ leftover, startTime }: Registration, sameBoot: boolean): Restored {
  const what = nameOf(leftover);
  const refused = notRemovable(leftover);
  if (refused !== undefined) return { what, outcome: 'failed', detail: refused };
  try {
    const removed = remove(leftover, startTime, sameBoot);
    return removed
      ? { what, outcome: 'restored', detail: leftover.kind === 'process' ? 'ended' : 'removed' }
      : { what, outcome: 'unchanged', detail: 'was gone' };
  } catch (error) {
    // Nothing of ours is in it any more, so it is somebody else's now.
    if (leftover.kind === 'mount' && isBusy(error))
      return { what, outcome: 'foreign', detail: 'is used by others, and stays mounted' };
    return { what, outcome: 'failed', detail: error instanceof Error ? error.message : String(error) };
  }
}

/** @returns whether there was anything to remove */
function remove(leftover: Leftover, startTime: number | undefined, sameBoot: boolean): boolean {
  switch (leftover.kind) {
    case 'process':
      return sameBoot && startTime !== undefined && endProcess({ pid: leftover.pid, startTime });
    case 'kprobes':
      return removeKprobes(leftover.group);
    case 'tracefs-instance':
      if (!existsSync(leftover.path)) return false;
      whileBusy(() => {
        closeOwnFiles(leftover.path);
        rmdirSync(leftover.path);
      });
      return true;
    case 'mount':
      if (!isMounted(leftover.path, leftover.type)) return false;
      whileBusy(() => umount(leftover.path));
      return true;
    case 'folder':
    case 'file':
      if (!existsSync(leftover.path)) return false;
      rmSync(leftover.path, { recursive: leftover.kind === 'folder', force: true });
      return true;
  }
}

/** Ends the process, if it is still the one that was meant, and waits until it is gone. */
function endProcess(process_: { pid: number; startTime: number }): boolean {
  if (!isAlive(process_)) return false;
  try {
    process.kill(process_.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  const end = Date.now() + PATIENCE_MS;
  while (isAlive(process_)) {
    if (Date.now() > end) throw new Error('was killed, but does not end');
    pause();
  }
  return true;
}

/** Tries again while the kernel answers EBUSY: those who used it were just killed. */
function whileBusy(action: () => void): void {
  for (const end = Date.now() + PATIENCE_MS; ; pause()) {
    try {
      action();
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
    }
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof SystemError ? error.is('EBUSY') : (error as NodeJS.ErrnoException).code === 'EBUSY';

/** A process at its end may have files of the instance open, in threads that it cannot ask to close them. */
function closeOwnFiles(folder: string): void {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`).startsWith(`${folder}/`)) closeSync(Number(name));
    } catch {
      // The descriptor that lists the folder, or one that was closed meanwhile.
    }
  }
}

export function isMounted(path: string, type: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => {
      const [, place, kind] = line.split(' ');
      return place === path && kind === type;
    });
}
