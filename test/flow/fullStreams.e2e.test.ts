/** TOKENS and LOGS at their byte limits, which drop what is oldest: no task and no reader suffers from it. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { streams, subjects } from "@jetscribe/schema";
import { eventually, natsVersions, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { fakeText } from "../chaos/fakeText.ts";
import { lineCounts, outcome, post } from "./client.ts";
import { readAll, readStream, textOf, type ServerEvent } from "./sse.ts";

const maxBytes = 16 * 2 ** 10;
const words = 400;
const wholeText = fakeText("Explain quantum computing", words);
const env = {
  ...{ ENGINE: "fake", FAKE_MS: "16000", FAKE_TOKENS: String(words) },
  ...{ SLOTS: "4", ACK_WAIT: "3s" },
};

async function shrink(broker: Broker) {
  for (const stream of [streams.tokens, streams.logs])
    await broker.jsm.streams.update(stream, { max_bytes: maxBytes });
}

/** Waits until the stream has dropped messages. */
const dropped = (broker: Broker, stream: string) =>
  eventually(async () => {
    const { bytes, firstSeq } = await streamState(broker, stream);
    assert.ok(bytes <= maxBytes);
    return firstSeq > 20;
  });

for (const natsVersion of await natsVersions())
  test(`full streams of text and log records drop the oldest; a task whose text is lost begins anew (${natsVersion})`, async () => {
    await using stack = await startStack({ env, natsVersion });
    await using broker = await connectBroker({
      ...{ url: stack.natsUrl, name: "test" },
    });
    await shrink(broker);
    const id = await post(stack, { max_tokens: words });
    const seen: ServerEvent[] = [];
    const reading = (async () => {
      for await (const event of readStream(stack, id)) seen.push(event);
    })();
    await dropped(broker, streams.tokens);
    const late = readAll(stack, id);

    // The next one finds the end of its text and not the beginning.
    await stack.kill("inference");
    await stack.restart("inference");
    const { status, result } = await outcome(stack, id);
    assert.equal(status, "completed");
    assert.equal(result, wholeText);
    await reading;
    assert.equal(textOf(seen), wholeText);
    assert.ok(seen.some(({ event }) => event === "reset"));
    assert.equal(textOf(await late), wholeText);

    const record = { level: 30, time: Date.now(), service: "test" };
    const say = (msg: string) =>
      broker.nc.request(
        subjects.log("test"),
        JSON.stringify({ ...record, msg }),
        { timeout: 60_000 },
      );
    for (let i = 0; i < 200; i++) await say(`record ${i}`);
    await dropped(broker, streams.logs);
    await say("the last record");
    await eventually(async () =>
      /the last record/.test(
        await readFile(join(stack.logDir, "app.log"), "utf8"),
      ),
    );
    assert.deepEqual(await lineCounts(stack.logDir, [id]), [1]);
  });
