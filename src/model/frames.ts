/**
 * Frames of suspended calls, and the thread that collects them: what compiled coroutines need at run time.
 *
 * When a thread is suspended, each active call saves one frame, the innermost first. A frame never changes
 * once it is linked to its caller's. There are few classes of frame, by size, so that whoever resumes them
 * meets few shapes.
 */

/** The half of a compiled coroutine that goes on from a frame. */
export interface Coroutine {
  (thread: never, frame: never): unknown;
  /** Names of the variables that its frames hold, in the order of v0, v1 ... */
  readonly $fields?: readonly string[];
}

export type Frame = Frame2 | Frame4 | Frame8 | Frame20;

class Frame2 {
  $caller: Frame | null = null;
  constructor(
    readonly fn: Coroutine,
    readonly $pc: number,
    readonly v0: unknown,
    readonly v1: unknown,
  ) {}
}

class Frame4 {
  $caller: Frame | null = null;
  constructor(
    readonly fn: Coroutine,
    readonly $pc: number,
    readonly v0: unknown,
    readonly v1: unknown,
    readonly v2: unknown,
    readonly v3: unknown,
  ) {}
}

class Frame8 {
  $caller: Frame | null = null;
  constructor(
    readonly fn: Coroutine,
    readonly $pc: number,
    readonly v0: unknown,
    readonly v1: unknown,
    readonly v2: unknown,
    readonly v3: unknown,
    readonly v4: unknown,
    readonly v5: unknown,
    readonly v6: unknown,
    readonly v7: unknown,
  ) {}
}

class Frame20 {
  $caller: Frame | null = null;
  constructor(
    readonly fn: Coroutine,
    readonly $pc: number,
    readonly v0: unknown,
    readonly v1: unknown,
    readonly v2: unknown,
    readonly v3: unknown,
    readonly v4: unknown,
    readonly v5: unknown,
    readonly v6: unknown,
    readonly v7: unknown,
    readonly v8: unknown,
    readonly v9: unknown,
    readonly v10: unknown,
    readonly v11: unknown,
    readonly v12: unknown,
    readonly v13: unknown,
    readonly v14: unknown,
    readonly v15: unknown,
    readonly v16: unknown,
    readonly v17: unknown,
    readonly v18: unknown,
    readonly v19: unknown,
  ) {}
}

/** The only frame of a thread whose outermost call returns what the operation does: it needed none itself. */
const RETURN_VALUE: Frame = new Frame2((thread: Suspendable) => thread.value, 0, 0, 0);

/**
 * A thread whose calls can be suspended. Operations set `suspended` and `value`; executors call `run`.
 *
 * A call that is suspended returns its frame to its caller, who links it to its own: a chain that grows in
 * registers costs the garbage collector less than one that hangs on the thread.
 */
export class Suspendable {
  /** Whether the operation that was called last has suspended the thread. */
  suspended = false;
  /** What that operation returns when the thread goes on. */
  value: unknown = undefined;
  /** Innermost frame while the thread is suspended. */
  top: Frame | null = null;

  save2(callee: unknown, fn: Coroutine, pc: number, v0: unknown, v1: unknown): Frame {
    return this.linked(callee, new Frame2(fn, pc, v0, v1));
  }

  save4(
    callee: unknown,
    fn: Coroutine,
    pc: number,
    v0: unknown,
    v1: unknown,
    v2: unknown,
    v3: unknown,
  ): Frame {
    return this.linked(callee, new Frame4(fn, pc, v0, v1, v2, v3));
  }

  save8(
    callee: unknown,
    fn: Coroutine,
    pc: number,
    v0: unknown,
    v1: unknown,
    v2: unknown,
    v3: unknown,
    v4: unknown,
    v5: unknown,
    v6: unknown,
    v7: unknown,
  ): Frame {
    return this.linked(callee, new Frame8(fn, pc, v0, v1, v2, v3, v4, v5, v6, v7));
  }

  save20(
    callee: unknown,
    fn: Coroutine,
    pc: number,
    v0: unknown,
    v1: unknown,
    v2: unknown,
    v3: unknown,
    v4: unknown,
    v5: unknown,
    v6: unknown,
    v7: unknown,
    v8: unknown,
    v9: unknown,
    v10: unknown,
    v11: unknown,
    v12: unknown,
    v13: unknown,
    v14: unknown,
    v15: unknown,
    v16: unknown,
    v17: unknown,
    v18: unknown,
    v19: unknown,
  ): Frame {
    return this.linked(
      callee,
      new Frame20(
        fn,
        pc,
        v0,
        v1,
        v2,
        v3,
        v4,
        v5,
        v6,
        v7,
        v8,
        v9,
        v10,
        v11,
        v12,
        v13,
        v14,
        v15,
        v16,
        v17,
        v18,
        v19,
      ),
    );
  }

  /** The innermost frame becomes the top; another is the caller of the one that `callee` is. */
  private linked(callee: unknown, frame: Frame): Frame {
    if (this.top === null) this.top = frame;
    else (callee as Frame).$caller = frame;
    return frame;
  }

  /**
   * Runs the thread until it is suspended again or ends: resumes the innermost frame, and each caller when
   * its callee returns. The value of the suspended operation is in `value`.
   *
   * @param start calls the coroutine that the thread begins with; used when there is no frame yet
   * @returns whether the thread came to its end; then `value` is the result
   */
  run(start: () => unknown): boolean {
    let frame = this.top;
    this.suspended = false;
    this.top = null;
    for (;;) {
      let result: unknown;
      let caller: Frame | null = null;
      if (frame === null) {
        result = start();
      } else {
        caller = frame.$caller;
        const resume = frame.fn as (thread: Suspendable, frame: Frame) => unknown;
        result = resume(this, frame);
      }
      if (this.suspended) {
        if (this.top === null) this.top = caller ?? RETURN_VALUE;
        else if (caller !== null) (result as Frame).$caller = caller;
        return false;
      }
      this.value = result;
      if (caller === null) return true;
      frame = caller;
    }
  }
}
