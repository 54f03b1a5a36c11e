import {
  hearProjections,
  sendLogRecord,
} from "@jetscribe/event-log/signals/signals";
import {
  newTaskId,
  streams,
  type ProjectionAnnouncement,
} from "@jetscribe/schema";
import { eventually, withNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { openCheckpoint } from "./checkpoint.ts";
import {
  filesOf,
  idOfLine,
  openWriter,
  outcomeEvent,
  readLines,
  requestedEvent,
  startLogger,
  tempDir,
  untilCommitted,
  untilLogged,
  untilWritten,
} from "../test/loggerTestKit.ts";

/** Small files, all of which stay. */
const small = { LOG_ROTATE_SIZE: "1KB", LOG_KEEP: "100000" };
const logs = ["llm_requests", "errors"];

/** The names and bytes of all files of the two logs. */
const contents = (dir: string) =>
  logs
    .flatMap((name) => filesOf(dir, name))
    .map((file) => [file, readFileSync(join(dir, file), "utf8")]);

const sorted = (ids: readonly string[]) => [...ids].sort();

/** Whether the logger died between the first write of a batch and its commit. */
async function isTorn(dir: string): Promise<boolean> {
  const { signal } = new AbortController();
  using checkpoint = await openCheckpoint(dir, {
    signal,
    onStandby: () => undefined,
  });
  const [mark] = checkpoint.marks(streams.events);
  return Object.entries(mark?.files ?? {}).some(
    ([name, { generation, length }]) =>
      checkpoint.rotationsSince(name, generation).length > 0 ||
      statSync(join(dir, `${name}.log`)).size !== length,
  );
}

/** The environment of a logger that is killed right before, or right after, its `at`th rename of an `llm_requests` file. */
const killedAtRename = (at: number, when: "before" | "after") => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { renameSync } = fs;
    let calls = 0;
    fs.renameSync = (...paths) => {
      const isLast = paths[0].includes("llm_requests") && ++calls === ${String(at)};
      if (isLast && ${String(when === "before")}) process.kill(process.pid, "SIGKILL");
      renameSync(...paths);
      if (isLast) process.kill(process.pid, "SIGKILL");
    };
    syncBuiltinESMExports();
  `)}`,
});

test("kill -9 in the middle of a batch: each task has one line, and the files are those of one that was never killed", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    using other = tempDir();
    await using writer = await openWriter(nats.url);
    const ids = await writer.tasks(40);
    {
      await using _ = startLogger(nats.url, dir.path, small);
      await untilCommitted(writer.broker, ids.length * 3);
    }
    for (let at = 1; at <= 8; at++) {
      // More than ten files: the kill comes before they are all written, or while the torn ones are taken back.
      ids.push(...(await writer.tasks(120)));
      const kill = killedAtRename(at, at % 2 === 1 ? "after" : "before");
      await using logger = startLogger(nats.url, dir.path, {
        ...small,
        ...kill,
      });
      await eventually(() => logger.child.signalCode === "SIGKILL");
      assert.ok(await isTorn(dir.path));
      assert.doesNotMatch(logger.output(), /set aside/);
    }
    await using last = startLogger(nats.url, dir.path, small);
    const lines = await untilWritten(dir.path, ids);
    assert.deepEqual(sorted(lines.map(idOfLine)), sorted(ids));
    assert.doesNotMatch(last.output(), /set aside/);
    assert.ok(filesOf(dir.path, "llm_requests").length > 20);

    await using _fresh = startLogger(nats.url, other.path, small);
    await untilWritten(other.path, ids);
    await eventually(() => {
      assert.deepEqual(contents(other.path), contents(dir.path));
      return true;
    });
  }));

test("a deleted checkpoint, a deleted file and a deleted folder come back, byte for byte, while the logger runs", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    await using logger = startLogger(nats.url, dir.path, small);
    const ids = await writer.tasks(60);
    await untilWritten(dir.path, ids);
    // The lines of errors.log come behind them: every fourth task failed.
    const failed = () =>
      readLines(dir.path, "errors").filter((line) => line.includes("task_id="));
    await eventually(() => failed().length === ids.length / 4);
    const before = contents(dir.path);
    const aside = join(dir.path, "set-aside");
    const checkpoint = join(dir.path, ".checkpoint.sqlite");
    const areBack = () =>
      eventually(() => {
        assert.ok(existsSync(checkpoint));
        assert.deepEqual(contents(dir.path), before);
        return true;
      });
    rmSync(checkpoint);
    // Until they are set aside the files are as before.
    await eventually(() => existsSync(aside));
    await areBack();
    rmSync(join(dir.path, "llm_requests.log"));
    await areBack();
    // Again where the logger adds a file meanwhile.
    rmSync(dir.path, { recursive: true, maxRetries: 10 });
    await areBack();
    const more = await writer.tasks(20);
    const lines = await untilWritten(dir.path, more);
    assert.equal(lines.length, ids.length + more.length, logger.output());
  }));

