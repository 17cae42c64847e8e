/**
 * A simulated trace as the modelled kernel would have recorded it: without the events that no kernel has,
 * and without those that came later. What `explain` makes of it is inference, which can be compared with
 * what the model knows.
 */
import { KindIndex } from '../trace/store/kind-index.js';
import { KindTable } from '../trace/store/kind.js';
import { Trace } from '../trace/store/trace.js';
import { versionOf } from './trace-values.js';

export interface KernelView {
  readonly trace: Trace;
  /** Position in the whole trace of each event of the view. */
  readonly original: Uint32Array;
}

export function kernelViewOf(whole: Trace): KernelView {
  const version = whole.meta.kernel === undefined ? Infinity : versionOf(whole.meta.kernel);
  const kept = whole.kinds.map(
    ({ system, def }) => system !== 'faultline' && versionOf(def.since) <= version,
  );
  let next = 0;
  const renumbered = kept.map((keeps) => (keeps ? next++ : -1));
  const { kind: kindOf } = whole;
  let count = 0;
  for (let event = 0; event < whole.length; event++) if (kept[kindOf[event]]) count++;
  const original = new Uint32Array(count);
  for (let event = 0, at = 0; event < whole.length; event++) if (kept[kindOf[event]]) original[at++] = event;

  const pick = <T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
    from: ArrayLike<number>,
    to: T,
  ): T => {
    for (let at = 0; at < count; at++) to[at] = from[original[at]];
    return to;
  };
  const kind = pick(kindOf, new Uint16Array(count));
  for (let at = 0; at < count; at++) kind[at] = renumbered[kind[at]];
  const tables = whole.kinds.filter((_, id) => kept[id]);
  const index = new KindIndex(
    kind,
    tables.map(({ length }) => length),
  );
  return {
    original,
    trace: new Trace({
      meta: whole.meta,
      origin: whole.origin,
      diagnostics: whole.diagnostics,
      strings: whole.strings,
      tasks: whole.tasks,
      kinds: tables.map(
        ({ def, known, columns, length }, id) =>
          new KindTable(def, known, columns, length, () => index.lists[id]),
      ),
      time: pick(whole.time, new Float64Array(count)),
      kind,
      cpu: pick(whole.cpu, new Uint16Array(count)),
      task: pick(whole.task, new Uint32Array(count)),
      flags: pick(whole.flags, new Uint16Array(count)),
      index,
      buffer: undefined,
    }),
  };
}
