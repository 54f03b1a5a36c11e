/** What each question for a task's state is answered by, in front of a real log and projections in every state. */
import { evolve, isOpen, newTaskId, type OpenTask } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { elapsedMs } from "../broker/elapsed.ts";
import { eventAt } from "../broker/streamState.ts";
import {
  readHighWaterMark,
  type DeliveryProof,
  type HighWaterMark,
} from "./highWaterMark.ts";
import { makeRecentlyStored } from "./recentlyStored.ts";
import {
  makeTaskStates,
  type FromLog,
  type Look,
  type Projection,
  type TaskAnswer,
} from "./taskStates.ts";
import {
  completed,
  openLog,
  queue,
  requestedBy,
  started,
  type Log,
} from "../../test/eventLogTestKit.ts";

/** Appends a request, and gives the state that it makes. */
async function request(log: Log): Promise<OpenTask> {
  const seq = await log.append(requestedBy(queue));
  const event = await eventAt(log.broker, seq);
  const task = event && evolve(undefined, event);
  assert.ok(task && isOpen(task));
  return task;
}

const after = (task: OpenTask, event: ReturnType<typeof started>) => {
  const now = evolve(task, { ...event, seq: task.seq + 1, time: 2 });
  assert.ok(now);
  return now;
};

/** A projection that has read up to the mark. */
const upTo = (
  { created, lastSeq: seq }: HighWaterMark,
  tasks: Look["tasks"],
  caughtUp = true,
): Projection => ({
  look: () =>
    Promise.resolve({ checkpoint: { created, seq, caughtUp }, tasks }),
});
const isAway: Projection = {
  look: () => Promise.reject(new Error("Redis is away")),
  reaches: () => Promise.resolve(false),
};

/** How the answer knows, and what. */
const inShort = (answer: TaskAnswer) =>
  answer.status === "unknown" ? "unknown" : `${answer.status} by ${answer.by}`;

