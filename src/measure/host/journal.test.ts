/**
 * Goal: what a run changes on the host is back afterwards, and what it may not change is not touched. Real
 * settings.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../../../test/requires.js';
import { hostToItself } from '../../../test/support/host-to-itself.js';
import { mountTracefs, TRACEFS } from '../../../test/support/tracefs.js';
import { MachineError } from '../../trace/errors.js';
import { Journal, restoreLeftovers } from './journal.js';
import { journalFile } from './journal-file.js';
import { identityOf, isAlive } from './process-identity.js';
import { RunLock } from './run-lock.js';
import { settingValue, writeSetting } from './settings.js';

// Settings that matter to nobody else while these tests run.
const PRUNE = '/sys/kernel/mm/ksm/stable_node_chains_prune_millisecs';
const TARGET = '/sys/kernel/mm/ksm/advisor_target_scan_time';
const ADVISOR = '/sys/kernel/mm/ksm/advisor_mode';
const SCAN = '/sys/kernel/mm/ksm/pages_to_scan';
const SWAP_PTES = '/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_swap';

let folder: string;
let before: Record<string, string | undefined>;
const now = () =>
  Object.fromEntries([PRUNE, TARGET, ADVISOR, SWAP_PTES].map((path) => [path, settingValue(path)]));

hostToItself();
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'faultline-test-')), 'state');
  before = now();
});

afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true });
  expect(now()).toEqual(before);
});

/** A journal and its lock, closed whatever the test does. */
function withJournal(body: (journal: Journal) => void): void {
  const lock = RunLock.acquire('test', folder);
  try {
    const journal = Journal.open(lock);
    try {
      body(journal);
    } finally {
      journal.close();
    }
  } finally {
    lock.release();
  }
}

/** What is on disk when a run is killed now: the journal stays, its values stay, the lock goes. */
function killed(body: (journal: Journal) => void): void {
  const lock = RunLock.acquire('test', folder);
  const journal = Journal.open(lock);
  body(journal);
  const left = readFileSync(journalFile(folder));
  // Its own end must not undo anything: the journal then has nothing to undo, as if it had never been.
  const values = journal.changes.map(({ path }) => [path, settingValue(path) ?? ''] as const);
  journal.close();
  for (const [path, value] of values) writeSetting(path, value);
  writeFileSync(journalFile(folder), left, { mode: 0o600 });
  lock.release();
}

const host = requires('ksm');

