import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stepEnd, stepStart } from '../../model/host/storm-steps.js';
import { PAGE } from './pages.js';
import { Walk } from './walk.js';

it('goes where a simulated storm goes', () => {
  const settings = fc.record({
    firstPage: fc.integer({ min: 0, max: 1e9 }),
    pages: fc.integer({ min: 1, max: 100 }),
    stepPages: fc.integer({ min: 1, max: 100 }),
    order: fc.constantFrom('sequential' as const, 'random' as const),
    seed: fc.integer({ min: 0, max: 1e6 }),
  });
  fc.assert(
    fc.property(settings, (storm) => {
      const walk = new Walk(storm);
      const steps = Math.ceil(storm.pages / storm.stepPages);
      for (let count = 0; count < 3 * steps; count++) {
        walk.next();
        const start = stepStart(storm, count);
        expect(walk.address).toBe(start * PAGE);
        expect(walk.length).toBe((stepEnd(storm, start) - start) * PAGE);
        expect(walk.pass).toBe(Math.floor(count / steps));
      }
    }),
  );
});
