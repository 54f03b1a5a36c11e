import type { MicroCall } from "@jetscribe/event-log/micro/microService";
import { makeNames } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { makeBodyRoom } from "../admission/bodyRoom.ts";
import { makeNatsApi } from "./natsApi.ts";

type Deps = Parameters<typeof makeNatsApi>[0];

const { subjects } = makeNames();
const maxPayload = 1_000;

/** The calls of an owner whose key may do anything. */
function makeCalls(own: Partial<Record<keyof Deps, object>>) {
  const key = { id: "k", owner: "ann", scopes: new Set(["generate", "read"]) };
  const deps = {
    keys: {
      ...{ ofOwner: () => [key], noteUse: () => undefined },
      ...{ endOf: () => undefined, hasEnded: () => false },
    },
    ...{ rates: { take: () => undefined }, broker: { subjects, maxPayload } },
    ...{ calls: { of: () => () => undefined }, clock: { nowS: () => 0 } },
    limits: { refusalOfAny: () => undefined },
    ...own,
  } as unknown as Deps;
  const limits = { bodyLimit: 600, bodies: makeBodyRoom(1_000) };
  const endpoints = makeNatsApi(deps, { ...limits, publicPath: "" });
  return async (name: "generate" | "result", body: string | Uint8Array) => {
    const call: MicroCall = {
      subject: subjects.api(name, "ann"),
      ...{ header: () => undefined, headerFault: undefined },
      body: Buffer.from(body),
    };
    const endpoint = endpoints.find((one) => one.name === name);
    assert.ok(endpoint);
    const said = await endpoint.handle(call);
    return {
      status: Number(said.headers["Jetscribe-Status"]),
      problem: JSON.parse(said.body) as { detail?: string; limit?: object },
    };
  };
}

describe("a call on NATS", () => {
  test("finds room for its body, or is refused, before its rate is asked", async () => {
    const { promise: silence, resolve } = Promise.withResolvers<undefined>();
    const call = makeCalls({ rates: { take: () => silence } });
    const waiting = call("generate", new Uint8Array(600));
    const refused = await call("generate", new Uint8Array(600));
    assert.equal(refused.status, 503);
    assert.deepEqual(refused.problem.limit, { name: "BODIES_IN_FLIGHT", value: 1_000 }); // prettier-ignore
    const large = await call("generate", new Uint8Array(601));
    assert.equal(large.status, 413);
    assert.equal((await call("result", new Uint8Array(4_097))).status, 413);
    resolve(undefined);
    assert.equal((await waiting).status, 400);
    // Whatever became of it, its room is free.
    assert.equal((await call("generate", new Uint8Array(600))).status, 400);
  });

  test("whose answer no message holds is told so", async () => {
    const task = {
      ...{ status: "cancelled", taskId: "t", owner: "ann", cancelledAt: 1 },
      reason: "r".repeat(maxPayload),
    };
    const call = makeCalls({ readTask: () => Promise.resolve(task) });
    const { status, problem } = await call("result", '{"task_id":"t"}');
    assert.equal(status, 413);
    assert.match(problem.detail ?? "", /read it by REST/);
  });
});
