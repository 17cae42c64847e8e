/** A worker thread: simulates what it is sent, and sends back what is kept of it. */
import { parentPort } from 'node:worker_threads';
import { simulate } from '../../simulate/run.js';
import type { SimulationSetup } from '../../simulate/setup.js';
import { figuresOf } from './aggregate.js';

parentPort?.on('message', ({ id, setup }: { id: number; setup: SimulationSetup }) => {
  parentPort?.postMessage({ id, figures: figuresOf(simulate(setup).result) });
});
