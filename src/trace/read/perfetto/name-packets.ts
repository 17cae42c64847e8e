/**
 * Packets that name threads: the process tree that the kernel's side of Perfetto writes, and the tracks that
 * programs describe.
 */
import type { TraceBuilder } from '../../store/builder.js';
import type { ThreadNames } from '../thread-names.js';
import { ProtoReader, Wire } from './proto-reader.js';

/** Longest name of a thread in the kernel. */
const COMM_LENGTH = 15;
/** ProcessTree, ProcessTree.Process and ProcessTree.Thread. */
const Tree = { processes: 1, threads: 2, pid: 1, cmdline: 3, tid: 1, name: 2 } as const;
/** TrackDescriptor and ThreadDescriptor. */
const Track = { thread: 4, tid: 2, threadName: 5 } as const;

export class NamePackets {
  readonly #builder: TraceBuilder;
  readonly #names: ThreadNames;
  readonly #outer = new ProtoReader(new Uint8Array(0));
  readonly #inner = new ProtoReader(new Uint8Array(0));

  constructor(builder: TraceBuilder, names: ThreadNames) {
    this.#builder = builder;
    this.#names = names;
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
    if (from === 'tree') this.#names.learn(tid, name);
    // A program names its tracks as it likes; the kernel's name is better where there is one.
    else this.#names.guess(tid, name);
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
    if (pid === undefined || program === undefined) return;
    this.#names.guess(pid, program.slice(program.lastIndexOf('/') + 1).slice(0, COMM_LENGTH));
  }

  #text(bytes: Uint8Array, fields: ProtoReader): string {
    const { strings } = this.#builder;
    return strings.text(strings.internBytes(bytes, fields.start, fields.end));
  }
}
