/** Reads the log that NATS_URL names, counts its events, and does nothing else. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { followStream } from "@jetscribe/event-log/read/readLog";

const url = process.env["NATS_URL"] ?? "";
await using broker = await connectBroker({ url, name: "bare" });
const stream = broker.streams.events;
const { lastSeq, messages: events } = await streamState(broker, stream);
const whole = new AbortController();
let count = 0;
await followStream(
  broker,
  {
    stream,
    resume: () => Promise.resolve(1),
    onBatch: (messages) => {
      count += messages.length;
      if ((messages.at(-1)?.seq ?? 0) >= lastSeq) whole.abort();
    },
  },
  whole.signal,
);
if (count !== events) throw new Error(`${count} of ${events} events came`);
