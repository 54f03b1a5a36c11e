/** NATS micro services by their protocol (ADR-32), on both ends of nats-server. */
import { eventually, natsVersions, withNats } from "@jetscribe/testing";
import type { MsgHdrs } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "vitest";
import * as z from "zod";
import { standStill } from "../../test/eventLogTestKit.ts";
import { connectBroker, type Broker } from "../broker/connection.ts";
import {
  serveMicro,
  type MicroAnswer,
  type MicroCall,
} from "./microService.ts";

/** As ADR-32 has them; a field more is an error. */
const identity = {
  name: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  id: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  metadata: z.record(z.string(), z.string()),
};
const endpoint = {
  name: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  subject: z.string().min(1),
  queue_group: z.string().min(1),
};
const Ping = z.strictObject({
  ...identity,
  type: z.literal("io.nats.micro.v1.ping_response"),
});
const Info = z.strictObject({
  ...identity,
  type: z.literal("io.nats.micro.v1.info_response"),
  description: z.string(),
  endpoints: z.array(
    z.strictObject({ ...endpoint, metadata: identity.metadata }),
  ),
});
const Stats = z.strictObject({
  ...identity,
  type: z.literal("io.nats.micro.v1.stats_response"),
  started: z.iso.datetime(),
  endpoints: z.array(
    z.strictObject({
      ...endpoint,
      num_requests: z.int(),
      num_errors: z.int(),
      last_error: z.string(),
      processing_time: z.int(),
      average_processing_time: z.int(),
    }),
  ),
});

