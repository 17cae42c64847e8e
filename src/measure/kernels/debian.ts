/**
 * Kernels of Debian: found and fetched with apt, whose lists and packages are kept in a temporary folder,
 * apart from the system's. apt checks their signatures.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError, MachineError } from '../../trace/errors.js';
import { onPath } from '../bench-vm/qemu.js';
import { addKernel } from './add-kernel.js';
import type { CachedKernel } from './kernel-cache.js';

const SUITES = ['bookworm', 'bookworm-backports', 'trixie', 'trixie-backports', 'sid'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const PROGRAMS = ['apt-get', 'apt-cache', 'dpkg-deb'];

/** A kernel that Debian has: its release, and packages that make it up. */
interface Offer {
  readonly release: string;
  readonly packages: readonly string[];
}

export interface FetchOptions {
  /** Debian's archive, as in a line of sources.list. */
  readonly mirror?: string | undefined;
  /** What goes on, a few words. */
  readonly onStep: (what: string) => void;
}

/**
 * Fetches the newest kernel of a version and puts it into the cache under that name.
 *
 * @param version `6.12`, or `6.12-rt` for the flavour with PREEMPT_RT
 * @throws InputError when Debian has none; MachineError when it cannot be fetched here
 */
export async function addDebianKernel(
  version: string,
  { mirror, onStep }: FetchOptions,
): Promise<CachedKernel> {
  const lacking = PROGRAMS.find((name) => onPath(name) === undefined);
  if (lacking !== undefined)
    throw new MachineError(
      `there is no ${lacking} here, which fetches kernels of Debian: add a bzImage instead`,
    );
  if (!existsSync(KEYRING))
    throw new MachineError(
      `no ${KEYRING}, which kernels of Debian are checked with: apt-get install debian-archive-keyring`,
    );
  const folder = mkdtempSync(join(tmpdir(), 'faultline-kernel-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    const apt = new Apt(folder, mirror ?? systemMirror());
    onStep('reading the lists of Debian');
    apt.update();
    const offer = offerFor(version, apt.names());
    onStep(`fetching ${offer.packages[0]}`);
    const files = apt.download(offer.packages);
    onStep('unpacking');
    const tree = join(folder, 'tree');
    for (const file of files) run('dpkg-deb', ['-x', file, tree]);
    return await addKernel(version, {
      ...partsIn(tree, offer.release),
      source: { kind: 'debian', from: files.map(named) },
    });
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** `linux-image-6.1.0-50-amd64-unsigned_6.1.176-1_amd64.deb` */
const named = (file: string): string =>
  file
    .split('/')
    .at(-1)
    ?.replace(/_[^_]*\.deb$/, '') ?? file;

/** Where a package of each kind of layout has its parts. */
function partsIn(tree: string, release: string) {
  const modules = ['usr/lib/modules', 'lib/modules']
    .map((place) => join(tree, place, release))
    .find((place) => existsSync(place));
  if (modules === undefined) throw new MachineError(`the packages of ${release} have no modules`);
  const boot = (name: string): string => join(tree, 'boot', `${name}-${release}`);
  const image = [join(modules, 'vmlinuz'), boot('vmlinuz')].find((path) => existsSync(path));
  if (image === undefined) throw new MachineError(`the packages of ${release} have no kernel`);
  return {
    image,
    modules,
    config: [boot('config'), join(modules, 'config')].find((path) => existsSync(path)),
  };
}

/**
 * @throws InputError when no name is of the version, with the versions that there are
 * @internal for tests
 */
export function offerFor(version: string, names: readonly string[]): Offer {
  const [, wanted = '', flavour = ''] = /^v?(\d+\.\d+(?:\.\d+)?)(-rt)?$/.exec(version) ?? [];
  if (wanted === '')
    throw new InputError(
      `"${version}" is no version of Debian's kernels: write 6.12, 6.12-rt, or name a bzImage`,
    );
  const offers = names.flatMap((name) => offerOf(name, names) ?? []);
  const isOf = ({ release }: Offer): boolean =>
    release.startsWith(`${wanted}.`) && flavourOf(release) === flavour;
  const found = offers
    .filter(isOf)
    .sort((a, b) => a.release.localeCompare(b.release, 'en', { numeric: true }));
  const newest = found.at(-1);
  if (newest) return newest;
  const series = [...new Set(offers.map(({ release }) => seriesOf(release)))];
  const known = series.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(', ');
  throw new InputError(`Debian has no kernel ${version} now: there are ${known}`);
}

/** `6.1.0-50-amd64`, `6.12.117+deb13-rt-amd64`: without flavour, and with. */
const flavourOf = (release: string): string =>
  /-(rt|cloud)-amd64$/.exec(release)?.[0].replace('-amd64', '') ?? '';
const seriesOf = (release: string): string =>
  `${/^\d+\.\d+/.exec(release)?.[0] ?? release}${flavourOf(release) === '-rt' ? '-rt' : ''}`;

/** Up to 7.0 one package has everything; since then three have. The flavour for clouds has no 9p. */
function offerOf(name: string, names: readonly string[]): Offer | undefined {
  const [, whole, binary] = /^linux-(?:image-(\d.*-amd64)-unsigned|binary-(\d.*-amd64))$/.exec(name) ?? [];
  const release = whole ?? binary;
  if (release === undefined || flavourOf(release) === '-cloud') return undefined;
  if (whole !== undefined) return { release, packages: [name] };
  const others = [`linux-modules-${release}`, `linux-base-${release}`];
  return { release, packages: [name, ...others.filter((each) => names.includes(each))] };
}

/** apt with lists, cache and sources of its own. */
class Apt {
  readonly #options: string[];

  constructor(
    private readonly folder: string,
    mirror: string,
  ) {
    for (const place of ['lists/partial', 'cache/archives/partial', 'packages'])
      mkdirSync(join(folder, place), { recursive: true });
    const lines = SUITES.map((suite) => `deb [arch=amd64 signed-by=${KEYRING}] ${mirror} ${suite} main\n`);
    writeFileSync(join(folder, 'sources.list'), lines.join(''));
    const settings = {
      'Dir::State::Lists': join(folder, 'lists'),
      'Dir::Cache': join(folder, 'cache'),
      'Dir::Etc::SourceList': join(folder, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      // Its own user cannot read our folder.
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '2',
    };
    this.#options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  }

  update(): void {
    run('apt-get', [...this.#options, '-qq', 'update']);
  }

  /** Names of packages of kernels. */
  names(): string[] {
    return run('apt-cache', [...this.#options, 'pkgnames', 'linux-']).split('\n');
  }

  /** @returns the files */
  download(packages: readonly string[]): string[] {
    const folder = join(this.folder, 'packages');
    run('apt-get', [...this.#options, '-qq', 'download', ...packages], folder);
    return readdirSync(folder).map((name) => join(folder, name));
  }
}

/** @returns standard output */
function run(program: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status === 0) return stdout;
  const said = (stderr ?? '').trim().split('\n').at(-1);
  throw new MachineError(
    `${program} failed: ${said === undefined || said === '' ? (error?.message ?? `exit ${status}`) : said}`,
  );
}

/** Debian's archive as this system's apt has it. */
function systemMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  for (const text of texts) {
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(\S+\/debian\/?)(?:\s|$)/m.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new MachineError(
    'this system takes nothing from Debian: name its archive with --mirror URL, or add a bzImage',
  );
}
