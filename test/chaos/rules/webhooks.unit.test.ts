/** The rule of webhooks, on evidence that is right and with one thing wrong in it. */
import assert from "node:assert/strict";
import { test } from "vitest";
import type { Evidence } from "../evidence.ts";
import type { LoggedEvent } from "../readLog.ts";
import { tasksOf } from "../tasks.ts";
import type { WebhookCall } from "../webhooks.ts";
import { checkWebhooks } from "./webhooks.ts";

const event = (
  taskId: string,
  word: string,
  data: Record<string, unknown> = {},
): LoggedEvent => ({
  ...{ seq: 1, word, time: 0, type: "", data, queue: "" },
  ...{ taskId, messageId: "" },
});
const webhook = { url: "http://127.0.0.1:9/a/1" };
const log = [
  event("one", "requested", { prompt: "a prompt of its own", webhook }),
  event("one", "completed", { result: "a text of its own" }),
  event("two", "requested"),
  event("two", "failed"),
  event("quiet", "requested", { webhook: { ...webhook, events: ["failed"] } }),
  event("quiet", "cancelled"),
];
const tasks = tasksOf(log);
const taken: WebhookCall = {
  ...{ path: "/a/1", id: "msg_1", taskId: "one", type: "task.completed" },
  ...{ signed: true, body: "{}", taken: true, inTime: true },
};
const failed: WebhookCall = { ...taken, taken: false };
const says = (webhooks: WebhookCall[], calm = false): string[] => {
  const told = [{ taskId: "one", calm }];
  const evidence = { webhooks, told } as unknown as Evidence;
  return checkWebhooks(evidence, tasks);
};

test("an outcome that was delivered in the end has nothing wrong", () => {
  assert.deepEqual(says([failed, failed, taken]), []);
  // At least once: a fault came between the answer and its record.
  assert.deepEqual(says([taken, taken]), []);
  // Its sender had given up.
  assert.deepEqual(says([{ ...taken, inTime: false }, taken], true), []);
});

const wrong: [string, string[], RegExp][] = [
  ["an outcome is never delivered", says([]), /one: that it was completed was never delivered .*\(0 tries/], // prettier-ignore
  ["no try was taken", says([failed]), /never delivered .*\(1 tries/],
  ["what was taken is delivered again for nothing", says([taken, taken], true), /in calm its webhook took the outcome 2 times/], // prettier-ignore
  ["another outcome is delivered", says([{ ...taken, type: "task.failed" }]), /was told task.failed, the log has task.completed/], // prettier-ignore
  ["a task without a webhook is delivered", says([taken, { ...taken, taskId: "two", id: "2" }]), /two: .* which its request does not name/], // prettier-ignore
  ["a task that is not there is delivered", says([taken, { ...taken, taskId: "three", id: "3" }]), /three: .* the log has no outcome/], // prettier-ignore
  ["an outcome is delivered that is not wanted", says([taken, { ...taken, taskId: "quiet", id: "4", type: "task.cancelled" }]), /quiet: .* and is not to be/], // prettier-ignore
  ["another address is called", says([{ ...taken, path: "/b/1" }]), /called at \/b\/1/], // prettier-ignore
  ["a call is not signed", says([{ ...taken, signed: false }]), /without its owner's signature/], // prettier-ignore
  ["the prompt is told", says([{ ...taken, body: '"a prompt of its own"' }]), /was told a text/], // prettier-ignore
  ["the result is told", says([{ ...taken, body: '"a text of its own"' }]), /was told a text/], // prettier-ignore
  ["a try has another id", says([failed, { ...taken, id: "msg_2" }]), /one: its outcome has 2 webhook-ids/], // prettier-ignore
  ["two tasks have one id", says([taken, { ...taken, taskId: "two" }]), /webhook-id msg_1: 2 tasks have it/], // prettier-ignore
];

for (const [what, said, expected] of wrong)
  test(`it is seen where ${what}`, () => {
    assert.match(said.join("\n"), expected);
  });
