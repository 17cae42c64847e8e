/**
 * The role of a shadow page as text: `union kvm_mmu_page_role` of arch/x86/include/asm/kvm_host.h.
 *
 * Three layouts of the word and two texts exist. Kernels up to 6.x keep access in 3 bits (`wux`), newer ones
 * in 4 (`rwux`), which moves what follows. trace-cmd's plugin knows the old layout alone and misnames the
 * bits of a new word; its text still gives the word back bit for bit.
 */
import { computedTable, type SymbolTable } from './symbol-table.js';

const LEVEL = 0xf;
const FOUR_BYTE_GPTE = 1 << 4;
const QUADRANT_SHIFT = 5;
const DIRECT = 1 << 7;
const ACCESS_SHIFT = 8;
const AD_DISABLED = 1 << 16;
const SMM_SHIFT = 24;

/** What differs between the layouts of the role word. */
interface RoleLayout {
  /** A letter for each access bit, lowest bit first, and the order in which they print. */
  readonly access: readonly string[];
  readonly printed: readonly number[];
  readonly invalid: number;
  readonly noExecute: number;
}

/** Since 4-bit access (7.2 has it, 6.18 has not): printed `rwux`, bits r, w, u, x. */
const fourBits: RoleLayout = {
  access: ['r', 'w', 'u', 'x'],
  printed: [0, 1, 2, 3],
  invalid: 1 << 12,
  noExecute: 1 << 13,
};

/** Before: printed `wux`, bits x, w, u. */
const threeBits: RoleLayout = {
  access: ['x', 'w', 'u'],
  printed: [1, 2, 0],
  invalid: 1 << 11,
  noExecute: 1 << 12,
};

function accessText(layout: RoleLayout, role: number): string {
  return layout.printed
    .map((bit) => (role & (1 << (ACCESS_SHIFT + bit)) ? layout.access[bit] : '-'))
    .join('');
}

/** Bits of an access text, `undefined` where a letter is not in its place. */
function accessBits(layout: RoleLayout, text: string): number | undefined {
  if (text.length !== layout.printed.length) return undefined;
  let bits = 0;
  for (const [place, bit] of layout.printed.entries()) {
    const letter = text[place];
    if (letter === layout.access[bit]) bits |= 1 << (ACCESS_SHIFT + bit);
    else if (letter !== '-') return undefined;
  }
  return bits;
}

const when = (set: boolean, text: string): string => (set ? text : '');
const bitWhen = (set: boolean, bit: number): number => (set ? bit : 0);

/** `l4 8-byte q0 direct rwux invalid nxe ad`: the middle of the kernel's text. */
function kernelText(layout: RoleLayout): (role: number) => string {
  return (role) =>
    `l${role & LEVEL} ${role & FOUR_BYTE_GPTE ? 4 : 8}-byte q${(role >> QUADRANT_SHIFT) & 3}` +
    `${when((role & DIRECT) !== 0, ' direct')} ${accessText(layout, role)}` +
    `${when((role & layout.invalid) !== 0, ' invalid')} ${when((role & layout.noExecute) === 0, '!')}nxe` +
    ` ${when((role & AD_DISABLED) !== 0, '!')}ad`;
}

const kernelPattern = /^l(\d+) ([48])-byte q([0-3])( direct)? ([rwux-]{3,4})( invalid)? (!?)nxe (!?)ad$/;

/** The bits that the kernel's text shows; those it does not (cr0_wp, smap, guest mode, smm ...) stay 0. */
function parseKernelText(layout: RoleLayout): (text: string) => number | undefined {
  return (text) => {
    const match = kernelPattern.exec(text);
    const access = match ? accessBits(layout, match[5] ?? '') : undefined;
    if (!match || access === undefined) return undefined;
    return (
      (Number(match[1]) & LEVEL) |
      bitWhen(match[2] === '4', FOUR_BYTE_GPTE) |
      (Number(match[3]) << QUADRANT_SHIFT) |
      bitWhen(match[4] !== undefined, DIRECT) |
      access |
      bitWhen(match[6] !== undefined, layout.invalid) |
      bitWhen(match[7] === '', layout.noExecute) |
      bitWhen(match[8] === '!', AD_DISABLED)
    );
  };
}

/** Bits 12 to 15 in the plugin's words. */
const PLUGIN_NX = 1 << 12;
const PLUGIN_WP = 1 << 13;
const PLUGIN_SMEP = 1 << 14;
const PLUGIN_SMAP = 1 << 15;

/** `4 q0 direct wux invalid !pae nxe wp smep smap smm`. */
function pluginText(role: number): string {
  return (
    `${role & LEVEL} q${(role >> QUADRANT_SHIFT) & 3}${when((role & DIRECT) !== 0, ' direct')}` +
    ` ${accessText(threeBits, role)}${when((role & threeBits.invalid) !== 0, ' invalid')}` +
    ` ${when((role & FOUR_BYTE_GPTE) === 0, '!')}pae ${when((role & PLUGIN_NX) === 0, '!')}nxe` +
    ` ${when((role & PLUGIN_WP) === 0, '!')}wp${when((role & PLUGIN_SMEP) !== 0, ' smep')}` +
    `${when((role & PLUGIN_SMAP) !== 0, ' smap')}${when(role >>> SMM_SHIFT !== 0, ' smm')}`
  );
}

const pluginPattern =
  /^(\d+) q([0-3])( direct)? ([wux-]{3})( invalid)? (!?)pae (!?)nxe (!?)wp( smep)?( smap)?( smm)?$/;

function parsePluginText(text: string): number | undefined {
  const match = pluginPattern.exec(text);
  const access = match ? accessBits(threeBits, match[4] ?? '') : undefined;
  if (!match || access === undefined) return undefined;
  return (
    (Number(match[1]) & LEVEL) |
    (Number(match[2]) << QUADRANT_SHIFT) |
    bitWhen(match[3] !== undefined, DIRECT) |
    access |
    bitWhen(match[5] !== undefined, threeBits.invalid) |
    bitWhen(match[6] === '', FOUR_BYTE_GPTE) |
    bitWhen(match[7] === '', PLUGIN_NX) |
    bitWhen(match[8] === '', PLUGIN_WP) |
    bitWhen(match[9] !== undefined, PLUGIN_SMEP) |
    bitWhen(match[10] !== undefined, PLUGIN_SMAP) |
    bitWhen(match[11] !== undefined, 1 << SMM_SHIFT)
  );
}

export const pageRoleTables: readonly SymbolTable[] = [
  computedTable('pageRole', kernelText(fourBits), parseKernelText(fourBits)),
  computedTable('pageRoleThreeBit', kernelText(threeBits), parseKernelText(threeBits)),
  computedTable('pageRolePlugin', pluginText, parsePluginText),
];
