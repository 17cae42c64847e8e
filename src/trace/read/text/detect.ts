/**
 * Which tool wrote a text: told by its lines, not by its name.
 */
import { latin1 } from '../../store/strings.js';

/** Layouts of trace text, by the tool that prints them. */
export type TextLayout = 'tracefs' | 'trace-cmd' | 'perf';

const TIME = String.raw`\d+(?:\.\d+)?`;
const taskLine = new RegExp(
  String.raw`^.*?[^ ]-\d+ +(?:\( *[\d-]+\) +)?\[\d+\] +(?<flags>[.a-zA-Z][.a-zA-Z0-9]{3,5} +)?${TIME}: `,
);
const latencyLine = new RegExp(String.raw`^.*?-\d+ +\d+[.dDbX][.nNplLbB][.hsHzZ][.\da-f]{1,3} +${TIME}: `);
const perfLine = new RegExp(
  String.raw`^.*? +-?\d+(?:/-?\d+)? +(?:\[\d+\] +)?\d+\.\d+: +(?:\d+ +)?[^ ]+:(?: |$)`,
);
const tracefsHeader = /^# (?:tracer: |entries-in-buffer)|^# +(?:\||TASK-PID)/;
const traceCmdHeader = /^(?:cpus=\d+|version = \d+|CPU \d+ is empty)$/;

/** Layout of one line; undefined when it could be any, or none. */
function layoutOfLine(line: string): TextLayout | undefined {
  if (tracefsHeader.test(line)) return 'tracefs';
  if (traceCmdHeader.test(line)) return 'trace-cmd';
  const task = taskLine.exec(line);
  if (task) return task.groups?.['flags'] === undefined ? 'trace-cmd' : 'tracefs';
  if (latencyLine.test(line)) return 'trace-cmd';
  return perfLine.test(line) ? 'perf' : undefined;
}

/**
 * The layout of a text from its beginning: that of the first line that shows one.
 *
 * @param head first bytes; 64 KiB are plenty, an incomplete last line does no harm
 * @returns undefined when no line looks like a trace
 */
export function detectTextLayout(head: Uint8Array): TextLayout | undefined {
  for (let start = 0; start < head.length;) {
    const newline = head.indexOf(10, start);
    const end = newline < 0 ? head.length : newline;
    const layout = layoutOfLine(latin1(head, start, Math.min(end, start + 512)).trimEnd());
    if (layout) return layout;
    start = end + 1;
  }
  return undefined;
}

/** What bytes that are no trace look like, for an error message. */
export function looksLike(head: Uint8Array): string {
  if (head.length === 0) return 'an empty file';
  const known = magics.find(({ magic }) => magic.every((byte, at) => head[at] === byte));
  if (known) return known.name;
  const sample = head.subarray(0, 4096);
  const strange = sample.filter((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27)).length;
  if (strange > sample.length / 50) return 'binary data';
  const text = latin1(sample, 0, sample.length).trimStart();
  if (/^[[{]/.test(text)) return 'JSON';
  if (/^<(?:!doctype|html|\?xml)/i.test(text)) return 'HTML or XML';
  return `other text ("${text.split('\n', 1)[0].trim().slice(0, 60)}")`;
}

const ascii = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0));

const magics: readonly { readonly name: string; readonly magic: readonly number[] }[] = [
  { name: 'a trace.dat file', magic: [0x17, 0x08, 0x44, ...ascii('tracing')] },
  { name: 'a perf.data file (use perf script)', magic: ascii('PERFILE2') },
  { name: 'gzip data', magic: [0x1f, 0x8b] },
  { name: 'xz data', magic: [0xfd, ...ascii('7zXZ'), 0] },
  { name: 'zstd data', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'an ELF program', magic: [0x7f, ...ascii('ELF')] },
];
