/** One exploration of the anchor protocol: `node explore.mjs V I A M`; prints states and seconds as JSON. */
import { exploreInSlices } from '../../dist/check/explicit/explore.js';
import { anchorProgram } from '../../dist/check/protocols/anchor-program.js';

const [vcpus, invalidators, attempts, rounds] = process.argv.slice(2).map(Number);
const began = performance.now();
const slices = exploreInSlices(anchorProgram({ vcpus, invalidators, attempts, rounds }));
let slice = slices.next();
while (slice.done !== true) slice = slices.next();
const { states } = slice.value;
process.stdout.write(JSON.stringify({ states, seconds: (performance.now() - began) / 1000 }));
