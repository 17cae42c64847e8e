/**
 * Draws an analysis: a track per vCPU, per invalidating task and per mmu_lock; slices for fault episodes,
 * lock waits, invalidations and the stretches that a zapper surely held the lock; flows from whoever waited
 * to what it waited for.
 */
import type { Timeline, TimelineFlow, TimelineSlice, TimelineTrack } from '../trace/timeline.js';
import type { Analysis } from './analysis.js';
import { flowsOf, type SliceIds } from './timeline-flows.js';
import { episodeSlice, holdSlice, invalidationSlice, waitSlice } from './timeline-slices.js';
import { largest, NONE } from './tables.js';
import { WaitState } from './waits.js';

export interface TimelineOptions {
  /** Most slices; beyond it the shortest uneventful ones are left out and counted. Default 100,000. */
  readonly maxSlices?: number;
}

export interface BuiltTimeline extends Timeline {
  /** Slices left out. */
  readonly dropped: number;
}

const DEFAULT_MOST_SLICES = 100_000;

export function buildTimeline(analysis: Analysis, options: TimelineOptions = {}): BuiltTimeline {
  return new TimelineBuilder(analysis).build(options.maxSlices ?? DEFAULT_MOST_SLICES);
}

class TimelineBuilder {
  readonly #tracks: TimelineTrack[] = [];
  readonly #slices: TimelineSlice[] = [];
  readonly #trackIds = new Map<string, number>();
  readonly #ids: SliceIds;
  #dropped = 0;

