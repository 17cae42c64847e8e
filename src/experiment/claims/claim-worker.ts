/** A worker thread: simulates what it is sent, and sends back what is kept of it. */
import { parentPort } from 'node:worker_threads';
import { simulate } from '../../simulate/run.js';
import { figuresOf } from './aggregate.js';
import type { ClaimAnswer, ClaimRequest } from './messages.js';

parentPort?.on('message', ({ setup }: ClaimRequest) => {
  const answer: ClaimAnswer = { figures: figuresOf(simulate(setup).result) };
  parentPort?.postMessage(answer);
});
