/** Preloaded into a service: SIGUSR2 puts its clock an hour ahead, and the next one back. */
const stepMs = 3_600_000;
let aheadMs = 0;
const RightDate = Date;

class SteppedDate extends RightDate {
  constructor(...given: [] | [number | string | Date]) {
    if (given.length === 0) super(SteppedDate.now());
    // The parts of a date, which TypeScript can't spread.
    else super(...(given as [number]));
  }
  static override now(): number {
    return RightDate.now() + aheadMs;
  }
}

globalThis.Date = SteppedDate as DateConstructor;
process.on("SIGUSR2", () => {
  aheadMs = aheadMs === 0 ? stepMs : 0;
});
