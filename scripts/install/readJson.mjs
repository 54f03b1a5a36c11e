import { readFileSync } from "node:fs";

/** @type {(text: string) => unknown} */
const parse = JSON.parse;

/**
 * What a JSON file holds.
 * @template T
 * @param {string} file
 * @returns {T | undefined} undefined where there is none, or none that can be read
 */
export function readJson(file) {
  try {
    return /** @type {T} */ (parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}