  constructor(readonly analysis: Analysis) {
    const { episodes, invalidations, waits } = analysis;
    this.#ids = {
      ofEpisode: new Int32Array(episodes.count).fill(-1),
      ofInvalidation: new Int32Array(invalidations.count).fill(-1),
      ofWait: new Int32Array(waits.count).fill(-1),
    };
  }

  build(most: number): BuiltTimeline {
    const { analysis } = this;
    this.#addTracks();
    const share = Math.max(1, Math.floor(most / 3));
    this.#addWaits(share);
    this.#addInvalidations(share);
    this.#addEpisodes(Math.max(1, most - this.#slices.length));
    const flows: readonly TimelineFlow[] = flowsOf(analysis, this.#ids);
    return { tracks: this.#tracks, slices: this.#slices, flows, dropped: this.#dropped };
  }

  /** vCPUs first, by vCPU number, then locks; tracks of invalidators appear with their first slice. */
  #addTracks(): void {
    const { agents, attempts, mmuLocks, threads, waits } = this.analysis;
    const vcpus = Array.from({ length: threads.count }, (_, thread) => thread).filter(
      (at) => agents.isVcpu[at],
    );
    vcpus.sort((a, b) => attempts.vcpuOf[a] - attempts.vcpuOf[b] || threads.tid[a] - threads.tid[b]);
    for (const thread of vcpus) this.#vcpuTrack(thread);
    mmuLocks.forEach((guess, lock) => {
      if (!guess.likely) return;
      this.#track(`lock ${lock}`, {
        name: `mmu_lock ${waits.locks.addresses[lock].toString(16)}`,
        kind: 'lock',
      });
    });
  }

  #track(key: string, track: Omit<TimelineTrack, 'id'>): number {
    let id = this.#trackIds.get(key);
    if (id === undefined) {
      id = this.#tracks.length;
      this.#trackIds.set(key, id);
      this.#tracks.push({ id, ...track });
    }
    return id;
  }

  #vcpuTrack(thread: number): number {
    const { attempts, threads } = this.analysis;
    const [tid, comm, vcpu] = [threads.tid[thread], threads.comm[thread], attempts.vcpuOf[thread]];
    const name = vcpu < 0 ? `${comm} ${tid}` : `vCPU ${vcpu} (${comm} ${tid})`;
    return this.#track(`vcpu ${thread}`, { name, kind: 'vcpu', tid });
  }

  #invalidatorTrack(thread: number): number {
    const { agents, threads } = this.analysis;
    const [tid, comm] = [threads.tid[thread], threads.comm[thread]];
    const own = agents.isVcpu[thread] ? { parent: this.#vcpuTrack(thread) } : {};
    const name = agents.isVcpu[thread] ? `invalidations of ${comm} ${tid}` : `${comm} ${tid}`;
    return this.#track(`invalidator ${thread}`, { name, kind: 'invalidator', tid, ...own });
  }

  #waiterTrack(lock: number, thread: number): number {
    const { threads } = this.analysis;
    const [tid, comm] = [threads.tid[thread], threads.comm[thread]];
    const parent = this.#trackIds.get(`lock ${lock}`);
    const own = parent === undefined ? {} : { parent };
    return this.#track(`waiter ${lock} ${thread}`, {
      name: `waits of ${comm} ${tid}`,
      kind: 'lock',
      tid,
      ...own,
    });
  }

  /** Waits for mmu_locks only: a host's other locks would bury them. */
  #addWaits(most: number): void {
    const { mmuLocks, trace, waits } = this.analysis;
    const durations = new Float64Array(waits.count);
    for (let wait = 0; wait < waits.count; wait++) {
      if (waits.state[wait] !== WaitState.matched || !mmuLocks[waits.lock[wait]].likely) continue;
      // Half a nanosecond keeps waits of no length among the candidates.
      durations[wait] = trace.time[waits.endEvent[wait]] - trace.time[waits.beginEvent[wait]] + 0.5;
    }
    for (const wait of this.#choose(durations, most)) {
      const track = this.#waiterTrack(waits.lock[wait], waits.thread[wait]);
      this.#ids.ofWait[wait] = this.#slices.length;
      this.#slices.push(waitSlice(this.analysis, wait, this.#slices.length, track));
    }
  }

  #addInvalidations(most: number): void {
    const { causes, invalidations, lockOfThread, trace, yields } = this.analysis;
    const weights = new Float64Array(invalidations.count);
    for (let row = 0; row < invalidations.count; row++) {
      const length = trace.time[invalidations.lastEvent[row]] - trace.time[invalidations.startEvent[row]];
      // Eventful ones come first however short they were.
      const eventful = invalidations.leaves[row] + causes.retries[row] + yields.count[row] > 0;
      weights[row] = length + 0.5 + (eventful ? 1e15 : 0);
    }
    for (const row of this.#choose(weights, most)) {
      const thread = invalidations.thread[row];
      this.#ids.ofInvalidation[row] = this.#slices.length;
      this.#slices.push(
        invalidationSlice(this.analysis, row, this.#slices.length, this.#invalidatorTrack(thread)),
      );
      const track =
        lockOfThread[thread] === NONE ? undefined : this.#trackIds.get(`lock ${lockOfThread[thread]}`);
      if (track === undefined || yields.heldNs[row] <= 0) continue;
      this.#slices.push(holdSlice(this.analysis, row, this.#slices.length, track));
    }
  }

  #addEpisodes(most: number): void {
    const { episodes } = this.analysis;
    const weights = new Float64Array(episodes.count);
    for (let row = 0; row < episodes.count; row++) {
      weights[row] = episodes.end[row] - episodes.start[row] + 0.5 + (episodes.attempts[row] > 1 ? 1e15 : 0);
    }
    for (const row of this.#choose(weights, most)) {
      const track = this.#vcpuTrack(episodes.thread[row]);
      this.#ids.ofEpisode[row] = this.#slices.length;
      this.#slices.push(episodeSlice(this.analysis, row, this.#slices.length, track));
    }
  }

  /** The rows with weight, in order of time; the lightest are left out beyond `most`. */
  #choose(weights: Float64Array, most: number): number[] {
    let candidates = 0;
    for (const weight of weights) if (weight > 0) candidates++;
    this.#dropped += Math.max(0, candidates - most);
    return largest(weights, weights.length, most).sort((a, b) => a - b);
  }
}
