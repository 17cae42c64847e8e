/**
 * Progress of long work, on stderr: nothing for the first second, then a line that is rewritten (on a
 * terminal only).
 */
const QUIET_MS = 1000;
const REDRAW_MS = 100;

export class Progress {
  readonly #started = performance.now();
  #drawn = 0;
  #visible = false;

  constructor(private readonly what: string) {}

  /** Bytes or events so far, and how many there will be if that is known. */
  update(done: number, total?: number): void {
    if (!process.stderr.isTTY) return;
    const now = performance.now();
    if (now - this.#started < QUIET_MS || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    this.#visible = true;
    const count = total === undefined ? done.toLocaleString('en-US') : bar(done / total);
    process.stderr.write(`\r\x1b[K${this.what} ${count}`);
  }

  /** What goes on now, where there is nothing to count. */
  say(what: string): void {
    if (!process.stderr.isTTY) return;
    this.#visible = true;
    process.stderr.write(`\r\x1b[K${this.what}: ${what}`);
  }

  /** Remove the line. */
  end(): void {
    if (this.#visible) process.stderr.write('\r\x1b[K');
    this.#visible = false;
  }
}

function bar(share: number): string {
  const filled = Math.round(Math.min(1, share) * 24);
  return `[${'#'.repeat(filled)}${' '.repeat(24 - filled)}] ${Math.round(share * 100)} %`;
}
