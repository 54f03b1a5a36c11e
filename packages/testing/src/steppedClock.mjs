// Loaded before a service (--import): its wall clock is off by the milliseconds that stand in the file CLOCK_STEP_FILE,
// as where somebody sets the machine's clock. The monotonic clock is left as it is.
import { readFileSync } from "node:fs";

const file = process.env["CLOCK_STEP_FILE"] ?? "";
const Real = Date;
const now = () => Real.now() + Number(readFileSync(file, "utf8"));

class SteppedDate extends Real {
  /** @param {number[]} given */
  constructor(...given) {
    super(.../** @type {[number]} */ (given.length > 0 ? given : [now()]));
  }
  /** @override */
  static now() {
    return now();
  }
}

globalThis.Date = /** @type {DateConstructor} */ (
  /** @type {unknown} */ (SteppedDate)
);
