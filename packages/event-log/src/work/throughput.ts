/** Pure: the throughput of a slot in tokens per second, by the tasks that were finished of late. */

/** Of what was known, so much is kept with each task: the latest fifty or so count. */
const keep = 0.98;

export function makeThroughput() {
  let tokens = 0;
  let seconds = 0;
  return {
    /** A task took so long, from its delivery to its end. */
    noteFinished(tokensOfTask: number, secondsOfTask: number) {
      tokens = keep * tokens + tokensOfTask;
      seconds = keep * seconds + secondsOfTask;
    },
    tokensPerSecond: () => (seconds > 0 ? tokens / seconds : undefined),
  };
}
