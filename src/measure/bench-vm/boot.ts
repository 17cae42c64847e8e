/**
 * One boot of the bench VM: from its start to the end of its job, and what its console says when it fails.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { MachineError } from '../../trace/errors.js';
import { MARK, STAGES, type Stage } from './init-script.js';
import { onPath } from './qemu.js';

/** Time for each stage to come after the one before, ms; for the job the caller says. */
const PATIENCE: Readonly<Record<Stage, number>> = {
  booted: 120_000,
  modules: 60_000,
  kvm: 30_000,
  root: 60_000,
  job: 30_000,
  done: 0,
};
/** Last lines of the console that an error shows. */
const LINES = 8;
/** Lines that say why a kernel panicked. */
const TELLING = /Kernel panic|BUG:|Oops|RIP: |WARNING:|Unable to|VFS:|Comm: /;
/** What QEMU and the console may say in one line, characters. */
const LONGEST_LINE = 200;

export interface BootOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Time for the job, ms. */
  readonly jobMs: number;
  readonly signal?: AbortSignal | undefined;
  onStage?(stage: Stage): void;
  /** Told of QEMU's process, so that it ends with the run however it ends. */
  readonly onChild?: (pid: number) => void;
}

/**
 * Resolves when the job is over and the VM is off.
 *
 * @throws MachineError when it does not come so far, with the last lines of its console; QEMU is gone then,
 *   too
 */
export async function boot(options: BootOptions): Promise<void> {
  const vm = start(options);
  const screen = new Console();
  const watch = new Watch(vm, options);
  vm.stdout?.on('data', (data: Buffer) => screen.add(data, (stage) => watch.reached(stage)));
  vm.stderr?.on('data', (data: Buffer) => screen.add(data));
  const stop = (): void => void vm.kill('SIGKILL');
  options.signal?.addEventListener('abort', stop);
  try {
    const [code] = (await once(vm, 'close')) as [number | null];
    if (options.signal?.aborted === true || watch.stage === 'done') return;
    throw new MachineError(problem(watch, screen, code));
  } catch (error) {
    if (error instanceof MachineError) throw error;
    throw new MachineError(
      `QEMU cannot be started: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    watch.end();
    options.signal?.removeEventListener('abort', stop);
    if (vm.exitCode === null && vm.signalCode === null) vm.kill('SIGKILL');
  }
}

/** Killed with this process, where there is a way. */
function start({ program, args, onChild }: BootOptions): ChildProcess {
  const setpriv = onPath('setpriv');
  const command =
    setpriv === undefined ? [program, ...args] : [setpriv, '--pdeathsig', 'KILL', program, ...args];
  const vm = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  if (vm.pid !== undefined) onChild?.(vm.pid);
  return vm;
}

function problem(watch: Watch, screen: Console, code: number | null): string {
  const { lines, failure } = screen;
  const panic = lines.find((line) => line.includes('Kernel panic'));
  const reached =
    watch.stage === undefined ? 'before its first program ran' : `after it had reached "${watch.stage}"`;
  const what =
    failure ??
    (panic !== undefined
      ? `the kernel panicked ${reached}`
      : watch.isLate
        ? `it hung ${reached}: nothing more for ${Math.round(watch.patience / 1000)} s`
        : `it ended ${reached} (QEMU's exit code ${code ?? 'none: it was killed'})`);
  // A panic prints its reason, then registers and calls.
  const telling = panic === undefined ? lines : lines.filter((line) => TELLING.test(line));
  const last = telling.slice(-LINES).map((line) => `\n  | ${line}`);
  return `the bench VM: ${what}${last.length > 0 ? `; the last lines of its console:${last.join('')}` : ''}`;
}

/** Ends a VM that does not get any further. */
class Watch {
  stage: Stage | undefined;
  isLate = false;
  patience = PATIENCE[STAGES[0]];
  #timer: NodeJS.Timeout;

  constructor(
    private readonly vm: ChildProcess,
    private readonly options: BootOptions,
  ) {
    this.#timer = this.#wait();
  }

  reached(stage: Stage): void {
    this.stage = stage;
    clearTimeout(this.#timer);
    const next = STAGES.at(STAGES.indexOf(stage) + 1);
    this.patience = stage === 'job' ? this.options.jobMs : PATIENCE[next ?? 'job'];
    this.#timer = this.#wait();
    this.options.onStage?.(stage);
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => {
      this.isLate = true;
      this.vm.kill('SIGKILL');
    }, this.patience);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** The console's lines, without what is only for us. */
class Console {
  readonly lines: string[] = [];
  /** What the first program says that it failed at. */
  failure: string | undefined;
  #rest = '';

  add(data: Buffer, onStage?: (stage: Stage) => void): void {
    const parts = (this.#rest + data.toString('latin1')).split(/\r?\n/);
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#line(clean(part), onStage);
  }

  #line(line: string, onStage?: (stage: Stage) => void): void {
    const at = line.indexOf(MARK);
    if (at < 0) {
      if (line !== '') this.lines.push(line);
      return;
    }
    const said = line.slice(at + MARK.length).trim();
    if (said.startsWith('failed: ')) this.failure = said.slice('failed: '.length);
    const stage = STAGES.find((each) => each === said);
    if (stage !== undefined) onStage?.(stage);
  }
}

// oxlint-disable-next-line no-control-regex -- they are what it looks for
const ESCAPES = /\u001b(?:\[[0-9;?=]*[A-Za-z]|c)/g;

/** Without what would drive a terminal: firmware clears screens. */
function clean(line: string): string {
  return line
    .replaceAll(ESCAPES, '')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .slice(0, LONGEST_LINE)
    .trimEnd();
}
