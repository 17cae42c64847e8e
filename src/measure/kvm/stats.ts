/**
 * KVM_GET_STATS_FD (Linux 5.14): a file that describes itself. Documentation/virt/kvm/api.rst, 4.133.
 */
import { closeSync, readSync } from 'node:fs';
import type { KvmStats } from '../types.js';
import type { KvmDevice } from './device.js';
import { Capability, kvmCall, KvmCalls } from './ioctls.js';

/** Low bits of a statistic's flags: what its number is. */
const TYPE_MASK = 0xf;
const TYPE_CUMULATIVE = 0;
const DESCRIPTOR_BYTES = 16;

interface Descriptor {
  readonly name: string;
  readonly type: number;
  /** Numbers that it has: 1, or the buckets of a histogram. */
  readonly size: number;
  /** Byte in the data. */
  readonly offset: number;
}

/** Names of the statistics that only ever grow: the others are levels, and their difference means nothing. */
const cumulative = new Set<string>();

/** Statistics of one VM or vCPU. Reading takes no lock of KVM's: it can be done while a vCPU runs. */
export class StatsReader {
  private constructor(
    private readonly fd: number,
    private readonly descriptors: readonly Descriptor[],
    private readonly dataOffset: number,
    private readonly data: DataView,
  ) {}

  /**
   * Of a vCPU: before it runs, because the ioctl waits for a vCPU that does.
   *
   * @param fd of the VM or vCPU
   * @returns undefined where KVM has no such thing
   */
  static open(device: Pick<KvmDevice, 'extension'>, fd: number): StatsReader | undefined {
    if (device.extension(Capability.BinaryStatsFd) === 0) return undefined;
    const stats = kvmCall(fd, KvmCalls.GetStatsFd);
    // struct kvm_stats_header: flags, name_size, num_desc, id_offset, desc_offset, data_offset
    const header = readAt(stats, 0, 24);
    const [nameBytes, count, , at, dataOffset] = [4, 8, 12, 16, 20].map((i) => header.getUint32(i, true));
    const each = DESCRIPTOR_BYTES + nameBytes;
    const bytes = readAt(stats, at, count * each);
    const descriptors = Array.from({ length: count }, (_, i) => descriptor(bytes, i * each, nameBytes));
    const end = Math.max(0, ...descriptors.map(({ offset, size }) => offset + size * 8));
    return new StatsReader(stats, descriptors, dataOffset, new DataView(new ArrayBuffer(end)));
  }

  /** All of them by name; those of a histogram as `name[bucket]`, where they are not 0. */
  read(): KvmStats {
    readSync(this.fd, this.data, 0, this.data.byteLength, this.dataOffset);
    const stats: Record<string, number> = {};
    for (const { name, size, offset } of this.descriptors) {
      for (let i = 0; i < size; i++) {
        const value = Number(this.data.getBigUint64(offset + 8 * i, true));
        if (size === 1) stats[name] = value;
        else if (value !== 0) stats[`${name}[${i}]`] = value;
      }
    }
    return stats;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Each statistic added up over several vCPUs. */
export function sumOfStats(all: readonly KvmStats[]): KvmStats {
  const sum: Record<string, number> = {};
  for (const stats of all)
    for (const [name, value] of Object.entries(stats)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

/** What was counted from `earlier` to `later`; levels and peaks are those of `later`. */
export function differenceOfStats(later: KvmStats, earlier: KvmStats): KvmStats {
  return Object.fromEntries(
    Object.entries(later).map(([name, value]) => [
      name,
      cumulative.has(name.replace(/\[\d+\]$/, '')) ? value - (earlier[name] ?? 0) : value,
    ]),
  );
}

/** struct kvm_stats_desc: flags, exponent, size, offset, bucket_size, name */
function descriptor(bytes: DataView, at: number, nameBytes: number): Descriptor {
  const raw = new Uint8Array(bytes.buffer, at + DESCRIPTOR_BYTES, nameBytes);
  const name = Buffer.from(raw).toString('latin1').replace(/\0.*$/s, '');
  const type = bytes.getUint32(at, true) & TYPE_MASK;
  const size = bytes.getUint16(at + 6, true);
  // Histograms count, too.
  if (type === TYPE_CUMULATIVE || size > 1) cumulative.add(name);
  return { name, type, size, offset: bytes.getUint32(at + 8, true) };
}

function readAt(fd: number, position: number, bytes: number): DataView {
  const view = new DataView(new ArrayBuffer(bytes));
  readSync(fd, view, 0, bytes, position);
  return view;
}
