/**
 * The program of the guest: walks a table of touches, times each with the TSC, and counts it in a histogram.
 *
 *     rbx  block of this vCPU (layout.ts)     r10  touches completed
 *     rsi  next entry of the touch table      r11  entry of this touch
 *     r8   end of the table                   r12  TSC at the end of the last touch
 *     r9   where it begins again              r13  cycles of work after each touch
 *     rdi  address of this touch              r15  touches after which it has finished
 *     rbp  time since the last touch          rax, rcx, rdx, r14: scratch
 *
 * No stack, no interrupt, no exception: it runs at CPL 3 and needs nothing from anyone. What a touch costs
 * is between two readings of the TSC, each fenced so that the touch is inside; the two take part in it,
 * about 20 ns of it on processors of today. A write is a read-modify-write, so that it too ends only when
 * memory has answered.
 */
import { Assembler } from './assembler.js';
import { ExitCode, HISTOGRAM_SHIFT, HISTOGRAM_SUM, HISTOGRAMS, Word } from './layout.js';

export interface TouchProgramOptions {
  /** Whether touches are timed. */
  readonly timed: boolean;
  /** Whether samples are kept; only where touches are timed. */
  readonly samples: boolean;
  /** Whether there is work between touches. */
  readonly work: boolean;
  /** What a write leaves behind: see GuestSpec. */
  readonly afterWrite: 'same' | 'unique';
}

/** Little-endian bytes of a displacement of 32 bits. */
const disp32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

const hex = (value: number): string => `0x${value.toString(16)}`;

/** rip: 0; rax and rdx: bounds of the control memory to be mapped first. */
export function assembleTouchProgram(options: TouchProgramOptions): Assembler {
  const code = new Assembler();
  warmUp(code);
  waitForHost(code);
  nextEntry(code);
  if (options.timed) timedTouch(code, options);
  else plainTouch(code, options);
  countAndGoOn(code, options);
  if (options.timed) newLongestStall(code);
  finish(code);
  return code;
}

/** Every page of control memory that it will use is mapped before anything is timed. */
function warmUp(code: Assembler): void {
  code
    .label('warm')
    .op('or DWORD PTR [rax],0x0', 0x83, 0x08, 0x00)
    .op('add rax,0x1000', 0x48, 0x05, ...disp32(0x1000))
    .op('cmp rax,rdx', 0x48, 0x39, 0xd0)
    .jump('jb', 'warm');
}

/** Leaves the guest, and again until the command is 0; the TSC that it leaves ties both clocks together. */
function waitForHost(code: Assembler): void {
  code.label('wait');
  readTsc(code);
  code
    .op(`mov QWORD PTR [rbx+${hex(Word.ExitTsc)}],rax`, 0x48, 0x89, 0x43, Word.ExitTsc)
    .op(`mov rdi,QWORD PTR [rbx+${hex(Word.ExitAddress)}]`, 0x48, 0x8b, 0x7b, Word.ExitAddress)
    .op(`mov BYTE PTR [rdi],${hex(ExitCode.Waits)}`, 0xc6, 0x07, ExitCode.Waits)
    .op('cmp DWORD PTR [rbx],0x0', 0x83, 0x3b, 0x00)
    .jump('jne', 'wait');
  readTsc(code);
  code
    .op('mov r12,rax', 0x49, 0x89, 0xc4)
    .op(`mov QWORD PTR [rbx+${hex(Word.LastEnd)}],r12`, 0x4c, 0x89, 0x63, Word.LastEnd);
}

/** r11: the entry; rdi: the address of its page; sign: whether it writes. */
function nextEntry(code: Assembler): void {
  code
    .label('again')
    .op('mov eax,DWORD PTR [rsi]', 0x8b, 0x06)
    .op('add rsi,0x4', 0x48, 0x83, 0xc6, 0x04)
    .op('cmp rsi,r8', 0x4c, 0x39, 0xc6)
    .op('cmove rsi,r9', 0x49, 0x0f, 0x44, 0xf1)
    .op('mov r11d,eax', 0x41, 0x89, 0xc3)
    .op('and eax,0x3fffffff', 0x25, 0xff, 0xff, 0xff, 0x3f)
    .op('shl rax,0xc', 0x48, 0xc1, 0xe0, 0x0c)
    .op('mov rdi,rax', 0x48, 0x89, 0xc7)
    .op('test r11d,r11d', 0x45, 0x85, 0xdb)
    .jump('js', 'write');
}

