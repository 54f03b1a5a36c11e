import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { CliError } from "./exit.ts";
import { filterOf, parseSequence, parseTime } from "./options.ts";

const now = new Date("2026-11-29T14:32:05").getTime();
const at = (text: string) => parseTime("--at", text, now);
const isUsage = (error: unknown) =>
  error instanceof CliError && error.exitCode === 64;

test("a time is a moment, a day, a time of today, a while ago, or seconds", () => {
  const local = (text: string) => new Date(text).getTime() / 1_000;
  const nowS = now / 1_000;
  assert.equal(at("now"), nowS);
  assert.equal(at("15m"), nowS - 15 * 60);
  assert.equal(at("1.5h"), nowS - 90 * 60);
  assert.equal(at("3d"), nowS - 3 * 86_400);
  assert.equal(at("14:30"), local("2026-11-29T14:30:00"));
  assert.equal(at("9:05:07.5"), local("2026-11-29T09:05:07.500"));
  assert.equal(at("2026-11-28"), local("2026-11-28T00:00:00"));
  assert.equal(at("2026-11-28 10:00"), local("2026-11-28T10:00:00"));
  assert.equal(at("2026-11-28T10:00:00Z"), Date.UTC(2026, 10, 28, 10) / 1_000);
  assert.equal(
    at("2026-11-28T10:00:00+01:00"),
    Date.UTC(2026, 10, 28, 9) / 1_000,
  );
});

test("seconds stay the number that they are, so that an event's time names the event", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e9, max: 4e9, noNaN: true }),
      (seconds) => at(String(seconds)) === seconds,
    ),
    { numRuns: 5_000 },
  );
});

test("anything else is no time", () => {
  for (const text of ["", "yesterday", "15", "-5m", "25:00", "2026-13-01"])
    assert.throws(() => at(text), isUsage, text);
  // Milliseconds since 1970 would be a time that is far off.
  assert.throws(() => at("1795962725123"), isUsage);
});

test("type and status name events, and together those that both name", () => {
  assert.deepEqual(filterOf({}), {});
  assert.deepEqual(filterOf({ type: "failed, GenerateStarted" }).types, [
    "GenerateFailed",
    "GenerateStarted",
  ]);
  assert.deepEqual(filterOf({ status: "queued,failed" }).types, [
    "GenerateRequested",
    "GenerateRetried",
    "GenerateFailed",
  ]);
  const both = filterOf({ status: "queued", type: "retried,failed" });
  assert.deepEqual(both.types, ["GenerateRetried"]);
  assert.throws(() => filterOf({ status: "queued", type: "failed" }), isUsage);
  assert.throws(() => filterOf({ status: "running" }), isUsage);
  assert.throws(() => filterOf({ type: "toString" }), isUsage);
});

test("models and owners are named as people see them", () => {
  const filter = filterOf({ model: "Qwen2.5 7B", owner: "shop", user: "Ada" });
  assert.deepEqual([filter.owner, filter.user_id], ["shop", "Ada"]);
  assert.match(filter.model ?? "", /^qwen2/);
  assert.throws(() => filterOf({ model: "" }), isUsage);
  assert.throws(() => filterOf({ owner: "?" }), isUsage);
});

test("a lane and a task are named as the log has them", () => {
  const id = "01A226BC-4490-7000-815D-FA9C1108656F";
  assert.deepEqual(filterOf({ lane: "batch", task: id }), {
    ...{ lane: "batch", task_id: id.toLowerCase() },
  });
  assert.throws(() => filterOf({ lane: "fast" }), isUsage);
  assert.throws(() => filterOf({ task: "17" }), isUsage);
});

test("a sequence is a whole number", () => {
  assert.equal(parseSequence("--after", "0"), 0);
  for (const text of ["-1", "1.5", "x", "", "99999999999999999"])
    assert.throws(() => parseSequence("--after", text), isUsage);
});
