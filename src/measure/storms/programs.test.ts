import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { requires } from '../../../test/requires.js';
import { callProgram } from './call-program.js';
import { forkProgram } from './fork-program.js';

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

it.for([
  ['calls', callProgram()],
  ['fork', forkProgram()],
] as const)('the texts are what objdump reads in the bytes: %s', ([, program]) => {
  const read = disassemble(program.bytes());
  expect(read.length).toBeGreaterThan(30);
  expect(program.listing()).toEqual(read);
});
