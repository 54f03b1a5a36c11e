/** Systems that break one promise each, and the run in which the checker has to see it. */
import { callMutants } from "./callMutants.ts";
import { keyMutants } from "./keyMutants.ts";
import type { Mutant } from "./mutant.ts";

export const mutants: readonly Mutant[] = [
  ...callMutants,
  ...keyMutants,
  {
    name: "202 before the PubAck",
    file: "services/gateway/src/accept/acceptRequest.ts",
    find: `const { seq, duplicate } = await store(event, queue, trace).catch(
      (error: unknown) => {
        sending?.end(error instanceof AppendError ? error.code : "_OTHER");
        throw refusalOf(error, taskId);
      },
    );`,
    replace: `const [seq, duplicate] = [1, false];
    void store(event, queue, trace).catch((error: unknown) =>
      refusalOf(error, taskId),
    );`,
    run: "accepting",
    caught: /accepted with 202, and not in the log/,
  },
  {
    name: "acknowledged before the outcome",
    file: "packages/event-log/src/work/consume.ts",
    find: "const handled = await handle({",
    replace: `broker.nc.publish(entry.reply, "+ACK");
    const handled = await handle({`,
    run: "crashes",
    caught: /0 outcomes in the log|acknowledged before its outcome/,
  },
  {
    name: "no message id on the outcome",
    file: "packages/event-log/src/codec/codec.ts",
    find: "`Nats-Msg-Id: ${id}\\r\\n`;",
    replace: '(id.endsWith(".outcome") ? "" : `Nats-Msg-Id: ${id}\\r\\n`);',
    // A cancel and a completion at the same time: the broker decides. The service for webhooks finds an outcome's task by it.
    run: "ends",
    caught: /[2-9] outcomes in the log/,
  },
  {
    name: "the checkpoint is written apart from the states",
    file: "packages/task-store/src/taskWriter.ts",
    find: `commit: ({ expected, next, changed, milestones = [] }: Commit) =>
      inTurn(() =>
        step(`,
    replace: `commit: ({ expected: before, next, changed, milestones = [] }: Commit, expected = next) =>
      inTurn(async () =>
        (await step(
          (stored) => stored === (before ? encodeCheckpoint(before) : null),
          (commands) => commands.set(keys.checkpoint, encodeCheckpoint(next)),
        )) &&
        (await new Promise((resolve) => setTimeout(resolve, 400, true))) &&
        step(`,
    // A new one leads after two seconds.
    run: "files",
    caught: /in the log and not in Redis|Redis has .*, the log /,
  },
  {
    name: "the log files are not cut back",
    file: "services/logger/src/logFile.ts",
    find: `      ftruncateSync(file, to.length);
      at = to;`,
    replace: "      at = { ...to, length: fstatSync(file).size };",
    run: "files",
    caught: /lines in llm_requests\.log|has a line of no task/,
  },
  {
    name: "a task that has started still waits in Redis",
    file: "packages/task-store/src/writeTasks.ts",
    find: 'else if (from === "queue") queue.remove.push(task_id);',
    replace:
      'else if (from === "queue" && to !== "running") queue.remove.push(task_id);',
    run: "calm, once more",
    caught: /Redis shows .*, the log /,
  },
  {
    name: "a position is one too low",
    file: "packages/task-store/src/place.ts",
    find: "const inLane = { tasks: rank + 1,",
    replace: "const inLane = { tasks: rank,",
    run: "calm",
    caught: /\/status answers 200, position \d+ of \d+/,
  },
  {
    name: "a task is started after its time",
    file: "services/inference/src/task/decide.ts",
    find: "if (task.attempt === 0 && at <= witness.now)",
    replace: "if (task.attempt === 0 && at < 0)",
    run: "waits",
    caught: /started [\d.]+ s after its time/,
  },
  {
    name: "no_retry is passed over",
    file: "services/inference/src/task/decide.ts",
    find: "const most = task.no_retry ? 1 : maxAttempts;",
    replace: "const most = maxAttempts;",
    run: "starts",
    caught: /ran again after a failure, and was not to be retried/,
  },
  {
    name: "no look for an outcome on redelivery",
    file: "services/inference/src/task/onGenerateRequested.ts",
    find: "await lookBeforeRun(inHand);",
    replace: "",
    run: "deliveries",
    caught: /not acknowledged|ran again/,
  },
  {
    name: "a task is anybody's",
    file: "services/gateway/src/read/readTask.ts",
    find: "task !== undefined && slugOf(task.owner) === owner ? task : undefined;",
    replace: 'task !== undefined && owner !== "" ? task : undefined;',
    run: "calm",
    caught: /\/(?:result|status|stream|cancel) answered another owner/,
  },
  {
    name: "no look before an outcome",
    file: "services/inference/src/task/record.ts",
    find: 'state.status !== "open" ||',
    replace: 'state.status === "open" &&',
    run: "restore",
    caught: /begins with completed/,
  },
  {
    name: "renewals never count",
    file: "services/inference/src/ownership/heldTasks.ts",
    find: "if (sentAt - held.confirmedAt <= provesForMs) held.confirmedAt = sentAt;",
    replace: "",
    run: "calm, once more",
    caught: /lost its lease \d+ times for nothing/,
  },
  {
    name: "waits are never woken",
    file: "services/gateway/src/read/waitForOutcome.ts",
    find: "if (!isOpen(task)) ended.resolve(task);",
    replace: "void ended;",
    run: "calm",
    caught: /\?wait=\d+ said 200 only \d+ ms after the outcome/,
  },
  {
    name: "?wait never gives the outcome",
    file: "services/gateway/src/calls/readResult.ts",
    find: `return isOpen(task)
    ? { task, status: 202, body: pendingOf(task) }`,
    replace: `return isOpen(task) || ms > 0
    ? { task, status: 202, body: pendingOf({ ...task, status: "processing" }) }`,
    run: "calm, once more",
    caught: /\?wait=\d+ said 202 after \d+ ms/,
  },
  {
    name: "poison does not run alone",
    file: "services/inference/src/task/decide.ts",
    find: "const alone = !engineIsElsewhere && task.failures === maxAttempts - 1;",
    replace: "const alone = false;",
    run: "starts",
    caught: /ran beside .*, which had one attempt left/,
  },
  {
    name: "a constant tokens_per_second",
    file: "packages/schema/src/generate/metrics.ts",
    find: "processing_time > 0 ? completionTokens / processing_time : 0,",
    replace: "processing_time > 0 ? 50 : 0,",
    run: "calm",
    caught: /tokens_per_second is not their quotient/,
  },
  {
    name: "an empty app.log",
    file: "services/logger/src/sources.ts",
    find: "app.append(lines);",
    replace: "app.append([]);",
    run: "calm",
    caught: /app\.log lacks a record of /,
  },
  {
    name: "another worker's start is taken as one's own",
    file: "services/inference/src/task/attempt.ts",
    find: "event.data.worker_id === workerId",
    replace: 'workerId !== ""',
    run: "starts",
    caught: /completed by .* was started by thief/,
  },
  {
    name: "a rotation deletes the file",
    file: "services/logger/src/logFile.ts",
    find: "renameSync(path, join(dir, rotated));",
    replace: "rmSync(path);",
    run: "calm, once more",
    caught: /0 lines in llm_requests\.log/,
  },
  {
    name: "drained tasks come back 20 s later",
    file: "services/inference/src/task/onGenerateRequested.ts",
    find: `await record.handBack(inHand);
        return { kind: "retry", afterMs: 0 };`,
    replace: `await record.handBack(inHand);
        return { kind: "retry", afterMs: 20_000 };`,
    run: "drains",
    caught: /handed back, and \w+.* only \d+ ms later/,
  },
  {
    name: "a text lacks its last letter",
    file: "services/inference/src/task/outcomes.ts",
    find: "result: result.text,",
    replace: "result: result.text.slice(0, -1),",
    run: "calm, once more",
    caught: /not the text that the engine says/,
  },
  {
    name: "some deliveries are put off",
    file: "packages/event-log/src/work/consume.ts",
    find: `if (free() <= 0) {
      settle(delivery.reply, queue, { kind: "retry", afterMs: 0 });`,
    replace: `if (free() <= 0 || (delivery.deliveryCount === 1 && delivery.seq % 9 === 0)) {
      settle(delivery.reply, queue, { kind: "retry", afterMs: 8_000 });`,
    run: "calm, once more",
    caught: /which was stored later in its queue/,
  },
];
