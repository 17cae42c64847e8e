/**
 * An instance of tracefs of our own: ring buffers that nobody else writes to, and events that are enabled in
 * them only. Removed when the run ends, however it ends.
 */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { release } from 'node:os';
import { MachineError } from '../../trace/errors.js';
import type { DatFacts, DatTexts } from '../../trace/write/dat-parts.js';
import type { Journal, Registered } from '../host/journal.js';
import { TRACEFS } from '../host/settings.js';
import { commLines } from './comms.js';
import { BUFFER_KIB, ESSENTIAL_SYSTEMS, EVENTS, type RecordingLevel } from './levels.js';
import { addProbes, type Probes } from './probes.js';
import { namesOf, readControl, writeControl } from './tracefs.js';

/** Of its page header: where data begins. */
const DATA_FIELD = /char data;\s*offset:(\d+);\s*size:(\d+)/;
/** Readable by whoever reads `mono` time stamps of this process, and the same on all CPUs. */
const CLOCK = 'mono';

export class TraceInstance {
  /** Bytes of a page of its ring buffers. */
  readonly pageBytes: number;
  readonly cpus: readonly number[];
  /** `system:event`, all that are enabled. */
  readonly events: readonly string[];
  /** What this kernel does not record, one sentence each. */
  readonly notes: readonly string[];
  /** Names of functions; undefined: not looked up yet. */
  #functions: string | undefined;

  private constructor(
    readonly path: string,
    private readonly level: RecordingLevel,
    private readonly registered: Registered,
    private readonly probes: Probes,
  ) {
    writeControl(`${path}/tracing_on`, '0');
    writeControl(`${path}/trace_clock`, CLOCK);
    writeControl(`${path}/buffer_size_kb`, `${BUFFER_KIB[level]}`);
    const [, offset, bytes] = DATA_FIELD.exec(readControl(`${TRACEFS}/events/header_page`)) ?? [];
    this.pageBytes = Number(offset) + Number(bytes);
    if (!Number.isInteger(this.pageBytes))
      throw new MachineError(`${TRACEFS}/events/header_page does not say how long a page is`);
    this.cpus = namesOf(`${path}/per_cpu`)
      .map((name) => Number(name.slice('cpu'.length)))
      .sort((a, b) => a - b);
    const { events, missing } = enable(path, level, probes);
    this.events = events;
    this.notes = [
      ...(missing.length === 0 ? [] : [`this kernel has no events ${missing.join(', ')}`]),
      ...probes.notes,
    ];
  }

  /**
   * Made, events enabled, not recording yet; tracefs is mounted.
   *
   * @throws MachineError; nothing is left then
   */
  static make(level: RecordingLevel, journal: Journal): TraceInstance {
    const path = `${TRACEFS}/instances/faultline-${process.pid}`;
    const probes = addProbes(level, journal);
    const registered = journal.register({ kind: 'tracefs-instance', path });
    try {
      mkdirSync(path);
      return new TraceInstance(path, level, registered, probes);
    } catch (error) {
      if (existsSync(path)) rmdirSync(path);
      registered.gone();
      probes.remove();
      throw error instanceof MachineError ? error : new MachineError(`${path}: ${String(error)}`);
    }
  }

  /** Empties the buffers, and records from here on. */
  start(): void {
    writeControl(`${this.path}/trace`, '');
    writeControl(`${this.path}/tracing_on`, '1');
  }

  stop(): void {
    writeControl(`${this.path}/tracing_on`, '0');
  }

  pagesFile(cpu: number): string {
    return `${this.path}/per_cpu/cpu${cpu}/trace_pipe_raw`;
  }

  /** What the kernel counted for a CPU since `start`. */
  statistics(cpu: number): { text: string; overrun: number } {
    const text = readControl(`${this.path}/per_cpu/cpu${cpu}/stats`);
    const count = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    return {
      text: `CPU: ${cpu}\n${text}`,
      overrun: count('overrun') + count('commit overrun') + count('dropped events'),
    };
  }

  facts(statistics: readonly string[]): DatFacts {
    const clocks = readControl(`${this.path}/trace_clock`);
    return { clocks, kernel: release(), cpus: this.cpus.length, statistics };
  }

  get clock(): string {
    return CLOCK;
  }

  /** What readers of its pages need. */
  texts(): DatTexts {
    const formats = new Map<string, string[]>();
    const builtIn = namesOf(`${TRACEFS}/events/ftrace`).map((name) => `ftrace:${name}`);
    for (const each of [...builtIn, ...this.events]) {
      const [system, name] = each.split(':');
      const file = `${TRACEFS}/events/${system}/${name}/format`;
      if (!existsSync(file)) continue;
      const list = formats.get(system) ?? [];
      list.push(readControl(file));
      formats.set(system, list);
    }
    return {
      headerPage: readControl(`${TRACEFS}/events/header_page`),
      headerEvent: readControl(`${TRACEFS}/events/header_event`),
      formats,
      // Only events of the full level hold addresses of functions.
      kallsyms: this.level === 'full' ? (this.#functions ??= functionNames()) : '',
      comms: commLines(`${TRACEFS}/saved_cmdlines`),
    };
  }

  remove(): void {
    if (existsSync(this.path)) rmdirSync(this.path);
    this.registered.gone();
    this.probes.remove();
  }
}

function enable(
  path: string,
  level: RecordingLevel,
  probes: Probes,
): { events: string[]; missing: string[] } {
  const events: string[] = [];
  const missing: string[] = [];
  for (const { system, events: wanted } of [...EVENTS[level], ...probes.choices]) {
    const folder = `${path}/events/${system}`;
    if (!existsSync(folder)) {
      if (ESSENTIAL_SYSTEMS.includes(system))
        throw new MachineError(`no ${TRACEFS}/events/${system}: KVM's events cannot be recorded`);
      missing.push(system);
      continue;
    }
    const there = namesOf(folder).filter((name) => existsSync(`${folder}/${name}/enable`));
    const chosen = wanted === undefined ? there : there.filter((name) => wanted.includes(name));
    for (const name of chosen) writeControl(`${folder}/${name}/enable`, '1');
    events.push(...chosen.map((name) => `${system}:${name}`));
  }
  return { events, missing };
}

/** Lines of kallsyms that name functions; '' where this user does not see addresses. */
function functionNames(): string {
  const lines = readControl('/proc/kallsyms').split('\n');
  const functions = lines.filter((line) => /^[0-9a-f]+ [tTwW] /.test(line) && !/^0+ /.test(line));
  return functions.length === 0 ? '' : `${functions.join('\n')}\n`;
}