/** rax = TSC; rdx is lost. */
function readTsc(code: Assembler): void {
  code.op('rdtsc', 0x0f, 0x31).op('shl rdx,0x20', 0x48, 0xc1, 0xe2, 0x20).op('or rax,rdx', 0x48, 0x09, 0xd0);
}

function read(code: Assembler): void {
  code.op('mov eax,DWORD PTR [rdi]', 0x8b, 0x07);
}

/** Both fault as writes, at once. */
function write(code: Assembler, afterWrite: 'same' | 'unique'): void {
  if (afterWrite === 'same') code.op('or DWORD PTR [rdi],0x0', 0x83, 0x0f, 0x00);
  else code.op('add QWORD PTR [rdi],r12', 0x4c, 0x01, 0x27);
}

/** A branch for each, taken before the clock is read: a wrong guess of the processor is not in the figure. */
function timedTouch(code: Assembler, options: TouchProgramOptions): void {
  startClock(code);
  read(code);
  stopClock(code);
  code.jump('jmp', 'timed').label('write');
  startClock(code);
  write(code, options.afterWrite);
  stopClock(code);
  code
    .label('timed')
    // rdx: end; rcx: start; rbp: since the end of the last touch; r14: cycles of this one.
    .op('shl rdx,0x20', 0x48, 0xc1, 0xe2, 0x20)
    .op('or rdx,rax', 0x48, 0x09, 0xc2)
    .op('shl rcx,0x20', 0x48, 0xc1, 0xe1, 0x20)
    .op('or rcx,r14', 0x4c, 0x09, 0xf1)
    .op('mov rbp,rdx', 0x48, 0x89, 0xd5)
    .op('sub rbp,r12', 0x4c, 0x29, 0xe5)
    .op('mov r12,rdx', 0x49, 0x89, 0xd4)
    .op(`mov QWORD PTR [rbx+${hex(Word.LastEnd)}],r12`, 0x4c, 0x89, 0x63, Word.LastEnd)
    .op('mov r14,rdx', 0x49, 0x89, 0xd6)
    .op('sub r14,rcx', 0x49, 0x29, 0xce);
  addToHistogram(code);
  if (options.samples) keepSample(code);
  code
    .op(`mov rdx,QWORD PTR [rbx+${hex(Word.Stall)}]`, 0x48, 0x8b, 0x53, Word.Stall)
    .op('cmp rbp,QWORD PTR [rbx+rdx*1]', 0x48, 0x3b, 0x2c, 0x13)
    .jump('ja', 'longest');
}

/** Low and high half of the TSC to r14 and rcx. */
function startClock(code: Assembler): void {
  code
    .op('lfence', 0x0f, 0xae, 0xe8)
    .op('rdtsc', 0x0f, 0x31)
    .op('mov r14,rax', 0x49, 0x89, 0xc6)
    .op('mov rcx,rdx', 0x48, 0x89, 0xd1)
    .op('lfence', 0x0f, 0xae, 0xe8);
}

function stopClock(code: Assembler): void {
  code.op('lfence', 0x0f, 0xae, 0xe8).op('rdtsc', 0x0f, 0x31);
}

/**
 * rax = r14 | 64 has its highest bit at 6 or above; bit - 6 is how far r14 is shifted, so that 7 bits of
 * it are left; bucket = (shift << 6) + (r14 >> shift).
 */
function addToHistogram(code: Assembler): void {
  code
    .op('mov edx,r11d', 0x44, 0x89, 0xda)
    .op('shr edx,0x1e', 0xc1, 0xea, 0x1e)
    .op('and edx,0x1', 0x83, 0xe2, 0x01)
    .op(`shl edx,${hex(HISTOGRAM_SHIFT)}`, 0xc1, 0xe2, HISTOGRAM_SHIFT)
    .op(`lea rdi,[rbx+rdx*1+${hex(HISTOGRAMS)}]`, 0x48, 0x8d, 0xbc, 0x13, ...disp32(HISTOGRAMS))
    .op(`add QWORD PTR [rdi+${hex(HISTOGRAM_SUM)}],r14`, 0x4c, 0x01, 0xb7, ...disp32(HISTOGRAM_SUM))
    .op('mov rax,r14', 0x4c, 0x89, 0xf0)
    .op('or rax,0x40', 0x48, 0x83, 0xc8, 0x40)
    .op('bsr rcx,rax', 0x48, 0x0f, 0xbd, 0xc8)
    .op('sub ecx,0x6', 0x83, 0xe9, 0x06)
    .op('mov rax,r14', 0x4c, 0x89, 0xf0)
    .op('shr rax,cl', 0x48, 0xd3, 0xe8)
    .op('shl ecx,0x6', 0xc1, 0xe1, 0x06)
    .op('add eax,ecx', 0x01, 0xc8)
    .op('inc QWORD PTR [rdi+rax*8]', 0x48, 0xff, 0x04, 0xc7);
}

