import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test } from "vitest";

const run = promisify(execFile);

interface LogRecord {
  level: number;
  time: number;
  msg: string;
  err?: Record<string, unknown>;
  [field: string]: unknown;
}

const parse = (lines: string[]) =>
  lines.map((line) => JSON.parse(line) as LogRecord);
const messages = (records: LogRecord[]) => records.map(({ msg }) => msg);

/**
 * Runs a script with a logger `log, attach` in a process of its own, since stdout belongs to the logger. What the script
 * puts into `taken` comes back as `sink`.
 */
async function logging(script: string, level = "info", format = "text") {
  const module = new URL("./logger.ts", import.meta.url).href;
  const { stdout, stderr } = await run(process.execPath, [
    "--input-type=module",
    "-e",
    `import { makeLogger } from ${JSON.stringify(module)};
     const { log, attach } = makeLogger({ service: "gateway", level: "${level}", format: "${format}" });
     const taken = [];
     process.on("exit", () => process.stderr.write(JSON.stringify(taken)));
     ${script}`,
  ]);
  return {
    stdout: parse(stdout.split("\n").filter(Boolean)),
    sink: parse(JSON.parse(stderr) as string[]),
  };
}

test("a record is a JSON line with level, time, service and msg", async () => {
  const before = Date.now();
  const { stdout } = await logging(`log.info({ task_id: "a" }, "task done");`);
  const [{ time, ...rest } = assert.fail("no record")] = stdout;
  assert.deepEqual(rest, {
    level: 30,
    service: "gateway",
    task_id: "a",
    msg: "task done",
  });
  assert.ok(time >= before && time <= Date.now());
});

test("nothing is lost when the process exits at once", async () => {
  const { stdout } = await logging(
    `for (let i = 0; i < 5000; i++) log.info({ i }, "x".repeat(100)); process.exit(0);`,
  );
  assert.equal(stdout.length, 5000);
});

test("the sink gets every record of info and up, those before it too", async () => {
  const { stdout, sink } = await logging(
    `log.debug("one"); log.info("two");
     attach((line) => taken.push(line) > 0);
     log.debug("three"); log.error("four"); log.child({ task_id: "a" }).warn("five");`,
    "debug",
  );
  assert.deepEqual(messages(stdout), ["one", "two", "three", "four", "five"]);
  assert.deepEqual(messages(sink), ["two", "four", "five"]);
});

test("before there is a sink, 1,000 records are kept and the rest is counted", async () => {
  const { sink } = await logging(
    `for (let i = 1; i <= 1010; i++) log.info(String(i));
     attach((line) => taken.push(line) > 0);`,
  );
  const kept = sink.filter(({ msg }) => msg !== "log records dropped");
  assert.deepEqual([kept.length, kept.at(-1)?.msg], [1000, "1000"]);
  assert.deepEqual(
    sink.filter((record) => !kept.includes(record)).map((r) => r["dropped"]),
    [10],
  );
});

test("what the sink refuses is dropped, and counted in one record when it takes lines again", async () => {
  const { stdout, sink } = await logging(
    `let answers = [true, false, false, true, false, false, true];
     attach((line) => { const yes = answers.shift() ?? true; if (yes) taken.push(line); return yes; });
     log.info("a"); log.info("lost"); log.info("lost");
     log.info("b"); // the report after it is refused
     log.info("lost");
     log.info("c");`,
  );
  assert.deepEqual(messages(sink), ["a", "b", "c", "log records dropped"]);
  assert.equal(sink.at(-1)?.["dropped"], 3);
  assert.equal(messages(stdout).filter((msg) => msg === "lost").length, 3);
});

test("a sink that throws harms no log call", async () => {
  const { stdout, sink } = await logging(
    `let closed = true;
     attach((line) => { if (closed) throw new Error("closed"); return taken.push(line) > 0; });
     log.info("a"); closed = false; log.info("b");`,
  );
  const mine = messages(stdout).filter((msg) => msg !== "log records dropped");
  assert.deepEqual(mine, ["a", "b"]);
  assert.deepEqual(messages(sink), ["b", "log records dropped"]);
});

test("an error has type, message, stack, code and cause, and nothing else", async () => {
  const { stdout } = await logging(
    `const cause = Object.assign(new RangeError("below"), { code: "E_LOW" });
     const err = Object.assign(new Error("above", { cause }), { command: { args: ["the prompt"] } });
     log.error({ err }, "failed"); log.error({ err: "text" }, "failed");`,
  );
  const [{ err } = assert.fail("no record"), second] = stdout;
  const { stack, cause, ...rest } = err as { stack: string; cause: object };
  assert.deepEqual(rest, { type: "Error", message: "above" });
  assert.match(stack, /^Error: above\n\s+at /);
  const { stack: below, ...lower } = cause as { stack: string };
  assert.deepEqual(lower, {
    type: "RangeError",
    message: "below",
    code: "E_LOW",
  });
  assert.match(below, /^RangeError: below/);
  assert.deepEqual(second?.err, { type: "string", message: "text" });
});

test("for log collectors stdout gets names and a time in words; the sink gets what it always got", async () => {
  const before = Date.now();
  const { stdout, sink } = await logging(
    `attach((line) => taken.push(line) > 0);
     log.warn({ task_id: "a", trace_id: "b", err: new Error("no") }, "task failed");
     log.info("it has\\nlines");`,
    "info",
    "json",
  );
  const [first, second] = stdout as unknown as Record<string, unknown>[];
  const { time, err, ...rest } = first ?? assert.fail("no record");
  assert.deepEqual(rest, {
    level: "warn",
    service: "gateway",
    message: "task failed",
    ...{ task_id: "a", trace_id: "b" },
  });
  const at = Date.parse(time as string);
  assert.ok(at >= before && at <= Date.now());
  assert.equal((err as Error).message, "no");
  assert.equal(second?.["message"], "it has\nlines");
  assert.deepEqual(
    sink.map(({ level, msg }) => [level, msg]),
    [
      [40, "task failed"],
      [30, "it has\nlines"],
    ],
  );
});
