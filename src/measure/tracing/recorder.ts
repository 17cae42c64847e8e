/**
 * Records events of the kernel during runs, one trace.dat for each run that is kept.
 *
 * While a guest runs, a thread moves the kernel's pages into files as they are; what they hold is looked at
 * and put together when the run is over.
 */
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, OutputFile } from '../../files/output-file.js';
import { InputError, MachineError } from '../../trace/errors.js';
import type { Journal, Registered } from '../host/journal.js';
import { composeDat, countPages, type DatParts, type DrainedPages } from './compose.js';
import { Drain } from './drain.js';
import { TraceInstance } from './instance.js';
import type { RecordingLevel } from './levels.js';
import { ensureTracefs, tracingUnsupported } from './tracefs.js';

/** A trace.dat, and what is in it. */
export interface TraceFile {
  /** Its name in the folder. */
  readonly file: string;
  readonly bytes: number;
  /** Events that the pages say are missing. */
  readonly lost: number;
  /** Events that the kernel's statistics say were dropped: written over, or never written. */
  readonly overrun: number;
  /** `system:name`, most first. */
  readonly events: { name: string; count: number }[];
  /** One sentence each. */
  readonly notes: string[];
}

export class Recorder {
  readonly #instance: TraceInstance;
  readonly #pages: readonly DrainedPages[];
  readonly #registered: readonly Registered[];
  #drain: Drain | undefined;
  #recorded: (DatParts & { readonly overrun: number }) | undefined;

  private constructor(
    private readonly folder: string,
    private readonly journal: Journal,
    level: RecordingLevel,
  ) {
    ensureTracefs(journal);
    this.#instance = TraceInstance.make(level, journal);
    this.#pages = this.#instance.cpus.map((cpu) => ({
      cpu,
      file: join(folder, `.trace-cpu${cpu}.${process.pid}.partial`),
    }));
    this.#registered = this.#pages.map(({ file }) => journal.register({ kind: 'file', path: file }));
  }

  /**
   * Makes an instance of tracefs, with tracefs mounted if need be; nothing is recorded yet.
   *
   * @param folder that files go to; made when it is not there
   * @throws MachineError when this host or user cannot
   * @throws InputError when the folder cannot be made
   */
  static open(level: RecordingLevel, folder: string, journal: Journal): Recorder {
    const reason = tracingUnsupported();
    if (reason !== undefined) throw new MachineError(`--trace ${level}: ${reason}`);
    try {
      makeFolder(folder);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new InputError(`cannot be written (${why})`, { file: folder });
    }
    return new Recorder(folder, journal, level);
  }

  /** Records from here on. Whatever was recorded before and not kept is gone. */
  async begin(): Promise<void> {
    this.#recorded = undefined;
    const cpus = this.#pages.map(({ cpu, file }) => ({ from: this.#instance.pagesFile(cpu), to: file }));
    this.#drain = await Drain.start(cpus, this.#instance.pageBytes);
    this.#instance.start();
  }

  /** Ends what `begin` began. @throws MachineError when pages could not be written */
  async end(): Promise<void> {
    const drain = this.#drain;
    if (drain === undefined) return;
    this.#drain = undefined;
    this.#instance.stop();
    // Names of threads are looked up while the threads are there.
    const texts = this.#instance.texts();
    await drain.finish();
    const { pageBytes, clock, cpus } = this.#instance;
    const statistics = cpus.map((cpu) => this.#instance.statistics(cpu));
    this.#recorded = {
      facts: this.#instance.facts(statistics.map(({ text }) => text)),
      texts,
      clock,
      pageBytes,
      pages: this.#pages,
      overrun: statistics.reduce((sum, { overrun }) => sum + overrun, 0),
    };
  }

  /**
   * Writes what was recorded last.
   *
   * @param name of the file
   */
  keep(name: string): TraceFile {
    if (this.#recorded === undefined) throw new Error('nothing was recorded');
    const { overrun, ...parts } = this.#recorded;
    const path = join(this.folder, name);
    const registered = this.journal.register({
      kind: 'file',
      path: join(this.folder, `.${name}.${process.pid}.partial`),
    });
    const out = new OutputFile(path);
    let bytes: number;
    try {
      bytes = composeDat(out, parts);
      out.commit();
    } catch (error) {
      out.discard();
      throw error;
    }
    registered.gone();
    const { events, lost, notes } = countPages(parts);
    return { file: name, bytes, lost, overrun, events, notes: [...this.#instance.notes, ...notes] };
  }

  /** Removes the instance and files that are not kept. */
  async close(): Promise<void> {
    await this.#drain?.finish().catch(() => undefined);
    this.#drain = undefined;
    this.#instance.remove();
    this.#pages.forEach(({ file }, index) => {
      rmSync(file, { force: true });
      this.#registered[index].gone();
    });
    // No run came to an end.
    if (readdirSync(this.folder).length === 0) rmdirSync(this.folder);
  }
}
