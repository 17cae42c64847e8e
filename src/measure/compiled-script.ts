/** Programs of worker threads, and this one as another process is to run it. */

/**
 * Where a compiled module is; run from source, that of the last build: neither a worker nor the bench VM can
 * load TypeScript.
 *
 * @param path from the top of the build: `measure/storms/storm-worker.js`
 */
export function compiledScript(path: string): URL {
  const top = import.meta.url.endsWith('.ts') ? '../../dist/' : '../';
  return new URL(top + path, import.meta.url);
}
