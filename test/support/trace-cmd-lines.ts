/**
 * Runs the real `trace-cmd report -R -t` and parses its lines, independently of Faultline's own text readers.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One line of `trace-cmd report -R -t`. */
export interface ReportedEvent {
  readonly comm: string;
  readonly tid: number;
  readonly cpu: number;
  /** ns of the trace clock. */
  readonly time: bigint;
  readonly name: string;
  /** Everything after the name. */
  readonly args: string;
}

const LINE = /^\s*(.*)-(\d+)\s+\[(\d+)\]\s+(?:\S+\s+)?(\d+)\.(\d{9}):\s+(\S+):\s(.*)$/;

/**
 * Events of a trace.dat in the order of trace-cmd. Throws on a line that is neither an event nor a header.
 */
export async function* reportedEvents(file: string): AsyncGenerator<ReportedEvent> {
  const child = spawn('trace-cmd', ['report', '-R', '-t', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
    if (line === '' || /^cpus=\d+$/.test(line) || line.startsWith('version =')) continue;
    const match = LINE.exec(line);
    if (!match) throw new Error(`trace-cmd printed a line that this test does not know: ${line}`);
    const [, comm, tid, cpu, seconds, ns, name, args] = match;
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(ns);
    yield { comm, tid: Number(tid), cpu: Number(cpu), time, name, args };
  }
}
