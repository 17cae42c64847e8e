/** What the main thread and its workers say to each other. */
import type { SimulationSetup } from '../../simulate/setup.js';
import type { Figures } from './aggregate.js';

/** To a worker: simulate this. It is sent one at a time. */
export interface ClaimRequest {
  readonly setup: SimulationSetup;
}

/** Back: what came out. */
export interface ClaimAnswer {
  readonly figures: Figures;
}
