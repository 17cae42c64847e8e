/**
 * The part of a study that measures: each of its scenarios on this host's KVM, where there is one. A study
 * goes on without it anywhere else, and says why.
 */
import { existsSync } from 'node:fs';
import type { MeasuredScenario } from '../../report/measurement.js';
import type { StudyRecording } from '../../report/types.js';
import { InputError, MachineError } from '../../trace/errors.js';

/** Counted runs of each scenario, and how long each lasts: five seconds in all. */
export const RUNS = 5;
export const RUN_TIME = '1s';
/**
 * A host that cannot be had to itself, or a guest that hangs, makes runs long: a scenario ends after this
 * with what it has, ms.
 */
export const MOST_TIME = 60_000;

export interface MeasuredOptions {
  /** Recordings and Perfetto traces go into folders of it. */
  readonly folder: string;
  /** The exact command, word by word, and the version, for the recording. */
  readonly command: readonly string[];
  readonly version: string;
  readonly signal: AbortSignal | undefined;
  onScenario(name: string): void;
  onProgress(done: number, total: number): void;
}

export interface MeasuredPart {
  readonly scenarios: MeasuredScenario[];
  /** A trace of each that was measured, where the kernel's events can be recorded. */
  readonly recordings: StudyRecording[];
  readonly files: string[];
  /** Names of what an abort left undone. */
  readonly missing: string[];
}

export async function measuredPart(
  names: readonly string[],
  options: MeasuredOptions,
): Promise<MeasuredPart> {
  const part: MeasuredPart = { scenarios: [], recordings: [], files: [], missing: [] };
  const absent = names.length === 0 ? undefined : reasonAgainst();
  for (const scenario of names) {
    if (options.signal?.aborted === true) part.missing.push(scenario);
    else if (absent !== undefined) part.scenarios.push({ scenario, notMeasured: absent });
    else await measureInto(part, scenario, options);
  }
  return part;
}

async function measureInto(part: MeasuredPart, scenario: string, options: MeasuredOptions): Promise<void> {
  options.onScenario(scenario);
  try {
    const { measureScenario } = await import('./measure-scenario.js');
    const { report, touches, recording, files, stopped } = await measureScenario(scenario, options);
    if (stopped) {
      part.missing.push(scenario);
      return;
    }
    part.scenarios.push({ scenario, report, touches });
    if (recording !== undefined) part.recordings.push(recording);
    part.files.push(...files);
  } catch (error) {
    part.scenarios.push({ scenario, notMeasured: reasonOf(error) });
  }
}

/** Without asking the C library: it may be no Linux. */
function reasonAgainst(): string | undefined {
  if (process.platform !== 'linux') return `KVM is a part of Linux, and this is ${process.platform}`;
  if (!existsSync('/dev/kvm')) return 'this machine has no /dev/kvm';
  return undefined;
}

/** What stops a measurement stops no study, unless it is a mistake of ours. */
function reasonOf(error: unknown): string {
  if (error instanceof InputError) return error.oneLine;
  const isKnown = error instanceof MachineError || (error instanceof Error && error.name === 'SystemError');
  if (!isKnown) throw error;
  return error.message;
}