const versions = await natsVersions();
describe.each(versions)("a micro service on the %s nats-server", (version) => {
  const about = {
    ...{ name: "jetscribe-echo", version: "1.2.3" },
    ...{ description: "says it again", metadata: { model: "demo" } },
  };
  const serve = (
    broker: Broker,
    handle: (call: MicroCall) => Promise<MicroAnswer>,
  ) =>
    serveMicro(broker, {
      ...about,
      endpoints: [
        {
          ...{ name: "echo", subject: "echo.*", description: "as it is" },
          ...{ headers: ["Idempotency-Key"], handle },
        },
      ],
    });
  const echo = ({ body }: MicroCall): Promise<MicroAnswer> => {
    const text = Buffer.from(body).toString();
    const error = { code: 404, text: "No such word" };
    return Promise.resolve({
      ...{ headers: { "Jetscribe-Status": "200" }, body: text },
      ...(text === "no" && { error }),
    });
  };
  const connected = (fn: (caller: Broker, service: Broker) => Promise<void>) =>
    withNats(
      async ({ url }) => {
        await using caller = await connectBroker({ url, name: "caller" });
        await using service = await connectBroker({ url, name: "service" });
        await fn(caller, service);
      },
      { version, config: ["max_payload: 4096"] },
    );
  const ask = async (broker: Broker, subject: string, body = "") =>
    await broker.nc.request(subject, body, { timeout: 30_000 });
  const askAll = async (
    broker: Broker,
    subject: string,
  ): Promise<unknown[]> => {
    const all = await broker.nc.requestMany(subject, "", {
      ...{ maxWait: 60_000, strategy: "count", maxMessages: 2 },
    });
    return await Array.fromAsync(all, (msg) => msg.json());
  };

  test("says who it is: to those who ask all, its name, and itself", () =>
    connected(async (caller, service) => {
      await using _one = serve(service, echo);
      await using _other = serve(service, echo);
      await service.nc.flush();
      for (const subject of ["$SRV.PING", "$SRV.PING.jetscribe-echo"]) {
        const pings = (await askAll(caller, subject)).map((ping) => Ping.parse(ping)); // prettier-ignore
        assert.equal(new Set(pings.map(({ id }) => id)).size, 2);
        for (const { name, version, metadata } of pings)
          assert.deepEqual({ name, version, metadata }, { name: about.name, version: about.version, metadata: about.metadata }); // prettier-ignore
      }
      const [first] = (await askAll(caller, "$SRV.INFO")).map((info) => Info.parse(info)); // prettier-ignore
      assert.ok(first);
      assert.equal(first.description, about.description);
      assert.deepEqual(first.endpoints, [
        {
          ...{ name: "echo", subject: "echo.*", queue_group: "jetscribe" },
          metadata: { description: "as it is" },
        },
      ]);
      const { id } = first;
      const own = await ask(caller, `$SRV.STATS.jetscribe-echo.${id}`);
      assert.equal(Stats.parse(own.json()).id, id);
    }));

  test("answers calls, refuses as the protocol has it, and counts both", () =>
    connected(async (caller, service) => {
      await using _serving = serve(service, echo);
      await service.nc.flush();
      const yes = await ask(caller, "echo.a", "yes");
      assert.equal(yes.string(), "yes");
      assert.equal(yes.headers?.get("Jetscribe-Status"), "200");
      assert.equal(yes.headers.has("Nats-Service-Error"), false);
      const no = await ask(caller, "echo.a", "no");
      assert.equal(no.headers?.get("Nats-Service-Error"), "No such word");
      assert.equal(no.headers.get("Nats-Service-Error-Code"), "404");
      const stats = Stats.parse((await ask(caller, "$SRV.STATS")).json());
      const [counted] = stats.endpoints;
      assert.equal(counted?.num_requests, 2);
      assert.equal(counted.num_errors, 1);
      assert.equal(counted.last_error, "No such word");
      assert.ok(counted.processing_time > 0);
    }));

  test("answers go to inboxes alone, and one that no message holds is not sent", () =>
    connected(async (caller, service) => {
      const handled: string[] = [];
      await using _serving = serve(service, (call) => {
        handled.push(call.subject);
        return Promise.resolve({ headers: {}, body: "x".repeat(4_096) });
      });
      await service.nc.flush();
      const elsewhere = caller.nc.subscribe("llm.>");
      for (const reply of [
        "llm.events.requested.a",
        "$JS.API.INFO",
        "_INBOX.>",
      ])
        // prettier-ignore
        caller.nc.publish("echo.a", "hi", { reply });
      caller.nc.publish("echo.a", "hi");
      caller.nc.publish("$SRV.PING", "", { reply: "llm.events.requested.a" });
      await caller.nc.flush();
      caller.nc.publish("echo.b", "hi", { reply: "_INBOX.large" });
      await eventually(async () => {
        const stats = Stats.parse((await ask(caller, "$SRV.STATS")).json());
        const [counted] = stats.endpoints;
        return (
          counted?.num_errors === 5 &&
          counted.last_error === "the answer could not be sent"
        );
      });
      assert.deepEqual(handled, ["echo.b"]);
      assert.equal(elsewhere.getReceived(), 0);
    }));

  test("reads the headers that it names in any case, and whatever is sent as headers ends nothing", () =>
    connected(async (caller, service) => {
      const calls: MicroCall[] = [];
      await using _serving = serve(service, (call) => {
        calls.push(call);
        return echo(call);
      });
      await service.nc.flush();
      const asked = async (bytes: string): Promise<MicroCall> => {
        // These bytes go out as they are, as from a program without a client.
        const headers = { encode: () => Buffer.from(bytes) } as unknown as MsgHdrs; // prettier-ignore
        await caller.nc.request("echo.a", "", { timeout: 30_000, headers });
        const call = calls.pop();
        assert.ok(call);
        return call;
      };
      const fine = await asked("NATS/1.0\r\nother: 1\r\nidempotency-KEY: k\r\n\r\n"); // prettier-ignore
      assert.equal(fine.header("Idempotency-Key"), "k");
      assert.equal(fine.header("other"), undefined);
      assert.equal(fine.headerFault, undefined);
      for (const line of ["a b: 1", "é: 1", "a: 1\nb: 2", "colonless", ": 1"]) {
        const call = await asked(`NATS/1.0\r\nIdempotency-Key: k\r\n${line}\r\n\r\n`); // prettier-ignore
        assert.equal(call.headerFault, "the headers are malformed", line);
        assert.equal(call.header("Idempotency-Key"), undefined);
      }
      const { headerFault } = await asked(`NATS/1.0\r\n${"a:\r\n".repeat(20)}`);
      assert.equal(headerFault, "the headers are malformed");
    }));

  test("one that stops answers what it has, and later calls go to the others", () =>
    connected(async (caller, service) => {
      const { promise: go, resolve } = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const slow = serve(service, async (call) => {
        begun.resolve();
        await go;
        return echo(call);
      });
      await service.nc.flush();
      const answered = ask(caller, "echo.a", "slow");
      await begun.promise;
      await using _other = serve(service, (call) =>
        echo({ ...call, body: Buffer.from("other") }),
      );
      let hasStopped = false;
      const stopped = slow[Symbol.asyncDispose]().then(() => {
        hasStopped = true;
      });
      await service.nc.flush();
      for (let call = 0; call < 20; call++)
        assert.equal((await ask(caller, "echo.a", "x")).string(), "other");
      assert.equal(hasStopped, false);
      resolve();
      assert.equal((await answered).string(), "slow");
      await stopped;
    }));

  test("one that stood still while it stopped takes what had come to it before it has stopped", () =>
    connected(async (caller, service) => {
      const handled: string[] = [];
      const stopping = serve(service, (call) => {
        handled.push(Buffer.from(call.body).toString());
        return echo(call);
      });
      await service.nc.flush();
      const { hostname, port } = new URL(`nats://${caller.nc.getServer()}`);
      const socket = connect(Number(port), hostname);
      await once(socket, "data");
      let stopped: PromiseLike<void> | undefined;
      // Longer than it waits for the broker, and the broker may stand still too.
      await standStill(7_000, () => {
        // Unlike a client it writes at once.
        socket.write("CONNECT {}\r\nPUB echo.a _INBOX.a 4\r\nlate\r\n");
        stopped = stopping[Symbol.asyncDispose]();
      });
      await stopped;
      assert.deepEqual(handled, ["late"]);
      socket.destroy();
    }));
});