host.describe('a run', () => {
  it('changes settings and puts them back in reverse', () => {
    withJournal((journal) => {
      journal.set(PRUNE, '2500');
      journal.set(TARGET, '300');
      journal.set(PRUNE, '2600');
      expect(now()).toEqual({ ...before, [PRUNE]: '2600', [TARGET]: '300' });
      expect(journal.changes).toEqual([
        { path: PRUNE, before: before[PRUNE], value: '2600' },
        { path: TARGET, before: before[TARGET], value: '300' },
      ]);
      expect(journal.close().map(({ what, outcome }) => [what, outcome])).toEqual([
        [TARGET, 'restored'],
        [PRUNE, 'restored'],
      ]);
    });
    expect(existsSync(folder)).toBe(false);
  });

  it('rolls back to a mark: arms A B A B', () => {
    withJournal((journal) => {
      journal.set(PRUNE, '2500');
      const mark = journal.mark();
      for (let round = 0; round < 2; round++) {
        journal.set(PRUNE, '2700');
        journal.set(TARGET, '300');
        expect(journal.rollback(mark).map(({ outcome }) => outcome)).toEqual(['restored', 'restored']);
        expect(now()).toEqual({ ...before, [PRUNE]: '2500' });
      }
    });
  });

  it('knows values in brackets, and what the kernel changes along with them', () => {
    const scan = settingValue(SCAN);
    withJournal((journal) => {
      journal.set(ADVISOR, 'scan-time');
      expect(readFileSync(ADVISOR, 'utf8')).toContain('[scan-time]');
      // The kernel now writes pages_to_scan by itself.
      expect(journal.changes).toEqual([{ path: ADVISOR, before: 'none', value: 'scan-time' }]);
    });
    expect(settingValue(SCAN)).toBe(scan);
  });

  it('writes nothing where the value is there already', () => {
    withJournal((journal) => {
      journal.set(PRUNE, before[PRUNE] ?? '');
      expect([journal.changes, journal.close()]).toEqual([[], []]);
    });
  });

  it('leaves alone what somebody else has changed meanwhile, and says so', () => {
    withJournal((journal) => {
      journal.set(PRUNE, '2500');
      writeSetting(PRUNE, '3333');
      const [{ outcome, detail }] = journal.close();
      expect(outcome).toBe('foreign');
      expect(detail).toBe(
        `somebody set it to 3333 during the run; it was ${before[PRUNE]} before, and stays 3333`,
      );
      expect(settingValue(PRUNE)).toBe('3333');
      writeSetting(PRUNE, before[PRUNE] ?? '');
    });
  });

  it('goes back to what somebody else set between two of its own changes', () => {
    withJournal((journal) => {
      journal.set(PRUNE, '2500');
      writeSetting(PRUNE, '3333');
      journal.set(PRUNE, '2600');
      expect(journal.close()).toEqual([{ what: PRUNE, outcome: 'restored', detail: '2600 -> 3333' }]);
      writeSetting(PRUNE, before[PRUNE] ?? '');
    });
  });

  it('changes nothing when the kernel refuses, and names setting, value and answer', () => {
    withJournal((journal) => {
      const cases: [path: string, value: string, message: string][] = [
        ['/sys/kernel/mm/ksm/no_such', '1', 'cannot be set to 1: this kernel has no such setting'],
        [ADVISOR, 'sometimes', `no value for it \\(one of none, scan-time\\)`],
        [PRUNE, 'many', 'cannot be set to many'],
        [SWAP_PTES, '100000', 'cannot be set to 100000: no value for it'],
        ['/sys/kernel/mm/ksm/pages_shared', '1', 'pages_shared cannot be set'],
        ['/etc/passwd', 'x', 'no setting'],
        ['/sys/../etc/passwd', 'x', 'no setting'],
      ];
      for (const [path, value, message] of cases) {
        expect(() => journal.set(path, value), path).toThrow(MachineError);
        expect(() => journal.set(path, value), path).toThrow(new RegExp(message));
      }
      expect([now(), journal.changes]).toEqual([before, []]);
    });
  });
});

