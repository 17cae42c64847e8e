import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { requires } from '../../../test/requires.js';
import { assembleTouchProgram } from './touch-program.js';

/** What objdump makes of the bytes: one line for each instruction. */
function disassemble(bytes: Uint8Array): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-objdump-'));
  try {
    const file = join(folder, 'code');
    writeFileSync(file, bytes);
    const args = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--no-show-raw-insn', file];
    const { stdout } = spawnSync('objdump', args, { encoding: 'utf8' });
    return [...stdout.matchAll(/^ +[0-9a-f]+:\t(.+)$/gm)].map(([, text]) =>
      text.replaceAll(/\s+/g, ' ').trim(),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { it } = requires('objdump');

it.for([false, true].flatMap((timed) => [false, true].map((more) => ({ timed, more }))))(
  'the texts are what objdump reads in the bytes: %o',
  ({ timed, more }) => {
    const program = assembleTouchProgram({
      timed,
      samples: timed && more,
      work: more,
      afterWrite: more ? 'unique' : 'same',
    });
    const read = disassemble(program.bytes());
    expect(read.length).toBeGreaterThan(30);
    expect(program.listing()).toEqual(read);
  },
);