for (const version of await natsVersions())
  describe(`the state of a task, the ${version} nats-server`, () => {
    test("surely comes from a projection that covers the log's end as of the call, else from the log, else from nowhere", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const mark = await readHighWaterMark(log.broker);
      const ended = after(task, completed(task.task_id));
      const fromLog = () => Promise.resolve(ended);
      const ask = (projection: Projection, fromLog?: FromLog<OpenTask>) =>
        makeTaskStates(log.broker, projection, {
          ...(fromLog && { fromLog }),
        }).surely(task);

      const began = elapsedMs();
      const covered = await ask(upTo(mark, [task]), fromLog);
      assert.equal(inShort(covered), "open by projection");
      assert.ok(covered.status === "open" && covered.asOf !== undefined);
      assert.ok(covered.asOf >= began && covered.asOf <= elapsedMs());

      // Absence in the projection is no proof: the task may have expired there.
      for (const projection of [upTo(mark, [undefined]), isAway]) {
        const found = await ask(projection, fromLog);
        assert.equal(inShort(found), "ended by log");
        const nothing = () => Promise.resolve(undefined);
        const lost = await ask(projection, nothing);
        assert.equal(inShort(lost), "absent by log");
        assert.deepEqual(await ask(projection), { status: "unknown" });
        const because = new Error("no log");
        const cut = await ask(projection, () => Promise.reject(because));
        assert.deepEqual(cut, { status: "unknown", because });
      }
    });

    test("a projection that is of another log, behind or being rebuilt proves nothing", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const mark = await readHighWaterMark(log.broker);
      await Promise.all(
        [
          upTo({ ...mark, created: "another" }, [task]),
          upTo({ ...mark, lastSeq: mark.lastSeq - 1 }, [task]),
          upTo(mark, [task], false),
        ].map(async (projection) => {
          const { surely } = makeTaskStates(log.broker, projection);
          assert.deepEqual(await surely(task), { status: "unknown" });
        }),
      );
    });

    test("a task whose request is behind the log's end is absent, whatever a projection of the lost events shows", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const mark = await readHighWaterMark(log.broker);
      const lost = { ...task, task_id: newTaskId(), seq: task.seq + 1 };
      const projection = upTo({ ...mark, lastSeq: lost.seq }, [task, lost]);
      const { surelyAll } = makeTaskStates(log.broker, projection);
      assert.deepEqual((await surelyAll([task, lost])).map(inShort), [
        "open by projection",
        "absent by log",
      ]);
    });

    test("what is shown may be late: outcomes are believed at once, open tasks only of a projection that is whole", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const mark = await readHighWaterMark(log.broker);
      const ended = after(task, completed(task.task_id));
      const shown = (projection: Projection) =>
        makeTaskStates(log.broker, projection).shown(task.task_id, mark);
      const rebuilt = await shown(upTo(mark, [task], false));
      assert.deepEqual(rebuilt, { status: "unknown", task });
      assert.equal(inShort(await shown(isAway)), "unknown");
      assert.equal(inShort(await shown(upTo(mark, [undefined]))), "unknown");
      const early = await shown(upTo(mark, [ended], false));
      assert.equal(inShort(early), "ended by projection");
      const { at } = mark;
      for (const [lastSeq, asOf] of [
        [mark.lastSeq, at],
        [mark.lastSeq - 1, undefined],
      ] as const) {
        const answer = await shown(upTo({ ...mark, lastSeq }, [task]));
        const by = "projection";
        assert.deepEqual(answer, { status: "open", task, by, asOf });
      }
    });

    test("what this process stored is shown before the projection has it, and an outcome that was told of stays", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const mark = await readHighWaterMark(log.broker);
      const recent = makeRecentlyStored(log.broker);
      const { task_id } = task;
      const shown = async (lastSeq: number, known?: OpenTask) => {
        const projection = upTo({ ...mark, lastSeq }, [known]);
        const states = makeTaskStates(log.broker, projection, { recent });
        return inShort(await states.shown(task_id));
      };
      assert.equal(await shown(task.seq - 1), "unknown");
      recent.noteAccepted(task);
      assert.equal(await shown(task.seq - 1), "open by acceptance");
      assert.equal(await shown(task.seq), "unknown", "it has expired");
      recent.noteOutcome(task_id, await log.append(completed(task_id)));
      assert.equal(await shown(task.seq - 1), "ended by log");
      assert.equal(await shown(task.seq, task), "ended by log");
    });

    test("an outcome that was read in the log is shown from then on, though the projection is late", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const { task_id } = task;
      const mark = await readHighWaterMark(log.broker);
      const end_seq = await log.append(completed(task_id));
      const recent = makeRecentlyStored(log.broker);
      const event = await eventAt(log.broker, end_seq);
      const fromLog = () => Promise.resolve(event && evolve(task, event));
      const reaches = () => Promise.resolve(false);
      const projection = { ...upTo(mark, [task]), reaches };
      const states = makeTaskStates(log.broker, projection, { fromLog, recent }); // prettier-ignore
      assert.equal(inShort(await states.shown(task_id)), "open by projection");
      assert.equal(inShort(await states.surely(task)), "ended by log");
      assert.equal(inShort(await states.shown(task_id)), "ended by log");
    });

    test("a delivery proves its task open where it was never started", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const mark = await readHighWaterMark(log.broker);
      const runs = after(task, started(task.task_id));
      const ended = after(task, completed(task.task_id));
      const fresh: DeliveryProof = { freshAsOf: 5, highWaterMark: mark };
      const old: DeliveryProof = { ...fresh, freshAsOf: undefined };
      const ask = (tasks: Look["tasks"], proof = old, seq = mark.lastSeq) => {
        const projection = upTo({ ...mark, lastSeq: seq }, tasks);
        return makeTaskStates(log.broker, projection).delivered(task, proof);
      };
      const byDelivery = { status: "open", task, by: "delivery", asOf: 5 };
      assert.deepEqual(await ask([task], fresh), byDelivery);
      assert.deepEqual(await ask([undefined], fresh), byDelivery);
      const covered = await ask([task]);
      assert.ok(covered.status === "open" && covered.asOf === mark.at);
      const late = await ask([task], old, mark.lastSeq - 1);
      assert.ok(late.status === "open" && late.asOf === undefined);
      for (const proof of [fresh, old]) {
        assert.equal(inShort(await ask([runs], proof)), "unknown");
        assert.equal(inShort(await ask([ended], proof)), "ended by projection");
      }
      assert.equal(inShort(await ask([undefined])), "unknown");
    });
  });
