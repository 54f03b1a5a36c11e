/** One trace for each task, over all services, whatever happens to it; and nothing of OpenTelemetry where none is asked for. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { scan } from "@jetscribe/event-log/read/readLog";
import type { HistoryResponse } from "@jetscribe/schema";
import {
  eventually,
  freePort,
  startOtlpReceiver,
  startStack,
  type Member,
  type OtlpReceiver,
  type ReceivedSpan,
  type Stack,
  type StackOptions,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { call, outcome, post } from "./client.ts";

const client = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
};
const idOf = (taskId: string) => taskId.replaceAll("-", "");
const [internal, server, producer, consumer] = [1, 2, 4, 5];

/** A system, and the collector that it sends its spans to, for the tests of one `describe`. */
function traced(options: StackOptions) {
  const opened = new AsyncDisposableStack();
  const system = {} as { receiver: OtlpReceiver; stack: Stack };
  beforeAll(async () => {
    system.receiver = opened.use(await startOtlpReceiver());
    const env = { ENGINE: "fake", ...system.receiver.env, ...options.env };
    system.stack = opened.use(await startStack({ ...options, env }));
  });
  afterAll(() => opened.disposeAsync());
  return system;
}

/** The spans of a trace, once all are there: each process sends its own when it has the time. */
async function traceOf(receiver: OtlpReceiver, traceId: string) {
  const found = () =>
    receiver.spans().filter((span) => span.traceId === traceId);
  await eventually(() => isWhole(found()));
  return found();
}

/** The call is answered, an attempt has ended, both projections are done, and each span but the call's has its parent. */
function isWhole(spans: readonly ReceivedSpan[]): boolean {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const services = new Set(spans.map(({ service }) => service));
  return (
    spans.some(({ kind }) => kind === server) &&
    spans.some(({ attributes }) => "jetscribe.attempt.end" in attributes) &&
    ["results", "logger"].every((name) => services.has(`jetscribe-${name}`)) &&
    spans.every(
      ({ kind, parentSpanId = "" }) => kind === server || ids.has(parentSpanId),
    )
  );
}

const one = (
  spans: readonly ReceivedSpan[],
  name: string,
  service?: string,
) => {
  const found = spans.filter(
    (span) =>
      span.name === name &&
      (service === undefined || span.service === `jetscribe-${service}`),
  );
  assert.equal(found.length, 1, `${found.length} spans ${name}`);
  return found[0] ?? assert.fail();
};

/** As `[name, service, kind, name of its parent]`, in the order of the names. */
const treeOf = (spans: readonly ReceivedSpan[]) => {
  const nameOf = (id: string | undefined) =>
    spans.find(({ spanId }) => spanId === id)?.name ?? id ?? "";
  return spans
    .map(({ name, service, kind, parentSpanId }) => [
      ...[name, service.replace("jetscribe-", ""), kind],
      nameOf(parentSpanId),
    ])
    .sort();
};

const wholeTree = (above: string) => [
  ["POST /generate", "gateway", server, above],
  ["decode", "inference", internal, "process EVENTS"],
  ["prefill", "inference", internal, "process EVENTS"],
  ["process EVENTS", "inference", consumer, "send EVENTS"],
  ["process EVENTS", "logger", consumer, "process EVENTS"],
  ["process EVENTS", "results", consumer, "process EVENTS"],
  ["queue", "inference", internal, "send EVENTS"],
  ["send EVENTS", "gateway", producer, "POST /generate"],
];

/** Both are float seconds that went through nanoseconds. */
const sameTime = (a: number, b: number | undefined, what = "") =>
  assert.ok(Math.abs(a - (b ?? Number.NaN)) < 2e-6, `${what} ${a} and ${b}`);

async function historyOf(stack: Stack, taskId: string) {
  const { body } = await call(stack, `/tasks/${taskId}/events`);
  return (body as unknown as HistoryResponse).events;
}