function keepSample(code: Assembler): void {
  code
    .op(`cmp r14,QWORD PTR [rbx+${hex(Word.SampleAbove)}]`, 0x4c, 0x3b, 0x73, Word.SampleAbove)
    .jump('jb', 'sampled')
    .op(`mov rcx,QWORD PTR [rbx+${hex(Word.SampleNext)}]`, 0x48, 0x8b, 0x4b, Word.SampleNext)
    .op(`mov rdi,QWORD PTR [rbx+${hex(Word.SampleBase)}]`, 0x48, 0x8b, 0x7b, Word.SampleBase)
    .op('mov QWORD PTR [rdi+rcx*1],r12', 0x4c, 0x89, 0x24, 0x0f)
    .op('mov QWORD PTR [rdi+rcx*1+0x8],r14', 0x4c, 0x89, 0x74, 0x0f, 0x08)
    .op('mov QWORD PTR [rdi+rcx*1+0x10],r11', 0x4c, 0x89, 0x5c, 0x0f, 0x10)
    .op('mov QWORD PTR [rdi+rcx*1+0x18],r10', 0x4c, 0x89, 0x54, 0x0f, 0x18)
    .op('add rcx,0x20', 0x48, 0x83, 0xc1, 0x20)
    .op(`and rcx,QWORD PTR [rbx+${hex(Word.SampleMask)}]`, 0x48, 0x23, 0x4b, Word.SampleMask)
    .op(`mov QWORD PTR [rbx+${hex(Word.SampleNext)}],rcx`, 0x48, 0x89, 0x4b, Word.SampleNext)
    .op(`inc QWORD PTR [rbx+${hex(Word.SampleCount)}]`, 0x48, 0xff, 0x43, Word.SampleCount)
    .label('sampled');
}

function plainTouch(code: Assembler, { afterWrite, work }: TouchProgramOptions): void {
  read(code);
  code.jump('jmp', 'touched').label('write');
  write(code, afterWrite);
  code.label('touched');
  if (work) {
    readTsc(code);
    code.op('mov r12,rax', 0x49, 0x89, 0xc4);
  }
}

function countAndGoOn(code: Assembler, { work }: TouchProgramOptions): void {
  code
    .label('count')
    .op('inc r10', 0x49, 0xff, 0xc2)
    .op(`mov QWORD PTR [rbx+${hex(Word.Touches)}],r10`, 0x4c, 0x89, 0x53, Word.Touches)
    .op('cmp r10,r15', 0x4d, 0x39, 0xfa)
    .jump('je', 'finished')
    .op('cmp DWORD PTR [rbx],0x0', 0x83, 0x3b, 0x00)
    .jump('jne', 'wait');
  if (work) {
    // Until r12 + r13, with whatever precision the loop has.
    code.op('lea rcx,[r12+r13*1]', 0x4b, 0x8d, 0x0c, 0x2c).label('work');
    readTsc(code);
    code.op('cmp rax,rcx', 0x48, 0x39, 0xc8).jump('jb', 'work');
  }
  code.jump('jmp', 'again');
}

/** The duration last: when the host sees it, the rest is there. */
function newLongestStall(code: Assembler): void {
  code
    .label('longest')
    .op('mov QWORD PTR [rbx+rdx*1+0x8],r12', 0x4c, 0x89, 0x64, 0x13, 0x08)
    .op('mov QWORD PTR [rbx+rdx*1+0x10],r11', 0x4c, 0x89, 0x5c, 0x13, 0x10)
    .op('mov QWORD PTR [rbx+rdx*1],rbp', 0x48, 0x89, 0x2c, 0x13)
    .jump('jmp', 'count');
}

/** Leaves the guest for good: when it comes back, it leaves again. */
function finish(code: Assembler): void {
  code
    .label('finished')
    .op(`mov rdi,QWORD PTR [rbx+${hex(Word.ExitAddress)}]`, 0x48, 0x8b, 0x7b, Word.ExitAddress)
    .op(`mov BYTE PTR [rdi],${hex(ExitCode.Finished)}`, 0xc6, 0x07, ExitCode.Finished)
    .jump('jmp', 'finished');
}
