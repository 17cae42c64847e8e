/** Where the compiled worker is; run from source, that of the last build: no worker can load TypeScript. */
export function stormWorkerScript(): URL {
  const place = import.meta.url.endsWith('.ts')
    ? '../../../dist/measure/storms/storm-worker.js'
    : './storm-worker.js';
  return new URL(place, import.meta.url);
}
