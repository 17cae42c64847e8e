/**
 * Writes the text of an event by a compiled shape, from the columns of a finished trace.
 */
import type { Column } from '../store/column.js';
import { maskText } from './print-shape-masks.js';
import type { PrintShape, Segment } from './print-shape.js';

/**
 * The text of a row.
 *
 * @param columns by the event's field number; undefined where this trace's version of the event lacks the
 * field
 * @returns undefined when the row lacks a field that the shape prints, or contradicts what the shape implies
 */
export function formatShape(
  shape: PrintShape,
  columns: readonly (Column | undefined)[],
  row: number,
): string | undefined {
  for (const { field, value, mask } of shape.implied) {
    const column = columns[field];
    if (!column?.has(row) || !holds(column, row, value, mask)) return undefined;
  }
  let text = '';
  for (const segment of shape.segments) {
    if ('literal' in segment) {
      text += segment.literal;
      continue;
    }
    if (segment.conversion === 'skip') continue;
    const column = columns[segment.field];
    if (!column?.has(row)) return undefined;
    text += fieldText(segment, column, row);
  }
  return text;
}

function holds(column: Column, row: number, value: number, mask: number | undefined): boolean {
  if (mask === undefined) return column.number(row) === value;
  return (column.big(row) & BigInt(mask)) === BigInt(value);
}

function fieldText(segment: Exclude<Segment, { literal: string }>, column: Column, row: number): string {
  switch (segment.conversion) {
    case 'decimal':
      return decimalText(column, row);
    case 'hex':
      return hexText(column, row).padStart(segment.width, '0');
    case 'pointer':
      return hexText(column, row).padStart(16, '0');
    case 'string':
      return column.text(row);
    case 'symbol':
      return segment.symbols?.format(column.number(row)) ?? '';
    case 'hexbytes':
      return hexPairs(column.text(row)).join(' ');
    case 'mask':
      return maskText(column.text(row));
    case 'skip':
      return '';
  }
}

/** Decimal digits, all 64 bits; negative where the kernel prints an unsigned field with %d or %ld. */
export function decimalText(column: Column, row: number): string {
  if (column.field.raw === 'signed') {
    return `${BigInt.asIntN(column.field.type.endsWith('64') ? 64 : 32, column.big(row))}`;
  }
  const value = column.number(row);
  return Number.isSafeInteger(value) ? `${value}` : `${column.big(row)}`;
}

/** Hex digits without a prefix, two's complement at the width of the field. */
export function hexText(column: Column, row: number): string {
  const value = column.number(row);
  if (Number.isSafeInteger(value) && value >= 0) return value.toString(16);
  const bits = column.field.type.endsWith('64') ? 64 : Number(column.field.type.slice(1));
  return BigInt.asUintN(bits, column.big(row)).toString(16);
}

/** Two hex digits for each byte of a blob (one char per byte). */
export function hexPairs(blob: string): string[] {
  return Array.from(blob, (char) => char.charCodeAt(0).toString(16).padStart(2, '0'));
}
