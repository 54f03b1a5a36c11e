/** Systems that break one promise each, and the run in which the checker has to see it. */

export interface Mutant {
  /** The promise that it breaks. */
  name: string;
  file: string;
  /** Stands there exactly once. */
  find: string;
  replace: string;
  /** Arguments of `run.ts`. */
  run: readonly string[];
  /** What the checker has to say, among other things. */
  caught: RegExp;
}

export const mutants: readonly Mutant[] = [
  {
    name: "202 before the PubAck",
    file: "services/gateway/src/acceptRequest.ts",
    find: `const { seq } = await store(event, queue, traceparent).catch(
      (error: unknown) => {
        throw refusalOf(error, taskId);
      },
    );`,
    replace: `const seq = 1;
    void store(event, queue, traceparent).catch((error: unknown) =>
      refusalOf(error, taskId),
    );`,
    run: ["--only", "kill-nats,kill-gateway,cut-nats"],
    caught: /accepted with 202, and not in the log/,
  },
  {
    name: "acknowledged before the outcome",
    file: "packages/event-log/src/consume.ts",
    find: "const handled = await handle({",
    replace: `broker.nc.publish(entry.reply, "+ACK");
    const handled = await handle({`,
    run: ["--only", "kill-inference,kill-engine"],
    caught: /0 outcomes in the log|acknowledged before its outcome/,
  },
  {
    name: "no message id on the outcome",
    file: "packages/event-log/src/codec.ts",
    find: "`Nats-Msg-Id: ${id}\\r\\n\\r\\n`",
    replace:
      '(id.endsWith(".outcome") ? "\\r\\n" : `Nats-Msg-Id: ${id}\\r\\n\\r\\n`)',
    // A cancel and a completion at the same time: the broker decides.
    run: ["--only", "none", "--rate", "8"],
    caught: /[2-9] outcomes in the log/,
  },
  {
    name: "the checkpoint is written apart from the states",
    file: "packages/task-store/src/taskWriter.ts",
    find: `commit: ({ expected, next, changed, milestones = [] }) =>
      inTurn(() =>
        step(`,
    replace: `commit: ({ expected: before, next, changed, milestones = [] }, expected = next) =>
      inTurn(async () =>
        (await step(
          (stored) => stored === (before ? encodeCheckpoint(before) : null),
          (commands) => commands.set(keys.checkpoint, encodeCheckpoint(next)),
        )) &&
        (await new Promise((resolve) => setTimeout(resolve, 100, true))) &&
        step(`,
    // A new one leads after two seconds.
    run: ["--only", "kill-results", "--seconds", "50", "--pause", "4000"],
    caught: /in the log and not in Redis|Redis has .*, the log /,
  },
  {
    name: "the log files are not cut back",
    file: "services/logger/src/logFile.ts",
    find: `      ftruncateSync(file, to.length);
      at = to;`,
    replace: "      at = { ...to, length: fstatSync(file).size };",
    run: ["--only", "fill-disk,kill-logger"],
    caught: /lines in llm_requests\.log|has a line of no task/,
  },
  {
    name: "a task that has started still waits in Redis",
    file: "packages/task-store/src/writeTasks.ts",
    find: "else queue.remove.push(task_id);",
    replace: 'else if (status !== "processing") queue.remove.push(task_id);',
    run: ["--only", "none", "--rate", "8"],
    caught: /Redis shows .*, the log /,
  },
  {
    name: "a position is one too low",
    file: "packages/task-store/src/place.ts",
    find: "const inLane = { tasks: rank + 1,",
    replace: "const inLane = { tasks: rank,",
    run: ["--only", "none", "--rate", "8"],
    caught: /\/status answers 200, position \d+ of \d+/,
  },
  {
    name: "a task is started after its time",
    file: "services/inference/src/decide.ts",
    find: "if (task.attempt === 0 && deadlineOf(task).at <= witness.now)",
    replace: "if (task.attempt === 0 && deadlineOf(task).at < 0)",
    // They wait while there is no worker, and results, which would end them, is away as well.
    run: ["--only", "stop-inference,kill-results", "--rate", "8"],
    caught: /started [\d.]+ s after its time/,
  },
  {
    name: "no look for an outcome on redelivery",
    file: "services/inference/src/onGenerateRequested.ts",
    find: "return (await endedAlready(inHand)) ? done : await settle(inHand);",
    replace: "return await settle(inHand);",
    run: ["--only", "delete-queue,kill-inference,kill-nats"],
    caught: /not acknowledged|ran again/,
  },
];
