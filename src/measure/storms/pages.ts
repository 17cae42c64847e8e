/** Sizes of pages, bytes. */
export const PAGE = 4096;
export const HUGE_PAGE = 2 ** 21;
