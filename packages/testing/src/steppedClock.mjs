// Loaded before a service (--import): its wall clock is off by the milliseconds that stand in the file CLOCK_STEP_FILE,
// as where somebody sets the machine's clock. The monotonic clock is left as it is.
import { readFileSync } from "node:fs";

const file = process.env["CLOCK_STEP_FILE"] ?? "";
const Real = Date;
const now = () => Real.now() + Number(readFileSync(file, "utf8"));

globalThis.Date = new Proxy(Real, {
  apply: () => new Real(now()).toString(),
  /** @returns {object} */
  construct: (_, args, target) =>
    /** @type {object} */ (
      Reflect.construct(Real, args.length === 0 ? [now()] : args, target)
    ),
  /** @returns {unknown} */
  get: (_, key) =>
    key === "now" ? now : /** @type {unknown} */ (Reflect.get(Real, key)),
});
