/** Mutants of what calls are promised: idempotency keys, lists, filters, prompts that stay out of logs, subscribers. */
import type { Mutant } from "./mutant.ts";

export const callMutants: readonly Mutant[] = [
  {
    name: "any request may have a key that is taken",
    file: "services/gateway/src/accept/acceptOnce.ts",
    find: "if (found && found.fingerprint !== fingerprint) throw reused();",
    replace: "",
    run: "calm",
    caught: /another one with its Idempotency-Key got 202/,
  },
  {
    name: "who takes an idempotency key second stores its request too",
    file: "services/gateway/src/accept/acceptOnce.ts",
    find: "if (!(await orUnavailable(taking))) return false;",
    replace: "await orUnavailable(taking);",
    run: "calm",
    caught: /call \d+.* made 2 tasks/,
  },
  {
    name: "a page of a list lacks its last task",
    file: "services/gateway/src/list/listTasks.ts",
    find: "tasks: tasks.map((task) => ({",
    replace: "tasks: tasks.slice(0, -1).map((task) => ({",
    run: "calm, once more",
    caught: /is not listed to/,
  },
  {
    name: "an ended task is listed as it was before",
    file: "services/results/src/index/taskRow.ts",
    find: "row.status = statuses.indexOf(outcome);\n  row.endedAt = message.time;",
    replace: "row.endedAt = message.time;",
    run: "calm, once more",
    caught: /listed as .*, the log has/,
  },
  {
    name: "a cancel by filter leaves one task of a page",
    file: "services/gateway/src/list/actOnTasks.ts",
    find: "page.tasks.map(({ task_id }) => act(task_id).then(done, refusal))",
    replace: `page.tasks.map(({ task_id }, i) =>
      i === 0 && page.tasks.length > 1 ? done("cancelled") : act(task_id).then(done, refusal))`,
    run: "calm",
    caught: /after its batch was cancelled|tasks were told to be cancelled/,
  },
  {
    name: "a prompt is logged",
    file: "services/inference/src/task/attempt.ts",
    find: 'log.warn({ ...aboutTask(task), error_type }, "task failed");',
    replace:
      'log.warn({ ...aboutTask(task), error_type, prompt: inHand.item.event.data.prompt }, "task failed");',
    run: "calm",
    caught: /inference-\d: "task failed" has a prompt/,
  },
  {
    name: "a subscriber sees every owner",
    file: "packages/event-log/src/accounts/subscriber.ts",
    find: 'owner: owner ?? ">" };',
    replace: 'owner: owner === undefined ? ">" : "*" };',
    run: "drains",
    caught:
      /the subscriber of \w+ (?:was given|heard) .*, which is no event of its owner/,
  },
  {
    name: "a webhook that is not taken is not tried again",
    file: "services/webhooks/src/deliver/deliver.ts",
    find: "return await failed(delivery, failure, after);",
    replace: "return undefined;",
    run: "webhooks",
    caught: /was never delivered to its webhook/,
  },
];
