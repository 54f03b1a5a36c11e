import { hearProjections } from "@jetscribe/event-log/signals/signals";
import {
  newTaskId,
  streams,
  type ProjectionAnnouncement,
} from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  withNats,
  type TestServer,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import {
  filesOf,
  idOfLine,
  openWriter,
  outcomeEvent,
  readLines,
  requestedEvent,
  startedEvent,
  startLogger,
  tempDir,
  untilCommitted,
  untilLogged,
  untilWritten,
} from "../test/loggerTestKit.ts";

const store = (nats: TestServer) => join(nats.dataDir, "nats", "jetstream");

/** Waits for the next second, so that what is written then has a mark of its own. */
const nextSecond = () => {
  const now = Math.floor(Date.now() / 1000);
  return eventually(() => Math.floor(Date.now() / 1000) > now);
};

for (const version of await natsVersions())
  test(`the log lost its tail (nats-server: ${version}): the files are cut back, over rotations too`, () =>
    withNats(
      async (nats) => {
        using dir = tempDir();
        using snapshot = tempDir();
        const small = { LOG_ROTATE_SIZE: "2KB", LOG_KEEP: "1000" };
        await using logger = startLogger(nats.url, dir.path, small);
        await using writer = await openWriter(nats.url);
        const [open, early] = [newTaskId(), await writer.tasks(20)];
        await writer.append(requestedEvent(open));
        await untilWritten(dir.path, early);
        await nextSecond();
        const some = await writer.tasks(3);
        await untilWritten(dir.path, some);
        await nextSecond();

        await nats.kill("SIGTERM");
        cpSync(store(nats), snapshot.path, { recursive: true });
        await nats.restart();
        await writer.broker.whenConnected();
        await eventually(() => writer.append(outcomeEvent(open, "failed")));
        const lost = await writer.tasks(40);
        const ghost = newTaskId();
        await writer.append(requestedEvent(ghost));
        await untilWritten(dir.path, [open, ...lost]);
        assert.ok(filesOf(dir.path, "llm_requests").length > 5);

        await nats.kill();
        rmSync(store(nats), { recursive: true });
        cpSync(snapshot.path, store(nats), { recursive: true });
        await nats.restart();
        await writer.broker.whenConnected();
        await eventually(() => writer.append(outcomeEvent(open, "completed")));
        // Its request is lost, so this is the end of nothing.
        await writer.append(outcomeEvent(ghost, "completed"));
        // More than were lost: the log is longer than the checkpoint again.
        const late = await writer.tasks(60);
        const lines = await untilWritten(dir.path, late);
        assert.deepEqual(
          lines.map(idOfLine).sort(),
          [...early, ...some, open, ...late].sort(),
        );
        await untilLogged(logger, /they were cut back/);
        assert.deepEqual(
          readdirSync(dir.path).filter((name) => name === "set-aside"),
          [],
        );

        using other = tempDir();
        await using _ = startLogger(nats.url, other.path, small);
        await untilWritten(other.path, late);
        assert.deepEqual(readLines(other.path, "llm_requests"), lines);
        assert.deepEqual(
          filesOf(other.path, "llm_requests"),
          filesOf(dir.path, "llm_requests"),
        );
        // What failed stands in errors.log a moment after it stands in the other.
        await eventually(() => {
          assert.deepEqual(
            readLines(other.path, "errors"),
            readLines(dir.path, "errors"),
          );
          return true;
        });
      },
      { version },
    ));

test("another log: the files are set aside, and built from it", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using logger = startLogger(nats.url, dir.path);
    await using writer = await openWriter(nats.url);
    const old = await writer.tasks(20);
    await untilWritten(dir.path, old);
    await nats.kill();
    rmSync(store(nats), { recursive: true });
    await nats.restart();
    await writer.broker.whenConnected();
    const ids = await eventually(() => writer.tasks(8));
    const lines = await untilWritten(dir.path, ids);
    // Some of them may have been sent before all streams were there.
    assert.deepEqual(
      lines.filter((line) => old.includes(idOfLine(line))),
      [],
    );
    await untilLogged(logger, /were set aside/);
    const aside = join(dir.path, "set-aside");
    const before = readdirSync(aside).flatMap((folder) =>
      readLines(join(aside, folder), "llm_requests"),
    );
    assert.deepEqual(before.map(idOfLine).sort(), old.sort());
  }));

test("a gap between the checkpoint and the log's start is told, and the rest is written", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    const heard: ProjectionAnnouncement[] = [];
    using _hearing = hearProjections(writer.broker, (one) => heard.push(one));
    const early = await writer.tasks(4);
    {
      await using _ = startLogger(nats.url, dir.path);
      await untilCommitted(writer.broker, 12);
    }
    await writer.tasks(4);
    const seq = await writer.append(requestedEvent(newTaskId()));
    await writer.broker.jsm.streams.purge(streams.events, { seq });
    const late = await writer.tasks(4);
    await using logger = startLogger(nats.url, dir.path);
    const lines = await untilWritten(dir.path, late);
    assert.deepEqual(lines.map(idOfLine), [...early, ...late]);
    await untilLogged(logger, /"from":13,"to":24,"msg":"the log begins behind/);
    const { leading, caught_up, name } = await eventually(() =>
      heard.find((one) => one.seq === seq + 12),
    );
    assert.deepEqual(
      { name, leading, caught_up },
      { name: "logger", leading: true, caught_up: true },
    );
  }));

test("it has caught up where only starts stand behind its mark", () =>
  withNats(async (nats) => {
    using dir = tempDir();
    await using writer = await openWriter(nats.url);
    await writer.tasks(4);
    const open = newTaskId();
    const seq = await writer.append(requestedEvent(open));
    await writer.append(startedEvent(open));
    {
      await using _ = startLogger(nats.url, dir.path);
      await untilCommitted(writer.broker, seq);
    }
    const heard: ProjectionAnnouncement[] = [];
    using _hearing = hearProjections(writer.broker, (one) => heard.push(one));
    await using _ = startLogger(nats.url, dir.path);
    const caughtUp = await eventually(() =>
      heard.find((one) => one.caught_up && one.seq === seq),
    );
    assert.equal(caughtUp.leading, true);
  }));
