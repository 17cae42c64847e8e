/**
 * The journal on disk: one JSON object a line, and each line is on disk before what it tells of is done. A
 * process that is killed leaves it behind; a torn last line tells of something that was not done.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MachineError } from '../../trace/errors.js';
import { bootId, identityOf, type ProcessIdentity } from './process-identity.js';
import type { Leftover } from './types.js';

/** A setting before and after one call of `set`. */
export interface Change {
  readonly path: string;
  /** The value that was there. */
  readonly from: string;
  readonly value: string;
  /** The kernel changes it by itself when another one is changed: put back whatever it has become. */
  readonly follows?: true;
}

/** A leftover as it is written down. */
export interface Registration {
  readonly id: number;
  readonly leftover: Leftover;
  /** When a process was started: its pid may be somebody else's by the time it is read. */
  readonly startTime?: number;
}

/** All that a journal says. */
export interface JournalContent {
  /** Who wrote it, in which boot. */
  readonly owner: ProcessIdentity & { readonly bootId: string };
  readonly changes: readonly Change[];
  readonly registrations: readonly Registration[];
}

type Line =
  | { readonly version: 1; readonly owner: JournalContent['owner'] }
  | { readonly set: Change }
  /** Changes from this number on are undone. */
  | { readonly undone: number }
  | { readonly register: Registration }
  | { readonly gone: number };

export const journalFile = (folder: string): string => join(folder, 'journal.jsonl');

export class JournalFile {
  readonly #fd: number;
  readonly path: string;
  readonly owner: JournalContent['owner'] = {
    ...(identityOf(process.pid) ?? { pid: process.pid, startTime: 0 }),
    bootId: bootId(),
  };

  /**
   * Begins a journal.
   *
   * @throws MachineError when it cannot be written, or one is there already
   */
  constructor(folder: string) {
    this.path = journalFile(folder);
    try {
      this.#fd = openSync(this.path, 'ax', 0o600);
      this.append({ version: 1, owner: this.owner });
      const folderFd = openSync(folder, 'r');
      fsyncSync(folderFd);
      closeSync(folderFd);
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }

  /** Returns when the line is on disk. */
  append(line: Line): void {
    try {
      writeSync(this.#fd, `${JSON.stringify(line)}\n`);
      fsyncSync(this.#fd);
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }

  /** Takes the journal away: all of it is undone. */
  remove(): void {
    closeSync(this.#fd);
    rmSync(this.path, { force: true });
  }

  /** Leaves the journal for the next run. */
  keep(): void {
    closeSync(this.#fd);
  }
}

function unwritable(path: string, error: unknown): MachineError {
  const { code } = error as NodeJS.ErrnoException;
  const advice = 'nothing is changed without it; set FAULTLINE_STATE to a folder that may be written';
  return new MachineError(`${path}: the settings journal cannot be written (${code}): ${advice}`);
}

/**
 * What a run left behind; undefined when there is no journal, or nothing had been done when it ended.
 *
 * @throws MachineError when the journal cannot be read, or is none
 */
export function readJournal(folder: string): JournalContent | undefined {
  const path = journalFile(folder);
  if (!existsSync(path)) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new MachineError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  let owner: JournalContent['owner'] | undefined;
  const changes: Change[] = [];
  const registrations = new Map<number, Registration>();
  // What follows the last line break was never finished.
  for (const [index, raw] of text.split('\n').slice(0, -1).entries()) {
    const line = parseLine(raw, `${path}:${index + 1}`);
    if ('version' in line) ({ owner } = line);
    else if ('set' in line) changes.push(line.set);
    else if ('undone' in line) changes.length = Math.min(changes.length, line.undone);
    else if ('register' in line) registrations.set(line.register.id, line.register);
    else registrations.delete(line.gone);
  }
  if (owner === undefined) return undefined;
  return { owner, changes, registrations: [...registrations.values()] };
}

function parseLine(raw: string, place: string): Line {
  try {
    const line: unknown = JSON.parse(raw);
    if (typeof line === 'object' && line !== null && KEYS.some((key) => key in line)) return line as Line;
  } catch {
    // Said below.
  }
  const advice =
    'it was damaged after it was written; look into it, put the settings back by hand, delete it';
  throw new MachineError(`${place}: no line of a settings journal: ${advice}`);
}

const KEYS = ['version', 'set', 'undone', 'register', 'gone'];
