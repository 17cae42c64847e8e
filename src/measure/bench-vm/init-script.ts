/**
 * What runs in the bench VM first: loads modules, mounts the host's root and the folder for results, and
 * starts the job. It tells on the console how far it has come.
 */

/** What each line for the host begins with. */
export const MARK = 'faultline-vm:';

/** How far a boot has come; each follows the one before. */
export const STAGES = ['booted', 'modules', 'kvm', 'root', 'job', 'done'] as const;
export type Stage = (typeof STAGES)[number];

/** In the VM: where the folder for results is, and others that a job may write to. */
export const OUT = '/run/out';
/** In the folder for results: the job, and what became of it. */
export const JOB = { script: 'job.sh', output: 'stdout', errors: 'stderr', exit: 'exit' } as const;

/** The host's root, as the job sees it; everything writable is a file system of the VM's own. */
const ROOT = '/host';

const P9 = 'trans=virtio,version=9p2000.L,msize=512000';

export function initScript(modules: readonly string[]): string {
  const mark = (stage: Stage): string => `echo '${MARK} ${stage}'`;
  return `#!/bin/sh
export PATH=/bin
fail() { echo "${MARK} failed: $*"; poweroff -f; sleep 60; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
${mark('booted')}
for module in ${modules.join(' ')}; do
  insmod /modules/$module.ko || fail "module $module cannot be loaded"
done
${mark('modules')}
[ -c /dev/kvm ] || fail "the kernel has no /dev/kvm: kvm-amd found no SVM with nested paging"
${mark('kvm')}
mount -t 9p -o ro,cache=loose,${P9} root ${ROOT} || fail "the host's root cannot be mounted"
mount -t proc proc ${ROOT}/proc
mount -t sysfs sys ${ROOT}/sys
mount -t devtmpfs dev ${ROOT}/dev
mount -t tmpfs -o mode=755 run ${ROOT}/run
mkdir -p ${ROOT}${OUT} ${ROOT}/run/tmp ${ROOT}/dev/shm
mount -t tmpfs shm ${ROOT}/dev/shm
mount -t debugfs debug ${ROOT}/sys/kernel/debug
mount -t tracefs trace ${ROOT}/sys/kernel/tracing
mount -t 9p -o rw,${P9} out ${ROOT}${OUT} || fail "the folder for results cannot be mounted"
${mark('root')}
ip link set lo up
${mark('job')}
chroot ${ROOT} /bin/sh ${OUT}/${JOB.script} > ${ROOT}${OUT}/${JOB.output} 2> ${ROOT}${OUT}/${JOB.errors}
echo $? > ${ROOT}${OUT}/${JOB.exit}
umount ${ROOT}${OUT}
sync
${mark('done')}
poweroff -f
`;
}

/** A job: runs a program with these arguments, whatever is in them. */
export function jobScript(command: readonly string[], folder: string): string {
  const quoted = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const environment = `HOME=/run TMPDIR=/run/tmp FAULTLINE_STATE=/run/faultline PATH=${path}`;
  return `cd '${folder}' && exec env -i ${environment} ${quoted}\n`;
}
