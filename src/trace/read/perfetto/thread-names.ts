/**
 * Names of threads in a Perfetto trace. They come in packets of their own, often after the events of the thread, and
 * sched_switch knows them too.
 */
import type { TraceBuilder } from '../../store/builder.js';
import { ProtoReader, Wire } from './proto-reader.js';

/** What the kernel's own text prints for a thread without a known name. */
const UNKNOWN = '<...>';
/** Longest name of a thread in the kernel. */
const COMM_LENGTH = 15;
const MOST_THREADS = 1 << 22;

/** ProcessTree, ProcessTree.Process and ProcessTree.Thread. */
const Tree = { processes: 1, threads: 2, pid: 1, cmdline: 3, tid: 1, name: 2 } as const;
/** TrackDescriptor and ThreadDescriptor. */
const Track = { thread: 4, tid: 2, threadName: 5 } as const;

export class ThreadNames {
  readonly #builder: TraceBuilder;
  readonly #names = new Map<number, string>([[0, '<idle>']]);
  /** Guesses from command lines and tracks, used where no name is known at the end. */
  readonly #guesses = new Map<number, string>();
  readonly #unnamed = new Set<number>();
  /** Task numbers of the current names. */
  readonly #tasks = new Map<number, number>();
  readonly #outer = new ProtoReader(new Uint8Array(0));
  readonly #inner = new ProtoReader(new Uint8Array(0));

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** The task number of a thread under the name that it has at this point of the file. */
  task(tid: number): number {
    let task = this.#tasks.get(tid);
    if (task === undefined) {
      const name = this.#names.get(tid);
      if (name === undefined) this.#unnamed.add(tid);
      task = this.#builder.task(tid, name ?? UNKNOWN);
      if (this.#tasks.size < MOST_THREADS) this.#tasks.set(tid, task);
    }
    return task;
  }

  name(tid: number): string {
    return this.#names.get(tid) ?? UNKNOWN;
  }

  /** From now on the thread has this name. */
  learn(tid: number, name: string): void {
    if (this.#names.get(tid) === name || (tid === 0 && name.startsWith('swapper'))) return;
    if (this.#unnamed.delete(tid)) this.#builder.nameTask(tid, name);
    if (this.#names.size < MOST_THREADS) this.#names.set(tid, name);
    this.#tasks.delete(tid);
  }

  processTree(bytes: Uint8Array, start: number, end: number): void {
    const fields = this.#outer.reset(bytes, start, end);
    while (fields.next()) {
      if (fields.wire !== Wire.length) continue;
      if (fields.field === Tree.threads) this.#thread(bytes, fields.start, fields.end, 'tree');
      else if (fields.field === Tree.processes) this.#process(bytes, fields.start, fields.end);
    }
  }

  trackDescriptor(bytes: Uint8Array, start: number, end: number): void {
    const fields = this.#outer.reset(bytes, start, end);
    while (fields.next()) {
      if (fields.field !== Track.thread || fields.wire !== Wire.length) continue;
      this.#thread(bytes, fields.start, fields.end, 'track');
    }
  }

  /** Name what is still unnamed by its guess. */
  finish(): void {
    for (const tid of this.#unnamed) {
      const guess = this.#guesses.get(tid);
      if (guess !== undefined) this.#builder.nameTask(tid, guess);
    }
  }

  #thread(bytes: Uint8Array, start: number, end: number, from: 'tree' | 'track'): void {
    const [tidField, nameField] = from === 'tree' ? [Tree.tid, Tree.name] : [Track.tid, Track.threadName];
    const fields = this.#inner.reset(bytes, start, end);
    let tid: number | undefined;
    let name: string | undefined;
    while (fields.next()) {
      if (fields.field === tidField && fields.wire === Wire.varint) tid = fields.int32;
      else if (fields.field === nameField && fields.wire === Wire.length) name = this.#text(bytes, fields);
    }
    if (tid === undefined || name === undefined) return;
    if (from === 'tree') this.learn(tid, name);
    // A program names its tracks as it likes; the kernel's name is better where there is one.
    else if (this.#guesses.size < MOST_THREADS) this.#guesses.set(tid, name);
  }

  #process(bytes: Uint8Array, start: number, end: number): void {
    const fields = this.#inner.reset(bytes, start, end);
    let pid: number | undefined;
    let program: string | undefined;
    while (fields.next()) {
      if (fields.field === Tree.pid && fields.wire === Wire.varint) pid = fields.int32;
      else if (fields.field === Tree.cmdline && fields.wire === Wire.length)
        program ??= this.#text(bytes, fields);
    }
    if (pid === undefined || program === undefined || this.#guesses.size >= MOST_THREADS) return;
    this.#guesses.set(pid, program.slice(program.lastIndexOf('/') + 1).slice(0, COMM_LENGTH));
  }

  #text(bytes: Uint8Array, fields: ProtoReader): string {
    const { strings } = this.#builder;
    return strings.text(strings.internBytes(bytes, fields.start, fields.end));
  }
}
