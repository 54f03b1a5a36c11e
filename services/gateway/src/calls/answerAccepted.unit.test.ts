import { AcceptedResponse, newTaskId } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeAcceptedBody, makeLinks } from "./answerAccepted.ts";

test("the body of a 202 is what JSON.stringify makes of the answer, under any path", () => {
  const taskId = newTaskId();
  for (const path of ["", "/llm", '/a "b"\\c/ä']) {
    const links = makeLinks(path)(taskId);
    const answer = { task_id: taskId, status: "queued", links };
    const body = makeAcceptedBody(path)(taskId);
    assert.equal(body, JSON.stringify(AcceptedResponse.parse(answer)));
  }
});