host.describe('a run that was killed', () => {
  it('is undone by the next', () => {
    killed((journal) => {
      journal.set(PRUNE, '2500');
      journal.set(SWAP_PTES, '9');
    });
    expect(now()).toEqual({ ...before, [PRUNE]: '2500', [SWAP_PTES]: '9' });
    withJournal((journal) => {
      expect(journal.recovered.map(({ what, outcome }) => [what, outcome])).toEqual([
        [SWAP_PTES, 'restored'],
        [PRUNE, 'restored'],
      ]);
      expect(now()).toEqual(before);
    });
  });

  it('is undone once: what is changed afterwards stays', () => {
    killed((journal) => journal.set(PRUNE, '2500'));
    expect(restoreLeftovers(folder)).toHaveLength(1);
    expect(restoreLeftovers(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('had done nothing when the last line is torn, or when the file is empty', () => {
    killed((journal) => journal.set(PRUNE, '2500'));
    const text = readFileSync(journalFile(folder), 'utf8');
    writeFileSync(journalFile(folder), `${text}{"set":{"path":"${TARGET}","fr`);
    expect(restoreLeftovers(folder).map(({ what }) => what)).toEqual([PRUNE]);
    mkdirSync(folder);
    writeFileSync(journalFile(folder), '');
    expect(restoreLeftovers(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('leaves a journal that was damaged alone, and says where', () => {
    mkdirSync(folder);
    writeFileSync(journalFile(folder), '{"version":1,"owner":{}}\nrubbish\n');
    expect(() => restoreLeftovers(folder)).toThrow(/journal\.jsonl:2: no line of a settings journal/);
    expect(existsSync(journalFile(folder))).toBe(true);
  });

  it('cannot make us write or delete just anything', () => {
    mkdirSync(folder);
    const victim = join(folder, '..', 'precious');
    writeFileSync(victim, '');
    const lines = [
      { version: 1, owner: { pid: 1, startTime: 0, bootId: readFileSync(BOOT, 'utf8').trim() } },
      { set: { path: victim, from: 'a', value: 'b' } },
      { register: { id: 1, leftover: { kind: 'file', path: victim } } },
    ];
    writeFileSync(journalFile(folder), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(restoreLeftovers(folder).map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
    expect(readFileSync(victim, 'utf8')).toBe('');
    const lock = RunLock.acquire('test', folder);
    expect(() => Journal.open(lock)).toThrow(/a run that was killed left .*put it back by hand and delete/);
    lock.release();
  });

  it('in an earlier boot: the kernel has forgotten its settings, and they stay', () => {
    killed((journal) => journal.set(PRUNE, '2500'));
    const text = readFileSync(journalFile(folder), 'utf8');
    writeFileSync(journalFile(folder), text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    expect(restoreLeftovers(folder)).toEqual([]);
    expect(settingValue(PRUNE)).toBe('2500');
    writeSetting(PRUNE, before[PRUNE] ?? '');
  });
});

const BOOT = '/proc/sys/kernel/random/boot_id';

describe('leftovers', () => {
  const children: ChildProcess[] = [];
  const sleeper = (): number => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.push(child);
    return child.pid ?? 0;
  };
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  it('of every kind are removed', () => {
    const temporary = join(folder, '..', 'faultline-1');
    const file = join(folder, '..', 'trace.dat.partial');
    const pid = sleeper();
    const child = identityOf(pid) ?? { pid, startTime: 0 };
    withJournal((journal) => {
      journal.register({ kind: 'folder', path: temporary });
      journal.register({ kind: 'file', path: file });
      journal.register({ kind: 'process', pid });
      mkdirSync(join(temporary, 'inside'), { recursive: true });
      writeFileSync(file, 'x');
      expect(journal.close().map(({ what, outcome }) => [what, outcome])).toEqual([
        [`process ${pid}`, 'restored'],
        [`file ${file}`, 'restored'],
        [`folder ${temporary}`, 'restored'],
      ]);
      expect([temporary, file].filter((path) => existsSync(path))).toEqual([]);
      expect(isAlive(child)).toBe(false);
    });
  });

  it('that are gone need nothing', () => {
    withJournal((journal) => {
      journal.register({ kind: 'folder', path: join(folder, 'faultline-2') }).gone();
      journal.register({ kind: 'folder', path: join(folder, 'faultline-3') });
      expect(journal.close().map(({ outcome }) => outcome)).toEqual(['unchanged']);
    });
  });

  it('are not taken for a process that has the pid later', () => {
    const pid = sleeper();
    mkdirSync(folder);
    const lines = [
      { version: 1, owner: { pid: 1, startTime: 0, bootId: readFileSync(BOOT, 'utf8').trim() } },
      { register: { id: 1, leftover: { kind: 'process', pid }, startTime: 1 } },
    ];
    writeFileSync(journalFile(folder), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(restoreLeftovers(folder)).toEqual([
      { what: `process ${pid}`, outcome: 'unchanged', detail: 'was gone' },
    ]);
    expect(identityOf(pid)).toBeDefined();
  });

  it('that a run could not have made are refused', () => {
    withJournal((journal) => {
      const refused = [
        { kind: 'folder', path: '/etc' },
        { kind: 'file', path: '/etc/../faultline' },
        { kind: 'process', pid: 1 },
        { kind: 'tracefs-instance', path: '/sys/kernel/tracing/instances/mine' },
      ] as const;
      for (const each of refused) expect(() => journal.register(each)).toThrow(/^(\/\S+|pid 1) is n/);
    });
  });
});

const traced = requires('tracing');

traced.it('an instance of tracefs goes, with files of it open', () => {
  const unmount = mountTracefs();
  const path = `${TRACEFS}/instances/faultline-test-${process.pid}`;
  withJournal((journal) => {
    journal.register({ kind: 'tracefs-instance', path });
    mkdirSync(path);
    openSync(join(path, 'per_cpu', 'cpu0', 'trace_pipe_raw'), 'r');
    expect(journal.close()).toEqual([{ what: `instance ${path}`, outcome: 'restored', detail: 'removed' }]);
  });
  expect(existsSync(path)).toBe(false);
  unmount();
});
