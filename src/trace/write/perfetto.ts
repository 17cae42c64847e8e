/**
 * Writes Perfetto protobuf traces, packet by packet: a timeline as tracks, slices and flows; and, where asked
 * for, the raw events as ftrace bundles.
 *
 * Times are given as boot time, the clock that Perfetto's UI takes for its own: it refuses ftrace bundles in
 * the local clock, which is what most recordings use.
 */
import type { Trace } from '../store/trace.js';
import type { Timeline } from '../timeline.js';
import { rawEventPackets } from './perfetto-events.js';
import { PacketWriter } from './perfetto-packets.js';
import { timelinePackets } from './perfetto-tracks.js';
import { ProtoWriter } from './proto-writer.js';

/** Chunks are about this long. */
const CHUNK = 1 << 16;

export interface PerfettoOptions {
  /** Write every event of the trace as well; without it, only the timeline. */
  readonly events?: boolean;
}

/**
 * The bytes of a Perfetto trace, in chunks.
 *
 * Not kept: clock and format of the source, names of buffers (all events go into one), and how many events
 * were lost where some were (Perfetto has a flag for it).
 */
export function* writePerfetto(
  trace: Trace,
  timeline?: Timeline,
  options: PerfettoOptions = {},
): Generator<Uint8Array> {
  const out = new ProtoWriter();
  const packets = new PacketWriter(out, trace.origin);
  packets.begin();
  packets.clock(trace.time.length > 0 ? trace.time[0] : 0);
  packets.end();
  const parts = [
    timeline ? timelinePackets(trace, timeline, packets) : [],
    options.events ? rawEventPackets(trace, packets) : [],
  ];
  for (const part of parts) {
    for (const _ of part) if (out.length >= CHUNK) yield out.take();
  }
  yield out.take();
}
