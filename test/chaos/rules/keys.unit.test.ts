/** The rules of keys and of limits, on evidence that is right and with one thing wrong in it. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "vitest";
import type { Answer } from "../client.ts";
import type { Evidence } from "../evidence.ts";
import type { Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";
import { tasksOf } from "../tasks.ts";
import type { Creation, KeyCall, Roll, Tenant } from "../tenant.ts";
import type { Told } from "../told.ts";
import { checkKeys } from "./keys.ts";
import { checkLimits } from "./limits.ts";

const at = Date.parse("2026-11-24T12:00:00Z");
const url = "http://gateway-1";
const gateways = [{ name: "gateway-1", url }];
const answer = (status: number, from: number, to = from, body: Record<string, unknown> = {}): Answer => ({ status, body, from: at + from, to: at + to }); // prettier-ignore

const tenant: Tenant = {
  ...{ kind: "revoked", name: "tenant-1", id: "a", key: "jsk_a_secret" },
  ...{ limits: {}, madeAt: at, expiresAt: undefined, calls: [] },
  ...{ revokedFrom: at + 9_900, revokedAt: at + 10_000 },
};
const probe = (status: number, from: number): KeyCall => ({ ...answer(status, from), url, what: "probe" }); // prettier-ignore
const held = (what: KeyCall["what"], status: number, to: number): KeyCall => ({ ...answer(status, 100, to), url, what }); // prettier-ignore
const revoked = (...calls: KeyCall[]): Tenant => ({ ...tenant, calls });

const record = (
  word: string,
  data: Record<string, unknown> = {},
  id = "a",
): LoggedEvent => ({
  ...{ seq: 1, time: at, word, taskId: id, data },
  ...{ queue: "", type: "", messageId: "" },
});
const created = { name: "tenant-1", digest: hash("sha256", tenant.key), limits: {} }; // prettier-ignore
const keyLog = [record("created", created), record("revoked")];
const listing = (status: string) => answer(200, 0, 0, { keys: [{ id: "a", source: "api", status }] }); // prettier-ignore
const roll: Roll = {
  ...{ when: "in the end", at: at + 20_000, url, keys: listing("revoked") },
  standings: new Map([["tenant-1", answer(401, 20_000)]]),
};
const asked: Creation = { name: "tenant-1", answer: answer(201, 0) };
const cut: Entry = {
  ...{ fault: "cut-nats", target: "connections-nats", workerId: undefined },
  ...{ from: at + 10_000, to: at + 12_000 },
};

const keysSay = (
  {
    tenants = [tenant],
    creations = [asked],
    rolls = [roll],
  }: Partial<Evidence["keys"] & object> = {},
  rest: Partial<Evidence> = {},
): string[] =>
  checkKeys({
    ...{ keys: { tenants, creations, rolls }, keyLog, journal: [], gateways },
    ...rest,
  } as unknown as Evidence);

test("keys that end in time have nothing wrong in them", () => {
  const right = [
    keysSay({
      tenants: [
        revoked(
          ...[probe(401, 100), probe(200, 5_000), probe(200, 10_500)],
          ...[probe(401, 13_000), probe(0, 14_000)],
          ...[held("stream", 200, 10_300), held("wait", 401, 10_300)],
        ),
      ],
    }),
    // The gateway could not hear of it.
    keysSay({ tenants: [revoked(probe(200, 13_000))] }, { journal: [cut] }),
    keysSay({
      creations: [asked, { ...asked, answer: answer(409, 0) }],
    }),
  ];
  assert.deepEqual(right.flat(), []);
});

const wrongKeys: [string, string[], RegExp][] = [
  [
    "a revoked key works for seconds",
    keysSay({ tenants: [revoked(probe(200, 15_000))] }),
    /a probe at .* got 200 5000 ms after its key had ended/,
  ],
  [
    "a wrong clock is no reason",
    keysSay(
      { tenants: [revoked(probe(200, 15_000))] },
      { journal: [{ ...cut, fault: "step-clock-gateway", target: "gateway-1" }] }, // prettier-ignore
    ),
    /a probe at .* got 200/,
  ],
  [
    "an expired key works for seconds",
    keysSay({
      tenants: [{ ...revoked(probe(200, 10_000)), expiresAt: at + 5_000 }],
    }),
    /got 200 5000 ms after its key had ended/,
  ],
  [
    "a stream outlives its key",
    keysSay({ tenants: [revoked(held("stream", 200, 15_000))] }),
    /a stream at .* got 200/,
  ],
  [
    "a wait outlives its key",
    keysSay({ tenants: [revoked(held("wait", 202, 15_000))] }),
    /a wait at .* got 202/,
  ],
  [
    "a new key is not known",
    keysSay({ tenants: [revoked(probe(401, 5_000))] }),
    /got 401 5000 ms after its key was made/,
  ],
  [
    "a key has no record",
    keysSay({}, { keyLog: [record("revoked")] }),
    /KEYS has 0 records of it/,
  ],
  [
    "a record is of another key",
    keysSay({}, { keyLog: [record("created", { ...created, digest: "0" }), record("revoked")] }), // prettier-ignore
    /KEYS has 1 records of it/,
  ],
  [
    "a revocation has no record",
    keysSay({}, { keyLog: keyLog.slice(0, 1) }),
    /revoked, and KEYS has no record of that/,
  ],
  [
    "a key is revoked by nobody",
    keysSay({ tenants: [{ ...tenant, revokedFrom: undefined, revokedAt: undefined } as unknown as Tenant] }), // prettier-ignore
    /nobody revoked it/,
  ],
  [
    "two keys have one name",
    keysSay({ creations: [asked, asked] }),
    /2 keys were made of one name/,
  ],
  [
    "a key is there that nobody made",
    keysSay({}, { keyLog: [...keyLog, record("created", { name: "x" }, "b")] }),
    /x: KEYS has it, and nobody made it/,
  ],
  [
    "a free name is refused",
    keysSay({ creations: [{ name: "tenant-2", answer: answer(409, 0) }, asked] }), // prettier-ignore
    /tenant-2: a call for it got 409/,
  ],
  [
    "a gateway forgets a key",
    keysSay({ rolls: [{ ...roll, keys: answer(200, 0, 0, { keys: [] }) }] }),
    /does not know the key a/,
  ],
  [
    "a gateway forgets a revocation",
    keysSay({ rolls: [{ ...roll, keys: listing("active") }] }),
    /says that tenant-1 is active/,
  ],
  [
    "an ended key is let in again",
    keysSay({ rolls: [{ ...roll, standings: new Map([["tenant-1", answer(200, 20_000)]]) }] }), // prettier-ignore
    /tenant-1, which is revoked, got 200/,
  ],
];

/** Of an owner with limits: each task runs for 10 s, reserves 11 tokens and takes 8. */
const task = (
  id: string,
  from: number,
  reserved_tokens?: number,
): LoggedEvent[] => {
  // prettier-ignore
  const event = (word: string, ms: number, data: Record<string, unknown>): LoggedEvent => ({ // prettier-ignore
    ...{ seq: from, time: at + ms, word, taskId: id, data },
    ...{ queue: "infer=demo=interactive=tenant-1", type: "", messageId: "" },
  });
  const data = { params: { max_tokens: 10 }, prompt: "four", reserved_tokens };
  const metrics = { prompt_tokens: 1, completion_tokens: 7 };
  return [event("requested", from, data), event("completed", from + 10_000, { metrics })]; // prettier-ignore
};
const limited = (limits: Tenant["limits"], calls: KeyCall[] = []): Tenant => ({ ...tenant, kind: "tasks", limits, calls }); // prettier-ignore
const refusedAt = (from: number) => ({ number: 9, owner: "tenant-1", body: { prompt: "four", max_tokens: 10 }, answer: answer(429, from) }) as unknown as Told; // prettier-ignore
const says = (body: Record<string, unknown>): Roll => ({ ...roll, standings: new Map([["tenant-1", answer(200, 20_000, 20_000, body)]]) }); // prettier-ignore
const limitsSay = (
  one: Tenant,
  log: LoggedEvent[],
  rest: Partial<Evidence> = {},
  rolls: Roll[] = [],
): string[] =>
  checkLimits(
    {
      ...{ keys: { tenants: [one], creations: [], rolls }, told: [] },
      ...{ journal: [], gateways, ...rest },
    } as unknown as Evidence,
    tasksOf(log),
  );
