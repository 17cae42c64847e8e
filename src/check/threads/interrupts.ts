'use coroutines';
/**
 * Interrupts between CPUs, as far as KVM's kicks need them: a word per CPU holds whether its interrupts are
 * off, and a bit for each sender whose interrupt waits there.
 *
 * A handler does nothing but to acknowledge. Where interrupts are on it has run at once; where they are off
 * it runs when they come on again.
 */
import { Order, type Cell, type Step, type Thread } from '../../model/operations.js';

const IRQS_OFF = 1 << 30;

/** local_irq_disable() */
export function* irqDisable(t: Thread, own: Cell): Step<void> {
  const word = yield* t.load(own);
  t.mem[own] = word | IRQS_OFF;
}

/** local_irq_enable(): a waiting interrupt is taken, and that is a fence. */
export function* irqEnable(t: Thread, own: Cell): Step<void> {
  const word = yield* t.load(own);
  if (word === IRQS_OFF) t.mem[own] = 0;
  else yield* t.xchg(own, 0, Order.Full);
}

/**
 * smp_call_function_many() to the CPUs in `mask`.
 *
 * @param bit the sender's bit
 * @returns how many were interrupted
 */
export function* sendInterrupts(
  t: Thread,
  words: Cell,
  mask: number,
  bit: number,
  wait: boolean,
): Step<number> {
  let sent = 0;
  for (let cpu = 0; mask >> cpu !== 0; cpu++) {
    if (((mask >> cpu) & 1) === 0) continue;
    sent++;
    // Nothing comes in between: the interrupt either waits for its CPU or has been taken.
    const word = yield* t.load(words + cpu);
    if ((word & IRQS_OFF) !== 0) t.mem[words + cpu] = word | bit;
  }
  if (!wait) return sent;
  for (let cpu = 0; mask >> cpu !== 0; cpu++) {
    if (((mask >> cpu) & 1) !== 0) yield* t.spinUntil(words + cpu, bit, 0);
  }
  return sent;
}

/** Whether an interrupt waits for a CPU that runs its guest. */
export function* wasInterrupted(t: Thread, own: Cell): Step<boolean> {
  return ((yield* t.load(own)) & ~IRQS_OFF) !== 0;
}
