/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** The few words for the document that the page's script needs. */

/** The element, checked to be of a class; missing furniture is a bug of the page, and says so. */
export function find<E extends Element>(root: ParentNode, selector: string, type: new () => E): E {
  const found = root.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`the page has no ${selector}`);
  return found;
}

/** Element with text and children; text is never read as HTML. */
export function element(
  tag: string,
  options: { class?: string; text?: string; attributes?: Readonly<Record<string, string>> } = {},
  children: readonly Node[] = [],
): HTMLElement {
  const made = document.createElement(tag);
  if (options.class !== undefined) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  for (const [name, value] of Object.entries(options.attributes ?? {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Sizes a canvas for the screen's pixels and gives its context in CSS pixels.
 *
 * @param scale device pixels per CSS pixel
 */
export function contextOf(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  scale: number,
): CanvasRenderingContext2D {
  const [deviceWidth, deviceHeight] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
    canvas.width = deviceWidth;
    canvas.height = deviceHeight;
  }
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('this browser draws no canvas');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}
