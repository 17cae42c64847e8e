/** Goal: archives that others unpack, and modules in an order in which they can be loaded. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { requires } from '../../../test/requires.js';
import { cpio } from './cpio.js';
import { jobScript } from './init-script.js';
import { ModuleTree } from './module-tree.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

requires('busybox').it('an archive is unpacked by busybox', () => {
  const bytes = Buffer.from('seven b');
  const entries = [{ path: 'a' }, { path: 'a/file', bytes, mode: 0o600 }, { path: 'link', link: 'a/file' }];
  const place = join(folder, 'unpacked');
  mkdirSync(place);
  const { status } = spawnSync('busybox', ['cpio', '-i'], { cwd: place, input: cpio(entries) });
  expect(status).toBe(0);
  expect(readFileSync(join(place, 'a', 'file'))).toEqual(bytes);
  expect(readlinkSync(join(place, 'link'))).toBe('a/file');
});

/** A module as far as we read it. */
function module(path: string, depends: string): void {
  const place = join(folder, 'modules', path);
  mkdirSync(dirname(place), { recursive: true });
  const bytes = Buffer.from(`\u007fELF...\0license=GPL\0depends=${depends}\0name=x\0`, 'latin1');
  writeFileSync(place, path.endsWith('.gz') ? gzipSync(bytes) : bytes);
}

it('modules come after what they depend on, once, whatever they are packed with', async () => {
  module('kernel/arch/x86/kvm/kvm-amd.ko', 'kvm,ccp');
  module('kernel/arch/x86/kvm/kvm.ko.gz', '');
  module('kernel/drivers/ccp.ko', 'rng_core');
  module('kernel/drivers/rng-core.ko', '');
  module('kernel/fs/9p.ko', 'netfs');
  writeFileSync(
    join(folder, 'modules', 'modules.builtin'),
    'kernel/drivers/virtio_pci.ko\nkernel/fs/netfs.ko\n',
  );
  const tree = new ModuleTree(join(folder, 'modules'));
  const loaded = await tree.load(['virtio_pci', '9p', 'kvm-amd']);
  expect(loaded.map(({ name }) => name)).toEqual(['9p', 'kvm', 'rng_core', 'ccp', 'kvm_amd']);
  expect(['kvm-amd', 'virtio-pci', 'kvm-intel'].map((name) => tree.has(name))).toEqual([true, true, false]);
  await expect(tree.load(['kvm-intel'])).rejects.toThrow(/has no module kvm-intel/);
});

it('a job gets its words as they are', () => {
  const words = ["it's", 'a b', '$HOME', '\\', '"'];
  const script = jobScript(['/usr/bin/printf', '%s\n', ...words], '/');
  expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout).toBe(`${words.join('\n')}\n`);
});