/** Of each event of a task: the last hop, and the origin. */
async function headersOf({ natsUrl }: Stack, taskId: string) {
  await using broker = await connectBroker({ url: natsUrl, name: "test" });
  const reading = { stream: broker.streams.events, from: { seq: 1 } };
  const found: [hop: string, origin: string][] = [];
  await scan(broker, { ...reading, headersOnly: true }, (message) => {
    if (message.header("ce-subject") === taskId)
      found.push([
        message.header("traceparent"),
        message.header("ce-traceparent"),
      ]);
    return false;
  });
  return found;
}

describe("a task that nothing happens to", () => {
  const system = traced({ env: { FAKE_MS: "60" } });
  const prompt = "a prompt that nobody may see";

  test("has one trace with its own id, from the call to the log line", async () => {
    const { stack, receiver } = system;
    const taskId = await post(stack, { prompt });
    const told = await outcome(stack, taskId);
    const spans = await traceOf(receiver, idOf(taskId));
    assert.deepEqual(treeOf(spans), wholeTree(""));
    for (const { schemaUrl } of spans)
      assert.match(schemaUrl ?? "", /^https:\/\/opentelemetry.io\/schemas\/1/);

    const sent = one(spans, "send EVENTS");
    const process = one(spans, "process EVENTS", "inference");
    assert.deepEqual(
      process.links.map(({ spanId }) => spanId),
      [sent.spanId],
    );
    for (const name of ["results", "logger"])
      assert.deepEqual(
        one(spans, "process EVENTS", name).links.map(({ spanId }) => spanId),
        [process.spanId],
      );
    assert.equal(process.attributes["jetscribe.task.id"], taskId);
    const chat = process.attributes;
    const metrics = told["metrics"] as Record<string, number>;
    assert.deepEqual(
      [
        chat["gen_ai.usage.input_tokens"],
        chat["gen_ai.usage.output_tokens"],
        chat["gen_ai.request.model"],
      ],
      [metrics["prompt_tokens"], metrics["completion_tokens"], "demo"],
    );

    const sentBodies = receiver.bodies().join("");
    for (const secret of [prompt, String(told["result"]), stack.key])
      assert.ok(!sentBodies.includes(secret));
  });

  test("has the times of its events", async () => {
    const { stack, receiver } = system;
    const taskId = await post(stack);
    const told = await outcome(stack, taskId);
    const spans = await traceOf(receiver, idOf(taskId));
    const metrics = told["metrics"] as Record<string, number>;
    const { processing_time = 0, time_to_first_token = 0 } = metrics;
    const [requested, started] = await historyOf(stack, taskId);
    assert.ok(requested?.type === "GenerateRequested");
    assert.ok(started?.type === "GenerateStarted");
    const { enqueue_time } = requested.data;
    const { start_time: start } = started.data;
    const end = start + processing_time;
    const times = (name: string) => {
      const { startTimeUnixNano, endTimeUnixNano } = one(
        spans,
        name,
        name === "process EVENTS" ? "inference" : undefined,
      );
      return [startTimeUnixNano, endTimeUnixNano] as const;
    };
    const expected: Record<string, [number, number]> = {
      queue: [enqueue_time, Math.max(enqueue_time, start)],
      prefill: [start, start + time_to_first_token],
      decode: [start + time_to_first_token, end],
      "process EVENTS": [start, end],
    };
    for (const [name, [from, to]] of Object.entries(expected)) {
      sameTime(times(name)[0], from, `start of ${name}`);
      sameTime(times(name)[1], to, `end of ${name}`);
    }
  });

  test("goes on in the client's trace, where the client has one", async () => {
    const { stack, receiver } = system;
    const { traceId, spanId } = client;
    const headers = { traceparent: `00-${traceId}-${spanId}-01` };
    const body = JSON.stringify({ prompt, max_tokens: 4 });
    const { body: made } = await call(stack, "/generate", {
      method: "POST",
      headers,
      body,
    });
    await outcome(stack, String(made["task_id"]));
    const spans = await traceOf(receiver, traceId);
    assert.deepEqual(treeOf(spans), wholeTree(spanId));
    const attempt = spans.find(
      ({ attributes }) => "jetscribe.attempt.end" in attributes,
    );
    const ofAttempt = `00-${traceId}-${attempt?.spanId}-01`;
    assert.deepEqual(await headersOf(stack, String(made["task_id"])), [
      [
        `00-${traceId}-${one(spans, "send EVENTS").spanId}-01`,
        headers.traceparent,
      ],
      [ofAttempt, headers.traceparent],
      [ofAttempt, headers.traceparent],
    ]);
  });

  test("has no trace where the client says that its own is not kept", async () => {
    const { stack, receiver } = system;
    const traceId = client.traceId.replace("0a", "0b");
    const headers = { traceparent: `00-${traceId}-${client.spanId}-00` };
    const { body } = await call(stack, "/generate", {
      method: "POST",
      headers,
      body: JSON.stringify({ prompt, max_tokens: 4 }),
    });
    await outcome(stack, String(body["task_id"]));
    const next = await post(stack);
    await outcome(stack, next);
    await traceOf(receiver, idOf(next));
    const kept = new Set(receiver.spans().map((span) => span.traceId));
    assert.ok(!kept.has(traceId) && !kept.has(idOf(String(body["task_id"]))));
  });
});

