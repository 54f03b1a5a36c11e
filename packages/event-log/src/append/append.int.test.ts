import { newTaskId, streams } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { describe, test } from "vitest";
import {
  appendUntilStored,
  makeAppender,
  type AppendErrorCode,
} from "./append.ts";
import { decodeEvent } from "../codec/codec.ts";
import {
  messageAt,
  purgeEventsBefore,
  streamState,
} from "../broker/streamState.ts";
import {
  completed,
  openLog,
  queue,
  requestedBy,
  standStill,
} from "../../test/eventLogTestKit.ts";

const rejects = (appending: Promise<unknown>, code: AppendErrorCode) =>
  assert.rejects(appending, { name: "AppendError", code });

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

for (const version of await natsVersions())
  describe(`append, the ${version} nats-server`, () => {
    test("an event stands in the log as a CloudEvent", async () => {
      await using log = await openLog(version);
      const event = requestedBy(queue, { prompt: "für dich: \r\n \u{1F30A}" });
      const id = event.data.task_id;
      const { seq, duplicate } = await log.appender.append(event, queue, {
        traceparent,
      });
      assert.deepEqual([seq, duplicate], [1, false]);
      const found = await log.broker.jsm.streams.getMessage(streams.events, {
        seq,
      });
      assert.ok(found);
      const { subject, header, data } = found;
      assert.equal(subject, "llm.events.requested.demo.interactive.a");
      const time = header.get("ce-time");
      assert.deepEqual(
        Object.fromEntries(header.keys().map((key) => [key, header.get(key)])),
        {
          "ce-specversion": "1.0",
          "ce-id": `${id}.requested`,
          "ce-source": "/jetscribe/gateway",
          "ce-type": "jetscribe.GenerateRequested.v1",
          "ce-subject": id,
          "ce-time": time,
          "ce-dataschema": "urn:jetscribe:event:GenerateRequested:v1",
          "ce-datacontenttype": "application/json",
          "Nats-Msg-Id": `${id}.requested`,
          traceparent,
        },
      );
      assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
      assert.deepEqual(JSON.parse(Buffer.from(data).toString()), event.data);
      const read = await messageAt(log.broker, streams.events, seq);
      assert.ok(read);
      assert.deepEqual(decodeEvent(read), {
        event: { ...event, seq, time: read.time },
        queue,
      });
    });

    test("the same message id again is a duplicate of the first", async () => {
      await using log = await openLog(version);
      const event = requestedBy(queue);
      await log.request(3);
      assert.deepEqual(await log.appender.append(event, queue), {
        seq: 4,
        duplicate: false,
      });
      await log.request(3);
      assert.deepEqual(await log.appender.append(event, queue), {
        seq: 4,
        duplicate: true,
      });
    });

    test("sizeOf is what the broker counts, to the byte", async () => {
      await using log = await openLog(version);
      const sized = (bytes: number) => {
        const task_id = newTaskId();
        const empty = log.appender.sizeOf(
          requestedBy(queue, { task_id, prompt: "" }),
          queue,
        );
        // enqueue_time has not always the same number of digits.
        const event = requestedBy(queue, {
          task_id,
          prompt: "x".repeat(bytes - empty),
        });
        const off = log.appender.sizeOf(event, queue) - bytes;
        event.data.prompt = "x".repeat(bytes - empty - off);
        return event;
      };
      const most = log.broker.maxPayload;
      const fits = sized(most);
      assert.equal(log.appender.sizeOf(fits, queue), most);
      assert.equal(await log.append(fits), 1);
      await rejects(log.appender.append(sized(most + 1), queue), "too_large");
      // Past our own check the broker refuses that very byte.
      const lenient = { ...log.broker, maxPayload: most + 1, connected: true };
      using appender = makeAppender(lenient, "gateway");
      await assert.rejects(
        appender.append(sized(most + 1), queue),
        /max_payload/,
      );
    });

    test("a broker that says no refuses, with its number", async () => {
      await using log = await openLog(version);
      await log.request(1);
      await log.broker.jsm.streams.update(streams.events, { max_msg_size: 10 });
      await assert.rejects(log.append(requestedBy(queue)), {
        code: "refused",
        errCode: 10054,
      });
    });

    test("a stream without room is full, and drops nothing", async () => {
      await using log = await openLog(version, { eventsMaxBytes: 4_000 });
      await log.request(1);
      const prompt = "x".repeat(4_000);
      await assert.rejects(log.append(requestedBy(queue, { prompt })), {
        code: "full",
        errCode: 10077,
      });
      const state = await streamState(log.broker, streams.events);
      assert.deepEqual([state.firstSeq, state.messages], [1, 1]);
    });

    test("what a full log refuses is stored once it has room", async () => {
      await using log = await openLog(version, { eventsMaxBytes: 4_000 });
      const { broker, appender } = log;
      await log.request(3);
      const { signal } = new AbortController();
      let repeats = 0;
      const options = {
        signal,
        beforeRepeat: () => Promise.resolve(void repeats++),
      };
      const large = requestedBy(queue, { prompt: "x".repeat(2_500) });
      const storing = appendUntilStored(
        ...([broker, appender, large, queue, options] as const),
      );
      await eventually(() => repeats > 0);
      await purgeEventsBefore(broker, 4);
      assert.equal((await storing).seq, 4);
    });

    test("nobody takes it: unavailable at once, without a stream and without a broker", async () => {
      await using log = await openLog(version);
      await log.broker.jsm.streams.delete(streams.events);
      await rejects(log.append(requestedBy(queue)), "unavailable");
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      await rejects(log.append(requestedBy(queue)), "unavailable");
    });

    test("no answer in time is unknown, and the same id finds out", async () => {
      await using log = await openLog(version);
      const event = requestedBy(queue);
      await log.nats.kill("SIGSTOP");
      const since = performance.now();
      await rejects(
        log.appender.append(event, queue, { timeoutMs: 300 }),
        "unknown",
      );
      const took = performance.now() - since;
      assert.ok(took >= 300, `took ${took} ms`);
      await log.nats.kill("SIGCONT");
      assert.deepEqual(await log.appender.append(event, queue), {
        seq: 1,
        duplicate: true,
      });
    });

    test("an answer that came while this process stood still is in time", async () => {
      await using log = await openLog(version);
      await log.nats.kill("SIGSTOP");
      const within = { timeoutMs: 6_000 };
      const appending = log.appender.append(requestedBy(queue), queue, within);
      // It goes out with the turn.
      await turn();
      await standStill(within.timeoutMs + 1_500, () =>
        process.kill(log.nats.pid ?? assert.fail(), "SIGCONT"),
      );
      assert.equal((await appending).seq, 1);
    });

    test("a broker killed under it leaves it unknown at once; appended until stored, it stands there once", async () => {
      await using log = await openLog(version);
      await log.nats.kill("SIGSTOP");
      const event = requestedBy(queue);
      const { signal } = new AbortController();
      const lost = rejects(
        log.appender.append(requestedBy(queue), queue, { timeoutMs: 60_000 }),
        "unknown",
      );
      const stored = appendUntilStored(log.broker, log.appender, event, queue, {
        signal,
      });
      await log.nats.kill("SIGKILL");
      await lost;
      await log.nats.restart();
      await stored;
      assert.equal((await log.appender.append(event, queue)).duplicate, true);
    });

    test("5,000 at once each get their own sequence", async () => {
      await using log = await openLog(version);
      const events = Array.from({ length: 5_000 }, () => requestedBy(queue));
      const answers = await Promise.all(
        events.map((event) =>
          log.appender.append(event, queue, { timeoutMs: 60_000 }),
        ),
      );
      assert.equal(new Set(answers.map(({ seq }) => seq)).size, 5_000);
      assert.equal(
        (await streamState(log.broker, streams.events)).messages,
        5_000,
      );
      for (const at of [0, 2_500, 4_999]) {
        const message = await messageAt(
          log.broker,
          streams.events,
          answers[at]?.seq ?? 0,
        );
        assert.equal(message?.header("ce-subject"), events[at]?.data.task_id);
      }
    });
  });

test("repeating ends with the signal, and at once where the broker says no", async () => {
  await using log = await openLog();
  const { broker, appender } = log;
  await log.nats.kill("SIGKILL");
  await eventually(() => !broker.connected);
  // Before it is repeated, and while the broker is waited for.
  for (const ms of [50, 400])
    await assert.rejects(
      appendUntilStored(broker, appender, requestedBy(queue), queue, {
        signal: AbortSignal.timeout(ms),
      }),
      { name: "TimeoutError" },
    );
  await log.nats.restart();
  await broker.whenConnected();
  await log.append(requestedBy(queue));
  await broker.jsm.streams.update(streams.events, { max_msg_size: 10 });
  const { signal } = new AbortController();
  await rejects(
    appendUntilStored(broker, appender, completed(newTaskId()), queue, {
      signal,
    }),
    "refused",
  );
});

test("closing the appender settles what is under way", async () => {
  await using log = await openLog();
  const appender = makeAppender(log.broker, "gateway");
  await log.nats.kill("SIGSTOP");
  const appending = rejects(
    appender.append(requestedBy(queue), queue),
    "unknown",
  );
  appender[Symbol.dispose]();
  await appending;
  await log.nats.kill("SIGCONT");
});
