/**
 * Goal: a version finds the newest kernel of it, in either layout of packages, and says what there is else.
 */
import { expect, it } from 'vitest';
import { offerFor } from './debian.js';

const NAMES = [
  'linux-image-6.1.0-47-amd64-unsigned',
  'linux-image-6.1.0-50-amd64-unsigned',
  'linux-image-6.1.0-50-amd64',
  'linux-image-6.1.0-50-amd64-dbg',
  'linux-image-6.1.0-50-rt-amd64-unsigned',
  'linux-image-6.1.0-50-cloud-amd64-unsigned',
  'linux-image-6.12.9+deb13-amd64-unsigned',
  'linux-image-6.12.117+deb13-amd64-unsigned',
  'linux-binary-7.2.13+deb14-amd64',
  'linux-modules-7.2.13+deb14-amd64',
  'linux-base-7.2.13+deb14-amd64',
  'linux-binary-7.2.13+deb14-cloud-amd64',
  'linux-headers-7.2.13+deb14-amd64',
  'linux-base',
];

it.each([
  ['6.1', '6.1.0-50-amd64', ['linux-image-6.1.0-50-amd64-unsigned']],
  ['6.1-rt', '6.1.0-50-rt-amd64', ['linux-image-6.1.0-50-rt-amd64-unsigned']],
  // 117 comes after 9, and 6.1 is not the beginning of 6.12.
  ['v6.12', '6.12.117+deb13-amd64', ['linux-image-6.12.117+deb13-amd64-unsigned']],
  [
    '7.2',
    '7.2.13+deb14-amd64',
    ['linux-binary-7.2.13+deb14-amd64', 'linux-modules-7.2.13+deb14-amd64', 'linux-base-7.2.13+deb14-amd64'],
  ],
])('finds %s', (version, release, packages) => {
  expect(offerFor(version, NAMES)).toEqual({ release, packages });
});

it.each([
  ['6.5', /^Debian has no kernel 6.5 now: there are 6.1, 6.1-rt, 6.12, 7.2$/],
  ['7.2-rt', /^Debian has no kernel 7.2-rt now/],
  ['newest', /^"newest" is no version of Debian's kernels/],
])('refuses %s', (version, message) => {
  expect(() => offerFor(version, NAMES)).toThrow(message);
});
