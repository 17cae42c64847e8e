import { describe, expect, it } from 'vitest';
import {
  BadQuantity,
  pagesOf,
  parseDuration,
  parsePart,
  parseRange,
  parseShare,
  parseSize,
} from './quantities.js';

describe('quantities', () => {
  it('carry their unit', () => {
    expect([
      parseDuration('250us'),
      parseDuration('0.5ms'),
      parseDuration('3s'),
      parseDuration('7ns'),
      parseDuration('0s'),
    ]).toEqual([250_000, 500_000, 3e9, 7, 0]);
    expect([parseSize('4KiB'), parseSize('2MiB'), parseSize('1.5GiB'), parseSize('2TiB')]).toEqual([
      4096,
      2 ** 21,
      1.5 * 2 ** 30,
      2 ** 41,
    ]);
    expect([parseShare('0%'), parseShare('12.5%'), parseShare('100%')]).toEqual([0, 0.125, 1]);
    expect(parsePart('10%')).toEqual({ share: 0.1 });
    expect(parseRange('all')).toEqual({ from: { bytes: 0 }, to: { share: 1 } });
    expect(parseRange('25%..64KiB')).toEqual({ from: { share: 0.25 }, to: { bytes: 65_536 } });
  });

  it('turn to whole pages', () => {
    expect(pagesOf({ bytes: 65_536 }, 1000)).toBe(16);
    expect(pagesOf({ share: 0.333 }, 100)).toBe(33);
  });

  it.each([
    '',
    '5',
    'us',
    '5 us',
    '-5us',
    '5Us',
    '1e3us',
    '0x5us',
    'Infinityns',
    'NaNms',
    '5us5',
    '5.us',
    '.5us',
    '5constructor',
  ])('"%s" is no duration', (text) => {
    expect(() => parseDuration(text)).toThrow(BadQuantity);
  });

  it.each(['0KiB', '1KiB', '5kB', '-4KiB', '4kib', '4096'])('"%s" is no size', (text) => {
    expect(() => parseSize(text)).toThrow(BadQuantity);
  });

  it.each(['..', '0..', '..5MiB', '0..1MiB..2MiB', '1MiB', '0..5', '0-5MiB', '0..101%'])(
    '"%s" is no range',
    (text) => {
      expect(() => parseRange(text)).toThrow(BadQuantity);
    },
  );
});
