/**
 * A loop over system calls, in machine code: what a storm written in C would do, so that no JavaScript is
 * inside a measured interval. A test has objdump read it.
 */
import { Assembler } from '../guest/assembler.js';

/**
 * Signature of the program. It makes `count` (at least 1) calls of the system call `number`, one for each
 * entry, and comes back earlier when a call ends after `cycles` of the TSC, or when `*word` is no longer
 * `seen`. It returns how many it made.
 */
export const CALL_SIGNATURE =
  'int64_t make_calls(uint64_t entries, int64_t count, uint64_t word, int32_t seen, uint64_t cycles, int64_t number)';

/** An entry: three arguments, then what the program writes: cycles since the call before, and the result. */
export const Entry = { Address: 0, Length: 8, Argument: 16, Cycles: 24, Result: 32 } as const;
export const ENTRY_BYTES = 40;

/**
 *     rbx  entry      rbp  calls that are left    r12  address of the word
 *     r13  its value  r14  TSC when time is over  r15  number of the system call
 *     r8   calls made r9   TSC after the call before
 */
export function callProgram(): Assembler {
  const code = new Assembler();
  code.op('push rbx', 0x53).op('push rbp', 0x55).op('push r12', 0x41, 0x54).op('push r13', 0x41, 0x55);
  code.op('push r14', 0x41, 0x56).op('push r15', 0x41, 0x57);
  code
    .op('mov rbx,rdi', 0x48, 0x89, 0xfb)
    .op('mov rbp,rsi', 0x48, 0x89, 0xf5)
    .op('mov r12,rdx', 0x49, 0x89, 0xd4)
    .op('mov r13d,ecx', 0x41, 0x89, 0xcd)
    .op('mov r14,r8', 0x4d, 0x89, 0xc6)
    .op('mov r15,r9', 0x4d, 0x89, 0xcf)
    .op('xor r8d,r8d', 0x45, 0x31, 0xc0);
  readClock(code).op('mov r9,rax', 0x49, 0x89, 0xc1).op('add r14,rax', 0x49, 0x01, 0xc6);
  code
    .label('call')
    .op('mov rdi,QWORD PTR [rbx]', 0x48, 0x8b, 0x3b)
    .op('mov rsi,QWORD PTR [rbx+0x8]', 0x48, 0x8b, 0x73, 0x08)
    .op('mov rdx,QWORD PTR [rbx+0x10]', 0x48, 0x8b, 0x53, 0x10)
    .op('mov rax,r15', 0x4c, 0x89, 0xf8)
    .op('syscall', 0x0f, 0x05)
    .op('mov QWORD PTR [rbx+0x20],rax', 0x48, 0x89, 0x43, 0x20);
  readClock(code)
    .op('mov rcx,rax', 0x48, 0x89, 0xc1)
    .op('sub rax,r9', 0x4c, 0x29, 0xc8)
    .op('mov QWORD PTR [rbx+0x18],rax', 0x48, 0x89, 0x43, 0x18)
    .op('mov r9,rcx', 0x49, 0x89, 0xc9)
    .op('add rbx,0x28', 0x48, 0x83, 0xc3, 0x28)
    .op('inc r8', 0x49, 0xff, 0xc0)
    .op('cmp r8,rbp', 0x49, 0x39, 0xe8)
    .jump('je', 'out')
    .op('cmp DWORD PTR [r12],r13d', 0x45, 0x39, 0x2c, 0x24)
    .jump('jne', 'out')
    .op('cmp rcx,r14', 0x4c, 0x39, 0xf1)
    .jump('jb', 'call');
  code.label('out').op('mov rax,r8', 0x4c, 0x89, 0xc0);
  code.op('pop r15', 0x41, 0x5f).op('pop r14', 0x41, 0x5e).op('pop r13', 0x41, 0x5d);
  return code.op('pop r12', 0x41, 0x5c).op('pop rbp', 0x5d).op('pop rbx', 0x5b).op('ret', 0xc3);
}

/** The TSC in rax; rdx is lost. */
function readClock(code: Assembler): Assembler {
  return code
    .op('rdtsc', 0x0f, 0x31)
    .op('shl rdx,0x20', 0x48, 0xc1, 0xe2, 0x20)
    .op('or rax,rdx', 0x48, 0x09, 0xd0);
}
