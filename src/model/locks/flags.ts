/** Flags of lock:contention_begin, include/trace/events/lock.h. */
export const LCB_F_SPIN = 1;
export const LCB_F_READ = 2;
export const LCB_F_WRITE = 4;
export const LCB_F_RT = 8;
