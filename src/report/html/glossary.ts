/** Ten words for newcomers, a sentence each. */
import { html, type Markup } from './markup.js';

const TERMS: readonly (readonly [term: string, meaning: string])[] = [
  [
    'mmu_lock',
    'The lock of each virtual machine that protects the tables which map guest memory to host memory.',
  ],
  [
    'page fault (attempt)',
    'The guest touches memory that its tables do not map; the vCPU leaves the guest and KVM tries to map it.',
  ],
  [
    'retry',
    'An attempt that maps nothing, so that the vCPU enters the guest only to fault again on the same page.',
  ],
  [
    'episode',
    'All attempts in a row of one vCPU on one page: one from the guest’s point of view, however many it took.',
  ],
  ['stall', 'The time of an episode with retries, in which the vCPU does nothing for its guest.'],
  [
    'invalidation',
    'The host changes memory that a guest may be using and tells KVM to forget its mappings of that range.',
  ],
  ['zap', 'Removing a mapping from the tables; each mapping removed is a leaf.'],
  [
    'yield',
    'A zapper lets go of mmu_lock in the middle because somebody waits for it, and must flush what it zapped first.',
  ],
  ['flush', 'Telling all CPUs to forget translations that they have cached; it interrupts running vCPUs.'],
  [
    'in flight',
    'An invalidation that has begun and not ended: faults inside its range must not map anything until it has.',
  ],
];

export function glossary(): Markup {
  return html`<section id="glossary">
    <h2>Glossary</h2>
    <dl class="glossary">
      ${TERMS.map(
        ([term, meaning]) =>
          html`<div>
            <dt>${term}</dt>
            <dd>${meaning}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}