test("a task that is open when the logger dies has its line from the next one", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    const [open, before, after] = [newTaskId(), newTaskId(), newTaskId()];
    for (const id of [open, before]) await writer.append(requestedEvent(id));
    const seq = await writer.append(outcomeEvent(before, "failed"));
    {
      await using _ = startLogger(nats.url, dir.path);
      await untilCommitted(writer.broker, seq);
    }
    await writer.append(requestedEvent(after));
    for (const id of [open, after])
      await writer.append(outcomeEvent(id, "completed"));
    await using _ = startLogger(nats.url, dir.path);
    const lines = await untilWritten(dir.path, [after]);
    assert.deepEqual(lines.map(idOfLine), [before, open, after]);
    assert.match(lines[1] ?? "", / user_id="alice" model="Demo" attempt=1$/);
    assert.doesNotMatch(
      readFileSync(join(dir.path, ".checkpoint.sqlite"), "latin1"),
      /a secret prompt/,
    );
  }));

test("a second instance stands by, and takes over when the first one dies", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    await using first = startLogger(nats.url, dir.path);
    const early = await writer.tasks(20);
    await untilWritten(dir.path, early);
    await using second = startLogger(nats.url, dir.path);
    await untilLogged(second, /standing by/);
    const meanwhile = await writer.tasks(20);
    await untilWritten(dir.path, meanwhile);
    assert.doesNotMatch(second.output(), /writing the log files/);
    await first.kill();
    await untilLogged(second, /writing the log files/);
    const late = await writer.tasks(20);
    const lines = await untilWritten(dir.path, late);
    const all = [...early, ...meanwhile, ...late];
    assert.deepEqual(sorted(lines.map(idOfLine)), sorted(all));
  }));

/** Seconds of CPU that a process has used. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1];
  const [user = 0, system = 0] = (fields ?? "").split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}

test("where no more can be written it waits, quietly; then nothing is missing or doubled", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    const env = { LOG_RESULT: "true" };
    // Like a full disk: a write stops in the middle, and the next one fails.
    const limited = 'ulimit -S -f 1000; exec "$@"';
    await using logger = startLogger(nats.url, dir.path, env, limited);
    const { pid = 0 } = logger.child;
    const some = await writer.tasks(4);
    await untilWritten(dir.path, some);
    const result = "x".repeat(20_000);
    const many = await writer.tasks(200, { result, end: "completed" });
    await untilLogged(logger, /EFBIG|disk|full/i);
    // Each try makes a reader, and the broker says when.
    const tries: number[] = [];
    const { nc } = writer.broker;
    nc.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.CREATED.${streams.events}.*`, {
      callback: (_, message) => {
        const { timestamp } = message.json<{ timestamp: string }>();
        tries.push(Date.parse(timestamp));
      },
    });
    await eventually(() => tries.length > 3);
    for (const [i, time] of tries.slice(1).entries())
      assert.ok(time - (tries[i] ?? 0) >= 950, "it rests between two tries");
    await eventually(async () => {
      const cpu = cpuOf(pid);
      await sleep(500); // the time over which the CPU is measured
      return cpuOf(pid) - cpu < 0.05;
    });
    assert.equal(logger.child.exitCode, null);
    const said = logger.output().match(/EFBIG.*interrupted/g)?.length ?? 0;
    assert.ok(said > 0 && said <= 2, logger.output());
    for (const line of readLines(dir.path, "llm_requests"))
      assert.match(line, / (attempt=1|model="Demo"|result=".*")$/);
    execFileSync("prlimit", [`--pid=${pid}`, "--fsize=unlimited"]);
    const lines = await untilWritten(dir.path, many);
    assert.deepEqual(sorted(lines.map(idOfLine)), sorted([...some, ...many]));
    await untilLogged(logger, /written again/);
  }));

test("a LOG_DIR that can't be written is told for /health, and written once it can be", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    const file = join(dir.path, "logs");
    for (const [logDir, mend] of [
      [file, () => rmSync(file)],
      [join(file, "below"), () => rmSync(file)],
    ] as const) {
      writeFileSync(file, "");
      await using writer = await openWriter(nats.url);
      const heard: ProjectionAnnouncement[] = [];
      using _ = hearProjections(writer.broker, (word) => heard.push(word));
      await using logger = startLogger(nats.url, logDir);
      const { name, leading, error } = await eventually(() =>
        heard.find((one) => one.error !== undefined),
      );
      assert.deepEqual([name, leading], ["logger", true]);
      assert.match(error ?? "", /^LOG_DIR can't be written: E(EXIST|NOTDIR)/);
      assert.equal(logger.child.exitCode, null);
      mend();
      await untilWritten(logDir, await writer.tasks(2));
      await eventually(() => heard.at(-1)?.error === undefined);
      await logger.kill();
      rmSync(file, { recursive: true });
    }
  }));

test("records of the services are lines of app.log, whatever their bytes", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    const record = { level: 40, time: Date.UTC(2026, 0, 2), msg: "a\nb", n: 1 };
    sendLogRecord(writer.broker, "gateway", JSON.stringify(record));
    sendLogRecord(writer.broker, "gateway", '{"level":20,"msg":"too low"}');
    sendLogRecord(writer.broker, "other", "no\r\nrecord");
    await writer.broker.nc.flush();
    await using _ = startLogger(nats.url, dir.path);
    const lines = await eventually(() => {
      const found = readLines(dir.path, "app");
      return found.some((line) => line.includes("logger: started")) && found;
    });
    assert.equal(
      lines[0],
      "[2026-01-02 00:00:00.000] WARN  gateway: a\\nb n=1",
    );
    assert.match(
      lines[1] ?? "",
      /^\[[\d: .-]+\] - {5}other: "no\\u000d\\nrecord"$/,
    );
    assert.ok(
      lines.some((line) => line.includes("INFO  logger: joined the broker")),
    );
  }));
