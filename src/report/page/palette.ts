/** Colours of the canvases, from the page's style sheet: one source for light, dark and print. */
import { CATEGORIES, INFERRED, RETRIED } from '../timeline/packed.js';

export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly lane: string;
  readonly background: string;
  readonly accent: string;
  readonly font: string;
  /** By category code; then one for retried. */
  readonly fills: readonly string[];
}

const SLANT = 6;

export function readPalette(root: Element): Palette {
  const style = getComputedStyle(root);
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: value('text'),
    muted: value('muted'),
    line: value('line'),
    lane: value('lane'),
    background: value('panel'),
    accent: value('accent'),
    font: style.fontFamily,
    fills: [...CATEGORIES.map((category) => value(`c-${category}`)), value('c-retried')],
  };
}

export function fillOf(palette: Palette, style: number): string {
  return palette.fills[style & RETRIED ? CATEGORIES.length : style & 7];
}

/** Hatching that tells retried (rising lines) and inferred (falling lines) without colour. */
export class Hatches {
  private readonly patterns = new Map<string, CanvasPattern | null>();

  of(context: CanvasRenderingContext2D, style: number): CanvasPattern | undefined {
    const key = style & RETRIED ? 'rising' : style & INFERRED ? 'falling' : undefined;
    if (key === undefined) return undefined;
    if (!this.patterns.has(key))
      this.patterns.set(key, context.createPattern(tile(key === 'rising'), 'repeat'));
    return this.patterns.get(key) ?? undefined;
  }
}

function tile(rising: boolean): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SLANT;
  const context = canvas.getContext('2d');
  if (context === null) return canvas;
  context.strokeStyle = rising ? 'rgba(0, 0, 0, 0.55)' : 'rgba(255, 255, 255, 0.65)';
  context.lineWidth = 1.3;
  for (const offset of [-SLANT, 0, SLANT]) {
    context.beginPath();
    context.moveTo(offset, rising ? SLANT : 0);
    context.lineTo(offset + SLANT, rising ? 0 : SLANT);
    context.stroke();
  }
  return canvas;
}
