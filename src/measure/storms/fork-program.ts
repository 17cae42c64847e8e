/**
 * What a child of the fork storm runs: machine code, because nothing of Node's may go on in it. A test has
 * objdump read it.
 */
import { Assembler } from '../guest/assembler.js';

/** Numbers of system calls, arch/x86/entry/syscalls/syscall_64.tbl. */
const Sys = {
  rtSigprocmask: 14,
  pause: 34,
  clone: 56,
  getppid: 110,
  prctl: 157,
  exitGroup: 231,
  closeRange: 436,
} as const;

/**
 * `int64_t start_child(int parent)`: the pid of the child, or a negative errno. `parent` is the pid of
 * this process.
 *
 * Signals are blocked in the child: a handler of Node's must not run there. They are in the parent, too,
 * until there is a child.
 */
export function forkProgram(): Assembler {
  const code = new Assembler();
  const mov = (register: string, opcode: number[], value: number): Assembler => {
    const bytes = [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
    return code.op(`mov ${register},0x${value.toString(16)}`, ...opcode, ...bytes);
  };
  const call = (number: number): Assembler => mov('eax', [0xb8], number).op('syscall', 0x0f, 0x05);

  code.op('push rbx', 0x53).op('mov ebx,edi', 0x89, 0xfb).op('sub rsp,0x10', 0x48, 0x83, 0xec, 0x10);
  // rt_sigprocmask(SIG_SETMASK, [rsp] = all, [rsp+8] = old, 8)
  code.op('mov QWORD PTR [rsp],0xffffffffffffffff', 0x48, 0xc7, 0x04, 0x24, 0xff, 0xff, 0xff, 0xff);
  mov('edi', [0xbf], 2)
    .op('mov rsi,rsp', 0x48, 0x89, 0xe6)
    .op('lea rdx,[rsp+0x8]', 0x48, 0x8d, 0x54, 0x24, 0x08);
  mov('r10d', [0x41, 0xba], 8);
  call(Sys.rtSigprocmask);
  // clone(0, 0, 0, 0, 0): a copy of everything, and no signal when it ends
  code.op('xor edi,edi', 0x31, 0xff).op('xor esi,esi', 0x31, 0xf6).op('xor edx,edx', 0x31, 0xd2);
  code.op('xor r10d,r10d', 0x45, 0x31, 0xd2).op('xor r8d,r8d', 0x45, 0x31, 0xc0);
  call(Sys.clone).op('test rax,rax', 0x48, 0x85, 0xc0).jump('je', 'child');
  // The parent: rt_sigprocmask(SIG_SETMASK, old, NULL, 8), and back with the answer of clone.
  code.op('mov QWORD PTR [rsp],rax', 0x48, 0x89, 0x04, 0x24);
  mov('edi', [0xbf], 2).op('lea rsi,[rsp+0x8]', 0x48, 0x8d, 0x74, 0x24, 0x08).op('xor edx,edx', 0x31, 0xd2);
  mov('r10d', [0x41, 0xba], 8);
  call(Sys.rtSigprocmask).op('mov rax,QWORD PTR [rsp]', 0x48, 0x8b, 0x04, 0x24);
  code.op('add rsp,0x10', 0x48, 0x83, 0xc4, 0x10).op('pop rbx', 0x5b).op('ret', 0xc3);
  // The child: prctl(PR_SET_PDEATHSIG, SIGKILL), unless its parent has ended already
  code.label('child');
  mov('edi', [0xbf], 1);
  mov('esi', [0xbe], 9);
  call(Sys.prctl);
  call(Sys.getppid).op('cmp eax,ebx', 0x39, 0xd8).jump('jne', 'exit');
  // close_range(0, ~0, 0): what the parent closes must be closed
  code.op('xor edi,edi', 0x31, 0xff);
  mov('esi', [0xbe], 0xffff_ffff).op('xor edx,edx', 0x31, 0xd2);
  call(Sys.closeRange);
  code.label('wait');
  call(Sys.pause).jump('jmp', 'wait');
  code.label('exit').op('xor edi,edi', 0x31, 0xff);
  call(Sys.exitGroup);
  return code;
}
