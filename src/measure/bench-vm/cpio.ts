/** An archive in the format that the kernel unpacks into its first file system: cpio, "newc". */

/** A file, a link, or else a folder. */
export interface CpioEntry {
  /** Path without a leading slash; folders come before what is in them. */
  readonly path: string;
  readonly bytes?: Uint8Array;
  /** Where a symbolic link points to. */
  readonly link?: string;
  /** Permission bits. Default: 0755. */
  readonly mode?: number;
}

const FOLDER = 0o040000;
const FILE = 0o100000;
const LINK = 0o120000;
const TRAILER = 'TRAILER!!!';

/** Owned by root, without times: the same entries make the same bytes. */
export function cpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  entries.forEach(({ path, bytes, link, mode = 0o755 }, index) => {
    const content = link === undefined ? bytes : Buffer.from(link);
    const kind = link !== undefined ? LINK : bytes === undefined ? FOLDER : FILE;
    parts.push(...entry(path, content ?? new Uint8Array(0), kind | mode, index + 1));
  });
  parts.push(...entry(TRAILER, new Uint8Array(0), 0, 0));
  return Buffer.concat(parts);
}

/** Header, name and bytes, each padded to 4. */
function entry(path: string, bytes: Uint8Array, mode: number, inode: number): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const links = (mode & 0o170000) === FOLDER ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [head, name, padding(head.length + name.length), bytes, padding(bytes.length)];
}

const padding = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);
