/** The compiler as a plugin of vite, so that vitest runs the coroutines of src/ as the build would. */
import { compileCoroutines, hasCoroutines } from './compile.mjs';

/** @returns {import('vite').Plugin} */
export function coroutines() {
  return {
    name: 'faultline-coroutines',
    transform(code, id) {
      if (!hasCoroutines(code) || !/\.[mc]?[jt]s$/.test(id)) return;
      return { code: compileCoroutines(code, id), map: null };
    },
  };
}
