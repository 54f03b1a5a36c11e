/**
 * The switch of this folder, which holds what is done only for speed. With `FAST_PATHS=off` every caller takes the plain
 * way beside it, which gives the same results; the README here tells how both are tested and measured.
 */
export const fastPaths: boolean = process.env["FAST_PATHS"] !== "off";
