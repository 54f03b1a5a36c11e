/** Every outcome whose request has a webhook is delivered to it at least once, signed, and nothing else is. */
import type { Evidence } from "../evidence.ts";
import type { LoggedTask } from "../tasks.ts";
import type { WebhookCall } from "../webhooks.ts";
import { webhookOf, webhookTells } from "../webhookTells.ts";

export function checkWebhooks(
  { webhooks = [], told }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const byTask = Map.groupBy(webhooks, ({ taskId }) => taskId);
  const calm = new Set(told.flatMap(({ calm, taskId }) => (calm === true ? taskId : []))); // prettier-ignore
  const missed = [...tasks.values()].flatMap((task) =>
    checkDelivered(task, byTask.get(task.id) ?? [], calm.has(task.id)),
  );
  const wrong = webhooks.flatMap((call) => checkCall(call, tasks.get(call.taskId))); // prettier-ignore
  return [...missed, ...new Set(wrong), ...checkIds(webhooks)];
}

function checkDelivered(
  task: LoggedTask,
  calls: readonly WebhookCall[],
  isCalm: boolean,
): string[] {
  if (!webhookTells(task)) return [];
  const taken = calls.filter((call) => call.taken);
  if (taken.length === 0)
    return [`${task.id}: that it was ${task.outcomes[0]?.word} was never delivered to its webhook (${calls.length} tries failed)`]; // prettier-ignore
  const inTime = taken.filter((call) => call.inTime).length;
  return isCalm && inTime > 1
    ? [`${task.id}: in calm its webhook took the outcome ${inTime} times`]
    : [];
}

function checkCall(call: WebhookCall, task: LoggedTask | undefined): string[] {
  const { path, taskId, type, signed, body } = call;
  const expected = task?.outcomes[0] && `task.${task.outcomes[0].word}`;
  const webhook = task && webhookOf(task);
  const say = (what: string) => `${taskId}: its webhook ${what}`;
  return [
    ...(webhook === undefined || new URL(webhook.url).pathname !== path
      ? [say(`was called at ${path}, which its request does not name`)]
      : []),
    ...(task !== undefined && type === expected && !webhookTells(task)
      ? [say(`was told ${type}, and is not to be`)]
      : []),
    ...(type === expected ? [] : [say(`was told ${type}, the log has ${expected ?? "no outcome"}`)]), // prettier-ignore
    ...(signed ? [] : [say("was called without its owner's signature")]),
    ...(textsOf(task).some((text) => body.includes(text)) ? [say("was told a text")] : []), // prettier-ignore
  ];
}

/** The prompt and what came of it: a receiver fetches them with a key. */
const textsOf = (task: LoggedTask | undefined): string[] =>
  [task?.requests[0]?.data["prompt"], task?.outcomes[0]?.data["result"]]
    .map((text) => JSON.stringify(text ?? "").slice(1, -1))
    .filter((text) => text.length >= shortestText);

/** Shorter ones may be a part of anything. */
const shortestText = 8;

/** A receiver tells a repetition by the id. */
function checkIds(webhooks: readonly WebhookCall[]): string[] {
  const tasksOf = new Map<string, Set<string>>();
  const idsOf = new Map<string, Set<string>>();
  const add = (to: Map<string, Set<string>>, key: string, one: string) =>
    to.set(key, (to.get(key) ?? new Set()).add(one));
  for (const { id, taskId } of webhooks) {
    add(tasksOf, id, taskId);
    add(idsOf, taskId, id);
  }
  return [
    ...[...tasksOf].flatMap(([id, { size }]) => size > 1 ? [`webhook-id ${id}: ${size} tasks have it`] : []), // prettier-ignore
    ...[...idsOf].flatMap(([task, { size }]) => size > 1 ? [`${task}: its outcome has ${size} webhook-ids`] : []), // prettier-ignore
  ];
}
