/**
 * The first file system of the bench VM: a shell, the modules that a boot needs, and the script that runs
 * first.
 */
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { MachineError } from '../../trace/errors.js';
import { cpio, type CpioEntry } from './cpio.js';
import { initScript } from './init-script.js';
import type { LoadableModule } from './module-tree.js';

const BUSYBOX = ['/usr/bin/busybox', '/bin/busybox'];
const APPLETS = [
  'sh',
  'mount',
  'umount',
  'mkdir',
  'insmod',
  'chroot',
  'poweroff',
  'sync',
  'ip',
  'sleep',
  'echo',
];
const FOLDERS = ['bin', 'proc', 'sys', 'dev', 'host', 'modules'];

/**
 * @param modules in the order in which they are loaded
 * @throws MachineError when there is no busybox
 */
export function initramfs(modules: readonly LoadableModule[]): Uint8Array {
  const busybox = BUSYBOX.find((path) => existsSync(path));
  if (busybox === undefined)
    throw new MachineError('there is no busybox for the bench VM: apt-get install busybox-static');
  const entries: CpioEntry[] = [
    ...FOLDERS.map((path) => ({ path })),
    { path: 'bin/busybox', bytes: readFileSync(busybox) },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    ...modules.map(({ name, bytes }) => ({ path: `modules/${name}.ko`, bytes })),
    { path: 'init', bytes: Buffer.from(initScript(modules.map(({ name }) => name))) },
  ];
  return gzipSync(cpio(entries), { level: 1 });
}
