/**
 * Lock contention and lockdep. Source: include/trace/events/lock.h of Linux 5.10, 6.1, 6.12, 6.18, 7.2 and
 * 7.3.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const lock = eventOf('lock');

const contention: readonly EventDef[] = [
  lock('contention_begin', {
    since: 'v5.19',
    fields: [field('lock_addr', 'void *', 'lock-address'), field('flags', 'unsigned int', 'flags')],
    print: ['{lock_addr:ptr} (flags={flags:flags=lockFlags})'],
    meaning:
      'A task starts to wait for a lock; uncontended acquisitions have no event. mmu_lock shows' +
      ' as SPIN|READ or' +
      ' SPIN|WRITE; its inner queue lock adds a nested SPIN pair with another address.',
  }),
  lock('contention_end', {
    since: 'v5.19',
    fields: [field('lock_addr', 'void *', 'lock-address'), field('ret', 'int', 'errno')],
    print: ['{lock_addr:ptr} (ret={ret})'],
    meaning:
      'The wait is over: the task has the lock, or gave up (ret below 0). Pairs with the last' +
      ' begin of the task.',
  }),
  lock('contended_release', {
    since: 'v7.3',
    fields: [field('lock_addr', 'void *', 'lock-address')],
    print: ['{lock_addr:ptr}'],
    meaning: 'A lock with waiters is released: mutex, rwsem and qspinlock, not the rwlock that mmu_lock is.',
  }),
];

const lockdepFields = [
  field('name', '__data_loc char[]', 'name'),
  field('lockdep_addr', 'void *', 'lock-address'),
];

/** lock_acquire shows its two flag bits as words. */
const acquireShapes = ['try read ', 'try ', 'read ', ''].map((words) => {
  const flags = (words.includes('try') ? 1 : 0) + (words.includes('read') ? 2 : 0);
  return [`{lockdep_addr:ptr} ${words}{name:s}`, { flags }] as const;
});

const lockdep: readonly EventDef[] = [
  lock('lock_acquire', {
    fields: [field('flags', 'unsigned int', 'flags'), ...lockdepFields],
    print: acquireShapes,
    meaning: 'Someone asks for a lock (kernels with lockdep only).',
  }),
  lock('lock_release', {
    fields: lockdepFields,
    print: ['{lockdep_addr:ptr} {name:s}'],
    meaning: 'A lock is released (kernels with lockdep only).',
  }),
  lock('lock_contended', {
    fields: lockdepFields,
    print: ['{lockdep_addr:ptr} {name:s}'],
    meaning: 'A lock was not free (kernels with lock statistics only).',
  }),
  lock('lock_acquired', {
    fields: lockdepFields,
    print: ['{lockdep_addr:ptr} {name:s}'],
    meaning: 'A contended lock was got (kernels with lock statistics only).',
  }),
];

export const lockEvents: readonly EventDef[] = [...contention, ...lockdep];
