/**
 * Arms: settings of the host under names, so that two can be compared on one kernel: `preempt=full`,
 * `ksm=on,thp=never`.
 */
import { InputError } from '../../trace/errors.js';
import { isSettingPath, KSM, SCHED_PREEMPT, unsupportedSetting } from './settings.js';
import type { Settings } from './types.js';

export interface ArmSetting {
  readonly path: string;
  readonly value: string;
}

export interface Arm {
  /** As it was written. */
  readonly name: string;
  /** In the order in which they are set. */
  readonly settings: readonly ArmSetting[];
}

/** A name that stands for one file with a few values. */
interface Switch {
  readonly path: string;
  /** From the word of the command line to what is written. */
  readonly values: Readonly<Record<string, string>>;
}

/** The arm that changes nothing. */
const AS_IS = 'as-is';

const same = (...values: string[]): Record<string, string> =>
  Object.fromEntries(values.map((value) => [value, value]));

const THP = '/sys/kernel/mm/transparent_hugepage';

const SWITCHES: Readonly<Record<string, Switch>> = {
  preempt: { path: SCHED_PREEMPT, values: same('none', 'voluntary', 'full', 'lazy') },
  ksm: { path: `${KSM}/run`, values: { on: '1', off: '0' } },
  thp: { path: `${THP}/enabled`, values: same('always', 'madvise', 'never') },
  'thp-shmem': {
    path: `${THP}/shmem_enabled`,
    values: same('always', 'within_size', 'advise', 'never', 'deny', 'force'),
  },
  'thp-defrag': {
    path: `${THP}/defrag`,
    values: same('always', 'defer', 'defer+madvise', 'madvise', 'never'),
  },
  numa: { path: '/proc/sys/kernel/numa_balancing', values: { on: '1', off: '0', tiering: '2' } },
  mglru: { path: '/sys/kernel/mm/lru_gen/enabled', values: { on: '7', off: '0' } },
};

/** Names before a dot, for every file of a folder: `ksm.pages_to_scan=1000`. */
const FOLDERS: Readonly<Record<string, string>> = {
  ksm: KSM,
  thp: THP,
  khugepaged: `${THP}/khugepaged`,
  numa: '/sys/kernel/debug/sched/numa_balancing',
  sched: '/sys/kernel/debug/sched',
  kvm: '/sys/module/kvm/parameters',
  vm: '/proc/sys/vm',
};

const FORMS =
  `write ${Object.keys(SWITCHES).join(', ')} or a file (${Object.keys(FOLDERS).join('.NAME, ')}.NAME, ` +
  `/sys/..., /proc/sys/...), then = and the value`;

/**
 * @param text settings separated by commas, each NAME=VALUE
 * @throws InputError for a name or value that there is not, on any host
 */
export function parseArm(text: string, field = '--arm'): Arm {
  if (text === AS_IS) return { name: text, settings: [] };
  const settings = text.split(',').map((part) => parseSetting(part.trim(), field));
  const twice = settings.find(({ path }, i) => settings.findIndex((each) => each.path === path) !== i);
  if (twice) throw new InputError(`"${text}" sets ${twice.path} twice`, { field });
  return { name: text, settings };
}

function parseSetting(text: string, field: string): ArmSetting {
  const at = text.indexOf('=');
  const [name, value] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || value === '') throw new InputError(`"${text}" is no setting: ${FORMS}`, { field });
  const known = Object.hasOwn(SWITCHES, name) ? SWITCHES[name] : undefined;
  if (known !== undefined) {
    if (Object.hasOwn(known.values, value)) return { path: known.path, value: known.values[value] };
    const words = Object.keys(known.values).join(', ');
    throw new InputError(`"${value}" is no value of ${name}: take one of ${words}`, { field });
  }
  if (isSettingPath(name)) return { path: name, value };
  const [, group = '', file = ''] = /^([a-z]+)\.([\w-]+)$/.exec(name) ?? [];
  if (Object.hasOwn(FOLDERS, group)) return { path: `${FOLDERS[group]}/${file}`, value };
  throw new InputError(`"${name}" is no setting: ${FORMS}`, { field });
}

/** What this host lacks for an arm, one phrase that names file and reason; undefined when it can be tried. */
export function unsupportedArm({ settings }: Arm): string | undefined {
  for (const { path, value } of settings) {
    const phrase = unsupportedSetting(path, value);
    if (phrase !== undefined) return phrase;
  }
  return undefined;
}

/**
 * @throws MachineError when the kernel refuses one; those before it are set then, and put back by the journal
 */
export function applyArm({ settings: wanted }: Arm, settings: Settings): void {
  for (const { path, value } of wanted) settings.set(path, value);
}
