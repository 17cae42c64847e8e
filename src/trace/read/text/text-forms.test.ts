/**
 * The same recording in every text that the real trace-cmd prints of it reads as the same events.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { plainEvents, type PlainEvent } from '../../../../test/support/random-trace.js';
import { repositoryRoot, requires } from '../../../../test/requires.js';
import { TraceBuilder } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { TextReader } from './text-reader.js';

const { it, describe } = requires('trace-cmd', 'zstd');
const folder = mkdtempSync(join(tmpdir(), 'faultline-text-forms-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function report(recording: string, ...options: string[]): Trace {
  const dat = join(folder, `${recording}.dat`);
  const packed = join(repositoryRoot, 'recordings', `${recording}.dat.zst`);
  execFileSync('zstd', ['-dqf', packed, '-o', dat]);
  const text = execFileSync('trace-cmd', ['report', ...options, '-i', dat], {
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const builder = new TraceBuilder();
  const reader = new TextReader(builder);
  for (let at = 0; at < text.length; at += 1 << 20) reader.push(text.subarray(at, at + (1 << 20)));
  reader.finish();
  return builder.finish();
}

const micro = (stamp: bigint) => (stamp + 500n) / 1000n;

/** What two texts disagree on: everything that both show. */
function difference(a: PlainEvent, b: PlainEvent, cutComms: boolean): string | undefined {
  if (micro(a.stamp) !== micro(b.stamp)) return 'time';
  if (a.event !== b.event || a.cpu !== b.cpu || a.tid !== b.tid) return 'event, CPU or thread';
  if (cutComms ? !a.comm.startsWith(b.comm) : a.comm !== b.comm) return 'comm';
  return Object.keys(a.fields).find((name) => name in b.fields && shown(name, a) !== shown(name, b));
}

/** trace-cmd's plugin prints `R` for `R+`: the bit of a task that was preempted. */
function shown(name: string, { fields }: PlainEvent): bigint | string {
  const value = fields[name];
  return name === 'prev_state' && typeof value === 'bigint' ? value & 0xffn : value;
}

describe('all texts of one recording', () => {
  for (const recording of ['v6.1-voluntary-madvise', 'v7.2-lazy-ksm']) {
    it(recording, () => {
      const plain = report(recording);
      const events = plainEvents(plain);
      expect(events.length).toBeGreaterThan(100_000);
      for (const option of ['-R', '-N', '-t', '-l']) {
        const other = report(recording, option);
        expect(other.meta.format).toBe(`trace-cmd report${option === '-N' ? '' : ` ${option}`}`);
        const { unknownLines, unknownEvents, unparsedFields } = other.diagnostics;
        expect([unknownLines.size, unknownEvents.size, unparsedFields.size]).toEqual([0, 0, 0]);
        const others = plainEvents(other);
        expect(others.length).toBe(events.length);
        // Equal microseconds of two CPUs stand in any order: with -t they do not stay equal.
        const key = (event: PlainEvent) => `${event.cpu} ${event.tid}`;
        const streams = [events, others].map((list) => {
          const byThread = new Map<string, PlainEvent[]>();
          for (const event of list) {
            const stream = byThread.get(key(event));
            if (stream) stream.push(event);
            else byThread.set(key(event), [event]);
          }
          return byThread;
        });
        expect(streams[1].size).toBe(streams[0].size);
        for (const [thread, stream] of streams[0]) {
          stream.forEach((event, at) => {
            const twin = streams[1].get(thread)?.at(at);
            const wrong = twin ? difference(event, twin, option === '-l') : 'missing';
            if (wrong !== undefined) expect({ wrong, option, ...twin }).toEqual(event);
          });
        }
      }
    });
  }
});
