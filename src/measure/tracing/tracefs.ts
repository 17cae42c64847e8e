/** The kernel's tracefs: where it is, mounted for a run if need be, and its files read and written. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { MachineError } from '../../trace/errors.js';
import { mount } from '../ffi/libc.js';
import type { Journal } from '../host/journal.js';
import { TRACEFS } from '../host/settings.js';

/** Called with a phrase that says what could not be done. */
const refused = (what: string, error: unknown): MachineError =>
  new MachineError(`${what}: ${error instanceof Error ? error.message : String(error)}`);

const isTracefsMounted = (): boolean => existsSync(`${TRACEFS}/instances`);

/**
 * Why events of the kernel cannot be recorded here: one phrase; undefined when nothing is known to be in
 * the way.
 */
export function tracingUnsupported(): string | undefined {
  if (!existsSync(TRACEFS)) return `this kernel has no ${TRACEFS} (CONFIG_FTRACE)`;
  if (process.geteuid?.() !== 0) return 'recording events of the kernel needs root';
  if (isTracefsMounted() && !existsSync(`${TRACEFS}/events/kvm`))
    return `no ${TRACEFS}/events/kvm: KVM is not loaded`;
  return undefined;
}

/** Mounts tracefs until the run ends, if it is not mounted. */
export function ensureTracefs(journal: Journal): void {
  if (isTracefsMounted()) return;
  const registered = journal.register({ kind: 'mount', path: TRACEFS, type: 'tracefs' });
  try {
    mount('nodev', TRACEFS, 'tracefs');
  } catch (error) {
    registered.gone();
    throw refused('tracefs cannot be mounted', error);
  }
}

/** @throws MachineError with the file and what the kernel said */
export function writeControl(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw refused(`${path} cannot be set to ${JSON.stringify(text)}`, error);
  }
}

export function readControl(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw refused(`${path} cannot be read`, error);
  }
}

/** Names in a folder, none where it is not there. */
export function namesOf(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
