/** Which Faultline this is: the commit of the git repository that it runs from, if it does. */
import { spawnSync } from 'node:child_process';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readText } from './read.js';

/** Where package.json is, from src/ and from dist/ alike. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/**
 * 40 digits, with `-dirty` when files differ from it and git is there to say so; undefined outside of a
 * repository.
 */
export function gitCommit(root = ROOT): string | undefined {
  const args = ['-C', root, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8', timeout: 5000 });
  const described = status === 0 ? stdout.trim() : '';
  const ours =
    readText(join(root, '.git')) !== undefined || readText(join(root, '.git', 'HEAD')) !== undefined;
  if (!ours) return undefined;
  return /^[\da-f]{40}(-dirty)?$/.test(described) ? described : commitFromFiles(join(root, '.git'));
}

/** Without git, or where it does not trust the owner of the repository. */
function commitFromFiles(git: string): string | undefined {
  // In a work tree of its own .git is a file that says where the rest is.
  const link = /^gitdir: (.*)$/m.exec(readText(git) ?? '')?.[1];
  const folder = link === undefined ? git : isAbsolute(link) ? link : join(git, '..', link);
  const shared = readText(join(folder, 'commondir'));
  const common = shared === undefined ? folder : isAbsolute(shared) ? shared : join(folder, shared);
  const head = readText(join(folder, 'HEAD')) ?? '';
  const ref = /^ref: (.*)$/.exec(head)?.[1];
  if (ref === undefined) return /^[\da-f]{40}$/.test(head) ? head : undefined;
  const packed = new RegExp(`^([\\da-f]{40}) ${ref.replaceAll(/[^\w/-]/g, '\\$&')}$`, 'm');
  return readText(join(common, ref)) ?? packed.exec(readText(join(common, 'packed-refs')) ?? '')?.[1];
}
