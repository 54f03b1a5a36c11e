import assert from "node:assert/strict";
import { test } from "vitest";
import { tellTasks } from "./tellTasks.ts";

const id = "01a20f9e-3dcc-70a4-a39a-aff88e62be25";
const other = id.replace(/5$/, "6");
const at = Date.parse("2026-11-24T22:00:05.250Z");

const event = (taskId: string, word: string, time: number) => ({
  ...{ taskId, word, time, seq: 7, queue: "infer=demo" },
  ...{ type: "", messageId: "", data: { attempt: 1 } },
});
const said = (taskId: string, time: number) => ({
  ...{ member: "inference-1", service: "inference", level: 40, msg: "lost" },
  ...{ time, line: `{"task_id":"${taskId}","msg":"lost"}` },
});

test("of the tasks that violations name the log and the services are told, and of no others", () => {
  const log = [event(id, "started", at), event(other, "started", at)];
  const records = [said(id, at - 10), said(other, at - 10)];
  assert.deepEqual(tellTasks([`${id}: ran twice`, "no id"], log, records), [
    `22:00:05.240 inference-1 {"task_id":"${id}","msg":"lost"}`,
    `22:00:05.250 ${id} 7 started {"attempt":1}`,
  ]);
  assert.deepEqual(tellTasks([], log, records), []);
});
