/**
 * Writes a trace as Parquet, one row per event, through DuckDB (an optional dependency, loaded when first
 * needed).
 *
 * The rows go through a temporary DuckDB file beside the output, so that memory stays bounded whatever the
 * trace holds. What the columns are, and why, is in README.md.
 */
import { renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../trace/errors.js';
import type { FieldUnit } from '../trace/events/types.js';
import { isInterned, type Column } from '../trace/store/column.js';
import type { KindTable } from '../trace/store/kind.js';
import type { Trace } from '../trace/store/trace.js';

/** Rows that DuckDB takes at once: the size of its vectors. */
const BATCH = 2048;
/** Batches between two turns of the event loop. */
const BATCHES_PER_TURN = 16;
const MEMORY_LIMIT = '512MB';

type DuckDB = typeof import('@duckdb/node-api');

const COLUMNS = [
  'time_ns BIGINT',
  'cpu USMALLINT',
  'tid BIGINT',
  'comm VARCHAR',
  'system VARCHAR',
  'event VARCHAR',
  'flags USMALLINT',
  'buffer VARCHAR',
  'vcpu_id UINTEGER',
  'gfn UBIGINT',
  'address UBIGINT',
  'lock_addr UBIGINT',
  'fields JSON',
];

/** Units of the fields that become a column of their own, in order of preference. */
const GFN: readonly FieldUnit[] = ['gfn'];
const ADDRESS: readonly FieldUnit[] = ['gpa', 'gva', 'hva'];
const LOCK: readonly FieldUnit[] = ['lock-address'];
const VCPU: readonly FieldUnit[] = ['vcpu'];

/**
 * Write `trace` to the Parquet file `path`.
 *
 * @throws InputError when DuckDB is not installed or the file cannot be written
 */
export async function writeParquet(trace: Trace, path: string): Promise<void> {
  const duckdb = await loadDuckDB();
  const place = join(dirname(path), `.${basename(path)}.${process.pid}`);
  const database = `${place}.duckdb`;
  const partial = `${place}.partial`;
  try {
    const options = { memory_limit: MEMORY_LIMIT, preserve_insertion_order: 'true' };
    const instance = await duckdb.DuckDBInstance.create(database, options);
    try {
      const connection = await instance.connect();
      await connection.run(`CREATE TABLE events (${COLUMNS.join(', ')})`);
      await appendEvents(duckdb, trace, await connection.createAppender('events'));
      const target = partial.replaceAll("'", "''");
      await connection.run(`COPY events TO '${target}' (FORMAT parquet, COMPRESSION zstd)`);
      connection.closeSync();
    } finally {
      instance.closeSync();
    }
    renameSync(partial, path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new InputError(`cannot be written (${reason})`, { file: path });
  } finally {
    for (const file of [database, `${database}.wal`, partial]) rmSync(file, { force: true });
    rmSync(`${database}.tmp`, { force: true, recursive: true });
  }
}

async function loadDuckDB(): Promise<DuckDB> {
  try {
    return await import('@duckdb/node-api');
  } catch {
    throw new InputError('writing Parquet needs the optional package @duckdb/node-api: run npm install');
  }
}

type Appender = Awaited<ReturnType<import('@duckdb/node-api').DuckDBConnection['createAppender']>>;

async function appendEvents(duckdb: DuckDB, trace: Trace, appender: Appender): Promise<void> {
  const types = Array.from({ length: appender.columnCount }, (_, column) => appender.columnType(column));
  const rows = new EventRows(trace);
  const chunk = duckdb.DuckDBDataChunk.create(types);
  for (let from = 0, batch = 1; from < trace.length; from += BATCH, batch++) {
    chunk.reset();
    chunk.setColumns(rows.columns(from, Math.min(trace.length, from + BATCH)));
    appender.appendDataChunk(chunk);
    // Let signals in: Ctrl-C must end a long export.
    if (batch % BATCHES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  appender.closeSync();
}

type Cell = number | bigint | string | null;

/** The common columns of one kind; undefined where it has none. */
interface KindPlan {
  readonly kind: KindTable;
  readonly vcpu: Column | undefined;
  readonly gfn: Column | undefined;
  readonly address: Column | undefined;
  readonly lock: Column | undefined;
}

class EventRows {
  readonly #plans: readonly KindPlan[];
  readonly #comms: readonly string[];
  readonly #texts = new Map<string, string>();

  constructor(readonly trace: Trace) {
    this.#plans = trace.kinds.map((kind) => ({
      kind,
      vcpu: kind.column('vcpu_id') ?? ofUnit(kind, VCPU),
      gfn: ofUnit(kind, GFN),
      address: kind.column('fault_address') ?? ofUnit(kind, ADDRESS),
      lock: kind.column('lock_addr') ?? ofUnit(kind, LOCK),
    }));
    this.#comms = trace.tasks.map((task) => readable(task.comm));
  }

  /** The cells of the events from `from` to before `to`, column by column in the order of COLUMNS. */
  columns(from: number, to: number): Cell[][] {
    const { trace } = this;
    const columns: Cell[][] = COLUMNS.map(() => []);
    for (let event = from; event < to; event++) {
      const plan = this.#plans[trace.kind[event]];
      const row = trace.row[event];
      const task = trace.task[event];
      const cells: readonly Cell[] = [
        trace.origin + BigInt(Math.round(trace.time[event])),
        trace.cpu[event],
        BigInt(trace.tasks[task].tid),
        this.#comms[task],
        plan.kind.system,
        plan.kind.name,
        trace.flags[event],
        trace.meta.buffers[trace.bufferOf(event)] ?? '',
        plan.vcpu?.has(row) ? plan.vcpu.number(row) >>> 0 : null,
        unsigned(plan.gfn, row),
        unsigned(plan.address, row),
        unsigned(plan.lock, row),
        this.#json(plan.kind, row),
      ];
      for (let column = 0; column < cells.length; column++) columns[column].push(cells[column]);
    }
    return columns;
  }

  /** All fields that the row has, as a JSON object; integers keep 64 bits. */
  #json(kind: KindTable, row: number): string {
    let text = '';
    for (const column of kind.columns) {
      if (!column.has(row)) continue;
      text += `${text === '' ? '{' : ','}"${column.field.name}":${this.#value(column, row)}`;
    }
    return text === '' ? '{}' : `${text}}`;
  }

  #value(column: Column, row: number): string {
    if (!isInterned(column.field)) {
      const value = column.number(row);
      return Number.isSafeInteger(value) ? String(value) : column.big(row).toString();
    }
    const text = column.text(row);
    const bytes = column.field.type === 'bytes';
    const key = bytes ? `b${text}` : `t${text}`;
    let shown = this.#texts.get(key);
    if (shown === undefined) {
      shown = bytes ? `"${Buffer.from(text, 'latin1').toString('hex')}"` : JSON.stringify(readable(text));
      if (this.#texts.size >= 1 << 16) this.#texts.clear();
      this.#texts.set(key, shown);
    }
    return shown;
  }
}

function ofUnit(kind: KindTable, units: readonly FieldUnit[]): Column | undefined {
  for (const unit of units) {
    const column = kind.columns.find(({ field }) => field.unit === unit && !isInterned(field));
    if (column) return column;
  }
  return undefined;
}

function unsigned(column: Column | undefined, row: number): bigint | null {
  return column?.has(row) ? BigInt.asUintN(64, column.big(row)) : null;
}

/** Text of the store (one char per byte) as people read it; bytes that are no UTF-8 become U+FFFD. */
function readable(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) return text;
    if (code > 0x7e) return Buffer.from(text, 'latin1').toString('utf8');
  }
  return text;
}