const two = [...task("a", 0), ...task("b", 5_000)];
const twoReserved = [...task("a", 0, 11), ...task("b", 5_000, 11)];
const killed = { ...cut, fault: "kill-gateway", target: "gateway-1" };
const calls = (count: number) => Array.from({ length: count }, (_, i) => probe(200, 100 * i)); // prettier-ignore

test("what keeps within its limits has nothing wrong in it", () => {
  const tokens = { spent: 16, reserved: 0 };
  const right = [
    limitsSay(limited({ max_tasks: 2 }), two, { told: [refusedAt(7_000)] }),
    limitsSay(limited({ tokens_per_day: 22 }), twoReserved, {}, [says({ tokens })]), // prettier-ignore
    limitsSay(limited({ max_tasks: 1 }), two, { journal: [{ ...killed, from: at + 3_000, to: at + 4_000 }] }), // prettier-ignore
    limitsSay(limited({ max_tasks: 2 }), two, {}, [says({ tasks: { unfinished: 0 } })]), // prettier-ignore
    limitsSay(limited({ requests_per_minute: 5 }, calls(5)), []),
  ];
  assert.deepEqual(right.flat(), []);
});

const wrongLimits: [string, string[], RegExp][] = [
  [
    "too many tasks are unfinished",
    limitsSay(limited({ max_tasks: 1 }), two),
    /b: with it tenant-1 has 2 unfinished tasks, 1 are allowed/,
  ],
  [
    "too many tokens are taken",
    limitsSay(limited({ tokens_per_day: 21 }), twoReserved),
    /b: with it tenant-1 has 22 tokens, 21 are allowed/,
  ],
  [
    "a task reserves too little",
    limitsSay(limited({ tokens_per_day: 99 }), task("a", 0, 10)),
    /reserves 10 tokens instead of 11/,
  ],
  [
    "a task without a limit reserves",
    limitsSay(limited({ max_tasks: 2 }), task("a", 0, 11)),
    /reserves 11 tokens instead of undefined/,
  ],
  [
    "a call is refused for nothing",
    limitsSay(limited({ max_tasks: 2 }), two, { told: [refusedAt(3_000)] }),
    /call 9: tenant-1 was refused below its limits/,
  ],
  [
    "the day's tokens are others than the log's",
    limitsSay(limited({ tokens_per_day: 22 }), twoReserved, {}, [says({ tokens: { spent: 14, reserved: 0 } })]), // prettier-ignore
    /says that tenant-1 has spent 14, .* the log 16/,
  ],
  [
    "an ended task counts as open",
    limitsSay(limited({ max_tasks: 2 }), two, {}, [says({ tasks: { unfinished: 1 } })]), // prettier-ignore
    /and 1 open tasks, the log .*0/,
  ],
  [
    "too many calls are let in",
    limitsSay(limited({ requests_per_minute: 5 }, calls(6)), []),
    /6 calls in its minute, 5 are allowed/,
  ],
];

for (const [what, said, expected] of [...wrongKeys, ...wrongLimits])
  test(`it is seen where ${what}`, () => {
    assert.match(said.join("\n"), expected);
  });