describe("a task whose attempts die", () => {
  const env = {
    // On a busy machine too a task runs until it is cancelled, or loses its attempt.
    FAKE_MS: "10000",
    SLOTS: "4",
    ACK_WAIT: "15s",
    LOG_FORMAT: "json",
  };
  const services: Member[] = [
    "gateway",
    "inference",
    "inference-2",
    "results",
    "logger",
  ];
  const system = traced({ env, services });

  async function posted(headers: Record<string, string> = {}): Promise<string> {
    const { stack } = system;
    const body = JSON.stringify({ prompt: "hi", max_tokens: 24 });
    const asked = { method: "POST", headers, body };
    const taskId = String((await call(stack, "/generate", asked)).body["task_id"]); // prettier-ignore
    await eventually(async () => {
      const { body } = await call(stack, `/status/${taskId}`);
      return body["status"] === "processing";
    });
    return taskId;
  }

  /** How both attempts ended, after the second one is linked to the first, and both to the request. */
  function endsOf(spans: readonly ReceivedSpan[]) {
    const attempts = spans
      .filter(({ attributes }) => "jetscribe.attempt.end" in attributes)
      .sort((a, b) => a.startTimeUnixNano - b.startTimeUnixNano);
    const sent = one(spans, "send EVENTS").spanId;
    const [first, second] = attempts;
    const links = attempts.map((span) => span.links.map((link) => link.spanId));
    assert.deepEqual(links, [[sent], [sent, first?.spanId]]);
    assert.deepEqual(
      attempts.map(({ parentSpanId }) => parentSpanId),
      [sent, sent],
    );
    for (const name of ["results", "logger"])
      assert.equal(
        one(spans, "process EVENTS", name).parentSpanId,
        second?.spanId,
      );
    assert.equal(spans.filter(({ name }) => name === "queue").length, 2);
    return attempts.map(({ attributes, status }) => [
      attributes["jetscribe.attempt"],
      attributes["jetscribe.attempt.end"],
      attributes["error.type"],
      status.code,
    ]);
  }

  test("with its engine: both attempts, the second linked to the first", async () => {
    const { stack, receiver } = system;
    const taskId = await posted();
    for (const member of ["inference", "inference-2"] as const)
      killChild(stack.pid(member));
    await outcome(stack, taskId);
    const spans = await traceOf(receiver, idOf(taskId));
    assert.deepEqual(endsOf(spans), [
      [1, "crash", "crash", 2],
      [2, "completed", undefined, 0],
    ]);
    const records = (["inference", "inference-2"] as const)
      .flatMap((member) => stack.output(member).split("\n"))
      .filter((line) => line.includes(`"task_id":"${taskId}"`));
    assert.ok(records.length > 0);
    for (const record of records)
      assert.equal(
        (JSON.parse(record) as { trace_id?: string }).trace_id,
        idOf(taskId),
      );
  });

  test("with its worker: whoever takes it over tells of the attempt that died", async () => {
    const { stack, receiver } = system;
    const taskId = await posted();
    // What a killed process had not exported yet is lost.
    await eventually(() =>
      receiver
        .spans()
        .some((span) => span.traceId === idOf(taskId) && span.name === "queue"),
    );
    await Promise.all([stack.kill("inference"), stack.kill("inference-2")]);
    await stack.restart("inference-2");
    await outcome(stack, taskId);
    const spans = await traceOf(receiver, idOf(taskId));
    assert.deepEqual(endsOf(spans), [
      [1, "gone", "gone", 2],
      [2, "completed", undefined, 0],
    ]);
    const [, started] = await historyOf(stack, taskId);
    assert.ok(started?.type === "GenerateStarted");
    const gone = spans.find(
      ({ attributes }) => attributes["jetscribe.attempt.end"] === "gone",
    );
    sameTime(gone?.startTimeUnixNano ?? 0, started.data.start_time);
    assert.equal(
      gone?.attributes["jetscribe.worker.id"],
      started.data.worker_id,
    );
  });

  test("by a cancel: the outcome is a part of the same trace", async () => {
    const { stack, receiver } = system;
    const traceId = "0c".repeat(16);
    const origin = `00-${traceId}-00f067aa0ba902b7-01`;
    const taskId = await posted({ traceparent: origin });
    const { status } = await call(stack, `/cancel/${taskId}`, {
      method: "POST",
    });
    assert.equal(status, 200);
    await outcome(stack, taskId);
    const spans = await traceOf(receiver, traceId);
    const sent = one(spans, "send EVENTS").spanId;
    for (const name of ["results", "logger"])
      assert.equal(one(spans, "process EVENTS", name).parentSpanId, sent);
    const headers = await headersOf(stack, taskId);
    assert.deepEqual(headers.at(-1), [`00-${traceId}-${sent}-01`, origin]);
    const attempt = spans.find(
      ({ attributes }) => "jetscribe.attempt.end" in attributes,
    );
    assert.equal(attempt?.attributes["jetscribe.attempt.end"], "stopped");
  });
});

