/** The modules of a kernel, and in which order those that a boot needs are loaded. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decompressed, detectCompression } from '../../files/compressed.js';
import { MachineError } from '../../trace/errors.js';

/** A module, its bytes unpacked. */
export interface LoadableModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Long enough for every compression's first bytes. */
const MAGIC_BYTES = 6;
const MODULE = /^([^/]+)\.ko(?:\.(?:xz|zst|gz))?$/;

/** The kernel takes - and _ for the same. */
const canonical = (name: string): string => name.replaceAll('-', '_');

export class ModuleTree {
  readonly #paths = new Map<string, string>();
  readonly #builtIn: ReadonlySet<string>;

  /** @param folder lib/modules/RELEASE of a kernel */
  constructor(readonly folder: string) {
    const walk = (path: string): void => {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const place = join(path, entry.name);
        if (entry.isDirectory()) walk(place);
        const module = MODULE.exec(entry.name)?.[1];
        if (module !== undefined) this.#paths.set(canonical(module), place);
      }
    };
    const kernel = join(folder, 'kernel');
    if (existsSync(kernel)) walk(kernel);
    const builtIn = join(folder, 'modules.builtin');
    const lines = existsSync(builtIn) ? readFileSync(builtIn, 'utf8').split('\n') : [];
    this.#builtIn = new Set(
      lines.flatMap((line) => MODULE.exec(line.split('/').at(-1) ?? '')?.[1] ?? []).map(canonical),
    );
  }

  /** Whether the kernel has it, as a module or built in; undefined: no list of what is built in. */
  has(name: string): boolean | undefined {
    const known = this.#paths.has(canonical(name)) || this.#builtIn.has(canonical(name));
    return known || this.#builtIn.size > 0 ? known : undefined;
  }

  /**
   * Modules with all that they depend on, each after what it depends on; those built in are left out.
   *
   * @throws MachineError when one is neither a module nor built in
   */
  async load(names: readonly string[]): Promise<LoadableModule[]> {
    const loaded = new Map<string, LoadableModule>();
    const add = async (asked: string): Promise<void> => {
      const name = canonical(asked);
      const path = this.#paths.get(name);
      if (loaded.has(name)) return;
      if (path === undefined) {
        if (this.has(name) === false) throw new MachineError(`has no module ${asked}: ${this.folder}`);
        return;
      }
      const bytes = await unpacked(path);
      for (const needed of dependencies(bytes)) await add(needed);
      loaded.set(name, { name, bytes });
    };
    for (const name of names) await add(name);
    return [...loaded.values()];
  }
}

async function unpacked(path: string): Promise<Uint8Array> {
  const packed = readFileSync(path);
  const kind = detectCompression(packed.subarray(0, MAGIC_BYTES));
  if (kind === 'none') return packed;
  async function* once(): AsyncGenerator<Uint8Array> {
    yield packed;
  }
  const parts: Uint8Array[] = [];
  for await (const part of decompressed(once(), kind)) parts.push(part.slice());
  return Buffer.concat(parts);
}

/** What a module says in its section .modinfo: `depends=kvm,ccp`. */
function dependencies(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const [, list = ''] = /\0depends=([^\0]*)\0/.exec(text) ?? [];
  return list === '' ? [] : list.split(',');
}
