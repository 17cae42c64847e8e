/**
 * A timeline as Perfetto tracks, slices and flows.
 */
import { Packet } from '../read/perfetto/schema.js';
import type { Trace } from '../store/trace.js';
import type { Timeline, TimelineSlice, TimelineTrack } from '../timeline.js';
import { edgesOf, lanesOf, type Lane } from './lanes.js';
import type { PacketWriter } from './perfetto-packets.js';
import type { ProtoWriter } from './proto-writer.js';

/** TrackDescriptor, ThreadDescriptor and ProcessDescriptor. */
const Track = { uuid: 1, name: 2, process: 3, thread: 4, parent: 5 } as const;
const Thread = { pid: 1, tid: 2, name: 5 } as const;
const Process = { pid: 1, name: 6 } as const;
/** TrackEvent and DebugAnnotation. */
const Slice = { annotations: 4, type: 9, track: 11, categories: 22, name: 23, flows: 47 } as const;
const Annotation = { bool: 2, int: 4, double: 5, text: 6, name: 10 } as const;
const BEGIN = 1;
const END = 2;

/** High half of all ids made here ('FAUL'): they meet no ids of other writers when traces are merged. */
const ID_HIGH = 0x4641554c;
/** Lanes of a track are numbered within it. */
const MOST_LANES = 4096;
/** Ids of process tracks lie above those of other tracks. */
const PROCESS_BASE = 2 ** 31;

/** Puts the packets of a timeline into `packets`; yields after each. */
export function* timelinePackets(trace: Trace, timeline: Timeline, packets: PacketWriter): Generator<void> {
  const lanes = lanesOf(timeline);
  const tracks = new Map(timeline.tracks.map((track) => [track.id, track]));
  const comms = new Map(trace.tasks.map((task) => [task.tid, task.comm]));
  const ids = new Map(lanes.map((lane, number) => [laneKey(lane.track, lane.lane), number + 1]));
  const describer = new TrackDescriber(packets, tracks, comms, ids);
  for (const lane of lanes) yield* describer.describe(lane);
  const flows = flowsBySlice(timeline);
  for (const lane of lanes) {
    const id = ids.get(laneKey(lane.track, lane.lane)) ?? 0;
    for (const { begin, slice } of edgesOf(lane)) {
      writeEdge(packets, id, slice, begin ? (flows.get(slice.id) ?? []) : undefined);
      yield;
    }
  }
}

const laneKey = (track: number, lane: number): number => track * MOST_LANES + Math.min(lane, MOST_LANES - 1);

class TrackDescriber {
  readonly #threads = new Set<number>();
  readonly #out: ProtoWriter;

  constructor(
    readonly packets: PacketWriter,
    readonly tracks: ReadonlyMap<number, TimelineTrack>,
    readonly comms: ReadonlyMap<number, string>,
    readonly ids: ReadonlyMap<number, number>,
  ) {
    this.#out = packets.out;
  }

  *describe(lane: Lane): Generator<void> {
    const track = this.tracks.get(lane.track);
    const id = this.ids.get(laneKey(lane.track, lane.lane));
    if (!track || id === undefined) return;
    const { tid } = track;
    // Perfetto wants one track per thread; a second one of the same thread is drawn under its process.
    const asThread = tid !== undefined && lane.lane === 0 && !this.#threads.has(tid);
    if (tid !== undefined && asThread) {
      this.#threads.add(tid);
      yield this.#process(tid);
    }
    this.packets.begin();
    const descriptor = this.#out.begin(Packet.trackDescriptor);
    this.#out.wide(Track.uuid, id, ID_HIGH);
    this.#out.text(Track.name, track.name);
    if (tid !== undefined && asThread) this.#thread(tid);
    else {
      const parent = this.#parent(track, lane);
      if (parent !== undefined) this.#out.wide(Track.parent, parent >>> 0, ID_HIGH);
    }
    this.#out.end(descriptor);
    this.packets.end();
    yield;
  }

  #parent(track: TimelineTrack, lane: Lane): number | undefined {
    if (track.tid !== undefined && this.#threads.has(track.tid)) return PROCESS_BASE + track.tid;
    if (track.parent !== undefined) return this.ids.get(laneKey(track.parent, 0));
    return lane.lane > 0 ? this.ids.get(laneKey(track.id, 0)) : undefined;
  }

  /** A trace does not say which process a thread is of, so each thread is shown as one of its own. */
  #process(tid: number): void {
    this.packets.begin();
    const descriptor = this.#out.begin(Packet.trackDescriptor);
    this.#out.wide(Track.uuid, (PROCESS_BASE + tid) >>> 0, ID_HIGH);
    const process = this.#out.begin(Track.process);
    this.#out.int(Process.pid, tid);
    this.#out.text(Process.name, this.comms.get(tid) ?? `thread ${tid}`);
    this.#out.end(process);
    this.#out.end(descriptor);
    this.packets.end();
  }

  #thread(tid: number): void {
    const thread = this.#out.begin(Track.thread);
    this.#out.int(Thread.pid, tid);
    this.#out.int(Thread.tid, tid);
    const comm = this.comms.get(tid);
    if (comm !== undefined) this.#out.text(Thread.name, comm);
    this.#out.end(thread);
  }
}

/** Numbers of the flows that touch each slice. */
function flowsBySlice(timeline: Timeline): Map<number, number[]> {
  const flows = new Map<number, number[]>();
  timeline.flows.forEach(({ from, to }, number) => {
    for (const slice of [from, to]) {
      const known = flows.get(slice);
      if (known) known.push(number + 1);
      else flows.set(slice, [number + 1]);
    }
  });
  return flows;
}

/** @param flows undefined for the end of a slice */
function writeEdge(
  packets: PacketWriter,
  track: number,
  slice: TimelineSlice,
  flows: readonly number[] | undefined,
): void {
  const { out } = packets;
  packets.begin();
  packets.stamp(Packet.timestamp, flows ? slice.start : slice.end);
  const event = out.begin(Packet.trackEvent);
  out.uint(Slice.type, flows ? BEGIN : END);
  out.wide(Slice.track, track, ID_HIGH);
  if (flows) {
    out.text(Slice.categories, slice.category);
    out.text(Slice.name, slice.name);
    for (const flow of flows) out.fixed64(Slice.flows, flow, ID_HIGH);
    for (const [name, value] of Object.entries(slice.details)) annotate(out, name, value);
    if (slice.inferred) annotate(out, 'inferred', true);
    annotate(out, 'events', slice.events.join('-'));
  }
  out.end(event);
  packets.end();
}

function annotate(out: ProtoWriter, name: string, value: string | number | boolean): void {
  const annotation = out.begin(Slice.annotations);
  out.text(Annotation.name, name);
  if (typeof value === 'string') out.text(Annotation.text, value);
  else if (typeof value === 'boolean') out.bool(Annotation.bool, value);
  else if (Number.isSafeInteger(value)) out.int(Annotation.int, value);
  else out.double(Annotation.double, value);
  out.end(annotation);
}
