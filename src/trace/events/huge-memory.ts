/**
 * khugepaged: it collapses small pages into huge ones, and a collapse invalidates 2 MiB of a guest at once.
 *
 * Source: include/trace/events/huge_memory.h of Linux 5.10, 6.1, 6.12, 6.18 and 7.3. The numbers of `status`
 * and `result` differ between kernels (enum scan_result); the text carries the name.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const hugeMemory = eventOf('huge_memory');

const mm = field('mm', 'struct mm_struct *', 'kernel-address');
const status = field('status', 'int', 'enum');
const order = field('order', 'unsigned int', 'level', { since: 'v7.3' });
const referenced = field('referenced', 'int', 'count');
const noneOrZero = field('none_or_zero', 'int', 'count');
const writable = field('writable', 'bool', 'bool', { until: 'v6.12' });

/** The text with the result by name, and again for names that no kernel known here has. */
const named = (text: string, fieldName: string): string[] => [
  text.replace('RESULT', `{${fieldName}:sym=collapseResult}`),
  text.replace('RESULT', '{?}'),
];

const collapses: readonly EventDef[] = [
  hugeMemory('mm_collapse_huge_page', {
    fields: [mm, field('isolated', 'int', 'bool'), status, order],
    print: [
      'mm={mm:ptr}, isolated={isolated}, status={status:sym=collapseResult}, order={order}',
      'mm={mm:ptr}, isolated={isolated}, status={?}, order={order}',
      ...named('mm={mm:ptr}, isolated={isolated}, status=RESULT', 'status'),
    ],
    meaning: 'A huge page was collapsed, or why not; the range was invalidated before.',
  }),
  hugeMemory('mm_collapse_huge_page_isolate', {
    fields: [field('pfn', 'unsigned long', 'pfn'), noneOrZero, referenced, writable, status, order],
    print: [
      'scan_pfn=0x{pfn:x}, none_or_zero={none_or_zero}, referenced={referenced},' +
        ' status={status:sym=collapseResult}, order={order}',
      ...named(
        'scan_pfn=0x{pfn:x}, none_or_zero={none_or_zero}, referenced={referenced},' +
          ' writable={writable}, status=RESULT',
        'status',
      ),
      ...named(
        'scan_pfn=0x{pfn:x}, none_or_zero={none_or_zero}, referenced={referenced}, status=RESULT',
        'status',
      ),
    ],
    meaning: 'The small pages were taken off the LRU, or why not.',
  }),
  hugeMemory('mm_collapse_huge_page_swapin', {
    fields: [mm, field('swapped_in', 'int', 'pages'), referenced, field('ret', 'int', 'bool'), order],
    print: [
      'mm={mm:ptr}, swapped_in={swapped_in}, referenced={referenced}, ret={ret}, order={order}',
      'mm={mm:ptr}, swapped_in={swapped_in}, referenced={referenced}, ret={ret}',
    ],
    meaning: 'Pages were swapped in for a collapse.',
  }),
  hugeMemory('mm_khugepaged_collapse_file', {
    since: 'v6.12',
    fields: [
      mm,
      field('hpfn', 'unsigned long', 'pfn'),
      field('index', 'unsigned long', 'pages'),
      field('addr', 'unsigned long', 'hva'),
      field('is_shmem', 'bool', 'bool'),
      field('filename', '__data_loc char[]', 'name'),
      field('nr', 'int', 'pages'),
      field('result', 'int', 'enum'),
    ],
    print: named(
      'mm={mm:ptr}, hpage_pfn=0x{hpfn:x}, index={index}, addr={addr:x}, is_shmem={is_shmem},' +
        ' filename={filename:s}, nr={nr}, result=RESULT',
      'result',
    ),
    meaning: 'A huge page of a file or of shared memory was collapsed, or why not.',
  }),
];

const scans: readonly EventDef[] = [
  hugeMemory('mm_khugepaged_scan', {
    since: 'v7.3',
    fields: [mm, field('progress', 'unsigned int', 'pages'), field('full_scan_finished', 'bool', 'bool')],
    print: ['mm={mm:ptr}, progress={progress}, full_scan_finished={full_scan_finished}'],
    meaning: 'khugepaged has scanned a stretch of a process.',
  }),
  hugeMemory('mm_khugepaged_scan_pmd', {
    fields: [
      mm,
      field('pfn', 'unsigned long', 'pfn'),
      writable,
      referenced,
      noneOrZero,
      status,
      field('unmapped', 'int', 'pages'),
    ],
    print: [
      'mm={mm:ptr}, scan_pfn=0x{pfn:x}, referenced={referenced}, none_or_zero={none_or_zero},' +
        ' status={status:sym=collapseResult}, unmapped={unmapped}',
      'mm={mm:ptr}, scan_pfn=0x{pfn:x}, referenced={referenced}, none_or_zero={none_or_zero},' +
        ' status={?}, unmapped={unmapped}',
      'mm={mm:ptr}, scan_pfn=0x{pfn:x}, writable={writable}, referenced={referenced},' +
        ' none_or_zero={none_or_zero}, status={status:sym=collapseResult}, unmapped={unmapped}',
      'mm={mm:ptr}, scan_pfn=0x{pfn:x}, writable={writable}, referenced={referenced},' +
        ' none_or_zero={none_or_zero}, status={?}, unmapped={unmapped}',
    ],
    meaning: 'khugepaged looked at 2 MiB of memory; `succeeded` means that it will try to collapse them.',
  }),
  hugeMemory('mm_khugepaged_scan_file', {
    since: 'v6.1',
    fields: [
      mm,
      field('pfn', 'unsigned long', 'pfn'),
      field('filename', '__data_loc char[]', 'name'),
      field('present', 'int', 'pages'),
      field('swap', 'int', 'pages'),
      field('result', 'int', 'enum'),
    ],
    print: named(
      'mm={mm:ptr}, scan_pfn=0x{pfn:x}, filename={filename:s}, present={present}, swap={swap}, result=RESULT',
      'result',
    ),
    meaning: 'khugepaged looked at 2 MiB of a file or of shared memory.',
  }),
];

export const hugeMemoryEvents: readonly EventDef[] = [...collapses, ...scans];
