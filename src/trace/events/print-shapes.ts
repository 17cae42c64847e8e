/**
 * The compiled shapes of events, made when they are first asked for.
 */
import { compileShape, type PrintShape } from './print-shape.js';
import { findSymbols } from './symbols.js';
import type { EventDef } from './types.js';

const compiled = new WeakMap<EventDef, readonly PrintShape[]>();

/** All shapes of `def`, in the order of `def.print`. */
export function shapesOf(def: EventDef): readonly PrintShape[] {
  let shapes = compiled.get(def);
  if (!shapes) {
    shapes = def.print.map((shape, at) => compileShape(shape, def, findSymbols, def.implied?.[at]));
    compiled.set(def, shapes);
  }
  return shapes;
}
