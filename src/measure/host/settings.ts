/**
 * One setting of the host: a file of sysfs, procfs or debugfs with a value in it. Files that offer a choice
 * show all of it with the present one in brackets (`always [madvise] never`, `none (full)`); a value is what
 * can be written.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { MachineError } from '../../trace/errors.js';

/** Settings are below these folders; anything else is no setting, whatever a journal says. */
const PLACES = ['/sys/', '/proc/sys/'];

export const KSM = '/sys/kernel/mm/ksm';
const DEBUGFS = '/sys/kernel/debug';
export const TRACEFS = '/sys/kernel/tracing';
/** The preemption model, on kernels that switch it live. */
export const SCHED_PREEMPT = `${DEBUGFS}/sched/preempt`;

export function isSettingPath(path: string): boolean {
  return PLACES.some((place) => path.startsWith(place)) && !path.split('/').includes('..');
}

/** The value; undefined when the file is not there or cannot be read. */
export function settingValue(path: string): string | undefined {
  const text = settingText(path);
  return text === undefined ? undefined : chosenOf(text);
}

/** What the file offers; undefined when it shows one value only. */
function settingChoices(path: string): readonly string[] | undefined {
  const text = settingText(path);
  if (text === undefined || chosenOf(text) === text) return undefined;
  return text.split(/\s+/).map((word) => word.replaceAll(/[[\]()]/g, ''));
}

function settingText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function chosenOf(text: string): string {
  return /(?:^|\s)[[(]([\w+-]+)[\])](?=\s|$)/.exec(text)?.[1] ?? text;
}

/** Whether the kernel means the same by both: `Y` and `1`, `0x10` and `16`, one space or a tab. */
export function isSameValue(a: string, b: string): boolean {
  return a === b || plain(a) === plain(b);
}

function plain(value: string): string {
  const words = value.trim().split(/\s+/);
  return words.map((word) => TRUTH[word] ?? (isNumber(word) ? BigInt(word).toString() : word)).join(' ');
}

const isNumber = (word: string): boolean => /^(0x[\da-f]+|\d+)$/i.test(word);
const TRUTH: Readonly<Record<string, string>> = { Y: '1', y: '1', N: '0', n: '0' };

/**
 * Writes a value, in one write(2), into a file that exists.
 *
 * @throws MachineError with the kernel's answer
 */
export function writeSetting(path: string, value: string): void {
  try {
    const fd = openSync(path, constants.O_WRONLY);
    try {
      writeSync(fd, value);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SettingError(`${path} cannot be set to ${value}: ${reason(path, code)}`, code);
  }
}

/** The kernel does not take a value. */
export class SettingError extends MachineError {
  constructor(
    message: string,
    readonly code: string | undefined,
  ) {
    super(message);
  }
}

function reason(path: string, code: string | undefined): string {
  switch (code) {
    case 'ENOENT':
      return missing(path);
    case 'EACCES':
    case 'EPERM':
      if (isReadOnly(path)) return 'this kernel shows it, but does not let it be changed';
      return process.geteuid?.() === 0 ? `the kernel refuses it to root (${code})` : `needs root (${code})`;
    case 'EINVAL': {
      const choices = settingChoices(path);
      return `no value for it (${choices === undefined ? code : `one of ${choices.join(', ')}`})`;
    }
    case 'EBUSY':
      return 'it is in use (EBUSY)';
    default:
      return String(code);
  }
}

function isReadOnly(path: string): boolean {
  try {
    return (statSync(path).mode & 0o222) === 0;
  } catch {
    return false;
  }
}

/** What is missing where a setting is not there. */
function missing(path: string): string {
  if (path.startsWith(`${DEBUGFS}/`) && !existsSync(`${DEBUGFS}/bdi`)) {
    return `debugfs is not mounted (mount -t debugfs nodev ${DEBUGFS}) or not permitted`;
  }
  return 'this kernel has no such setting';
}

/**
 * Why a setting cannot have a value here, as one phrase; undefined when nothing speaks against it. Changes
 * nothing, so what the kernel thinks of the value is known only for settings that show their choices.
 */
export function unsupportedSetting(path: string, value: string): string | undefined {
  if (!isSettingPath(path)) return `${path} is no setting: they are below ${PLACES.join(' and ')}`;
  if (!existsSync(path)) return `${path}: ${missing(path)}`;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    closeSync(openSync(path, constants.O_WRONLY));
  } catch (error) {
    return `${path}: ${reason(path, (error as NodeJS.ErrnoException).code)}`;
  }
  const choices = settingChoices(path);
  if (choices === undefined || choices.includes(value)) return undefined;
  return `${path} has ${choices.join(', ')}, not ${value}`;
}
