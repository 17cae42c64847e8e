/** Style of the timeline. Colours of slices are in style-page.ts; the canvases read them from there. */

const RISING = 'repeating-linear-gradient(135deg, rgb(0 0 0 / 55%) 0 1.3px, transparent 1.3px 4.5px)';
const FALLING = 'repeating-linear-gradient(45deg, rgb(255 255 255 / 75%) 0 1.3px, transparent 1.3px 4.5px)';

export const TIMELINE_STYLE = `
.timeline { position: relative; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 14px 12px; }
.tl-bar { display: flex; flex-wrap: wrap; gap: 6px 20px; align-items: center; margin-bottom: 8px; }
.tl-bar button { min-width: 32px; }
.tl-range { margin-left: auto; font-size: .85rem; color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; list-style: none; margin: 0; padding: 0;
  font-size: .82rem; }
.legend li { display: flex; align-items: center; gap: 5px; }
.swatch { width: 20px; height: 12px; border-radius: 2px; background: var(--c-other); }
.swatch.fault { background: var(--c-fault); }
.swatch.retried { background: ${RISING}, var(--c-retried); }
.swatch.wait { background: var(--c-wait); height: 8px; align-self: flex-end; margin-bottom: 5px; }
.swatch.invalidation { background: var(--c-invalidation); }
.swatch.hold { background: var(--c-hold); }
.swatch.flush { background: var(--c-flush); }
.swatch.inferred { background: ${FALLING}, var(--c-hold); }
.tl-overview { display: block; width: 100%; cursor: pointer; touch-action: none; margin-bottom: 6px; }
.tl-scroll { position: relative; overflow-x: hidden; overflow-y: auto; cursor: grab; touch-action: pan-y;
  min-height: 120px; user-select: none; -webkit-user-select: none; border-radius: 4px; }
.tl-scroll.over { cursor: pointer; }
.tl-scroll.dragging { cursor: grabbing; }
.tl-lanes { position: sticky; top: 0; display: block; width: 100%; }
.tl-failed { padding: 2rem; color: var(--bad); }
.tl-tip { position: absolute; z-index: 5; pointer-events: none; max-width: 380px; padding: 7px 11px;
  font-size: .84rem;
  line-height: 1.4; background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  box-shadow: 0 4px 16px rgb(0 0 0 / 22%); overflow-wrap: anywhere; }
.tl-selection { border-top: 1px solid var(--line); margin-top: 10px; padding-top: 8px; min-height: 3rem;
  font-size: .92rem; }
.notice { color: var(--warning); font-size: .88rem; max-width: none; }
.twin { margin-top: .5rem; }
@media print {
  .tl-scroll { overflow: visible; height: auto !important; }
  .tl-lanes, .tl-overview { position: static; width: 100% !important; height: auto !important; }
  .tl-spacer, .tl-tip, .tl-selection { display: none; }
  .timeline { break-inside: avoid; padding: 4px; }
}
`;
