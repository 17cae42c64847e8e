/**
 * What guest TLBs may hold, from the fills and flushes that vCPUs report: every translation since a vCPU's
 * last flush, whether or not another has taken its place. KVM does not know of evictions and must flush all
 * the same.
 */
import { VcpuMode, type Kvm } from '../kvm.js';

export class GuestTlbs {
  /** Bits of vCPUs, `#words` words for each gfn and for each pfn. */
  readonly #byGfn: Uint32Array;
  readonly #byPfn: Uint32Array;
  readonly #words: number;
  /** Per vCPU: the gfns and pfns whose bit is set. */
  readonly #gfns: number[][];
  readonly #pfns: number[][];
  /** Between kvm_entry and kvm_exit. */
  readonly #inGuest: Uint8Array;

  constructor(readonly kvm: Kvm) {
    const vcpus = kvm.vcpus.length;
    this.#words = (vcpus + 31) >>> 5;
    this.#byGfn = new Uint32Array(kvm.geometry.gfns * this.#words);
    this.#byPfn = new Uint32Array(kvm.mm.pfns * this.#words);
    this.#gfns = Array.from({ length: vcpus }, () => []);
    this.#pfns = Array.from({ length: vcpus }, () => []);
    this.#inGuest = new Uint8Array(vcpus);
  }

  fill(vcpu: number, gfn: number, pfn: number): void {
    if (gfn < this.kvm.geometry.gfns) this.#mark(this.#byGfn, this.#gfns[vcpu], vcpu, gfn);
    if (pfn > 0 && pfn < this.kvm.mm.pfns) this.#mark(this.#byPfn, this.#pfns[vcpu], vcpu, pfn);
  }

  #mark(bits: Uint32Array, list: number[], vcpu: number, index: number): void {
    const word = index * this.#words + (vcpu >>> 5);
    const bit = 1 << (vcpu & 31);
    if ((bits[word] & bit) !== 0) return;
    bits[word] |= bit;
    list.push(index);
  }

  flush(vcpu: number): void {
    this.#clear(this.#byGfn, this.#gfns[vcpu], vcpu);
    this.#clear(this.#byPfn, this.#pfns[vcpu], vcpu);
  }

  #clear(bits: Uint32Array, list: number[], vcpu: number): void {
    const keep = ~(1 << (vcpu & 31));
    for (const index of list) bits[index * this.#words + (vcpu >>> 5)] &= keep;
    list.length = 0;
  }

  enter(vcpu: number): void {
    this.#inGuest[vcpu] = 1;
  }

  exit(vcpu: number): void {
    this.#inGuest[vcpu] = 0;
  }

  /**
   * Whether a vCPU runs its guest. Between the announcement and the last look for requests the mode says so
   * too soon, between exit and kvm_exit the event says so too long.
   */
  runsGuest(mem: Int32Array, vcpu: number): boolean {
    if (this.#inGuest[vcpu] === 0) return false;
    const mode = mem[this.kvm.vcpus[vcpu].mode];
    return mode === VcpuMode.InGuest || mode === VcpuMode.ExitingGuest;
  }

  /** Calls `visit` for each vCPU whose TLB may hold a frame of [start, end). */
  holdersOfGfns(start: number, end: number, visit: (vcpu: number, gfn: number) => void): void {
    for (let gfn = start; gfn < end; gfn++) this.#visit(this.#byGfn, gfn, visit);
  }

  /** Calls `visit` for each vCPU whose TLB may hold a translation to a page. */
  holdersOfPfn(pfn: number, visit: (vcpu: number) => void): void {
    this.#visit(this.#byPfn, pfn, visit);
  }

  #visit(bits: Uint32Array, index: number, visit: (vcpu: number, index: number) => void): void {
    for (let word = 0; word < this.#words; word++) {
      let left = bits[index * this.#words + word];
      while (left !== 0) {
        const bit = 31 - Math.clz32(left);
        left &= ~(1 << bit);
        visit(word * 32 + bit, index);
      }
    }
  }
}
