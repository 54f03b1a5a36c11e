/** The calls on NATS against whole systems, on both ends of nats-server: what they answer is what REST answers. */
import { connectBroker, type Broker } from "@jetscribe/event-log/broker/connection"; // prettier-ignore
import { makeHeaders } from "@jetscribe/event-log/codec/headers";
import { brokerOf } from "@jetscribe/runtime";
import { maxHeaderBytes } from "@jetscribe/event-log/micro/microService";
import { newTaskId, type ApiCall } from "@jetscribe/schema";
import { eventually, natsVersions, startStack, type Stack } from "@jetscribe/testing"; // prettier-ignore
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";

const apiKeys = { admin: "key-of-admin", ann: "key-of-ann", bob: "key-of-bob" };
const owners = ["ann", "bob", "cy", "nobody"] as const;
type Owner = (typeof owners)[number];

interface Answer {
  status: number;
  header: (name: string) => string | undefined;
  body: Record<string, unknown>;
}

const versions = await natsVersions();
describe.each(versions)(
  "the calls on NATS, on the %s nats-server",
  (version) => {
    let stack: Stack;
    /** Of the test, and of each owner. */
    let broker: Broker;
    let operator: Broker;
    const callers = new Map<Owner, Broker>();
    beforeAll(async () => {
      stack = await startStack({
        ...{ natsVersion: version, callers: owners },
        services: [
          "gateway",
          "gateway-2",
          "inference",
          "results",
          "logger",
          "webhooks",
        ],
        env: {
          ...{ ENGINE: "fake", FAKE_MS: "20", BODY_LIMIT: String(512 * 1024) },
          API_KEYS: Object.entries(apiKeys).map((pair) => pair.join(":")).join(","), // prettier-ignore
        },
      });
      broker = await connectBroker({ url: stack.natsUrl, name: "test" });
      const connectAs = (file = "") =>
      connectBroker({ ...brokerOf({ NATS_URL: stack.plainNatsUrl, NATS_NKEY_FILE: file }, "operator"), name: "test" }); // prettier-ignore
      operator = await connectAs(stack.accounts?.fileOf("operator"));
      for (const owner of owners)
        callers.set(
          owner,
          await connectAs(stack.accounts?.fileOfCaller(owner)),
        );
    });
    afterAll(async () => {
      for (const one of [broker, operator, ...callers.values()])
        await one?.[Symbol.asyncDispose]();
      callers.clear();
      await stack?.stop();
    });

    const callerOf = (owner: Owner): Broker => {
      const caller = callers.get(owner);
      assert.ok(caller);
      return caller;
    };
    async function call(
      name: ApiCall,
      body: unknown,
      {
        owner = "ann",
        headers = {},
      }: { owner?: Owner; headers?: Record<string, string> } = {},
    ): Promise<Answer> {
      const lines = Object.entries(headers).map((pair) => `${pair.join(": ")}\r\n`); // prettier-ignore
      const raw = body instanceof Uint8Array || typeof body === "string";
      const payload = raw ? body : JSON.stringify(body);
      const subject = broker.subjects.api(name, owner);
      const told = await callerOf(owner).nc.request(subject, payload, {
        ...{ headers: makeHeaders(lines.join("")), timeout: 20_000 },
      });
      const header = (name: string) => told.headers?.get(name) || undefined;
      const status = Number(header("Jetscribe-Status"));
      const answer = { status, header, body: told.json<Answer["body"]>() };
      assert.equal(header("Nats-Service-Error-Code"), status < 400 ? undefined : String(status)); // prettier-ignore
      assert.equal(header("Nats-Service-Error"), answer.body["title"]);
      if (status >= 400) assert.equal(answer.body["status"], status);
      return answer;
    }
    const rest = async (
      path: string,
      { key = apiKeys.ann, ...init }: RequestInit & { key?: string } = {},
    ) => {
      const headers = { "x-api-key": key, "content-type": "application/json", ...init.headers }; // prettier-ignore
      const answer = await fetch(stack.url + path, { ...init, headers });
      return { status: answer.status, body: (await answer.json()) as Answer["body"] }; // prettier-ignore
    };
    const posted = async (body: object = { prompt: "hi" }, options = {}) => {
      const { status, body: answer } = await call("generate", body, options);
      assert.equal(status, 202, JSON.stringify(answer));
      return String(answer["task_id"]);
    };

    /** How many the log has. */
    const requests = async () => {
      const { state } = await broker.jsm.streams.info("EVENTS", { subjects_filter: "llm.events.requested.>" }); // prettier-ignore
      return Object.values(state.subjects ?? {}).reduce((sum, n) => sum + n, 0);
    };

    test("a prompt is taken, waited for, and read: the same as by REST", async () => {
      const accepted = await call("generate", { prompt: "hi", max_tokens: 4 });
      assert.equal(accepted.status, 202);
      const task_id = String(accepted.body["task_id"]);
      assert.deepEqual(accepted.body["status"], "queued");
      const read = await call("result", { task_id, wait: 20 });
      assert.equal(read.status, 200);
      // The other gateway may hear of the outcome later.
      const byRest = await rest(`/result/${task_id}?wait=20`);
      assert.deepEqual(read.body, byRest.body);
      assert.equal(read.body["status"], "completed");

      const headers = { Prefer: "wait=20" };
      const waited = await call("generate", { prompt: "hi" }, { headers });
      assert.equal(waited.status, 200);
      assert.equal(waited.header("Preference-Applied"), "wait=20");
      assert.equal(waited.body["status"], "completed");
    });

    test("a task that waits is cancelled, once and again", async () => {
      const later = new Date(Date.now() + 3_600_000).toISOString();
      const task_id = await posted({ prompt: "hi", not_before: later });
      const pending = await call("result", { task_id });
      assert.equal(pending.status, 202);
      assert.deepEqual(pending.body, { status: "queued", task_id });
      for (let turn = 0; turn < 2; turn++) {
        const { status, body } = await call("cancel", { task_id });
        assert.equal(status, 200);
        assert.deepEqual(body, { status: "cancelled", task_id });
      }
      const ended = await call("result", { task_id, wait: 20 });
      assert.equal(ended.body["status"], "cancelled");
      const done = await posted();
      await call("result", { task_id: done, wait: 20 });
      assert.equal((await call("cancel", { task_id: done })).status, 409);
    });

    test("an Idempotency-Key is one with REST's, in whatever case it is written", async () => {
      const headers = { "idempotency-KEY": "order-17" };
      const first = await call("generate", { prompt: "hi" }, { headers });
      assert.equal(first.header("Idempotency-Replayed"), undefined);
      const again = await call("generate", { prompt: "hi" }, { headers });
      assert.equal(again.header("Idempotency-Replayed"), "true");
      const byRest = await rest("/generate", {
        ...{ method: "POST", body: JSON.stringify({ prompt: "hi" }) },
        headers: { "Idempotency-Key": "order-17" },
      });
      for (const { body } of [again, byRest])
        assert.equal(body["task_id"], first.body["task_id"]);
      const other = await call("generate", { prompt: "other" }, { headers });
      assert.equal(other.status, 422);
      const bob = await call("generate", { prompt: "hi" }, { headers, owner: "bob" }); // prettier-ignore
      assert.notEqual(bob.body["task_id"], first.body["task_id"]);
    });

    test("the trace of the caller goes with the event", async () => {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"; // prettier-ignore
      const task_id = await posted(
        { prompt: "hi" },
        { headers: { traceparent } },
      );
      const requested = "llm.events.requested.demo.interactive.ann";
      const last = await broker.jsm.streams.getMessage("EVENTS", { last_by_subj: requested }); // prettier-ignore
      assert.equal(last?.header.get("ce-subject"), task_id);
      assert.equal(last.header.get("ce-traceparent"), traceparent);
    });

    test("another owner's task is as one that never was", async () => {
      const task_id = await posted({ prompt: "hi" }, { owner: "bob" });
      const never = newTaskId();
      for (const name of ["result", "cancel"] as const) {
        const [foreign, unknown] = [await call(name, { task_id }), await call(name, { task_id: never })]; // prettier-ignore
        assert.equal(foreign.status, 404);
        assert.deepEqual(foreign.body, unknown.body);
      }
      const { status } = await call("result", { task_id: task_id.toUpperCase(), wait: 20 }, { owner: "bob" }); // prettier-ignore
      assert.equal(status, 200);
    });

    test("what is no request is refused by field, and nothing is stored", async () => {
      const before = await requests();
      const deep = `{"prompt":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
      const asked: [ApiCall, unknown, number][] = [
        ...(["", "{", "null", "[]", deep, '{"__proto__":{},"prompt":"a"}'].map((body) => ["generate", body, 400]) as [ApiCall, string, number][]), // prettier-ignore
        ["generate", new Uint8Array([0x22, 0xff, 0x22]), 400],
        ["generate", { prompt: "", colour: 1 }, 400],
        ["generate", { prompt: "a".repeat(600 * 1024) }, 413],
        ...(["result", "cancel"] as const).flatMap(
          (name): [ApiCall, unknown, number][] => [
            // prettier-ignore
            [name, "", 400],
            [name, {}, 400],
            [name, { task_id: 7 }, 400],
            [name, { task_id: "a.>*", colour: 1 }, 400],
            [name, { task_id: "../../etc" }, 404],
            [name, { task_id: "a".repeat(5_000) }, 413],
          ],
        ),
        ["result", { task_id: newTaskId(), wait: 301 }, 400],
      ];
      for (const [name, body, status] of asked) {
        const answer = await call(name, body);
        const what = `${name} ${JSON.stringify(body).slice(0, 80)}`;
        assert.equal(answer.status, status, what);
      }
      const { body } = await call("generate", { prompt: "", colour: 1 });
      const fields = (body["errors"] as { field: string }[]).map(({ field }) => field); // prettier-ignore
      assert.deepEqual(fields.toSorted(), ["colour", "prompt"]);
      for (const headers of [
      { "Idempotency-Key": "ä" },
      { "Cancel-After": "soon" },
      { x: "a".repeat(maxHeaderBytes) },
      ...["a b", "é", "a\nb"].map((name) => ({ [name]: "1" })),
      { a: "1\nb: 2" },
    ])
      assert.equal((await call("generate", { prompt: "a" }, { headers })).status, 400); // prettier-ignore
      assert.equal(await requests(), before);
    });

    test("an owner's newest key with the scope decides: its limits hold, and without a key nothing goes", async () => {
      assert.equal((await call("generate", { prompt: "a" }, { owner: "nobody" })).status, 401); // prettier-ignore
      const keys = async (method: string, path = "", body?: object) => {
        const admin = { key: apiKeys.admin, method };
        const { status, body: made } = await rest(`/admin/keys${path}`, {
          ...admin,
          ...(body && { body: JSON.stringify(body) }),
        });
        assert.ok(status < 300, JSON.stringify(made));
        return String(made["id"]);
      };
      const wide = await keys("POST", "", { name: "cy", scopes: ["generate", "read"], limits: { requests_per_minute: 4 } }); // prettier-ignore
      // Whichever gateway takes a call knows the key.
      for (const at of [stack.url, stack.url2])
        await eventually(async () => {
          const headers = { "x-api-key": apiKeys.admin };
          const answer = await fetch(`${at}/admin/keys`, { headers });
          return (await answer.text()).includes(`"${wide}"`);
        });
      assert.equal((await call("generate", { prompt: "a" }, { owner: "cy" })).status, 202); // prettier-ignore
      const task_id = await posted({ prompt: "a" }, { owner: "cy" });
      // Without read:text.
      const read = await call("result", { task_id, wait: 20 }, { owner: "cy" });
      assert.equal(read.status, 200);
      assert.equal("result" in read.body, false);
      assert.equal(read.header("RateLimit-Limit"), "4");
      const cancel = await call("cancel", { task_id }, { owner: "cy" });
      assert.equal(cancel.status, 403);
      let last = await call("generate", { prompt: "a" }, { owner: "cy" });
      if (last.status === 202) last = await call("generate", { prompt: "a" }, { owner: "cy" }); // prettier-ignore
      assert.equal(last.status, 429);
      assert.ok(Number(last.header("Retry-After")) > 0);
      assert.equal(last.body["type"], "urn:jetscribe:problem:rate_limited");
      // A newer one decides about the calls that it has the scope of.
      const newer = await keys("POST", "", { name: "cy", rotate: true, scopes: ["read"], limits: { requests_per_minute: 9 } }); // prettier-ignore
      const limitOf = async (name: ApiCall, body: object) =>
        (await call(name, body, { owner: "cy" })).header("RateLimit-Limit");
      await eventually(async () => (await limitOf("result", { task_id })) === "9"); // prettier-ignore
      assert.equal(await limitOf("generate", { prompt: "a" }), "4");
      for (const id of [wide, newer]) await keys("DELETE", `/${id}`);
      await eventually(async () => (await call("result", { task_id }, { owner: "cy" })).status === 401); // prettier-ignore
    });

    test("calls are counted for the metrics, by what REST would answer", async () => {
      assert.equal((await call("result", {})).status, 400);
      await eventually(async () => {
        const headers = { "x-api-key": apiKeys.admin };
        const texts = [stack.url, stack.url2].map(async (url) =>
          (await fetch(`${url}/metrics`, { headers })).text(),
        );
        const line = 'jetscribe_nats_calls_total{call="result",status="400"}';
        return (await Promise.all(texts)).some((text) => text.includes(line));
      });
    });

    test("every service says who it is, and the gateways tell their calls", async () => {
      const found = new Map<string, Record<string, unknown>>();
      const replies = await operator.nc.requestMany("$SRV.INFO", "", {
        ...{ maxWait: 60_000, strategy: "count", maxMessages: 6 },
      });
      for await (const reply of replies) {
        const info = reply.json<Record<string, unknown> & { name: string }>();
        found.set(info.name, info);
      }
      const names = ["gateway", "inference", "logger", "results", "webhooks"];
      assert.deepEqual([...found.keys()].toSorted(), names.map((name) => `jetscribe-${name}`)); // prettier-ignore
      const { endpoints } = found.get("jetscribe-gateway") as { endpoints: { subject: string }[] }; // prettier-ignore
      assert.deepEqual(
        endpoints.map(({ subject }) => subject),
        ["generate", "result", "cancel"].map((name) => `llm.api.*.${name}`),
      );
      const { metadata } = found.get("jetscribe-inference") as { metadata: Record<string, string> }; // prettier-ignore
      assert.equal(metadata["model"], "demo");
      assert.ok(!JSON.stringify([...found.values()]).includes("key-of-"));
    });

    test("a gateway that stops answers what it has, and the other one takes the rest", async () => {
      const waiting = Array.from(
        { length: 8 },
        () =>
      call("generate", { prompt: "hi", ignore_eos: true, max_tokens: 500 }, { headers: { Prefer: "wait=10" } }), // prettier-ignore
      );
      const calls = Array.from({ length: 100 }, (_, i) =>
        call("generate", { prompt: `prompt ${i}` }),
      );
      const stopped = stack.kill("gateway-2", "SIGTERM");
      for (const { status } of await Promise.all([...calls, ...waiting]))
        assert.ok(status === 202 || status === 200, String(status));
      await stopped;
      assert.equal((await call("generate", { prompt: "hi" })).status, 202);
    });
  },
);
