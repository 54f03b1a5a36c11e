/** What limits make of readings of the projection; with a real one they are tested in `limits.int` and `tokenBudget.int`. */
import type { Unfinished } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { ApiError } from "../apiError.ts";
import { ApiKeyList, type ApiKey } from "../keys/apiKeys.ts";
import { makeLimits, mayTake } from "./limits.ts";

const queue = { model: "demo", lane: "interactive", owner: "a" } as const;
const [plain] = ApiKeyList.parse("a:key") as [ApiKey];
const params = { max_tokens: 98, temperature: 0, top_p: 1 };
/** May take 100 tokens. */
const request = { params, prompt: "12345678" };
const noon = Date.UTC(2026, 10, 29, 12);
const midnight = Date.UTC(2026, 10, 30);

type Tokens = { day: string; reserved: number; spent: number };

/** Limits over a projection that says what the test sets. */
function over(
  settings: Parameters<typeof makeLimits>[3],
  { tasks = 0, tokens }: { tasks?: number; tokens?: Partial<Tokens> } = {},
) {
  const at = { nowMs: noon, asked: [] as (string | undefined)[] };
  const of = (count = 0) => new Map([["a", count]]);
  const { day = "2026-11-29", reserved, spent } = tokens ?? {};
  const limits = makeLimits(
    { onReconnect: () => () => undefined },
    {
      unfinished(asked): Promise<Unfinished> {
        at.asked.push(asked);
        const found = { day, reserved: of(reserved), spent: of(spent) };
        return Promise.resolve({
          ...{ seq: 1, waiting: tasks, byOwner: of(tasks) },
          ...(asked !== undefined && { tokens: found }),
        });
      },
    },
    { nowMs: () => at.nowMs },
    settings,
  );
  return { ...limits, at };
}

const none = {
  ...{ maxQueueDepth: undefined, maxTasksPerKey: undefined },
  tokensPerDay: undefined,
};
const keyWith = (limits: ApiKey["limits"]): ApiKey =>
  limits === undefined ? plain : { ...plain, limits };

const refused = async (admitted: Promise<unknown>): Promise<ApiError> => {
  const error = await admitted.then(
    () => assert.fail("it was admitted"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof ApiError);
  return error;
};

describe("a key's own limits", () => {
  test("go before those of all keys", async () => {
    const { admit } = over({ ...none, maxTasksPerKey: 2 }, { tasks: 3 });
    const own = (max_tasks: number) =>
      admit(queue, keyWith({ max_tasks }), request);
    await own(4);
    assert.equal((await refused(own(3))).facts.limit?.value, 3);
    const ofAll = await refused(admit(queue, plain, request));
    assert.equal(ofAll.code, "too_many_tasks");
    assert.equal(ofAll.facts.limit?.value, 2);
  });

  test("without any limit nothing is read, and nothing is reserved", async () => {
    const { admit, standing, at } = over(none);
    const reservation = await admit(queue, plain, request);
    assert.equal(reservation.tokens, undefined);
    assert.deepEqual(await standing(plain), {});
    assert.deepEqual(at.asked, []);
  });
});

describe("tokens per day", () => {
  const day = { ...none, tokensPerDay: 1_000 };

  test("of a burst exactly as many are admitted as fit; who is not stored gives its tokens back", async () => {
    const { admit } = over(day, { tokens: { spent: 300, reserved: 250 } });
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, () => admit(queue, plain, request)),
    );
    const admitted = answers.flatMap((one) =>
      one.status === "fulfilled" ? [one.value] : [],
    );
    assert.deepEqual(
      admitted.map(({ tokens }) => tokens),
      [100, 100, 100, 100],
    );
    admitted[0]?.[Symbol.dispose]();
    await admit(queue, plain, request);
    await refused(admit(queue, plain, request));
  });

  test("a refusal says to come soon where open tasks may give tokens back, else when the day is over", async () => {
    const held = over(day, { tokens: { spent: 850, reserved: 100 } });
    const soon = await refused(held.admit(queue, plain, request));
    assert.equal(soon.code, "token_budget_spent");
    assert.equal(soon.facts.retryAfterS, 5);
    assert.deepEqual(soon.facts.limit, {
      ...{ name: "TOKENS_PER_DAY", value: 1_000 },
    });
    const spent = over(day, { tokens: { spent: 950 } });
    const tomorrow = await refused(spent.admit(queue, plain, request));
    assert.equal(tomorrow.facts.retryAfterS, 43_200);
  });

  test("over midnight what was spent is forgotten, and what is reserved goes on", async () => {
    const { admit, standing, at } = over(day, {
      tokens: { spent: 950, reserved: 700 },
    });
    await refused(admit(queue, plain, request));
    at.nowMs = midnight - 1;
    assert.equal((await standing(plain)).tokens?.reset_s, 1);
    await refused(admit(queue, plain, request));
    at.nowMs = midnight;
    for (let i = 0; i < 3; i++) await admit(queue, plain, request);
    await refused(admit(queue, plain, request));
    assert.deepEqual((await standing(plain)).tokens, {
      ...{ limit: 1_000, spent: 0, reserved: 1_000, remaining: 0 },
      reset_s: 86_400,
    });
  });

  test("what no day has room for is too large", async () => {
    const { admit } = over(day);
    const large = { params: { ...params, max_tokens: 1_000 }, prompt: "1" };
    const error = await refused(admit(queue, plain, large));
    assert.equal(error.code, "too_large");
    assert.equal(error.facts.retryAfterS, undefined);
  });

  test("a reading that is under way without tokens is not taken for one with them", async () => {
    const limits = over(
      { ...none, maxTasksPerKey: 9 },
      {
        tokens: { spent: 950 },
      },
    );
    const withTokens = keyWith({ tokens_per_day: 1_000 });
    const [first, ...others] = await Promise.allSettled([
      limits.admit(queue, plain, request),
      limits.admit(queue, withTokens, request),
      limits.admit(queue, withTokens, request),
    ]);
    assert.equal(first.status, "fulfilled");
    for (const { status } of others) assert.equal(status, "rejected");
    assert.deepEqual(limits.at.asked, [undefined, "2026-11-29"]);
  });
});

test("a request may take its max_tokens and a quarter of its prompt's bytes", () => {
  assert.equal(mayTake({ params, prompt: "a" }), 99);
  assert.equal(mayTake({ params, prompt: "Grüße" }), 98 + 2);
  const messages = [
    { role: "system", content: "1234" },
    { role: "user", content: "12345" },
  ] as const;
  assert.equal(mayTake({ params, messages: [...messages] }), 98 + 3);
});
