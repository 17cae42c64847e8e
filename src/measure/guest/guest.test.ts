import { afterEach, expect } from 'vitest';
import { requires } from '../../../test/requires.js';
import { viewOf } from '../ffi/libc.js';
import type { GuestSpec } from '../types.js';
import { Guest } from './guest.js';

const { describe, it } = requires('kvm');

const MIB = 2 ** 20;

function specOf(
  changes: Omit<Partial<GuestSpec>, 'access'> & { access?: Partial<GuestSpec['access']> } = {},
): GuestSpec {
  const { access, ...rest } = changes;
  return {
    memory: 8 * MIB,
    vcpus: 1,
    pin: undefined,
    slots: 1,
    backing: '4KiB',
    sharing: 'private',
    prefault: true,
    placement: 'first-touch',
    coveredRanges: [],
    seed: 1,
    ...rest,
    access: { pattern: 'sequential', writes: 1, work: 0, region: 'own', firstPass: false, ...access },
  };
}

let guest: Guest | undefined;
afterEach(async () => {
  await guest?.close();
  guest = undefined;
});

async function finish(spec: GuestSpec): Promise<ReturnType<Guest['snapshot']> & { guest: Guest }> {
  const started = (guest = await Guest.start(spec));
  started.run();
  await started.finished();
  return { ...started.snapshot(), guest: started };
}

describe('a guest on real KVM', () => {
  it.each([1, 2, 4])('touches exactly what it is told to with %d vCPUs', async (vcpus) => {
    const { vcpus: seen } = await finish(specOf({ vcpus, access: { passes: 3 } }));
    for (const each of seen) {
      expect(each.touches).toBe(3 * (2048 / vcpus));
      expect(each.uncovered.count).toBe(each.touches);
      expect(each.covered.count).toBe(0);
      expect(each.finished).toBe(true);
    }
  });

  it('tells covered pages from others, page by page', async () => {
    const coveredRanges = [{ from: MIB, to: 3 * MIB }];
    const { vcpus } = await finish(specOf({ coveredRanges, access: { passes: 2 } }));
    expect([vcpus[0].covered.count, vcpus[0].uncovered.count]).toEqual([1024, 3072]);
  });

  it('writes where it says, and only there', async () => {
    const access = { pattern: 'strided', stride: 8192, passes: 1 } as const;
    const { memory } = (await finish(specOf({ afterWrite: 'unique', access }))).guest;
    const bytes = new BigUint64Array(viewOf(memory.address, memory.bytes));
    for (let page = 0; page < 2048; page++) expect(bytes[page * 512]).not.toBe(0n);
    expect(bytes.filter((word) => word !== 0n)).toHaveLength(2048);
  });

  it('finds first touches slower than those of a mapped page', async () => {
    const { vcpus, tscKhz } = await finish(specOf({ memory: 32 * MIB, access: { passes: 20 } }));
    const ns = (share: number): number => (vcpus[0].uncovered.quantile(share) * 1e6) / tscKhz;
    expect(ns(0.5)).toBeGreaterThan(5);
    expect(ns(0.99)).toBeGreaterThan(3 * ns(0.5));
    expect(vcpus[0].longestStall?.durationNs).toBeGreaterThan(ns(0.9));
  });

  it('stops, goes on, and counts what happened in between', async () => {
    guest = await Guest.start(specOf({ vcpus: 2 }));
    guest.run();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await guest.stop();
    const first = guest.snapshot();
    expect(guest.snapshot().vcpus.map(({ touches }) => touches)).toEqual(
      first.vcpus.map(({ touches }) => touches),
    );
    guest.run();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await guest.stop();
    const second = guest.snapshot();
    for (const [id, { touches, uncovered }] of second.vcpus.entries()) {
      expect(touches).toBeGreaterThan(first.vcpus[id].touches);
      expect(uncovered.minus(first.vcpus[id].uncovered).count).toBe(touches - first.vcpus[id].touches);
    }
    expect(second.elapsedNs).toBeGreaterThan(first.elapsedNs);
  });

  it('stops however soon after it was told to run', async () => {
    guest = await Guest.start(specOf({ vcpus: 4 }));
    for (let turn = 0; turn < 200; turn++) {
      guest.run();
      await guest.stop();
    }
    expect(guest.snapshot().vcpus.every(({ exits }) => exits.interrupted === 0)).toBe(true);
  });

  it.each(['thp', '4KiB'] as const)('runs on %s, private and shared, in several slots', async (backing) => {
    for (const sharing of ['private', 'shared'] as const) {
      const { vcpus, guest: ran } = await finish(
        specOf({ backing, sharing, slots: 3, access: { passes: 1 } }),
      );
      expect(vcpus[0].touches).toBe(2048);
      await ran.close();
      guest = undefined;
    }
  });

  it('keeps raw samples, the latest', async () => {
    const ran = await finish(specOf({ samples: 512, access: { passes: 1 } }));
    const samples = ran.guest.samples();
    expect(samples.map(({ gfn }) => gfn)).toEqual(Array.from({ length: 512 }, (_, index) => 1536 + index));
    expect(samples.every(({ write, durationNs }) => write && durationNs > 0)).toBe(true);
  });

  it('says what KVM counted', async () => {
    const { stats } = await finish(specOf({ access: { passes: 1 } }));
    expect(stats.vcpus.exits).toBeGreaterThan(0);
  });

  it('refuses more memory than there is, and huge pages that nobody reserved', async () => {
    await expect(
      Guest.start(specOf({ memory: 2 ** 50, vcpus: 1, access: { pattern: 'sequential' } })),
    ).rejects.toThrow('give it less memory');
    await expect(Guest.start(specOf({ backing: 'hugetlb', memory: 2 ** 30 }))).rejects.toThrow(
      /512 huge pages and \d+ are reserved/,
    );
  });
});
