/** Who is served when, by workers with the fake engine: the order of events in the log is the witness. */
import { ensureWorkQueue } from "@jetscribe/event-log/streams/topology";
import { isOutcome, type Lane, type RecordedEvent } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  ackWaitMs,
  patient,
  queue,
  readLog,
  requestOf,
  startSystem,
  type System,
} from "../../test/workerTestKit.ts";

interface Who {
  owner: string;
  lane?: Lane;
}

/** So many requests of one owner, in its queue. */
async function requests(
  { broker, appender }: System,
  { owner, lane = "interactive" }: Who,
  count: number,
  max_tokens: number,
): Promise<void> {
  const to = { ...queue, owner, lane };
  await ensureWorkQueue(broker, to, { ackWaitMs });
  const event = () => {
    const { type, data } = requestOf({ prompt: "p", max_tokens });
    return { type, data: { ...data, owner, lane } };
  };
  await Promise.all(
    Array.from({ length: count }, () => appender.append(event(), to, patient)),
  );
}

/** Waits until the log says so, and gives it. */
const logWhen = ({ broker }: System, says: (log: Look) => boolean) =>
  eventually(
    async () => {
      const log = lookAt(await readLog(broker));
      return says(log) && log;
    },
    { everyMs: 300 },
  );

type Look = ReturnType<typeof lookAt>;

/** The log, with whose task each event is about. */
function lookAt(events: readonly RecordedEvent[]) {
  const whose = new Map<string, string>();
  for (const event of events)
    if (event.type === "GenerateRequested") {
      const { task_id, owner, lane } = event.data;
      whose.set(task_id, lane === "batch" ? `${owner} (batch)` : owner);
    }
  const of = ({ data }: RecordedEvent) => whose.get(data.task_id) ?? "";
  const starts = events.filter(({ type }) => type === "GenerateStarted");
  return {
    startsOf: (who: string) => starts.filter((one) => of(one) === who).length,
    outcomes: events.filter(isOutcome).map((event) => {
      const { prompt_tokens, completion_tokens } = event.data.metrics;
      return { who: of(event), tokens: prompt_tokens + completion_tokens };
    }),
    /** Whose tasks were started since the latest request of this one, in order. */
    startsSince(who: string) {
      const asked = events.findLastIndex(
        (one) => one.type === "GenerateRequested" && of(one) === who,
      );
      return events
        .slice(asked)
        .filter(({ type }) => type === "GenerateStarted")
        .map(of);
    },
  };
}

/** The other owner's tokens by the time when one of the two had so many. */
function tokensWhen({ outcomes }: Look, most: number): number[] {
  const tokens = new Map([
    ["short", 0],
    ["long", 0],
  ]);
  for (const { who, tokens: more } of outcomes) {
    tokens.set(who, (tokens.get(who) ?? 0) + more);
    if (Math.max(...tokens.values()) >= most) break;
  }
  return [...tokens.values()];
}

describe("fairness", () => {
  test("one task of a key starts within the next few, though another key has a thousand waiting", async () => {
    await using system = await startSystem();
    await requests(system, { owner: "many" }, 1_000, 16);
    await system.startWorker({ SLOTS: "4", FAKE_MS: "200" });
    await logWhen(system, (log) => log.startsOf("many") >= 20);
    await requests(system, { owner: "one" }, 1, 16);
    const log = await logWhen(system, (now) => now.startsOf("one") === 1);
    const before = log.startsSince("one").indexOf("one");
    assert.ok(before <= 12, `${before} tasks of the other key came before`);
  });

  for (const workers of [1, 2])
    test(`keys with short and with long tasks get as many tokens, with ${workers} worker(s)`, async () => {
      await using system = await startSystem();
      await requests(system, { owner: "short" }, 900, 20);
      await requests(system, { owner: "long" }, 90, 200);
      for (let i = 0; i < workers; i++)
        await system.startWorker({
          SLOTS: "2",
          FAKE_MS: "200",
          FAKE_TOKENS: "200",
        });
      const most = 12_000;
      const reached = (log: Look) => Math.max(...tokensWhen(log, most)) >= most;
      const tokens = tokensWhen(await logWhen(system, reached), most);
      assert.ok(Math.min(...tokens) >= 0.9 * most, tokens.join(" and "));
    });

  test("the batch lane has all where nothing else waits, and about one in ten where it does", async () => {
    await using system = await startSystem();
    const bulk: Who = { owner: "bulk", lane: "batch" };
    await requests(system, bulk, 20, 20);
    const worker = await system.startWorker({ SLOTS: "2", FAKE_MS: "20" });
    await logWhen(system, ({ outcomes }) => outcomes.length === 20);
    worker.kill("SIGSTOP");
    await requests(system, { owner: "people" }, 300, 20);
    await requests(system, bulk, 100, 20);
    worker.kill("SIGCONT");
    const log = await logWhen(
      system,
      ({ outcomes }) => outcomes.length === 420,
    );
    const later = log.startsSince("bulk (batch)");
    const both = later.slice(0, later.lastIndexOf("people"));
    const ofBulk = both.filter((who) => who === "bulk (batch)").length;
    const share = ofBulk / both.length;
    assert.ok(share > 0.05 && share < 0.15, `the batch lane had ${share}`);
  });
});
