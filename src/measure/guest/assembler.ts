/**
 * A very small assembler: each instruction is its text (as `objdump -M intel` prints it) and its bytes,
 * side by side; only jumps are computed. A test has objdump read the bytes and compares the texts.
 */

interface Instruction {
  readonly text: string;
  readonly bytes: number[];
  readonly at: number;
  /** Label that it jumps to; the last byte or the last four are the distance. */
  readonly target: string | undefined;
}

/** First byte of a jump with a distance of 8 bits. */
const SHORT_JUMPS = { jmp: 0xeb, jb: 0x72, je: 0x74, jne: 0x75, ja: 0x77, js: 0x78 } as const;

export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();
  #at = 0;

  /** @param text of the instruction, for people and the listing */
  op(text: string, ...bytes: number[]): this {
    return this.#push(text, bytes, undefined);
  }

  /** The next instruction is called `name`. */
  label(name: string): this {
    this.#labels.set(name, this.#at);
    return this;
  }

  /** A jump with a distance of 32 bits, so that nothing is ever too far: 0f 8x for conditions, e9 for jmp. */
  jump(kind: keyof typeof SHORT_JUMPS, target: string): this {
    const short = SHORT_JUMPS[kind];
    const opcode = kind === 'jmp' ? [0xe9] : [0x0f, short + 0x10];
    return this.#push(kind, [...opcode, 0, 0, 0, 0], target);
  }

  /** The program. Position-independent. */
  bytes(): Uint8Array {
    const code = new Uint8Array(this.#at);
    const view = new DataView(code.buffer);
    for (const { bytes, at, target } of this.#instructions) {
      code.set(bytes, at);
      const end = at + bytes.length;
      if (target !== undefined) view.setInt32(end - 4, this.#placeOf(target) - end, true);
    }
    return code;
  }

  /** One line for each instruction, jumps with the place that they go to: `je 0x1f`. */
  listing(): string[] {
    return this.#instructions.map(({ text, target }) =>
      target === undefined ? text : `${text} 0x${this.#placeOf(target).toString(16)}`,
    );
  }

  #push(text: string, bytes: number[], target: string | undefined): this {
    this.#instructions.push({ text, bytes, at: this.#at, target });
    this.#at += bytes.length;
    return this;
  }

  #placeOf(label: string): number {
    const place = this.#labels.get(label);
    if (place === undefined) throw new Error(`no label ${label}`);
    return place;
  }
}
