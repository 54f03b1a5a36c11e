import type { DeliveryError, WebhookDelivery } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { afterFailure, pauseAfter, pauseWithoutRoom } from "./decide.ts";

const day = 86_400;
const times = { firstPauseMs: 5_000, retryForMs: day * 1_000 };
const delivery: WebhookDelivery = {
  ...{ task_id: "id", owner: "a", model: "demo", status: "completed" },
  ...{ url: "https://a.example/", ended_at: 1_000, state: "pending" },
  ...{ attempts: 0, since: 1_000, next_at: 1_000 },
};
const after = (
  error: DeliveryError,
  nowS = 1_000,
  before: WebhookDelivery = delivery,
) => afterFailure(before, { error }, { ...times, nowS, random: 0.5 });

test("the pauses grow from seconds to four hours, and differ by chance", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 50].map(
    (n) => pauseAfter(n, 5_000, 0.5) / 1_000,
  );
  const hours = [14_400, 14_400, 14_400];
  assert.deepEqual(pauses, [5, 20, 80, 320, 1_280, 5_120, ...hours]);
  const [shortest, longest] = [0, 1].map((n) => pauseAfter(1, 5_000, n));
  assert.deepEqual([shortest, longest], [4_000, 6_000]);
});

test("what can't be stored comes again ever later, up to five minutes", () => {
  const pauses = [1, 2, 3, 6, 7, 5_000].map((n) => pauseWithoutRoom(n, 0.5));
  assert.deepEqual(pauses, [5_000, 10_000, 20_000, 160_000, 300_000, 300_000]);
});

test("a delivery is tried about a dozen times in a day, and then is dead", () => {
  let [now, one] = [delivery.since, delivery];
  while (one.state === "pending") {
    now = one.next_at;
    one = after("connection", now, one);
  }
  assert.ok(one.attempts >= 10 && one.attempts <= 14, `${one.attempts}`);
  assert.ok(now <= delivery.since + day && now > delivery.since + day - 15_000);
  assert.deepEqual([one.error, one.next_at], ["connection", now]);
});

test("what no attempt can change is dead at once", () => {
  for (const error of ["gone", "refused", "disabled"] as const)
    assert.equal(after(error).state, "dead");
  for (const error of ["status", "redirect", "timeout", "busy"] as const)
    assert.equal(after(error).state, "pending");
});

test("only what was sent counts as an attempt, and the last answer is told", () => {
  for (const error of ["refused", "disabled", "busy"] as const)
    assert.equal(after(error).attempts, 0);
  const answered = afterFailure(
    delivery,
    { error: "status", http_status: 503 },
    { ...times, nowS: 1_000, random: 0.5 },
  );
  assert.deepEqual([answered.attempts, answered.http_status], [1, 503]);
  assert.equal(after("timeout", 1_000, answered).http_status, undefined);
});

test("a wish of its owner holds until the delivery is dead", () => {
  const asked = { ...delivery, asked: true as const };
  assert.equal(after("status", 1_000, asked).asked, true);
  assert.equal(after("gone", 1_000, asked).asked, undefined);
});