function killChild(pid: number | undefined): void {
  assert.ok(pid !== undefined);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  const [child] = children.trim().split(" ");
  assert.ok(child, "it has no engine");
  process.kill(Number(child), "SIGKILL");
}

describe("the modules of OpenTelemetry", () => {
  /** Those that the processes of a system loaded, by what V8 says of the scripts that it ran. */
  async function loadedBy(
    env: Record<string, string>,
    use: (stack: Stack) => Promise<void>,
  ): Promise<string[]> {
    const dir = await mkdtemp(join(tmpdir(), "jetscribe-loaded-"));
    try {
      const stack = await startStack({
        env: { ENGINE: "fake", NODE_V8_COVERAGE: dir, ...env },
      });
      await use(stack).finally(() => stack.stop());
      const files = await readdir(dir);
      const reports = await Promise.all(
        files.map((file) => readFile(join(dir, file), "utf8")),
      );
      const urls = reports.flatMap((report) =>
        (JSON.parse(report) as { result: { url: string }[] }).result.map(
          ({ url }) => url,
        ),
      );
      // Each of the four services has said what it loaded.
      const mains = urls.filter((url) =>
        /services\/\w+\/src\/main\.ts$/.test(url),
      );
      assert.equal(new Set(mains).size, 4);
      return urls.filter((url) => url.includes("/@opentelemetry/"));
    } finally {
      await rm(dir, { recursive: true });
    }
  }

  async function runOne(stack: Stack): Promise<void> {
    await outcome(stack, await post(stack));
  }

  test("none is loaded where no traces are asked for", async () => {
    assert.deepEqual(await loadedBy({}, runOne), []);
    const disabled = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_SDK_DISABLED: "true",
    };
    assert.deepEqual(await loadedBy(disabled, runOne), []);
  });

  test("a collector that is not there costs the spans, and one log record a minute", async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_EXPORTER_OTLP_TIMEOUT: "300",
    };
    const complaints = (stack: Stack) =>
      stack
        .output("inference")
        .split("\n")
        .filter((line) => line.includes("traces can't be exported")).length;
    const loaded = await loadedBy(env, async (stack) => {
      await runOne(stack);
      await eventually(() => complaints(stack) > 0);
      // Each of these is an export that fails.
      for (let i = 0; i < 10; i++) await runOne(stack);
      assert.equal(complaints(stack), 1);
    });
    assert.ok(loaded.length > 0);
  });
});
